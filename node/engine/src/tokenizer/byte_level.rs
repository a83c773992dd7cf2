//! Byte-level BPE: `tokenizer.ggml.model` is `gpt2`.

use super::bpe::{is_named_as_control, typed_tokens, BpeTokenizer, Encoder, Vocabulary, CONTROL, USER_DEFINED};
use super::pieces::{byte_of, Surface};
use super::{invalid, unknown, TokenizerError};
use crate::gguf::{GgufFile, Strings};
use std::collections::HashMap;
use tokenizers::models::bpe::BPE;
use tokenizers::normalizers::NFC;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{SplitDelimiterBehavior, Tokenizer};

pub(crate) const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
pub(crate) const DIGIT: &str = r"\p{N}";
pub(crate) const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
pub(crate) const QWEN2: &str =
	r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
pub(crate) const O200K: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
pub(crate) const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// How a text is split before its parts are merged: `tokenizer.ggml.pre`.
struct PreTokenizer {
	/// What files call it; models that split alike have names of their own.
	names: &'static [&'static str],
	/// Each splits what the ones before it have left.
	patterns: &'static [&'static str],
	/// Whether composed characters are composed first.
	compose: bool,
	/// Whether a part that is a token as a whole is not merged.
	whole_parts: bool,
	/// Whether a text begins with the token of beginnings if the file does not say.
	begins: bool,
}

const PRE_TOKENIZERS: [PreTokenizer; 7] = [
	PreTokenizer { names: &["gpt-2"], patterns: &[GPT2], compose: false, whole_parts: false, begins: false },
	PreTokenizer {
		names: &["smollm", "refact"],
		patterns: &[DIGIT, GPT2],
		compose: false,
		whole_parts: false,
		begins: false,
	},
	PreTokenizer {
		names: &["llama-bpe", "llama3", "llama-v3", "falcon3"],
		patterns: &[LLAMA3],
		compose: false,
		whole_parts: true,
		begins: true,
	},
	PreTokenizer {
		names: &["smaug-bpe", "dbrx"],
		patterns: &[LLAMA3],
		compose: false,
		whole_parts: false,
		begins: false,
	},
	PreTokenizer { names: &["gpt-4o"], patterns: &[O200K], compose: false, whole_parts: false, begins: false },
	PreTokenizer { names: &["tekken"], patterns: &[TEKKEN], compose: false, whole_parts: true, begins: true },
	PreTokenizer {
		names: &["qwen2", "deepseek-r1-qwen"],
		patterns: &[QWEN2],
		compose: true,
		whole_parts: false,
		begins: false,
	},
];

/// Reads the tokenizer of a file, and whether a text begins with the token of beginnings if the file does not say.
pub(super) fn read(file: &GgufFile<'_>) -> Result<(BpeTokenizer, bool), TokenizerError> {
	let pre = file.get("tokenizer.ggml.pre")?;
	let pre =
		PRE_TOKENIZERS.iter().find(|known| known.names.contains(&pre)).ok_or_else(|| unknown("pre-tokenizer", pre))?;
	let mut vocabulary = Vocabulary::default();
	let mut ids = HashMap::new();
	for (id, token, kind) in typed_tokens(file)? {
		if ids.insert(token.to_string(), id).is_some() {
			return Err(invalid(format!("token {token:?} occurs twice")));
		}
		match kind {
			_ if token.is_empty() => return Err(invalid(format!("token {id} is empty"))),
			CONTROL => vocabulary.push_control(token)?,
			// Merges make no such name of letters, and a message could write it.
			_ if is_named_as_control(token) => vocabulary.push_control(token)?,
			USER_DEFINED => vocabulary.push_user_defined(token, Surface::Text, token)?,
			_ => match token.chars().map(byte_of).collect::<Option<Vec<u8>>>() {
				Some(bytes) => vocabulary.pieces.push(Surface::Text, &bytes),
				None => vocabulary.pieces.push(Surface::Text, token.as_bytes()),
			},
		}
	}
	let encoder = Encoder::ByteLevel(Box::new(merging(file, pre, ids)?));
	Ok((BpeTokenizer::new(encoder, vocabulary), pre.begins))
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
