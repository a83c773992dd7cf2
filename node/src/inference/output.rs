//! From what the engine says to what the chain reads.

use codec::{DecodeAll, Encode};
use sibyl_engine::{
	Finish as EngineFinish, Outcome, Refusal as EngineRefusal, Response, Score, ScoredToken as EngineToken,
};
use sibyl_primitives::{
	job::{AbstainReason, OutputBytes, Refusal},
	output::{
		Answer, Choice, Classification, Embedding, Finish, Generation, LabelScore, Number, Output, ScoredText,
		ScoredToken, VersionedOutput,
	},
	Text,
};

const LOG_TARGET: &str = "inference::output";

/// The canonical bytes of an outcome. An outcome that the chain has no words for is none of this engine's version.
pub fn canonical_bytes(outcome: &Outcome) -> Result<OutputBytes, AbstainReason> {
	let output = to_output(outcome).ok_or_else(|| {
		log::warn!(target: LOG_TARGET, "The engine gave an outcome that the chain can't take: {outcome:?}");
		AbstainReason::EngineFailed
	})?;
	let bytes = VersionedOutput::V1(output).encode();
	OutputBytes::try_from(bytes)
		.or_else(|_| OutputBytes::try_from(VersionedOutput::V1(TOO_LONG).encode()))
		.map_err(|_| AbstainReason::EngineFailed)
}

/// Of a text that is longer than the chain keeps: a property of the answer, so that all seats say the same.
const TOO_LONG: Output = Output::Refusal(Refusal::OutputTooLong);

fn to_output(outcome: &Outcome) -> Option<Output> {
	let answer = match outcome {
		Ok(Response::Classification { label, scores }) => {
			let scores: Option<Vec<_>> = scores.iter().map(label_score).collect();
			Answer::Classification(Classification { label: text(label)?, scores: scores?.try_into().ok()? })
		}
		Ok(Response::Generation { text, tokens, finish }) => match generation(text, tokens, *finish) {
			Some(generation) => Answer::Generation(generation),
			None => return Some(TOO_LONG),
		},
		Ok(Response::ScoredText { text, tokens, finish }) => match scored_text(text, tokens, *finish) {
			Some(scored) => Answer::ScoredText(scored),
			None => return Some(TOO_LONG),
		},
		Ok(Response::Choice { index, probabilities }) => {
			Answer::Choice(Choice { index: *index, probabilities: probabilities.clone().try_into().ok()? })
		}
		Ok(Response::Number { value, decimals }) => Answer::Number(Number { value: *value, decimals: *decimals }),
		Ok(Response::Embedding { values }) => Answer::Embedding(Embedding { values: values.clone().try_into().ok()? }),
		Err(refusal) => return Some(Output::Refusal(to_refusal(refusal)?)),
	};
	Some(Output::Answer(answer))
}

/// The text of an output that somebody claims, as the engine takes it; nothing where it is none that is written.
pub fn claimed_text(output: &OutputBytes) -> Vec<u8> {
	match VersionedOutput::decode_all(&mut &output[..]) {
		Ok(VersionedOutput::V1(Output::Answer(Answer::Generation(generation)))) => generation.text.as_bytes().to_vec(),
		Ok(VersionedOutput::V1(Output::Answer(Answer::ScoredText(scored)))) => scored.text.as_bytes().to_vec(),
		Ok(VersionedOutput::V1(Output::Answer(Answer::Number(number)))) => number.to_string().into(),
		_ => Vec::new(),
	}
}

/// None where it is longer than the chain keeps.
fn generation(text: &str, tokens: &[u32], finish: EngineFinish) -> Option<Generation> {
	let finish = to_finish(finish);
	Some(Generation { text: text.try_into().ok()?, tokens: tokens.to_vec().try_into().ok()?, finish })
}

/// None where it is longer than the chain keeps.
fn scored_text(text: &str, tokens: &[EngineToken], finish: EngineFinish) -> Option<ScoredText> {
	let token = |&EngineToken { id, bytes, score }: &EngineToken| {
		Some(ScoredToken { id, bytes: u16::try_from(bytes).ok()?, score })
	};
	let tokens: Option<Vec<_>> = tokens.iter().map(token).collect();
	Some(ScoredText { text: text.try_into().ok()?, tokens: tokens?.try_into().ok()?, finish: to_finish(finish) })
}

fn to_finish(finish: EngineFinish) -> Finish {
	match finish {
		EngineFinish::Stop => Finish::Stop,
		EngineFinish::Length => Finish::Length,
	}
}

fn label_score(Score { label, score }: &Score) -> Option<LabelScore> {
	Some(LabelScore { label: text(label)?, score: *score })
}

fn text(label: &str) -> Option<Text<16>> {
	Text::try_from(label).ok()
}

fn to_refusal(refusal: &EngineRefusal) -> Option<Refusal> {
	match refusal {
		EngineRefusal::ContextExceeded { .. } => Some(Refusal::ContextExceeded),
		EngineRefusal::NotFinite => Some(Refusal::NotFinite),
		EngineRefusal::Template => Some(Refusal::Template),
		EngineRefusal::Format => Some(Refusal::Format),
		// The runtime takes no such input.
		EngineRefusal::EmptyInput | EngineRefusal::InputTooLong { .. } | EngineRefusal::NotUtf8 => None,
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::inference::{
		installed_models::{InstalledModels, ModelSource},
		listed_models::ListedModel,
		models::{Action, Choice, Models, WhyNot},
		pace::Times,
		test_engine::engine_process,
	};
	use sibyl_engine::{queue::JobOutcome, Engine};
	use sibyl_primitives::output::{MAX_LABELS, MAX_SCORED_TOKENS, MAX_TEXT_BYTES, MAX_TOKENS};
	use std::{
		path::PathBuf,
		sync::Arc,
		time::{Duration, Instant},
	};

	fn classification(labels: &[&str]) -> Outcome {
		let scores = labels.iter().map(|label| Score { label: (*label).into(), score: 7 }).collect();
		Ok(Response::Classification { label: labels[0].into(), scores })
	}

	#[test]
	fn an_answer_is_the_scale_encoding_of_its_first_version() {
		let bytes = canonical_bytes(&classification(&["eng", "deu"])).expect("the labels are short");
		// V1, an answer, a classification; "eng"; two scores of a label and 32 bits each.
		let expected = [
			&[0, 0, 0][..],
			&[3 << 2],
			b"eng",
			&[2 << 2, 3 << 2],
			b"eng",
			&[7, 0, 0, 0, 3 << 2],
			b"deu",
			&[7, 0, 0, 0],
		];
		assert_eq!(bytes.to_vec(), expected.concat());
	}

	#[test]
	fn texts_and_vectors_are_answers_and_too_long_a_text_is_a_refusal() {
		let text = |text: &str, tokens| {
			let finish = EngineFinish::Length;
			Ok(Response::Generation { text: text.into(), tokens, finish })
		};
		let output = |outcome| {
			let bytes = canonical_bytes(&outcome).expect("the chain has words for it");
			let VersionedOutput::V1(output) =
				VersionedOutput::decode_all(&mut &bytes[..]).expect("canonical bytes can be read");
			output
		};
		let Output::Answer(answer) = output(text("Paris.", vec![7042, 30])) else { panic!("an answer") };
		assert_eq!(answer.output_units(), 2);
		let values = Response::Embedding { values: vec![-32_767; 384] };
		assert!(matches!(output(Ok(values)), Output::Answer(Answer::Embedding(vector)) if vector.values.len() == 384));
		let limits = (MAX_TEXT_BYTES as usize, MAX_TOKENS as usize);
		for too_long in [text(&"a".repeat(limits.0 + 1), vec![1]), text("a", vec![1; limits.1 + 1])] {
			assert_eq!(output(too_long), TOO_LONG);
		}
		assert_eq!(output(text(&"a".repeat(limits.0), vec![1; limits.1])), TOO_LONG, "both together are too long");
		let scored = |count: u32, bytes| {
			let tokens = (0..count).map(|id| EngineToken { id, bytes, score: 7 }).collect();
			output(Ok(Response::ScoredText { text: "Paris.".into(), tokens, finish: EngineFinish::Stop }))
		};
		let Output::Answer(Answer::ScoredText(most)) = scored(MAX_SCORED_TOKENS, 65_535) else { panic!("a text") };
		assert_eq!(most.tokens.last(), Some(&ScoredToken { id: MAX_SCORED_TOKENS - 1, bytes: 65_535, score: 7 }));
		assert_eq!(Answer::ScoredText(most).output_units(), MAX_SCORED_TOKENS);
		assert_eq!(scored(MAX_SCORED_TOKENS + 1, 1), TOO_LONG);
		assert_eq!(scored(1, 65_536), TOO_LONG);
	}

	#[test]
	fn choices_and_numbers_are_answers() {
		let bytes = |response| canonical_bytes(&Ok(response)).expect("the chain has words for it").to_vec();
		// V1, an answer, and its kind; the place, two probabilities of 32 bits; the value and its decimals.
		let choice = Response::Choice { index: 1, probabilities: vec![1, 999_999] };
		assert_eq!(bytes(choice), [&[0, 0, 3, 1, 2 << 2, 1, 0, 0, 0][..], &999_999_u32.to_le_bytes()].concat());
		let number = Response::Number { value: -2, decimals: 3 };
		assert_eq!(bytes(number), [&[0, 0, 4][..], &(-2_i64).to_le_bytes(), &[3]].concat());
	}

	#[test]
	fn a_refusal_of_the_models_is_an_output() {
		for (engine, chain) in [
			(EngineRefusal::ContextExceeded { limit: 512 }, Refusal::ContextExceeded),
			(EngineRefusal::NotFinite, Refusal::NotFinite),
			(EngineRefusal::Template, Refusal::Template),
			(EngineRefusal::Format, Refusal::Format),
		] {
			let bytes = canonical_bytes(&Err(engine)).expect("the chain knows these refusals");
			let output = VersionedOutput::decode_all(&mut &bytes[..]).expect("canonical bytes can be read");
			assert_eq!(output, VersionedOutput::V1(Output::Refusal(chain)));
		}
	}

	#[test]
	fn a_claim_is_the_text_that_is_claimed_and_nothing_where_nothing_is_written() {
		let claim = |response| claimed_text(&canonical_bytes(&Ok(response)).expect("the chain knows it"));
		let text = Response::Generation { text: "Paris é".into(), tokens: vec![1], finish: EngineFinish::Stop };
		assert_eq!(claim(text), "Paris é".as_bytes());
		let tokens = vec![EngineToken { id: 1, bytes: 5, score: 9 }];
		let scored = Response::ScoredText { text: "Paris".into(), tokens, finish: EngineFinish::Stop };
		assert_eq!(claim(scored), b"Paris");
		assert_eq!(claim(Response::Number { value: -105, decimals: 2 }), b"-1.05");
		assert_eq!(claim(Response::Choice { index: 1, probabilities: vec![1, 2] }), b"");
		assert_eq!(claimed_text(&vec![7; 9].try_into().expect("it is short")), b"", "bytes that are no output");
	}

	#[test]
	fn the_models_of_every_genesis_have_the_goldens_that_the_engine_gives() {
		let engine = engine_process();
		let folder = std::env::var_os("SIBYL_MODELS").map(PathBuf::from).unwrap_or_else(|| {
			PathBuf::from(std::env::var_os("HOME").expect("a user has a home")).join(".cache/sibyl/models")
		});
		let source = Arc::new(InstalledModels::new(engine.clone(), folder));
		let views = sibyl_runtime::models::all().into_iter();
		let views: Vec<_> =
			views.map(|manifest| ListedModel { id: manifest.revision.id(), revision: manifest.revision }).collect();
		let times = Times { block: Duration::from_secs(3), commit_window: 12 };
		let mut models = Models::new(source.clone(), Choice::All, times);
		let (mut actions, mut now) = (Vec::new(), 0);
		let (mut told, mut checked) = (0, 0);
		while told < views.len() {
			let Some(action) = actions.pop() else {
				// A node beside this test may have the turn.
				if now > 0 {
					std::thread::sleep(Duration::from_millis(500));
				}
				now += 1;
				assert!(now < 1_000, "each model has a verdict");
				actions = models.update(&views, now);
				continue;
			};
			told += usize::from(matches!(action, Action::Announce { .. }));
			match action {
				Action::Load { model, revision } => actions.extend(models.loaded(model, source.load(&revision))),
				Action::Check { model, golden, request } => {
					let outcome = engine.infer(&request).expect("the engine has the model");
					actions.extend(models.checked(model, golden, JobOutcome::Done(outcome)));
				}
				Action::Measure { model, request } => {
					let start = Instant::now();
					let outcome = engine.infer(&request).expect("the engine has the model");
					actions.extend(models.measured(model, &JobOutcome::Done(outcome), start.elapsed()));
				}
				Action::Announce { name, served: Err(WhyNot::NoFile(_)), .. } => {
					assert!(std::env::var_os("SIBYL_REQUIRE_MODELS").is_none(), "{name} is not installed: make models");
					println!("{name}: SKIPPED, not installed in $SIBYL_MODELS or ~/.cache/sibyl/models")
				}
				// That is this machine's to say, and it may be busy with other tests.
				Action::Announce { name, served: Err(slow @ WhyNot::TooSlow { .. }), .. } => {
					println!("{name}: {slow}");
					checked += 1;
				}
				Action::Announce { name, served, .. } => {
					println!("{name}: {served:?}");
					assert!(served.is_ok(), "{name}: {served:?}");
					checked += 1;
				}
			}
		}
		assert!(checked > 0, "one model is compiled in");
	}

	#[test]
	fn what_the_chain_has_no_words_for_is_abstained_from() {
		let many: Vec<_> = (0..=MAX_LABELS).map(|_| "x").collect();
		let of_input = [EngineRefusal::EmptyInput, EngineRefusal::NotUtf8, EngineRefusal::InputTooLong { limit: 1 }];
		let outcomes = [classification(&["a label of 17 by."]), classification(&many)];
		for outcome in outcomes.into_iter().chain(of_input.map(Err)) {
			assert_eq!(canonical_bytes(&outcome), Err(AbstainReason::EngineFailed), "{outcome:?}");
		}
	}
}
