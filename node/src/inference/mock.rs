//! Fakes for the tests: a chain without blocks' contents, its runtime API, validators and models.

mod chain;

pub use chain::*;

use super::{
	installed_models::{LoadError, ModelSource, Stamp},
	listed_models::ListedModel,
	metrics::Metrics,
	models::Turn,
	own::StateReader,
	pool::SharedPool,
};
use codec::Encode;
use parking_lot::{Mutex, MutexGuard};
use sc_client_api::{
	BlockImportNotification, BlockchainEvents, FinalityNotification, FinalityNotifications, FinalizeSummary,
	HeaderBackend, ImportNotifications, StorageEventStream,
};
use sc_utils::mpsc::{tracing_unbounded, TracingUnboundedSender};
use sibyl_engine::{testing::FakeEngine, Engine, Limits, ModelDescription, Request, SEMANTICS_VERSION};
use sibyl_primitives::{
	api::{
		BallotStanding, InferenceApi, JobFilter, JobPage, JobView, KeySetView, Lookup, ModelView, OpenJob, PhaseView,
		QuoteError, ResultView, ValidatorView, MAX_JUDGED_BALLOTS, MAX_LISTED_JOBS,
	},
	feed::{FeedId, FeedPage, FeedView, FeedsApi},
	format::Format,
	inference_key::InferencePair,
	input::Input,
	job::{Fingerprint, JobId, OutputBytes, Sampling, Seats},
	mailbox::InferenceRequest,
	model::{Golden, ModelFile, ModelId, ModelLimits, ModelName, ModelRevision, ModelState, Registration, Task},
	output::output_hash,
	price::{ModelPrice, Quote},
	vote::{Ballot, Commit, Reveal, SignedBallot, VersionedBallot, VoteTarget},
	AccountId, BlockNumber, Hash, SessionIndex,
};
use sibyl_runtime::opaque::{Block, Header};
use sibyl_votes::Bounds;
use sp_api::{ApiError, ApiRef, ProvideRuntimeApi};
use sp_blockchain::{BlockStatus, Info};
use sp_consensus::BlockOrigin;
use sp_core::{
	offchain::{storage::InMemOffchainStorage, OffchainStorage},
	storage::StorageKey,
	Pair,
};
use sp_runtime::{
	traits::{Block as BlockT, Header as HeaderT},
	Perbill, Percent,
};
use std::{
	collections::{BTreeMap, BTreeSet, HashMap},
	sync::{
		atomic::{AtomicBool, AtomicU32, Ordering},
		Arc,
	},
};
use substrate_prometheus_endpoint::Registry;

pub const GENESIS: Hash = Hash::repeat_byte(0x6e);
pub const SESSION: SessionIndex = 5;

pub fn metrics() -> Metrics {
	Metrics::new(None).expect("the metrics' names are well-formed")
}

/// Metrics, and the registry that shows them.
pub fn registry_with_metrics() -> (Registry, Metrics) {
	let registry = Registry::new();
	let metrics = Metrics::new(Some(&registry)).expect("no two metrics have one name");
	(registry, metrics)
}

/// What the registry shows under this name, and under this label where there are some; 0 where that was never counted.
pub fn value(registry: &Registry, name: &str, label: Option<&str>) -> u64 {
	let families = registry.gather();
	let family = families.iter().find(|family| family.get_name() == name).into_iter();
	let shown = family
		.flat_map(|family| family.get_metric())
		.find(|metric| metric.get_label().first().map(|pair| pair.get_value()) == label);
	shown.map_or(0, |metric| (metric.get_counter().get_value() + metric.get_gauge().get_value()) as u64)
}

pub fn shared_pool() -> SharedPool {
	SharedPool::new(Bounds::default(), metrics())
}

/// Offchain storage in memory, whose clones are one database.
#[derive(Clone, Default)]
pub struct SharedStorage(Arc<Mutex<InMemOffchainStorage>>);

impl OffchainStorage for SharedStorage {
	fn set(&mut self, prefix: &[u8], key: &[u8], value: &[u8]) {
		self.0.lock().set(prefix, key, value);
	}

	fn remove(&mut self, prefix: &[u8], key: &[u8]) {
		self.0.lock().remove(prefix, key);
	}

	fn get(&self, prefix: &[u8], key: &[u8]) -> Option<Vec<u8>> {
		self.0.lock().get(prefix, key)
	}

	fn compare_and_set(&mut self, prefix: &[u8], key: &[u8], old: Option<&[u8]>, new: &[u8]) -> bool {
		self.0.lock().compare_and_set(prefix, key, old, new)
	}
}

// Requests.

pub fn request(n: u8) -> (Fingerprint, InferenceRequest) {
	let job = Fingerprint::repeat_byte(n);
	let input = Input::Text(format!("input {n}").into());
	let model = fake_model().id;
	let request = InferenceRequest::V1 {
		job,
		model,
		input,
		max_output_units: 0,
		sampling: Sampling::default(),
		format: Format::default(),
		claimed: None,
		seed: [n; 32],
		deadline: 99,
	};
	(job, request)
}

pub fn fake_request(n: u8) -> InferenceRequest {
	request(n).1
}

// Models.

/// A revision of the fake engine's model, with two goldens.
pub fn fake_revision() -> ModelRevision {
	let golden = |input: &str| {
		let limits = Limits { max_input_bytes: 256, max_output_units: 1 };
		let asked = Request::new(FakeEngine::MODEL, input, limits);
		let outcome = Ok(FakeEngine::made_up(&asked, 0));
		let bytes = super::output::canonical_bytes(&outcome).expect("the fake's labels are short");
		Golden {
			input: input.try_into().expect("it is short"),
			output_hash: output_hash(&bytes),
			trace: FakeEngine::made_up_trace(&outcome, 0).into(),
		}
	};
	let file = ModelFile {
		name: "fake".try_into().expect("it is short"),
		size: 0,
		sha256: FakeEngine::MODEL.into(),
		chunk_root: Hash::zero(),
	};
	ModelRevision {
		name: "fake".try_into().expect("it is short"),
		task: Task::Classify,
		architecture: "fake".try_into().expect("it is short"),
		files: vec![file].try_into().expect("it is one"),
		semantics: SEMANTICS_VERSION,
		limits: ModelLimits { input_bytes: 256, context_units: 512, output_units: 0 },
		commit_window: 12,
		goldens: vec![golden("one"), golden("two")].try_into().expect("they are two"),
		licence: "Apache-2.0".try_into().expect("it is short"),
	}
}

/// The fake engine's model, whose file comes and goes.
pub struct FakeSource {
	pub is_there: AtomicBool,
	pub unloaded: AtomicU32,
	/// What its file is told from others by.
	pub written: AtomicU32,
	/// Whether another node of this machine has the turn to measure.
	pub is_taken: AtomicBool,
}

impl Default for FakeSource {
	fn default() -> Self {
		Self { is_there: true.into(), unloaded: 0.into(), written: 0.into(), is_taken: false.into() }
	}
}

impl ModelSource for FakeSource {
	fn has(&self, file: &Hash) -> bool {
		file.0 == FakeEngine::MODEL && self.is_there.load(Ordering::Relaxed)
	}

	fn stamp(&self, file: &Hash) -> Option<Stamp> {
		self.has(file).then(|| (0, self.written.load(Ordering::Relaxed).into(), 0))
	}

	fn load(&self, _revision: &ModelRevision) -> Result<ModelDescription, LoadError> {
		Ok(FakeEngine::new().models().remove(0))
	}

	fn unload(&self, _file: &Hash) {
		self.unloaded.fetch_add(1, Ordering::Relaxed);
	}

	fn turn(&self, _revision: &ModelRevision) -> Option<Turn> {
		(!self.is_taken.load(Ordering::Relaxed)).then(Turn::default)
	}
}

/// The same, as the engine's service reads it.
pub fn fake_listed() -> ListedModel {
	let ModelView { id, revision, .. } = fake_model();
	ListedModel { id, revision }
}

pub fn fake_model() -> ModelView {
	view_of(fake_revision())
}

/// A model of this revision, as the chain shows it.
pub fn view_of(revision: ModelRevision) -> ModelView {
	let registration = Registration {
		author: None,
		deposit: 0,
		price: ModelPrice { base: 100, unit: 3, author_share: Percent::from_percent(5) },
		state: ModelState::Listed,
		jobs: 0,
	};
	ModelView {
		id: revision.id(),
		revision,
		registration,
		served_by: vec![account(0)],
		stake_share: Perbill::from_percent(75),
		is_active: true,
	}
}

// Validators and their votes.

pub fn account(n: u8) -> AccountId {
	[n; 32].into()
}

fn pair(validator: u32) -> InferencePair {
	let mut seed = [1; 32];
	seed[..4].copy_from_slice(&validator.to_le_bytes());
	InferencePair::from_seed(&seed)
}

/// A session's set of so many validators.
pub fn key_set(session: SessionIndex, validators: u32) -> KeySetView {
	KeySetView { session, members: (0..validators).map(|n| (account(n as u8), pair(n).public())).collect() }
}

/// The sets of two sessions, the same so many validators in both.
pub fn key_sets(validators: u32) -> Vec<KeySetView> {
	[SESSION, SESSION - 1].map(|session| key_set(session, validators)).into()
}

/// What the runtime says of a ballot with votes that it takes.
pub fn wanted() -> BallotStanding {
	BallotStanding::Wanted { deadline: Some(99), outputs: Vec::new(), has_early_reveals: false }
}

/// What the runtime says of a ballot whose time may come.
pub const EARLY: BallotStanding = BallotStanding::Early { has_early_reveals: false };

pub fn signed(validator: u32, ballot: Ballot) -> SignedBallot {
	let signature = pair(validator).sign(&ballot.signing_payload(&GENESIS));
	SignedBallot { ballot, outputs: Default::default(), signature }
}

fn target() -> VoteTarget {
	VoteTarget { fingerprint: Hash::repeat_byte(1), draw: Hash::repeat_byte(2), round: 0 }
}

/// A commit of a validator's, in a session.
pub fn ballot_by(validator: u32, session: SessionIndex, at_block: BlockNumber) -> SignedBallot {
	let mut ballot = Ballot::new(session, validator, at_block);
	let commit = Commit { target: target(), seat: 0, commitment: Hash::repeat_byte(3) };
	ballot.commits.try_push(commit).expect("it is the first");
	signed(validator, ballot)
}

pub fn ballot(validator: u32, at_block: BlockNumber) -> SignedBallot {
	ballot_by(validator, SESSION, at_block)
}

pub fn versioned_ballot(validator: u32, at_block: BlockNumber) -> VersionedBallot {
	VersionedBallot::V1(ballot(validator, at_block))
}

pub fn output(n: u8, length: usize) -> OutputBytes {
	vec![n; length].try_into().expect("no test makes longer ones")
}

/// Reveals of `named` outputs, with `outputs`.
pub fn ballot_with_outputs(
	validator: u32,
	at_block: BlockNumber,
	named: &[OutputBytes],
	outputs: &[OutputBytes],
) -> SignedBallot {
	let mut ballot = Ballot::new(SESSION, validator, at_block);
	for output in named {
		let (work, salt) = (Hash::zero(), Hash::zero());
		let reveal = Reveal { target: target(), seat: 0, output_hash: output_hash(output), work, salt };
		ballot.reveals.try_push(reveal).expect("no test makes more");
	}
	let outputs = outputs.to_vec().try_into().expect("no test makes more");
	SignedBallot { outputs, ..signed(validator, ballot) }
}
