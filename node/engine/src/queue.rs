//! A bounded queue of requests, computed off the block path in threads of its own.
//!
//! # Which job runs next
//!
//! 1. Jobs that want the machine for themselves ([`Turn::Alone`]), in the order of their coming. Nothing runs beside them.
//! 2. Else the job that is due first, or a shorter one that may overtake: the shortest of those for which every job that
//!    they overtake would still have time for itself twice.
//!
//! So many jobs run at once as the queue has places. They share the machine, and an engine that reads a model's weights once
//! for all of them has done them sooner than one after the other. The queue does not count on that: it takes each of n jobs
//! to come on at the n-th part of its speed, and lets one more begin only where those that run would still be in time.
//!
//! Short jobs ([`SHORT`]) may have a thread of their own beside the others: one that takes long, longer perhaps than was thought,
//! holds none of them up, but for the share of the processor that they take from each other.
//!
//! # What is given up
//!
//! An outcome that comes too late is of no use, and what has no outcome is better said early. [`Queue::submit`] and
//! [`Queue::shed`] go through the jobs by the time that they are due and add up their estimates. A job that would be too
//! late even alone is [`JobOutcome::TooLate`]. Where one would be late because of others, the longest so far is
//! [`JobOutcome::Overloaded`]: this is Moore and Hodgson's rule, which leaves as many jobs in time as there can be.
//!
//! Every job's `on_done` is called exactly once, whatever happens to the job, and never under the queue's lock: it may
//! use the queue. A job that is given up while it runs is told so at once; its thread is free when the engine looks at
//! the request's [`Stop`](crate::Stop), or is done. Only [`JobOutcome::Done`] carries something to say; with any other
//! outcome the node abstains.

use crate::{Engine, EngineError, Inference, Request};
use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{fmt, io};

mod plan;
#[cfg(test)]
mod tests;

use plan::{Planned, Running, Waiting};

/// The longest estimate that is told from a longer one: sums of these stay within what clocks count.
const LONGEST: Duration = Duration::from_secs(3_600);

/// A job that is thought to take no longer is a short one.
pub const SHORT: Duration = Duration::from_millis(100);

type OnStart = Box<dyn FnOnce() -> Box<dyn Send> + Send>;
type OnDone = Box<dyn FnOnce(JobOutcome, Duration) + Send>;

/// Something to compute.
pub struct Job {
	/// When it has to run.
	pub turn: Turn,
	/// How long it will take when nothing runs beside it, as far as one knows.
	pub estimate: Duration,
	/// What to compute.
	pub request: Request,
	/// Called in a worker's thread before the engine begins. What it returns is dropped when the engine has ended, also
	/// where nobody waits for the outcome any more.
	pub on_start: OnStart,
	/// What to do with the outcome, and how long the engine ran for it. Called in a worker's thread, or in the one that
	/// evicts, cancels or sheds the job.
	pub on_done: OnDone,
}

/// When a job has to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Turn {
	/// Before all others, and with nothing beside it. It is never given up.
	Alone,
	/// So that its outcome is there by then.
	By(Instant),
}

/// What became of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobOutcome {
	/// The engine computed an answer or a refusal.
	Done(Inference),
	/// The engine failed, or panicked.
	Failed(EngineError),
	/// Other jobs left no room or no time for it.
	Overloaded,
	/// Its time was too short for it.
	TooLate,
	/// The job was cancelled.
	Cancelled,
	/// The queue shut down first.
	ShutDown,
}

/// The name of a job in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(u64);

/// How many jobs a queue has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
	/// Jobs that wait.
	pub waiting: usize,
	/// Jobs that run, and those that were given up and whose engine has not stopped yet.
	pub running: usize,
}

/// The queue. Dropping it tells the waiting jobs [`JobOutcome::ShutDown`], stops the running ones and waits for them.
pub struct Queue {
	engine: Arc<dyn Engine>,
	shared: Arc<Shared>,
	workers: Vec<JoinHandle<()>>,
}

struct Shared {
	state: Mutex<State>,
	work: Condvar,
	capacity: usize,
}

/// What is waiting and what is running. `plan` decides, without threads or clocks.
#[derive(Default)]
struct State {
	/// How many jobs run at once.
	places: usize,
	waiting: BTreeMap<(Turn, JobId), Waiting>,
	/// The waiting jobs' turns.
	turns: BTreeMap<JobId, Turn>,
	running: BTreeMap<JobId, Running>,
	/// Up to when the running jobs' time is counted.
	now: Option<Instant>,
	next: u64,
	closed: bool,
	/// Whether short jobs have a thread of their own.
	are_short_jobs_apart: bool,
}

/// A job that has been given up, to be told once the lock is released.
type GivenUp = (OnDone, JobOutcome, Duration);

impl Shared {
	fn state(&self) -> MutexGuard<'_, State> {
		// Nothing panics while it holds the lock, so the state is whole.
		self.state.lock().unwrap_or_else(PoisonError::into_inner)
	}
}

impl Queue {
	/// A queue with so many places, each a thread that waits for the engine, and room for so many waiting jobs (at least
	/// one of each). Jobs that run alone take none of the room.
	pub fn new(engine: Arc<dyn Engine>, places: usize, capacity: usize) -> io::Result<Self> {
		let places = places.max(1);
		let state = Mutex::new(State { places, ..State::default() });
		let shared = Shared { state, work: Condvar::new(), capacity: capacity.max(1) };
		// Should a later thread fail to start, the drop of the queue ends the earlier ones.
		let mut queue = Self { engine: engine.clone(), shared: Arc::new(shared), workers: Vec::new() };
		for index in 0..places {
			let (shared, engine) = (queue.shared.clone(), engine.clone());
			let worker = thread::Builder::new()
				.name(format!("engine-{index}"))
				.spawn(move || work(&shared, engine.as_ref(), |state| state.start_next(Instant::now())))?;
			queue.workers.push(worker);
		}
		Ok(queue)
	}

	/// The same queue, with a thread beside the others for short jobs.
	pub fn with_short_jobs_apart(mut self) -> io::Result<Self> {
		self.shared.state().are_short_jobs_apart = true;
		let (shared, engine) = (self.shared.clone(), self.engine.clone());
		let worker = thread::Builder::new()
			.name("engine-short".into())
			.spawn(move || work(&shared, engine.as_ref(), |state| state.start_next_short(Instant::now())))?;
		self.workers.push(worker);
		Ok(self)
	}

	/// Adds a job, and gives up those that can't be done in time with it, which may be the job itself. Where there is no
	/// room, the waiting job that is due last has to go.
	pub fn submit(&self, job: Job) -> JobId {
		let Job { turn, estimate, request, on_start, on_done } = job;
		let mut state = self.shared.state();
		let id = JobId(state.next);
		state.next += 1;
		let estimate = estimate.min(LONGEST);
		state.wait((turn, id), Waiting { estimate, request, on_start, on_done });
		let mut given_up = state.shed(Instant::now());
		given_up.extend(state.evict(self.shared.capacity));
		drop(state);
		// A job that runs alone needs a thread that finds all others idle, whichever that is.
		self.shared.work.notify_all();
		tell(given_up);
		id
	}

	/// Cancels a job, which is told so at once. Returns whether the queue still had it.
	pub fn cancel(&self, id: JobId) -> bool {
		let cancelled = self.shared.state().give_up(id, JobOutcome::Cancelled, Instant::now());
		let was_there = cancelled.is_some();
		tell(cancelled);
		was_there
	}

	/// Lets a job be due at another time. One that runs alone stays as it is.
	pub fn reschedule(&self, id: JobId, due: Instant) {
		self.shared.state().reschedule(id, due);
	}

	/// Gives up the jobs that can't be done in time, running ones too.
	pub fn shed(&self) {
		let given_up = self.shared.state().shed(Instant::now());
		tell(given_up);
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
			state.running.values().for_each(|running| running.stop.stop());
			state.turns.clear();
			std::mem::take(&mut state.waiting)
		};
		self.shared.work.notify_all();
		tell(waiting.into_values().map(|job| (job.on_done, JobOutcome::ShutDown, Duration::ZERO)));
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

/// Runs the jobs that are chosen from the queue's state.
fn work(shared: &Shared, engine: &dyn Engine, choose: impl Fn(&mut State) -> Option<Planned>) {
	while let Some(Planned { id, request, on_start }) = next(shared, &choose) {
		let run = || {
			let _until_the_end = on_start();
			engine.infer(&request)
		};
		let outcome = match catch_unwind(AssertUnwindSafe(run)) {
			Ok(Ok(inference)) => JobOutcome::Done(inference),
			// Where somebody stopped it who is still to be told, that was the queue's end.
			Ok(Err(EngineError::Stopped)) => JobOutcome::ShutDown,
			Ok(Err(error)) => JobOutcome::Failed(error),
			Err(panic) => JobOutcome::Failed(EngineError::Panicked(panic_message(panic.as_ref()))),
		};
		let done = shared.state().end(id, Instant::now());
		// Others may have waited for this one to end.
		shared.work.notify_all();
		tell(done.and_then(|done| Some((done.on_done?, outcome, done.since.elapsed()))));
	}
}

/// The next job, when there is one; none when the queue is closed.
fn next(shared: &Shared, choose: &impl Fn(&mut State) -> Option<Planned>) -> Option<Planned> {
	let mut state = shared.state();
	loop {
		if state.closed {
			return None;
		}
		if let Some(job) = choose(&mut state) {
			return Some(job);
		}
		state = shared.work.wait(state).unwrap_or_else(PoisonError::into_inner);
	}
}

/// Tells the jobs what became of them. A panic of the receiver's is the receiver's: the queue goes on.
fn tell(jobs: impl IntoIterator<Item = GivenUp>) {
	for (on_done, outcome, ran) in jobs {
		let _ = catch_unwind(AssertUnwindSafe(|| on_done(outcome, ran)));
	}
}

/// What a panic says.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
	let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
	text.unwrap_or("no message").into()
}
