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

/// A validator's word on whether it serves a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum Standing {
	/// It has the files, their goldens pass, and it takes this many open jobs.
	Serves {
		/// Open jobs, of all models together, that the validator takes at a time.
		capacity: u16,
	},
	/// It can't run the model.
	Withdrawn,
}
