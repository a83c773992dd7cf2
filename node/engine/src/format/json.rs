//! JSON (RFC 8259) as a schema is written in it.
//!
//! Objects keep the order of their members, and numbers their digits: both are part of what a schema asks for. Neither
//! can be had of a JSON crate whose features another crate may turn on.

use super::FormatError;

/// How deep values may stand in each other.
const MAX_DEPTH: usize = 32;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Json {
	Null,
	Bool(bool),
	/// As it is written.
	Number(String),
	String(String),
	Array(Vec<Json>),
	/// In the order in which they are written; no name twice.
	Object(Vec<(String, Json)>),
}

/// Reads one value and nothing else.
pub(super) fn parse(text: &str) -> Result<Json, FormatError> {
	let mut reader = Reader { text, at: 0 };
	let value = reader.value(0)?;
	match reader.rest() {
		"" => Ok(value),
		_ => Err(reader.error("there is something behind the value")),
	}
}

/// A string as an answer writes it: `"`, `\` and control characters are escaped, nothing else is.
pub(super) fn quoted(text: &str) -> String {
	let mut quoted = String::from('"');
	for character in text.chars() {
		match character {
			'"' | '\\' => quoted.extend(['\\', character]),
			'\n' => quoted.push_str("\\n"),
			'\r' => quoted.push_str("\\r"),
			'\t' => quoted.push_str("\\t"),
			'\u{8}' => quoted.push_str("\\b"),
			'\u{c}' => quoted.push_str("\\f"),
			'\0'..='\u{1f}' => quoted.push_str(&format!("\\u{:04x}", u32::from(character))),
			_ => quoted.push(character),
		}
	}
	quoted.push('"');
	quoted
}

struct Reader<'a> {
	text: &'a str,
	at: usize,
}

impl<'a> Reader<'a> {
	fn rest(&self) -> &'a str {
		&self.text[self.at..]
	}

	fn error(&self, reason: &'static str) -> FormatError {
		FormatError::NotJson { at: self.at, reason }
	}

	fn skip_space(&mut self) {
		let rest = self.rest();
		self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
	}

	/// Takes what comes next, and the white space behind it.
	fn take(&mut self, token: &str) -> bool {
		let is_next = self.rest().starts_with(token);
		if is_next {
			self.at += token.len();
			self.skip_space();
		}
		is_next
	}

	/// A value with the white space around it.
	fn value(&mut self, depth: usize) -> Result<Json, FormatError> {
		if depth > MAX_DEPTH {
			return Err(self.error("values stand too deep in each other"));
		}
		self.skip_space();
		for (word, value) in [("null", Json::Null), ("true", Json::Bool(true)), ("false", Json::Bool(false))] {
			if self.take(word) {
				return Ok(value);
			}
		}
		match self.rest().chars().next() {
			Some('{') => self.object(depth),
			Some('[') => self.array(depth),
			Some('"') => Ok(Json::String(self.string()?)),
			Some('-' | '0'..='9') => self.number(),
			_ => Err(self.error("there is no value")),
		}
	}

	fn array(&mut self, depth: usize) -> Result<Json, FormatError> {
		self.take("[");
		let mut values = Vec::new();
		if self.take("]") {
			return Ok(Json::Array(values));
		}
		loop {
			values.push(self.value(depth + 1)?);
			if self.take("]") {
				return Ok(Json::Array(values));
			}
			if !self.take(",") {
				return Err(self.error("there is no , or ]"));
			}
		}
	}

	fn object(&mut self, depth: usize) -> Result<Json, FormatError> {
		self.take("{");
		let mut members: Vec<(String, Json)> = Vec::new();
		if self.take("}") {
			return Ok(Json::Object(members));
		}
		loop {
			let start = self.at;
			if !self.rest().starts_with('"') {
				return Err(self.error("there is no name of a member"));
			}
			let name = self.string()?;
			if members.iter().any(|(other, _)| *other == name) {
				return Err(FormatError::NotJson { at: start, reason: "this name comes twice" });
			}
			if !self.take(":") {
				return Err(self.error("there is no :"));
			}
			members.push((name, self.value(depth + 1)?));
			if self.take("}") {
				return Ok(Json::Object(members));
			}
			if !self.take(",") {
				return Err(self.error("there is no , or }"));
			}
		}
	}

	fn number(&mut self) -> Result<Json, FormatError> {
		let rest = self.rest();
		let digits = |from: usize| rest[from..].bytes().take_while(u8::is_ascii_digit).count();
		let next = |at: usize, characters: &[u8]| rest.as_bytes().get(at).is_some_and(|next| characters.contains(next));
		let mut end = usize::from(next(0, b"-"));
		let whole = digits(end);
		let mut is_valid = whole == 1 || whole > 1 && !next(end, b"0");
		end += whole;
		if next(end, b".") {
			let fraction = digits(end + 1);
			is_valid &= fraction > 0;
			end += 1 + fraction;
		}
		if next(end, b"eE") {
			end += 1 + usize::from(next(end + 1, b"+-"));
			let exponent = digits(end);
			is_valid &= exponent > 0;
			end += exponent;
		}
		if !is_valid {
			return Err(self.error("this is no number"));
		}
		let number = rest[..end].to_string();
		self.at += end;
		self.skip_space();
		Ok(Json::Number(number))
	}

	fn string(&mut self) -> Result<String, FormatError> {
		self.at += 1;
		let mut text = String::new();
		loop {
			let Some(character) = self.rest().chars().next() else { return Err(self.error("a string has no end")) };
			match character {
				'"' => {
					self.take("\"");
					return Ok(text);
				}
				'\\' => text.push(self.escape()?),
				'\0'..='\u{1f}' => return Err(self.error("a control character stands in a string")),
				_ => {
					text.push(character);
					self.at += character.len_utf8();
				}
			}
		}
	}

	fn escape(&mut self) -> Result<char, FormatError> {
		let character = match self.rest().as_bytes().get(1) {
			Some(b'"') => '"',
			Some(b'\\') => '\\',
			Some(b'/') => '/',
			Some(b'b') => '\u{8}',
			Some(b'f') => '\u{c}',
			Some(b'n') => '\n',
			Some(b'r') => '\r',
			Some(b't') => '\t',
			Some(b'u') => return self.code_point(),
			_ => return Err(self.error("this is no escape")),
		};
		self.at += 2;
		Ok(character)
	}

	/// `\u00e9`, or two of them that are a character together.
	fn code_point(&mut self) -> Result<char, FormatError> {
		let unit = |rest: &str| {
			let digits = rest.strip_prefix("\\u")?.get(..4)?;
			digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok())?
		};
		let units = [unit(self.rest()), self.rest().get(6..).and_then(unit)];
		let decoded = char::decode_utf16(units.into_iter().map_while(|unit| unit)).next();
		let Some(Ok(character)) = decoded else { return Err(self.error("this is no escape of a character")) };
		self.at += 6 * character.len_utf16();
		Ok(character)
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn same(value: &Json, other: &serde_json::Value) -> bool {
		match (value, other) {
			(Json::Null, serde_json::Value::Null) => true,
			(Json::Bool(one), serde_json::Value::Bool(other)) => one == other,
			(Json::Number(one), serde_json::Value::Number(_)) => {
				serde_json::from_str::<serde_json::Value>(one).unwrap() == *other
			}
			(Json::String(one), serde_json::Value::String(other)) => one == other,
			(Json::Array(one), serde_json::Value::Array(other)) => {
				one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
			}
			(Json::Object(one), serde_json::Value::Object(other)) => {
				one.len() == other.len()
					&& one.iter().all(|(name, value)| other.get(name).is_some_and(|other| same(value, other)))
			}
			_ => false,
		}
	}

	#[test]
	fn values_should_be_read_as_others_read_them() {
		for text in [
			"null",
			" true\n",
			"[false, 0, -0, 1.50, -12e3, 1E-2, 0.5e+1, 12]",
			r#"{"b" : 1 ,"a":[],"c":{}, "":[[{}]]}"#,
			r#""a\"\\\/\b\f\n\r\t\u00e9\ud83e\udd80é🦀""#,
			"[ ]",
			"{ }",
		] {
			let value = parse(text).unwrap();
			assert!(same(&value, &serde_json::from_str(text).unwrap()), "{text}: {value:?}");
		}
	}

	#[test]
	fn what_is_no_json_should_be_refused() {
		for text in [
			"",
			" ",
			"nul",
			"tru e",
			"01",
			"-",
			"1.",
			".5",
			"1e",
			"+1",
			"NaN",
			"[1,]",
			"[1 2]",
			"[",
			"{",
			"{\"a\"}",
			"{\"a\":}",
			"{\"a\":1,}",
			"{a:1}",
			"'a'",
			"\"a",
			"\"\n\"",
			"\"\\x\"",
			"\"\\u12\"",
			"\"\\ud800\"",
			"\"\\ud800\\u0041\"",
			"\"\\udc00\"",
			"\"\\u+123\"",
			"1 1",
			"\"\\",
			"\"\\u12é\"",
			"{1:1}",
			"\u{feff}1",
			"\u{a0}1",
		] {
			assert!(matches!(parse(text), Err(FormatError::NotJson { .. })), "{text}");
			assert!(serde_json::from_str::<serde_json::Value>(text).is_err(), "{text}");
		}
		assert_eq!(parse("{\"a\":1, \"a\":2}"), Err(FormatError::NotJson { at: 8, reason: "this name comes twice" }));
		assert!(parse(&"[".repeat(2_000)).is_err());
	}

	#[test]
	fn the_order_of_members_should_be_kept() {
		let Json::Object(members) = parse(r#"{"z":1,"a":2,"m":3}"#).unwrap() else { panic!("an object") };
		assert_eq!(members.iter().map(|(name, _)| name.as_str()).collect::<String>(), "zam");
	}

	#[test]
	fn a_quoted_string_should_be_read_as_it_was() {
		let text: String = ('\0'..='\u{100}').chain(['\u{2028}', '🦀']).collect();
		assert_eq!(parse(&quoted(&text)), Ok(Json::String(text)));
		assert_eq!(quoted("a\"\\/\n\u{1}é"), r#""a\"\\/\n\u0001é""#);
	}
}
