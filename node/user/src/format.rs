//! What form an answer has, as a command line has it.

use crate::InputError;
use sibyl_engine::{check_format, Format};
use std::{num::IntErrorKind, path::PathBuf};

/// What form the answer has; any text where none is chosen.
#[derive(Debug, Default, clap::Args)]
#[group(multiple = false)]
pub struct FormatOptions {
	/// Say which of these texts is the likeliest answer, and how likely each of them is.
	#[arg(long, value_name = "TEXT,...", value_delimiter = ',')]
	choices: Vec<String>,

	/// Answer by a number from MIN to MAX, with as many decimals as these have.
	#[arg(long, value_name = "MIN..MAX", allow_hyphen_values = true, value_parser = parse_range)]
	number: Option<Format>,

	/// Answer by JSON of the JSON Schema in this file.
	#[arg(long, value_name = "FILE")]
	json_schema: Option<PathBuf>,

	/// Answer by a text that this pattern matches whole.
	#[arg(long, value_name = "PATTERN")]
	regex: Option<String>,

	/// Say how likely the model found each token of the text.
	#[arg(long)]
	scores: bool,
}

impl FormatOptions {
	/// The format; none where none is chosen.
	pub fn format(&self) -> Result<Option<Format>, InputError> {
		let format = if !self.choices.is_empty() {
			Format::Choice(self.choices.clone())
		} else if let Some(number) = &self.number {
			number.clone()
		} else if let Some(path) = &self.json_schema {
			let unreadable = |source| InputError::Unreadable { path: path.clone(), source };
			Format::Json(std::fs::read_to_string(path).map_err(unreadable)?)
		} else if let Some(pattern) = &self.regex {
			Format::Regex(pattern.clone())
		} else if self.scores {
			Format::ScoredText { stops: Vec::new() }
		} else {
			return Ok(None);
		};
		check_format(&format)?;
		Ok(Some(format))
	}
}

/// `0..100`, or `-1.50..1.50`.
pub fn parse_range(text: &str) -> Result<Format, String> {
	let wrong = || "expected two numbers, as in 0..100 or -1.50..1.50".to_string();
	let (min, max) = text.split_once("..").ok_or_else(wrong)?;
	// Digits with at most one point among them, and a sign before them: each part is taken apart below.
	let is_number = |text: &str| {
		let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
		let (whole, rest) = digits.split_once('.').unwrap_or((digits, ""));
		let are_digits = |part: &str| part.bytes().all(|digit| digit.is_ascii_digit());
		are_digits(whole) && are_digits(rest) && whole.len() + rest.len() > 0
	};
	if !is_number(min) || !is_number(max) {
		return Err(wrong());
	}
	let decimals_of = |text: &str| text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
	let decimals = decimals_of(min).max(decimals_of(max));
	let scaled = |text: &str| {
		let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
		format!("{whole}{rest:0<decimals$}").parse::<i64>().map_err(|error| match error.kind() {
			IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => {
				"a number has at most 18 digits, decimals counted".into()
			}
			_ => wrong(),
		})
	};
	let decimals = u8::try_from(decimals).map_err(|_| wrong())?;
	Ok(Format::Number { min: scaled(min)?, max: scaled(max)?, decimals })
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_range_should_have_the_decimals_that_it_is_written_with() {
		let number = |min, max, decimals| Ok(Format::Number { min, max, decimals });
		assert_eq!(parse_range("0..100"), number(0, 100, 0));
		assert_eq!(parse_range("-1.5..2"), number(-15, 20, 1));
		assert_eq!(parse_range("-0.25..0.75"), number(-25, 75, 2));
		for wrong in ["", "5", "1..", "a..b", "1...2.0", "0..99999999999999999999"] {
			assert!(parse_range(wrong).is_err(), "{wrong}");
		}
		for lacks_a_number in ["-1.50..", "..0.5", ".09..+", "0.5..-", "0.0..-.", ".-5..1", "0.5..1.+5"] {
			assert!(parse_range(lacks_a_number).is_err(), "{lacks_a_number}");
		}
		assert!(parse_range("0..99999999999999999999").is_err_and(|error| error.contains("18 digits")));
	}
}
