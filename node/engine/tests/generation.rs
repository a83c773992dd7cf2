//! SmolLM2 behind the engine's boundary. Needs the model (`sibyl-node models install smollm2`); says so where it lacks.

mod common;

use common::installed;
use sibyl_engine::sampling::Sampling;
use sibyl_engine::store::{known::SMOLLM2, VerifiedFile};
use sibyl_engine::{
	Architecture, Engine, Finish, Format, Input, Limits, LocalEngine, Outcome, Refusal, Request, Response, Role, Tier,
};
use std::collections::BTreeSet;

const FRANCE: &str = "What is the capital of France?";

fn engine() -> Option<LocalEngine> {
	let path = installed("SmolLM2", SMOLLM2.weights.sha256)?;
	let file = VerifiedFile::open(path, &mut |_, _| ()).expect("the file can be read");
	let engine = LocalEngine::new(1);
	engine.load("smollm2", Architecture::Llama, &[(&file).into()]).expect("the file is a model");
	Some(engine)
}

fn request(input: impl Into<Input>, max_output_units: u32) -> Request {
	Request::new(SMOLLM2.weights.sha256.0, input, Limits { max_input_bytes: 32_768, max_output_units })
}

fn raw(text: &str) -> Input {
	Input::Raw(text.into())
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
	let (text, _, _) = generated(engine.infer(&request(raw("The capital of France is"), 3)).unwrap().outcome);
	assert!(text.starts_with(" Paris"), "{text}");
}

#[test]
fn what_was_asked_before_and_the_threads_should_change_nothing() {
	let Some(engine) = engine() else { return };
	let requests = [
		request(FRANCE, 16),
		request("What is the capital of Germany?", 16),
		request(raw(FRANCE), 16),
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
fn a_conversation_should_be_gone_on_with() {
	let Some(engine) = engine() else { return };
	let said = |messages: &[(Role, &str)]| {
		Input::Messages(messages.iter().map(|(role, said)| (*role, said.as_bytes().to_vec())).collect())
	};
	let input = said(&[
		(Role::User, "The secret word is banana. Remember it."),
		(Role::Assistant, "I will remember that the secret word is banana."),
		(Role::User, "What is the secret word?"),
	]);
	let (text, ..) = generated(engine.infer(&request(input, 24)).unwrap().outcome);
	assert!(text.contains("banana"), "{text}");
	let alone = engine.infer(&request(said(&[(Role::User, FRANCE)]), 16)).unwrap();
	assert_eq!(alone, engine.infer(&request(FRANCE, 16)).unwrap());
}

#[test]
fn a_text_of_bytes_that_no_token_stands_for_should_be_answered_by_nothing() {
	let Some(engine) = engine() else { return };
	let outcome = engine.infer(&request(raw("\u{1}"), 4)).unwrap().outcome;
	assert!(outcome.is_ok(), "{outcome:?}");
}

fn in_format(format: Format, input: impl Into<Input>, max_output_units: u32) -> Request {
	Request { format, ..request(input, max_output_units) }
}

#[test]
fn a_choice_should_be_the_right_one_with_its_probability() {
	let Some(engine) = engine() else { return };
	let cities = Format::Choice(["London", "Paris", "Berlin"].map(String::from).to_vec());
	let chat = in_format(cities, "What is the capital of France? Answer with one word.", 0);
	let outcome = engine.infer(&chat).unwrap().outcome;
	let Ok(Response::Choice { index: 1, probabilities }) = outcome else { panic!("{outcome:?}") };
	assert!(probabilities[1] > 500_000, "{probabilities:?}");
	let colours = Format::Choice([" green", " blue", " made of cheese"].map(String::from).to_vec());
	let sky = in_format(colours, raw("On a clear day, the colour of the sky is"), 0);
	let outcome = engine.infer(&sky).unwrap().outcome;
	let Ok(Response::Choice { index: 1, probabilities }) = outcome else { panic!("{outcome:?}") };
	assert!(probabilities[1] > 800_000 && probabilities[2] < 10_000, "{probabilities:?}");
}

#[test]
fn a_number_should_be_within_its_range() {
	let Some(engine) = engine() else { return };
	let ask = |min, max, decimals, question: Input| {
		println!("{question:?}");
		let format = Format::Number { min, max, decimals };
		let units = format.min_output_units();
		match engine.infer(&in_format(format, question, units)).unwrap().outcome {
			Ok(Response::Number { value, decimals: found }) if found == decimals => {
				println!("{value}");
				value
			}
			other => panic!("{other:?}"),
		}
	};
	assert_eq!(ask(0, 100, 0, raw("Count to ten: 1, 2, 3, 4, 5, 6,")), 7);
	assert!((-150..=-100).contains(&ask(-150, -100, 2, "What is the square root of two?".into())));
	assert!((0..=100).contains(&ask(0, 100, 0, "How many days are in a week? Answer with a number.".into())));
	assert!((0..=10_000).contains(&ask(0, 10_000, 2, raw("The number pi is about"))));
}

#[test]
fn json_should_be_valid_whatever_is_drawn() {
	let Some(engine) = engine() else { return };
	let schema = r#"{"type":"object","properties":{"city":{"type":"string","maxLength":20},"population":{"type":"integer",
		"minimum":0,"maximum":100000000},"continent":{"enum":["Africa","Asia","Europe"]},"is_capital":{"type":"boolean"}}}"#;
	let question = "Describe the capital of France as JSON with city, population, continent and is_capital.";
	let greedy = in_format(Format::Json(schema.into()), question, 80);
	let sampling = Sampling { temperature: 1_500, top_k: 0, top_p: 0 };
	let mut requests = vec![greedy.clone()];
	requests.extend((0..3).map(|seed| Request { sampling, seed: [seed; 32], ..greedy.clone() }));
	for request in &requests {
		let (text, _, finish) = generated(engine.infer(request).unwrap().outcome);
		println!("{text}");
		assert_eq!(finish, Finish::Stop, "{text}");
		let value: serde_json::Value = serde_json::from_str(&text).unwrap();
		assert!(
			value["city"].is_string() && value["population"].is_u64() && value["is_capital"].is_boolean(),
			"{text}"
		);
		assert!(["Africa", "Asia", "Europe"].contains(&value["continent"].as_str().unwrap()), "{text}");
	}
	let (text, ..) = generated(engine.infer(&greedy).unwrap().outcome);
	assert!(text.contains("Paris"), "{text}");
}

#[test]
fn an_answer_should_end_before_a_stop_text_and_match_its_pattern() {
	let Some(engine) = engine() else { return };
	let stops = Format::Text { stops: vec!["Paris".into()] };
	let (text, _, finish) = generated(engine.infer(&in_format(stops, FRANCE, 64)).unwrap().outcome);
	assert_eq!((text.as_str(), finish), ("The capital of France is ", Finish::Stop));
	let date = Format::Regex("[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])".into());
	let (text, _, finish) =
		generated(engine.infer(&in_format(date, "When did the First World War begin?", 10)).unwrap().outcome);
	println!("{text}");
	assert_eq!((text.len(), finish), (10, Finish::Stop), "{text}");
}

#[test]
fn an_answer_in_a_format_that_is_cut_off_within_a_character_should_end_before_it() {
	let Some(engine) = engine() else { return };
	// No token of this vocabulary is the whole character.
	let crabs = Format::Regex("🦀+".into());
	let (text, tokens, finish) = generated(engine.infer(&in_format(crabs, "Which animal is it?", 1)).unwrap().outcome);
	assert_eq!((text.as_str(), tokens, finish), ("", 1, Finish::Length));
}

#[test]
fn a_claim_should_change_neither_answer_nor_trace() {
	let Some(engine) = engine() else { return };
	let schema =
		r#"{"type":"object","properties":{"city":{"type":"string","maxLength":20},"is_capital":{"type":"boolean"}}}"#;
	let sampling = Sampling { temperature: 1_200, top_k: 0, top_p: 900_000 };
	let requests = [
		request(FRANCE, 64),
		Request { sampling, seed: [3; 32], ..request("Write a poem about rain.", 70) },
		Request { sampling, seed: [4; 32], ..request(raw("The sea is"), 70) },
		in_format(Format::Json(schema.into()), "Describe the capital of France as JSON.", 60),
		in_format(Format::Text { stops: vec!["Paris".into()] }, FRANCE, 64),
	];
	for request in &requests {
		let expected = engine.infer(request).unwrap();
		let (text, ..) = generated(expected.outcome.clone());
		let wrong = text.replacen(' ', "  ", 3).replace("is", "is not");
		for claim in [text.clone(), wrong, text.repeat(2), text.chars().take(text.chars().count() / 2).collect()] {
			let claiming = Request { claim: claim.clone().into(), ..request.clone() };
			assert_eq!(engine.infer(&claiming).unwrap(), expected, "{claim}");
		}
	}
}
