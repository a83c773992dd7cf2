//! A language model on this machine's CPU, without a chain around it.

use crate::gguf::GgufFile;
use crate::kernels::attention::KvCache;
use crate::kernels::{pool::Pool, Kernels};
use crate::models::llama::{memory_needed, Llama, Sequence, Workspace};
use crate::models::Stop;
use crate::sampling::greedy;
use crate::store::Progress;
use crate::{self_test, EngineError, Refusal, Tier};
use std::fmt;

/// Why a language model did not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelStop {
	/// All engines agree that there is no answer.
	Refused(Refusal),
	/// This engine fails.
	Failed(EngineError),
}

impl fmt::Display for ModelStop {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::Refused(refusal) => write!(f, "refused: {refusal:?}"),
			Self::Failed(error) => write!(f, "{error}"),
		}
	}
}

impl std::error::Error for ModelStop {}

impl From<Stop> for ModelStop {
	fn from(stop: Stop) -> Self {
		match stop {
			Stop::Refused(refusal) => Self::Refused(refusal),
			Stop::Failed(error) => Self::Failed(error),
		}
	}
}

impl From<EngineError> for ModelStop {
	fn from(error: EngineError) -> Self {
		Self::Failed(error)
	}
}

/// A language model and the threads that it computes in. Neither their number nor the tier changes an output.
pub struct LanguageModel {
	model: Llama,
	kernels: Kernels,
	pool: Pool,
}

/// What a model has read so far.
#[derive(Clone, Debug)]
pub struct Context {
	cache: KvCache,
}

impl Context {
	/// How many tokens were read.
	pub fn length(&self) -> usize {
		self.cache.length()
	}

	/// Forgets all but the first tokens.
	pub fn truncate(&mut self, length: usize) {
		self.cache.set_length(length.min(self.cache.length()));
	}
}

impl LanguageModel {
	/// Loads a model from a GGUF file's bytes, whose hash the caller has checked, to compute in this many threads.
	pub fn load(file: &[u8], threads: usize) -> Result<Self, EngineError> {
		Self::load_with_progress(file, threads, &mut |_, _| ())
	}

	/// As [`LanguageModel::load`]; tells how many bytes of how many are loaded or being loaded.
	pub fn load_with_progress(file: &[u8], threads: usize, progress: Progress<'_>) -> Result<Self, EngineError> {
		Self::from_gguf(&GgufFile::parse(file)?, threads, progress)
	}

	/// Loads a model from a file that need not be in memory, to compute in this many threads, which load it too; tells how
	/// many bytes of how many are loaded or being loaded.
	pub fn from_gguf(file: &GgufFile<'_>, threads: usize, progress: Progress<'_>) -> Result<Self, EngineError> {
		self_test()?;
		let pool = Pool::new(threads)?;
		Ok(Self { model: Llama::load(file, &pool, progress)?, kernels: Kernels::best(), pool })
	}

	/// How many bytes of memory such a file's model takes at most while it is loaded and later, with its tokenizer and what
	/// it keeps of so many tokens. A file in memory is its owner's and not counted.
	pub fn memory_needed(file: &GgufFile<'_>, tokens: usize) -> Result<u64, EngineError> {
		memory_needed(file, tokens, 1)
	}

	/// As [`LanguageModel::memory_needed`], where so many requests of so many tokens run at once, as an engine has
	/// [`places`](crate::BatchLimits::places) for them.
	pub fn memory_needed_at_once(file: &GgufFile<'_>, tokens: usize, requests: usize) -> Result<u64, EngineError> {
		memory_needed(file, tokens, requests)
	}

	/// The same model on another tier, for tests and benchmarks.
	#[doc(hidden)]
	pub fn on_tier(mut self, tier: Tier) -> Result<Self, EngineError> {
		self.kernels = Kernels::new(tier).ok_or(EngineError::TierUnavailable(tier.name()))?;
		Ok(self)
	}

	/// The same model with another number of threads.
	pub fn with_threads(mut self, threads: usize) -> Result<Self, EngineError> {
		self.pool = Pool::new(threads)?;
		Ok(self)
	}

	/// The tier that it computes on.
	pub fn tier(&self) -> Tier {
		self.kernels.tier()
	}

	/// The number of threads that it computes in.
	pub fn threads(&self) -> usize {
		self.pool.threads()
	}

	/// How many tokens the model can read and write.
	pub fn context_length(&self) -> usize {
		self.model.context()
	}

	/// The number of tokens that it knows.
	pub fn vocabulary(&self) -> usize {
		self.model.vocabulary()
	}

	/// Nothing read yet.
	pub fn context(&self) -> Context {
		Context { cache: self.model.cache() }
	}

	/// Reads tokens, at least one, and returns the logits of what follows.
	pub fn read(&self, context: &mut Context, tokens: &[u32]) -> Result<Vec<f32>, ModelStop> {
		let mut on = Workspace::new(self.kernels, &self.pool);
		Ok(self.model.forward(&mut on, tokens, &mut context.cache)?)
	}

	/// Reads tokens, at least one each, of several sequences at once and returns the logits of what follows each. The
	/// same as to read them one after the other, but quicker. A refusal is its sequence's alone, whose context is as
	/// before, as are all contexts after a failure.
	pub fn read_all(
		&self,
		sequences: &mut [(&mut Context, &[u32])],
	) -> Result<Vec<Result<Vec<f32>, Refusal>>, EngineError> {
		let mut on = Workspace::new(self.kernels, &self.pool);
		let sequences = sequences.iter_mut();
		let mut sequences: Vec<_> =
			sequences.map(|(context, tokens)| Sequence { tokens, cache: &mut context.cache, wanted: 1 }).collect();
		let passed = self.model.pass(&mut on, &mut sequences)?;
		let logits = |row: Option<usize>| row.map(|row| on.rows().logits(row).to_vec()).unwrap_or_default();
		Ok(passed.into_iter().map(|passed| passed.map(logits)).collect())
	}

	/// Reads a prompt and lets `choose` pick token after token from the logits, until it picks none, `max_new` are there
	/// or the model's context is full.
	pub fn generate_with(
		&self,
		context: &mut Context,
		prompt: &[u32],
		max_new: usize,
		mut choose: impl FnMut(&[f32]) -> Option<u32>,
	) -> Result<Vec<u32>, ModelStop> {
		let mut on = Workspace::new(self.kernels, &self.pool);
		let mut logits = self.model.forward(&mut on, prompt, &mut context.cache)?;
		let mut tokens = Vec::new();
		while tokens.len() < max_new {
			let Some(token) = choose(&logits) else { break };
			tokens.push(token);
			if tokens.len() < max_new {
				if context.length() >= self.model.context() {
					break;
				}
				logits = self.model.forward(&mut on, &[token], &mut context.cache)?;
			}
		}
		Ok(tokens)
	}

	/// Reads a prompt and continues with the likeliest token each time (the lowest of equals), until it is one of `stop`,
	/// which is left out, or `max_new` are there.
	pub fn generate(&self, prompt: &[u32], max_new: usize, stop: &[u32]) -> Result<Vec<u32>, ModelStop> {
		self.generate_with(&mut self.context(), prompt, max_new, |logits| {
			greedy(logits).filter(|token| !stop.contains(token))
		})
	}
}
