//! The engine's types as they travel. Taken apart without `..`, so that a new field is not forgotten here.

use crate::parent::cleaned;
use crate::LoadError;
use codec::{Decode, Encode};
use sibyl_engine::{
	self as engine, sampling::Sampling, Architecture, EngineError, Finish, Limits, ModelDescription, ModelFile,
	Refusal, Response, Role, Score, ScoredToken, Stop,
};

/// A [`sibyl_engine::Request`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Request {
	model: [u8; 32],
	input: Input,
	max_input_bytes: u32,
	max_output_units: u32,
	temperature: u32,
	top_k: u32,
	top_p: u32,
	seed: [u8; 32],
	format: Format,
	claim: Vec<u8>,
}

/// A [`sibyl_engine::Input`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
enum Input {
	Text(Vec<u8>),
	Raw(Vec<u8>),
	Messages(Vec<(Speaker, Vec<u8>)>),
}

/// A [`sibyl_engine::Role`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
enum Speaker {
	System,
	User,
	Assistant,
}

impl From<engine::Input> for Input {
	fn from(input: engine::Input) -> Self {
		let speaker = |role| match role {
			Role::System => Speaker::System,
			Role::User => Speaker::User,
			Role::Assistant => Speaker::Assistant,
		};
		match input {
			engine::Input::Text(text) => Self::Text(text),
			engine::Input::Raw(text) => Self::Raw(text),
			engine::Input::Messages(messages) => {
				Self::Messages(messages.into_iter().map(|(role, said)| (speaker(role), said)).collect())
			}
		}
	}
}

impl From<Input> for engine::Input {
	fn from(input: Input) -> Self {
		let role = |speaker| match speaker {
			Speaker::System => Role::System,
			Speaker::User => Role::User,
			Speaker::Assistant => Role::Assistant,
		};
		match input {
			Input::Text(text) => Self::Text(text),
			Input::Raw(text) => Self::Raw(text),
			Input::Messages(messages) => {
				Self::Messages(messages.into_iter().map(|(speaker, said)| (role(speaker), said)).collect())
			}
		}
	}
}

/// The longest claim that travels, in bytes. Nothing but speed depends on claims, and answers are shorter.
const MAX_CLAIM: usize = 1 << 20;

/// A [`sibyl_engine::Format`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
enum Format {
	Text { stops: Vec<String> },
	Choice(Vec<String>),
	Number { min: i64, max: i64, decimals: u8 },
	Json(String),
	Regex(String),
	ScoredText { stops: Vec<String> },
}

impl From<engine::Format> for Format {
	fn from(format: engine::Format) -> Self {
		match format {
			engine::Format::Text { stops } => Self::Text { stops },
			engine::Format::Choice(choices) => Self::Choice(choices),
			engine::Format::Number { min, max, decimals } => Self::Number { min, max, decimals },
			engine::Format::Json(schema) => Self::Json(schema),
			engine::Format::Regex(pattern) => Self::Regex(pattern),
			engine::Format::ScoredText { stops } => Self::ScoredText { stops },
		}
	}
}

impl From<Format> for engine::Format {
	fn from(format: Format) -> Self {
		match format {
			Format::Text { stops } => Self::Text { stops },
			Format::Choice(choices) => Self::Choice(choices),
			Format::Number { min, max, decimals } => Self::Number { min, max, decimals },
			Format::Json(schema) => Self::Json(schema),
			Format::Regex(pattern) => Self::Regex(pattern),
			Format::ScoredText { stops } => Self::ScoredText { stops },
		}
	}
}

impl From<&engine::Request> for Request {
	fn from(request: &engine::Request) -> Self {
		let engine::Request { model, input, limits, format, sampling, seed, claim, stop: _ } = request;
		let Limits { max_input_bytes, max_output_units } = *limits;
		let Sampling { temperature, top_k, top_p } = *sampling;
		let (model, input, seed, format) = (*model, input.clone().into(), *seed, format.clone().into());
		let claim = claim[..claim.len().min(MAX_CLAIM)].to_vec();
		Self { model, input, max_input_bytes, max_output_units, temperature, top_k, top_p, seed, format, claim }
	}
}

impl Request {
	/// The request, which is given up when `stop` says so.
	pub fn into_engine(self, stop: Stop) -> engine::Request {
		let Self { model, input, max_input_bytes, max_output_units, temperature, top_k, top_p, seed, format, claim } =
			self;
		let limits = Limits { max_input_bytes, max_output_units };
		let sampling = Sampling { temperature, top_k, top_p };
		let input = input.into();
		engine::Request { model, input, limits, format: format.into(), sampling, seed, claim, stop }
	}
}

/// A [`sibyl_engine::Inference`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Inference {
	outcome: Outcome,
	trace: [u8; 32],
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
enum Outcome {
	Classification { label: String, scores: Vec<(String, u32)> },
	Generation { text: String, tokens: Vec<u32>, is_finished: bool },
	Embedding { values: Vec<i16> },
	Choice { index: u8, probabilities: Vec<u32> },
	Number { value: i64, decimals: u8 },
	ScoredText { text: String, tokens: Vec<(u32, u32, u32)>, is_finished: bool },
	EmptyInput,
	InputTooLong { limit: u32 },
	ContextExceeded { limit: u32 },
	NotUtf8,
	NotFinite,
	Template,
	Format,
}

fn is_finished(finish: Finish) -> bool {
	match finish {
		Finish::Stop => true,
		Finish::Length => false,
	}
}

fn finish(is_finished: bool) -> Finish {
	if is_finished {
		Finish::Stop
	} else {
		Finish::Length
	}
}

impl From<engine::Inference> for Inference {
	fn from(engine::Inference { outcome, trace }: engine::Inference) -> Self {
		let outcome = match outcome {
			Ok(Response::Classification { label, scores }) => {
				let scores = scores.into_iter().map(|Score { label, score }| (label, score)).collect();
				Outcome::Classification { label, scores }
			}
			Ok(Response::Generation { text, tokens, finish }) => {
				Outcome::Generation { text, tokens, is_finished: is_finished(finish) }
			}
			Ok(Response::ScoredText { text, tokens, finish }) => {
				let token = |ScoredToken { id, bytes, score }| (id, bytes, score);
				let tokens = tokens.into_iter().map(token).collect();
				Outcome::ScoredText { text, tokens, is_finished: is_finished(finish) }
			}
			Ok(Response::Embedding { values }) => Outcome::Embedding { values },
			Ok(Response::Choice { index, probabilities }) => Outcome::Choice { index, probabilities },
			Ok(Response::Number { value, decimals }) => Outcome::Number { value, decimals },
			Err(Refusal::EmptyInput) => Outcome::EmptyInput,
			Err(Refusal::InputTooLong { limit }) => Outcome::InputTooLong { limit },
			Err(Refusal::ContextExceeded { limit }) => Outcome::ContextExceeded { limit },
			Err(Refusal::NotUtf8) => Outcome::NotUtf8,
			Err(Refusal::NotFinite) => Outcome::NotFinite,
			Err(Refusal::Template) => Outcome::Template,
			Err(Refusal::Format) => Outcome::Format,
		};
		Self { outcome, trace }
	}
}

impl From<Inference> for engine::Inference {
	fn from(Inference { outcome, trace }: Inference) -> Self {
		let outcome = match outcome {
			Outcome::Classification { label, scores } => {
				let scores = scores.into_iter().map(|(label, score)| Score { label, score }).collect();
				Ok(Response::Classification { label, scores })
			}
			Outcome::Generation { text, tokens, is_finished } => {
				Ok(Response::Generation { text, tokens, finish: finish(is_finished) })
			}
			Outcome::ScoredText { text, tokens, is_finished } => {
				let token = |(id, bytes, score)| ScoredToken { id, bytes, score };
				let tokens = tokens.into_iter().map(token).collect();
				Ok(Response::ScoredText { text, tokens, finish: finish(is_finished) })
			}
			Outcome::Embedding { values } => Ok(Response::Embedding { values }),
			Outcome::Choice { index, probabilities } => Ok(Response::Choice { index, probabilities }),
			Outcome::Number { value, decimals } => Ok(Response::Number { value, decimals }),
			Outcome::EmptyInput => Err(Refusal::EmptyInput),
			Outcome::InputTooLong { limit } => Err(Refusal::InputTooLong { limit }),
			Outcome::ContextExceeded { limit } => Err(Refusal::ContextExceeded { limit }),
			Outcome::NotUtf8 => Err(Refusal::NotUtf8),
			Outcome::NotFinite => Err(Refusal::NotFinite),
			Outcome::Template => Err(Refusal::Template),
			Outcome::Format => Err(Refusal::Format),
		};
		Self { outcome, trace }
	}
}

/// An [`EngineError`] of the child's.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Failure {
	/// [`EngineError::UnknownModel`].
	UnknownModel([u8; 32]),
	/// [`EngineError::HashMismatch`].
	HashMismatch {
		/// The hash that was asked for.
		expected: [u8; 32],
		/// The file's.
		actual: [u8; 32],
	},
	/// [`EngineError::FileTooLarge`].
	FileTooLarge {
		/// The file's size.
		size: u64,
		/// The largest.
		limit: u64,
	},
	/// [`EngineError::InvalidModel`].
	InvalidModel(String),
	/// [`EngineError::FloatEnvironment`].
	FloatEnvironment,
	/// [`EngineError::NoMemory`].
	NoMemory {
		/// The bytes that were asked for.
		bytes: u64,
	},
	/// [`EngineError::Stopped`].
	Stopped,
	/// [`EngineError::Panicked`].
	Panicked(String),
	/// Any other.
	Internal(String),
}

impl From<EngineError> for Failure {
	fn from(error: EngineError) -> Self {
		match error {
			EngineError::UnknownModel(sha256) => Self::UnknownModel(sha256),
			EngineError::HashMismatch { expected, actual } => Self::HashMismatch { expected, actual },
			EngineError::FileTooLarge { size, limit } => Self::FileTooLarge { size, limit },
			EngineError::InvalidModel(why) => Self::InvalidModel(why),
			EngineError::FloatEnvironment => Self::FloatEnvironment,
			EngineError::NoMemory { bytes } => Self::NoMemory { bytes },
			EngineError::Stopped => Self::Stopped,
			EngineError::Panicked(message) => Self::Panicked(message),
			EngineError::Internal(why) => Self::Internal(why),
			// A child has no child, its tier is the CPU's best, and what is wrong with its build is for people.
			error @ (EngineError::Process(_) | EngineError::TierUnavailable(_) | EngineError::SelfTest(_)) => {
				Self::Internal(error.to_string())
			}
		}
	}
}

impl From<Failure> for EngineError {
	fn from(failure: Failure) -> Self {
		match failure {
			Failure::UnknownModel(sha256) => Self::UnknownModel(sha256),
			Failure::HashMismatch { expected, actual } => Self::HashMismatch { expected, actual },
			Failure::FileTooLarge { size, limit } => Self::FileTooLarge { size, limit },
			Failure::InvalidModel(why) => Self::InvalidModel(cleaned(&why)),
			Failure::FloatEnvironment => Self::FloatEnvironment,
			Failure::NoMemory { bytes } => Self::NoMemory { bytes },
			Failure::Stopped => Self::Stopped,
			Failure::Panicked(message) => Self::Panicked(cleaned(&message)),
			Failure::Internal(why) => Self::Internal(cleaned(&why)),
		}
	}
}

/// Why the child did not load a model.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Refused {
	/// [`LoadError::Memory`].
	Memory {
		/// The bytes that it needs.
		needed: u64,
		/// Those that there are.
		available: u64,
	},
	/// The engine can't.
	Engine(Failure),
}

impl From<Refused> for LoadError {
	fn from(refused: Refused) -> Self {
		match refused {
			Refused::Memory { needed, available } => Self::Memory { needed, available },
			Refused::Engine(failure) => Self::Engine(failure.into()),
		}
	}
}

impl From<EngineError> for Refused {
	fn from(error: EngineError) -> Self {
		Self::Engine(error.into())
	}
}

/// A [`ModelDescription`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Description {
	name: String,
	architecture: String,
	files: Vec<(u64, [u8; 32])>,
}

impl From<ModelDescription> for Description {
	fn from(ModelDescription { name, architecture, files, task: _ }: ModelDescription) -> Self {
		let files = files.into_iter().map(|ModelFile { size, sha256 }| (size, sha256)).collect();
		Self { name, architecture: architecture.to_string(), files }
	}
}

impl Description {
	/// The description; none where its architecture has a name that nobody knows.
	pub fn into_engine(self) -> Option<ModelDescription> {
		let Self { name, architecture, files } = self;
		let architecture = Architecture::find(&architecture)?;
		let files = files.into_iter().map(|(size, sha256)| ModelFile { size, sha256 }).collect();
		Some(ModelDescription { name, architecture, files, task: architecture.task() })
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use codec::DecodeAll;

	/// What is left of something that travels.
	fn sent<T: Encode + Decode>(wire: T) -> T {
		T::decode_all(&mut &wire.encode()[..]).expect("it can be read")
	}

	#[test]
	fn a_request_should_arrive_whole() {
		let limits = Limits { max_input_bytes: 10, max_output_units: 11 };
		let mut request = engine::Request::new([1; 32], "input", limits);
		let said = [(Role::System, "a"), (Role::User, "b"), (Role::Assistant, "c")];
		let said = said.map(|(role, said)| (role, said.as_bytes().to_vec())).to_vec();
		for input in ["a".into(), engine::Input::Raw("b".into()), engine::Input::Messages(said)] {
			request.input = input;
			request.sampling = Sampling { temperature: 2, top_k: 3, top_p: 4 };
			request.seed = [5; 32];
			request.claim = vec![6, 0xff];
			let formats = [
				engine::Format::Text { stops: vec!["a".into()] },
				engine::Format::Choice(vec!["a".into(), "b".into()]),
				engine::Format::Number { min: -1, max: 2, decimals: 3 },
				engine::Format::Json("{}".into()),
				engine::Format::Regex("a".into()),
				engine::Format::ScoredText { stops: vec!["a".into()] },
			];
			for format in formats {
				request.format = format;
				assert_eq!(sent(Request::from(&request)).into_engine(Stop::default()), request);
			}
		}
	}

	#[test]
	fn a_claim_that_is_too_long_should_be_cut_off_and_not_keep_its_request_from_being_sent() {
		let limits = Limits { max_input_bytes: 10, max_output_units: 11 };
		let request = engine::Request { claim: vec![7; 64 << 20], ..engine::Request::new([1; 32], "input", limits) };
		let wire = Request::from(&request);
		assert!(wire.encoded_size() < crate::protocol::MAX_FRAME);
		let expected = engine::Request { claim: vec![7; MAX_CLAIM], ..request };
		assert_eq!(sent(wire).into_engine(Stop::default()), expected);
	}

	#[test]
	fn every_outcome_should_arrive_whole() {
		let scores = vec![Score { label: "a".into(), score: 2 }, Score { label: "b".into(), score: 1 }];
		let generation = |finish| Response::Generation { text: "é".into(), tokens: vec![1, 2], finish };
		let tokens = [1, 2].map(|id| ScoredToken { id, bytes: id + 2, score: id + 4 });
		let scored = |finish| Response::ScoredText { text: "é".into(), tokens: tokens.to_vec(), finish };
		let outcomes = [
			Ok(Response::Classification { label: "a".into(), scores }),
			Ok(generation(Finish::Stop)),
			Ok(generation(Finish::Length)),
			Ok(Response::Embedding { values: vec![-1, 2] }),
			Err(Refusal::EmptyInput),
			Err(Refusal::InputTooLong { limit: 1 }),
			Err(Refusal::ContextExceeded { limit: 2 }),
			Err(Refusal::NotUtf8),
			Err(Refusal::NotFinite),
			Err(Refusal::Template),
			Err(Refusal::Format),
			Ok(Response::Choice { index: 1, probabilities: vec![1, 2] }),
			Ok(Response::Number { value: -3, decimals: 4 }),
			Ok(scored(Finish::Stop)),
			Ok(scored(Finish::Length)),
		];
		for outcome in outcomes {
			let inference = engine::Inference { outcome, trace: [7; 32] };
			assert_eq!(engine::Inference::from(sent(Inference::from(inference.clone()))), inference);
		}
	}

	#[test]
	fn every_error_should_arrive_and_keep_its_words() {
		let errors = [
			EngineError::UnknownModel([1; 32]),
			EngineError::HashMismatch { expected: [1; 32], actual: [2; 32] },
			EngineError::FileTooLarge { size: 1, limit: 2 },
			EngineError::InvalidModel("x".into()),
			EngineError::FloatEnvironment,
			EngineError::NoMemory { bytes: 3 },
			EngineError::Stopped,
			EngineError::Panicked("x".into()),
			EngineError::Internal("x".into()),
		];
		for error in errors {
			assert_eq!(EngineError::from(sent(Failure::from(error.clone()))), error);
		}
		let unavailable = EngineError::TierUnavailable("avx512");
		let text = EngineError::from(sent(Failure::from(unavailable.clone()))).to_string();
		assert!(text.contains(&unavailable.to_string()), "{text}");
	}

	#[test]
	fn what_a_child_says_should_be_cut_off_and_obeyed_by_no_terminal() {
		let text = format!("a\u{1b}[2J\n{}", "é".repeat(1_000));
		let error = EngineError::from(Failure::Internal(text)).to_string();
		assert!(error.len() < 600 && !error.contains(['\u{1b}', '\n']), "{error:?}");
	}

	#[test]
	fn a_description_should_arrive_whole_and_an_unknown_architecture_be_noticed() {
		let description = ModelDescription {
			name: "x".into(),
			architecture: Architecture::Llama,
			files: vec![ModelFile { size: 1, sha256: [2; 32] }],
			task: Architecture::Llama.task(),
		};
		let wire = sent(Description::from(description.clone()));
		assert_eq!(wire.clone().into_engine(), Some(description));
		assert_eq!(Description { architecture: "mamba".into(), ..wire }.into_engine(), None);
	}
}
