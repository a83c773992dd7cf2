//! The caller that computes for all.

use super::{Batch, Job, State, Ticket};
use crate::kernels::pool::Pool;
use crate::kernels::Kernels;
use crate::models::llama::{Passed, Workspace, MAX_ROWS};
use crate::queue::panic_message;
use crate::EngineError;
use std::mem::take;
use std::panic::{catch_unwind, AssertUnwindSafe};

/// How many tokens of prompts, and ahead of answers, a pass reads beside answers. These wait for the whole pass, which takes
/// about as long as its rows are many; a pass with fewer rows would use the weights that it reads too little.
const PROMPT_ROWS: usize = 32;
/// How many tokens a pass reads ahead of answers. All logits behind them are in memory at once.
pub(in crate::models) const AHEAD_ROWS: usize = 32;

/// Whoever has the running requests. Nobody else leads before it is dropped.
pub(super) struct Leader<'a> {
	batch: &'a Batch,
	pub running: Vec<Job>,
}

/// A job that took part in a pass, how many tokens it read there, and what became of them.
struct Member<'a> {
	job: &'a mut Job,
	read: usize,
	passed: Passed,
}

impl<'a> Leader<'a> {
	/// Takes the lead, which nobody has.
	pub fn new(batch: &'a Batch, state: &mut State) -> Self {
		state.is_led = true;
		Self { batch, running: take(&mut state.running) }
	}

	/// Runs passes until this request has ended.
	pub fn lead(mut self, ticket: Ticket, kernels: Kernels, pool: &Pool) {
		let mut on = Workspace::new(kernels, pool);
		while !self.settle(ticket) {
			if !self.guarded_pass(&mut on) {
				// What the panic left may be half done.
				on = Workspace::new(kernels, pool);
			}
		}
	}

	/// Tells of the requests that have ended and lets waiting ones take their places. Returns whether this one has ended.
	pub fn settle(&mut self, ticket: Ticket) -> bool {
		let batch = self.batch;
		self.running.iter_mut().for_each(Job::heed_stop);
		let ended: Vec<_> = self.running.extract_if(.., |job| job.has_ended()).map(Job::outcome).collect();
		let mut state = batch.state();
		let State { waiting, done, .. } = &mut *state;
		waiting.iter_mut().for_each(Job::heed_stop);
		let before = done.len();
		done.extend(ended);
		done.extend(waiting.extract_if(.., |job| job.has_ended()).map(Job::outcome));
		if done.len() > before {
			batch.changed.notify_all();
		}
		let has_ended = done.contains_key(&ticket);
		while waiting.first().is_some_and(|job| self.has_place_for(job)) {
			self.running.push(waiting.remove(0));
		}
		has_ended
	}

	fn has_place_for(&self, job: &Job) -> bool {
		let limits = self.batch.limits;
		let taken = self.running.iter().fold(job.cache_bytes, |taken, job| taken.saturating_add(job.cache_bytes));
		self.running.is_empty() || self.running.len() < limits.places && taken <= limits.cache_bytes
	}

	/// A pass. If it panics, its requests fail, and false is returned.
	pub fn guarded_pass(&mut self, on: &mut Workspace<'_>) -> bool {
		let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.pass(on))) else { return true };
		let message = panic_message(panic.as_ref());
		self.running.iter_mut().for_each(|job| job.fail(EngineError::Panicked(message.clone())));
		false
	}

	fn pass(&mut self, on: &mut Workspace<'_>) {
		let Batch { model, head, .. } = self.batch;
		for job in &mut self.running {
			job.begin(|prompt, cache| head.begin(model, on, prompt, cache));
		}
		let plan = plan(&self.running);
		#[cfg(test)]
		self.tell_watch(&plan);
		let mut sequences = Vec::new();
		for (job, read) in self.running.iter_mut().zip(&plan) {
			sequences.extend(job.sequence(model, *read));
		}
		let passed = model.pass(on, &mut sequences);
		let jobs = self.running.iter_mut().zip(plan).filter(|(job, read)| *read > 0 && !job.has_ended());
		match passed {
			Err(error) => jobs.for_each(|(job, _)| job.fail(error.clone())),
			Ok(passed) => {
				let mut members: Vec<_> =
					jobs.zip(passed).map(|((job, read), passed)| Member { job, read, passed }).collect();
				let rows = on.rows();
				// To choose a token takes as long as some layers do.
				on.pool().parts(&mut members, 1, |_, members| {
					for Member { job, read, passed } in members {
						job.advance(*read, *passed, rows);
					}
				});
			}
		}
	}

	#[cfg(test)]
	fn tell_watch(&self, plan: &[usize]) {
		let mut watch = self.batch.watch.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
		if let Some(watch) = &mut *watch {
			watch(&self.running.iter().zip(plan).map(|(job, read)| (job.ticket, *read)).collect::<Vec<_>>());
		}
	}
}

/// How many tokens each of the jobs reads in the next pass.
fn plan(running: &[Job]) -> Vec<usize> {
	let decoding = running.iter().filter(|job| job.is_decoding()).count();
	let mut left = if decoding == 0 { MAX_ROWS } else { PROMPT_ROWS };
	// Prompts that wait have half of the places at least.
	let is_prompt = |job: &Job| !job.has_ended() && !job.is_decoding();
	let mut left_ahead = if running.iter().any(is_prompt) { AHEAD_ROWS.min(left / 2) } else { AHEAD_ROWS };
	let rows = running.iter().map(|job| {
		if job.has_ended() {
			return 0;
		}
		// Every answer goes on in each pass.
		let own = usize::from(job.is_decoding());
		let due = job.due().min(own + left);
		left -= due - own;
		let ahead = if due == job.due() { job.ahead().min(left).min(left_ahead) } else { 0 };
		left -= ahead;
		left_ahead -= ahead;
		due + ahead
	});
	rows.collect()
}

impl Drop for Leader<'_> {
	fn drop(&mut self) {
		let mut state = self.batch.state();
		state.running = take(&mut self.running);
		state.is_led = false;
		self.batch.changed.notify_all();
	}
}
