//! What people and programs write: manifests, formats, requests, amounts.

use crate::{
	amount::{parse_sib, sib},
	check_manifest, deposit,
	format::parse_range,
	gateway::{ChatRequest, EmbeddingsRequest},
	models::price_in_words,
	question::on_chain_format,
};
use codec::{Decode, Encode};
use serde_json::{json, Value};
use sibyl_engine::{check_format, format::sample, Format as EngineFormat};
use sibyl_fuzzing::{fuzz, json_text, json_value, Random};
use sibyl_primitives::{format::Format, model::ModelManifest, Text};

const NAMES: &[&str] = &[
	"revision",
	"price",
	"name",
	"task",
	"classify",
	"generate",
	"embed",
	"files",
	"size",
	"sha256",
	"chunkRoot",
	"goldens",
	"input",
	"outputHash",
	"trace",
	"licence",
	"limits",
	"base",
	"unit",
	"authorShare",
	"semantics",
];

/// What schemas are made of.
const SCHEMA: &[&str] = &[
	"type",
	"object",
	"array",
	"string",
	"number",
	"integer",
	"boolean",
	"null",
	"properties",
	"required",
	"items",
	"additionalProperties",
	"minItems",
	"maxItems",
	"minLength",
	"maxLength",
	"minimum",
	"maximum",
	"pattern",
	"enum",
	"const",
	"anyOf",
	"oneOf",
	"allOf",
	"$ref",
	"$defs",
	"#/$defs/a",
	"format",
	"description",
	"title",
	"a",
	"b",
];

/// What patterns are made of.
const PATTERN: &[&str] = &[
	"a",
	"b",
	"é",
	"😀",
	".",
	"\\d",
	"\\w",
	"\\s",
	"\\D",
	"\\n",
	"\\\\",
	"\\x",
	"[",
	"]",
	"[^",
	"a-z",
	"0-9",
	"(",
	")",
	"(?:",
	"(?=",
	"|",
	"*",
	"+",
	"?",
	"{2}",
	"{1,3}",
	"{,}",
	"{0,9999999999}",
	"{1,",
	"^",
	"$",
	"-",
	"\\u{1f600}",
	" ",
];

/// What requests to the gateway are made of.
const REQUEST: &[&str] = &[
	"model",
	"messages",
	"role",
	"system",
	"user",
	"assistant",
	"tool",
	"content",
	"text",
	"type",
	"temperature",
	"top_p",
	"seed",
	"stop",
	"max_tokens",
	"max_completion_tokens",
	"stream",
	"stream_options",
	"include_usage",
	"logprobs",
	"top_logprobs",
	"n",
	"response_format",
	"json_schema",
	"schema",
	"strict",
	"choices",
	"min",
	"max",
	"regex",
	"pattern",
	"choice",
	"number",
	"input",
	"encoding_format",
	"base64",
	"float",
	"dimensions",
	"sibyl",
	"seats",
	"all",
	"fixed",
	"reuse",
	"{}",
	"a",
];

#[test]
fn a_manifest_is_read_and_judged_or_refused() {
	let (mut read, mut good) = (0, 0);
	let ran = fuzz(2_000, |case| {
		let manifest = case.random.pick(&sibyl_runtime::models::all()).clone();
		let value = serde_json::to_value(&manifest).expect("it is JSON");
		let text = json_text(&mut case.random, value, NAMES);
		case.tries(text.as_bytes());
		let Ok(manifest) = serde_json::from_str::<ModelManifest>(&text) else { return };
		read += 1;
		let again = serde_json::to_string(&manifest).expect("it is JSON");
		assert_eq!(serde_json::from_str::<ModelManifest>(&again).expect("it was read"), manifest);
		assert!(deposit(&manifest) > 0);
		assert!(!price_in_words(&manifest.price).is_empty());
		match check_manifest(&manifest) {
			Ok(()) => {
				good += 1;
				assert_eq!(ModelManifest::decode(&mut &manifest.encode()[..]), Ok(manifest), "a chain reads it");
			}
			Err(error) => assert_eq!(error.to_string().lines().count(), 1, "{error}"),
		}
	});
	assert!(ran == 1 || (read > 500 && good > 300), "{read} {good}");
}

fn pattern(random: &mut Random) -> String {
	let parts = random.below(20);
	let mut pattern: String = (0..parts).map(|_| *random.pick(PATTERN)).collect();
	if random.one_in(8) {
		pattern = pattern.repeat(random.below(40));
	}
	pattern
}

fn schema(random: &mut Random) -> String {
	let known = json!({
		"type": "object",
		"properties": { "a": { "type": "string", "maxLength": 9 }, "b": { "type": "array", "items": { "enum": [1, "x"] },
			"maxItems": 3 }, "c": { "anyOf": [{ "type": "null" }, { "type": "integer", "minimum": -3, "maximum": 900 }] } },
		"required": ["a", "b"],
		"additionalProperties": false,
	});
	match random.below(4) {
		0 => json_value(random, SCHEMA, 4).to_string(),
		_ => json_text(random, known, SCHEMA),
	}
}

fn format(random: &mut Random) -> EngineFormat {
	match random.below(5) {
		0 => EngineFormat::Json(schema(random)),
		1 | 2 => EngineFormat::Regex(pattern(random)),
		3 => EngineFormat::Number {
			min: random.number(64) as i64,
			max: random.number(64) as i64,
			decimals: random.number(8) as u8,
		},
		_ if random.one_in(2) => EngineFormat::Choice((0..random.length()).map(|_| pattern(random)).collect()),
		_ => {
			let stops = (0..random.below(7)).map(|_| pattern(random)).collect();
			if random.one_in(2) {
				EngineFormat::ScoredText { stops }
			} else {
				EngineFormat::Text { stops }
			}
		}
	}
}

/// As the engine is given it.
fn back(format: Format) -> EngineFormat {
	let all = |texts: &[Text<64>]| texts.iter().map(Text::to_string_lossy).collect();
	match format {
		Format::Text { stops } => EngineFormat::Text { stops: all(&stops) },
		Format::ScoredText { stops } => EngineFormat::ScoredText { stops: all(&stops) },
		Format::Choice(choices) => EngineFormat::Choice(all(&choices)),
		Format::Number { min, max, decimals } => EngineFormat::Number { min, max, decimals },
		Format::Json(schema) => EngineFormat::Json(schema.to_string_lossy()),
		Format::Regex(pattern) => EngineFormat::Regex(pattern.to_string_lossy()),
	}
}

#[test]
fn a_format_that_the_engine_serves_is_the_chains_or_too_long_for_it() {
	let mut served = 0;
	let ran = fuzz(2_000, |case| {
		let format = format(&mut case.random);
		case.tries(format!("{format:?}").as_bytes());
		let checked = check_format(&format);
		assert_eq!(checked, check_format(&format));
		let choices = case.random.bytes(64);
		if let (Ok(()), Some(text)) = (&checked, sample(&format, &choices)) {
			let text = std::str::from_utf8(&text).expect("texts are of characters");
			let is_json = serde_json::from_str::<Value>(text).is_ok();
			assert!(is_json || !matches!(format, EngineFormat::Json(_)), "{text}");
		}
		let Ok(on_chain) = on_chain_format(format.clone()) else { return };
		assert_eq!(back(on_chain.clone()), format);
		assert_eq!(Format::decode(&mut &on_chain.encode()[..]), Ok(on_chain.clone()));
		on_chain.bytes();
		on_chain.written_units(u32::MAX);
		let least = on_chain.least_output_units();
		if checked.is_ok() {
			served += 1;
			assert!(on_chain.is_valid(), "the engine serves what the chain refuses: {format:?}");
			assert!(least >= format.min_output_units(), "{format:?}");
		}
	});
	assert!(ran == 1 || served > 200, "{served}");
}

#[test]
fn a_request_to_the_gateway_is_read_or_refused_by_one_line() {
	let known = [
		json!({ "model": "m", "messages": [{ "role": "system", "content": "a" }, { "role": "user", "content": "b" }],
			"temperature": 0.7, "top_p": 0.9, "seed": 7, "max_tokens": 9, "stop": ["x"], "stream": true, "logprobs": true,
			"top_logprobs": 2 }),
		json!({ "model": "m", "messages": [{ "role": "user", "content": [{ "type": "text", "text": "b" }] }],
			"response_format": { "type": "json_schema", "json_schema": { "schema": { "type": "boolean" } } } }),
		json!({ "model": "m", "messages": [{ "role": "user", "content": "b" }],
			"response_format": { "type": "number", "min": -1.5, "max": 20 } }),
		json!({ "model": "m", "input": ["a", "b"], "encoding_format": "base64" }),
	];
	let mut read = 0;
	let ran = fuzz(3_000, |case| {
		let value = case.random.pick(&known).clone();
		let text = json_text(&mut case.random, value, REQUEST);
		case.tries(text.as_bytes());
		let chat = ChatRequest::parse(text.as_bytes()).map(drop);
		let embeddings = EmbeddingsRequest::parse(text.as_bytes()).map(drop);
		read += u64::from(chat.is_ok() || embeddings.is_ok());
		for error in [chat, embeddings].into_iter().filter_map(Result::err) {
			assert!(!error.message.is_empty() && error.message.lines().count() == 1, "{}", error.message);
		}
	});
	assert!(ran == 1 || read > 500, "{read}");
}

#[test]
fn amounts_and_ranges_are_read_as_they_are_written_or_refused() {
	fuzz(5_000, |case| {
		let random = &mut case.random;
		let parts =
			["0", "1", "9", "-", "+", ".", "..", "000000000000", "99999999999999999999", "e", " ", "é", "_", ","];
		let count = random.below(7);
		let mut text: String = (0..count).map(|_| *random.pick(&parts)).collect();
		if random.one_in(20) {
			text = format!("0.{}..1", "7".repeat(random.below(70_000)));
		}
		case.tries(text.as_bytes());
		if let Ok(EngineFormat::Number { min, max, decimals }) = parse_range(&text) {
			let (from, to) = text.split_once("..").expect("it is a range");
			let value = |text: &str| text.parse::<f64>().expect("it is a number") * 10f64.powi(decimals.into());
			assert!((value(from) - min as f64).abs() <= 1.0 + value(from).abs() / 1e14, "{text}");
			assert!((value(to) - max as f64).abs() <= 1.0 + value(to).abs() / 1e14, "{text}");
		}
		if let Ok(amount) = parse_sib(&text) {
			assert_eq!(parse_sib(sib(amount).trim_end_matches(" SIB")), Ok(amount), "{text}");
		}
	});
}
