//! SentencePiece's BPE: `tokenizer.ggml.model` is `llama`.
//!
//! Spaces are made visible as U+2581. Of all neighbours that are a piece when joined, those with the highest score are
//! joined first, and of equal scores the leftmost. What is no piece in the end, a character, is spelt in bytes.

use super::bpe::{is_named_as_control, typed_tokens, BpeTokenizer, Encoder, Vocabulary, CONTROL, USER_DEFINED};
use super::pieces::Surface;
use super::{invalid, TokenizerError};
use crate::gguf::{Floats, GgufFile};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

/// What stands for a space in a vocabulary.
const SPACE: &str = "\u{2581}";
/// What SentencePiece decodes the unknown token as.
const UNKNOWN_TEXT: &str = " \u{2047} ";

/// What `tokenizer.ggml.token_type` says of the other tokens.
const NORMAL: i128 = 1;
const UNKNOWN: i128 = 2;
const UNUSED: i128 = 5;
const BYTE: i128 = 6;

/// Those of Phi-3's control tokens that do not take the white space after them. GGUF files do not say.
const PHI3_NOT_STRIPPING: [&str; 3] = ["<s>", "<unk>", "<|endoftext|>"];

/// Splits and merges.
pub(super) struct SentencePiece {
	pieces: HashMap<Box<str>, Joined>,
	/// The length of the longest piece, in bytes.
	longest: usize,
	/// The token of each byte.
	bytes: Option<Vec<u32>>,
	unknown: Option<u32>,
	/// Whether a space is set before a text.
	prefix: bool,
}

/// What a piece is joined as.
struct Joined {
	id: u32,
	/// Greater than those of pieces with lower scores, equal to those of pieces with the same.
	rank: u32,
	/// Whether the piece is taken apart again at the end.
	unused: bool,
}

/// Two neighbours that are a piece when joined: the piece's rank, where the first begins, where the second begins, and
/// where it ends. The greatest is joined first.
type Candidate = (u32, Reverse<usize>, usize, usize);

/// Reads the tokenizer of a file, and whether a text begins with the token of beginnings if the file does not say.
pub(super) fn read(file: &GgufFile<'_>) -> Result<(BpeTokenizer, bool), TokenizerError> {
	let is_phi3 = file.find("general.architecture")? == Some("phi3");
	let prefix = file.find("tokenizer.ggml.add_space_prefix")?.unwrap_or(true);
	let tokens = typed_tokens(file)?;
	let ranks = ranks(file.get("tokenizer.ggml.scores")?, tokens.len())?;
	let mut vocabulary = Vocabulary::default();
	let mut encoder = SentencePiece { pieces: HashMap::new(), longest: 0, bytes: None, unknown: None, prefix };
	let mut bytes = vec![None; 256];
	let mut seen = HashSet::new();
	for ((id, token, kind), rank) in tokens.zip(ranks) {
		if !seen.insert(token) {
			return Err(invalid(format!("token {token:?} occurs twice")));
		}
		let text = token.replace(SPACE, " ");
		// Early files of Phi-3 call `<|user|>` and `<|end|>` the user's, others call such names text; a message could write
		// them.
		let is_control = matches!(kind, NORMAL | USER_DEFINED) && is_named_as_control(token);
		let kind = if is_control { CONTROL } else { kind };
		let surface = if prefix && text.starts_with(' ') { Surface::Spaced } else { Surface::Text };
		match kind {
			_ if token.is_empty() => return Err(invalid(format!("token {id} is empty"))),
			NORMAL | UNUSED => {
				encoder.longest = encoder.longest.max(token.len());
				encoder.pieces.insert(token.into(), Joined { id, rank, unused: kind == UNUSED });
				vocabulary.pieces.push(surface, text.as_bytes());
			}
			UNKNOWN => {
				encoder.unknown.get_or_insert(id);
				vocabulary.pieces.push(Surface::Text, UNKNOWN_TEXT.as_bytes());
			}
			BYTE => {
				let byte = byte_of(token).ok_or_else(|| invalid(format!("token {token:?} is no byte")))?;
				bytes[usize::from(byte)] = Some(id);
				vocabulary.pieces.push(Surface::Text, &[byte]);
			}
			CONTROL if is_phi3 && !PHI3_NOT_STRIPPING.contains(&token) => vocabulary.push_stripping_control(token)?,
			CONTROL => vocabulary.push_control(token)?,
			USER_DEFINED => vocabulary.push_user_defined(&token.replace(' ', SPACE), surface, &text)?,
			_ => return Err(invalid(format!("token {id} has type {kind}"))),
		}
	}
	if let Some(id) = file.find("tokenizer.ggml.unknown_token_id")? {
		encoder.unknown = Some(vocabulary.checked(id)?);
	}
	encoder.bytes = bytes.into_iter().collect();
	Ok((BpeTokenizer::new(Encoder::SentencePiece(encoder), vocabulary), true))
}

/// Ranks in the order of scores, so that no float decides about ids later.
fn ranks(scores: Floats<'_>, tokens: usize) -> Result<Vec<u32>, TokenizerError> {
	if scores.len() != tokens {
		return Err(invalid(format!("it has {tokens} tokens and {} scores", scores.len())));
	}
	let mut ascending: Vec<f32> = scores.clone().collect();
	if !ascending.iter().all(|score| score.is_finite()) {
		return Err(invalid("a score is no finite number"));
	}
	ascending.sort_unstable_by(f32::total_cmp);
	Ok(scores.map(|score| ascending.partition_point(|other| *other < score) as u32).collect())
}

/// The byte that a token is for: `<0x00>` to `<0xFF>`.
fn byte_of(token: &str) -> Option<u8> {
	let byte = u8::from_str_radix(token.strip_prefix("<0x")?.strip_suffix('>')?, 16).ok()?;
	// No other spelling.
	(token == format!("<0x{byte:02X}>")).then_some(byte)
}

impl SentencePiece {
	/// A text as the vocabulary writes it. `begins` says that it is the first, or follows a control token.
	pub fn with_visible_spaces(&self, text: &str, begins: bool) -> String {
		let prefix = if self.prefix && begins { SPACE } else { "" };
		format!("{prefix}{}", text.replace(' ', SPACE))
	}

	/// Appends the tokens of a text that is not empty.
	pub fn encode(&self, text: &str, ids: &mut Vec<u32>) {
		// By the place where a part begins: where it ends, zero once it is joined to the one before it, and where
		// that one begins.
		let mut ends = vec![0; text.len()];
		let mut befores = vec![0; text.len()];
		let mut candidates = BinaryHeap::new();
		let mut halves = HashMap::new();
		let mut before = 0;
		for (start, character) in text.char_indices() {
			ends[start] = start + character.len_utf8();
			befores[start] = before;
			candidates.extend(self.candidate(text, before, start, ends[start], &mut halves));
			before = start;
		}
		while let Some((_, Reverse(first), second, end)) = candidates.pop() {
			if ends[first] != second || ends[second] != end {
				continue;
			}
			(ends[first], ends[second]) = (end, 0);
			if first > 0 {
				candidates.extend(self.candidate(text, befores[first], first, end, &mut halves));
			}
			if end < text.len() {
				befores[end] = first;
				candidates.extend(self.candidate(text, first, end, ends[end], &mut halves));
			}
		}
		let mut start = 0;
		let mut after_unknown = false;
		while start < text.len() {
			self.spell(&text[start..ends[start]], &halves, &mut after_unknown, ids);
			start = ends[start];
		}
	}

	/// Two neighbours, if they are a piece when joined. Remembers the halves of one that is to be taken apart again.
	fn candidate<'a>(
		&self,
		text: &'a str,
		first: usize,
		second: usize,
		end: usize,
		halves: &mut HashMap<&'a str, (&'a str, &'a str)>,
	) -> Option<Candidate> {
		if first == second || end - first > self.longest {
			return None;
		}
		let joined = &text[first..end];
		let Joined { rank, unused, .. } = self.pieces.get(joined)?;
		if *unused {
			halves.insert(joined, (&text[first..second], &text[second..end]));
		}
		Some((*rank, Reverse(first), second, end))
	}

	/// Appends the tokens of a part that is not joined any more. A run of unknown characters is one unknown token.
	fn spell<'a>(
		&self,
		part: &'a str,
		halves: &HashMap<&'a str, (&'a str, &'a str)>,
		after_unknown: &mut bool,
		ids: &mut Vec<u32>,
	) {
		let mut parts = vec![part];
		while let Some(part) = parts.pop() {
			match (self.pieces.get(part), halves.get(part)) {
				(Some(Joined { unused: true, .. }), Some((first, second))) => {
					parts.extend([second, first]);
					continue;
				}
				(Some(Joined { id, .. }), _) => ids.push(*id),
				(None, _) => match &self.bytes {
					Some(tokens) => ids.extend(part.bytes().map(|byte| tokens[usize::from(byte)])),
					None => {
						ids.extend(self.unknown.filter(|_| !*after_unknown));
						*after_unknown = true;
						continue;
					}
				},
			}
			*after_unknown = false;
		}
	}
}

#[cfg(test)]
mod tests;
