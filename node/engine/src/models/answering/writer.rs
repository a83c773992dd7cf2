//! Answers that are written token by token.

use super::{Draft, Probabilities};
use crate::format::choice::Likelihood;
use crate::format::grammar::Grammar;
use crate::format::stops::StopTexts;
use crate::format::vocabulary::{TokenSet, TokenText};
use crate::sampling::Sampler;
use crate::tokenizer::BpeTokenizer;
use crate::{Finish, Format, Refusal, ScoredToken};
use std::sync::Arc;

/// Writes an answer.
pub(crate) struct Writer {
	sampler: Sampler,
	/// The tokens that end it.
	ends: Vec<u32>,
	max_tokens: usize,
	/// What it is held to, if it is.
	form: Option<Form>,
	/// What it will likely be, if somebody claims to know.
	draft: Option<Draft>,
	/// How likely each token was, if that is wanted.
	scores: Option<(Probabilities, Vec<ScoredToken>)>,
	tokens: Vec<u32>,
	finish: Option<Finish>,
}

/// What an answer is held to.
struct Form {
	tokenizer: Arc<BpeTokenizer>,
	stops: StopTexts,
	/// What may come, and how far it has come.
	grammar: Option<(Arc<Grammar>, u16)>,
	text: Vec<u8>,
	/// Whether a token has come that is shown.
	has_begun: bool,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Written {
	/// The tokens, without the one that ended them.
	pub tokens: Vec<u32>,
	/// Why they end.
	pub finish: Finish,
	/// Their text, if it may end before them or is held to a format.
	pub text: Option<String>,
	/// How likely each of them was, if that was wanted.
	pub scores: Option<Vec<ScoredToken>>,
}

impl Writer {
	/// An answer of at most so many tokens, until the model chooses one that ends it.
	pub fn new(sampler: Sampler, ends: &[u32], max_tokens: usize) -> Self {
		let mut writer = Self {
			sampler,
			ends: ends.to_vec(),
			max_tokens,
			form: None,
			draft: None,
			scores: None,
			tokens: Vec::new(),
			finish: None,
		};
		writer.end_if_complete();
		writer
	}

	/// The same in a format, whose grammar this is if it has one.
	pub fn held_to(mut self, format: &Format, grammar: Option<Arc<Grammar>>, tokenizer: &Arc<BpeTokenizer>) -> Self {
		let stops = match format {
			Format::Text { stops } | Format::ScoredText { stops } => stops.as_slice(),
			_ => &[],
		};
		if grammar.is_some() || !stops.is_empty() || matches!(format, Format::ScoredText { .. }) {
			let grammar = grammar.map(|grammar| {
				let start = grammar.start();
				(grammar, start)
			});
			let stops = StopTexts::new(stops.to_vec());
			self.form = Some(Form { tokenizer: tokenizer.clone(), stops, grammar, text: Vec::new(), has_begun: false });
		}
		self.end_if_complete();
		self
	}

	/// The same, and how likely each token was, as these say.
	pub fn with_scores(mut self, probabilities: Probabilities) -> Self {
		self.scores = Some((probabilities, Vec::new()));
		self
	}

	/// Expects it to be this; it will be the same whatever is expected.
	pub fn expect(&mut self, draft: Draft) {
		self.draft = Some(draft);
	}

	/// The tokens that will likely be written next.
	pub fn ahead(&self) -> &[u32] {
		self.draft.as_ref().map_or(&[], Draft::ahead)
	}

	/// Whether nothing is left to write.
	pub fn is_complete(&self) -> bool {
		self.finish.is_some()
	}

	/// The next token of the answer, if the logits do not end it.
	pub fn take(&mut self, logits: &[f32]) -> Result<Option<u32>, Refusal> {
		let token = match self.form.as_ref().and_then(Form::demanded) {
			None => self.sampler.choose(logits)?,
			Some(demanded) => self.sampler.choose_among(logits, &demanded)?,
		};
		let may_come = |form: &Form| form.may_come(token);
		if self.ends.contains(&token) || !self.form.as_ref().is_none_or(may_come) {
			self.finish = Some(Finish::Stop);
			return Ok(None);
		}
		self.tokens.push(token);
		if let (Some((probabilities, scores)), Some(form)) = (&mut self.scores, &self.form) {
			let score = Likelihood::ONE.and(probabilities.of(logits)?, token).millionths();
			scores.push(ScoredToken { id: token, bytes: form.added_by(token).len() as u32, score });
		}
		if let Some(draft) = &mut self.draft {
			draft.follow(token);
		}
		if let Some(form) = &mut self.form {
			if form.push(token)? {
				self.finish = Some(Finish::Stop);
			}
		}
		self.end_if_complete();
		Ok((!self.is_complete()).then_some(token))
	}

	fn end_if_complete(&mut self) {
		if self.form.as_ref().is_some_and(Form::is_over) {
			// Even if it has as many tokens as it may have.
			self.finish = Some(Finish::Stop);
		}
		if self.tokens.len() >= self.max_tokens {
			self.finish.get_or_insert(Finish::Length);
		}
	}

	/// What was written so far.
	pub fn written(self) -> Written {
		let mut scores = self.scores.map(|(_, scores)| scores);
		if let (Some(scores), Some(form)) = (&mut scores, &self.form) {
			count_shown_bytes(&form.text, scores);
		}
		let text = self.form.map(Form::into_text);
		Written { tokens: self.tokens, finish: self.finish.unwrap_or(Finish::Length), text, scores }
	}
}

/// From the bytes that tokens add to those that they have of the text as it is shown, in which each sequence that is no UTF-8
/// is a U+FFFD: the token that ends the sequence has it.
fn count_shown_bytes(text: &[u8], tokens: &mut [ScoredToken]) {
	// The end of each part in bytes that were added, in bytes that are shown, and whether it is UTF-8.
	let (mut added, mut shown) = (0, 0);
	let mut parts = Vec::new();
	for chunk in text.utf8_chunks() {
		let (valid, invalid) = (chunk.valid().len(), chunk.invalid().len());
		(added, shown) = (added + valid, shown + valid);
		parts.push((added, shown, true));
		if invalid > 0 {
			(added, shown) = (added + invalid, shown + char::REPLACEMENT_CHARACTER.len_utf8());
			parts.push((added, shown, false));
		}
	}
	let shown_until = |at: usize| {
		let place = parts.partition_point(|(end, ..)| *end < at);
		match parts.get(place) {
			Some((end, shown, true)) => shown - (end - at),
			Some((end, shown, false)) if *end == at => *shown,
			_ => place.checked_sub(1).map_or(0, |before| parts[before].1),
		}
	};
	let (mut at, mut before) = (0, 0);
	for token in tokens {
		at = text.len().min(at + token.bytes as usize);
		let shown = shown_until(at);
		token.bytes = (shown - before) as u32;
		before = shown;
	}
}

impl Form {
	/// The tokens that may come, if one of them must: where the text may end, whatever else comes ends it.
	fn demanded(&self) -> Option<TokenSet> {
		let (grammar, state) = self.grammar.as_ref()?;
		(!grammar.may_end(*state)).then(|| grammar.allowed(*state, !self.has_begun))
	}

	/// Whether a token that is no end may come.
	fn may_come(&self, token: u32) -> bool {
		let added = self.added_by(token);
		let may_follow = |(grammar, state): &(Arc<Grammar>, u16)| grammar.follow(*state, added).is_some();
		self.grammar.as_ref().is_none_or(|grammar| !added.is_empty() && may_follow(grammar))
	}

	/// The bytes that a token writes next.
	fn added_by(&self, token: u32) -> &[u8] {
		self.tokenizer.text(token).bytes(!self.has_begun)
	}

	/// Adds a token. Returns whether a stop text has come.
	fn push(&mut self, token: u32) -> Result<bool, Refusal> {
		let text = self.tokenizer.text(token);
		let added = text.bytes(!self.has_begun);
		self.has_begun |= text != TokenText::None;
		self.text.extend_from_slice(added);
		if let Some((grammar, state)) = &mut self.grammar {
			*state = grammar.follow(*state, added).ok_or(Refusal::Format)?;
		}
		let found = self.stops.find(&self.text, added.len());
		found.into_iter().for_each(|length| self.text.truncate(length));
		Ok(found.is_some())
	}

	/// The text so far. One in a format that was cut off within a character ends before it, so that it is the beginning of a
	/// text of the format.
	fn into_text(self) -> String {
		let mut text = self.text;
		if let (Some(_), Err(error)) = (&self.grammar, std::str::from_utf8(&text)) {
			text.truncate(error.valid_up_to());
		}
		String::from_utf8_lossy(&text).into_owned()
	}

	/// Whether nothing can follow.
	fn is_over(&self) -> bool {
		self.grammar.as_ref().is_some_and(|(grammar, state)| grammar.is_over(*state))
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn shown(text: &[u8], added: &[u32]) -> Vec<u32> {
		let mut tokens: Vec<_> = added.iter().map(|bytes| ScoredToken { id: 0, bytes: *bytes, score: 0 }).collect();
		count_shown_bytes(text, &mut tokens);
		let lossy = String::from_utf8_lossy(text).len();
		assert_eq!(tokens.iter().map(|token| token.bytes as usize).sum::<usize>(), lossy, "all of it is some token's");
		tokens.into_iter().map(|token| token.bytes).collect()
	}

	#[test]
	fn each_token_should_have_its_bytes_of_the_text_that_is_shown() {
		assert_eq!(shown("Paris é".as_bytes(), &[3, 3, 2]), [3, 3, 2]);
		assert_eq!(shown("é🦀".as_bytes(), &[1, 2, 1, 2]), [1, 2, 1, 2], "a token may have a part of a character");
		assert_eq!(shown(b"ab", &[1, 4, 2]), [1, 1, 0], "a stop text begins behind the second byte");
		assert_eq!(shown(b"", &[2, 0]), [0, 0]);
	}

	#[test]
	fn what_is_no_utf8_should_be_the_tokens_that_ends_it() {
		assert_eq!(shown(b"a\xffb", &[1, 1, 1]), [1, 3, 1]);
		assert_eq!(shown(b"\xff\xfe", &[2]), [6]);
		// Three bytes of a character of four are one sequence.
		assert_eq!(shown(b"\xf0\x9f\xa6!", &[1, 1, 1, 1]), [0, 0, 3, 1]);
		assert_eq!(shown(b"a\xf0\x9f", &[2, 1]), [1, 3]);
	}
}
