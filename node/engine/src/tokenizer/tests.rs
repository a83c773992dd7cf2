use super::bpe::{split_at_names, Encoder};
use super::pieces::byte_of;
use super::*;
use crate::gguf::GgufFile;
use crate::store::known::{MINILM, SMOLLM2};
use crate::tests::{bytes_tokenizer, bytes_tokenizer_file, character_of, installed, Gguf, Item};
use serde_json::{json, Map, Value};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fs;
use tokenizers::{OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer};

/// A text as a JSON string, a tab, and its ids as the Python package `tokenizers` gives them: see `reference_ids.py`.
const SMOLLM2_IDS: &str = include_str!("../../tests/data/smollm2_ids.tsv");
const MINILM_IDS: &str = include_str!("../../tests/data/minilm_ids.tsv");

fn from_file(file: &Gguf) -> Result<BpeTokenizer, TokenizerError> {
	BpeTokenizer::from_gguf(&GgufFile::parse(&file.bytes()).expect("the file is valid"))
}

fn reason(file: &Gguf) -> String {
	from_file(file).err().expect("the tokenizer is not valid").to_string()
}

fn cases(table: &str) -> impl Iterator<Item = (String, Vec<u32>)> + '_ {
	table.lines().map(|line| {
		let (text, ids) = line.split_once('\t').unwrap();
		(serde_json::from_str(text).unwrap(), ids.split_whitespace().map(|id| id.parse().unwrap()).collect())
	})
}

fn ids(tokenizer: &BpeTokenizer, text: &str) -> Vec<u32> {
	tokenizer.encode(&[Piece::Text(text)]).unwrap()
}

/// The text of each token of a text.
fn tokens(tokenizer: &BpeTokenizer, text: &str) -> Vec<String> {
	ids(tokenizer, text).iter().map(|id| tokenizer.decode(&[*id]).unwrap()).collect()
}

#[test]
fn bytes_and_characters_should_be_each_others_inverse() {
	for byte in 0..=u8::MAX {
		assert_eq!(byte_of(character_of(byte)), Some(byte));
	}
	let others = (0..=0x200).filter_map(char::from_u32).filter(|character| byte_of(*character).is_some());
	assert_eq!(others.count(), 256);
}

#[test]
fn a_text_should_be_split_and_merged() {
	let tokenizer = bytes_tokenizer();
	assert_eq!(tokenizer.vocabulary(), 3 + 256 + 8);
	assert_eq!(tokens(&tokenizer, "hello the shell"), ["hell", "o", " the", " ", "s", "hell"]);
	assert_eq!(tokens(&tokenizer, "x12 12"), ["x", "1", "2", " ", "1", "2"], "digits stand alone");
	assert_eq!(ids(&tokenizer, "é"), [3 + 256 + 6]);
	assert_eq!(ids(&tokenizer, ""), [0; 0]);
	assert_eq!(ids(&tokenizer, "\u{0}"), [3]);
}

#[test]
fn decoding_should_return_the_text() {
	let tokenizer = bytes_tokenizer();
	for text in ["", "hello the shell 12", "é, 你好, 🦀🏳️‍🌈", "\u{0}\r\n\t \u{10ffff}", "<|im_end|>"] {
		assert_eq!(tokenizer.decode(&ids(&tokenizer, text)).unwrap(), text);
	}
}

#[test]
fn control_tokens_should_be_recognised_only_where_asked_for() {
	let tokenizer = bytes_tokenizer();
	let text = "<|im_start|>hell<|im_end|><|im_end|>";
	assert_eq!(tokenizer.encode_with_controls(text).unwrap(), [1, 3 + 256 + 4, 2, 2]);
	let parts = [Piece::Control("<|im_start|>"), Piece::Text("hell"), Piece::Control("<|im_end|>")];
	assert_eq!(tokenizer.encode(&parts).unwrap(), [1, 3 + 256 + 4, 2]);
	assert!(ids(&tokenizer, text).iter().all(|id| *id > 2));
	assert_eq!(tokenizer.decode(&[1, 3 + 256 + 4, 2]).unwrap(), "hell");
	assert_eq!(tokenizer.control("<|im_end|>"), Some(2));
	assert_eq!(tokenizer.stops(), [0, 2]);
	assert_eq!(tokenizer.begin(), None);
	let unknown = tokenizer.encode(&[Piece::Control("<|other|>")]).unwrap_err();
	assert_eq!(unknown.to_string(), "the tokenizer's control token is \"<|other|>\", which is not known");
}

#[test]
fn a_prompt_should_begin_once_whether_or_not_its_text_says_so() {
	let file = bytes_tokenizer_file("smollm").value("tokenizer.ggml.add_bos_token", Item::Bool(true));
	let tokenizer = from_file(&file).unwrap();
	for text in ["hell", "<|im_start|>hell"] {
		let ids = tokenizer.begun(tokenizer.encode_with_controls(text).unwrap());
		assert_eq!(ids, [1, 3 + 256 + 4]);
	}
	assert_eq!(tokenizer.begun(Vec::new()), [1]);
	assert_eq!(bytes_tokenizer().begun(vec![7]), [7], "a model that wants no such token");
}

#[test]
fn the_first_and_longest_name_should_split_a_text() {
	let names = [("<a", 1), ("<ab", 2), ("b<", 3)];
	let split = |text| split_at_names(text, &names);
	assert_eq!(split("x<aby"), [("x", Some(2)), ("y", None)]);
	assert_eq!(split("b<ab"), [("", Some(3)), ("ab", None)]);
	assert_eq!(split("<a<a<ab"), [("", Some(1)), ("", Some(1)), ("", Some(2)), ("", None)]);
	assert_eq!(split(""), [("", None)]);
	assert_eq!(split_at_names("<a", &[]), [("<a", None)]);
}

#[test]
fn characters_should_be_streamed_when_they_are_complete() {
	let tokenizer = bytes_tokenizer();
	let mut stream = tokenizer.stream();
	let mut push = |byte: u8| stream.push(u32::from(byte) + 3).unwrap();
	assert_eq!(["🦀".bytes().map(&mut push).collect::<Vec<_>>(), vec![push(b'x')]].concat(), ["", "", "", "🦀", "x"]);
	assert_eq!([push(0xe4), push(0xbd), push(b'y')], ["", "", "\u{fffd}y"], "cut off by another");
	assert_eq!([push(0xff), push(0x80)], ["\u{fffd}", "\u{fffd}"]);
	assert_eq!([push(0xe4), push(0xbd)], ["", ""]);
	assert_eq!(stream.push(1).unwrap(), "", "control tokens have no text");
	assert_eq!(stream.finish(), "\u{fffd}");
	assert_eq!(tokenizer.stream().push(9_999), Err(TokenizerError::NoSuchId(9_999)));
	assert_eq!(tokenizer.decode(&[u32::MAX]), Err(TokenizerError::NoSuchId(u32::MAX)));
}

#[test]
fn any_bytes_should_be_streamed_as_they_are_decoded_at_once() {
	let tokenizer = bytes_tokenizer();
	let mut state = 1_u32;
	for _ in 0..2_000 {
		let bytes: Vec<u8> = (0..12)
			.map(|_| {
				state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
				[0xf0, 0x9f, 0xa6, 0x80, 0xe4, 0xbd, 0xa0, b'a', 0xed, 0xff, 0xc3, 0xa9][(state >> 24) as usize % 12]
			})
			.collect();
		let ids: Vec<u32> = bytes.iter().map(|byte| u32::from(*byte) + 3).collect();
		assert_eq!(tokenizer.decode(&ids).unwrap(), String::from_utf8_lossy(&bytes), "{bytes:02x?}");
	}
}

#[test]
fn tokenizers_that_are_not_known_should_be_refused() {
	assert!(reason(&bytes_tokenizer_file("bloom")).contains("pre-tokenizer is \"bloom\""));
	let unigram = Gguf::new().value("tokenizer.ggml.model", Item::String("t5"));
	assert!(reason(&unigram).contains("model is \"t5\""));
	assert!(reason(&Gguf::new()).contains("tokenizer.ggml.model"));
}

#[test]
fn tokenizers_that_contradict_themselves_should_be_refused() {
	let file = |tokens: &[&str], types: &[i32], merges: &[&str]| {
		Gguf::new()
			.value("tokenizer.ggml.model", Item::String("gpt2"))
			.value("tokenizer.ggml.pre", Item::String("gpt-2"))
			.value("tokenizer.ggml.tokens", Item::Strings(tokens))
			.value("tokenizer.ggml.token_type", Item::I32s(types))
			.value("tokenizer.ggml.merges", Item::Strings(merges))
	};
	assert!(reason(&file(&["a", "b"], &[1], &[])).contains("2 tokens and 1 types"));
	assert!(reason(&file(&["a", "a"], &[1, 1], &[])).contains("occurs twice"));
	assert!(reason(&file(&["a", ""], &[1, 1], &[])).contains("empty"));

	let bytes: Vec<String> = (0..=u8::MAX).map(|byte| character_of(byte).to_string()).collect();
	let tokens: Vec<&str> = bytes.iter().map(String::as_str).chain(["ab"]).collect();
	let merging = |merges: &[&str]| file(&tokens, &[1; 257], merges);
	from_file(&merging(&["a b"])).unwrap();
	for merge in ["ab", "a c", "ab a", "ab ab", "x ", " ", ""] {
		assert!(reason(&merging(&[merge])).contains("merge"), "{merge}");
	}
	for key in ["tokenizer.ggml.eos_token_id", "tokenizer.ggml.bos_token_id"] {
		let outside = merging(&[]).value("tokenizer.ggml.add_bos_token", Item::Bool(true)).value(key, Item::U32(257));
		assert!(from_file(&outside).is_err(), "{key}");
	}
}

#[test]
fn texts_should_not_have_to_be_searched_for_endless_or_countless_names() {
	let file = |count: usize, length: usize| {
		let tokens: Vec<String> = (0..count).map(|id| format!("{id:0length$}")).collect();
		let types: Vec<i32> = (0..count).map(|id| 3 + id as i32 % 2).collect();
		Gguf::new()
			.value("tokenizer.ggml.model", Item::String("gpt2"))
			.value("tokenizer.ggml.pre", Item::String("gpt-2"))
			.value("tokenizer.ggml.tokens", Item::Strings(&tokens.iter().map(String::as_str).collect::<Vec<_>>()))
			.value("tokenizer.ggml.token_type", Item::I32s(&types))
			.value("tokenizer.ggml.merges", Item::Strings(&[]))
	};
	assert_eq!(from_file(&file(4_096, 256)).unwrap().vocabulary(), 4_096);
	assert!(reason(&file(4_097, 5)).contains("more than 4096"));
	assert!(reason(&file(4, 257)).contains("longer than 256"));
}

#[test]
fn values_of_the_wrong_type_or_none_should_be_refused() {
	let keys = [
		("tokenizer.ggml.model", Item::String("gpt2")),
		("tokenizer.ggml.pre", Item::String("gpt-2")),
		("tokenizer.ggml.tokens", Item::Strings(&["a"])),
		("tokenizer.ggml.token_type", Item::I32s(&[1])),
		("tokenizer.ggml.merges", Item::Strings(&[])),
	];
	let file = |keys: &[(&str, Item<'_>)]| keys.iter().fold(Gguf::new(), |file, (key, item)| file.value(key, *item));
	from_file(&file(&keys)).unwrap();
	for at in 0..keys.len() {
		let (key, mut others) = (keys[at].0, keys.to_vec());
		for other in [Item::U32(1), Item::F32s(&[1.0])] {
			others[at].1 = other;
			assert!(reason(&file(&others)).contains(&format!("the value of \"{key}\" is ")));
		}
		others.remove(at);
		assert!(reason(&file(&others)).contains(&format!("the key \"{key}\" is missing")));
	}
	for id in [Item::String("0"), Item::I32(-1), Item::F32(0.0), Item::U32(1)] {
		assert!(from_file(&file(&keys).value("tokenizer.ggml.eos_token_id", id)).is_err(), "{id:?}");
	}
	let begins = file(&keys).value("tokenizer.ggml.add_bos_token", Item::Bool(true));
	assert!(reason(&begins).contains("bos_token_id"));
}

#[test]
fn tokens_that_users_defined_should_be_recognised_in_any_text_and_shown() {
	let bytes: Vec<String> = (0..=u8::MAX).map(|byte| character_of(byte).to_string()).collect();
	let tokens: Vec<&str> = bytes.iter().map(String::as_str).chain(["<think é>"]).collect();
	let types: Vec<i32> = [[1; 256].as_slice(), &[4]].concat();
	let file = Gguf::new()
		.value("tokenizer.ggml.model", Item::String("gpt2"))
		.value("tokenizer.ggml.pre", Item::String("llama-bpe"))
		.value("tokenizer.ggml.tokens", Item::Strings(&tokens))
		.value("tokenizer.ggml.token_type", Item::I32s(&types))
		.value("tokenizer.ggml.merges", Item::Strings(&[]))
		.value("tokenizer.ggml.bos_token_id", Item::U32(65));
	let tokenizer = from_file(&file).unwrap();
	assert_eq!(ids(&tokenizer, "a<think é>b"), [97, 256, 98]);
	assert_eq!(tokenizer.decode(&[97, 256, 98]).unwrap(), "a<think é>b");
	assert_eq!(tokenizer.begin(), Some(65));
}

/// A tokenizer with a token per byte, two letters merged, and further tokens of these types.
fn with_tokens(more: &[(&str, i32)]) -> Gguf {
	let bytes: Vec<String> = (0..=u8::MAX).map(|byte| character_of(byte).to_string()).collect();
	let tokens: Vec<&str> = bytes.iter().map(String::as_str).chain(more.iter().map(|(token, _)| *token)).collect();
	let types: Vec<i32> = [1; 256].into_iter().chain(more.iter().map(|(_, kind)| *kind)).collect();
	Gguf::new()
		.value("tokenizer.ggml.model", Item::String("gpt2"))
		.value("tokenizer.ggml.pre", Item::String("qwen2"))
		.value("tokenizer.ggml.tokens", Item::Strings(&tokens))
		.value("tokenizer.ggml.token_type", Item::I32s(&types))
		.value("tokenizer.ggml.merges", Item::Strings(&[]))
}

#[test]
fn tokens_named_as_control_tokens_should_be_these_whatever_their_type_and_plain_text_in_messages() {
	for kind in [1, 3, 4] {
		for name in ["<|im_start|>", "<|User1|>", "<\u{ff5c}User\u{ff5c}>", "<start_of_turn>"] {
			let tokenizer = from_file(&with_tokens(&[(name, kind)])).unwrap();
			assert_eq!(tokenizer.control(name), Some(256), "{name} of type {kind}");
			assert_eq!(tokenizer.encode_with_controls(name).unwrap(), [256]);
			assert_eq!(ids(&tokenizer, name).len(), name.len(), "a message that says {name}");
		}
	}
	for name in ["<think>", "<|>", "<||>", "<| |>", "<|a", "|a|>", "<|+|>"] {
		let tokenizer = from_file(&with_tokens(&[(name, 4)])).unwrap();
		assert_eq!((tokenizer.control(name), ids(&tokenizer, name)), (None, vec![256]), "{name}");
	}
}

#[test]
fn an_answer_should_end_with_the_files_tokens_and_those_that_are_known_to_end_a_turn() {
	let tokens =
		[("<|eot_id|>", 3), ("<|im_end|>", 1), ("<end_of_turn>", 4), ("<|end|>", 3), ("<|user|>", 3), ("x y", 3)];
	let file = with_tokens(&tokens).value("tokenizer.ggml.eos_token_id", Item::U32(261));
	assert_eq!(from_file(&file).unwrap().stops(), [256, 257, 258, 259, 261]);
	assert_eq!(from_file(&with_tokens(&[("<|user|>", 3)])).unwrap().stops(), [0; 0]);
}

#[test]
fn a_tokenizer_that_ends_prompts_or_names_no_token_should_be_refused_by_the_key() {
	let ends = with_tokens(&[]).value("tokenizer.ggml.add_eos_token", Item::Bool(true));
	assert!(reason(&ends).contains("tokenizer.ggml.add_eos_token"));
	let absent = with_tokens(&[]).value("tokenizer.ggml.eos_token_id", Item::U32(256));
	assert!(reason(&absent).contains("tokenizer.ggml.eos_token_id is 256, but there are 256 tokens"));
}

#[test]
fn models_that_split_alike_should_have_one_pre_tokenizer() {
	let text = "I'LL pay 12345 for\n\n  two na\u{ef}ve   caf\u{e9}s!\r\n";
	for (name, alias) in [
		("llama-bpe", "llama3"),
		("llama-bpe", "llama-v3"),
		("llama-bpe", "falcon3"),
		("qwen2", "deepseek-r1-qwen"),
		("smollm", "refact"),
		("smaug-bpe", "dbrx"),
	] {
		let [name, alias] = [name, alias].map(|pre| ids(&from_file(&bytes_tokenizer_file(pre)).unwrap(), text));
		assert_eq!(name, alias);
	}
}

/// The parts that a text is split into before these are merged.
fn parts(tokenizer: &BpeTokenizer, text: &str) -> Vec<String> {
	let Encoder::ByteLevel(encoder) = &tokenizer.encoder else { panic!("it is byte-level") };
	let mut split = PreTokenizedString::from(text);
	encoder.get_pre_tokenizer().unwrap().pre_tokenize(&mut split).unwrap();
	let parts = split.get_splits(OffsetReferential::Original, OffsetType::Byte).into_iter();
	parts.map(|(_, (from, to), _)| text[from..to].to_string()).collect()
}

#[test]
fn texts_should_be_split_as_the_packages_of_their_makers_do() {
	let cases: Value = serde_json::from_str(include_str!("../../tests/data/pre_tokenizers.json")).unwrap();
	let mut compared = BTreeSet::new();
	for case in cases.as_array().unwrap() {
		let (pre, text) = (case["pre"].as_str().unwrap(), case["text"].as_str().unwrap());
		compared.insert(pre);
		let tokenizer = from_file(&bytes_tokenizer_file(pre)).unwrap();
		let expected: Vec<&str> = case["parts"].as_array().unwrap().iter().map(|part| part.as_str().unwrap()).collect();
		assert_eq!(parts(&tokenizer, text), expected, "{pre}: {text:?}");
	}
	assert!(compared.into_iter().eq(["gpt-2", "gpt-4o", "llama-bpe", "qwen2", "smollm", "tekken"]));
}

#[test]
fn each_pre_tokenizer_should_split_as_its_model_does() {
	let text = "I'LL pay 12345 for\n\n  two naïve   cafés!\r\n";
	let tokenizer = |pre| from_file(&bytes_tokenizer_file(pre)).unwrap();
	for (pre, joined) in [("gpt-2", true), ("smollm", false), ("llama-bpe", true), ("qwen2", false)] {
		let tokenizer = tokenizer(pre);
		assert_eq!(tokens(&tokenizer, "12").len(), if joined { 1 } else { 2 }, "{pre}");
		assert_eq!(tokenizer.decode(&ids(&tokenizer, text)).unwrap(), text, "{pre}");
	}
	// A decomposed é is composed for Qwen2 only.
	assert_eq!(ids(&tokenizer("qwen2"), "e\u{301}"), [3 + 256 + 6]);
	assert_eq!(ids(&tokenizer("gpt-2"), "e\u{301}").len(), 3);
}

#[test]
fn long_texts_of_one_kind_should_take_no_more_than_moments_with_every_pre_tokenizer() {
	for pre in ["gpt-2", "smollm", "llama-bpe", "smaug-bpe", "gpt-4o", "tekken", "qwen2"] {
		let tokenizer = from_file(&bytes_tokenizer_file(pre)).unwrap();
		for part in [" ", "a", "1", "\n", "hell", "é", "!", " \n", "'", "A", "/", "aA", "\u{301}"] {
			let text = part.repeat(65_536 / part.len());
			assert_eq!(tokenizer.decode(&ids(&tokenizer, &text)).unwrap(), text, "{pre}: {part:?}");
			let spaced = format!("{text}x");
			assert_eq!(tokenizer.decode(&ids(&tokenizer, &spaced)).unwrap(), spaced, "{pre}: {part:?}");
		}
	}
}

/// Which characters are digits, letters and so on is part of the semantics.
#[test]
fn every_character_should_be_split_as_ever() {
	let tokenizer = bytes_tokenizer();
	let mut hasher = Sha256::new();
	let mut text = String::new();
	for character in (0..=0x0010_ffff).filter_map(char::from_u32) {
		// Spaces, letters, digits and others join with different neighbours. "he" is a token if it is not split.
		text.push('h');
		text.push(character);
		text.push('1');
		if text.len() > 4_096 {
			ids(&tokenizer, &text).iter().for_each(|id| hasher.update(id.to_le_bytes()));
			text.clear();
		}
	}
	let hash: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
	assert_eq!(hash, "a355f9c6c5c42253e0ebdde9e4df5f10e82b364886356052d888bf0cc84047bc");
}

#[test]
fn smollm2_should_tokenise_as_the_reference_does() {
	let Some(path) = installed("SmolLM2", SMOLLM2.weights.sha256) else { return };
	let bytes = fs::read(path).unwrap();
	let tokenizer = BpeTokenizer::from_gguf(&GgufFile::parse(&bytes).unwrap()).unwrap();
	assert!(cases(SMOLLM2_IDS).count() >= 50);
	for (text, expected) in cases(SMOLLM2_IDS) {
		assert_eq!(tokenizer.encode_with_controls(&text).unwrap(), expected, "{text:?}");
		// Control tokens come first in this vocabulary.
		if expected.iter().all(|id| *id > 16) {
			assert_eq!(tokenizer.decode(&expected).unwrap(), text);
			assert_eq!(ids(&tokenizer, &text), expected, "{text:?}");
		}
	}
}

#[test]
fn minilm_should_tokenise_as_the_reference_does() {
	let Some(path) = installed("MiniLM's tokenizer", MINILM.tokenizer.unwrap().sha256) else { return };
	let tokenizer = JsonTokenizer::from_json(&fs::read(path).unwrap()).unwrap();
	assert_eq!(tokenizer.vocabulary(), 30_522);
	assert!(cases(MINILM_IDS).count() >= 50);
	for (text, expected) in cases(MINILM_IDS) {
		assert_eq!(tokenizer.encode(&text).unwrap(), expected, "{text:?}");
	}
	assert_eq!(tokenizer.decode(&tokenizer.encode("Hello, world!").unwrap()).unwrap(), "hello, world!");
	assert_eq!(tokenizer.decode(&[30_522]), Err(TokenizerError::NoSuchId(30_522)));
	// As docs/faq.md says.
	let encode = |text: &str| tokenizer.encode(text).unwrap();
	assert_eq!(encode("🦀"), encode("🚀🚀"));
	assert_eq!(encode(&"a".repeat(101)), encode(&"b".repeat(101)));
	assert_ne!(encode(&"a".repeat(100)), encode(&"b".repeat(100)));
}

const WORD_PIECE: &str = r###"{"version":"1.0",
	"truncation":{"max_length":2,"strategy":"LongestFirst","stride":0},
	"padding":{"strategy":{"Fixed":9},"direction":"Right","pad_to_multiple_of":null,"pad_id":0,"pad_type_id":0,
		"pad_token":"[UNK]"},
	"added_tokens":[],"normalizer":{"type":"Lowercase"},"pre_tokenizer":{"type":"BertPreTokenizer"},
	"post_processor":null,"decoder":{"type":"WordPiece","prefix":"##","cleanup":true},
	"model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100,
		"vocab":{"[UNK]":0,"hell":1,"##o":2,"x":3}}}"###;

/// A tokenizer that splits and normalises as MiniLM's does, with a token for every character of the first two planes.
fn characters_tokenizer() -> JsonTokenizer {
	let characters = (0..0x2_0000).filter_map(char::from_u32).map(String::from);
	let tokens = characters.flat_map(|character| [format!("##{character}"), character]);
	let ids = [String::from("[UNK]")].into_iter().chain(tokens).zip(0..).map(|(token, id)| (token, Value::from(id)));
	let file = json!({
		"version": "1.0",
		"added_tokens": [],
		"normalizer": {
			"type": "BertNormalizer",
			"clean_text": true,
			"handle_chinese_chars": true,
			"strip_accents": null,
			"lowercase": true
		},
		"pre_tokenizer": {"type": "BertPreTokenizer"},
		"post_processor": null,
		"decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
		"model": {
			"type": "WordPiece",
			"unk_token": "[UNK]",
			"continuing_subword_prefix": "##",
			"max_input_chars_per_word": 100,
			"vocab": ids.collect::<Map<_, _>>()
		}
	});
	JsonTokenizer::from_json(file.to_string().as_bytes()).unwrap()
}

/// Lower case, accents, spaces and punctuation come from the tables of the standard library and of several crates. They
/// are part of the semantics: another toolchain or crate whose tables differ is another version.
#[test]
fn every_character_should_be_normalised_and_split_as_minilm_ever_did() {
	let tokenizer = characters_tokenizer();
	let shown = |text: &str| tokenizer.decode(&tokenizer.encode(text).unwrap()).unwrap();
	assert_eq!(shown("ÀÉ\u{301}ß ΣΑΣ İI\u{307} \u{1e9e}Ⅷ x\u{ad}y 你好"), "aeß σασ ii ßⅷ xy 你 好");
	let mut hasher = Sha256::new();
	let mut text = String::new();
	for character in (0..=0x0010_ffff).filter_map(char::from_u32) {
		text.extend(['a', character, 'B', ' ']);
		if text.len() > 4_096 || character == char::MAX {
			tokenizer.encode(&text).unwrap().iter().for_each(|id| hasher.update(id.to_le_bytes()));
			text.clear();
		}
	}
	let hash: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
	assert_eq!(hash, "d2202431ad6a34c96420dc4fda35b134bd182a617964ea7adfe8750e675d70a5");
}

#[test]
fn padding_and_truncation_of_the_file_should_not_be_done() {
	let tokenizer = JsonTokenizer::from_json(WORD_PIECE.as_bytes()).unwrap();
	assert_eq!(tokenizer.encode("Hello x hello 12").unwrap(), [1, 2, 3, 1, 2, 0]);
	assert_eq!(tokenizer.decode(&[1, 2, 3]).unwrap(), "hello x");
}

#[test]
fn files_with_anything_unknown_or_random_should_be_refused() {
	let changed = |from: &str, to: &str| {
		assert!(WORD_PIECE.contains(from), "{from}");
		let error = JsonTokenizer::from_json(WORD_PIECE.replace(from, to).as_bytes()).err();
		error.unwrap_or_else(|| panic!("{to} was read")).to_string()
	};
	let normalizer = r#"{"type":"Lowercase"}"#;
	assert!(changed(normalizer, r#"{"type":"Precompiled","precompiled_charsmap":""}"#).contains("Precompiled"));
	let nested = r#"{"type":"Sequence","normalizers":[{"type":"Strip"}]}"#;
	assert!(changed(normalizer, nested).contains("Strip"));
	assert!(changed(r#"{"type":"WordPiece","unk"#, r#"{"type":"Unigram","unk"#).contains("Unigram"));
	assert!(changed(r#"{"type":"WordPiece","unk"#, r#"{"unk"#).contains("does not say"));
	assert!(changed(r###""##o":2"###, r###""##o":1"###).contains("no id of its own"));
	assert!(changed(r###""##o":2"###, r###""##o":-2"###).contains("no id of its own"));
	assert!(changed(r#""unk_token":"[UNK]""#, r#""unk_token":"?""#).contains("unknown words"));
	assert!(changed(r#""added_tokens":[]"#, r#""added_tokens":[{"content":""}]"#).contains("empty"));
	let pre_tokenizer = r#"{"type":"BertPreTokenizer"}"#;
	let split = r#"{"type":"Split","pattern":{"Regex":"(a|a)*b"},"behavior":"Isolated","invert":false}"#;
	assert!(changed(pre_tokenizer, split).contains("Split"));
	let bpe = |rest: &str| {
		let model = format!(r#"{{"version":"1.0","model":{{"type":"BPE","vocab":{{"a":0,"b":1,"ab":2}},{rest}}}}}"#);
		JsonTokenizer::from_json(model.as_bytes()).err().map(|error| error.to_string()).unwrap_or_default()
	};
	assert!(bpe(r#""merges":["a b"],"dropout":0.5"#).contains("dropout"));
	assert!(bpe(r#""merges":[],"continuing_subword_prefix":"é""#).contains("continuing_subword_prefix"));
	for merges in [r#"["ab"]"#, r#"["ab ab"]"#, r#"[["ab","ab"]]"#, "[1]", r#"[["a"]]"#, r#"["a c"]"#] {
		assert!(bpe(&format!(r#""merges":{merges}"#)).contains("merge"), "{merges}");
	}
	assert!(bpe(r#""merges":{}"#).contains("no merges"));
	for file in ["", "{}", "[]", "null", "{\"model\":[]}", &"[".repeat(100_000)] {
		assert!(JsonTokenizer::from_json(file.as_bytes()).is_err(), "{file:.10}");
	}
}

#[test]
fn what_is_set_around_a_text_should_be_tokens_around_one_text() {
	let with = |processor: &str| {
		let file = WORD_PIECE.replace(r#""post_processor":null"#, &format!(r#""post_processor":{processor}"#));
		JsonTokenizer::from_json(file.as_bytes()).map(|tokenizer| tokenizer.encode("x").unwrap())
	};
	let template = |single: &str, special: &str| {
		with(&format!(
			r#"{{"type":"Sequence","processors":[{{"type":"TemplateProcessing","single":[{single}],"pair":[],
			"special_tokens":{{{special}}}}}]}}"#
		))
	};
	let text = r#"{"Sequence":{"id":"A","type_id":0}}"#;
	let token = r#"{"SpecialToken":{"id":"T","type_id":0}}"#;
	let two = format!("{text},{text}");
	let both = format!("{token},{text},{token}");
	let tokens = |ids: &str, tokens: &str| format!(r#""T":{{"id":"T","ids":[{ids}],"tokens":[{tokens}]}}"#);
	assert_eq!(template(&both, &tokens("1,2", r#""a","b""#)).unwrap(), [1, 2, 3, 1, 2]);
	assert_eq!(template(text, "").unwrap(), [3]);
	// Each of these would panic, answer with tokens that there are not, or take the text many times.
	for (single, special) in [
		(both.as_str(), String::new()),
		(&both, tokens("4", r#""a""#)),
		(&both, tokens("1,2", r#""a""#)),
		(&two, String::new()),
		(token, tokens("1", r#""a""#)),
		(&text.replace('A', "B"), String::new()),
	] {
		let error = template(single, &special).unwrap_err().to_string();
		assert!(error.contains("around one text"), "{single} {special}: {error}");
	}
	let bert = |sep: u64| with(&format!(r#"{{"type":"BertProcessing","sep":["s",{sep}],"cls":["c",0]}}"#));
	assert_eq!(bert(1).unwrap(), [0, 3, 1]);
	for id in [4, u64::from(u32::MAX), u64::MAX] {
		assert!(bert(id).is_err());
	}
}

#[test]
fn tokens_that_take_the_spaces_around_them_should_be_refused() {
	let with = |side: &str, takes: bool| {
		let sides = ["lstrip", "rstrip"].map(|name| format!(r#""{name}":{}"#, takes && name == side)).join(",");
		let token =
			format!(r#"{{"id":3,"content":"x","single_word":false,{sides},"normalized":false,"special":false}}"#);
		let file = WORD_PIECE.replace(r#""added_tokens":[]"#, &format!(r#""added_tokens":[{token}]"#));
		JsonTokenizer::from_json(file.as_bytes()).map(|tokenizer| tokenizer.encode("hello x").unwrap())
	};
	for side in ["lstrip", "rstrip"] {
		assert_eq!(with(side, false).unwrap(), [1, 2, 3]);
		assert!(with(side, true).unwrap_err().to_string().contains("takes the spaces"));
	}
}

#[test]
fn long_words_and_sequences_should_take_no_more_than_moments() {
	let changed = |from: &str, to: &str| JsonTokenizer::from_json(WORD_PIECE.replace(from, to).as_bytes());
	let longest =
		|length: &str| changed(r#""max_input_chars_per_word":100"#, &format!(r#""max_input_chars_per_word":{length}"#));
	longest("256").unwrap().encode(&"x".repeat(65_536)).unwrap();
	for length in ["257", "1e9", "18446744073709551615", "-1", "\"1\""] {
		assert!(longest(length).err().unwrap().to_string().contains("longest word"), "{length}");
	}
	let sequence = |count: usize| {
		let members = vec![r#"{"type":"Lowercase"}"#; count].join(",");
		changed(r#"{"type":"Lowercase"}"#, &format!(r#"{{"type":"Sequence","normalizers":[{members}]}}"#))
	};
	assert!(sequence(31).is_ok());
	assert!(sequence(32).err().unwrap().to_string().contains("more than 32 parts"));
}

#[test]
fn a_file_cut_off_anywhere_should_be_an_error() {
	for length in 0..WORD_PIECE.len() {
		assert!(JsonTokenizer::from_json(&WORD_PIECE.as_bytes()[..length]).is_err());
	}
}
