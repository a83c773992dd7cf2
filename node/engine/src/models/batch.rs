//! Many requests of a model at once.
//!
//! [`Batch::answer`] returns when its request is answered, and may be called in any number of threads. One of the callers
//! leads: it runs pass after pass for all requests, until its own is done; then another caller leads. So there is no
//! thread to start or to end, and none that waits for a request of nobody.
//!
//! A pass reads the weights once, for all running requests: each that has begun its answer reads its last token, and what
//! room is left goes to prompts, in parts, and to what answers may read ahead, in the order of their coming. Requests join
//! and leave between passes. Neither who shares a pass nor how a prompt is divided changes a bit of an answer.

mod head;
mod job;
mod leader;
#[cfg(test)]
mod tests;

use super::answering::Answering;
use super::llama::Llama;
use super::Stop;
use crate::kernels::pool::Pool;
use crate::kernels::Kernels;
use crate::trace::Tracer;
use crate::EngineError;
use head::Head;
use job::Job;
use leader::Leader;
pub(super) use leader::AHEAD_ROWS;
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// So many places leave room in every pass for a part of a prompt.
const MOST_PLACES: usize = 64;

/// How many requests of one model run at once. Others wait for a place, in the order of their coming.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLimits {
	/// How many run at once, from 1 to 64.
	pub places: usize,
	/// How many bytes may be taken by what the model keeps of their tokens: of their prompts and of the longest answers
	/// that they allow. A request that takes more runs with nothing beside it.
	pub cache_bytes: u64,
}

impl Default for BatchLimits {
	/// Sixteen places, and as much memory as the system gives.
	fn default() -> Self {
		Self { places: 16, cache_bytes: u64::MAX }
	}
}

/// What is asked of a model.
pub(crate) struct Question {
	/// The prompt, at least one token and so few that all of the answer fits into the model's context.
	pub prompt: Vec<u32>,
	/// How many tokens are read behind it at most.
	pub longest: usize,
	/// What is made of the logits behind it. It is not complete yet.
	pub answering: Answering,
	/// Whether it is still wanted.
	pub stop: crate::Stop,
}

/// What a model answers.
pub(crate) struct Answer {
	/// The question's, complete.
	pub answering: Answering,
	/// The rows whose logits it took.
	pub tracer: Tracer,
}

/// A model that serves many requests at once.
pub(crate) struct Batch {
	model: Llama,
	limits: BatchLimits,
	head: Head,
	state: Mutex<State>,
	/// Rung when a request is answered or nobody leads.
	changed: Condvar,
	/// The threads of the last leader.
	pool: Mutex<Option<Arc<Pool>>>,
	/// Told how many tokens each request reads in a pass.
	#[cfg(test)]
	watch: Mutex<Option<Watch>>,
}

#[cfg(test)]
type Watch = Box<dyn FnMut(&[(Ticket, usize)]) + Send>;

/// The name of a request.
pub(crate) type Ticket = u64;

type Outcome = Result<Answer, Stop>;

#[derive(Default)]
struct State {
	next: Ticket,
	/// Requests that have no place yet.
	waiting: Vec<Job>,
	/// Those that have one, while nobody leads; else the leader has them.
	running: Vec<Job>,
	is_led: bool,
	done: BTreeMap<Ticket, Outcome>,
}

impl Batch {
	/// A model, and the tokens that most prompts begin with, which it reads once.
	pub fn new(model: Llama, head: Vec<u32>, limits: BatchLimits) -> Self {
		Self {
			model,
			limits: BatchLimits { places: limits.places.clamp(1, MOST_PLACES), ..limits },
			head: Head::new(head),
			state: Mutex::default(),
			changed: Condvar::new(),
			pool: Mutex::default(),
			#[cfg(test)]
			watch: Mutex::default(),
		}
	}

	/// The model.
	pub fn model(&self) -> &Llama {
		&self.model
	}

	/// Answers a question, beside those of other callers, in this many threads.
	///
	/// Ends with [`EngineError::Stopped`] at the next pass once nobody wants the answer any more.
	pub fn answer(&self, question: Question, kernels: Kernels, threads: usize) -> Outcome {
		let pool = self.pool(threads)?;
		let ticket = self.enter(question)?;
		let mut state = self.state();
		loop {
			if let Some(outcome) = state.done.remove(&ticket) {
				return outcome;
			}
			if state.is_led {
				state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
				continue;
			}
			let leader = Leader::new(self, &mut state);
			drop(state);
			leader.lead(ticket, kernels, &pool);
			state = self.state();
		}
	}

	/// Lets a question wait for a place.
	fn enter(&self, question: Question) -> Result<Ticket, EngineError> {
		let needed = self.cache_bytes(&question);
		let cache = self.model.cache();
		let mut state = self.state();
		let ticket = state.next;
		state.next += 1;
		state.waiting.push(Job::new(ticket, question, cache, needed));
		Ok(ticket)
	}

	/// Has the tokens told that each request reads in a pass.
	#[cfg(test)]
	pub fn watch(&self, watch: impl FnMut(&[(Ticket, usize)]) + Send + 'static) {
		*self.watch.lock().unwrap() = Some(Box::new(watch));
	}

	fn cache_bytes(&self, question: &Question) -> u64 {
		self.model.cache_bytes(question.prompt.len().saturating_add(question.longest)) as u64
	}

	/// Threads to compute in. They stay until a leader wants another number of them.
	fn pool(&self, threads: usize) -> Result<Arc<Pool>, EngineError> {
		let mut last = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
		if let Some(pool) = last.as_ref().filter(|pool| pool.threads() == threads.max(1)) {
			return Ok(pool.clone());
		}
		let pool = Arc::new(Pool::new(threads)?);
		*last = Some(pool.clone());
		Ok(pool)
	}

	fn state(&self) -> MutexGuard<'_, State> {
		// Nothing panics while it holds the lock, so the state is whole.
		self.state.lock().unwrap_or_else(PoisonError::into_inner)
	}
}
