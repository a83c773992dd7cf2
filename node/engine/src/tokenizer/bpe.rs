use super::pieces::{byte_of, Pieces};
use super::{invalid, StreamDecoder, TokenizerError, MAX_TOKENS};
use crate::gguf::{GgufFile, Integers, Strings};
use std::collections::HashMap;
use tokenizers::models::bpe::BPE;
use tokenizers::normalizers::NFC;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{SplitDelimiterBehavior, Tokenizer};

const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
const DIGIT: &str = r"\p{N}";
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN2: &str =
	r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// How a text is split before its parts are merged: `tokenizer.ggml.pre`.
struct PreTokenizer {
	name: &'static str,
	/// Each splits what the ones before it have left.
	patterns: &'static [&'static str],
	/// Whether composed characters are composed first.
	compose: bool,
	/// Whether a part that is a token as a whole is not merged.
	whole_parts: bool,
	/// Whether a text begins with the token of beginnings if the file does not say.
	begins: bool,
}

const PRE_TOKENIZERS: [PreTokenizer; 4] = [
	PreTokenizer { name: "gpt-2", patterns: &[GPT2], compose: false, whole_parts: false, begins: false },
	PreTokenizer { name: "smollm", patterns: &[DIGIT, GPT2], compose: false, whole_parts: false, begins: false },
	PreTokenizer { name: "llama-bpe", patterns: &[LLAMA3], compose: false, whole_parts: true, begins: true },
	PreTokenizer { name: "qwen2", patterns: &[QWEN2], compose: true, whole_parts: false, begins: false },
];

/// What `tokenizer.ggml.token_type` says of tokens that are not merged.
const CONTROL: i128 = 3;
const USER_DEFINED: i128 = 4;

/// Texts are searched for each control token and each that users defined, so these are not more and not longer, in bytes.
const MAX_NAMES: usize = 1 << 12;
const MAX_NAME: usize = 256;

/// A part of a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
	/// Text in which control tokens have no meaning: what users write.
	Text(&'a str),
	/// A control token, by its name.
	Control(&'a str),
}

/// The byte-level tokenizer of a GGUF file (`tokenizer.ggml.model` is `gpt2`).
pub struct BpeTokenizer {
	inner: Tokenizer,
	pieces: Pieces,
	/// Whether a token has no text.
	hidden: Vec<bool>,
	control: HashMap<String, u32>,
	/// Tokens that are recognised in any text, in the order of their ids.
	user_defined: Vec<(String, u32)>,
	begin: Option<u32>,
	stops: Vec<u32>,
}

impl BpeTokenizer {
	/// Reads the tokenizer of a file.
	pub fn from_gguf(file: &GgufFile<'_>) -> Result<Self, TokenizerError> {
		let unknown = |what, name: &str| TokenizerError::Unknown { what, name: name.into() };
		let model = file.get("tokenizer.ggml.model")?;
		if model != "gpt2" {
			return Err(unknown("model", model));
		}
		let pre = file.get("tokenizer.ggml.pre")?;
		let pre = PRE_TOKENIZERS.iter().find(|known| known.name == pre).ok_or_else(|| unknown("pre-tokenizer", pre))?;

		let tokens: Strings<'_> = file.get("tokenizer.ggml.tokens")?;
		let types: Integers<'_> = file.get("tokenizer.ggml.token_type")?;
		if tokens.len() != types.len() || tokens.len() > MAX_TOKENS {
			return Err(invalid(format!("it has {} tokens and {} types", tokens.len(), types.len())));
		}
		let mut vocabulary = HashMap::with_capacity(tokens.len());
		let mut tokenizer = Self {
			inner: Tokenizer::new(BPE::default()),
			pieces: Pieces::new(),
			hidden: Vec::with_capacity(tokens.len()),
			control: HashMap::new(),
			user_defined: Vec::new(),
			begin: None,
			stops: Vec::new(),
		};
		for (id, (token, kind)) in (0_u32..).zip(tokens.zip(types)) {
			if vocabulary.insert(token.to_string(), id).is_some() {
				return Err(invalid(format!("token {token:?} occurs twice")));
			}
			tokenizer.add(token, id, kind)?;
		}
		tokenizer.inner = merging(file, pre, vocabulary)?;
		tokenizer.begin = match file.find("tokenizer.ggml.add_bos_token")?.unwrap_or(pre.begins) {
			true => Some(tokenizer.checked(file.get("tokenizer.ggml.bos_token_id")?)?),
			false => None,
		};
		for key in ["tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"] {
			if let Some(id) = file.find(key)? {
				tokenizer.stops.push(tokenizer.checked(id)?);
			}
		}
		tokenizer.stops.sort_unstable();
		tokenizer.stops.dedup();
		Ok(tokenizer)
	}

	fn add(&mut self, token: &str, id: u32, kind: i128) -> Result<(), TokenizerError> {
		match kind {
			_ if token.is_empty() => return Err(invalid(format!("token {id} is empty"))),
			CONTROL | USER_DEFINED if token.len() > MAX_NAME => {
				return Err(invalid(format!("token {id} is no text and longer than {MAX_NAME} bytes")))
			}
			CONTROL | USER_DEFINED if self.control.len() + self.user_defined.len() >= MAX_NAMES => {
				return Err(invalid(format!("more than {MAX_NAMES} of its tokens are no text")))
			}
			CONTROL => {
				self.control.insert(token.into(), id);
				self.pieces.push(token.bytes());
			}
			USER_DEFINED => {
				self.user_defined.push((token.into(), id));
				self.pieces.push(token.bytes());
			}
			_ => match token.chars().map(byte_of).collect::<Option<Vec<u8>>>() {
				Some(bytes) => self.pieces.push(bytes.into_iter()),
				None => self.pieces.push(token.bytes()),
			},
		}
		self.hidden.push(kind == CONTROL);
		Ok(())
	}

	fn checked(&self, id: u32) -> Result<u32, TokenizerError> {
		self.pieces.get(id).map(|_| id)
	}

	/// How many tokens there are.
	pub fn vocabulary(&self) -> usize {
		self.pieces.len()
	}

	/// The token that every prompt begins with, if the model wants one. [`BpeTokenizer::encode`] does not add it.
	pub fn begin(&self) -> Option<u32> {
		self.begin
	}

	/// The tokens that end an answer, in ascending order.
	pub fn stops(&self) -> &[u32] {
		&self.stops
	}

	/// The id of a control token.
	pub fn control(&self, name: &str) -> Option<u32> {
		self.control.get(name).copied()
	}

	/// The tokens of a prompt. Its parts are split on their own: no token reaches over their borders.
	///
	/// A byte that no token stands for is left out. SmolLM2's vocabulary lacks six control characters and bytes that
	/// occur in no character of a script.
	pub fn encode(&self, pieces: &[Piece<'_>]) -> Result<Vec<u32>, TokenizerError> {
		let mut ids = Vec::new();
		for piece in pieces {
			match piece {
				Piece::Control(name) => ids.push(
					self.control(name)
						.ok_or_else(|| TokenizerError::Unknown { what: "control token", name: name.to_string() })?,
				),
				Piece::Text(text) => self.encode_text(text, &mut ids)?,
			}
		}
		Ok(ids)
	}

	/// The parts of a text in which the names of control tokens stand for these. Texts between them may be empty.
	pub fn pieces<'a>(&self, text: &'a str) -> Vec<Piece<'a>> {
		let names: Vec<_> = self.control.iter().map(|(name, id)| (name.as_str(), *id)).collect();
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
		let names: Vec<_> = self.control.iter().map(|(name, id)| (name.as_str(), *id)).collect();
		let mut ids = Vec::new();
		for (part, control) in split_at_names(text, &names) {
			self.encode_text(part, &mut ids)?;
			ids.extend(control);
		}
		Ok(ids)
	}

	fn encode_text(&self, text: &str, ids: &mut Vec<u32>) -> Result<(), TokenizerError> {
		let names: Vec<_> = self.user_defined.iter().map(|(name, id)| (name.as_str(), *id)).collect();
		for (part, user_defined) in split_at_names(text, &names) {
			if !part.is_empty() {
				let encoded = self.inner.encode(part, false);
				let encoded = encoded.map_err(|error| TokenizerError::Encode(error.to_string()))?;
				ids.extend_from_slice(encoded.get_ids());
			}
			ids.extend(user_defined);
		}
		Ok(())
	}

	/// The text of tokens. Control tokens have none; bytes that are no UTF-8 become U+FFFD.
	pub fn decode(&self, ids: &[u32]) -> Result<String, TokenizerError> {
		let mut stream = self.stream();
		let mut text = String::new();
		for id in ids {
			text.push_str(&stream.push(*id)?);
		}
		text.push_str(&stream.finish());
		Ok(text)
	}

	/// A decoder for tokens that come one by one.
	pub fn stream(&self) -> StreamDecoder<'_> {
		StreamDecoder::new(&self.pieces, &self.hidden)
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

/// What splits and merges.
fn merging(
	file: &GgufFile<'_>,
	pre: &PreTokenizer,
	vocabulary: HashMap<String, u32>,
) -> Result<Tokenizer, TokenizerError> {
	let mut merges = Vec::new();
	let mut merged = String::new();
	for merge in file.get::<Strings<'_>>("tokenizer.ggml.merges")? {
		let (first, second) = merge.split_once(' ').ok_or_else(|| invalid(format!("merge {merge:?} has no space")))?;
		merged.clear();
		merged.push_str(first);
		merged.push_str(second);
		// The crate panics where the result is longer than every token.
		if ![first, second, &merged].iter().all(|token| vocabulary.contains_key(*token)) {
			return Err(invalid(format!("merge {merge:?} is not one of tokens to a token")));
		}
		merges.push((first.to_string(), second.to_string()));
	}
	let failed = |error: tokenizers::Error| invalid(error.to_string());
	let bpe = BPE::builder()
		.vocab_and_merges(vocabulary.into_iter().collect::<tokenizers::models::bpe::Vocab>(), merges)
		.ignore_merges(pre.whole_parts)
		.build()
		.map_err(failed)?;
	let mut steps = Vec::new();
	for pattern in pre.patterns {
		let pattern = SplitPattern::Regex(pattern.to_string());
		steps.push(Split::new(pattern, SplitDelimiterBehavior::Isolated, false).map_err(failed)?.into());
	}
	steps.push(ByteLevel::new(false, false, false).into());
	let mut tokenizer = Tokenizer::new(bpe);
	tokenizer.with_pre_tokenizer(Some(Sequence::new(steps)));
	if pre.compose {
		tokenizer.with_normalizer(Some(NFC)).map_err(failed)?;
	}
	Ok(tokenizer)
}
