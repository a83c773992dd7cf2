//! A format of an answer: a JSON Schema or a pattern, and texts of it. The first byte says which, the next bytes choose texts.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sibyl_engine::format::sample;
use sibyl_engine::{check_format, Format};

/// How many bytes choose a text.
const CHOICES: usize = 64;

fuzz_target!(|input: &[u8]| {
	let Some((kind, rest)) = input.split_first() else { return };
	let Some((choices, source)) = rest.split_at_checked(CHOICES) else { return };
	let Ok(source) = std::str::from_utf8(source) else { return };
	let format = match kind % 2 {
		0 => Format::Json(source.into()),
		_ => Format::Regex(source.into()),
	};
	let checked = check_format(&format);
	assert_eq!(checked, check_format(&format));
	let text = sample(&format, choices);
	match checked {
		Ok(()) => {
			let Some(text) = text else { return };
			let text = std::str::from_utf8(&text).expect("texts are of characters");
			if kind % 2 == 0 {
				let value: Result<serde_json::Value, _> = serde_json::from_str(text);
				assert!(value.is_ok(), "{text}");
			}
		}
		Err(error) => {
			assert!(text.is_none());
			assert!(!error.to_string().contains('\n') || source.contains('\n'), "one line");
		}
	}
});
