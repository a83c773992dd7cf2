//! Texts and their tokens.

use super::*;

fn tokens_of_texts(file: &Gguf) -> [Vec<u32>; 4] {
	let model = load(file).unwrap();
	TEXTS.map(|text| model.tokens(text).unwrap())
}

#[test]
fn texts_should_be_split_as_bert_does_and_never_become_control_tokens() {
	let name = |name: &str| vocabulary().iter().position(|token| token == name).unwrap() as u32;
	let word = |text: &str| name(&format!("\u{2581}{text}"));
	let tokens = tokens_of_texts(&random(GgufDtype::F32, 1));
	assert_eq!(tokens[0], [2, word("a"), 3]);
	assert_eq!(tokens[1][1..7], ["hello", ",", "hello", ".", "the", "sun"].map(word));
	assert_eq!(tokens[2][1..6], [word("c"), name("r"), name("e"), name("m"), name("e")]);
	assert!(tokens[2][1..tokens[2].len() - 1].iter().all(|token| ![2, 3].contains(token)), "{:?}", tokens[2]);
	assert!([1, word("漢"), word("["), word("]")].iter().all(|token| tokens[2].contains(token)), "{:?}", tokens[2]);
	let cased = random(GgufDtype::F32, 1).value("tokenizer.ggml.normalizer.lowercase", Item::Bool(false));
	let cased = tokens_of_texts(&cased);
	assert_eq!((&cased[0], cased[1][1], cased[2][1]), (&tokens[0], 1, 1));
}

#[test]
fn minilms_vocabulary_should_give_the_same_tokens_from_gguf() {
	let Some(tokenizer) = minilms_tokenizer() else { return };
	let value: Value = serde_json::from_slice(&fs::read(tokenizer).unwrap()).unwrap();
	let named = |(token, id): (&String, &Value)| {
		let name = match token.strip_prefix("##") {
			Some(rest) => rest.into(),
			None if token.starts_with('[') && token.ends_with(']') => token.clone(),
			None => format!("\u{2581}{token}"),
		};
		(id.as_u64().unwrap(), name)
	};
	let tokens: BTreeMap<u64, String> = value["model"]["vocab"].as_object().unwrap().iter().map(named).collect();
	let tokens: Vec<String> = tokens.into_values().collect();
	let bytes = with_tokens(metadata([1, 32, 32, 1], 8, 1), &tokens, [100, 101, 102]).bytes();
	let tokenizer = JsonTokenizer::from_gguf(&GgufFile::parse(&bytes).unwrap()).unwrap();
	for (text, expected, _) in reference() {
		assert_eq!(tokenizer.encode(&text).unwrap(), expected, "{text}");
	}
}
