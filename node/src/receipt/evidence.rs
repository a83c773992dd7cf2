//! From a final block's state root to a job and its answer.

use super::Error;
use codec::{Decode, DecodeAll};
use pallet_inference::{Agreement, Inputs, Job, Jobs, Outputs};
use pallet_models::Models;
use sibyl_primitives::{
	input::Input,
	job::{JobId, OutputBytes},
	model::{ModelId, ModelRevision},
	output::{output_hash, VersionedOutput},
	Hash,
};
use sibyl_runtime::Runtime;
use sp_runtime::traits::BlakeTwo256;
use sp_state_machine::{read_proof_check, StorageProof};

/// The entries of the state that a receipt shows.
pub fn keys(job: JobId, model: &ModelId) -> Vec<Vec<u8>> {
	let mut keys = keys_of_job(job).to_vec();
	keys.push(Models::<Runtime>::hashed_key_for(model));
	keys
}

fn keys_of_job(job: JobId) -> [Vec<u8>; 3] {
	[
		Jobs::<Runtime>::hashed_key_for(job),
		Inputs::<Runtime>::hashed_key_for(job),
		Outputs::<Runtime>::hashed_key_for(job),
	]
}

/// What a state says of a job that was answered.
#[derive(Debug)]
pub struct Evidence {
	/// The job.
	pub job: Job,
	/// What was agreed on.
	pub agreement: Agreement,
	/// What the model read.
	pub input: Input,
	/// The bytes of what it said.
	pub bytes: OutputBytes,
	/// What these bytes say.
	pub output: VersionedOutput,
	/// The model.
	pub model: ModelRevision,
}

impl Evidence {
	/// Reads what a state of this root has of a job; each byte hashes up to the root.
	pub fn read(root: Hash, nodes: Vec<Vec<u8>>, id: JobId) -> Result<Self, Error> {
		let proof = StorageProof::new(nodes);
		let [job, input, output] = keys_of_job(id);
		let job: Job = entry(root, &proof, job, "the job")?;
		if job.outcome.is_none() {
			return Err(Error::NotEnded(id));
		}
		let agreement = job.agreed.ok_or(Error::NoAnswer(id))?;
		let input = entry(root, &proof, input, "the job's input")?;
		let bytes: OutputBytes = entry(root, &proof, output, "the job's output")?;
		if output_hash(&bytes) != agreement.value.output_hash {
			return Err(Error::Malformed { part: "state", reason: "the output is another than was agreed on".into() });
		}
		let output = VersionedOutput::decode_all(&mut &bytes[..]).map_err(|error| unreadable("the output", error))?;
		let model = entry(root, &proof, Models::<Runtime>::hashed_key_for(job.model), "the job's model")?;
		Ok(Self { job, agreement, input, bytes, output, model })
	}
}

fn entry<T: Decode>(root: Hash, proof: &StorageProof, key: Vec<u8>, what: &'static str) -> Result<T, Error> {
	let read = read_proof_check::<BlakeTwo256, _>(root, proof.clone(), [&key]);
	let read = read.map_err(|error| Error::Malformed { part: "state", reason: error.to_string() })?;
	let bytes = read.into_values().next().flatten().ok_or(Error::Absent(what))?;
	T::decode_all(&mut &bytes[..]).map_err(|error| unreadable(what, error))
}

fn unreadable(what: &str, error: codec::Error) -> Error {
	Error::Malformed { part: "state", reason: format!("{what} can't be read ({error}); use the release that wrote it") }
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::inference::mock::{account, fake_revision};
	use codec::Encode;
	use pallet_inference::{Outcome, Phase, Value};
	use sibyl_primitives::{
		api::{AuditView, SettlementView, Support},
		job::{JobOptions, Refusal, Verdict},
		output::Output,
		price::{ModelPrice, Quote},
	};
	use sp_runtime::{Percent, StateVersion};
	use sp_state_machine::{prove_read, InMemoryBackend};

	const ID: JobId = 7;

	fn output() -> OutputBytes {
		let output = VersionedOutput::V1(Output::Refusal(Refusal::ContextExceeded));
		output.encode().try_into().expect("it is short")
	}

	fn job(agreed: Option<&[u8]>) -> Job {
		let agreement = |bytes: &[u8]| Agreement {
			value: Value { output_hash: output_hash(bytes), work: Hash::zero() },
			at: 9,
			support: Support { round: 0, seats: 3, agreed: 2, serving: 4 },
		};
		Job {
			requester: account(1),
			fingerprint: Hash::repeat_byte(1),
			model: fake_revision().id(),
			options: JobOptions::default(),
			input_units: 3,
			commit_window: 12,
			price: ModelPrice { base: 1, unit: 1, author_share: Percent::from_percent(0) },
			quote: Quote { seats: 3, per_seat: 1, author_share: 0, protocol_share: 1, total: 4 },
			expected_time: 1,
			submitted_at: 5,
			ends_by: 60,
			deadline: 30,
			round: 0,
			phase: Phase::Ended,
			has_substitutes: false,
			agreed: agreed.map(agreement),
			audit: AuditView::None,
			outcome: Some(Outcome {
				verdict: Verdict::Agreed,
				at: 9,
				settlement: SettlementView { paid: 3, refunded: 0, author_share: 0, protocol_share: 1 },
			}),
			reused: None,
		}
	}

	/// A state with this job and, beside its parts, many of others; its root, and the nodes that lead to the parts.
	fn state(job: Option<Job>) -> (Hash, Vec<Vec<u8>>) {
		let [job_key, input_key, output_key] = keys_of_job(ID);
		let model = fake_revision();
		let input = Input::Text(b"abc".to_vec());
		let mut entries = vec![
			(input_key, Some(input.encode())),
			(output_key, Some(output().encode())),
			(Models::<Runtime>::hashed_key_for(model.id()), Some(model.encode())),
		];
		entries.extend(job.map(|job| (job_key, Some(job.encode()))));
		entries.extend((100..200).map(|id| (Inputs::<Runtime>::hashed_key_for(id), Some(input.encode()))));
		let mut backend = InMemoryBackend::<BlakeTwo256>::default();
		backend.insert([(None, entries)], StateVersion::V1);
		let root = *backend.root();
		let proof = prove_read(backend, keys(ID, &model.id())).expect("the backend has its nodes");
		(root, proof.into_iter_nodes().collect())
	}

	#[test]
	fn what_a_state_has_of_a_job_should_be_read_from_its_root_on() {
		let (root, nodes) = state(Some(job(Some(&output()))));
		let evidence = Evidence::read(root, nodes, ID).expect("all is there");
		assert_eq!(evidence.job, job(Some(&output())));
		assert_eq!((evidence.input, evidence.bytes), (Input::Text(b"abc".to_vec()), output()));
		assert_eq!(evidence.model, fake_revision());
	}

	#[test]
	fn a_node_that_is_changed_or_left_out_should_be_seen() {
		let (root, nodes) = state(Some(job(Some(&output()))));
		for at in 0..nodes.len() {
			let mut changed = nodes.clone();
			let last = changed[at].len() - 1;
			changed[at][last] ^= 1;
			let mut fewer = nodes.clone();
			fewer.remove(at);
			for altered in [changed, fewer] {
				let error = Evidence::read(root, altered, ID).expect_err("a node is not what it was");
				assert!(matches!(error, Error::Malformed { part: "state", .. }), "{error}");
			}
		}
		assert!(Evidence::read(Hash::repeat_byte(3), nodes, ID).is_err(), "another state");
	}

	#[test]
	fn an_output_that_nobody_agreed_on_should_be_no_answer() {
		let (root, nodes) = state(Some(job(Some(b"another output"))));
		assert!(matches!(Evidence::read(root, nodes, ID), Err(Error::Malformed { part: "state", .. })));
		let (root, nodes) = state(Some(job(None)));
		assert!(matches!(Evidence::read(root, nodes, ID), Err(Error::NoAnswer(ID))));
		let open = Job { outcome: None, ..job(Some(&output())) };
		let (root, nodes) = state(Some(open));
		assert!(matches!(Evidence::read(root, nodes, ID), Err(Error::NotEnded(ID))));
		let (root, nodes) = state(None);
		assert!(matches!(Evidence::read(root, nodes, ID), Err(Error::Absent("the job"))));
	}
}
