//! What a user asks for, and how a job ends.

use crate::{format::Format, input::Input, model::ModelId, AccountId, Hash};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sp_core::ConstU32;
use sp_io::hashing::blake2_256;
use sp_runtime::BoundedVec;

/// Bytes of output that any job may have, in their canonical encoding.
pub const MAX_OUTPUT_BYTES: u32 = 8 * 1024;
/// Seats that `Seats::Fixed` may name.
pub const MAX_FIXED_SEATS: u16 = 15;
/// Seats of the largest committee. It bounds what one job's settlement may cost a block.
pub const MAX_SEATS: u32 = 32;
/// Seats of the largest second round.
pub const MAX_SECOND_ROUND_SEATS: u32 = 31;
/// Seats of the smallest second round: with fewer, a job ends without a quorum.
pub const MIN_SECOND_ROUND_SEATS: u32 = 3;
/// The number of a job's first committee.
pub const FIRST_ROUND: Round = 0;
/// The number of the committee that decides where the first one did not, or that audits it.
pub const SECOND_ROUND: Round = 1;
/// Blocks whose VRFs a draw may mix.
pub const MAX_DRAW_DELAY: u8 = 8;

/// A job's number, given in the order of submission and never twice.
pub type JobId = u64;
/// A seat's place in its committee.
pub type SeatIndex = u16;
/// The number of a job's committee.
pub type Round = u8;
/// What identifies a job on every fork: see [`fingerprint`].
pub type Fingerprint = Hash;

/// An encoded [`crate::output::VersionedOutput`].
pub type OutputBytes = BoundedVec<u8, ConstU32<MAX_OUTPUT_BYTES>>;

/// How many validators answer.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Serialize,
	Deserialize,
)]
#[serde(rename_all = "camelCase")]
pub enum Seats {
	/// This many, drawn by stake: an odd number from 1 to 15.
	Fixed(u16),
	/// Every validator that serves the model, whatever else it has to do.
	All,
}

/// How a model that generates text chooses each token.
#[derive(
	Clone,
	Copy,
	Debug,
	Default,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Serialize,
	Deserialize,
)]
#[serde(rename_all = "camelCase")]
pub struct Sampling {
	/// What logits are divided by, in thousandths; 0 always takes the likeliest token.
	pub temperature: u16,
	/// Of how many of the likeliest tokens one is drawn; 0 is all.
	pub top_k: u16,
	/// From which share of the probability one is drawn, in millionths; 0 is all of it.
	pub top_p: u32,
}

/// What a user may choose about a job.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Serialize, Deserialize,
)]
#[serde(rename_all = "camelCase")]
pub struct JobOptions {
	/// How many validators answer.
	pub seats: Seats,
	/// Output that is paid for, in the model's units; 0 where the task's output has none.
	pub max_output_units: u32,
	/// Blocks whose VRFs the draw mixes, 1 to 8: more make it harder for an author to choose the committee, and later.
	pub draw_delay: u8,
	/// How tokens are chosen. Without effect on tasks that don't generate.
	pub sampling: Sampling,
	/// What sampling starts from; none takes the job's fingerprint. Without effect on tasks that don't sample.
	pub seed: Option<u64>,
	/// What form the answer has; other than text only of a model that generates.
	pub format: Format,
	/// Whether an answer that the chain has agreed on before may be taken, and this one be given to others: see
	/// [`JobOptions::answer_key`].
	#[serde(default)]
	pub reuse: bool,
}

impl JobOptions {
	/// What a job's answer is known by for as long as the chain keeps the job: the hash of all that determines it. None where
	/// reuse is not allowed, or where tokens are drawn by the job's own fingerprint.
	pub fn answer_key(&self, model: &ModelId, input: &Input) -> Option<Hash> {
		if !self.reuse {
			return None;
		}
		let drawn = match self.sampling {
			Sampling { temperature: 0, .. } => None,
			sampling => Some((sampling, self.seed?)),
		};
		let key = (b"sibyl/answer", model, input, self.max_output_units, drawn, &self.format);
		Some(blake2_256(&key.encode()).into())
	}

	/// What the sampling of a job's tokens starts from.
	pub fn sampling_seed(&self, fingerprint: &Fingerprint) -> [u8; 32] {
		match self.seed {
			Some(seed) => blake2_256(&(b"sibyl/seed", seed).encode()),
			None => fingerprint.0,
		}
	}
}

impl Default for JobOptions {
	fn default() -> Self {
		Self {
			seats: Seats::All,
			max_output_units: 0,
			draw_delay: 1,
			sampling: Sampling::default(),
			seed: None,
			format: Format::default(),
			reuse: false,
		}
	}
}

/// Why a model, having seen the input, gives no answer. All seats say the same, as with an answer.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Serialize,
	Deserialize,
)]
#[serde(rename_all = "camelCase")]
pub enum Refusal {
	/// The input has more tokens than the model's context.
	ContextExceeded,
	/// The model's arithmetic left the finite numbers.
	NotFinite,
	/// The output is longer than a job's output may be.
	OutputTooLong,
	/// The model's chat template can't render this input.
	Template,
	/// The schema or the pattern is none that the engine takes, or the output ended before it was of that form.
	Format,
}

/// How a job ended.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Serialize,
	Deserialize,
)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
	/// More than two thirds of the seats gave one answer.
	Agreed,
	/// More than two thirds of the seats say that the model refuses the input, for this reason.
	Failed(Refusal),
	/// Seats revealed, but no output has more than two thirds of them, after a second round either.
	NoQuorum,
	/// Too few seats took part.
	Expired,
	/// The chain's council ended it, or its model was suspended.
	Cancelled,
}

/// Why a seat does not commit.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Serialize,
	Deserialize,
)]
#[serde(rename_all = "camelCase")]
pub enum AbstainReason {
	/// The validator has no such model, or its goldens do not pass.
	NoModel,
	/// The validator has more work than it can do in time.
	Overloaded,
	/// The answer would come too late.
	TooSlow,
	/// The engine failed.
	EngineFailed,
}

/// The job itself, whatever fork it is on: two jobs are the same where all of this is.
///
/// `counter` counts the requester's jobs and never goes back, so that the same question asked twice is two jobs.
pub fn fingerprint(
	requester: &AccountId,
	counter: u64,
	model: &ModelId,
	input: &Input,
	options: &JobOptions,
) -> Fingerprint {
	let input = blake2_256(&input.encode());
	blake2_256(&(b"sibyl/job", requester, counter, model, input, options).encode()).into()
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn what_is_sampled_starts_from_the_requesters_seed_or_else_from_the_job() {
		let [one, other] = [1, 2].map(Fingerprint::repeat_byte);
		let of = |seed| JobOptions { seed, ..JobOptions::default() };
		assert_eq!(of(None).sampling_seed(&one), one.0);
		assert_eq!(of(Some(7)).sampling_seed(&one), of(Some(7)).sampling_seed(&other));
		assert_ne!(of(Some(7)).sampling_seed(&one), of(Some(8)).sampling_seed(&one));
	}
}
