//! A bounded queue of requests, computed off the block path in threads of its own.
//!
//! Of the waiting jobs the one with the nearest deadline runs first, of equals the one that came first. Every job's
//! `on_done` is called exactly once, whatever happens to the job, and never under the queue's lock: it may use the
//! queue. Only [`JobOutcome::Done`] carries something to say; with any other outcome the node abstains.

use crate::{Engine, EngineError, Inference, Request};
use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::{fmt, io};

#[cfg(test)]
mod tests;

type OnDone = Box<dyn FnOnce(JobOutcome) + Send>;

/// Something to compute.
pub struct Job {
	/// The last block for which the outcome is of use.
	pub deadline: u64,
	/// What to compute.
	pub request: Request,
	/// What to do with the outcome. Called in a worker's thread, or in the one that evicts, cancels or expires the job.
	pub on_done: OnDone,
}

/// What became of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobOutcome {
	/// The engine computed an answer or a refusal.
	Done(Inference),
	/// The engine failed, or panicked.
	Failed(EngineError),
	/// The queue was full of jobs with nearer deadlines.
	Overloaded,
	/// The deadline passed.
	TooLate,
	/// The job was cancelled.
	Cancelled,
	/// The queue shut down before the job's turn.
	ShutDown,
}

/// The name of a job in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(u64);

/// The queue was full of jobs with nearer deadlines. The job's `on_done` was told [`JobOutcome::Overloaded`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the queue is full of jobs with nearer deadlines")]
pub struct QueueFull;

/// How many jobs a queue has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
	/// Jobs that wait.
	pub waiting: usize,
	/// Jobs that run.
	pub running: usize,
}

/// The queue. Dropping it tells the waiting jobs [`JobOutcome::ShutDown`] and waits for the running ones.
pub struct Queue {
	shared: Arc<Shared>,
	workers: Vec<JoinHandle<()>>,
}

struct Shared {
	state: Mutex<State>,
	work: Condvar,
	capacity: usize,
}

#[derive(Default)]
struct State {
	waiting: BTreeMap<(u64, JobId), Waiting>,
	running: BTreeMap<JobId, Running>,
	next: u64,
	closed: bool,
}

struct Waiting {
	request: Request,
	on_done: OnDone,
}

struct Running {
	deadline: u64,
	/// What to report in place of the outcome.
	verdict: Option<JobOutcome>,
}

impl Shared {
	fn state(&self) -> MutexGuard<'_, State> {
		// Nothing panics while it holds the lock, so the state is whole.
		self.state.lock().unwrap_or_else(PoisonError::into_inner)
	}
}

impl Queue {
	/// A queue with so many threads, and room for so many waiting jobs (at least one of each).
	pub fn new(engine: Arc<dyn Engine>, workers: usize, capacity: usize) -> io::Result<Self> {
		let shared = Arc::new(Shared { state: Mutex::default(), work: Condvar::new(), capacity: capacity.max(1) });
		// Should a later thread fail to start, the drop of the queue ends the earlier ones.
		let mut queue = Self { shared, workers: Vec::new() };
		for index in 0..workers.max(1) {
			let (shared, engine) = (queue.shared.clone(), engine.clone());
			let worker =
				thread::Builder::new().name(format!("engine-{index}")).spawn(move || work(&shared, engine.as_ref()))?;
			queue.workers.push(worker);
		}
		Ok(queue)
	}

	/// Adds a job. If there is no room, the job with the farthest deadline, of equals the one that came last, has to go:
	/// a waiting one, or this one.
	pub fn submit(&self, job: Job) -> Result<JobId, QueueFull> {
		let Job { deadline, request, on_done } = job;
		let mut state = self.shared.state();
		let id = JobId(state.next);
		state.next += 1;
		let mut evicted = None;
		if state.waiting.len() >= self.shared.capacity {
			match state.waiting.last_entry() {
				Some(farthest) if *farthest.key() > (deadline, id) => evicted = Some(farthest.remove()),
				_ => {
					drop(state);
					report(on_done, JobOutcome::Overloaded);
					return Err(QueueFull);
				}
			}
		}
		state.waiting.insert((deadline, id), Waiting { request, on_done });
		drop(state);
		self.shared.work.notify_one();
		if let Some(evicted) = evicted {
			report(evicted.on_done, JobOutcome::Overloaded);
		}
		Ok(id)
	}

	/// Cancels a job. One that waits is told so at once, one that runs when the engine is done with it. Returns whether
	/// the queue still had the job.
	pub fn cancel(&self, id: JobId) -> bool {
		let mut state = self.shared.state();
		if let Some(running) = state.running.get_mut(&id) {
			running.verdict.get_or_insert(JobOutcome::Cancelled);
			return true;
		}
		let Some(key) = state.waiting.keys().find(|(_, waiting)| *waiting == id).copied() else { return false };
		let cancelled = state.waiting.remove(&key);
		drop(state);
		if let Some(cancelled) = cancelled {
			report(cancelled.on_done, JobOutcome::Cancelled);
		}
		true
	}

	/// Drops the jobs whose deadline is before the given block. One that runs is told so when the engine is done with it.
	pub fn expire(&self, before: u64) {
		let mut state = self.shared.state();
		let rest = state.waiting.split_off(&(before, JobId(0)));
		let expired = std::mem::replace(&mut state.waiting, rest);
		for running in state.running.values_mut().filter(|running| running.deadline < before) {
			running.verdict.get_or_insert(JobOutcome::TooLate);
		}
		drop(state);
		for job in expired.into_values() {
			report(job.on_done, JobOutcome::TooLate);
		}
	}

	/// How many jobs there are.
	pub fn load(&self) -> Load {
		let state = self.shared.state();
		Load { waiting: state.waiting.len(), running: state.running.len() }
	}
}

impl Drop for Queue {
	fn drop(&mut self) {
		let waiting = {
			let mut state = self.shared.state();
			state.closed = true;
			std::mem::take(&mut state.waiting)
		};
		self.shared.work.notify_all();
		for job in waiting.into_values() {
			report(job.on_done, JobOutcome::ShutDown);
		}
		for worker in self.workers.drain(..) {
			// An `on_done` may hold the last reference to the queue; its worker then ends after it, unwatched.
			if worker.thread().id() != thread::current().id() {
				let _ = worker.join();
			}
		}
	}
}

impl fmt::Debug for Queue {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.debug_struct("Queue").field("load", &self.load()).field("capacity", &self.shared.capacity).finish()
	}
}

fn work(shared: &Shared, engine: &dyn Engine) {
	while let Some((id, job)) = next(shared) {
		let outcome = match catch_unwind(AssertUnwindSafe(|| engine.infer(&job.request))) {
			Ok(Ok(inference)) => JobOutcome::Done(inference),
			Ok(Err(error)) => JobOutcome::Failed(error),
			Err(panic) => JobOutcome::Failed(EngineError::Panicked(panic_message(panic.as_ref()))),
		};
		let verdict = shared.state().running.remove(&id).and_then(|running| running.verdict);
		report(job.on_done, verdict.unwrap_or(outcome));
	}
}

/// The next job, when there is one; none when the queue is closed.
fn next(shared: &Shared) -> Option<(JobId, Waiting)> {
	let mut state = shared.state();
	loop {
		if state.closed {
			return None;
		}
		if let Some(((deadline, id), job)) = state.waiting.pop_first() {
			state.running.insert(id, Running { deadline, verdict: None });
			return Some((id, job));
		}
		state = shared.work.wait(state).unwrap_or_else(PoisonError::into_inner);
	}
}

/// A panic of the receiver's is the receiver's: the queue goes on.
fn report(on_done: OnDone, outcome: JobOutcome) {
	let _ = catch_unwind(AssertUnwindSafe(|| on_done(outcome)));
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
	let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
	text.unwrap_or("no message").into()
}
