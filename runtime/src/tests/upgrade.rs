//! An upgrade of a chain with jobs in every phase: its state is checked as `try-runtime` does it, and every job ends.

use super::inference::{apply, block, chain, submit};
use crate::{
	constants::SIB, AccountId, AllPalletsWithSystem, Balances, BlockNumber, Executive, Hash, Inference, Runtime,
	System, VERSION,
};
use codec::Encode;
use frame_support::{
	assert_ok,
	traits::{fungible::Mutate, GetStorageVersion, StorageVersion, TryState, TryStateSelect, UpgradeCheckSelect},
	weights::Weight,
};
use frame_system::{LastRuntimeUpgrade, LastRuntimeUpgradeInfo};
use pallet_inference::{Committees, Job, Jobs, OpenJobs, Phase, Seat, SeatVote};
use sibyl_primitives::{
	api::AuditView,
	commitment::{salt_of, salt_payload, work, Committer},
	inference_key::InferencePair,
	job::{JobId, OutputBytes, SeatIndex, Seats, Verdict},
	output::{output_hash, Answer, Classification, Output, VersionedOutput},
	vote::{Ballot, Commit, Reveal, SignedBallot, VersionedBallot, VoteTarget},
};
use sp_core::Pair;
use sp_keyring::{Ed25519Keyring, Sr25519Keyring};
use std::collections::BTreeMap;

/// Jobs that may be audited: of four authors, the VRF of one asks for one's audit, but one time in a hundred.
const CANDIDATES: u64 = 150;
/// The job of which a seat says what is wrong.
const DISPUTED: JobId = CANDIDATES;
/// By far enough blocks for all that is open.
const PATIENCE: BlockNumber = 40;
const VALIDATORS: [Sr25519Keyring; 4] =
	[Sr25519Keyring::Alice, Sr25519Keyring::Bob, Sr25519Keyring::Charlie, Sr25519Keyring::Dave];

fn answer(label: &str) -> OutputBytes {
	let classification =
		Classification { label: label.try_into().expect("the label is short"), scores: Default::default() };
	let output = VersionedOutput::V1(Output::Answer(Answer::Classification(classification)));
	output.encode().try_into().expect("a label is short")
}

fn key(validator: &AccountId) -> InferencePair {
	let place =
		VALIDATORS.iter().position(|name| name.to_account_id() == *validator).expect("there are four validators");
	let keys = [Ed25519Keyring::Alice, Ed25519Keyring::Bob, Ed25519Keyring::Charlie, Ed25519Keyring::Dave];
	InferencePair::from(keys[place].pair())
}

/// A seat in a committee, and what it says.
struct Voter<'a> {
	genesis: Hash,
	target: VoteTarget,
	place: SeatIndex,
	seat: &'a Seat,
	output: OutputBytes,
}

impl Voter<'_> {
	/// The hash of the output, the work and the salt.
	fn bind(&self) -> (Hash, Hash, Hash) {
		let salt = salt_of(&key(&self.seat.validator).sign(&salt_payload(&self.genesis, &self.target)));
		(output_hash(&self.output), work(&self.target, &output_hash(&self.output)), salt)
	}

	fn commit(&self, job: &Job) -> Commit {
		let (output_hash, work, salt) = self.bind();
		let committer = Committer {
			genesis: self.genesis,
			target: self.target,
			seat: self.place,
			validator: &self.seat.validator,
			model: job.model,
		};
		let commitment = committer.commitment(&output_hash, &work, &salt);
		Commit { target: self.target, seat: self.place, commitment }
	}

	fn reveal(&self) -> Reveal {
		let (output_hash, work, salt) = self.bind();
		Reveal { target: self.target, seat: self.place, output_hash, work, salt }
	}
}

/// What all seats have to say after this block, signed now: a ballot of each validator and session.
fn votes() -> Vec<VersionedBallot> {
	let genesis = System::block_hash(0);
	let mut ballots = BTreeMap::<_, (InferencePair, Ballot, Vec<OutputBytes>)>::new();
	for id in OpenJobs::<Runtime>::iter_keys() {
		let job = Jobs::<Runtime>::get(id).expect("it is open");
		let Some(committee) = Committees::<Runtime>::get((id, job.round)) else { continue };
		for (place, seat) in (0..).zip(&committee.seats) {
			let lies = id == DISPUTED && job.round == 0 && place == 0;
			let output = answer(if lies { "fra" } else { "eng" });
			let voter = Voter { genesis, target: committee.target(job.fingerprint), place, seat, output };
			let (_, ballot, outputs) = ballots.entry((committee.session, seat.authority_index)).or_insert_with(|| {
				let ballot = Ballot::new(committee.session, seat.authority_index, System::block_number());
				(key(&seat.validator), ballot, Vec::new())
			});
			match (job.phase, seat.vote) {
				(Phase::Committing, SeatVote::Missing) => {
					ballot.commits.try_push(voter.commit(&job)).expect("the jobs are few")
				}
				(Phase::Revealing, SeatVote::Committed(_)) => {
					ballot.reveals.try_push(voter.reveal()).expect("the jobs are few");
					if !outputs.contains(&voter.output) {
						outputs.push(voter.output);
					}
				}
				_ => {}
			}
		}
	}
	let spoken = ballots.into_values().filter(|(_, ballot, _)| !ballot.is_empty());
	spoken
		.map(|(key, ballot, outputs)| {
			let signature = key.sign(&ballot.signing_payload(&genesis));
			let outputs = outputs.try_into().expect("there are two answers");
			VersionedBallot::V1(SignedBallot { ballot, outputs, signature })
		})
		.collect()
}

/// Makes the next block, with these votes and these jobs.
fn next_block(author: Sr25519Keyring, votes: Vec<VersionedBallot>, jobs: impl FnOnce()) {
	block(System::block_number() + 1, author, || {
		let ballots = votes.try_into().expect("there are four validators");
		apply(pallet_inference::Call::include { ballots }.into());
		jobs();
	});
}

/// A chain whose validators have just seen block 5, after which there are a pending job, one that is committing, one that is
/// revealing, one in its second round, an audit, and jobs that have ended.
fn with_jobs_in_every_phase(test: impl FnOnce()) {
	let mut test = Some(test);
	for author in VALIDATORS {
		chain(|| {
			assert_ok!(Balances::mint_into(&Inference::protocol_account(), 100 * SIB));
			block(1, author, || (0..=DISPUTED).for_each(|_| submit(Seats::Fixed(3))));
			next_block(author, votes(), || {});
			for _ in 3..=5 {
				next_block(author, votes(), || submit(Seats::All));
			}
			if all_jobs().any(|(_, job)| job.audit == AuditView::Open) {
				test.take().into_iter().for_each(|test| test());
			}
		});
		if test.is_none() {
			return;
		}
	}
	panic!("no job is audited: there must be more candidates");
}

fn job(id: JobId) -> Job {
	Jobs::<Runtime>::get(id).expect("no job is pruned yet")
}

fn all_jobs() -> impl Iterator<Item = (JobId, Job)> {
	(0..pallet_inference::NextJob::<Runtime>::get()).map(|id| (id, job(id)))
}

/// The state is that of a runtime before this one.
fn pretend_to_be_older() {
	let older = VERSION.spec_version - 1;
	LastRuntimeUpgrade::<Runtime>::put(LastRuntimeUpgradeInfo {
		spec_version: older.into(),
		spec_name: "sibyl".into(),
	});
}

/// Migrates the state to this runtime with all checks, as `try-runtime` does it.
fn upgrade() -> Result<Weight, sp_runtime::TryRuntimeError> {
	pretend_to_be_older();
	Executive::try_runtime_upgrade(UpgradeCheckSelect::All)
}

fn check() {
	AllPalletsWithSystem::try_state(System::block_number(), TryStateSelect::All).expect("every invariant holds");
	let accounts = frame_system::Account::<Runtime>::iter_values();
	let sum: u128 = accounts.map(|info| info.data.free + info.data.reserved).sum();
	assert_eq!(sum, Balances::total_issuance());
}

#[test]
fn a_chain_is_upgraded_with_jobs_in_every_phase_and_all_of_them_end() {
	with_jobs_in_every_phase(|| {
		for phase in [Phase::Pending, Phase::Committing, Phase::Revealing, Phase::Ended] {
			assert!(all_jobs().any(|(_, job)| job.round == 0 && job.phase == phase), "no job is {phase:?}");
		}
		assert_eq!(job(DISPUTED).round, 1);
		let (signed_before, open_before) = (votes(), OpenJobs::<Runtime>::count());
		assert!(!signed_before.is_empty());

		let weight = upgrade().expect("the upgrade's checks pass");
		let block = crate::configs::system::RuntimeBlockWeights::get().max_block;
		assert!(weight.all_lte(block), "{weight:?} are more than a block's");
		assert_eq!(OpenJobs::<Runtime>::count(), open_before);

		let votes_before = count_votes();
		next_block(VALIDATORS[0], signed_before, || {});
		assert!(count_votes() > votes_before, "votes from before the upgrade count after it");
		check();
		while OpenJobs::<Runtime>::count() > 0 {
			next_block(VALIDATORS[0], votes(), || {});
			check();
			assert!(System::block_number() < PATIENCE, "jobs stay open");
		}
		for (id, job) in all_jobs() {
			assert_eq!(job.outcome.map(|outcome| outcome.verdict), Some(Verdict::Agreed), "job {id}");
			assert!(job.audit == AuditView::None || job.audit == AuditView::Confirmed, "job {id}: {:?}", job.audit);
		}
		assert!(all_jobs().any(|(_, job)| job.audit == AuditView::Confirmed));
	});
}

/// Seats that have committed or revealed.
fn count_votes() -> usize {
	let said = |seat: &&Seat| matches!(seat.vote, SeatVote::Committed(_) | SeatVote::Revealed(_));
	Committees::<Runtime>::iter_values().map(|committee| committee.seats.iter().filter(said).count()).sum()
}

#[test]
fn the_first_block_of_a_new_runtime_migrates_and_the_next_does_not() {
	with_jobs_in_every_phase(|| {
		pretend_to_be_older();
		for _ in 0..2 {
			next_block(VALIDATORS[0], votes(), || {});
			let last = LastRuntimeUpgrade::<Runtime>::get().expect("it is noted");
			assert_eq!(last.spec_version.0, VERSION.spec_version);
			check();
		}
	});
}

#[test]
fn a_job_that_can_not_be_read_any_more_fails_the_checks_of_an_upgrade() {
	with_jobs_in_every_phase(|| {
		let bytes = job(DISPUTED).encode();
		let key = Jobs::<Runtime>::hashed_key_for(DISPUTED);
		sp_io::storage::set(&key, &bytes[..bytes.len() - 1]);
		upgrade().expect_err("a job is cut short");
		sp_io::storage::set(&key, &bytes);
	});
}

#[test]
fn a_storage_version_without_its_migration_fails_the_checks_of_an_upgrade() {
	with_jobs_in_every_phase(|| {
		StorageVersion::new(u16::MAX).put::<Inference>();
		assert_ne!(Inference::on_chain_storage_version(), Inference::in_code_storage_version());
		upgrade().expect_err("the storage is of another version than the code");
	});
}
