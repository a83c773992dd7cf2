//! Validators and their ballots, for the tests.

use crate::{HashedBallot, Insertion, Pool, Relay};
use sibyl_primitives::{
	api::{BallotStanding, KeySetView},
	inference_key::InferencePair,
	job::OutputBytes,
	output::output_hash,
	vote::{Attestation, Ballot, Commit, Reveal, SignedBallot, VoteTarget},
	AccountId, BlockNumber, Hash, SessionIndex,
};
use sp_core::Pair;

pub const GENESIS: Hash = Hash::repeat_byte(0x6e);
pub const SESSION: SessionIndex = 5;

pub fn account(n: u32) -> AccountId {
	let mut bytes = [0; 32];
	bytes[..4].copy_from_slice(&n.to_le_bytes());
	bytes.into()
}

pub fn pair(validator: u32) -> InferencePair {
	let mut seed = [1; 32];
	seed[..4].copy_from_slice(&validator.to_le_bytes());
	InferencePair::from_seed(&seed)
}

/// A session's set of these validators.
pub fn key_set(session: SessionIndex, validators: impl IntoIterator<Item = u32>) -> KeySetView {
	KeySetView { session, members: validators.into_iter().map(|n| (account(n), pair(n).public())).collect() }
}

pub fn signed(validator: u32, ballot: Ballot) -> SignedBallot {
	let signature = pair(validator).sign(&ballot.signing_payload(&GENESIS));
	SignedBallot { ballot, outputs: Default::default(), signature }
}

/// A job's first committee.
pub fn target(job: u8) -> VoteTarget {
	VoteTarget { fingerprint: Hash::repeat_byte(job), draw: Hash::repeat_byte(2), round: 0 }
}

/// A commit that nobody else makes.
pub fn commit(seat: u16) -> Commit {
	let mut commitment = Hash::repeat_byte(3);
	commitment.0[..2].copy_from_slice(&seat.to_le_bytes());
	Commit { target: target(1), seat, commitment }
}

pub fn with_commits(validator: u32, at_block: BlockNumber, commits: &[Commit]) -> SignedBallot {
	let mut ballot = Ballot::new(SESSION, validator, at_block);
	ballot.commits = commits.to_vec().try_into().expect("no test makes more");
	signed(validator, ballot)
}

/// A commit of a validator's, in a session where it has its number for a place.
pub fn ballot_of(validator: u32, session: SessionIndex, at_block: BlockNumber) -> SignedBallot {
	let mut ballot = Ballot::new(session, validator, at_block);
	ballot.commits.try_push(commit(0)).expect("it is the first");
	signed(validator, ballot)
}

pub fn ballot(validator: u32, at_block: BlockNumber) -> SignedBallot {
	ballot_of(validator, SESSION, at_block)
}

/// A ballot of as many validators and heights as there are seats to tell them apart.
pub fn ballot_with_seat(validator: u32, at_block: BlockNumber, seat: u16) -> SignedBallot {
	with_commits(validator, at_block, &[commit(seat)])
}

pub fn attesting(validator: u32, at_block: BlockNumber) -> SignedBallot {
	let mut ballot = Ballot::new(SESSION, validator, at_block);
	let attestation =
		Attestation { model: Hash::zero(), availability: sibyl_primitives::model::Availability::Withdrawn };
	ballot.attestations.try_push(attestation).expect("it is the first");
	signed(validator, ballot)
}

pub fn output(n: u8, length: usize) -> OutputBytes {
	vec![n; length].try_into().expect("no test makes longer ones")
}

/// Reveals of `named` outputs, of one job each, with `outputs`.
pub fn ballot_with_outputs(
	validator: u32,
	at_block: BlockNumber,
	named: &[OutputBytes],
	outputs: &[OutputBytes],
) -> SignedBallot {
	let mut ballot = Ballot::new(SESSION, validator, at_block);
	for (job, output) in named.iter().enumerate() {
		let (work, salt) = (Hash::zero(), Hash::zero());
		let reveal = Reveal { target: target(job as u8), seat: 0, output_hash: output_hash(output), work, salt };
		ballot.reveals.try_push(reveal).expect("no test makes more");
	}
	let outputs = outputs.to_vec().try_into().expect("no test makes more");
	SignedBallot { outputs, ..signed(validator, ballot) }
}

pub fn wanted(deadline: BlockNumber) -> BallotStanding {
	BallotStanding::Wanted { deadline: Some(deadline), outputs: Vec::new(), has_early_reveals: false }
}

/// Wanted for votes and for these outputs.
pub fn wanting(deadline: BlockNumber, outputs: &[OutputBytes]) -> BallotStanding {
	let outputs = outputs.iter().map(|output| output_hash(output)).collect();
	BallotStanding::Wanted { deadline: Some(deadline), outputs, has_early_reveals: false }
}

pub const EARLY: BallotStanding = BallotStanding::Early { has_early_reveals: false };

/// The hash of the best block of this height.
pub fn block(number: BlockNumber) -> Hash {
	Hash::from_low_u64_be(u64::from(number) + 1)
}

/// Puts ballots in as the judge lets them, each under the account of its place.
pub fn insert(pool: &mut Pool, ballot: SignedBallot) -> Insertion {
	let account = account(ballot.ballot.authority_index);
	pool.insert(account, HashedBallot::new(ballot), Relay::Now)
}

/// Puts a ballot in, and tells the pool what the runtime says of it at the best block, which is of height 0 at first.
pub fn insert_judged(pool: &mut Pool, ballot: SignedBallot, standing: BallotStanding) -> Insertion {
	let id = ballot.id();
	let insertion = insert(pool, ballot);
	let at = pool.questions().at;
	pool.answer(at, &[id], vec![standing]);
	insertion
}
