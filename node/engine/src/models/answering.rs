//! How an answer comes about: what is made of the logits behind what was read, and what is read next.

mod draft;
mod grammars;
mod probabilities;
mod scorer;
#[cfg(test)]
mod tests;
mod writer;

pub(crate) use draft::Draft;
pub(crate) use grammars::{Grammars, KEPT_BYTES};
pub(crate) use probabilities::Probabilities;
pub(crate) use scorer::Scorer;
pub(crate) use writer::{Writer, Written};

use crate::trace::Tracer;
use crate::Refusal;

/// What a model reads next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Next {
	/// How many of the tokens that it has read last it forgets before.
	pub forget: usize,
	/// The token.
	pub token: u32,
}

/// An answer that is being made, row by row.
///
/// Tokens may be read before the rows are taken that decide on them ([`Answering::ahead`]), many of them in one pass. Whoever
/// does so takes the rows one after the other all the same, and those behind a token that was not chosen count for nothing.
/// So what was read ahead changes no bit of an answer or its trace.
pub(crate) enum Answering {
	/// Token by token.
	Writing(Box<Writer>),
	/// By scoring what it might be.
	Scoring(Scorer),
}

impl Answering {
	/// What will be read, as far as one can tell, behind the prompt or behind the token that is read next.
	pub fn ahead(&self) -> &[u32] {
		match self {
			Self::Writing(writer) => writer.ahead(),
			Self::Scoring(scorer) => scorer.ahead(),
		}
	}

	/// Takes the logits behind the last token that was read, and the row that they come from. Nothing is read next when
	/// the answer is complete.
	pub fn take(&mut self, logits: &[f32], hidden: &[f32], tracer: &mut Tracer) -> Result<Option<Next>, Refusal> {
		let next = match self {
			Self::Writing(writer) => writer.take(logits)?.map(|token| Next { forget: 0, token }),
			Self::Scoring(scorer) => scorer.take(logits)?,
		};
		tracer.add(hidden);
		Ok(next)
	}
}
