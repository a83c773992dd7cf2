//! The engine against a second implementation of its arithmetic: numpy, written from `docs/arithmetic.md` alone.
//!
//! Both read the same made-up models; tokens, traces and logits must have the same bits. Needs a `python3` with numpy,
//! which `scripts/setup.sh --tests` installs; says so where there is none, which is a failure where `SIBYL_REQUIRE_MODELS`
//! lets no test be skipped.

#![allow(clippy::unwrap_used)] // All of it is a test.

mod common;
#[path = "second_implementation/made_up.rs"]
mod made_up;

use common::installed;
use made_up::{bert_gguf, bert_tokenizer, bert_weights, Noise, Rope, Shape, BERT_WORDS, CONTEXT, CONTROLS};
use serde_json::{json, Value};
use sha2::{Digest, Sha256};
use sibyl_engine::gguf::{GgufDtype, GgufFile};
use sibyl_engine::sampling::Sampling;
use sibyl_engine::store::{known::SMOLLM2, VerifiedFile};
use sibyl_engine::tokenizer::{BpeTokenizer, Piece};
use sibyl_engine::{
	Architecture, CheckedFile, Engine, Finish, Format, Inference, Input, LanguageModel, Limits, LocalEngine, Outcome,
	Refusal, Request, Response, SentenceEmbedder, COMMON_LINGUA, COMMON_LINGUA_LANGUAGES,
};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

const FOLDER: &str = "tests/second_implementation";

/// A command that runs numpy: the first `python3` of the path, or the system's, which may be another.
fn python() -> Option<&'static str> {
	let has_numpy = |python: &&str| {
		let mut command = Command::new(python);
		command.args(["-c", "import numpy"]).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
	};
	let python = ["python3", "/usr/bin/python3"].into_iter().find(has_numpy);
	if python.is_none() {
		let missing = "no python3 has numpy; `scripts/setup.sh --tests` installs it";
		assert!(std::env::var_os("SIBYL_REQUIRE_MODELS").is_none(), "{missing}");
		println!("second implementation: SKIPPED, {missing}");
	}
	python
}

/// What a script of the second implementation says to an input: a value per line.
fn run(python: &str, script: &str, arguments: &[&Path], input: &Value) -> Vec<Value> {
	let mut child = Command::new(python)
		.arg(Path::new(FOLDER).join(script))
		.args(arguments)
		// No folder of compiled files among the sources.
		.env("PYTHONDONTWRITEBYTECODE", "1")
		.stdin(Stdio::piped())
		.stdout(Stdio::piped())
		.spawn()
		.expect("python runs");
	let mut stdin = child.stdin.take().expect("a pipe");
	stdin.write_all(input.to_string().as_bytes()).expect("it reads");
	drop(stdin);
	let output = child.wait_with_output().expect("it ends");
	assert!(output.status.success(), "{script} fails; its message stands above");
	let lines = String::from_utf8(output.stdout).expect("it writes UTF-8");
	lines.lines().map(|line| serde_json::from_str(line).expect("it writes JSON")).collect()
}

fn hex(bytes: &[u8]) -> String {
	bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn checked(file: &[u8]) -> CheckedFile<'_> {
	CheckedFile::check(file, Sha256::digest(file).into()).expect("this is its hash")
}

fn refused(refusal: &Refusal) -> Value {
	match refusal {
		Refusal::ContextExceeded { limit } => json!({ "refusal": "ContextExceeded", "limit": limit }),
		refusal => json!({ "refusal": format!("{refusal:?}") }),
	}
}

/// Letters, digits and spaces.
fn text(length: usize, seed: u64) -> String {
	const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz 0123456789";
	let mut noise = Noise(seed);
	(0..length).map(|_| char::from(LETTERS[noise.bits() as usize % LETTERS.len()])).collect()
}

fn tokens(text: &str) -> Vec<u32> {
	text.bytes().map(|byte| u32::from(byte) + CONTROLS).collect()
}

const GREEDY: Sampling = Sampling::GREEDY;

/// Prompts that end within the first block of 256 positions, shortly before its end so that the answer goes beyond, and
/// within the second block: their lengths, the answers', and how tokens are chosen.
const QUESTIONS: [(usize, u32, Sampling); 7] = [
	(20, 12, Sampling { temperature: 1300, top_k: 0, top_p: 0 }),
	(250, 12, Sampling { temperature: 800, top_k: 41, top_p: 900_000 }),
	(310, 8, GREEDY),
	(1, 3, Sampling { temperature: 2500, top_k: 0, top_p: 700_000 }),
	(5, 3, Sampling { temperature: 1000, top_k: 1, top_p: 0 }),
	(7, 0, GREEDY),
	(CONTEXT, 1, GREEDY),
];

fn model(family: &'static str, dtype: GgufDtype) -> Shape {
	let whole = Shape {
		family,
		dtype,
		outer: dtype,
		// More than the lanes of a reduction.
		width: 160,
		// More than a block of a chain.
		hidden: 288,
		heads: 4,
		kv_heads: 2,
		head: 32,
		rotated: 32,
		biased: false,
		tied: family != "phi3",
		rope: match family {
			"qwen2" => Rope::Linear,
			"phi3" => Rope::Long,
			"granite" | "olmo2" => Rope::Yarn,
			_ => Rope::Plain,
		},
		stop: 0,
		values: 0.2,
	};
	match dtype {
		GgufDtype::Q4K | GgufDtype::Q6K => Shape { outer: GgufDtype::Q8_0, ..large(whole) },
		_ if dtype.block_weights() == 256 => large(whole),
		_ => whole,
	}
}

/// With rows that are whole blocks of 256 weights.
fn large(shape: Shape) -> Shape {
	Shape { width: 256, hidden: 512, head: 64, rotated: 64, ..shape }
}

fn architecture(shape: &Shape) -> Architecture {
	Architecture::find(shape.family).expect("the engine knows it")
}

/// An answer in the second implementation's words, but for its logits.
fn described(Inference { outcome, trace }: Inference) -> Value {
	match outcome {
		Ok(Response::ScoredText { tokens, finish, .. }) => {
			let finish = if finish == Finish::Stop { "stop" } else { "length" };
			let (ids, scores): (Vec<_>, Vec<_>) = tokens.iter().map(|token| (token.id, token.score)).unzip();
			json!({ "tokens": ids, "scores": scores, "finish": finish, "trace": hex(&trace) })
		}
		Err(refusal) => refused(&refusal),
		other => panic!("no text: {other:?}"),
	}
}

/// Has both answer the questions; returns the answers.
fn compare(python: &str, shape: &Shape, questions: &[(usize, u32, Sampling)]) -> Vec<Value> {
	let file = shape.file();
	let folder = tempfile::tempdir().expect("a folder");
	let path = folder.path().join("model.gguf");
	fs::write(&path, &file).expect("it can be written");
	let engine = LocalEngine::new(2);
	let hash = engine.load("made up", architecture(shape), &[checked(&file)]).expect("it loads").files[0].sha256;
	let model = LanguageModel::load(&file, 2).expect("it loads");
	let mut input = Vec::new();
	let mut expected = Vec::new();
	for (seed, (length, max_tokens, sampling)) in (1..).zip(questions) {
		let text = text(*length, seed);
		let prompt = tokens(&text);
		let seed = [seed as u8; 32];
		input.push(json!({
			"prompt": prompt, "stops": [shape.stop], "max_tokens": max_tokens, "seed": hex(&seed),
			"temperature": sampling.temperature, "top_k": sampling.top_k, "top_p": sampling.top_p,
		}));
		let limits = Limits { max_input_bytes: 1000, max_output_units: *max_tokens };
		let request = Request {
			sampling: *sampling,
			seed,
			format: Format::ScoredText { stops: Vec::new() },
			..Request::new(hash, text, limits)
		};
		let mut answer = described(engine.infer(&request).expect("an outcome"));
		if answer.get("refusal").is_none() {
			let logits = match *max_tokens {
				0 => String::new(),
				_ => {
					let logits = model.read(&mut model.context(), &prompt).expect("logits");
					let bytes: Vec<u8> = logits.iter().flat_map(|logit| logit.to_le_bytes()).collect();
					hex(&Sha256::digest(bytes))
				}
			};
			answer["logits"] = logits.into();
		}
		expected.push(answer);
	}
	let mut actual = run(python, "llama.py", &[&path], &input.into());
	let doubtful = actual.pop().expect("a last line");
	assert_eq!(actual, expected, "{} {:?}; {doubtful}", shape.family, shape.dtype);
	expected
}

fn compare_formats(family: &'static str, formats: &[GgufDtype]) {
	let Some(python) = python() else { return };
	for dtype in formats {
		let answers = compare(python, &model(family, *dtype), &QUESTIONS);
		assert!(answers[answers.len() - 1]["refusal"] == "ContextExceeded");
		println!("{family} {dtype:?}: {} answers with the same bits", answers.len());
	}
}

const FLOATS: [GgufDtype; 3] = [GgufDtype::F32, GgufDtype::F16, GgufDtype::Bf16];
const QUANTISED: [GgufDtype; 7] = [
	GgufDtype::Q4_0,
	GgufDtype::Q4_1,
	GgufDtype::Q5_0,
	GgufDtype::Q5_1,
	GgufDtype::Q8_0,
	GgufDtype::Q4K,
	GgufDtype::Q6K,
];

const FURTHER: [GgufDtype; 6] =
	[GgufDtype::Q2K, GgufDtype::Q3K, GgufDtype::Q5K, GgufDtype::Iq4Nl, GgufDtype::Iq4Xs, GgufDtype::Mxfp4];

#[test]
fn its_sums_of_products_should_be_rounded_once() {
	let Some(python) = python() else { return };
	let [line] = &run(python, "check_fma.py", &[], &Value::Null)[..] else { panic!("not one line") };
	assert_eq!(line["wrong"], 0);
	assert!(line["twice_would_be_wrong"].as_u64() > Some(0), "no sum tells rounding once from twice: {line}");
}

#[test]
fn llama_should_have_the_same_bits_with_weights_of_floats() {
	compare_formats("llama", &FLOATS);
}

#[test]
fn llama_should_have_the_same_bits_with_quantised_weights() {
	compare_formats("llama", &QUANTISED);
}

#[test]
fn llama_should_have_the_same_bits_with_the_further_formats() {
	compare_formats("llama", &FURTHER);
}

#[test]
fn qwen3_should_have_the_same_bits() {
	compare_formats("qwen3", &[GgufDtype::F32, GgufDtype::Q4_0, GgufDtype::Q3K]);
}

#[test]
fn smollm3_should_have_the_same_bits() {
	compare_formats("smollm3", &[GgufDtype::F32, GgufDtype::Q8_0, GgufDtype::Iq4Xs]);
}

#[test]
fn granite_should_have_the_same_bits() {
	compare_formats("granite", &[GgufDtype::F32, GgufDtype::Q5_0, GgufDtype::Q2K]);
}

#[test]
fn olmo2_should_have_the_same_bits() {
	compare_formats("olmo2", &[GgufDtype::Bf16, GgufDtype::Q4_1, GgufDtype::Q5K]);
}

#[test]
fn gemma2_should_have_the_same_bits() {
	compare_formats("gemma2", &[GgufDtype::F16, GgufDtype::Q8_0, GgufDtype::Q4K]);
}

#[test]
fn gemma3_should_have_the_same_bits() {
	compare_formats("gemma3", &[GgufDtype::F32, GgufDtype::Q4_0, GgufDtype::Q6K]);
}

#[test]
fn heads_of_which_a_part_rotates_should_have_the_same_bits() {
	let Some(python) = python() else { return };
	for (family, dtype) in [("phi3", GgufDtype::Q5K), ("qwen3", GgufDtype::F16)] {
		compare(python, &Shape { head: 64, rotated: 32, ..model(family, dtype) }, &QUESTIONS[..2]);
	}
}

#[test]
fn biases_of_every_matrix_should_have_the_same_bits() {
	let Some(python) = python() else { return };
	for family in ["llama", "qwen3", "phi3", "smollm3", "granite", "olmo2"] {
		compare(python, &Shape { biased: true, tied: false, ..model(family, GgufDtype::Q5_1) }, &QUESTIONS[..1]);
	}
}

#[test]
fn qwen2_should_have_the_same_bits() {
	compare_formats("qwen2", &FLOATS);
	compare_formats("qwen2", &QUANTISED);
}

#[test]
fn phi3_should_have_the_same_bits() {
	compare_formats("phi3", &FLOATS);
	compare_formats("phi3", &QUANTISED);
}

#[test]
fn an_answer_that_the_model_ends_should_have_its_stop_token_in_the_trace_alone() {
	let Some(python) = python() else { return };
	let shape = Shape { rope: Rope::Freqs, tied: false, ..model("llama", GgufDtype::Q8_0) };
	let question = [(40, 10, Sampling { temperature: 1500, top_k: 25, top_p: 0 })];
	let answers = compare(python, &shape, &question);
	let tokens: Vec<_> = answers[0]["tokens"].as_array().unwrap().iter().filter_map(Value::as_u64).collect();
	assert_eq!(tokens.len(), 10);
	// The same weights, but for the token that ends an answer.
	let answers = compare(python, &Shape { stop: tokens[6] as u32, ..shape }, &question);
	assert_eq!(answers[0]["finish"], "stop");
	let first = tokens.iter().position(|token| *token == tokens[6]).unwrap();
	assert_eq!(answers[0]["tokens"].as_array().unwrap().len(), first);
}

#[test]
fn values_too_large_for_halves_should_be_a_refusal_of_both() {
	let Some(python) = python() else { return };
	let question = [(40, 2, GREEDY)];
	let with = |values| Shape { values, ..model("llama", GgufDtype::F32) };
	assert!(compare(python, &with(2e2), &question)[0]["tokens"].is_array());
	assert_eq!(compare(python, &with(1e5), &question), [json!({ "refusal": "NotFinite" })]);
}

#[test]
fn smollm2_should_have_the_same_bits() {
	let Some(python) = python() else { return };
	let Some(path) = installed("SmolLM2", SMOLLM2.weights.sha256) else { return };
	let file = VerifiedFile::open(&path, &mut |_, _| ()).unwrap();
	let engine = LocalEngine::new(2);
	engine.load("smollm2", Architecture::Llama, &[(&file).into()]).unwrap();
	let text = "The capital of France is";
	let tokenizer = BpeTokenizer::from_gguf(&GgufFile::open(&file).unwrap()).unwrap();
	let input = json!([{
		"prompt": tokenizer.encode(&[Piece::Text(text)]).unwrap(), "stops": tokenizer.stops(), "max_tokens": 6,
		"temperature": 0, "top_k": 0, "top_p": 0, "seed": "",
	}]);
	let mut actual = run(python, "llama.py", &[&path], &input);
	let doubtful = actual.pop().unwrap();
	actual[0].as_object_mut().unwrap().remove("logits");
	let limits = Limits { max_input_bytes: 1000, max_output_units: 6 };
	let format = Format::ScoredText { stops: Vec::new() };
	let request = Request { format, ..Request::new(SMOLLM2.weights.sha256.0, Input::Raw(text.into()), limits) };
	assert_eq!(actual, [described(engine.infer(&request).unwrap())], "{doubtful}");
}

/// Has both embed texts of so many words.
fn compare_embeddings(
	python: &str,
	path: &Path,
	files: &[CheckedFile<'_>],
	embedder: &SentenceEmbedder,
	words: [usize; 4],
) {
	let engine = LocalEngine::new(2);
	let hash = engine.load("made up", Architecture::Bert, files).unwrap().files[0].sha256;
	let mut noise = Noise(5);
	let mut text = |count: usize| {
		let words = (0..count).map(|_| BERT_WORDS.get(noise.bits() as usize % 8).copied().unwrap_or("?"));
		words.collect::<Vec<_>>().join(" ")
	};
	let texts = words.map(&mut text);
	let sequences: Vec<_> = texts.iter().map(|text| embedder.tokens(text).unwrap()).collect();
	assert_eq!(sequences[3].len(), words[3] + 2);
	let actual = run(python, "bert.py", &[path], &json!(sequences));
	assert_eq!(actual.len(), texts.len());
	for ((text, sequence), actual) in texts.iter().zip(&sequences).zip(actual) {
		let limits = Limits { max_input_bytes: 1000, max_output_units: 0 };
		let Inference { outcome, trace } = engine.infer(&Request::new(hash, text.as_str(), limits)).unwrap();
		let Ok(Response::Embedding { values }) = outcome else { panic!("no embedding: {outcome:?}") };
		let embedding = &embedder.embed_tokens(&[sequence]).unwrap()[0];
		let bits: Vec<_> = embedding.iter().map(|value| value.to_bits()).collect();
		assert_eq!(actual, json!({ "embedding": bits, "fixed_point": values, "trace": hex(&trace) }));
	}
}

#[test]
fn bert_should_have_the_same_bits() {
	let Some(python) = python() else { return };
	let (weights, tokenizer) = (bert_weights(160, 288), bert_tokenizer());
	let folder = tempfile::tempdir().unwrap();
	let path = folder.path().join("model.safetensors");
	fs::write(&path, &weights).unwrap();
	let embedder = SentenceEmbedder::load(&weights, tokenizer.as_bytes(), 2).unwrap();
	let files = [checked(&weights), checked(tokenizer.as_bytes())];
	compare_embeddings(python, &path, &files, &embedder, [1, 30, 140, 254]);
}

#[test]
fn bert_should_have_the_same_bits_from_gguf() {
	let Some(python) = python() else { return };
	let folder = tempfile::tempdir().unwrap();
	let path = folder.path().join("model.gguf");
	let formats = [
		(GgufDtype::F32, 1),
		(GgufDtype::F32, 2),
		(GgufDtype::F16, 2),
		(GgufDtype::Q4_0, 1),
		(GgufDtype::Q5_1, 2),
		(GgufDtype::Q8_0, 1),
		(GgufDtype::Q4K, 1),
		(GgufDtype::Q6K, 2),
	];
	for (dtype, pooling) in formats {
		let file = bert_gguf(dtype, pooling);
		fs::write(&path, &file).unwrap();
		let embedder = SentenceEmbedder::from_gguf(&GgufFile::parse(&file).unwrap(), 2).unwrap();
		compare_embeddings(python, &path, &[checked(&file)], &embedder, [1, 30, 100, 270]);
		println!("{dtype:?}, pooling {pooling}: the same bits");
	}
}

#[test]
fn common_lingua_should_have_the_same_bits() {
	let Some(python) = python() else { return };
	let folder = tempfile::tempdir().unwrap();
	let path = folder.path().join("weights.safetensors");
	fs::write(&path, common_lingua::WEIGHTS).unwrap();
	let long = "Vogel fliegen über die Häuser, und niemand schaut ihnen nach. ".repeat(8);
	// The third is in Irish, which is no answer.
	let texts =
		["Où est la bibliothèque ?", &long[..512], "Tá an aimsir go maith inniu agus táimid ag dul go dtí an pháirc"];
	let input = json!({ "labels": common_lingua::LANGS[..], "answers": COMMON_LINGUA_LANGUAGES[..], "texts": texts });
	let actual = run(python, "common_lingua.py", &[&path], &input);
	assert_eq!(actual.len(), texts.len());
	let engine = LocalEngine::embedded(2).unwrap();
	for (text, mut actual) in texts.into_iter().zip(actual) {
		let limits = Limits { max_input_bytes: 512, max_output_units: 0 };
		let Inference { outcome, trace } = engine.infer(&Request::new(COMMON_LINGUA, text, limits)).unwrap();
		let doubtful = actual.as_object_mut().unwrap().remove("doubtful_angles");
		assert_eq!(
			actual,
			json!({ "label": label(&outcome), "scores": scores(&outcome), "trace": hex(&trace) }),
			"{text}; angles: {doubtful:?}"
		);
	}
}

fn label(outcome: &Outcome) -> &str {
	let Ok(Response::Classification { label, .. }) = outcome else { panic!("no label: {outcome:?}") };
	label
}

fn scores(outcome: &Outcome) -> Vec<(&str, u32)> {
	let Ok(Response::Classification { scores, .. }) = outcome else { panic!("no scores: {outcome:?}") };
	scores.iter().map(|score| (score.label.as_str(), score.score)).collect()
}
