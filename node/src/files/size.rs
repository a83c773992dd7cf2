//! Sizes on the command line.

use std::{fmt, str::FromStr};

/// Units, the largest first.
const UNITS: [(&str, u64); 4] = [("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)];

/// A number of bytes, written as `20GB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

/// What is no size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no size: write a whole number and a unit, as 500MB or 20GB")]
pub struct NotASize(String);

impl FromStr for Size {
	type Err = NotASize;

	fn from_str(text: &str) -> Result<Self, NotASize> {
		let refused = || NotASize(text.into());
		let (digits, unit) = UNITS
			.into_iter()
			.find_map(|(name, unit)| Some((text.strip_suffix(name)?, unit)))
			.or_else(|| Some((text.strip_suffix('B')?, 1)))
			.ok_or_else(refused)?;
		if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
			return Err(refused());
		}
		digits.parse().ok().and_then(|count: u64| count.checked_mul(unit)).map(Self).ok_or_else(refused)
	}
}

impl fmt::Display for Size {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match UNITS.into_iter().find(|(_, unit)| self.0 > 0 && self.0.is_multiple_of(*unit)) {
			Some((name, unit)) => write!(f, "{}{name}", self.0 / unit),
			None => write!(f, "{}B", self.0),
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn sizes_are_read_as_they_are_shown() {
		for (text, bytes) in [("20GB", 20_000_000_000), ("500MB", 500_000_000), ("1TB", 1_000_000_000_000), ("7B", 7)] {
			assert_eq!(text.parse(), Ok(Size(bytes)));
			assert_eq!(Size(bytes).to_string(), text);
		}
		assert_eq!("2000MB".parse(), Ok(Size(2_000_000_000)));
		assert_eq!(Size(0).to_string(), "0B");
	}

	#[test]
	fn what_is_no_size_is_refused_by_name() {
		for wrong in ["", "20", "GB", "1.5GB", "-1GB", "20 GB", "20gb", "99999999999999TB"] {
			let error = wrong.parse::<Size>().expect_err("it is none").to_string();
			assert!(error.contains(&format!("'{wrong}'")) && error.contains("20GB"), "{error}");
		}
	}
}
