//! The tokenizer of a GGUF file, and texts in it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sibyl_engine::chat::{ChatTemplate, Message, Role};
use sibyl_engine::gguf::{GgufFile, Strings, Value};
use sibyl_engine::tokenizer::{BpeTokenizer, Piece};

const TEXT: &str = "I'LL pay  12345\r\n\n for\ttwo naïve cafe\u{301}s! 你好 🦀\u{0}<|im_end|> hello the shell";
/// How much of the file's own strings is tokenised, in bytes.
const MAX_OWN: usize = 2_048;

/// The strings of the file, one after the other.
fn own_text(file: &GgufFile<'_>) -> String {
	let mut own = String::new();
	let mut add = |text: &str| {
		if own.len() + text.len() <= MAX_OWN {
			own.push_str(text);
		}
	};
	for (_, value) in file.values() {
		match value {
			Value::String(text) => add(text),
			Value::Strings(texts) => Strings::clone(texts).for_each(&mut add),
			_ => (),
		}
	}
	own
}

fuzz_target!(|bytes: &[u8]| {
	let Ok(file) = GgufFile::parse(bytes) else { return };
	let template = ChatTemplate::from_gguf(&file);
	let Ok(tokenizer) = BpeTokenizer::from_gguf(&file) else { return };
	let every: Vec<u32> = (0..tokenizer.vocabulary() as u32).collect();
	let own = own_text(&file);
	let mut answers = vec![every];
	for text in ["", TEXT, &own] {
		answers.extend(tokenizer.encode(&[Piece::Text(text)]));
		answers.extend(tokenizer.encode_with_controls(text));
		if let Ok(template) = &template {
			answers.extend(template.encode(&tokenizer, &[Message { role: Role::User, content: text }]));
		}
	}
	for ids in answers {
		let decoded = tokenizer.decode(&ids).expect("these tokens are the tokenizer's");
		let mut stream = tokenizer.stream();
		let mut streamed: String = ids.iter().map(|id| stream.push(*id).expect("as above")).collect();
		streamed.push_str(&stream.finish());
		assert_eq!(decoded, streamed);
	}
	assert!(tokenizer.decode(&[tokenizer.vocabulary() as u32]).is_err());
	for id in tokenizer.stops().iter().copied().chain(tokenizer.begin()) {
		assert!((id as usize) < tokenizer.vocabulary());
	}
});
