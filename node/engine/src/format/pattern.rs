//! Regular expressions, as their authors write them: a subset of what is common to most dialects.
//!
//! | written | means |
//! |---|---|
//! | `a` | the character itself, but for `\ . [ ] ( ) { } * + ? \| ^ $` |
//! | `\.` | the character behind the backslash, of ASCII's punctuation |
//! | `\n` `\r` `\t` | a line feed, a carriage return, a tabulator |
//! | `.` | any character but a line feed |
//! | `[a-z_]` `[^a-z_]` | a character that is one of these, or none of them |
//! | `(…)` `(?:…)` | a group |
//! | `x\|y` | one or the other |
//! | `x*` `x+` `x?` `x{3}` `x{3,}` `x{3,5}` | so many times |
//! | `^` at the beginning, `$` at the end | nothing: a text is matched as a whole anyway |
//!
//! Everything else that is special somewhere is refused by name, since its meaning differs between dialects or depends on
//! tables of Unicode's.

use super::expr::Expr;
use super::utf8::CharSet;
use super::{FormatError, MAX_PATTERN_BYTES};

/// The greatest number of repetitions that can be written. The limits of the automaton are lower.
const MAX_REPEAT: u32 = 99_999;

pub(super) fn parse(pattern: &str) -> Result<Expr, FormatError> {
	if pattern.len() > MAX_PATTERN_BYTES {
		return Err(FormatError::PatternLength(pattern.len()));
	}
	let mut parser = Parser { pattern, at: 0 };
	parser.take('^');
	let expr = parser.either()?;
	match parser.peek() {
		None => Ok(expr),
		Some(_) => Err(parser.error("there is a ) without its (; write \\) for the character")),
	}
}

struct Parser<'a> {
	pattern: &'a str,
	at: usize,
}

impl Parser<'_> {
	fn rest(&self) -> &str {
		&self.pattern[self.at..]
	}

	fn peek(&self) -> Option<char> {
		self.rest().chars().next()
	}

	fn next(&mut self) -> Option<char> {
		let next = self.peek()?;
		self.at += next.len_utf8();
		Some(next)
	}

	fn take(&mut self, character: char) -> bool {
		let is_next = self.peek() == Some(character);
		if is_next {
			self.at += character.len_utf8();
		}
		is_next
	}

	fn error(&self, reason: impl Into<String>) -> FormatError {
		FormatError::Pattern { at: self.at, reason: reason.into() }
	}

	fn either(&mut self) -> Result<Expr, FormatError> {
		let mut options = vec![self.concat()?];
		while self.take('|') {
			options.push(self.concat()?);
		}
		Ok(Expr::either(options))
	}

	fn concat(&mut self) -> Result<Expr, FormatError> {
		let mut parts = Vec::new();
		while let Some(next) = self.peek() {
			if matches!(next, '|' | ')') || self.rest() == "$" {
				break;
			}
			let part = self.atom()?;
			parts.push(self.repeated(part)?);
		}
		if self.rest() == "$" {
			self.at += 1;
		}
		Ok(Expr::concat(parts))
	}

	fn atom(&mut self) -> Result<Expr, FormatError> {
		match self.peek() {
			Some('(') => self.group(),
			Some('[') => Ok(self.class()?.expr()),
			Some('.') => {
				self.at += 1;
				Ok(CharSet::new([['\n'; 2]]).complement().expr())
			}
			Some('\\') => Ok(Expr::text(self.escape()?.encode_utf8(&mut [0; 4]))),
			Some(character @ ('*' | '+' | '?' | '{')) => Err(self.error(format!(
				"there is nothing before {character} to repeat; write \\{character} for the character"
			))),
			Some(character @ (']' | '}')) => Err(self
				.error(format!("there is a {character} that closes nothing; write \\{character} for the character"))),
			Some(character @ ('^' | '$')) => Err(self.error(format!(
				"the anchor {character} can only stand at the pattern's border; write \\{character} for the character"
			))),
			Some(character) => {
				self.at += character.len_utf8();
				Ok(Expr::text(character.encode_utf8(&mut [0; 4])))
			}
			None => Err(self.error("the pattern ends too early")),
		}
	}

	fn group(&mut self) -> Result<Expr, FormatError> {
		const SPECIAL: [(&str, &str); 8] = [
			("(?=", "look-ahead"),
			("(?!", "look-ahead"),
			("(?<=", "look-behind"),
			("(?<!", "look-behind"),
			("(?P", "a name of a group"),
			("(?<", "a name of a group"),
			("(?>", "an atomic group"),
			("(?#", "a comment"),
		];
		if let Some((_, what)) = SPECIAL.iter().find(|(start, _)| self.rest().starts_with(start)) {
			return Err(self.error(format!("{what} is not supported")));
		}
		if self.rest().starts_with("(?") && !self.rest().starts_with("(?:") {
			return Err(self.error("flags are not supported"));
		}
		let start = self.at;
		self.at += if self.rest().starts_with("(?:") { 3 } else { 1 };
		let inner = self.either()?;
		match self.take(')') {
			true => Ok(inner),
			false => {
				self.at = start;
				Err(self.error("this ( has no )"))
			}
		}
	}

	/// The character that an escape stands for.
	fn escape(&mut self) -> Result<char, FormatError> {
		let start = self.at;
		self.at += 1;
		let reason = match self.next() {
			Some('n') => return Ok('\n'),
			Some('r') => return Ok('\r'),
			Some('t') => return Ok('\t'),
			Some(character) if character.is_ascii_punctuation() => return Ok(character),
			Some(character @ ('d' | 'D' | 'w' | 'W' | 's' | 'S' | 'h' | 'H' | 'v' | 'V' | 'p' | 'P')) => {
				format!(
					"the class \\{character} is not supported; write the characters, for example [0-9] or [A-Za-z_]"
				)
			}
			Some(character @ ('b' | 'B' | 'A' | 'z' | 'Z' | 'G')) => {
				format!("the anchor \\{character} is not supported")
			}
			Some(character @ ('0'..='9' | 'k' | 'g')) => format!("the back-reference \\{character} is not supported"),
			Some(character @ ('x' | 'u' | 'U')) => {
				format!("the escape \\{character} is not supported; write the character itself")
			}
			Some(character) => format!("the escape \\{character} is not known"),
			None => "there is nothing behind the \\".into(),
		};
		self.at = start;
		Err(self.error(reason))
	}

	fn class(&mut self) -> Result<CharSet, FormatError> {
		let start = self.at;
		self.at += 1;
		let is_negated = self.take('^');
		let mut ranges = Vec::new();
		while !self.rest().starts_with(']') {
			for operator in ["&&", "~~", "||"] {
				if self.rest().starts_with(operator) {
					return Err(self.error(format!("the operation {operator} is not supported")));
				}
			}
			let from = self.at;
			let first = self.class_character(start)?;
			if self.rest().starts_with("--") {
				return Err(self.error("the operation -- is not supported"));
			}
			let last = match self.rest().starts_with('-') && !self.rest().starts_with("-]") {
				true => {
					self.at += 1;
					self.class_character(start)?
				}
				false => first,
			};
			if first > last {
				self.at = from;
				return Err(self.error(format!("the range {first}-{last} is empty")));
			}
			ranges.push([first, last]);
		}
		self.at += 1;
		let set = CharSet::new(ranges.iter().copied());
		let set = if is_negated { set.complement() } else { set };
		if ranges.is_empty() || set == CharSet::default() {
			self.at = start;
			return Err(self.error("no character is in this class"));
		}
		Ok(set)
	}

	fn class_character(&mut self, start: usize) -> Result<char, FormatError> {
		match self.peek() {
			Some('\\') => self.escape(),
			Some('[') => Err(self.error("a class within a class is not supported; write \\[ for the character")),
			Some(character) => {
				self.at += character.len_utf8();
				Ok(character)
			}
			None => {
				self.at = start;
				Err(self.error("this [ has no ]"))
			}
		}
	}

	fn repeated(&mut self, part: Expr) -> Result<Expr, FormatError> {
		let (min, max) = match self.peek() {
			Some('*') => (0, None),
			Some('+') => (1, None),
			Some('?') => (0, Some(1)),
			Some('{') => {
				let bounds = self.bounds()?;
				self.not_repeated()?;
				return Ok(Expr::repeat(part, bounds.0, bounds.1));
			}
			_ => return Ok(part),
		};
		self.at += 1;
		self.not_repeated()?;
		Ok(Expr::repeat(part, min, max))
	}

	/// `{3}`, `{3,}` or `{3,5}`
	fn bounds(&mut self) -> Result<(u32, Option<u32>), FormatError> {
		let start = self.at;
		self.at += 1;
		let min = self.number();
		let max = match self.take(',') {
			true if self.peek() == Some('}') => Some(None),
			true => self.number().map(Some),
			false => min.map(Some),
		};
		match (min, max, self.take('}')) {
			(Some(min), Some(max), true) if max.is_none_or(|max| min <= max) => Ok((min, max)),
			_ => {
				self.at = start;
				Err(self.error(
					"this is no number of repetitions, which are {3}, {3,} or {3,5}; write \\{ for the character",
				))
			}
		}
	}

	fn number(&mut self) -> Option<u32> {
		let digits = self.rest().len() - self.rest().trim_start_matches(|next: char| next.is_ascii_digit()).len();
		let number = self.rest()[..digits].parse().ok().filter(|number| *number <= MAX_REPEAT);
		self.at += digits;
		number
	}

	fn not_repeated(&self) -> Result<(), FormatError> {
		match self.peek() {
			Some('?') => Err(self.error("a lazy repetition matches the same texts; leave the ? out")),
			Some('+') => Err(self.error("a possessive repetition is not supported")),
			Some('*' | '{') => Err(self.error("what is repeated is repeated again; set a group around it")),
			_ => Ok(()),
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::format::Automaton;

	fn matches(pattern: &str, text: &str) -> bool {
		Automaton::new(&parse(pattern).unwrap()).unwrap().accepts(text.as_bytes())
	}

	fn refusal(pattern: &str) -> (usize, String) {
		match parse(pattern) {
			Err(FormatError::Pattern { at, reason }) => (at, reason),
			other => panic!("{pattern}: {other:?}"),
		}
	}

	#[test]
	fn a_pattern_should_match_whole_texts() {
		for (pattern, yes, no) in [
			("", &[""][..], &["a", " "][..]),
			("abc", &["abc"], &["", "ab", "abcd", "xabc"]),
			("^abc$", &["abc"], &["^abc$"]),
			("a|bc|", &["a", "bc", ""], &["b", "abc"]),
			("(a|b)c", &["ac", "bc"], &["a", "abc"]),
			("(?:ab){2,3}", &["abab", "ababab"], &["ab", "abababab", "aba"]),
			("a{2}", &["aa"], &["a", "aaa"]),
			("a{2,}", &["aa", "aaaaaa"], &["a"]),
			("a{0}b", &["b"], &["ab"]),
			("a*b+c?", &["b", "aabbc", "bc"], &["", "a", "bcc"]),
			("[a-c-]", &["a", "b", "c", "-"], &["d", "ab"]),
			("[-a]", &["-", "a"], &["b"]),
			("[^a-c]", &["d", "é", "\n", "🦀"], &["a", "", "dd"]),
			("[\\]\\[\\-^]", &["]", "[", "-", "^"], &["\\"]),
			(".", &["a", "é", "🦀"], &["\n", "", "ab"]),
			("é[à-ü]?", &["é", "éà", "éü"], &["éý", "e"]),
			("\\.\\$\\^\\\\\\n\\t\\r", &[".$^\\\n\t\r"], &["a"]),
			("[\\n]", &["\n"], &["n"]),
			("(a$|b)c?", &[], &[]),
		] {
			if yes.is_empty() {
				assert!(parse(pattern).is_err());
			}
			yes.iter().for_each(|text| assert!(matches(pattern, text), "{pattern} {text}"));
			no.iter().for_each(|text| assert!(!matches(pattern, text), "{pattern} {text}"));
		}
	}

	#[test]
	fn what_is_not_supported_should_be_refused_by_name_and_place() {
		for (pattern, at, name) in [
			("a(?=b)", 1, "look-ahead"),
			("a(?!b)", 1, "look-ahead"),
			("(?<=a)b", 0, "look-behind"),
			("(?<!a)b", 0, "look-behind"),
			("(?P<x>b)", 0, "a name of a group"),
			("(?<x>b)", 0, "a name of a group"),
			("(?>a)", 0, "an atomic group"),
			("(?i)a", 0, "flags"),
			("(?", 0, "flags"),
			("é\\d", 2, "the class \\d"),
			("[\\w]", 1, "the class \\w"),
			("\\p{L}", 0, "the class \\p"),
			("a\\b", 1, "the anchor \\b"),
			("(a)\\1", 3, "the back-reference \\1"),
			("\\x41", 0, "the escape \\x"),
			("\\e", 0, "the escape \\e"),
			("\\é", 0, "the escape \\é"),
			("a^b", 1, "the anchor ^"),
			("a$b", 1, "the anchor $"),
			("(^a)", 1, "the anchor ^"),
			("a*?", 2, "a lazy repetition"),
			("a{2}?", 4, "a lazy repetition"),
			("a++", 2, "a possessive repetition"),
			("a**", 2, "what is repeated"),
			("[a[b]]", 2, "a class within a class"),
			("[[:alpha:]]", 1, "a class within a class"),
			("[a&&b]", 2, "the operation &&"),
			("[a--b]", 2, "the operation --"),
		] {
			let (place, reason) = refusal(pattern);
			assert!(place == at && reason.starts_with(name), "{pattern} at {place}: {reason}");
		}
	}

	#[test]
	fn what_is_no_pattern_should_be_refused() {
		for pattern in [
			"(",
			"a)",
			"[",
			"[]",
			"[^]",
			"[a",
			"[a-",
			"*",
			"|*",
			"{2}",
			"a{",
			"a{2",
			"a{,2}",
			"a{2,1}",
			"a{x}",
			"a{100000}",
			"\\",
			"]",
			"}",
			"[b-a]",
			"[cb-a]",
			"[^\u{0}-\u{10ffff}]",
		] {
			refusal(pattern);
		}
		assert_eq!(parse(&"a".repeat(257)), Err(FormatError::PatternLength(257)));
		assert!(parse(&"(".repeat(256)).is_err());
		assert!(matches(&format!("{}a{}", "(".repeat(127), ")".repeat(127)), "a"));
	}
}
