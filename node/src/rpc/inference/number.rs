//! Numbers of jobs, as clients write them.

use serde::{de::Error, Deserialize, Deserializer};

/// A job's number, of 64 bits: a JSON number, or text of decimal digits or of `0x` and hexadecimal ones, the largest first, as
/// polkadot.js sends what JavaScript's numbers can't hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobNumber(pub u64);

impl<'de> Deserialize<'de> for JobNumber {
	fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
		#[derive(Deserialize)]
		#[serde(untagged)]
		enum Written {
			Number(u64),
			Text(String),
		}
		let wrong = || D::Error::custom("expected the number of a job, from 0 to 2^64 - 1: 7, \"7\" or \"0x7\"");
		match Written::deserialize(deserializer).map_err(|_| wrong())? {
			Written::Number(number) => Ok(Self(number)),
			Written::Text(text) => Self::parse(&text).ok_or_else(wrong),
		}
	}
}

impl JobNumber {
	fn parse(text: &str) -> Option<Self> {
		let (digits, radix) = text.strip_prefix("0x").map_or((text, 10), |digits| (digits, 16));
		// The parser would take a sign.
		let is_number = digits.chars().all(|digit| digit.is_digit(radix));
		u64::from_str_radix(digits, radix).ok().filter(|_| is_number).map(Self)
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use serde_json::{from_value, json};

	#[test]
	fn a_number_is_taken_however_a_client_writes_it() {
		for (written, number) in [
			(json!(7), 7),
			(json!("7"), 7),
			(json!("0x7"), 7),
			(json!("0x0010000000000000"), 1 << 52),
			(json!(u64::MAX), u64::MAX),
			(json!("18446744073709551615"), u64::MAX),
		] {
			assert_eq!(from_value::<JobNumber>(written.clone()).ok(), Some(JobNumber(number)), "{written}");
		}
	}

	#[test]
	fn what_is_no_number_is_said_to_be_none_and_what_one_is() {
		for written in
			[json!(-1), json!(1.5), json!("+1"), json!(""), json!("0x"), json!("seven"), json!(null), json!([7])]
		{
			let error = from_value::<JobNumber>(written.clone()).expect_err("it is none").to_string();
			assert!(error.contains("expected the number of a job, from 0 to 2^64 - 1"), "{written}: {error}");
		}
		assert!(from_value::<JobNumber>(json!("18446744073709551616")).is_err());
	}
}
