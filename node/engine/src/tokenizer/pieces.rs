use super::TokenizerError;

/// How a token's bytes are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Surface {
	/// Not at all.
	Hidden,
	/// As they are, but for a space at the beginning of all text, which is not shown.
	Spaced,
	/// As they are.
	Text,
}

/// The bytes that each token stands for.
#[derive(Clone, Debug, Default)]
pub(super) struct Pieces {
	bytes: Vec<u8>,
	/// Where each token's bytes end.
	ends: Vec<usize>,
	surfaces: Vec<Surface>,
}

impl Pieces {
	pub fn push(&mut self, surface: Surface, bytes: &[u8]) {
		self.bytes.extend_from_slice(bytes);
		self.ends.push(self.bytes.len());
		self.surfaces.push(surface);
	}

	pub fn len(&self) -> usize {
		self.ends.len()
	}

	pub fn get(&self, id: u32) -> Result<(Surface, &[u8]), TokenizerError> {
		let id = id as usize;
		let end = *self.ends.get(id).ok_or(TokenizerError::NoSuchId(id as u32))?;
		let start = id.checked_sub(1).map_or(0, |before| self.ends[before]);
		Ok((self.surfaces[id], &self.bytes[start..end]))
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
	/// Whether nothing came yet that is shown.
	begins: bool,
	held: Vec<u8>,
}

impl<'a> StreamDecoder<'a> {
	pub(super) fn new(pieces: &'a Pieces) -> Self {
		Self { pieces, begins: true, held: Vec::new() }
	}

	/// The text that a token completes; control tokens have none.
	pub fn push(&mut self, id: u32) -> Result<String, TokenizerError> {
		let (surface, bytes) = self.pieces.get(id)?;
		self.held.extend_from_slice(match surface {
			Surface::Hidden => return Ok(String::new()),
			Surface::Spaced if self.begins => bytes.strip_prefix(b" ").unwrap_or(bytes),
			_ => bytes,
		});
		self.begins = false;
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
