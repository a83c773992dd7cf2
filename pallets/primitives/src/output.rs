//! What a model says.
//!
//! The SCALE encoding of [`VersionedOutput`] is canonical: seats agree when these bytes are equal, and what they commit to
//! is their hash.

use crate::{job::Refusal, text::Text, Hash};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_core::ConstU32;
use sp_io::hashing::blake2_256;
use sp_runtime::BoundedVec;

/// Labels that a classification shows beside the first one, itself included.
pub const MAX_LABELS: u32 = 16;

/// An output, in the version of its encoding.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum VersionedOutput {
	/// The first version.
	V1(Output),
}

/// What a model says about an input.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum Output {
	/// An answer.
	Answer(Answer),
	/// It can't answer this input.
	Refusal(Refusal),
}

/// An answer, by the model's task.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum Answer {
	/// The label of a text.
	Classification(Classification),
}

/// A text's label.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Classification {
	/// The label with the highest score.
	pub label: Text<16>,
	/// The highest scores, in falling order, the label's first.
	pub scores: BoundedVec<LabelScore, ConstU32<MAX_LABELS>>,
}

/// How well a label fits.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct LabelScore {
	/// The label.
	pub label: Text<16>,
	/// Its probability in millionths.
	pub score: u32,
}

impl Answer {
	/// The output in the units that the model's price counts.
	pub fn output_units(&self) -> u32 {
		match self {
			Self::Classification(_) => 0,
		}
	}
}

/// What seats commit to.
pub fn output_hash(canonical: &[u8]) -> Hash {
	blake2_256(canonical).into()
}
