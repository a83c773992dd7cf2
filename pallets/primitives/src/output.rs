//! What a model says.
//!
//! The SCALE encoding of [`VersionedOutput`] is canonical: seats agree when these bytes are equal, and what they commit to
//! is their hash.

use crate::{
	format::{number_length, MAX_CHOICES},
	job::Refusal,
	text::Text,
	Hash,
};
use alloc::format;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use core::fmt;
use scale_info::TypeInfo;
use sp_core::ConstU32;
use sp_io::hashing::blake2_256;
use sp_runtime::BoundedVec;

/// Labels that a classification shows beside the first one, itself included.
pub const MAX_LABELS: u32 = 16;

/// Tokens that a generated text has at most.
pub const MAX_TOKENS: u32 = 1024;

/// Tokens that a generated text has at most where each has a score.
pub const MAX_SCORED_TOKENS: u32 = 512;

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
	/// Which of the texts that the job names.
	Choice(Choice),
	/// A number.
	Number(Number),
	/// A text whose tokens have scores.
	ScoredText(ScoredText),
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

/// A generated text, and how likely the model found each token of it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct ScoredText {
	/// The text, without the token that ended it.
	pub text: Text<MAX_TEXT_BYTES>,
	/// The tokens, likewise.
	pub tokens: BoundedVec<ScoredToken, ConstU32<MAX_SCORED_TOKENS>>,
	/// Why it ends.
	pub finish: Finish,
}

/// A token of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct ScoredToken {
	/// The token, as the model numbers it.
	pub id: u32,
	/// How many bytes of the text are its own: those of all tokens, in order, are the text.
	pub bytes: u16,
	/// Its probability among all tokens in millionths, whatever the sampling.
	pub score: u32,
}

/// Why a generated text ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum Finish {
	/// The model ended it.
	Stop,
	/// It has as many tokens as the job pays for.
	Length,
}

/// Which of a job's texts is the likeliest.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Choice {
	/// Its place among them; the first of equal ones.
	pub index: u8,
	/// The probability of each, among them, in millionths.
	pub probabilities: BoundedVec<u32, ConstU32<MAX_CHOICES>>,
}

/// A number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Number {
	/// Its value, in units of its last decimal.
	pub value: i64,
	/// Its digits behind the point.
	pub decimals: u8,
}

/// As it is written: `-0.05` for -5 with two decimals.
impl fmt::Display for Number {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		let sign = if self.value < 0 { "-" } else { "" };
		let decimals = usize::from(self.decimals);
		let digits = format!("{:0>width$}", self.value.unsigned_abs(), width = decimals.saturating_add(1));
		let (whole, rest) = digits.split_at(digits.len().saturating_sub(decimals));
		match rest {
			"" => write!(f, "{sign}{whole}"),
			rest => write!(f, "{sign}{whole}.{rest}"),
		}
	}
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
	/// The label: the one with the highest score, unless the model says that none fits, as by `und`.
	pub label: Text<16>,
	/// The highest scores, in falling order.
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
			Self::Classification(_) | Self::Embedding(_) | Self::Choice(_) => 0,
			Self::Number(Number { value, decimals }) => number_length(*value, *decimals),
			Self::Generation(generation) => generation.tokens.len() as u32,
			Self::ScoredText(scored) => scored.tokens.len() as u32,
		}
	}
}

/// What seats commit to.
pub fn output_hash(canonical: &[u8]) -> Hash {
	blake2_256(canonical).into()
}

#[cfg(test)]
mod tests {
	use super::*;
	use alloc::string::ToString;

	#[test]
	fn a_number_is_written_with_its_point_and_takes_a_unit_a_character() {
		let cases = [
			(0, 0, "0"),
			(7, 0, "7"),
			(-7, 0, "-7"),
			(5, 2, "0.05"),
			(-5, 2, "-0.05"),
			(-123, 2, "-1.23"),
			(1_200, 3, "1.200"),
			(i64::MIN, 9, "-9223372036.854775808"),
		];
		for (value, decimals, text) in cases {
			let number = Number { value, decimals };
			assert_eq!(number.to_string(), text);
			assert_eq!(Answer::Number(number).output_units() as usize, text.len());
		}
	}
}
