//! Answers that are written token by token.

use crate::format::grammar::Grammar;
use crate::format::parse_number;
use crate::format::stops::StopTexts;
use crate::sampling::Sampler;
use crate::tokenizer::BpeTokenizer;
use crate::{Finish, Format, Refusal, Response};
use std::sync::Arc;

/// Writes an answer.
pub(crate) struct Writer {
	tokenizer: Arc<BpeTokenizer>,
	sampler: Sampler,
	max_tokens: usize,
	stops: StopTexts,
	/// What may come, and how far it has come.
	grammar: Option<(Arc<Grammar>, u16)>,
	/// Those of a number.
	decimals: Option<u8>,
	tokens: Vec<u32>,
	text: Vec<u8>,
	finish: Option<Finish>,
}

impl Writer {
	/// An answer of at most so many tokens. The grammar is the format's, if it has one.
	pub fn new(
		format: &Format,
		grammar: Option<Arc<Grammar>>,
		tokenizer: Arc<BpeTokenizer>,
		sampler: Sampler,
		max_tokens: usize,
	) -> Self {
		let stops = if let Format::Text { stops } = format { stops.clone() } else { Vec::new() };
		let decimals = if let Format::Number { decimals, .. } = format { Some(*decimals) } else { None };
		let mut writer = Self {
			tokenizer,
			sampler,
			max_tokens,
			stops: StopTexts::new(stops),
			grammar: grammar.map(|grammar| {
				let start = grammar.start();
				(grammar, start)
			}),
			decimals,
			tokens: Vec::new(),
			text: Vec::new(),
			finish: None,
		};
		writer.end_if_complete();
		writer
	}

	/// Whether nothing is left to write.
	pub fn is_complete(&self) -> bool {
		self.finish.is_some()
	}

	/// The next token of the answer, if the logits do not end it.
	pub fn take(&mut self, logits: &[f32]) -> Result<Option<u32>, Refusal> {
		let begins = self.tokens.is_empty();
		let token = match &self.grammar {
			None => self.sampler.choose(logits)?,
			Some((grammar, state)) => self.sampler.choose_among(logits, &grammar.allowed(*state, begins))?,
		};
		if self.tokenizer.stops().contains(&token) {
			self.finish = Some(Finish::Stop);
			return Ok(None);
		}
		let added = self.tokenizer.text(token).bytes(begins);
		self.tokens.push(token);
		self.text.extend_from_slice(added);
		if let Some((grammar, state)) = &mut self.grammar {
			*state = grammar.follow(*state, added).ok_or(Refusal::Format)?;
		}
		if let Some(length) = self.stops.find(&self.text, added.len()) {
			self.text.truncate(length);
			self.finish = Some(Finish::Stop);
		}
		self.end_if_complete();
		Ok((!self.is_complete()).then_some(token))
	}

	fn end_if_complete(&mut self) {
		let is_over = self.grammar.as_ref().is_some_and(|(grammar, state)| grammar.is_over(*state));
		if is_over {
			self.finish.get_or_insert(Finish::Stop);
		}
		if self.tokens.len() >= self.max_tokens {
			self.finish.get_or_insert(Finish::Length);
		}
	}

	/// What was written. A number that was cut off is refused.
	pub fn response(self) -> Result<Response, Refusal> {
		let text = String::from_utf8_lossy(&self.text).into_owned();
		match self.decimals {
			Some(decimals) => {
				let value = parse_number(&text, decimals).filter(|_| self.finish == Some(Finish::Stop));
				value.map(|value| Response::Number { value, decimals }).ok_or(Refusal::Format)
			}
			None => {
				Ok(Response::Generation { text, tokens: self.tokens, finish: self.finish.unwrap_or(Finish::Length) })
			}
		}
	}
}
