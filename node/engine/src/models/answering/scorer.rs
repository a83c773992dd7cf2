//! Answers that are one of several texts.
//!
//! The prompt is read once. Then each text is read behind it, at once, and forgotten. What is read are the tokens whose
//! followers are scored: not the last one, unless the end of the answer counts too.
//!
//! The rows that count are the prompt's last, then those of the first text in order, of the second, and so on.

use super::{Next, Probabilities};
use crate::format::choice::{shares, Likelihood};
use crate::{Refusal, Response};

/// Scores texts as the continuation of a prompt.
pub(crate) struct Scorer {
	probabilities: Probabilities,
	/// The tokens of each, at least one.
	texts: Vec<Vec<u32>>,
	/// The tokens that end an answer, if the end counts.
	ends: Option<Vec<u32>>,
	likelihoods: Vec<Likelihood>,
	/// Which text is being read, and how many of its tokens were; the prompt's last before the first.
	at: usize,
	read: usize,
}

impl Scorer {
	/// Texts, of at least one token each. The tokens that end an answer are scored behind each text, if they are given.
	pub fn new(texts: Vec<Vec<u32>>, ends: Option<Vec<u32>>, probabilities: Probabilities) -> Self {
		let likelihoods = vec![Likelihood::ONE; texts.len()];
		Self { probabilities, texts, ends, likelihoods, at: 0, read: 0 }
	}

	/// Scores what follows the last token that was read.
	pub fn take(&mut self, logits: &[f32]) -> Result<Option<Next>, Refusal> {
		let terms = self.probabilities.of(logits)?;
		if self.read == 0 {
			for (likelihood, text) in self.likelihoods.iter_mut().zip(&self.texts) {
				*likelihood = likelihood.and(terms, text[0]);
			}
		} else if let Some(likelihood) = self.likelihoods.get_mut(self.at) {
			*likelihood = match (self.texts[self.at].get(self.read), &self.ends) {
				(Some(token), _) => likelihood.and(terms, *token),
				(None, Some(ends)) => likelihood.and_any(terms, ends),
				(None, None) => *likelihood,
			};
		}
		Ok(self.next())
	}

	/// The tokens that are read behind the one that is read next, to the end of its text.
	pub fn ahead(&self) -> &[u32] {
		self.texts.get(self.at).map_or(&[], |text| &text[self.read..self.wanted(text)])
	}

	/// How many tokens of a text are read.
	fn wanted(&self, text: &[u32]) -> usize {
		text.len() - usize::from(self.ends.is_none())
	}

	fn next(&mut self) -> Option<Next> {
		let mut forget = 0;
		while let Some(text) = self.texts.get(self.at) {
			if self.read < self.wanted(text) {
				self.read += 1;
				return Some(Next { forget, token: text[self.read - 1] });
			}
			forget += self.read;
			self.read = 0;
			self.at += 1;
		}
		None
	}

	/// The likeliest text.
	pub fn response(&self) -> Response {
		let (index, probabilities) = shares(&self.likelihoods);
		Response::Choice { index: index as u8, probabilities }
	}
}
