//! One of the requests that share passes.

use super::{Answer, Outcome, Question, Ticket};
use crate::kernels::attention::KvCache;
use crate::models::answering::{Answering, Next};
use crate::models::llama::{LastRows, Llama, Passed, Sequence};
use crate::models::Stop;
use crate::trace::Tracer;
use crate::EngineError;

/// A request, how far it has come and what it needs to go on.
pub(super) struct Job {
	pub ticket: Ticket,
	/// The tokens that the model has not read yet.
	pub unread: Vec<u32>,
	/// What it keeps of those that it has.
	pub cache: KvCache,
	/// How many bytes the cache will take at most.
	pub cache_bytes: u64,
	answering: Answering,
	/// Whether all of the prompt was read.
	is_decoding: bool,
	tracer: Tracer,
	stop: crate::Stop,
	has_begun: bool,
	ended: Option<Result<(), Stop>>,
}

impl Job {
	/// A question that nothing is read of yet.
	pub fn new(ticket: Ticket, question: Question, cache: KvCache, cache_bytes: u64) -> Self {
		let Question { prompt, answering, stop, .. } = question;
		Self {
			ticket,
			unread: prompt,
			cache,
			cache_bytes,
			answering,
			is_decoding: false,
			tracer: Tracer::new(),
			stop,
			has_begun: false,
			ended: None,
		}
	}

	/// Whether its answer has begun, so that it reads a token in each pass.
	pub fn is_decoding(&self) -> bool {
		self.is_decoding
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
	pub fn advance(&mut self, read: usize, passed: Passed, rows: LastRows<'_>) {
		self.ended = match passed {
			Err(refusal) => Some(Err(refusal.into())),
			Ok(None) => {
				self.unread.drain(..read);
				None
			}
			Ok(Some(row)) => match self.answering.take(rows.logits(row), rows.hidden(row), &mut self.tracer) {
				Err(refusal) => Some(Err(refusal.into())),
				Ok(None) => Some(Ok(())),
				Ok(Some(Next { forget, token })) => {
					self.is_decoding = true;
					self.cache.set_length(self.cache.length() - forget);
					self.unread = vec![token];
					None
				}
			},
		};
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
		let ended = self.ended.unwrap_or(Err(EngineError::Stopped.into()));
		(self.ticket, ended.map(|()| Answer { answering: self.answering, tracer: self.tracer }))
	}
}
