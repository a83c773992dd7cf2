use super::{invalid, TokenizerError, MAX_TOKENS};
use serde_json::Value;
use std::collections::HashSet;
use tokenizers::Tokenizer;

/// No file is larger, in bytes.
const MAX_FILE: usize = 32 << 20;

/// No more parts are in the file's sequences: a text goes through each.
const MAX_PARTS: usize = 32;

/// The longest words that a WordPiece model looks up, in characters, whose square it takes. Longer ones are unknown.
const MAX_WORD: u64 = 256;

/// The parts that a tokenizer may consist of. The others are not needed by any model here, and some are hostile: they
/// choose at random, or take a great deal of time, as the file's own patterns to split by can.
const PARTS: [(&str, &[&str]); 5] = [
	("model", &["WordPiece", "BPE"]),
	("normalizer", &["BertNormalizer", "NFC", "Lowercase", "Sequence"]),
	("pre_tokenizer", &["BertPreTokenizer", "ByteLevel", "Digits", "Sequence"]),
	("post_processor", &["TemplateProcessing", "BertProcessing", "ByteLevel", "Sequence"]),
	("decoder", &["WordPiece", "ByteLevel"]),
];

/// The tokenizer of a `tokenizer.json`, or of a vocabulary in GGUF that says the same. What the file says about padding and truncation is not done.
pub struct JsonTokenizer {
	inner: Tokenizer,
}

impl JsonTokenizer {
	/// Reads the tokenizer from its file.
	pub fn from_json(file: &[u8]) -> Result<Self, TokenizerError> {
		if file.len() > MAX_FILE {
			return Err(invalid(format!("its file has {} bytes, more than {MAX_FILE}", file.len())));
		}
		Self::from_value(&serde_json::from_slice(file).map_err(|error| invalid(error.to_string()))?)
	}

	/// Reads the tokenizer from what its file says.
	pub(super) fn from_value(value: &Value) -> Result<Self, TokenizerError> {
		for (part, allowed) in PARTS {
			let parts = parts(&value[part])?;
			parts.iter().try_for_each(|value| check_kind(part, value, allowed))?;
		}
		check_model(&value["model"])?;
		check_added(&value["added_tokens"])?;
		// Not the file: what the crate reads is what was checked, even if keys occur twice.
		let mut inner = Tokenizer::from_bytes(value.to_string()).map_err(|error| invalid(error.to_string()))?;
		// A text that names a control token names it, and is not cut short by it.
		inner.set_encode_special_tokens(true);
		inner.with_padding(None);
		inner.with_truncation(None).map_err(|error| invalid(error.to_string()))?;
		parts(&value["post_processor"])?.into_iter().try_for_each(|part| check_surrounding(part, &inner))?;
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

/// A part and, of a sequence, its members; none if the file does not have the part.
fn parts(value: &Value) -> Result<Vec<&Value>, TokenizerError> {
	let mut parts = vec![value];
	let mut next = 0;
	while let Some(part) = parts.get(next) {
		let members = ["normalizers", "pretokenizers", "processors"].map(|list| part[list].as_array());
		parts.extend(members.into_iter().flatten().flatten());
		if parts.len() > MAX_PARTS {
			return Err(invalid(format!("one of its sequences has more than {MAX_PARTS} parts")));
		}
		next += 1;
	}
	Ok(parts)
}

fn check_kind(part: &'static str, value: &Value, allowed: &[&str]) -> Result<(), TokenizerError> {
	if value.is_null() && part != "model" {
		return Ok(());
	}
	// Files from before models named their kind are not read.
	let kind = value["type"].as_str().ok_or_else(|| invalid(format!("its {part} does not say what it is")))?;
	match allowed.contains(&kind) {
		true => Ok(()),
		false => Err(TokenizerError::Unknown { what: part, name: kind.into() }),
	}
}

/// Makes sure that what is set around a text is tokens, and the text is in it once. The crate looks nothing up.
fn check_surrounding(part: &Value, tokenizer: &Tokenizer) -> Result<(), TokenizerError> {
	let known = |id: &Value| {
		let id = id.as_u64().and_then(|id| u32::try_from(id).ok());
		id.is_some_and(|id| tokenizer.id_to_token(id).is_some())
	};
	let tokens = |name: &str| {
		let token = &part["special_tokens"][name];
		let (ids, tokens) = token["ids"].as_array().zip(token["tokens"].as_array())?;
		(ids.len() == tokens.len() && ids.iter().all(known)).then_some(())
	};
	let valid = match part["type"].as_str() {
		Some("TemplateProcessing") => {
			let pieces = part["single"].as_array().map(Vec::as_slice).unwrap_or_default();
			let (texts, others): (Vec<_>, Vec<_>) = pieces.iter().partition(|piece| !piece["Sequence"].is_null());
			let mut names = others.iter().map(|piece| piece["SpecialToken"]["id"].as_str());
			let text_once = matches!(texts.as_slice(), [text] if text["Sequence"]["id"] == "A");
			text_once && names.all(|name| name.and_then(tokens).is_some())
		}
		Some("BertProcessing") => known(&part["sep"][1]) && known(&part["cls"][1]),
		_ => true,
	};
	match valid {
		true => Ok(()),
		false => Err(invalid("what its post_processor sets around a text is not tokens around one text")),
	}
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
		if model["max_input_chars_per_word"].as_u64().is_none_or(|longest| longest > MAX_WORD) {
			return Err(invalid(format!("its longest word is not given or longer than {MAX_WORD} characters")));
		}
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
	for token in added.as_array().into_iter().flatten() {
		if token["content"] == "" {
			return Err(invalid(format!("its added token {token} is empty")));
		}
		// The crate panics where the spaces that two tokens take overlap.
		if ["lstrip", "rstrip"].iter().any(|option| token[option] != false) {
			return Err(invalid(format!("its added token {token} takes the spaces around it")));
		}
	}
	Ok(())
}
