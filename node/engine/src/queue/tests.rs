use super::*;
use crate::testing::FakeEngine;
use crate::{Inference, Limits, Refusal};
use std::sync::mpsc::{channel, Receiver, Sender};
use std::time::Duration;

type Told = (u64, JobOutcome);

/// A queue whose engine takes a token for every job it finishes, and notes which inputs it began.
struct Fixture {
	queue: Queue,
	tokens: Sender<()>,
	begun: Receiver<u8>,
	tell: Sender<Told>,
	told: Receiver<Told>,
}

impl Fixture {
	fn new(workers: usize, capacity: usize) -> Self {
		let (tokens, take) = channel();
		let (begin, begun) = channel();
		let (tell, told) = channel();
		let take = Mutex::new(take);
		let begin = Mutex::new(begin);
		let engine = FakeEngine::new().answering(move |request| {
			begin.lock().unwrap().send(request.input[0]).unwrap();
			take.lock().unwrap().recv().ok();
			match request.input[0] {
				b'!' => panic!("as asked"),
				b'?' => Err(EngineError::Internal("as asked".into())),
				b'-' => Ok(Err(Refusal::NotUtf8)),
				_ => Ok(Ok(FakeEngine::made_up(request, 0))),
			}
		});
		let queue = Queue::new(Arc::new(engine), workers, capacity).unwrap();
		Self { queue, tokens, begun, tell, told }
	}

	fn submit(&self, deadline: u64, input: u8) -> Result<JobId, QueueFull> {
		let tell = self.tell.clone();
		let on_done = Box::new(move |outcome| tell.send((deadline, outcome)).unwrap());
		self.queue.submit(Job { deadline, request: request(input), on_done })
	}

	/// Submits a job and waits until it runs.
	fn occupy(&self, deadline: u64) -> JobId {
		let id = self.submit(deadline, b'a').unwrap();
		self.begun();
		id
	}

	fn begun(&self) -> u8 {
		self.begun.recv_timeout(Duration::from_secs(10)).unwrap()
	}

	fn finish(&self, jobs: usize) {
		(0..jobs).for_each(|_| self.tokens.send(()).unwrap());
	}

	fn told(&self) -> Told {
		self.told.recv_timeout(Duration::from_secs(10)).unwrap()
	}

	fn told_nothing(&self) {
		assert!(self.told.try_recv().is_err());
	}
}

fn request(input: u8) -> Request {
	let limits = Limits { max_input_bytes: 512, max_output_units: 0 };
	Request::new(FakeEngine::MODEL, vec![input], limits)
}

fn answered(input: u8) -> JobOutcome {
	JobOutcome::Done(FakeEngine::new().infer(&request(input)).unwrap())
}

#[test]
fn a_job_should_be_answered() {
	let fixture = Fixture::new(1, 4);
	fixture.submit(5, b'x').unwrap();
	fixture.finish(1);
	assert_eq!(fixture.told(), (5, answered(b'x')));
	assert_eq!(fixture.queue.load(), Load::default());
}

#[test]
fn the_nearest_deadline_should_run_first_and_of_equals_the_first_come() {
	let fixture = Fixture::new(1, 8);
	fixture.occupy(100);
	for (deadline, input) in [(30, b'3'), (10, b'1'), (20, b'2'), (10, b'4')] {
		fixture.submit(deadline, input).unwrap();
	}
	assert_eq!(fixture.queue.load(), Load { waiting: 4, running: 1 });
	fixture.finish(5);
	assert_eq!([(); 4].map(|()| fixture.begun()), *b"1423");
}

#[test]
fn a_full_queue_should_drop_the_waiting_job_with_the_farthest_deadline() {
	let fixture = Fixture::new(1, 2);
	fixture.occupy(1);
	fixture.submit(20, b'b').unwrap();
	fixture.submit(30, b'c').unwrap();
	fixture.submit(10, b'd').unwrap();
	assert_eq!(fixture.told(), (30, JobOutcome::Overloaded));
	fixture.finish(3);
	assert_eq!([(); 3].map(|()| fixture.told().0), [1, 10, 20]);
}

#[test]
fn a_full_queue_should_refuse_a_job_that_is_no_nearer_than_the_waiting_ones() {
	let fixture = Fixture::new(1, 2);
	fixture.occupy(1);
	fixture.submit(20, b'b').unwrap();
	fixture.submit(30, b'c').unwrap();
	for deadline in [30, 40] {
		assert_eq!(fixture.submit(deadline, b'd'), Err(QueueFull));
		assert_eq!(fixture.told(), (deadline, JobOutcome::Overloaded));
	}
	assert_eq!(fixture.queue.load(), Load { waiting: 2, running: 1 });
	fixture.finish(3);
}

#[test]
fn expired_jobs_should_be_told_that_they_are_too_late() {
	let fixture = Fixture::new(1, 8);
	fixture.occupy(9);
	for deadline in [8, 10, 9, 11] {
		fixture.submit(deadline, b'b').unwrap();
	}
	fixture.queue.expire(10);
	assert_eq!(fixture.told(), (8, JobOutcome::TooLate));
	assert_eq!(fixture.told(), (9, JobOutcome::TooLate));
	fixture.told_nothing();
	fixture.finish(3);
	assert_eq!(fixture.told(), (9, JobOutcome::TooLate), "the running one");
	assert_eq!(fixture.told(), (10, answered(b'b')));
	assert_eq!(fixture.told(), (11, answered(b'b')));
}

#[test]
fn a_cancelled_job_should_never_be_answered() {
	let fixture = Fixture::new(1, 8);
	let running = fixture.occupy(1);
	let waiting = fixture.submit(2, b'b').unwrap();
	assert!(fixture.queue.cancel(waiting));
	assert_eq!(fixture.told(), (2, JobOutcome::Cancelled));
	assert!(!fixture.queue.cancel(waiting), "it is gone");
	assert!(fixture.queue.cancel(running));
	fixture.told_nothing();
	fixture.finish(1);
	assert_eq!(fixture.told(), (1, JobOutcome::Cancelled));
	assert!(!fixture.queue.cancel(running));
}

#[test]
fn refusals_errors_and_panics_should_be_told_apart_and_the_worker_should_go_on() {
	let fixture = Fixture::new(1, 8);
	fixture.finish(4);
	fixture.submit(1, b'!').unwrap();
	assert_eq!(fixture.told().1, JobOutcome::Failed(EngineError::Panicked("as asked".into())));
	fixture.submit(2, b'?').unwrap();
	assert_eq!(fixture.told().1, JobOutcome::Failed(EngineError::Internal("as asked".into())));
	fixture.submit(3, b'-').unwrap();
	assert_eq!(fixture.told().1, JobOutcome::Done(Inference::refused(Refusal::NotUtf8)));
	fixture.submit(4, b'x').unwrap();
	assert_eq!(fixture.told().1, answered(b'x'));
}

#[test]
fn a_receiver_that_panics_should_not_stop_the_queue() {
	let fixture = Fixture::new(1, 8);
	fixture.finish(2);
	let on_done = Box::new(|_| panic!("the receiver's"));
	fixture.queue.submit(Job { deadline: 1, request: request(b'x'), on_done }).unwrap();
	fixture.submit(2, b'y').unwrap();
	assert_eq!(fixture.told(), (2, answered(b'y')));
}

#[test]
fn dropping_the_queue_should_finish_the_running_job_and_tell_the_others() {
	let fixture = Fixture::new(1, 8);
	fixture.occupy(1);
	fixture.submit(2, b'b').unwrap();
	fixture.submit(3, b'c').unwrap();
	let Fixture { queue, tokens, told, .. } = fixture;
	let dropping = thread::spawn(move || drop(queue));
	assert_eq!(told.recv().unwrap(), (2, JobOutcome::ShutDown));
	assert_eq!(told.recv().unwrap(), (3, JobOutcome::ShutDown));
	assert!(!dropping.is_finished());
	tokens.send(()).unwrap();
	assert_eq!(told.recv().unwrap(), (1, answered(b'a')));
	dropping.join().unwrap();
}

#[test]
fn a_receiver_may_use_the_queue_and_drop_it() {
	let (tell, told) = channel();
	let queue = Arc::new(Queue::new(Arc::new(FakeEngine::new()), 1, 4).unwrap());
	let held = queue.clone();
	let on_done = Box::new(move |_| {
		let (queue, tell) = (held.clone(), tell);
		let on_done = Box::new(move |outcome| {
			drop(held);
			tell.send(outcome).unwrap();
		});
		queue.submit(Job { deadline: 2, request: request(b'y'), on_done }).unwrap();
	});
	queue.submit(Job { deadline: 1, request: request(b'x'), on_done }).unwrap();
	drop(queue);
	let outcome = told.recv_timeout(Duration::from_secs(10)).unwrap();
	assert!(matches!(outcome, JobOutcome::Done(Inference { outcome: Ok(_), .. }) | JobOutcome::ShutDown));
}

#[test]
fn every_job_should_be_told_once_under_load() {
	const JOBS: u64 = 500;
	let (tell, told) = channel();
	let queue = Queue::new(Arc::new(FakeEngine::new()), 3, 16).unwrap();
	for number in 0..JOBS {
		let tell = tell.clone();
		let on_done = Box::new(move |_| tell.send(number).unwrap());
		let submitted = queue.submit(Job { deadline: number * 7 % 50, request: request(b'x'), on_done });
		if number % 11 == 0 {
			submitted.ok().map(|id| queue.cancel(id));
		}
		if number % 50 == 0 {
			queue.expire(10);
		}
	}
	drop((queue, tell));
	let mut numbers: Vec<u64> = told.iter().collect();
	numbers.sort_unstable();
	assert_eq!(numbers, (0..JOBS).collect::<Vec<_>>());
}
