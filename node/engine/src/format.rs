//! Answers that programs can use: what a generated answer must look like.
//!
//! [`Format::Number`], [`Format::Json`] and [`Format::Regex`] are compiled to a finite automaton over bytes, which says
//! token by token what may follow. [`Format::Choice`] has no text of its own: each of the given texts is scored as the
//! continuation of the prompt.
//!
//! Whether a format can be served is a pure function of it, with limits that are numbers of the automaton itself and no
//! sizes of this program's memory, so every engine refuses the same ones. `docs/formats.md` is for those who write them.

mod automaton;
pub(crate) mod choice;
mod expr;
mod glushkov;
pub(crate) mod grammar;
mod json;
mod number;
mod pattern;
mod schema;
pub(crate) mod stops;
#[cfg(test)]
mod tests;
mod utf8;
pub(crate) mod vocabulary;

pub(crate) use automaton::Automaton;
pub(crate) use number::parse as parse_number;

use expr::Expr;

/// How many stop texts a request may have.
pub const MAX_STOPS: usize = 4;
/// The longest stop text, in bytes.
pub const MAX_STOP_BYTES: usize = 64;
/// The fewest choices.
pub const MIN_CHOICES: usize = 2;
/// The most choices.
pub const MAX_CHOICES: usize = 32;
/// The longest choice, in bytes.
pub const MAX_CHOICE_BYTES: usize = 64;
/// The most decimals of a number.
pub const MAX_DECIMALS: u8 = 9;
/// The longest JSON Schema, in bytes.
pub const MAX_SCHEMA_BYTES: usize = 2_048;
/// The longest pattern, in bytes.
pub const MAX_PATTERN_BYTES: usize = 256;

/// What an answer must look like. Only generation looks at it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Format {
	/// Any text.
	Text {
		/// The answer ends before the first of these texts; up to [`MAX_STOPS`], of 1 to [`MAX_STOP_BYTES`] bytes each.
		stops: Vec<String>,
	},
	/// The likeliest of [`MIN_CHOICES`] to [`MAX_CHOICES`] texts, all different, of 1 to [`MAX_CHOICE_BYTES`] bytes each.
	Choice(Vec<String>),
	/// A decimal number within a range. It needs as many output units as its longest spelling has bytes
	/// ([`Format::min_output_units`]), so that it is never cut off.
	Number {
		/// The least one, times 10^`decimals`.
		min: i64,
		/// The greatest one, times 10^`decimals`.
		max: i64,
		/// How many decimals it may have, at most [`MAX_DECIMALS`].
		decimals: u8,
	},
	/// JSON of this JSON Schema, without white space; a subset of the language, at most [`MAX_SCHEMA_BYTES`] bytes.
	Json(String),
	/// A text that this pattern matches as a whole; a subset of regular expressions, at most [`MAX_PATTERN_BYTES`] bytes.
	Regex(String),
	/// Any text, and how likely the model found each token of it.
	ScoredText {
		/// As those of a text.
		stops: Vec<String>,
	},
}

impl Default for Format {
	/// Any text, which only the model or its length ends.
	fn default() -> Self {
		Self::Text { stops: Vec::new() }
	}
}

/// Why a format cannot be served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
	/// Too many stop texts.
	#[error("there are {0} stop texts; there may be at most {MAX_STOPS}")]
	TooManyStops(usize),
	/// A stop text is empty or too long.
	#[error("stop text {number} has {bytes} bytes; it must have 1 to {MAX_STOP_BYTES}")]
	StopLength {
		/// Which one, from 1.
		number: usize,
		/// Its length.
		bytes: usize,
	},
	/// Too few or too many choices.
	#[error("there are {0} choices; there must be {MIN_CHOICES} to {MAX_CHOICES}")]
	ChoiceCount(usize),
	/// A choice is empty or too long.
	#[error("choice {number} has {bytes} bytes; it must have 1 to {MAX_CHOICE_BYTES}")]
	ChoiceLength {
		/// Which one, from 1.
		number: usize,
		/// Its length.
		bytes: usize,
	},
	/// Two choices are the same.
	#[error("choices {first} and {second} are the same text; leave one out")]
	SameChoices {
		/// Which one, from 1.
		first: usize,
		/// Which one, from 1.
		second: usize,
	},
	/// A number of too many decimals.
	#[error("{0} decimals; there may be at most {MAX_DECIMALS}")]
	Decimals(u8),
	/// A range without numbers.
	#[error("the least number, {min}, is greater than the greatest, {max}")]
	EmptyRange {
		/// The least number, as it was given.
		min: i64,
		/// The greatest number, as it was given.
		max: i64,
	},
	/// A schema that is too long.
	#[error("the schema has {0} bytes; it may have at most {MAX_SCHEMA_BYTES}")]
	SchemaLength(usize),
	/// A schema that is no JSON.
	#[error("the schema is no JSON: {reason} at byte {at}")]
	NotJson {
		/// Where, from 0.
		at: usize,
		/// What is wrong there.
		reason: &'static str,
	},
	/// A schema that cannot be served.
	#[error("the schema {}: {reason}", Place(.at))]
	Schema {
		/// Where, as a JSON pointer.
		at: String,
		/// What is wrong there.
		reason: String,
	},
	/// A pattern that is too long.
	#[error("the pattern has {0} bytes; it may have at most {MAX_PATTERN_BYTES}")]
	PatternLength(usize),
	/// A pattern that cannot be served.
	#[error("the pattern at byte {at}: {reason}")]
	Pattern {
		/// Where, from 0.
		at: usize,
		/// What is wrong there.
		reason: String,
	},
	/// No text matches.
	#[error("no text at all has this format")]
	NoText,
	/// The automaton would be too large.
	#[error("the format is too large: it needs more than {limit} {what}; make its bounds or its lists smaller")]
	TooLarge {
		/// What is counted.
		what: &'static str,
		/// How many are possible.
		limit: u64,
	},
}

/// A JSON pointer, for people.
struct Place<'a>(&'a str);

impl std::fmt::Display for Place<'_> {
	fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
		match self.0 {
			"" => f.write_str("at its root"),
			// A name may hold what a terminal obeys.
			pointer => write!(f, "at {}", pointer.escape_debug()),
		}
	}
}

/// Whether a format can be served, or what is wrong with it.
///
/// A model may still have no tokens for a choice or for the bytes that a format demands; it then refuses.
pub fn check_format(format: &Format) -> Result<(), FormatError> {
	compile(format).map(drop)
}

/// A text of a format with an automaton, which the given bytes choose; for tests and fuzzing. None of other formats, and
/// if the bytes are too few.
#[doc(hidden)]
pub fn sample(format: &Format, choices: &[u8]) -> Option<Vec<u8>> {
	compile(format).ok()??.sample(choices)
}

/// The automaton of a format, if it has one.
pub(crate) fn compile(format: &Format) -> Result<Option<Automaton>, FormatError> {
	let expr = match format {
		Format::Text { stops } | Format::ScoredText { stops } => return check_stops(stops).map(|()| None),
		Format::Choice(choices) => return check_choices(choices).map(|()| None),
		Format::Number { min, max, decimals } => number_expr(*min, *max, *decimals)?,
		Format::Json(schema) => schema::parse(schema)?,
		Format::Regex(pattern) => pattern::parse(pattern)?,
	};
	Automaton::new(&expr).map(Some)
}

impl Format {
	/// How many output units a request of this format must allow at least, lest it is refused: of a number so many that
	/// it is never cut off, of others none.
	///
	/// ```
	/// # use sibyl_engine::Format;
	/// // A space, a sign, three digits, a point and a digit.
	/// assert_eq!(Format::Number { min: -1_000, max: 10, decimals: 1 }.min_output_units(), 7);
	/// ```
	pub fn min_output_units(&self) -> u32 {
		match *self {
			Self::Number { min, max, decimals } => number::longest(min.into(), max.into(), decimals.into()) + 1,
			_ => 0,
		}
	}
}

/// A number, with or without a space before it: it may continue a text.
fn number_expr(min: i64, max: i64, decimals: u8) -> Result<Expr, FormatError> {
	if decimals > MAX_DECIMALS {
		return Err(FormatError::Decimals(decimals));
	}
	if min > max {
		return Err(FormatError::EmptyRange { min, max });
	}
	Ok(Expr::concat([Expr::optional(Expr::text(" ")), number::range(min.into(), max.into(), decimals.into())]))
}

fn check_stops(stops: &[String]) -> Result<(), FormatError> {
	if stops.len() > MAX_STOPS {
		return Err(FormatError::TooManyStops(stops.len()));
	}
	match lengths(stops).find(|(_, bytes)| !(1..=MAX_STOP_BYTES).contains(bytes)) {
		Some((number, bytes)) => Err(FormatError::StopLength { number, bytes }),
		None => Ok(()),
	}
}

fn check_choices(choices: &[String]) -> Result<(), FormatError> {
	if !(MIN_CHOICES..=MAX_CHOICES).contains(&choices.len()) {
		return Err(FormatError::ChoiceCount(choices.len()));
	}
	if let Some((number, bytes)) = lengths(choices).find(|(_, bytes)| !(1..=MAX_CHOICE_BYTES).contains(bytes)) {
		return Err(FormatError::ChoiceLength { number, bytes });
	}
	for (at, choice) in choices.iter().enumerate() {
		if let Some(before) = choices[..at].iter().position(|before| before == choice) {
			return Err(FormatError::SameChoices { first: before + 1, second: at + 1 });
		}
	}
	Ok(())
}

/// The number of each text, from 1, and its length in bytes.
fn lengths(texts: &[String]) -> impl Iterator<Item = (usize, usize)> + '_ {
	(1..).zip(texts.iter().map(String::len))
}
