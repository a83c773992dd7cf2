//! A model of sentence embeddings on this machine's CPU, without a chain around it.

use crate::gguf::GgufFile;
use crate::kernels::{pool::Pool, Kernels};
use crate::models::bert::Bert;
use crate::store::VerifiedFile;
use crate::{self_test, EngineError, ModelStop, Tier};

/// A model that makes a unit vector of a text, and the threads that it computes in. Neither their number nor the tier
/// changes an output.
pub struct SentenceEmbedder {
	model: Bert,
	kernels: Kernels,
	pool: Pool,
}

impl SentenceEmbedder {
	/// Loads all-MiniLM-L6-v2, or a model of its kind (heads of 32, the mean of the rows, 256 tokens), from the bytes of its safetensors file and its `tokenizer.json`,
	/// whose hashes the caller has checked, to compute in this many threads.
	pub fn load(weights: &[u8], tokenizer: &[u8], threads: usize) -> Result<Self, EngineError> {
		self_test()?;
		let model = Bert::load(weights, tokenizer, None)?;
		Ok(Self { model, kernels: Kernels::best(), pool: Pool::new(threads)? })
	}

	/// Loads a model of the BERT family from its GGUF file, whose hash the caller has checked, to load and compute in this many
	/// threads. A file that asks for what is not computed here is an error that names it.
	pub fn from_gguf(file: &GgufFile<'_>, threads: usize) -> Result<Self, EngineError> {
		self_test()?;
		let pool = Pool::new(threads)?;
		Ok(Self { model: Bert::from_gguf(file, &pool)?, kernels: Kernels::best(), pool })
	}

	/// How many bytes of memory a model of these files takes at most while it is loaded: they are read whole, become floats,
	/// and are repacked.
	pub fn memory_needed(files: &[VerifiedFile]) -> u64 {
		files.iter().map(|file| file.size().saturating_mul(3)).fold(0, u64::saturating_add)
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

	/// How many tokens the model reads at most, those that it puts around a text among them.
	pub fn context_length(&self) -> usize {
		self.model.context()
	}

	/// How many dimensions an embedding has.
	pub fn dimensions(&self) -> usize {
		self.model.width()
	}

	/// The number of tokens that it knows.
	pub fn vocabulary(&self) -> usize {
		self.model.vocabulary()
	}

	/// The tokens of a text, which must not be empty, with those that the model wants around it.
	pub fn tokens(&self, text: &str) -> Result<Vec<u32>, ModelStop> {
		Ok(self.model.tokens(text)?)
	}

	/// The embedding of a text, of length 1. A text that is empty or too long is refused.
	pub fn embed(&self, text: &str) -> Result<Vec<f32>, ModelStop> {
		Ok(self.model.embed(self.kernels, &self.pool, text)?)
	}

	/// The embeddings of several texts' tokens. The same as to embed them one after the other, but quicker; if one of them
	/// is refused, all are.
	pub fn embed_tokens(&self, sequences: &[&[u32]]) -> Result<Vec<Vec<f32>>, ModelStop> {
		Ok(self.model.embed_tokens(self.kernels, &self.pool, sequences)?)
	}
}
