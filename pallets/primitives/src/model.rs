//! A model's revision, as validators agree on it.

use crate::{price::ModelPrice, text::Text, BlockNumber, Hash};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sp_core::ConstU32;
use sp_io::hashing::blake2_256;
use sp_runtime::BoundedVec;

/// Models that the chain knows at most.
pub const MAX_MODELS: u32 = 16;

/// Bytes of a chunk: nodes give each other models' files in chunks of this size, the last of which may be smaller.
pub const CHUNK_BYTES: u32 = 1 << 20;

/// The hash of a model's revision: another file, limit or price is another model.
pub type ModelId = Hash;

/// What a model does with an input.
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
pub enum Task {
	/// Gives a text one of a set of labels.
	Classify,
	/// Answers or continues a text.
	Generate,
	/// Gives a text a vector that is near those of texts with a like meaning.
	Embed,
}

/// One file of a model.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Serialize, Deserialize,
)]
#[serde(rename_all = "camelCase")]
pub struct ModelFile {
	/// Its name in the model's distribution.
	pub name: Text<64>,
	/// Its size in bytes.
	pub size: u64,
	/// Its SHA-256.
	pub sha256: Hash,
	/// The root of the binary Merkle tree over the SHA-256 of its chunks of [`CHUNK_BYTES`].
	pub chunk_root: Hash,
}

/// What a model takes and gives at most.
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
pub struct ModelLimits {
	/// Bytes of input.
	pub input_bytes: u32,
	/// Units that input and output may have together, as the model counts them: tokens, or bytes for byte-level models.
	pub context_units: u32,
	/// Units of output; 0 where the task's output has none.
	pub output_units: u32,
}

/// An input whose output is known: a validator serves a model only when it reproduces all of these.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Serialize, Deserialize,
)]
#[serde(rename_all = "camelCase")]
pub struct Golden {
	/// The text.
	pub input: Text<256>,
	/// BLAKE2b-256 of the canonical output bytes.
	pub output_hash: Hash,
	/// BLAKE2b-256 of the hidden rows that the output was chosen from: see [`crate::commitment::work`].
	pub trace: Hash,
}

/// All that makes two validators give the same output, and what a job costs.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Serialize, Deserialize,
)]
#[serde(rename_all = "camelCase")]
pub struct ModelRevision {
	/// The name that users know it by.
	pub name: Text<64>,
	/// What it does.
	pub task: Task,
	/// The program that runs it, as the engine names it.
	pub architecture: Text<32>,
	/// Its files.
	pub files: BoundedVec<ModelFile, ConstU32<4>>,
	/// The version of the engine's arithmetic.
	pub semantics: u32,
	/// What it takes and gives at most.
	pub limits: ModelLimits,
	/// Blocks that validators have for their commits; the chain's own minimum where that is more.
	pub commit_window: BlockNumber,
	/// What a seat's work costs.
	pub price: ModelPrice,
	/// Inputs whose outputs are known.
	pub goldens: BoundedVec<Golden, ConstU32<8>>,
}

impl ModelRevision {
	/// What identifies this revision.
	pub fn id(&self) -> ModelId {
		blake2_256(&(b"sibyl/model", self).encode()).into()
	}
}

/// How fast a validator is with a model: what its open seats may take at most is added up from this.
///
/// Times are those of the whole machine: one that runs two jobs at a time halves them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Pace {
	/// Microseconds for a job, whatever its length.
	pub job: u32,
	/// Microseconds for a unit of input.
	pub input_unit: u32,
	/// Microseconds for a unit of output.
	pub output_unit: u32,
}

impl Pace {
	/// Microseconds that a job of so many units takes.
	pub fn time(&self, input_units: u32, output_units: u32) -> u64 {
		let units = |pace: u32, count: u32| u64::from(pace).saturating_mul(count.into());
		u64::from(self.job)
			.saturating_add(units(self.input_unit, input_units))
			.saturating_add(units(self.output_unit, output_units))
	}

	/// The pace on a coarse scale, never a faster one: small changes of what was measured are no news to the chain.
	pub fn coarse(self) -> Self {
		let Self { job, input_unit, output_unit } = self;
		Self { job: coarse(job), input_unit: coarse(input_unit), output_unit: coarse(output_unit) }
	}
}

/// The next number whose binary digits after the first two are zeros.
fn coarse(number: u32) -> u32 {
	let step = 1u32 << (32 - number.leading_zeros()).saturating_sub(2);
	number.checked_next_multiple_of(step).unwrap_or(u32::MAX)
}

/// A validator's word on whether it serves a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum Availability {
	/// It has the files, their goldens pass, and it is this fast.
	Serves(Pace),
	/// It can't run the model.
	Withdrawn,
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_jobs_time_is_that_of_the_job_and_of_all_its_units() {
		let pace = Pace { job: 100, input_unit: 3, output_unit: 20 };
		assert_eq!(pace.time(10, 2), 170);
		let slow = Pace { job: u32::MAX, input_unit: u32::MAX, output_unit: u32::MAX };
		assert_eq!(slow.time(u32::MAX, u32::MAX), u64::MAX);
	}

	#[test]
	fn a_coarse_pace_is_never_faster_and_at_most_half_as_much_again() {
		for number in (0..5_000).chain([u32::MAX / 3, u32::MAX / 2 + 5]) {
			let coarse = u64::from(coarse(number));
			assert!(coarse >= number.into() && 2 * coarse <= 3 * u64::from(number), "{number}: {coarse}");
		}
		assert_eq!(coarse(u32::MAX), u32::MAX);
		assert_eq!((coarse(5), coarse(6), coarse(1_000), coarse(800)), (6, 6, 1_024, 1_024));
	}
}
