use super::*;
use crate::tests::{sentence_piece_file, Gguf, Item};
use crate::tokenizer::Piece;
use std::time::{Duration, Instant};

/// A piece as a JSON string, its score and its type, by id: see `sentence_piece.py`.
const VOCABULARY: &str = include_str!("../../../tests/data/sentence_piece_vocabulary.tsv");

/// A text as a JSON string, its ids and those without a space before the text as the Python package `sentencepiece`
/// gives them, and what it decodes the former to.
const IDS: &str = include_str!("../../../tests/data/sentence_piece_ids.tsv");

/// Three special tokens, then `ab` over `bc` over ` a`.
const SMALL: [(&str, f32, i32); 11] = [
	("<unk>", 0.0, 2),
	("<s>", 0.0, 3),
	("</s>", 0.0, 3),
	(SPACE, -10.0, 1),
	("a", -10.0, 1),
	("b", -10.0, 1),
	("c", -10.0, 1),
	("ab", -1.0, 1),
	("bc", -2.0, 1),
	("\u{2581}a", -3.0, 1),
	("cc", -4.0, 1),
];

fn from_file(file: &Gguf) -> Result<BpeTokenizer, TokenizerError> {
	BpeTokenizer::from_gguf(&GgufFile::parse(&file.bytes()).expect("the file is valid"))
}

fn reason(file: &Gguf) -> String {
	from_file(file).err().expect("the tokenizer is not valid").to_string()
}

fn with(tokens: &[(&str, f32, i32)]) -> BpeTokenizer {
	from_file(&sentence_piece_file(&[&SMALL, tokens].concat())).unwrap()
}

fn ids(tokenizer: &BpeTokenizer, text: &str) -> Vec<u32> {
	tokenizer.encode(&[Piece::Text(text)]).unwrap()
}

/// Tokens for all bytes.
fn bytes() -> Vec<String> {
	(0..=u8::MAX).map(|byte| format!("<0x{byte:02X}>")).collect()
}

#[test]
fn texts_should_be_tokenised_and_decoded_as_the_reference_does() {
	let tokens: Vec<(String, f32, i32)> = VOCABULARY
		.lines()
		.map(|line| {
			let columns: Vec<&str> = line.split('\t').collect();
			(serde_json::from_str(columns[0]).unwrap(), columns[1].parse().unwrap(), columns[2].parse().unwrap())
		})
		.collect();
	let tokens: Vec<_> = tokens.iter().map(|(text, score, kind)| (text.as_str(), *score, *kind)).collect();
	let file = sentence_piece_file(&tokens);
	let tokenizer = from_file(&file).unwrap();
	let bare = from_file(&file.value("tokenizer.ggml.add_space_prefix", Item::Bool(false))).unwrap();
	assert!(IDS.lines().count() >= 80);
	for line in IDS.lines() {
		let columns: Vec<&str> = line.split('\t').collect();
		let listed = |at: usize| columns[at].split_whitespace().map(|id| id.parse().unwrap()).collect::<Vec<u32>>();
		let text: String = serde_json::from_str(columns[0]).unwrap();
		assert_eq!(ids(&tokenizer, &text), listed(1), "{text:?}");
		assert_eq!(ids(&bare, &text), listed(2), "{text:?} without a space before it");
		let decoded: String = serde_json::from_str(columns[3]).unwrap();
		assert_eq!(tokenizer.decode(&listed(1)).unwrap(), decoded);
		assert_eq!(bare.decode(&listed(2)).unwrap(), decoded);
	}
}

#[test]
fn the_piece_with_the_highest_score_and_of_these_the_leftmost_should_be_joined_first() {
	let tokenizer = with(&[]);
	assert_eq!(ids(&tokenizer, "abc"), [3, 7, 6], "ab before bc and before the space with a");
	assert_eq!(ids(&tokenizer, "bcc a"), [3, 8, 6, 9]);
	assert_eq!(ids(&tokenizer, "ccc"), [3, 10, 6], "the left two");
	assert_eq!(ids(&tokenizer, ""), [0; 0]);
	// −0 is 0: the left of the two.
	let zeros = with(&[("ca", -0.0, 1), ("ac", 0.0, 1)]);
	assert_eq!(ids(&zeros, "caca"), [3, 11, 11]);
}

#[test]
fn unused_pieces_should_be_taken_apart_again() {
	let tokenizer = with(&[("abc", 0.0, 1), ("aba", 0.0, 5), ("d", 0.0, 5)]);
	assert_eq!(ids(&tokenizer, "abcabad"), [3, 11, 7, 4, 13]);
}

#[test]
fn a_space_should_be_set_before_the_first_text_and_after_control_tokens() {
	let tokenizer = with(&[]);
	let encoded = tokenizer.encode(&[
		Piece::Text(""),
		Piece::Text("a"),
		Piece::Text("a"),
		Piece::Control("</s>"),
		Piece::Control("<s>"),
		Piece::Text("a"),
	]);
	assert_eq!(encoded.unwrap(), [9, 4, 2, 1, 9]);
	assert_eq!(tokenizer.encode_with_controls("aa</s><s>a").unwrap(), [9, 4, 2, 1, 9]);
	assert_eq!(tokenizer.decode(&[1, 9, 4, 2, 1, 9]).unwrap(), "aa a", "the first space was not said");
	assert_eq!(tokenizer.begin(), Some(1));
	assert_eq!(tokenizer.stops(), [2]);
	let file = sentence_piece_file(&SMALL).value("tokenizer.ggml.add_bos_token", Item::Bool(false));
	assert_eq!(from_file(&file).unwrap().begin(), None);
}

#[test]
fn texts_should_not_contain_control_tokens() {
	let tokenizer = with(&[("<|end|>", 0.0, 4), ("<", 0.0, 1), ("<s", 0.0, 1), ("s", 0.0, 1), (">", 0.0, 1)]);
	assert_eq!(ids(&tokenizer, "<s>"), [3, 13, 15]);
	assert_eq!(ids(&tokenizer, "<|end|>"), [3, 12, 0, 15], "a control token, whatever the file says");
	assert_eq!(tokenizer.encode_with_controls("<|end|>").unwrap(), [11]);
	assert_eq!(tokenizer.decode(&[11]).unwrap(), "");
	assert_eq!(tokenizer.stops(), [2, 11]);
}

#[test]
fn control_tokens_of_phi3_should_take_the_white_space_after_them() {
	let tokens = [SMALL.as_slice(), &[("<|user|>", 0.0, 3), ("<|end|>", 0.0, 3)]].concat();
	let of = |architecture| {
		let file = sentence_piece_file(&tokens).value("general.architecture", Item::String(architecture));
		from_file(&file).unwrap().encode_with_controls("<s> a<|user|>\n a<|end|>\n<|user|>").unwrap()
	};
	assert_eq!(of("phi3"), [1, 3, 9, 11, 9, 12, 11]);
	assert_eq!(of("llama"), [1, 3, 9, 11, 3, 0, 9, 12, 3, 0, 11]);
}

#[test]
fn characters_without_a_piece_should_be_bytes_or_unknown() {
	let without = with(&[]);
	assert_eq!(ids(&without, "axyéa zz"), [9, 0, 4, 3, 0], "a run is one token");
	assert_eq!(without.decode(&[9, 0, 4, 3, 0]).unwrap(), "a \u{2047} a  \u{2047} ");
	let bytes = bytes();
	let tokens: Vec<_> = bytes.iter().map(|token| (token.as_str(), 0.0, 6)).collect();
	let all = with(&tokens);
	assert_eq!(ids(&all, "aéa"), [9, 11 + 0xc3, 11 + 0xa9, 4]);
	let incomplete = with(&tokens[1..]);
	assert_eq!(ids(&incomplete, "aéa"), [9, 0, 4]);
	let nothing = from_file(&sentence_piece_file(&[("a", 0.0, 1), ("<s>", 0.0, 3), ("</s>", 0.0, 3)])).unwrap();
	assert_eq!(ids(&nothing, "éa"), [0]);
	let named = sentence_piece_file(&SMALL).value("tokenizer.ggml.unknown_token_id", Item::U32(6));
	assert_eq!(ids(&from_file(&named).unwrap(), "x"), [3, 6]);
}

#[test]
fn characters_should_be_streamed_when_their_bytes_are_complete() {
	let bytes = bytes();
	let tokens: Vec<_> = bytes.iter().map(|token| (token.as_str(), 0.0, 6)).collect();
	let tokenizer = with(&tokens);
	let mut stream = tokenizer.stream();
	let mut push = |id: u32| stream.push(id).unwrap();
	assert_eq!([push(1), push(9), push(9)], ["", "a", " a"], "one space is not shown, control tokens aside");
	assert_eq!("🦀".bytes().map(|byte| push(11 + u32::from(byte))).collect::<Vec<_>>(), ["", "", "", "🦀"]);
	assert_eq!([push(11 + 0xe4), push(9)], ["", "\u{fffd} a"]);
	assert_eq!(push(11 + 0xe4), "");
	assert_eq!(stream.finish(), "\u{fffd}");
	assert_eq!(tokenizer.decode(&[11 + 0x20, 9]).unwrap(), "  a", "a byte is no space that was set before a text");
	assert_eq!(tokenizer.decode(&[267]), Err(TokenizerError::NoSuchId(267)));
}

#[test]
fn tokens_that_users_defined_should_be_recognised_with_visible_spaces_or_not() {
	let tokenizer = with(&[("a a", 0.0, 4), ("\u{2581}\u{2581}", 0.0, 4)]);
	assert_eq!(ids(&tokenizer, "ba a"), [3, 5, 11]);
	assert_eq!(ids(&tokenizer, "a a"), [3, 11]);
	assert_eq!(ids(&tokenizer, "b  b"), [3, 5, 12, 5]);
	assert_eq!(tokenizer.decode(&[12, 5, 12, 11]).unwrap(), " b  a a");
}

#[test]
fn long_texts_should_take_no_more_than_moments() {
	let runs: Vec<String> = (1..14).map(|power| "a".repeat(1 << power)).chain(["a".repeat(5_000)]).collect();
	let kind = |at: u8| if at.is_multiple_of(3) { UNUSED } else { NORMAL } as i32;
	let runs: Vec<_> = runs.iter().zip(0..).map(|(run, at)| (run.as_str(), f32::from(at), kind(at))).collect();
	let tokenizer = with(&runs);
	let start = Instant::now();
	for part in ["a", " ", "ab", "abc", "c", "\u{2581}", "x", "🦀", "aab ", "bcabcc"] {
		let text = part.repeat(65_536 / part.len());
		let ids = ids(&tokenizer, &text);
		if part.bytes().all(|byte| b"abc ".contains(&byte)) {
			assert_eq!(tokenizer.decode(&ids).unwrap(), text);
		}
	}
	assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn files_that_contradict_themselves_should_be_refused() {
	let other = |at: usize, token: (&str, f32, i32)| {
		let mut tokens = SMALL;
		tokens[at] = token;
		reason(&sentence_piece_file(&tokens))
	};
	assert!(other(4, ("b", 0.0, 1)).contains("\"b\" occurs twice"));
	assert!(other(4, ("", 0.0, 1)).contains("token 4 is empty"));
	for kind in [0, 7, -1, i32::MAX] {
		assert!(other(4, ("d", 0.0, kind)).contains(&format!("token 4 has type {kind}")));
	}
	for score in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
		assert!(other(4, ("d", score, 1)).contains("no finite number"));
	}
	for byte in ["<0x0a>", "<0x+A>", "<0xA>", "<0x100>", "<0x41", "A", "<0xé>"] {
		assert!(other(4, (byte, 0.0, 6)).contains("is no byte"), "{byte}");
	}
	assert!(other(4, (&"d".repeat(257), 0.0, 4)).contains("longer than 256"));
	let names: Vec<String> = (0..4_097).map(|id| format!("<{id}>")).collect();
	let names: Vec<_> = names.iter().map(|name| (name.as_str(), 0.0, 3)).collect();
	assert!(reason(&sentence_piece_file(&names)).contains("more than 4096"));
	let ends = sentence_piece_file(&SMALL).value("tokenizer.ggml.add_eos_token", Item::Bool(true));
	assert!(reason(&ends).contains("ends every prompt"));
}

#[test]
fn values_that_are_missing_or_of_the_wrong_type_or_length_should_be_refused() {
	let keys = [
		("tokenizer.ggml.model", Item::String("llama")),
		("tokenizer.ggml.tokens", Item::Strings(&["a", "b"])),
		("tokenizer.ggml.scores", Item::F32s(&[0.0, 1.0])),
		("tokenizer.ggml.token_type", Item::I32s(&[1, 3])),
		("tokenizer.ggml.bos_token_id", Item::U32(1)),
	];
	let file = |keys: &[(&str, Item<'_>)]| keys.iter().fold(Gguf::new(), |file, (key, item)| file.value(key, *item));
	from_file(&file(&keys)).unwrap();
	for at in 0..keys.len() {
		let (key, mut others) = (keys[at].0, keys.to_vec());
		for other in [Item::Bool(true), Item::F32(1.0)] {
			others[at].1 = other;
			assert!(reason(&file(&others)).contains(&format!("the value of \"{key}\" is ")));
		}
		others.remove(at);
		assert!(reason(&file(&others)).contains(&format!("the key \"{key}\" is missing")));
	}
	let with = |at: usize, item| {
		let mut others = keys;
		others[at].1 = item;
		reason(&file(&others))
	};
	assert!(with(2, Item::F32s(&[0.0])).contains("2 tokens and 1 scores"));
	assert!(with(3, Item::I32s(&[1, 3, 3])).contains("2 tokens and 3 types"));
	assert!(with(4, Item::U32(2)).contains("tokenizer.ggml.bos_token_id is 2, but there are"));
	for name in ["eos_token_id", "eot_token_id", "eom_token_id", "unknown_token_id"] {
		let key = format!("tokenizer.ggml.{name}");
		for id in [Item::U32(2), Item::U32(u32::MAX), Item::I32(-1), Item::Bool(true)] {
			assert!(from_file(&file(&keys).value(&key, id)).is_err(), "{name} {id:?}");
		}
		from_file(&file(&keys).value(&key, Item::U32(1))).unwrap();
	}
	for name in ["add_bos_token", "add_eos_token", "add_space_prefix"] {
		assert!(from_file(&file(&keys).value(&format!("tokenizer.ggml.{name}"), Item::U32(1))).is_err(), "{name}");
	}
}
