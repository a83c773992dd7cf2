//! The channel between the offchain worker and native code: entries of the offchain storage (`PERSISTENT`).
//!
//! | key | written by | holds |
//! |---|---|---|
//! | [`request_key`] | the worker, once per job | [`InferenceRequest`] |
//! | [`response_key`] | native code | [`InferenceResponse`] |
//! | [`MODELS`] | native code | [`ModelStatuses`] |
//! | [`OUTBOX`] | the worker, over and over | [`crate::vote::VersionedBallot`] to be sent |
//! | [`vote_key`] | the worker, once per seat and draw | [`StoredVote`], the worker's own memory |
//! | [`CLEARING`] | the worker | [`Clearing`]: which entries there are, so that they can be cleared |
//! | [`STARTED`] | native code | [`Started`]: what it began to run and has not ended |
//! | [`SENT`] | the worker | [`Sent`]: what it sent last, so that it does not send it at each run |
//!
//! The database is one chain's, so keys need not name it. Nothing here removes an entry by itself: the worker clears a
//! job's entries some blocks after the job can have ended on any fork. Every value is a versioned enum; who finds a
//! version that it does not know leaves the entry alone.

use crate::{
	format::Format,
	input::Input,
	job::{AbstainReason, Fingerprint, OutputBytes, Sampling, SeatIndex},
	model::{Availability, ModelId},
	vote::VoteTarget,
	AuthorityIndex, BlockNumber, Hash, SessionIndex,
};
use alloc::{collections::BTreeMap, vec::Vec};
use codec::{Decode, Encode};
use sp_io::hashing::blake2_256;

const PREFIX: &[u8] = b"sibyl/";

/// The key of the ballot to be sent. Each write is one ballot; native code is told of every write.
pub const OUTBOX: &[u8] = b"sibyl/outbox";

/// The key of the list of entries to be cleared.
pub const CLEARING: &[u8] = b"sibyl/clearing";

/// The key of what was sent last.
pub const SENT: &[u8] = b"sibyl/sent";

/// The key of the list of jobs whose inference has begun and not ended.
pub const STARTED: &[u8] = b"sibyl/started";

/// Where native code says which models it can run.
pub const MODELS: &[u8] = b"sibyl/models";

/// What all requests' keys begin with.
pub const REQUEST_PREFIX: &[u8] = b"sibyl/request/";

/// Where the worker asks for a job's output. An output does not depend on the draw, so neither does the key.
pub fn request_key(job: &Fingerprint) -> Vec<u8> {
	[REQUEST_PREFIX, job.as_bytes()].concat()
}

/// Where native code puts a job's output.
pub fn response_key(job: &Fingerprint) -> Vec<u8> {
	[PREFIX, b"response/", job.as_bytes()].concat()
}

/// Where the worker keeps what a seat committed to. Two validators may share a keystore and sit in one committee.
pub fn vote_key(target: &VoteTarget, seat: SeatIndex) -> Vec<u8> {
	[PREFIX, b"vote/", &blake2_256(&(target, seat).encode())].concat()
}

/// Asks for a job's output.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum InferenceRequest {
	/// The first version.
	V1 {
		/// The job.
		job: Fingerprint,
		/// The model.
		model: ModelId,
		/// What the model reads.
		input: Input,
		/// Output at most, in the model's units.
		max_output_units: u32,
		/// How tokens are chosen.
		sampling: Sampling,
		/// What form the answer has.
		format: Format,
		/// An output that the chain has of this job, as where a second committee decides: it may be true, and to see that it
		/// is takes less time than to find it.
		claimed: Option<OutputBytes>,
		/// What sampling starts from.
		seed: [u8; 32],
		/// The block by which a commit must be in: more urgent jobs go first.
		deadline: BlockNumber,
	},
}

/// Answers an [`InferenceRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum InferenceResponse {
	/// The first version.
	V1(Result<Answered, AbstainReason>),
}

/// What the engine gave.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Answered {
	/// The output.
	pub output: OutputBytes,
	/// The digest of the hidden rows that it was chosen from: see [`crate::commitment::work`].
	pub trace: Hash,
}

/// Whether native code can run the models that it has told of. Of a model that is not here nothing is said.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum ModelStatuses {
	/// The first version.
	V1(BTreeMap<ModelId, Availability>),
}

/// What a seat committed to, written before the commit is signed and never changed.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum StoredVote {
	/// The first version.
	V1 {
		/// The commitment.
		commitment: Hash,
		/// The output.
		output: OutputBytes,
		/// See [`crate::commitment::work`].
		work: Hash,
	},
	/// The seat has abstained.
	Abstained(AbstainReason),
}

/// The jobs whose inference has begun and not ended. One that is found when the node starts was being run when its process
/// died, and may have been the reason.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Started {
	/// The first version.
	V1(Vec<Fingerprint>),
}

/// The entries to be cleared.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Clearing {
	/// The first version.
	V1(Vec<ClearAt>),
}

/// Entries of one of this node's seats, and when they may go.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ClearAt {
	/// The committee.
	pub target: VoteTarget,
	/// The seat.
	pub seat: SeatIndex,
	/// The block from which on nobody needs them.
	pub block: BlockNumber,
}

/// What was sent last.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Sent {
	/// The first version. One for each of this node's keys whose votes are taken.
	V1(Vec<SentBallot>),
}

/// A ballot that was sent.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SentBallot {
	/// The session of its key.
	pub session: SessionIndex,
	/// The validator's place in that session's set.
	pub authority_index: AuthorityIndex,
	/// The hash of its votes.
	pub votes: Hash,
	/// The height that it was sent at.
	pub at: BlockNumber,
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn each_job_has_entries_of_its_own_for_what_is_asked_and_what_is_answered() {
		let job = Fingerprint::repeat_byte(7);
		assert_eq!(request_key(&job), [&b"sibyl/request/"[..], &[7; 32]].concat());
		assert_eq!(response_key(&job), [&b"sibyl/response/"[..], &[7; 32]].concat());
	}
}
