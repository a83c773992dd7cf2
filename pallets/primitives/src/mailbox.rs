//! The channel between the offchain worker and native code: entries of the offchain storage (`PERSISTENT`).
//!
//! | key | written by | holds |
//! |---|---|---|
//! | [`request_key`] | the worker, once per job | [`InferenceRequest`] |
//! | [`response_key`] | native code | [`InferenceResponse`] |
//! | [`model_status_key`] | native code | [`ModelStatus`] |
//! | [`OUTBOX`] | the worker, over and over | [`crate::vote::VoteBundle`] to be sent |
//! | [`vote_key`] | the worker, once per seat and draw | [`StoredVote`], the worker's own memory |
//! | [`OPEN_ENTRIES`] | the worker | which jobs' entries there are, so that they can be cleared |
//!
//! The database is one chain's, so keys need not name it. Nothing here removes an entry by itself: the worker clears a
//! job's entries some blocks after the job can have ended on any fork. Every value is a versioned enum; who finds a
//! version that it does not know leaves the entry alone.

use crate::{
	job::{AbstainReason, Fingerprint, Input, OutputBytes, Prompt, Sampling},
	model::ModelId,
	vote::VoteTarget,
	BlockNumber, Hash,
};
use alloc::vec::Vec;
use codec::{Decode, Encode};
use sp_io::hashing::blake2_256;

const PREFIX: &[u8] = b"sibyl/";

/// The key of the bundle to be sent. Each write is one bundle; native code is told of every write.
pub const OUTBOX: &[u8] = b"sibyl/outbox";

/// The key of the list of jobs with entries.
pub const OPEN_ENTRIES: &[u8] = b"sibyl/open";

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

/// Where native code says whether it can run a model.
pub fn model_status_key(model: &ModelId) -> Vec<u8> {
	[PREFIX, b"model/", model.as_bytes()].concat()
}

/// Where the worker keeps what it committed to.
pub fn vote_key(target: &VoteTarget) -> Vec<u8> {
	[PREFIX, b"vote/", &blake2_256(&target.encode())].concat()
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
		/// How the input becomes a prompt.
		prompt: Prompt,
		/// How tokens are chosen.
		sampling: Sampling,
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
	V1(Result<OutputBytes, AbstainReason>),
}

/// Whether native code can run a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum ModelStatus {
	/// The first version.
	V1(crate::model::Standing),
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
	},
	/// The seat has abstained.
	Abstained(AbstainReason),
}
