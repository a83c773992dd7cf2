//! What all tokenizers of GGUF files have in common.

use super::pieces::{Pieces, Surface};
use super::sentence_piece::SentencePiece;
use super::{byte_level, invalid, sentence_piece, unknown, StreamDecoder, TokenizerError, MAX_TOKENS};
use crate::format::vocabulary::TokenText;
use crate::gguf::{GgufFile, Integers, Strings};
use std::borrow::Cow;
use std::collections::HashMap;

/// What `tokenizer.ggml.token_type` says of tokens that are not merged.
pub(super) const CONTROL: i128 = 3;
pub(super) const USER_DEFINED: i128 = 4;

/// Texts are searched for each control token and each that users defined, so these are not more and not longer, in bytes.
const MAX_NAMES: usize = 1 << 12;
const MAX_NAME: usize = 256;

/// The control tokens that end a model's turn or its text, by their names. Files often name only one of those that their model
/// ends with, at times another than its template's.
const ENDS: [&str; 11] = [
	"<|eot_id|>",
	"<|eom_id|>",
	"<|im_end|>",
	"<|end|>",
	"<|endoftext|>",
	"<|end_of_text|>",
	"<|end_of_turn|>",
	"<end_of_turn>",
	"<end_of_utterance>",
	"<\u{ff5c}end\u{2581}of\u{2581}sentence\u{ff5c}>",
	"<EOT>",
];

/// Control tokens that begin or end a turn, whatever type their files give them, beside those that are named as such.
const TURNS: [&str; 3] = ["<start_of_turn>", "<end_of_turn>", "<end_of_utterance>"];

/// Whether a token is written as only control tokens are: a word between `<|` and `|>`, or the same with wide bars.
pub(super) fn is_named_as_control(token: &str) -> bool {
	let inside = |begin, end| token.strip_prefix(begin).and_then(|rest| rest.strip_suffix(end));
	let word = inside("<|", "|>").or_else(|| inside("<\u{ff5c}", "\u{ff5c}>"));
	let is_word = |word: &str| {
		word.starts_with(char::is_alphabetic)
			&& word.chars().all(|char| char.is_alphanumeric() || matches!(char, '_' | '-' | '\u{2581}'))
	};
	word.is_some_and(is_word) || TURNS.contains(&token)
}

/// A part of a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
	/// Text in which control tokens have no meaning: what users write.
	Text(&'a str),
	/// A control token, by its name.
	Control(&'a str),
}

/// The tokenizer of a GGUF file: byte-level BPE (`tokenizer.ggml.model` is `gpt2`) or SentencePiece's (`llama`).
pub struct BpeTokenizer {
	pub(super) encoder: Encoder,
	vocabulary: Vocabulary,
	begin: Option<u32>,
	stops: Vec<u32>,
}

/// What splits and merges texts without control tokens and without the user's.
pub(super) enum Encoder {
	ByteLevel(Box<tokenizers::Tokenizer>),
	SentencePiece(SentencePiece),
}

/// The tokens of a file.
#[derive(Default)]
pub(super) struct Vocabulary {
	pub pieces: Pieces,
	control: HashMap<String, u32>,
	/// Tokens that are recognised in any text, in the order of their ids.
	user_defined: Vec<(String, u32)>,
	/// The control tokens that take the white space after them, in ascending order.
	stripping: Vec<u32>,
}

impl Vocabulary {
	pub fn push_control(&mut self, name: &str) -> Result<(), TokenizerError> {
		let id = self.named(name)?;
		self.control.insert(name.into(), id);
		self.pieces.push(Surface::Hidden, name.as_bytes());
		Ok(())
	}

	/// A control token that takes the white space after it.
	pub fn push_stripping_control(&mut self, name: &str) -> Result<(), TokenizerError> {
		self.stripping.push(self.named(name)?);
		self.push_control(name)
	}

	/// A token that is recognised by its name and decoded as the text.
	pub fn push_user_defined(&mut self, name: &str, surface: Surface, text: &str) -> Result<(), TokenizerError> {
		let id = self.named(name)?;
		self.user_defined.push((name.into(), id));
		self.pieces.push(surface, text.as_bytes());
		Ok(())
	}

	/// The id of the next token, whose name texts are searched for.
	fn named(&self, name: &str) -> Result<u32, TokenizerError> {
		let id = self.pieces.len() as u32;
		if name.len() > MAX_NAME {
			return Err(invalid(format!("token {id} is no text and longer than {MAX_NAME} bytes")));
		}
		if self.control.len() + self.user_defined.len() >= MAX_NAMES {
			return Err(invalid(format!("more than {MAX_NAMES} of its tokens are no text")));
		}
		Ok(id)
	}

	pub fn control(&self, name: &str) -> Option<u32> {
		self.control.get(name).copied()
	}

	pub fn checked(&self, id: u32) -> Result<u32, TokenizerError> {
		self.pieces.get(id).map(|_| id)
	}
}

/// The tokens of a file: their ids, their texts and their types.
pub(super) fn typed_tokens<'a>(
	file: &GgufFile<'a>,
) -> Result<impl ExactSizeIterator<Item = (u32, &'a str, i128)>, TokenizerError> {
	let tokens: Strings<'a> = file.get("tokenizer.ggml.tokens")?;
	let types: Integers<'a> = file.get("tokenizer.ggml.token_type")?;
	if tokens.len() != types.len() || tokens.len() > MAX_TOKENS {
		return Err(invalid(format!("it has {} tokens and {} types", tokens.len(), types.len())));
	}
	Ok(tokens.zip(types).enumerate().map(|(id, (token, kind))| (id as u32, token, kind)))
}

impl BpeTokenizer {
	/// Reads the tokenizer of a file.
	pub fn from_gguf(file: &GgufFile<'_>) -> Result<Self, TokenizerError> {
		let (mut tokenizer, begins) = match file.get("tokenizer.ggml.model")? {
			"gpt2" => byte_level::read(file)?,
			"llama" => sentence_piece::read(file)?,
			model => return Err(unknown("model", model)),
		};
		if file.find("tokenizer.ggml.add_eos_token")?.unwrap_or(false) {
			return Err(invalid(
				"tokenizer.ggml.add_eos_token is true: it ends every prompt, which leaves nothing to answer",
			));
		}
		let id = |vocabulary: &Vocabulary, key: &str, id: u32| {
			let tokens = vocabulary.pieces.len();
			vocabulary.checked(id).map_err(|_| invalid(format!("{key} is {id}, but there are {tokens} tokens")))
		};
		if file.find("tokenizer.ggml.add_bos_token")?.unwrap_or(begins) {
			let key = "tokenizer.ggml.bos_token_id";
			tokenizer.begin = Some(id(&tokenizer.vocabulary, key, file.get(key)?)?);
		}
		for key in ["tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"] {
			if let Some(found) = file.find(key)? {
				let stop = id(&tokenizer.vocabulary, key, found)?;
				tokenizer.add_stops([stop]);
			}
		}
		let ends: Vec<u32> = ENDS.into_iter().filter_map(|name| tokenizer.control(name)).collect();
		tokenizer.add_stops(ends);
		Ok(tokenizer)
	}

	/// A tokenizer whose texts have no beginning and no end.
	pub(super) fn new(encoder: Encoder, vocabulary: Vocabulary) -> Self {
		Self { encoder, vocabulary, begin: None, stops: Vec::new() }
	}

	/// Has further tokens end an answer.
	fn add_stops(&mut self, stops: impl IntoIterator<Item = u32>) {
		self.stops.extend(stops);
		self.stops.sort_unstable();
		self.stops.dedup();
	}

	/// How many tokens there are.
	pub fn vocabulary(&self) -> usize {
		self.vocabulary.pieces.len()
	}

	/// The token that every prompt begins with, if the model wants one. [`BpeTokenizer::encode`] does not add it.
	pub fn begin(&self) -> Option<u32> {
		self.begin
	}

	/// The tokens of a prompt behind the one that every prompt begins with, which is there once: a text may begin with it already.
	pub fn begun(&self, ids: Vec<u32>) -> Vec<u32> {
		let begin = self.begin.filter(|begin| ids.first() != Some(begin));
		begin.into_iter().chain(ids).collect()
	}

	/// The tokens that end an answer, in ascending order: those that the file calls its end, and control tokens whose names say
	/// that they end a turn.
	pub fn stops(&self) -> &[u32] {
		&self.stops
	}

	/// The id of a control token.
	pub fn control(&self, name: &str) -> Option<u32> {
		self.vocabulary.control(name)
	}

	/// The tokens of a prompt. Its parts are split on their own: no token reaches over their borders.
	///
	/// A byte that no token stands for is left out. SmolLM2's vocabulary lacks six control characters and bytes that
	/// occur in no character of a script.
	///
	/// SentencePiece sets a space before a text, unless the file says otherwise: here before the first, and before
	/// each that follows a control token. Phi-3's control tokens take the white space after them.
	pub fn encode(&self, pieces: &[Piece<'_>]) -> Result<Vec<u32>, TokenizerError> {
		let parts = pieces.iter().map(|piece| match piece {
			Piece::Control(name) => {
				self.control(name).map(|id| ("", Some(id))).ok_or_else(|| unknown("control token", name))
			}
			Piece::Text(text) => Ok((*text, None)),
		});
		self.encode_parts(&parts.collect::<Result<Vec<_>, _>>()?)
	}

	/// The parts of a text in which the names of control tokens stand for these. Texts between them may be empty.
	pub fn pieces<'a>(&self, text: &'a str) -> Vec<Piece<'a>> {
		let names: Vec<_> = self.vocabulary.control.iter().map(|(name, id)| (name.as_str(), *id)).collect();
		let parts = split_at_names(text, &names);
		let place = |part: &str| part.as_ptr() as usize - text.as_ptr() as usize;
		let mut pieces = Vec::with_capacity(2 * parts.len());
		for (at, (part, _)) in parts.iter().enumerate() {
			pieces.push(Piece::Text(part));
			if let Some((next, _)) = parts.get(at + 1) {
				pieces.push(Piece::Control(&text[place(part) + part.len()..place(next)]));
			}
		}
		pieces
	}

	/// The tokens of a prompt in which the names of control tokens stand for these.
	///
	/// For prompts that one party wrote as a whole. Where a user's text is set into a prompt, use
	/// [`BpeTokenizer::encode`], lest the user plays other roles.
	pub fn encode_with_controls(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
		let names: Vec<_> = self.vocabulary.control.iter().map(|(name, id)| (name.as_str(), *id)).collect();
		self.encode_parts(&split_at_names(text, &names))
	}

	/// The tokens of texts, each with the control token after it, if there is one.
	fn encode_parts(&self, parts: &[(&str, Option<u32>)]) -> Result<Vec<u32>, TokenizerError> {
		let mut ids = Vec::new();
		let (mut begins, mut stripped) = (true, false);
		for (text, control) in parts {
			let text = if stripped { text.trim_start() } else { text };
			if !text.is_empty() {
				self.encode_text(text, begins, &mut ids)?;
				(begins, stripped) = (false, false);
			}
			if let Some(control) = control {
				ids.push(*control);
				(begins, stripped) = (true, self.vocabulary.stripping.binary_search(control).is_ok());
			}
		}
		Ok(ids)
	}

	fn encode_text(&self, text: &str, begins: bool, ids: &mut Vec<u32>) -> Result<(), TokenizerError> {
		let text = match &self.encoder {
			Encoder::ByteLevel(_) => Cow::Borrowed(text),
			Encoder::SentencePiece(encoder) => Cow::Owned(encoder.with_visible_spaces(text, begins)),
		};
		let names: Vec<_> = self.vocabulary.user_defined.iter().map(|(name, id)| (name.as_str(), *id)).collect();
		for (part, user_defined) in split_at_names(&text, &names) {
			match &self.encoder {
				_ if part.is_empty() => (),
				Encoder::ByteLevel(encoder) => {
					let encoded = encoder.encode(part, false);
					let encoded = encoded.map_err(|error| TokenizerError::Encode(error.to_string()))?;
					ids.extend_from_slice(encoded.get_ids());
				}
				Encoder::SentencePiece(encoder) => encoder.encode(part, ids),
			}
			ids.extend(user_defined);
		}
		Ok(())
	}

	/// The text of tokens. Control tokens have none; bytes that are no UTF-8 become U+FFFD.
	///
	/// The space that SentencePiece set before the text is not part of it.
	pub fn decode(&self, ids: &[u32]) -> Result<String, TokenizerError> {
		let mut stream = self.stream();
		let mut text = String::new();
		for id in ids {
			text.push_str(&stream.push(*id)?);
		}
		text.push_str(&stream.finish());
		Ok(text)
	}

	/// What a token adds to a text. One that does not exist adds nothing.
	pub(crate) fn text(&self, id: u32) -> TokenText<'_> {
		match self.vocabulary.pieces.get(id) {
			Ok((Surface::Text, bytes)) => TokenText::Bytes(bytes),
			Ok((Surface::Spaced, bytes)) => TokenText::Spaced(bytes),
			Ok((Surface::Hidden, _)) | Err(_) => TokenText::None,
		}
	}

	/// The tokens of a text that follows others; none if the model cannot write it as it stands.
	pub(crate) fn encode_behind(&self, before: &[u32], text: &str) -> Result<Option<Vec<u32>>, TokenizerError> {
		let begins = before.last().is_none_or(|last| self.text(*last) == TokenText::None);
		let mut ids = Vec::new();
		self.encode_text(text, begins, &mut ids)?;
		let mut written = Vec::new();
		for id in &ids {
			written.extend_from_slice(self.text(*id).bytes(begins && written.is_empty()));
		}
		Ok((written == text.as_bytes()).then_some(ids))
	}

	/// A decoder for tokens that come one by one.
	pub fn stream(&self) -> StreamDecoder<'_> {
		StreamDecoder::new(&self.vocabulary.pieces)
	}
}

/// Splits a text at the first of the names, of those that begin there at the longest, and so on: what is before each
/// name, and the name's id. The last part has no name.
pub(super) fn split_at_names<'a>(text: &'a str, names: &[(&str, u32)]) -> Vec<(&'a str, Option<u32>)> {
	let mut next: Vec<_> = names.iter().filter_map(|(name, id)| text.find(name).map(|at| (at, *name, *id))).collect();
	let mut parts = Vec::new();
	let mut from = 0;
	while let Some((at, name, id)) = next.iter().copied().min_by_key(|(at, name, _)| (*at, usize::MAX - name.len())) {
		parts.push((&text[from..at], Some(id)));
		from = at + name.len();
		next.retain_mut(|(at, name, _)| {
			// Only names that were passed over are looked for again.
			if *at < from {
				match text[from..].find(*name) {
					Some(distance) => *at = from + distance,
					None => return false,
				}
			}
			true
		});
	}
	parts.push((&text[from..], None));
	parts
}
