//! Short text with a bound.

use alloc::string::String;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use core::fmt;
use scale_info::TypeInfo;
use serde::{de::Error, Deserialize, Deserializer, Serialize, Serializer};
use sp_core::ConstU32;
use sp_runtime::BoundedVec;

/// UTF-8 of at most `N` bytes. On the wire it is bytes; in JSON it is a string.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Text<const N: u32>(BoundedVec<u8, ConstU32<N>>);

impl<const N: u32> Text<N> {
	/// The text as bytes.
	pub fn as_bytes(&self) -> &[u8] {
		&self.0
	}

	/// The text; where its bytes are no UTF-8, as a foreign encoding can hold, without what can't be read.
	pub fn to_string_lossy(&self) -> String {
		String::from_utf8_lossy(&self.0).into_owned()
	}
}

impl<const N: u32> TryFrom<&str> for Text<N> {
	type Error = TextTooLong;

	fn try_from(text: &str) -> Result<Self, Self::Error> {
		text.as_bytes().to_vec().try_into().map(Self).map_err(|_| TextTooLong { bound: N })
	}
}

/// The text has more bytes than fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextTooLong {
	/// Bytes that fit.
	pub bound: u32,
}

impl fmt::Display for TextTooLong {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(f, "text has more than {} bytes", self.bound)
	}
}

impl core::error::Error for TextTooLong {}

impl<const N: u32> fmt::Debug for Text<N> {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(f, "{:?}", self.to_string_lossy())
	}
}

impl<const N: u32> Serialize for Text<N> {
	fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
		serializer.serialize_str(&self.to_string_lossy())
	}
}

impl<'de, const N: u32> Deserialize<'de> for Text<N> {
	fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
		let text = String::deserialize(deserializer)?;
		Self::try_from(text.as_str()).map_err(D::Error::custom)
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use alloc::format;

	#[test]
	fn a_text_is_shown_as_it_is_and_one_that_is_too_long_says_what_fits() {
		let text = Text::<8>::try_from("añ\"").expect("it fits");
		assert_eq!(text.to_string_lossy(), "añ\"");
		assert_eq!(format!("{text:?}"), r#""añ\"""#);
		let error = Text::<2>::try_from("añ").expect_err("it has three bytes");
		assert_eq!(format!("{error}"), "text has more than 2 bytes");
	}
}
