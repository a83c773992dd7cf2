//! What goes into an engine and what comes out.

mod input;

pub use input::Input;
pub(crate) use input::{check_text, check_texts, Texts};

use crate::sampling::Sampling;
use crate::{EngineError, Format, NO_ROWS};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

/// How many labels with their scores a [`Response::Classification`] has at most.
pub const TOP_SCORES: usize = 5;

/// What a score of certainty is: scores are parts per million.
pub const SCORE_ONE: u32 = 1_000_000;

/// Something that answers requests.
///
/// The answer is a pure function of the request: every engine that has the model returns the same outcome and the same
/// trace, byte for byte, whatever its CPU, its number of threads, its load or what it was asked before.
pub trait Engine: Send + Sync {
	/// The models that this engine has.
	fn models(&self) -> Vec<ModelDescription>;

	/// Answers a request.
	///
	/// `Ok` is what the model says, an answer or a refusal, and all engines agree on it. `Err` is about this engine:
	/// it cannot compute the outcome, so its node has nothing to say. An engine may end with [`EngineError::Stopped`] once
	/// the request's [`Stop`] says so.
	fn infer(&self, request: &Request) -> Result<Inference, EngineError>;
}

/// What an engine computed for a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inference {
	/// What the model says.
	pub outcome: Outcome,
	/// The BLAKE2b-256 of the hidden rows that chose the answer, each float as its 32 bits, little-endian.
	///
	/// - Generation: the state behind the last norm, as the output matrix is multiplied with it, of every position whose
	///   logits chose a token: the answer's tokens in order, then the stop token, if one ended the answer.
	/// - Embedding: what the tokens' rows come to, their mean or the first of them, before it is divided by its length.
	/// - Classification: what the last matrix is multiplied with.
	///
	/// It stands beside the outcome and not for it: the token that was chosen last is in no row.
	///
	/// [`NO_ROWS`] of a refusal, and of an answer that needed none.
	pub trace: [u8; 32],
}

impl Inference {
	/// A refusal, which has no rows.
	pub fn refused(refusal: Refusal) -> Self {
		Self { outcome: Err(refusal), trace: NO_ROWS }
	}
}

/// What all engines with the model agree on.
pub type Outcome = Result<Response, Refusal>;

/// A model that an engine has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelDescription {
	/// A name for people.
	pub name: String,
	/// How the file's tensors become an answer.
	pub architecture: Architecture,
	/// Its files; requests name the model by the first one's hash.
	pub files: Vec<ModelFile>,
	/// What it does.
	pub task: Task,
}

/// One of a model's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelFile {
	/// Its size in bytes.
	pub size: u64,
	/// Its SHA-256.
	pub sha256: [u8; 32],
}

impl ModelDescription {
	/// Whether requests with this hash are for the model.
	pub fn is(&self, sha256: &[u8; 32]) -> bool {
		self.files.first().is_some_and(|file| file.sha256 == *sha256)
	}
}

/// How a model's tensors become an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Architecture {
	/// Convolutions over bytes, one attention layer, a mean and a classifier: which language a text is in.
	CommonLingua,
	/// A decoder-only language model with rotated pairs of neighbours: SmolLM2, TinyLlama, Llama 3.2.
	Llama,
	/// As Llama, with biases on queries, keys and values.
	Qwen2,
	/// As Qwen2, with a norm of each head of queries and keys.
	Qwen3,
	/// As Llama, with joined matrices.
	Phi3,
	/// As Llama, with layers in which nothing rotates.
	SmolLm3,
	/// As Llama, with embeddings, scores, what layers add and logits multiplied by numbers of the file.
	Granite,
	/// As Qwen2 without biases, with norms of what layers add in place of those of what they read.
	Olmo2,
	/// As Llama, with scores and logits that have bounds, every second layer seeing a window.
	Gemma2,
	/// As Qwen3, with most layers seeing a window.
	Gemma3,
	/// Attention in both directions, the mean over the tokens or the first one: a sentence's vector.
	Bert,
	/// The deterministic fake of [`testing`](crate::testing).
	Fake,
}

/// What a model does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Task {
	/// Text in, labels with scores out.
	Classification,
	/// Text in, text out.
	Generation,
	/// Text in, a vector out.
	Embedding,
}

impl Architecture {
	const ALL: [Self; 12] = [
		Self::CommonLingua,
		Self::Llama,
		Self::Qwen2,
		Self::Qwen3,
		Self::Phi3,
		Self::SmolLm3,
		Self::Granite,
		Self::Olmo2,
		Self::Gemma2,
		Self::Gemma3,
		Self::Bert,
		Self::Fake,
	];

	/// The architecture of this name, which is what it is displayed as.
	pub fn find(name: &str) -> Option<Self> {
		Self::ALL.into_iter().find(|architecture| architecture.to_string() == name)
	}

	/// What models of this architecture do.
	pub fn task(self) -> Task {
		match self {
			Self::CommonLingua | Self::Fake => Task::Classification,
			Self::Llama
			| Self::Qwen2
			| Self::Qwen3
			| Self::Phi3
			| Self::SmolLm3
			| Self::Granite
			| Self::Olmo2
			| Self::Gemma2
			| Self::Gemma3 => Task::Generation,
			Self::Bert => Task::Embedding,
		}
	}
}

impl fmt::Display for Architecture {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(match self {
			Self::CommonLingua => "common-lingua",
			Self::Llama => "llama",
			Self::Qwen2 => "qwen2",
			Self::Qwen3 => "qwen3",
			Self::Phi3 => "phi3",
			Self::SmolLm3 => "smollm3",
			Self::Granite => "granite",
			Self::Olmo2 => "olmo2",
			Self::Gemma2 => "gemma2",
			Self::Gemma3 => "gemma3",
			Self::Bert => "bert",
			Self::Fake => "fake",
		})
	}
}

impl fmt::Display for Task {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(match self {
			Self::Classification => "classification",
			Self::Generation => "generation",
			Self::Embedding => "embedding",
		})
	}
}

/// A question to a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
	/// The SHA-256 of the model's file.
	pub model: [u8; 32],
	/// What the model reads.
	pub input: Input,
	/// What the job allows.
	pub limits: Limits,
	/// What the answer must look like. Only generation looks at it.
	pub format: Format,
	/// How tokens are chosen. Only generation looks at it.
	pub sampling: Sampling,
	/// Where sampling starts. Only generation looks at it.
	pub seed: [u8; 32],
	/// What somebody says that the text of the answer is; empty where nobody does. No part of the question: outcome and trace
	/// are the same whatever is claimed. But where a generated text is the claimed one, an engine finds out at about the price of
	/// reading it, which is less than that of writing it. Of a number it is how the number is written.
	pub claim: Vec<u8>,
	/// Whether the answer is still wanted. No part of the question.
	pub stop: Stop,
}

/// Tells an engine that nobody wants the answer any more. Clones are one.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
	/// Says so.
	pub fn stop(&self) {
		self.0.store(true, Ordering::Relaxed);
	}

	/// An error, once somebody has said so.
	pub fn check(&self) -> Result<(), EngineError> {
		match self.0.load(Ordering::Relaxed) {
			true => Err(EngineError::Stopped),
			false => Ok(()),
		}
	}
}

/// Two requests ask the same, whoever still wants the answers.
impl PartialEq for Stop {
	fn eq(&self, _: &Self) -> bool {
		true
	}
}

impl Eq for Stop {}

impl Request {
	/// A request for a text, without chance. A text that is given as such is [`Input::Text`].
	pub fn new(model: [u8; 32], input: impl Into<Input>, limits: Limits) -> Self {
		let (format, sampling) = (Format::default(), Sampling::GREEDY);
		let (seed, claim, stop) = ([0; 32], Vec::new(), Stop::default());
		Self { model, input: input.into(), limits, format, sampling, seed, claim, stop }
	}
}

/// What a job allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
	/// The longest input, in bytes.
	pub max_input_bytes: u32,
	/// The longest output, in the task's units: tokens of a generation; others have none.
	pub max_output_units: u32,
}

/// A model's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
	/// A label, and the scores of the likeliest [`TOP_SCORES`].
	Classification {
		/// The label of the first score; of a language, `und` where the text is in none that the model may answer with.
		label: String,
		/// By descending score; of equal ones the label that comes first in the model's list goes first.
		scores: Vec<Score>,
	},
	/// A text.
	Generation {
		/// The text, without the token or the stop text that ended it. Bytes that are no UTF-8 became U+FFFD.
		text: String,
		/// The tokens, without the one that ended it, but with those that the stop text came in.
		tokens: Vec<u32>,
		/// Why it ends.
		finish: Finish,
	},
	/// A text with its tokens' scores.
	ScoredText {
		/// The text, as of one without scores.
		text: String,
		/// The tokens, likewise.
		tokens: Vec<ScoredToken>,
		/// Why it ends.
		finish: Finish,
	},
	/// A vector of length 1.
	Embedding {
		/// Its components, in units of 1 / 32,767.
		values: Vec<i16>,
	},
	/// The likeliest of several texts.
	Choice {
		/// Which one, from 0; of equals the first.
		index: u8,
		/// The probability of each in parts per million, rounded down, so that their sum may be a little less than a million.
		probabilities: Vec<u32>,
	},
	/// A number.
	Number {
		/// The number times 10^`decimals`.
		value: i64,
		/// As many as were asked for.
		decimals: u8,
	},
}

/// A token of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ScoredToken {
	/// The token.
	pub id: u32,
	/// How many bytes of the text are its own: those of all tokens, in order, are the text. A U+FFFD is that of the token which
	/// ends what became it, and behind a stop text tokens have none.
	pub bytes: u32,
	/// Its probability among all tokens, in parts per million, rounded down. It is that of the logits as they are: neither
	/// temperature nor `top_k` nor `top_p` changes it.
	pub score: u32,
}

/// Why a generated text ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Finish {
	/// The model ended it, a stop text did, or nothing could follow in its format, or something did that is not of it where
	/// it could end.
	Stop,
	/// It has as many tokens as the request allows.
	Length,
}

/// How likely a label is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Score {
	/// The label.
	pub label: String,
	/// Its probability in parts per million.
	pub score: u32,
}

/// Why a model gives no answer. A lawful outcome: all engines refuse the same requests for the same reason.
///
/// Where several reasons hold, the first in this order counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
	/// There is no input.
	#[error("the input is empty")]
	EmptyInput,
	/// The input is longer than the job allows.
	#[error("the input has more than the {limit} bytes that the job allows")]
	InputTooLong {
		/// The most bytes the job allows.
		limit: u32,
	},
	/// The input is longer than the model can read.
	#[error("the model reads at most {limit} units")]
	ContextExceeded {
		/// The most units that the model reads; for a model of bytes these are bytes.
		limit: u32,
	},
	/// The input is not UTF-8.
	#[error("the input is not UTF-8")]
	NotUtf8,
	/// The computation came to a value that is infinite or not a number.
	#[error("the model computed a value that is not finite")]
	NotFinite,
	/// The model's chat template fails on this input, so that there is no prompt that could be too long; or the input is a
	/// conversation, and the model has no template.
	#[error("the model's chat template cannot write this input")]
	Template,
	/// The format of the answer cannot be served: it is not valid or too large ([`check_format`](crate::check_format) says
	/// what is wrong), the model cannot write any text of it, or the job allows too few units for a number. Counts before
	/// [`Refusal::ContextExceeded`] of a model of tokens.
	#[error("the format of the answer cannot be served")]
	Format,
}

impl Response {
	/// The answer as bytes: what validators commit to and the chain keeps.
	///
	/// | field | bytes |
	/// |---|---|
	/// | kind: 1, a classification | 1 |
	/// | the label: its length, then UTF-8 | 4 + n |
	/// | how many scores | 4 |
	/// | each score: its label as above, then the score | 4 + n + 4 |
	///
	/// | field | bytes |
	/// |---|---|
	/// | kind: 2, a generation | 1 |
	/// | why it ends: 0 the model, 1 its length | 1 |
	/// | how many tokens, then each | 4 + 4 n |
	/// | the text: its length, then UTF-8 | 4 + n |
	///
	/// | field | bytes |
	/// |---|---|
	/// | kind: 3, an embedding | 1 |
	/// | how many components, then each, signed | 4 + 2 n |
	///
	/// | field | bytes |
	/// |---|---|
	/// | kind: 4, a choice | 1 |
	/// | its index | 1 |
	/// | how many probabilities, then each | 4 + 4 n |
	///
	/// | field | bytes |
	/// |---|---|
	/// | kind: 5, a number | 1 |
	/// | its decimals | 1 |
	/// | its value, signed, 64 bits | 8 |
	///
	/// | field | bytes |
	/// |---|---|
	/// | kind: 6, a text with scores | 1 |
	/// | why it ends, as of a generation | 1 |
	/// | how many tokens, then each: the token, how many bytes it writes, its score | 4 + 12 n |
	/// | the text: its length, then UTF-8 | 4 + n |
	///
	/// Other numbers are unsigned, 32 bits; all are little-endian.
	pub fn canonical_bytes(&self) -> Vec<u8> {
		let mut bytes = Vec::new();
		match self {
			Self::Classification { label, scores } => {
				bytes.push(1);
				put_text(&mut bytes, label);
				put_number(&mut bytes, scores.len() as u32);
				for Score { label, score } in scores {
					put_text(&mut bytes, label);
					put_number(&mut bytes, *score);
				}
			}
			Self::Generation { text, tokens, finish } => {
				bytes.extend([2, u8::from(*finish == Finish::Length)]);
				put_number(&mut bytes, tokens.len() as u32);
				tokens.iter().for_each(|token| put_number(&mut bytes, *token));
				put_text(&mut bytes, text);
			}
			Self::Embedding { values } => {
				bytes.push(3);
				put_number(&mut bytes, values.len() as u32);
				bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
			}
			Self::Choice { index, probabilities } => {
				bytes.extend([4, *index]);
				put_number(&mut bytes, probabilities.len() as u32);
				probabilities.iter().for_each(|probability| put_number(&mut bytes, *probability));
			}
			Self::Number { value, decimals } => {
				bytes.extend([5, *decimals]);
				bytes.extend(value.to_le_bytes());
			}
			Self::ScoredText { text, tokens, finish } => {
				bytes.extend([6, u8::from(*finish == Finish::Length)]);
				put_number(&mut bytes, tokens.len() as u32);
				let numbers = tokens.iter().flat_map(|token| [token.id, token.bytes, token.score]);
				numbers.for_each(|number| put_number(&mut bytes, number));
				put_text(&mut bytes, text);
			}
		}
		bytes
	}
}

impl Refusal {
	/// The refusal as bytes: 0 (no kind of response), the reason's number in the order of declaration, and the limit
	/// as 32 bits, little-endian, where there is one.
	pub fn canonical_bytes(&self) -> Vec<u8> {
		let (reason, limit) = match self {
			Self::EmptyInput => (0, None),
			Self::InputTooLong { limit } => (1, Some(*limit)),
			Self::ContextExceeded { limit } => (2, Some(*limit)),
			Self::NotUtf8 => (3, None),
			Self::NotFinite => (4, None),
			Self::Template => (5, None),
			Self::Format => (6, None),
		};
		let mut bytes = vec![0, reason];
		if let Some(limit) = limit {
			put_number(&mut bytes, limit);
		}
		bytes
	}
}

/// The bytes of an outcome: those of its response or its refusal, which begin differently.
pub fn outcome_bytes(outcome: &Outcome) -> Vec<u8> {
	match outcome {
		Ok(response) => response.canonical_bytes(),
		Err(refusal) => refusal.canonical_bytes(),
	}
}

fn put_number(bytes: &mut Vec<u8>, number: u32) {
	bytes.extend_from_slice(&number.to_le_bytes());
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
	put_number(bytes, text.len() as u32);
	bytes.extend_from_slice(text.as_bytes());
}

/// The classification of the given probabilities, in the order of the model's labels.
///
/// A score is the f32 product of the probability and one million, rounded to an integer, ties to even.
pub(crate) fn classification(labels: &[&str], probabilities: &[f32]) -> Response {
	let mut scores: Vec<Score> = labels
		.iter()
		.zip(probabilities)
		.map(|(label, probability)| Score { label: (*label).into(), score: parts_per_million(*probability) })
		.collect();
	// Stable: equal scores stay in the order of the labels.
	scores.sort_by_key(|score| std::cmp::Reverse(score.score));
	scores.truncate(TOP_SCORES);
	let label = scores.first().map(|score| score.label.clone()).unwrap_or_default();
	Response::Classification { label, scores }
}

fn parts_per_million(probability: f32) -> u32 {
	// The scaled value is below 2²³. Added to 2²³ it is rounded to an integer, ties to even, that stands in the low bits.
	const SHIFT: f32 = 8_388_608.0;
	let scaled = probability * SCORE_ONE as f32;
	(scaled + SHIFT).to_bits() - SHIFT.to_bits()
}

#[cfg(test)]
mod tests;
