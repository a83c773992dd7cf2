//! A `tokenizer.json`, and texts in it, its own among them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sibyl_engine::tokenizer::JsonTokenizer;

const TEXT: &str = "I'LL pay  12345\r\n\n for\ttwo naïve cafe\u{301}s! 你好 🦀\u{0}[SEP] hello the shell";
/// How much of the file itself is tokenised, in bytes.
const MAX_OWN: usize = 1_024;

fuzz_target!(|bytes: &[u8]| {
	let Ok(tokenizer) = JsonTokenizer::from_json(bytes) else { return };
	let own = String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_OWN)]);
	for text in ["", TEXT, &own] {
		let Ok(ids) = tokenizer.encode(text) else { continue };
		tokenizer.decode(&ids).expect("these tokens are the tokenizer's");
	}
});
