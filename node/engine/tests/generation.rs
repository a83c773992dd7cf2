//! SmolLM2 behind the engine's boundary. Needs the model (`sibyl-node models install smollm2`); says so where it lacks.

use sibyl_engine::sampling::Sampling;
use sibyl_engine::store::{known::SMOLLM2, ModelStore};
use sibyl_engine::{
	Architecture, Engine, Finish, Limits, LocalEngine, Outcome, Prompt, Refusal, Request, Response, Tier,
};
use std::collections::BTreeSet;
use std::path::PathBuf;

const FRANCE: &str = "What is the capital of France?";

fn engine() -> Option<LocalEngine> {
	let folder = std::env::var_os("SIBYL_MODELS").map(PathBuf::from);
	let folder = folder.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/sibyl/models")))?;
	let store = ModelStore::new(folder);
	if !store.contains(&SMOLLM2.weights.sha256) {
		println!("SmolLM2: SKIPPED, not installed in {}", store.folder().display());
		return None;
	}
	let file = store.open_verified(&SMOLLM2.weights.sha256, &mut |_, _| ()).expect("the file is whole");
	let engine = LocalEngine::new(1);
	engine.load("smollm2", Architecture::Llama, &[(&file).into()]).expect("the file is a model");
	Some(engine)
}

fn request(input: &str, max_output_units: u32) -> Request {
	Request::new(SMOLLM2.weights.sha256.0, input, Limits { max_input_bytes: 32_768, max_output_units })
}

fn generated(outcome: Outcome) -> (String, usize, Finish) {
	let Ok(Response::Generation { text, tokens, finish }) = outcome else { panic!("no text: {outcome:?}") };
	(text, tokens.len(), finish)
}

#[test]
fn a_question_should_be_answered_in_the_models_chat_format() {
	let Some(engine) = engine() else { return };
	let ask = |units| generated(engine.infer(&request(FRANCE, units)).unwrap().outcome);
	assert_eq!(ask(64), ("The capital of France is Paris.".into(), 7, Finish::Stop));
	assert_eq!(ask(3), ("The capital of".into(), 3, Finish::Length));
	assert_eq!(ask(0), (String::new(), 0, Finish::Length));
}

#[test]
fn a_raw_prompt_should_be_continued() {
	let Some(engine) = engine() else { return };
	let raw = Request { prompt: Prompt::Raw, ..request("The capital of France is", 3) };
	let (text, _, _) = generated(engine.infer(&raw).unwrap().outcome);
	assert!(text.starts_with(" Paris"), "{text}");
}

#[test]
fn what_was_asked_before_and_the_threads_should_change_nothing() {
	let Some(engine) = engine() else { return };
	let requests = [
		request(FRANCE, 16),
		request("What is the capital of Germany?", 16),
		Request { prompt: Prompt::Raw, ..request(FRANCE, 16) },
		Request {
			sampling: Sampling { temperature: 800, top_k: 50, top_p: 900_000 },
			seed: [7; 32],
			..request("Write a poem about rain.", 24)
		},
	];
	let expected: Vec<_> = requests.iter().map(|request| engine.infer(request).unwrap()).collect();
	assert_ne!(expected[0], expected[1]);
	let engine = engine.with_threads(2);
	for round in 0..8 {
		let at = (round * 3 + round / 4) % requests.len();
		assert_eq!(engine.infer(&requests[at]).unwrap(), expected[at], "request {at} in round {round}");
	}
	let engine = engine.with_threads(1);
	std::thread::scope(|scope| {
		for (request, expected) in requests.iter().zip(&expected) {
			let engine = &engine;
			scope.spawn(move || assert_eq!(engine.infer(request).as_ref(), Ok(expected)));
		}
	});
	let other = Request { seed: [8; 32], ..requests[3].clone() };
	assert_ne!(engine.infer(&other).unwrap().outcome, expected[3].outcome);
	let traces: BTreeSet<_> = expected.iter().map(|inference| inference.trace).collect();
	assert_eq!(traces.len(), expected.len());
}

#[test]
fn every_tier_should_give_the_same_text_and_trace() {
	let Some(mut engine) = engine() else { return };
	let request = request(FRANCE, 2);
	let expected = engine.infer(&request).unwrap();
	for tier in Tier::ALL {
		if !tier.is_available() {
			println!("SKIPPED: this CPU has no {}", tier.name());
			continue;
		}
		engine = engine.on_tier(tier).unwrap();
		assert_eq!(engine.infer(&request).unwrap(), expected, "{}", tier.name());
	}
}

#[test]
fn what_does_not_fit_should_be_refused() {
	let Some(engine) = engine() else { return };
	let refused = |input: &str, units| engine.infer(&request(input, units)).unwrap().outcome.unwrap_err();
	assert_eq!(refused("", 1), Refusal::EmptyInput);
	assert_eq!(refused(&"a".repeat(32_769), 1), Refusal::InputTooLong { limit: 32_768 });
	assert_eq!(refused(&"1".repeat(8192), 1), Refusal::ContextExceeded { limit: 8192 });
	assert_eq!(refused(FRANCE, 8192), Refusal::ContextExceeded { limit: 8192 });
}

#[test]
fn a_text_of_bytes_that_no_token_stands_for_should_be_answered_by_nothing() {
	let Some(engine) = engine() else { return };
	let raw = Request { prompt: Prompt::Raw, ..request("\u{1}", 4) };
	let outcome = engine.infer(&raw).unwrap().outcome;
	assert!(outcome.is_ok(), "{outcome:?}");
}
