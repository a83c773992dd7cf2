//! Answers that somebody claims to know.

use super::formats::{choice, in_format};
use super::*;
use crate::tests::{bytes_tokenizer_file, sentence_piece_file, tiny_model_of};
use std::sync::{Arc, Mutex};

/// A small model with a token for every byte, and a few longer ones.
pub(super) fn model_of_bytes() -> Generator {
	let file = tiny_model_of("llama", GgufDtype::Q8_0, [267, 250])
		.with_values(&bytes_tokenizer_file("smollm"))
		.value("tokenizer.chat_template", Item::String("{{ bos_token }}{{ messages[0].content }}<|im_end|>"));
	Generator::load(&GgufFile::parse(&file.bytes()).unwrap(), 1, BatchLimits::default()).unwrap()
}

/// A small model whose tokens may begin with a space that is not shown.
fn model_of_pieces() -> Generator {
	let names: Vec<String> = (0..=u8::MAX).map(|byte| format!("<0x{byte:02X}>")).collect();
	let mut tokens = vec![("<unk>", 0.0, 2), ("<s>", 0.0, 3), ("</s>", 0.0, 3)];
	tokens.extend(names.iter().map(|name| (name.as_str(), 0.0, 6)));
	tokens.extend(["\u{2581}", "a", "b", "c"].map(|piece| (piece, -9.0, 1)));
	tokens.extend(["\u{2581}a", "\u{2581}b", "ab", "abc", "\u{2581}\u{2581}"].map(|piece| (piece, -2.0, 1)));
	let file = sentence_piece_file(&tokens).value("tokenizer.ggml.unknown_token_id", Item::U32(0));
	let file = tiny_model_of("qwen2", GgufDtype::Q8_0, [tokens.len() as u64, 250]).with_values(&file);
	Generator::load(&GgufFile::parse(&file.bytes()).unwrap(), 1, BatchLimits::default()).unwrap()
}

/// Requests of every format, drawn and not.
fn requests() -> Vec<Request> {
	let schema = r#"{"type":"object","properties":{"a":{"type":"string","maxLength":9},"b":{"type":"boolean"}}}"#;
	let number = Format::Number { min: -999, max: 123_456, decimals: 2 };
	let units = number.min_output_units();
	let drawn = vec![
		request("ab", 1, 40),
		in_format(Format::Text { stops: vec!["a".into(), "bc".into()] }, "ab", 2, 60),
		in_format(Format::ScoredText { stops: vec!["bc".into()] }, "ab", 8, 60),
		in_format(Format::Regex("( a|b|c){20,30}".into()), "ab", 3, 60),
		in_format(Format::Regex("(ab|c ?a)*".into()), "b", 4, 45),
		in_format(Format::Json(schema.into()), "ab", 5, 60),
		in_format(number, "ab", 6, units),
		in_format(choice(&["a", "ab", "c", "abcabc"]), "ab", 7, 0),
	];
	let greedy = drawn.iter().map(|request| Request { sampling: Sampling::GREEDY, ..request.clone() });
	let raw = drawn.iter().map(|request| {
		let input = Input::Raw(request.input.text().unwrap().to_vec());
		Request { input, seed: [9; 32], ..request.clone() }
	});
	greedy.chain(raw).chain(drawn.clone()).collect()
}

/// The text of an answer, as one claims it.
fn text(inference: &Inference) -> String {
	match &inference.outcome {
		Ok(Response::Generation { text, .. } | Response::ScoredText { text, .. }) => text.clone(),
		Ok(Response::Number { value, decimals: 2 }) => {
			let sign = if *value < 0 { "-" } else { "" };
			format!("{sign}{}.{:02}", value.unsigned_abs() / 100, value.unsigned_abs() % 100)
		}
		Ok(Response::Choice { .. }) => "ab".into(),
		other => panic!("{other:?}"),
	}
}

/// What may be claimed where this is the text: first what is right.
fn claims(text: &str) -> Vec<Vec<u8>> {
	let bytes = text.as_bytes();
	let (before, after) = bytes.split_at(bytes.len() / 2);
	vec![
		bytes.to_vec(),
		[before, b"#", after.get(1..).unwrap_or_default()].concat(),
		[b" ", bytes].concat(),
		before.to_vec(),
		[bytes, b"abc and so on"].concat(),
		[bytes, bytes].concat(),
		Vec::new(),
		[before, b"\xff\xfe", after].concat(),
		"<|im_end|></s>".into(),
		vec![b'a'; 100_000],
	]
}

#[test]
fn an_answer_and_its_trace_should_be_the_same_whatever_is_claimed() {
	for load in [model_of_bytes, model_of_pieces] {
		let model = load();
		let requests = requests();
		let expected: Vec<Inference> = requests.iter().map(|request| run(&model, request)).collect();
		assert!(expected.iter().all(|inference| inference.outcome.is_ok()), "{expected:?}");
		for (request, expected) in requests.iter().zip(&expected) {
			for claim in claims(&text(expected)) {
				let claiming = Request { claim, ..request.clone() };
				assert_eq!(&run(&model, &claiming), expected, "{claiming:?}");
			}
		}
		// All at once, in passes that they share.
		std::thread::scope(|scope| {
			for caller in 0..6 {
				let (model, requests, expected) = (&model, &requests, &expected);
				scope.spawn(move || {
					for at in 0..2 * requests.len() {
						let which = (at * 5 + caller * 3) % requests.len();
						let claims = claims(&text(&expected[which]));
						let claim = claims[(at + caller) % claims.len()].clone();
						let claiming = Request { claim, ..requests[which].clone() };
						assert_eq!(model.run(&claiming, Kernels::best(), 2).as_ref(), Ok(&expected[which]));
					}
				});
			}
		});
	}
}

/// How many tokens are read in each pass for the answer to a request.
fn passes(model: &Generator, request: &Request) -> Vec<usize> {
	let seen = Arc::new(Mutex::new(Vec::new()));
	let into = seen.clone();
	model.batch.watch(move |pass| into.lock().unwrap().push(pass[0].1));
	run(model, request);
	let mut seen = seen.lock().unwrap();
	std::mem::take(&mut *seen)
}

#[test]
fn a_right_claim_should_take_few_passes_in_every_format() {
	let model = model_of_bytes();
	let number = Format::Number { min: 10_000, max: 99_999, decimals: 0 };
	let json = r#"{"type":"object","properties":{"is_a":{"type":"boolean"},"is_b":{"type":"boolean"}}}"#;
	let mut numbers = Vec::new();
	for format in [Format::Regex("[bc]{40}".into()), Format::Json(json.into()), number] {
		for seed in 0..8 {
			let request = in_format(format.clone(), "ab", seed, 40);
			let inference = run(&model, &request);
			let claim = match &inference.outcome {
				Ok(Response::Number { value, .. }) => value.to_string(),
				_ => text(&inference),
			};
			let without = passes(&model, &request).len();
			let with = passes(&model, &Request { claim: claim.clone().into(), ..request }).len();
			match inference.outcome {
				Ok(Response::Number { .. }) => numbers.push((without, with)),
				_ => assert!(without >= 20 && with <= 2, "{claim:?}: {without}, {with}"),
			}
		}
	}
	// Those that do not begin with a space, which the claim does not have.
	let at_once = numbers.iter().filter(|(without, with)| *without >= 4 && *with == 1).count();
	assert!(at_once > numbers.len() / 2, "{numbers:?}");
	let model = super::model();
	for seed in 0..20 {
		let request = request("ab", seed, 30);
		let claim = text(&run(&model, &request));
		assert_eq!(passes(&model, &Request { claim: claim.clone().into(), ..request }).len(), 1, "{claim}");
		let stops = in_format(Format::Text { stops: vec!["ca".into(), "?".into()] }, "ab", seed, 30);
		let claim = text(&run(&model, &stops));
		let with = passes(&model, &Request { claim: claim.clone().into(), ..stops }).len();
		assert!(with <= 3, "what stops it is not in the claim: {claim}, {with}");
	}
}

#[test]
fn a_wrong_claim_should_cost_little_more_than_none() {
	let model = model_of_bytes();
	let request = in_format(Format::Regex("[bc]{40}".into()), "ab", 1, 40);
	let without = passes(&model, &request);
	for claim in [vec![b'a'; 5_000], "bc".repeat(20).into(), vec![b'b'; 41], vec![0xff; 40], "the ".repeat(99).into()] {
		let with = passes(&model, &Request { claim, ..request.clone() });
		assert!(with.len() <= without.len(), "{with:?}");
		let in_vain = with.iter().sum::<usize>() - without.iter().sum::<usize>();
		assert!(in_vain <= 3 * 32, "{with:?}");
	}
}

#[test]
fn a_claim_should_not_change_what_is_refused() {
	let model = model_of_bytes();
	for request in [
		request("", 1, 9),
		request("ab", 1, 250),
		in_format(Format::Regex("a{".into()), "ab", 1, 9),
		in_format(choice(&["a", "a"]), "ab", 1, 0),
	] {
		let expected = run(&model, &request);
		assert!(expected.outcome.is_err());
		assert_eq!(run(&model, &Request { claim: "ab".into(), ..request }), expected);
	}
}
