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

/// Tokens that a generated text has at most.
pub const MAX_TOKENS: u32 = 1024;

/// Bytes that a generated text has at most.
pub const MAX_TEXT_BYTES: u32 = 6 * 1024;

/// Dimensions that an embedding has at most.
pub const MAX_DIMENSIONS: u32 = 1024;

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
	/// A text.
	Generation(Generation),
	/// A vector.
	Embedding(Embedding),
}

/// A generated text.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Generation {
	/// The text, without the token that ended it.
	pub text: Text<MAX_TEXT_BYTES>,
	/// The tokens, as the model numbers them, likewise.
	pub tokens: BoundedVec<u32, ConstU32<MAX_TOKENS>>,
	/// Why it ends.
	pub finish: Finish,
}

/// Why a generated text ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum Finish {
	/// The model ended it.
	Stop,
	/// It has as many tokens as the job pays for.
	Length,
}

/// A text's vector.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Embedding {
	/// Its components, of length 1 together: 32,767 stands for 1.
	pub values: BoundedVec<i16, ConstU32<MAX_DIMENSIONS>>,
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
			Self::Classification(_) | Self::Embedding(_) => 0,
			Self::Generation(generation) => generation.tokens.len() as u32,
		}
	}
}

/// What seats commit to.
pub fn output_hash(canonical: &[u8]) -> Hash {
	blake2_256(canonical).into()
}
