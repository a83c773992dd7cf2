//! What a language model is asked without a chain, and how.

use sibyl_engine::{sampling::Sampling, Input};

/// What a language model is asked, and how.
pub struct Question {
	/// What it reads.
	pub input: Input,
	/// The longest answer, in tokens.
	pub max_tokens: u32,
	/// How tokens are chosen.
	pub sampling: Sampling,
	/// Where draws start.
	pub seed: [u8; 32],
	/// Threads to compute in.
	pub threads: usize,
}
