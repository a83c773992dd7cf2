//! One of the requests that share passes.

use super::{Answer, Outcome, Question, Ticket};
use crate::kernels::attention::KvCache;
use crate::models::llama::{LastRows, Llama, Passed, Sequence};
use crate::models::Stop;
use crate::sampling::Sampler;
use crate::trace::Tracer;
use crate::{EngineError, Finish};

/// A request, how far it has come and what it needs to go on.
pub(super) struct Job {
	pub ticket: Ticket,
	/// The tokens that the model has not read yet.
	pub unread: Vec<u32>,
	/// What it keeps of those that it has.
	pub cache: KvCache,
	/// How many bytes the cache will take at most.
	pub cache_bytes: u64,
	max_tokens: usize,
	answer: Vec<u32>,
	sampler: Sampler,
	tracer: Tracer,
	stop: crate::Stop,
	has_begun: bool,
	ended: Option<Result<Finish, Stop>>,
}

impl Job {
	/// A question that nothing is read of yet.
	pub fn new(ticket: Ticket, question: Question, cache: KvCache, cache_bytes: u64) -> Self {
		let Question { prompt, max_tokens, sampler, stop } = question;
		Self {
			ticket,
			unread: prompt,
			cache,
			cache_bytes,
			max_tokens,
			answer: Vec::new(),
			sampler,
			tracer: Tracer::new(),
			stop,
			has_begun: false,
			ended: None,
		}
	}

	/// Whether its answer has begun, so that it reads a token in each pass.
	pub fn is_decoding(&self) -> bool {
		!self.answer.is_empty()
	}

	/// Ends it if nobody wants its answer any more.
	pub fn heed_stop(&mut self) {
		if let Err(stopped) = self.stop.check() {
			self.fail(stopped);
		}
	}

	/// Ends it without an answer.
	pub fn fail(&mut self, error: EngineError) {
		self.ended.get_or_insert(Err(error.into()));
	}

	/// Takes what a pass that read so many of its tokens made of it.
	pub fn advance(&mut self, read: usize, passed: Passed, rows: LastRows<'_>, stops: &[u32]) {
		self.ended = match passed {
			Err(refusal) => Some(Err(refusal.into())),
			Ok(None) => {
				self.unread.drain(..read);
				None
			}
			Ok(Some(row)) => match self.sampler.choose(rows.logits(row)) {
				Err(refusal) => Some(Err(refusal.into())),
				Ok(token) => {
					self.tracer.add(rows.hidden(row));
					self.push(token, stops)
				}
			},
		};
	}

	fn push(&mut self, token: u32, stops: &[u32]) -> Option<Result<Finish, Stop>> {
		if stops.contains(&token) {
			return Some(Ok(Finish::Stop));
		}
		self.answer.push(token);
		self.unread = vec![token];
		(self.answer.len() >= self.max_tokens).then_some(Ok(Finish::Length))
	}

	/// Lets `fill` put into the cache what is known of the prompt before any of it is read.
	pub fn begin(&mut self, fill: impl FnOnce(&[u32], &mut KvCache) -> Result<(), EngineError>) {
		if !self.has_begun {
			self.has_begun = true;
			match fill(&self.unread, &mut self.cache) {
				Ok(()) => drop(self.unread.drain(..self.cache.length())),
				Err(error) => self.fail(error),
			}
		}
	}

	/// Its next tokens, so many, if it has room for them. None if there are none, or if it has ended.
	pub fn sequence(&mut self, model: &Llama, count: usize) -> Option<Sequence<'_>> {
		if count == 0 {
			return None;
		}
		let positions = self.cache.length() + count;
		if let Err(error) = model.reserve(&mut self.cache, positions) {
			self.fail(error);
			return None;
		}
		let wants_logits = count == self.unread.len();
		Some(Sequence { tokens: &self.unread[..count], cache: &mut self.cache, wants_logits })
	}

	/// Whether nothing is left to do for it.
	pub fn has_ended(&self) -> bool {
		self.ended.is_some()
	}

	/// What it came to, for whoever has its ticket. One that has not ended was given up.
	pub fn outcome(self) -> (Ticket, Outcome) {
		let finish = self.ended.unwrap_or(Err(EngineError::Stopped.into()));
		(self.ticket, finish.map(|finish| Answer { tokens: self.answer, finish, tracer: self.tracer }))
	}
}
