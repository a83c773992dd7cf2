//! One of the requests that share passes.

use super::{Answer, Outcome, Question, Ticket};
use crate::kernels::attention::KvCache;
use crate::models::answering::Answering;
use crate::models::llama::{Llama, Passed, Sequence, WantedRows};
use crate::models::Stop;
use crate::trace::Tracer;
use crate::EngineError;

/// A request, how far it has come and what it needs to go on.
pub(super) struct Job {
	pub ticket: Ticket,
	/// The tokens that the model has not read yet: those that it must read, and others that it may read ahead.
	unread: Vec<u32>,
	/// How many of them are read ahead. The rows before each of these decide whether it counts.
	ahead: usize,
	/// Nothing is, once the model was refused what it had read ahead.
	reads_ahead: bool,
	/// What the model keeps of the tokens that it has read.
	cache: KvCache,
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
		let ahead = answering.ahead();
		Self {
			ticket,
			ahead: ahead.len(),
			unread: [&prompt, ahead].concat(),
			reads_ahead: true,
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

	/// Whether its answer has begun, so that it reads a token or more in each pass.
	pub fn is_decoding(&self) -> bool {
		self.is_decoding
	}

	/// How many tokens it must read before a row is taken: the rest of its prompt, or one.
	pub fn due(&self) -> usize {
		self.unread.len() - self.ahead
	}

	/// How many tokens it may read behind these.
	pub fn ahead(&self) -> usize {
		self.ahead
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
	pub fn advance(&mut self, read: usize, passed: Passed, rows: WantedRows<'_>) {
		match passed {
			Err(_) if read > self.due() => {
				// Perhaps for a token that does not count.
				self.unread.truncate(self.due());
				(self.ahead, self.reads_ahead) = (0, false);
			}
			Err(refusal) => self.ended = Some(Err(refusal.into())),
			Ok(None) => drop(self.unread.drain(..read)),
			Ok(Some(first)) => self.ended = self.take(read, first, rows),
		}
	}

	/// Lets its answer take the rows of a pass that read so many of its tokens, as long as they count.
	fn take(&mut self, read: usize, first: usize, rows: WantedRows<'_>) -> Option<Result<(), Stop>> {
		self.is_decoding = true;
		for (row, length) in (first..).zip(self.due()..=read) {
			let next = match self.answering.take(rows.logits(row), rows.hidden(row), &mut self.tracer) {
				Err(refusal) => return Some(Err(refusal.into())),
				Ok(None) => return Some(Ok(())),
				Ok(Some(next)) => next,
			};
			if next.forget > 0 || self.unread.get(length) != Some(&next.token) {
				self.cache.set_length(self.cache.length() - (read - length) - next.forget);
				self.go_on(next.token);
				return None;
			}
		}
		// The first of those that are left was chosen.
		self.unread.drain(..read);
		self.ahead = self.unread.len() - 1;
		None
	}

	/// Reads this token next, and what may follow it.
	fn go_on(&mut self, token: u32) {
		self.unread = vec![token];
		if self.reads_ahead {
			self.unread.extend_from_slice(self.answering.ahead());
		}
		self.ahead = self.unread.len() - 1;
	}

	/// Lets `fill` put into the cache what is known of the prompt before any of it is read.
	pub fn begin(&mut self, fill: impl FnOnce(&[u32], &mut KvCache) -> Result<(), EngineError>) {
		if !self.has_begun {
			self.has_begun = true;
			match fill(&self.unread[..self.due()], &mut self.cache) {
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
		let wanted = (count + 1).saturating_sub(self.due());
		Some(Sequence { tokens: &self.unread[..count], cache: &mut self.cache, wanted })
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
