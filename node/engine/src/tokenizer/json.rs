use super::{invalid, TokenizerError, MAX_TOKENS};
use serde_json::Value;
use std::collections::HashSet;
use tokenizers::Tokenizer;

/// No file is larger, in bytes.
const MAX_FILE: usize = 32 << 20;

/// The parts that a tokenizer may consist of. The others are not needed by any model here, and some are hostile: they
/// choose at random, or take a great deal of time.
const PARTS: [(&str, &[&str]); 5] = [
	("model", &["WordPiece", "BPE"]),
	("normalizer", &["BertNormalizer", "NFC", "Lowercase", "Sequence"]),
	("pre_tokenizer", &["BertPreTokenizer", "ByteLevel", "Digits", "Split", "Sequence"]),
	("post_processor", &["TemplateProcessing", "BertProcessing", "ByteLevel", "Sequence"]),
	("decoder", &["WordPiece", "ByteLevel"]),
];

/// The tokenizer of a `tokenizer.json`. What the file says about padding and truncation is not done.
pub struct JsonTokenizer {
	inner: Tokenizer,
}

impl JsonTokenizer {
	/// Reads the tokenizer from its file.
	pub fn from_json(file: &[u8]) -> Result<Self, TokenizerError> {
		if file.len() > MAX_FILE {
			return Err(invalid(format!("its file has {} bytes, more than {MAX_FILE}", file.len())));
		}
		let value: Value = serde_json::from_slice(file).map_err(|error| invalid(error.to_string()))?;
		for (part, allowed) in PARTS {
			check_kind(part, &value[part], allowed)?;
		}
		check_model(&value["model"])?;
		check_added(&value["added_tokens"])?;
		// Not the file: what the crate reads is what was checked, even if keys occur twice.
		let mut inner = Tokenizer::from_bytes(value.to_string()).map_err(|error| invalid(error.to_string()))?;
		inner.with_padding(None);
		inner.with_truncation(None).map_err(|error| invalid(error.to_string()))?;
		Ok(Self { inner })
	}

	/// The tokens of a text, with those that the model wants around it.
	pub fn encode(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
		let encoded = self.inner.encode(text, true);
		let encoded = encoded.map_err(|error| TokenizerError::Encode(error.to_string()))?;
		Ok(encoded.get_ids().to_vec())
	}

	/// The text of tokens, without special ones.
	pub fn decode(&self, ids: &[u32]) -> Result<String, TokenizerError> {
		if let Some(id) = ids.iter().find(|id| self.inner.id_to_token(**id).is_none()) {
			return Err(TokenizerError::NoSuchId(*id));
		}
		self.inner.decode(ids, true).map_err(|error| TokenizerError::Encode(error.to_string()))
	}

	/// The largest id of a token, if there is any.
	pub fn largest_id(&self) -> Option<u32> {
		self.inner.get_vocab(true).into_values().max()
	}

	/// How many tokens there are.
	pub fn vocabulary(&self) -> usize {
		self.inner.get_vocab_size(true)
	}
}

/// Refuses kinds of parts that are not allowed, in a sequence those of its members too.
fn check_kind(part: &'static str, value: &Value, allowed: &[&str]) -> Result<(), TokenizerError> {
	if value.is_null() && part != "model" {
		return Ok(());
	}
	// Files from before models named their kind are not read.
	let kind = value["type"].as_str().ok_or_else(|| invalid(format!("its {part} does not say what it is")))?;
	if !allowed.contains(&kind) {
		return Err(TokenizerError::Unknown { what: part, name: kind.into() });
	}
	let members = ["normalizers", "pretokenizers", "processors"].map(|list| value[list].as_array());
	members.into_iter().flatten().flatten().try_for_each(|member| check_kind(part, member, allowed))
}

fn check_model(model: &Value) -> Result<(), TokenizerError> {
	let vocabulary = model["vocab"].as_object().ok_or_else(|| invalid("it has no vocabulary"))?;
	if vocabulary.len() > MAX_TOKENS {
		return Err(invalid(format!("it has {} tokens, more than {MAX_TOKENS}", vocabulary.len())));
	}
	let mut ids = HashSet::with_capacity(vocabulary.len());
	for (token, id) in vocabulary {
		// Of two tokens with one id, the crate would decode to a random one.
		let unique = id.as_u64().is_some_and(|id| id < MAX_TOKENS as u64 && ids.insert(id));
		if !unique {
			return Err(invalid(format!("token {token:?} has no id of its own")));
		}
	}
	if model["type"] == "WordPiece" {
		return match model["unk_token"].as_str() {
			Some(unknown) if vocabulary.contains_key(unknown) => Ok(()),
			_ => Err(invalid("it has no token for unknown words")),
		};
	}
	for option in ["dropout", "continuing_subword_prefix", "end_of_word_suffix"] {
		if !matches!(&model[option], Value::Null) && model[option] != "" {
			return Err(invalid(format!("it uses {option}")));
		}
	}
	let merges = model["merges"].as_array().ok_or_else(|| invalid("it has no merges"))?;
	for merge in merges {
		let pair = match merge {
			Value::String(merge) => merge.split_once(' '),
			_ => merge[0].as_str().zip(merge[1].as_str()),
		};
		let known = pair.is_some_and(|(first, second)| {
			// The crate panics where the result is longer than every token.
			[first, second, &[first, second].concat()].iter().all(|token| vocabulary.contains_key(*token))
		});
		if !known {
			return Err(invalid(format!("merge {merge} is not one of tokens to a token")));
		}
	}
	Ok(())
}

fn check_added(added: &Value) -> Result<(), TokenizerError> {
	let empty = added.as_array().into_iter().flatten().find(|token| token["content"] == "");
	empty.map_or(Ok(()), |token| Err(invalid(format!("its added token {token} is empty"))))
}
