//! What most prompts of a model begin with: the constant part of its chat template.

use crate::kernels::attention::KvCache;
use crate::models::llama::{Llama, Workspace, CACHE_STEP};
use crate::EngineError;
use std::sync::OnceLock;

/// Of longer ones the beginning is kept.
const MOST_POSITIONS: usize = CACHE_STEP;

/// Tokens that are read once, and what the model keeps of them, which every request copies that begins alike.
pub(super) struct Head {
	tokens: Vec<u32>,
	/// Nothing if the model could not read them.
	kept: OnceLock<Option<KvCache>>,
}

impl Head {
	/// These tokens, which nobody has read yet.
	pub fn new(mut tokens: Vec<u32>) -> Self {
		tokens.truncate(MOST_POSITIONS);
		Self { tokens, kept: OnceLock::new() }
	}

	/// Fills a cache with what the prompt has in common with the head, but for its last token, whose logits are wanted.
	pub fn begin(
		&self,
		model: &Llama,
		on: &mut Workspace<'_>,
		prompt: &[u32],
		cache: &mut KvCache,
	) -> Result<(), EngineError> {
		let last = prompt.len().saturating_sub(1);
		let common = self.tokens.iter().zip(&prompt[..last]).take_while(|(head, token)| head == token).count();
		if common == 0 {
			return Ok(());
		}
		let kept = self.kept.get_or_init(|| {
			let mut cache = model.cache();
			// What cannot be read here, each prompt fails at by itself.
			model.forward(on, &self.tokens, &mut cache).is_ok().then_some(cache)
		});
		let Some(kept) = kept else { return Ok(()) };
		model.reserve(cache, prompt.len())?;
		let bytes = cache.bytes(common) as u64;
		cache.begin_as(kept, common).map_err(|_| EngineError::NoMemory { bytes })
	}

	/// Whether it has been read.
	#[cfg(test)]
	pub fn is_kept(&self) -> bool {
		self.kept.get().is_some_and(Option::is_some)
	}
}
