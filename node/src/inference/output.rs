//! From what the engine says to what the chain reads.

use codec::Encode;
use sibyl_engine::{Outcome, Refusal as EngineRefusal, Response, Score};
use sibyl_primitives::{
	job::{AbstainReason, OutputBytes, Refusal},
	output::{Answer, Classification, LabelScore, Output, VersionedOutput},
	Text,
};

const LOG_TARGET: &str = "inference::output";

/// The canonical bytes of an outcome. An outcome that the chain has no words for is none of this engine's version.
pub fn canonical_bytes(outcome: &Outcome) -> Result<OutputBytes, AbstainReason> {
	let output = to_output(outcome).ok_or_else(|| {
		log::warn!(target: LOG_TARGET, "The engine gave an outcome that the chain can't take: {outcome:?}");
		AbstainReason::EngineFailed
	})?;
	let too_long = VersionedOutput::V1(Output::Refusal(Refusal::OutputTooLong));
	let bytes = VersionedOutput::V1(output).encode();
	OutputBytes::try_from(bytes)
		.or_else(|_| OutputBytes::try_from(too_long.encode()))
		.map_err(|_| AbstainReason::EngineFailed)
}

fn to_output(outcome: &Outcome) -> Option<Output> {
	match outcome {
		Ok(Response::Classification { label, scores }) => {
			let scores: Option<Vec<_>> = scores.iter().map(label_score).collect();
			let classification = Classification { label: text(label)?, scores: scores?.try_into().ok()? };
			Some(Output::Answer(Answer::Classification(classification)))
		}
		Err(refusal) => Some(Output::Refusal(to_refusal(refusal)?)),
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
		// The runtime takes no such input.
		EngineRefusal::EmptyInput | EngineRefusal::InputTooLong { .. } | EngineRefusal::NotUtf8 => None,
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use codec::DecodeAll;
	use sibyl_engine::{Engine, Limits, LocalEngine, Request};
	use sibyl_primitives::output::{output_hash, MAX_LABELS};

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
	fn a_refusal_of_the_models_is_an_output() {
		for (engine, chain) in [
			(EngineRefusal::ContextExceeded { limit: 512 }, Refusal::ContextExceeded),
			(EngineRefusal::NotFinite, Refusal::NotFinite),
		] {
			let bytes = canonical_bytes(&Err(engine)).expect("the chain knows these refusals");
			let output = VersionedOutput::decode_all(&mut &bytes[..]).expect("canonical bytes can be read");
			assert_eq!(output, VersionedOutput::V1(Output::Refusal(chain)));
		}
	}

	#[test]
	fn the_models_of_every_genesis_have_the_goldens_that_the_engine_gives() {
		let engine = LocalEngine::embedded(1).expect("the compiled-in model loads");
		for model in sibyl_runtime::models::all() {
			let limits =
				Limits { max_input_bytes: model.limits.input_bytes, max_output_units: model.limits.output_units };
			for golden in &model.goldens {
				let request = Request {
					model: model.files[0].sha256.0,
					input: golden.input.as_bytes().to_vec(),
					limits,
					seed: [0; 32],
				};
				let outcome = engine.infer(&request).expect("the engine has the model");
				let bytes = canonical_bytes(&outcome).expect("the chain has words for it");
				assert_eq!(output_hash(&bytes), golden.output_hash, "{:?} of {:?}", golden.input, model.name);
			}
		}
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
