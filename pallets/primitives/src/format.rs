//! What form a generated answer has, so that a program can use it.

use crate::{
	output::{MAX_SCORED_TOKENS, MAX_TOKENS},
	text::Text,
};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sp_core::ConstU32;
use sp_runtime::BoundedVec;

/// Texts that end an answer, at most.
pub const MAX_STOPS: u32 = 4;
/// Bytes of a text that ends an answer.
pub const MAX_STOP_BYTES: u32 = 64;
/// Choices that a model has at least.
pub const MIN_CHOICES: u32 = 2;
/// Choices that a model has at most.
pub const MAX_CHOICES: u32 = 32;
/// Bytes of a choice.
pub const MAX_CHOICE_BYTES: u32 = 64;
/// Bytes of a choice that take as long as a unit of output.
const BYTES_READ_AT_ONCE: u32 = 16;
/// Decimals of a number.
pub const MAX_DECIMALS: u8 = 9;
/// Bytes of a JSON Schema.
pub const MAX_SCHEMA_BYTES: u32 = 2_048;
/// Bytes of a pattern.
pub const MAX_PATTERN_BYTES: u32 = 256;

/// What form a generated answer has. `docs/formats.md` says what schemas and patterns may say.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Serialize, Deserialize,
)]
#[serde(rename_all = "camelCase")]
pub enum Format {
	/// Whatever the model says.
	Text {
		/// Texts, none empty, before the first of which the answer ends.
		stops: BoundedVec<Text<MAX_STOP_BYTES>, ConstU32<MAX_STOPS>>,
	},
	/// The likeliest of these texts, 2 to 32 different ones, and how likely each of them is. It takes no output units.
	Choice(BoundedVec<Text<MAX_CHOICE_BYTES>, ConstU32<MAX_CHOICES>>),
	/// A number.
	Number {
		/// The least one, in units of the last decimal.
		min: i64,
		/// The greatest one, likewise.
		max: i64,
		/// Digits behind the point, at most 9.
		decimals: u8,
	},
	/// JSON of this JSON Schema.
	Json(Text<MAX_SCHEMA_BYTES>),
	/// A text that this pattern matches whole.
	Regex(Text<MAX_PATTERN_BYTES>),
	/// Whatever the model says, and how likely it found each token.
	ScoredText {
		/// Texts, none empty, before the first of which the answer ends.
		stops: BoundedVec<Text<MAX_STOP_BYTES>, ConstU32<MAX_STOPS>>,
	},
}

impl Default for Format {
	fn default() -> Self {
		Self::Text { stops: BoundedVec::new() }
	}
}

impl Format {
	/// Whether the runtime can take it. Schemas and patterns are read by the engines alone, which refuse a bad one.
	pub fn is_valid(&self) -> bool {
		let is_text = |bytes: &[u8]| !bytes.is_empty() && core::str::from_utf8(bytes).is_ok();
		match self {
			Self::Text { stops } | Self::ScoredText { stops } => stops.iter().all(|stop| is_text(stop.as_bytes())),
			Self::Choice(choices) => {
				let is_first = |at: usize| choices.iter().position(|other| *other == choices[at]) == Some(at);
				choices.len() >= MIN_CHOICES as usize
					&& choices.iter().all(|choice| is_text(choice.as_bytes()))
					&& (0..choices.len()).all(is_first)
			}
			Self::Number { min, max, decimals } => min <= max && *decimals <= MAX_DECIMALS,
			Self::Json(schema) => is_text(schema.as_bytes()),
			Self::Regex(pattern) => is_text(pattern.as_bytes()),
		}
	}

	/// Whether a model that does not generate text can give it.
	pub fn is_default(&self) -> bool {
		*self == Self::default()
	}

	/// The bytes that it adds to what the model reads.
	pub fn bytes(&self) -> u32 {
		let sum = |lengths: &mut dyn Iterator<Item = usize>| lengths.fold(0, usize::saturating_add) as u32;
		match self {
			Self::Text { stops } | Self::ScoredText { stops } => {
				sum(&mut stops.iter().map(|stop| stop.as_bytes().len()))
			}
			Self::Choice(choices) => sum(&mut choices.iter().map(|choice| choice.as_bytes().len())),
			Self::Number { .. } => 0,
			Self::Json(schema) => schema.as_bytes().len() as u32,
			Self::Regex(pattern) => pattern.as_bytes().len() as u32,
		}
	}

	/// The units of output that a job takes as long as. A choice takes one, and one more for each 16 bytes beyond the first:
	/// its tokens are read together, but each needs the logits behind it, as one that is written does. Its bytes count as
	/// input besides.
	pub fn written_units(&self, max_output_units: u32) -> u32 {
		match self {
			Self::Choice(choices) => {
				let units =
					|choice: &Text<MAX_CHOICE_BYTES>| (choice.as_bytes().len() as u32).div_ceil(BYTES_READ_AT_ONCE);
				choices.iter().map(units).fold(0, u32::saturating_add)
			}
			Self::Text { .. } | Self::ScoredText { .. } | Self::Number { .. } | Self::Json(_) | Self::Regex(_) => {
				max_output_units
			}
		}
	}

	/// The fewest output units that a job must pay for.
	pub fn least_output_units(&self) -> u32 {
		match self {
			Self::Choice(_) => 0,
			// A space may stand before it.
			Self::Number { min, max, decimals } => {
				number_length(*min, *decimals).max(number_length(*max, *decimals)).saturating_add(1)
			}
			Self::Text { .. } | Self::ScoredText { .. } | Self::Json(_) | Self::Regex(_) => 1,
		}
	}

	/// The most output units that a job may pay for, whatever the model gives: scores take room on the chain.
	pub fn most_output_units(&self) -> u32 {
		match self {
			Self::ScoredText { .. } => MAX_SCORED_TOKENS,
			Self::Text { .. } | Self::Choice(_) | Self::Number { .. } | Self::Json(_) | Self::Regex(_) => MAX_TOKENS,
		}
	}
}

/// Characters of a number as it is written: sign, digits and point. A token has one at least.
pub fn number_length(value: i64, decimals: u8) -> u32 {
	let digits = value.unsigned_abs().checked_ilog10().map_or(1, |log| log.saturating_add(1));
	let decimals = u32::from(decimals);
	let point = u32::from(decimals > 0);
	digits.max(decimals.saturating_add(1)).saturating_add(point).saturating_add(u32::from(value < 0))
}

#[cfg(test)]
mod tests {
	use super::*;
	use alloc::{vec, vec::Vec};

	fn choices(texts: &[&str]) -> Format {
		let texts: Vec<_> = texts.iter().map(|text| Text::try_from(*text).expect("it is short")).collect();
		Format::Choice(texts.try_into().expect("they are few"))
	}

	#[test]
	fn two_different_choices_are_the_fewest() {
		assert!(choices(&["yes", "no"]).is_valid());
		for wrong in [&["yes"][..], &[], &["yes", "yes"], &["yes", ""], &["a", "b", "a"]] {
			assert!(!choices(wrong).is_valid(), "{wrong:?}");
		}
		let broken = Format::decode(&mut &[1, 2 << 2, 4, b'a', 4, 0xff][..]).expect("it has the form of choices");
		assert!(!broken.is_valid(), "a choice is UTF-8");
	}

	#[test]
	fn a_range_has_a_number_and_few_decimals() {
		assert!(Format::Number { min: -5, max: -5, decimals: 9 }.is_valid());
		assert!(!Format::Number { min: 1, max: 0, decimals: 0 }.is_valid());
		assert!(!Format::Number { min: 0, max: 1, decimals: 10 }.is_valid());
	}

	#[test]
	fn empty_stops_schemas_and_patterns_are_none() {
		let stops = |text: &str| vec![text.try_into().expect("short")].try_into().expect("one");
		for stop in [|stops| Format::Text { stops }, |stops| Format::ScoredText { stops }] {
			assert!(stop(stops("\n")).is_valid() && !stop(stops("")).is_valid());
			assert_eq!(stop(stops("end")).bytes(), 3);
		}
		assert!(Format::Json("{}".try_into().expect("short")).is_valid());
		assert!(!Format::Json("".try_into().expect("short")).is_valid());
		assert!(Format::Regex("a*".try_into().expect("short")).is_valid());
		assert!(!Format::Regex("".try_into().expect("short")).is_valid());
	}

	#[test]
	fn what_a_format_adds_is_its_texts() {
		assert_eq!(Format::default().bytes(), 0);
		assert_eq!(choices(&["yes", "no"]).bytes(), 5);
		assert_eq!(Format::Number { min: 0, max: 9, decimals: 0 }.bytes(), 0);
		assert_eq!(Format::Json("{}".try_into().expect("short")).bytes(), 2);
		assert_eq!(Format::Regex("a*b".try_into().expect("short")).bytes(), 3);
	}

	#[test]
	fn a_number_takes_as_many_units_as_it_has_characters() {
		let cases = [
			(0, 0, "0"),
			(7, 0, "7"),
			(-7, 0, "-7"),
			(10, 0, "10"),
			(5, 2, "0.05"),
			(-123, 2, "-1.23"),
			(0, 9, "0.000000000"),
			(i64::MIN, 0, "-9223372036854775808"),
		];
		for (value, decimals, text) in cases {
			assert_eq!(number_length(value, decimals) as usize, text.len(), "{text}");
		}
		assert_eq!(Format::Number { min: -100, max: 9, decimals: 0 }.least_output_units(), 5, "and a space");
		assert_eq!([Format::default(), choices(&["a", "b"])].map(|format| format.least_output_units()), [1, 0]);
	}

	#[test]
	fn choices_take_as_long_as_output_of_so_many_units_whatever_output_is_asked_for() {
		assert_eq!(choices(&["yes", "no"]).written_units(100), 2);
		let long = ["a".repeat(16), "a".repeat(17), "a".repeat(64)];
		assert_eq!(choices(&[&long[0], &long[1], &long[2]]).written_units(100), 1 + 2 + 4);
		assert_eq!(Format::default().written_units(100), 100);
		assert_eq!(Format::Regex("a*b".try_into().expect("short")).written_units(7), 7);
	}

	#[test]
	fn formats_are_encoded_as_ever() {
		let encoded = |format: Format| format.encode();
		assert_eq!(encoded(Format::default()), [0, 0]);
		assert_eq!(encoded(choices(&["a", "b"])), [1, 2 << 2, 4, b'a', 4, b'b']);
		let number = [&[2][..], &1_i64.to_le_bytes(), &2_i64.to_le_bytes(), &[3]].concat();
		assert_eq!(encoded(Format::Number { min: 1, max: 2, decimals: 3 }), number);
		assert_eq!(encoded(Format::Json("{}".try_into().expect("short"))), [3, 8, b'{', b'}']);
		assert_eq!(encoded(Format::Regex("a".try_into().expect("short"))), [4, 4, b'a']);
		assert_eq!(encoded(Format::ScoredText { stops: Default::default() }), [5, 0]);
	}
}
