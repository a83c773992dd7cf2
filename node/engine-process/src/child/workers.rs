//! Threads that run inferences. One whose inference is over waits for the next, since starting a thread costs more than all
//! else that a question costs.

use super::lock;
use std::{
	collections::VecDeque,
	io,
	sync::{Arc, Condvar, Mutex, PoisonError},
	thread,
};

/// What a thread runs. It must not panic.
pub(super) type Task = Box<dyn FnOnce() + Send>;

/// As many threads as there were tasks at a time.
#[derive(Default)]
pub(super) struct Workers(Arc<Shared>);

#[derive(Default)]
struct Shared {
	state: Mutex<State>,
	work: Condvar,
}

#[derive(Default)]
struct State {
	waiting: VecDeque<Task>,
	/// Threads that wait, those included that have been woken and have not seen it yet.
	idle: usize,
}

impl Workers {
	/// Runs a task at once. Where there is no thread for it, it is dropped.
	pub(super) fn run(&self, task: Task) -> io::Result<()> {
		let Self(shared) = self;
		let mut state = lock(&shared.state);
		if state.idle > state.waiting.len() {
			state.waiting.push_back(task);
			drop(state);
			shared.work.notify_one();
			return Ok(());
		}
		drop(state);
		let shared = shared.clone();
		let work = move || {
			task();
			shared.work();
		};
		thread::Builder::new().name("inference".into()).spawn(work).map(|_| ())
	}
}

impl Shared {
	fn work(&self) {
		let mut state = lock(&self.state);
		loop {
			if let Some(task) = state.waiting.pop_front() {
				drop(state);
				task();
				state = lock(&self.state);
				continue;
			}
			state.idle += 1;
			state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
			state.idle -= 1;
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use std::sync::{mpsc::channel, Barrier};

	#[test]
	fn tasks_that_wait_for_each_other_should_have_a_thread_each() {
		let workers = Workers::default();
		let (say, said) = channel();
		let meeting = Arc::new(Barrier::new(8));
		for _ in 0..8 {
			let (say, meeting) = (say.clone(), meeting.clone());
			let task = move || {
				meeting.wait();
				say.send(thread::current().id()).expect("somebody waits");
			};
			workers.run(Box::new(task)).expect("there is a thread");
		}
		let mut threads: Vec<_> = (0..8).map(|_| format!("{:?}", said.recv().expect("it runs"))).collect();
		threads.sort();
		threads.dedup();
		assert_eq!(threads.len(), 8);
	}

	#[test]
	fn no_more_threads_should_be_started_than_are_busy() {
		let workers = Workers::default();
		let (say, said) = channel();
		let mut threads = Vec::new();
		for _ in 0..50 {
			let say = say.clone();
			let task = move || say.send(format!("{:?}", thread::current().id())).expect("somebody waits");
			workers.run(Box::new(task)).expect("there is a thread");
			threads.push(said.recv().expect("it runs"));
			// It has said so before it waits again.
			while lock(&workers.0.state).idle == 0 {
				thread::yield_now();
			}
		}
		threads.dedup();
		assert_eq!(threads.len(), 1);
	}
}
