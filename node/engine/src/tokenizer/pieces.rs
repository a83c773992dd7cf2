use super::TokenizerError;

/// The bytes that each token stands for.
#[derive(Clone, Debug)]
pub(super) struct Pieces {
	bytes: Vec<u8>,
	/// Where each token's bytes end.
	ends: Vec<usize>,
}

impl Pieces {
	pub fn new() -> Self {
		Self { bytes: Vec::new(), ends: Vec::new() }
	}

	pub fn push(&mut self, bytes: impl Iterator<Item = u8>) {
		self.bytes.extend(bytes);
		self.ends.push(self.bytes.len());
	}

	pub fn len(&self) -> usize {
		self.ends.len()
	}

	pub fn get(&self, id: u32) -> Result<&[u8], TokenizerError> {
		let id = id as usize;
		let end = *self.ends.get(id).ok_or(TokenizerError::NoSuchId(id as u32))?;
		let start = id.checked_sub(1).map_or(0, |before| self.ends[before]);
		Ok(&self.bytes[start..end])
	}
}

/// The byte that a character of a byte-level vocabulary stands for: GPT-2's table, in which printable characters stand
/// for themselves, and the 68 other bytes, in order, for those from U+0100 on.
pub(super) fn byte_of(character: char) -> Option<u8> {
	match u32::from(character) {
		code @ (0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff) => Some(code as u8),
		code @ 0x100..=0x120 => Some((code - 0x100) as u8),
		code @ 0x121..=0x142 => Some((code - 0x121 + 0x7f) as u8),
		0x143 => Some(0xad),
		_ => None,
	}
}

/// Turns tokens into text as they come.
///
/// Tokens may end within a character; what is not complete is held back. Bytes that are no UTF-8 become U+FFFD, one for
/// each stretch, so that all parts together are what [`BpeTokenizer::decode`](super::BpeTokenizer::decode) returns.
#[derive(Clone, Debug)]
pub struct StreamDecoder<'a> {
	pieces: &'a Pieces,
	hidden: &'a [bool],
	held: Vec<u8>,
}

impl<'a> StreamDecoder<'a> {
	pub(super) fn new(pieces: &'a Pieces, hidden: &'a [bool]) -> Self {
		Self { pieces, hidden, held: Vec::new() }
	}

	/// The text that a token completes; control tokens have none.
	pub fn push(&mut self, id: u32) -> Result<String, TokenizerError> {
		let bytes = self.pieces.get(id)?;
		if self.hidden.get(id as usize).copied().unwrap_or(false) {
			return Ok(String::new());
		}
		self.held.extend_from_slice(bytes);
		let mut text = String::new();
		let mut complete = 0;
		loop {
			let rest = &self.held[complete..];
			let error = match std::str::from_utf8(rest) {
				Ok(valid) => {
					text.push_str(valid);
					complete = self.held.len();
					break;
				}
				Err(error) => error,
			};
			text.push_str(&String::from_utf8_lossy(&rest[..error.valid_up_to()]));
			complete += error.valid_up_to();
			match error.error_len() {
				Some(length) => {
					text.push(char::REPLACEMENT_CHARACTER);
					complete += length;
				}
				None => break,
			}
		}
		self.held.drain(..complete);
		Ok(text)
	}

	/// What was held back, as U+FFFD. Nothing comes after it.
	pub fn finish(self) -> String {
		String::from_utf8_lossy(&self.held).into_owned()
	}
}
