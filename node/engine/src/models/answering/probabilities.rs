//! How likely a model finds each token.

use crate::kernels::Kernels;
use crate::sampling::LANES;
use crate::Refusal;

/// Makes terms of logits, in room that is kept.
pub(crate) struct Probabilities {
	kernels: Kernels,
	terms: Vec<f32>,
}

impl Probabilities {
	/// None yet.
	pub fn new(kernels: Kernels) -> Self {
		Self { kernels, terms: Vec::new() }
	}

	/// The term of each token's probability, which [`crate::format::choice::Likelihood`] reads.
	pub fn of(&mut self, logits: &[f32]) -> Result<&[f32], Refusal> {
		self.terms.clear();
		self.terms.extend_from_slice(logits);
		self.terms.resize(logits.len().next_multiple_of(LANES), 0.0);
		self.kernels.softmax_of(&mut self.terms, logits.len(), 1.0).ok_or(Refusal::NotFinite)?;
		Ok(&self.terms[..logits.len()])
	}
}
