//! A fake engine for tests of what is around an engine, and traces for those who compare or measure them.

use crate::boundary::check_text;
use crate::trace::{blake2b_256, Tracer};
use crate::{
	outcome_bytes, Architecture, Engine, EngineError, Inference, ModelDescription, ModelFile, Outcome, Request,
	Response, Score, Task, NO_ROWS, SCORE_ONE, TOP_SCORES,
};
use sha2::{Digest, Sha256};

type Answer = dyn Fn(&Request) -> Result<Outcome, EngineError> + Send + Sync;

const LABELS: [&str; TOP_SCORES] = ["alpha", "beta", "gamma", "delta", "epsilon"];

/// The trace of an answer that these rows chose.
pub fn trace_of(rows: &[&[f32]]) -> [u8; 32] {
	let mut tracer = Tracer::new();
	rows.iter().for_each(|row| tracer.add(row));
	tracer.finish()
}

/// An engine that makes its answers up from a hash of the request: deterministic, quick, and different for different
/// inputs.
///
/// It knows one model, [`FakeEngine::MODEL`], and refuses what a model of text refuses. Fakes with the same salt agree;
/// another salt plays the validator that is wrong.
pub struct FakeEngine {
	models: Vec<ModelDescription>,
	salt: u64,
	answer: Option<Box<Answer>>,
	trace: Option<[u8; 32]>,
}

impl FakeEngine {
	/// The hash of the model that a fake has from the start.
	pub const MODEL: [u8; 32] = *b"the fake engine's model's hash!!";

	/// The longest input that it reads, in bytes.
	pub const CONTEXT: usize = 512;

	/// A fake that agrees with every other one made like this.
	pub fn new() -> Self {
		let model = ModelDescription {
			name: "fake".into(),
			architecture: Architecture::Fake,
			files: vec![ModelFile { size: 0, sha256: Self::MODEL }],
			task: Task::Classification,
		};
		Self { models: vec![model], salt: 0, answer: None, trace: None }
	}

	/// With one more model.
	pub fn with_model(mut self, model: ModelDescription) -> Self {
		self.models.push(model);
		self
	}

	/// Without any model.
	pub fn without_models(mut self) -> Self {
		self.models.clear();
		self
	}

	/// With other answers and traces than fakes of another salt.
	pub fn salted(mut self, salt: u64) -> Self {
		self.salt = salt;
		self
	}

	/// With this answer to every request that names a model it has; it may also block or panic.
	pub fn answering<F>(mut self, answer: F) -> Self
	where
		F: Fn(&Request) -> Result<Outcome, EngineError> + Send + Sync + 'static,
	{
		self.answer = Some(Box::new(answer));
		self
	}

	/// With this trace beside every answer: plays the validator that has the answer from somebody else.
	pub fn tracing(mut self, trace: [u8; 32]) -> Self {
		self.trace = Some(trace);
		self
	}

	/// The trace beside an outcome: a hash of the answer's bytes and the salt; a refusal has none, as with any engine.
	pub fn made_up_trace(outcome: &Outcome, salt: u64) -> [u8; 32] {
		match outcome {
			Ok(_) => blake2b_256(&[&outcome_bytes(outcome), &salt.to_le_bytes()]),
			Err(_) => NO_ROWS,
		}
	}

	/// The answer without checks, which [`FakeEngine::answering`] may want to fall back on.
	pub fn made_up(request: &Request, salt: u64) -> Response {
		let digest: [u8; 32] = Sha256::new()
			.chain_update(salt.to_le_bytes())
			.chain_update(request.model)
			.chain_update(request.seed)
			.chain_update(request.input.parts().collect::<Vec<_>>().concat())
			.finalize()
			.into();
		let mut rest = SCORE_ONE;
		let mut scores: Vec<Score> = (0..TOP_SCORES)
			.map(|i| {
				let score = if i + 1 == TOP_SCORES { rest } else { rest / 256 * u32::from(digest[i]) };
				rest -= score;
				Score { label: LABELS[(i + usize::from(digest[31])) % TOP_SCORES].into(), score }
			})
			.collect();
		scores.sort_by_key(|score| std::cmp::Reverse(score.score));
		Response::Classification { label: scores[0].label.clone(), scores }
	}
}

impl Default for FakeEngine {
	fn default() -> Self {
		Self::new()
	}
}

impl Engine for FakeEngine {
	fn models(&self) -> Vec<ModelDescription> {
		self.models.clone()
	}

	fn infer(&self, request: &Request) -> Result<Inference, EngineError> {
		if !self.models.iter().any(|model| model.is(&request.model)) {
			return Err(EngineError::UnknownModel(request.model));
		}
		request.stop.check()?;
		let outcome = match &self.answer {
			Some(answer) => answer(request)?,
			None => check_text(request, Self::CONTEXT).map(|_| Self::made_up(request, self.salt)),
		};
		let made_up = Self::made_up_trace(&outcome, self.salt);
		let trace = if outcome.is_ok() { self.trace.unwrap_or(made_up) } else { made_up };
		Ok(Inference { outcome, trace })
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{Limits, Refusal};

	fn request(input: &str) -> Request {
		let limits = Limits { max_input_bytes: 10, max_output_units: 0 };
		Request::new(FakeEngine::MODEL, input, limits)
	}

	#[test]
	fn fakes_should_agree_unless_salted() {
		let answer = |engine: FakeEngine, input: &str| engine.infer(&request(input)).unwrap().outcome.unwrap();
		assert_eq!(answer(FakeEngine::new(), "a"), answer(FakeEngine::new(), "a"));
		assert_ne!(answer(FakeEngine::new(), "a"), answer(FakeEngine::new(), "b"));
		assert_ne!(answer(FakeEngine::new(), "a"), answer(FakeEngine::new().salted(1), "a"));
		let Response::Classification { label, scores } = answer(FakeEngine::new(), "a") else { panic!("no label") };
		assert_eq!(label, scores[0].label);
		assert_eq!(scores.iter().map(|score| score.score).sum::<u32>(), SCORE_ONE);
	}

	#[test]
	fn fakes_should_agree_on_the_trace_unless_salted_or_told_otherwise() {
		let infer = |engine: FakeEngine, input: &str| engine.infer(&request(input)).unwrap();
		let expected = infer(FakeEngine::new(), "a");
		assert_eq!(expected.trace, FakeEngine::made_up_trace(&expected.outcome, 0));
		let same = FakeEngine::new().answering(|request| Ok(Ok(FakeEngine::made_up(request, 0))));
		assert_eq!(infer(same, "a"), expected);
		assert_ne!(infer(FakeEngine::new(), "b").trace, expected.trace);
		assert_ne!(infer(FakeEngine::new().salted(1), "a").trace, expected.trace);
		let copied = infer(FakeEngine::new().tracing([7; 32]), "a");
		assert_eq!(copied, Inference { trace: [7; 32], ..expected });
		assert_eq!(infer(FakeEngine::new().tracing([7; 32]), "").trace, NO_ROWS);
	}

	#[test]
	fn a_fake_should_refuse_and_fail_as_an_engine_does() {
		let engine = FakeEngine::new();
		assert_eq!(engine.infer(&request("")), Ok(Inference::refused(Refusal::EmptyInput)));
		let too_long = Inference::refused(Refusal::InputTooLong { limit: 10 });
		assert_eq!(engine.infer(&request("longer than ten")), Ok(too_long));
		let unknown = Request { model: [1; 32], ..request("a") };
		assert_eq!(engine.infer(&unknown), Err(EngineError::UnknownModel([1; 32])));
		let none = FakeEngine::new().without_models();
		assert_eq!(none.infer(&request("a")), Err(EngineError::UnknownModel(FakeEngine::MODEL)));
	}
}
