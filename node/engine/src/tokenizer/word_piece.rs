//! WordPiece vocabularies of GGUF files.

use super::{invalid, unknown, JsonTokenizer, TokenizerError, MAX_TOKENS};
use crate::gguf::{GgufFile, Strings};
use serde_json::{json, Map, Value};

/// What files write before a token that begins a word; those that go on with one have nothing before them.
const WORD: char = '\u{2581}';

/// The longest word that is looked up, in characters. Files do not say; all of the family have this one.
const LONGEST_WORD: u32 = 100;

impl JsonTokenizer {
	/// The tokenizer of a GGUF file whose `tokenizer.ggml.model` is `bert`: as the models' publishers have it, with BERT's
	/// normaliser, splits at spaces and punctuation, and a token before and one behind a text. No text becomes one of these.
	///
	/// Letters become small and accents go, unless `tokenizer.ggml.normalizer.lowercase` and `…strip_accents` say otherwise.
	pub fn from_gguf(file: &GgufFile<'_>) -> Result<Self, TokenizerError> {
		match file.get("tokenizer.ggml.model")? {
			"bert" => (),
			model => return Err(unknown("model", model)),
		}
		let tokens: Strings<'_> = file.get("tokenizer.ggml.tokens")?;
		if tokens.len() > MAX_TOKENS {
			return Err(invalid(format!("it has {} tokens, more than {MAX_TOKENS}", tokens.len())));
		}
		let names: Vec<String> = tokens.map(name).collect();
		let mut vocabulary = Map::with_capacity(names.len());
		for (id, name) in names.iter().enumerate() {
			if vocabulary.insert(name.clone(), id.into()).is_some() {
				return Err(invalid(format!("token {name:?} is there twice")));
			}
		}
		let begin = token(file, &names, &["cls_token_id", "bos_token_id"], "[CLS]")?;
		let end = token(file, &names, &["seperator_token_id"], "[SEP]")?;
		let (_, unknown) = token(file, &names, &["unknown_token_id"], "[UNK]")?;
		let lowercase = file.find("tokenizer.ggml.normalizer.lowercase")?.unwrap_or(true);
		let strip_accents = file.find("tokenizer.ggml.normalizer.strip_accents")?.unwrap_or(lowercase);
		let piece = |(_, name): (usize, &str)| json!({ "SpecialToken": { "id": name, "type_id": 0 } });
		let special =
			|(id, name): (usize, &str)| (name.to_string(), json!({ "id": name, "ids": [id], "tokens": [name] }));
		let special: Map<String, Value> = [begin, end].map(special).into_iter().collect();
		Self::from_value(&json!({
			"version": "1.0",
			"added_tokens": [],
			"normalizer": {
				"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
				"strip_accents": strip_accents, "lowercase": lowercase,
			},
			"pre_tokenizer": { "type": "BertPreTokenizer" },
			"post_processor": {
				"type": "TemplateProcessing",
				"single": [piece(begin), { "Sequence": { "id": "A", "type_id": 0 } }, piece(end)],
				"pair": [],
				"special_tokens": special,
			},
			"decoder": null,
			"model": {
				"type": "WordPiece", "unk_token": unknown, "continuing_subword_prefix": "##",
				"max_input_chars_per_word": LONGEST_WORD, "vocab": vocabulary,
			},
		}))
	}
}

/// The token that keys of a file name, which must not contradict each other; the one of this name where it has none of them.
fn token<'a>(
	file: &GgufFile<'_>,
	names: &'a [String],
	keys: &[&str],
	default: &str,
) -> Result<(usize, &'a str), TokenizerError> {
	let mut named: Option<(String, u32)> = None;
	for key in keys.iter().map(|key| format!("tokenizer.ggml.{key}")) {
		let Some(id) = file.find::<u32>(&key)? else { continue };
		match &named {
			Some((other, there)) if *there != id => {
				return Err(invalid(format!("{other} is {there}, but {key} is {id}")));
			}
			Some(_) => (),
			None => named = Some((key, id)),
		}
	}
	match named {
		Some((key, id)) => match names.get(id as usize) {
			Some(name) => Ok((id as usize, name)),
			None => Err(invalid(format!("{key} is {id}, but there are {} tokens", names.len()))),
		},
		None => match names.iter().position(|name| name == default) {
			Some(id) => Ok((id, &names[id])),
			None => Err(invalid(format!("it has no token {default}, and tokenizer.ggml.{} names no other", keys[0]))),
		},
	}
}

/// What a token is called in a `tokenizer.json`. Those in brackets keep their names.
fn name(token: &str) -> String {
	match token.strip_prefix(WORD) {
		Some(word) if !word.is_empty() => word.into(),
		None if token.starts_with('[') && token.ends_with(']') => token.into(),
		_ => format!("##{token}"),
	}
}
