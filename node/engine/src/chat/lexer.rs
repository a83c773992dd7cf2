//! A template's source in tokens, with the white space that its tags take away.
//!
//! As transformers has Jinja do it: `trim_blocks` and `lstrip_blocks` are on, the newline at the end of the source is not
//! part of it, and every newline is `\n`.

use super::error::TemplateError;

/// Longer sources are not read, in bytes. The longest known ones have 20,000.
const MAX_SOURCE: usize = 1 << 16;
/// The longest name, in bytes.
const MAX_NAME: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
	/// What stands outside of tags.
	Data(String),
	/// `{{`
	PrintBegin,
	/// `}}`
	PrintEnd,
	/// `{%`
	BlockBegin,
	/// `%}`
	BlockEnd,
	Name(String),
	Text(String),
	Int(i64),
	/// A number with a point or an exponent.
	Float,
	Symbol(&'static str),
}

/// Longer ones before what they begin with.
const SYMBOLS: [&str; 25] = [
	"==", "!=", "<=", ">=", "//", "**", "<", ">", "=", "(", ")", "[", "]", "{", "}", ",", ":", ".", "|", "~", "+", "-",
	"*", "/", "%",
];

/// White space as Python's `str.isspace` has it.
pub(super) fn is_space(char: char) -> bool {
	char.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&char)
}

/// The tokens of a source, each with its line.
pub(super) fn tokens(source: &str) -> Result<Vec<(Token, usize)>, TemplateError> {
	if source.len() > MAX_SOURCE {
		return Err(TemplateError::TooLarge("longer than 65536 bytes"));
	}
	let source = source.replace("\r\n", "\n").replace('\r', "\n");
	let source = source.strip_suffix('\n').unwrap_or(&source);
	let mut lexer = Lexer { source, at: 0, line: 1, tokens: Vec::new() };
	while lexer.at < source.len() {
		lexer.data_and_tag()?;
	}
	Ok(lexer.tokens)
}

struct Lexer<'a> {
	source: &'a str,
	at: usize,
	line: usize,
	tokens: Vec<(Token, usize)>,
}

impl<'a> Lexer<'a> {
	fn rest(&self) -> &'a str {
		&self.source[self.at..]
	}

	fn skip(&mut self, bytes: usize) -> &'a str {
		let skipped = &self.rest()[..bytes];
		self.line += skipped.bytes().filter(|byte| *byte == b'\n').count();
		self.at += bytes;
		skipped
	}

	fn skip_space(&mut self) {
		let rest = self.rest();
		self.skip(rest.len() - rest.trim_start_matches(is_space).len());
	}

	fn push(&mut self, token: Token) {
		self.tokens.push((token, self.line));
	}

	fn error<T>(&self, what: impl Into<String>) -> Result<T, TemplateError> {
		Err(TemplateError::Syntax { line: self.line, what: what.into() })
	}

	/// What is before the next tag, and the tag.
	fn data_and_tag(&mut self) -> Result<(), TemplateError> {
		let rest = self.rest();
		let tag = rest.match_indices('{').find(|(at, _)| rest[at + 1..].starts_with(['{', '%', '#']));
		let Some((length, _)) = tag else {
			let data = self.skip(rest.len());
			self.push(Token::Data(data.into()));
			return Ok(());
		};
		let begins_line = self.at == 0 || self.source[..self.at].ends_with('\n');
		let mut data = &rest[..length];
		let (kind, sign) = (rest.as_bytes()[length + 1], rest.as_bytes().get(length + 2));
		match sign {
			Some(b'-') => data = data.trim_end_matches(is_space),
			Some(b'+') => (),
			_ if kind == b'{' => (),
			_ => {
				let line = data.rfind('\n').map_or(0, |newline| newline + 1);
				if (line > 0 || begins_line) && data[line..].chars().all(is_space) {
					data = &data[..line];
				}
			}
		}
		if !data.is_empty() {
			self.push(Token::Data(data.into()));
		}
		self.skip(length + 2);
		if matches!(sign, Some(b'-' | b'+')) {
			self.skip(1);
		}
		match kind {
			b'#' => self.comment(),
			b'{' => self.tag(Token::PrintBegin, Token::PrintEnd, "}}"),
			_ => self.tag(Token::BlockBegin, Token::BlockEnd, "%}"),
		}
	}

	fn comment(&mut self) -> Result<(), TemplateError> {
		let Some(length) = self.rest().find("#}") else { return self.error("a comment does not end") };
		let comment = self.skip(length);
		self.skip(2);
		self.after_tag(comment.as_bytes().last().copied(), true);
		Ok(())
	}

	/// Takes away the white space behind a tag whose end has the given sign.
	fn after_tag(&mut self, sign: Option<u8>, is_line: bool) {
		match sign {
			Some(b'-') => self.skip_space(),
			Some(b'+') => (),
			_ if is_line && self.rest().starts_with('\n') => {
				self.skip(1);
			}
			_ => (),
		}
	}

	fn tag(&mut self, begin: Token, end: Token, mark: &str) -> Result<(), TemplateError> {
		self.push(begin);
		let is_block = end == Token::BlockEnd;
		let mut open = 0_usize;
		loop {
			self.skip_space();
			let rest = self.rest();
			let sign = rest.bytes().next().filter(|byte| matches!(byte, b'-') || (is_block && *byte == b'+'));
			let signed = rest[usize::from(sign.is_some())..].starts_with(mark);
			if open == 0 && (signed || rest.starts_with(mark)) {
				self.push(end);
				self.skip(mark.len() + usize::from(signed && sign.is_some()));
				self.after_tag(sign.filter(|_| signed), is_block);
				return Ok(());
			}
			let token = self.token()?;
			match token {
				Token::Symbol("(" | "[" | "{") => open += 1,
				Token::Symbol(")" | "]" | "}") => open = open.saturating_sub(1),
				_ => (),
			}
			self.push(token);
		}
	}

	fn token(&mut self) -> Result<Token, TemplateError> {
		let rest = self.rest();
		let length = |is_part: fn(char) -> bool| rest.len() - rest.trim_start_matches(is_part).len();
		match rest.chars().next() {
			None => self.error("a tag does not end"),
			Some(quote @ ('"' | '\'')) => self.text(quote),
			Some('0'..='9') => {
				let digits = self.skip(length(|char| char.is_ascii_digit()));
				if self.fraction()? {
					return Ok(Token::Float);
				}
				digits.parse().map(Token::Int).or_else(|_| self.error("a number is too large"))
			}
			Some(first) if first.is_ascii_alphabetic() || first == '_' => {
				let name = self.skip(length(|char| char.is_ascii_alphanumeric() || char == '_'));
				match name.len() > MAX_NAME {
					true => self.error("a name is longer than 64 bytes"),
					false => Ok(Token::Name(name.into())),
				}
			}
			Some(other) => match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
				Some(symbol) => {
					self.skip(symbol.len());
					Ok(Token::Symbol(symbol))
				}
				None => self.error(format!("{other:?} means nothing here")),
			},
		}
	}

	/// Skips what makes a float of the digits before it, if it is there.
	fn fraction(&mut self) -> Result<bool, TemplateError> {
		let digits = |rest: &str| rest.len() - rest.trim_start_matches(|char: char| char.is_ascii_digit()).len();
		let mut length = 0;
		if let Some(decimals) = self.rest().strip_prefix('.').map(digits).filter(|decimals| *decimals > 0) {
			length += 1 + decimals;
		}
		let rest = &self.rest()[length..];
		if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
			let sign = usize::from(exponent.starts_with(['+', '-']));
			match digits(&exponent[sign..]) {
				0 => (),
				count => length += 1 + sign + count,
			}
		}
		self.skip(length);
		match self.rest().starts_with(|char: char| char.is_ascii_alphanumeric() || char == '_') {
			true => Err(TemplateError::Unsupported { line: self.line, what: "a number that is not decimal".into() }),
			false => Ok(length > 0),
		}
	}

	/// A literal, with Python's escapes.
	fn text(&mut self, quote: char) -> Result<Token, TemplateError> {
		let rest = self.rest();
		let mut chars = rest.char_indices().skip(1);
		let mut text = String::new();
		while let Some((at, char)) = chars.next() {
			if char == quote {
				self.skip(at + 1);
				return Ok(Token::Text(text));
			}
			if char != '\\' {
				text.push(char);
				continue;
			}
			let Some((_, escaped)) = chars.next() else { break };
			let mut code = |digits: usize| {
				let hex: String = chars.by_ref().take(digits).map(|(_, digit)| digit).collect();
				let is_hex = hex.len() == digits && hex.bytes().all(|digit| digit.is_ascii_hexdigit());
				u32::from_str_radix(&hex, 16).ok().filter(|_| is_hex).and_then(char::from_u32)
			};
			let decoded = match escaped {
				'\n' => continue,
				'\\' | '\'' | '"' => escaped,
				'n' => '\n',
				't' => '\t',
				'r' => '\r',
				'a' => '\u{7}',
				'b' => '\u{8}',
				'f' => '\u{c}',
				'v' => '\u{b}',
				'x' | 'u' | 'U' => {
					let digits = if escaped == 'x' {
						2
					} else if escaped == 'u' {
						4
					} else {
						8
					};
					match code(digits) {
						Some(decoded) => decoded,
						None => return self.error("an escape is not complete or no character"),
					}
				}
				'0'..='7' | 'N' => return self.error(format!("the escape \\{escaped} is not supported")),
				other => {
					text.push('\\');
					other
				}
			};
			text.push(decoded);
		}
		self.error("a text does not end")
	}
}
