use super::*;
use crate::testing::FakeEngine;
use crate::{Limits, Refusal};
use std::sync::mpsc::{channel, Receiver, RecvTimeoutError, Sender};

/// Which job, and what became of it.
type Told = (u8, JobOutcome);

/// A queue whose engine takes a token for every job it finishes, and notes which inputs it began.
struct Fixture {
	queue: Queue,
	tokens: Sender<()>,
	begun: Receiver<u8>,
	ended: Receiver<u8>,
	end: Sender<u8>,
	tell: Sender<Told>,
	told: Receiver<Told>,
	start: Instant,
}

/// Tells of its drop.
struct UntilTheEnd(u8, Sender<u8>);

impl Drop for UntilTheEnd {
	fn drop(&mut self) {
		let _ = self.1.send(self.0);
	}
}

const HOUR: u64 = 3_600;

impl Fixture {
	fn new(workers: usize, capacity: usize) -> Self {
		let (tokens, take) = channel::<()>();
		let (begin, begun) = channel();
		let (end, ended) = channel();
		let (tell, told) = channel();
		let take = Mutex::new(take);
		let begin = Mutex::new(begin);
		let engine = FakeEngine::new().answering(move |request| {
			begin.lock().unwrap().send(request.input.text().unwrap()[0]).unwrap();
			while take.lock().unwrap().recv_timeout(Duration::from_millis(2)) == Err(RecvTimeoutError::Timeout) {
				request.stop.check()?;
			}
			match request.input.text().unwrap()[0] {
				b'!' => panic!("as asked"),
				b'?' => Err(EngineError::Internal("as asked".into())),
				b'-' => Ok(Err(Refusal::NotUtf8)),
				_ => Ok(Ok(FakeEngine::made_up(request, 0))),
			}
		});
		let queue = Queue::new(Arc::new(engine), workers, capacity).unwrap();
		Self { queue, tokens, begun, ended, end, tell, told, start: Instant::now() }
	}

	/// So many seconds after the test began.
	fn at(&self, seconds: u64) -> Instant {
		self.start + Duration::from_secs(seconds)
	}

	fn submit_as(&self, turn: Turn, seconds: u64, input: u8) -> JobId {
		let (tell, end) = (self.tell.clone(), self.end.clone());
		let on_start = Box::new(move || Box::new(UntilTheEnd(input, end)) as Box<dyn Send>);
		let on_done = Box::new(move |outcome, _| tell.send((input, outcome)).unwrap());
		let estimate = Duration::from_secs(seconds);
		self.queue.submit(Job { turn, estimate, request: request(input), on_start, on_done })
	}

	/// A job that is due so many seconds from now, and takes so many.
	fn submit(&self, due: u64, seconds: u64, input: u8) -> JobId {
		self.submit_as(Turn::By(self.at(due)), seconds, input)
	}

	/// Submits a job that takes no time to speak of and waits until it runs.
	fn occupy(&self, due: u64) -> JobId {
		let id = self.submit(due, 0, b'a');
		assert_eq!(self.begun(), b'a');
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

	/// Finishes so many waiting jobs, and says in which order they ran.
	fn order(&self, jobs: usize) -> String {
		self.finish(jobs + 1);
		(0..jobs).map(|_| char::from(self.begun())).collect()
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
fn a_job_should_be_answered_and_told_how_long_it_ran() {
	let fixture = Fixture::new(1, 4);
	fixture.submit(HOUR, 0, b'x');
	fixture.finish(1);
	assert_eq!(fixture.told(), (b'x', answered(b'x')));
	assert_eq!(fixture.queue.load(), Load::default());

	let (tell, told) = channel();
	let on_done = Box::new(move |_, ran| tell.send(ran).unwrap());
	let on_start = Box::new(|| Box::new(()) as Box<dyn Send>);
	let turn = Turn::Alone;
	fixture.queue.submit(Job { turn, estimate: Duration::ZERO, request: request(b'x'), on_start, on_done });
	fixture.begun();
	fixture.begun();
	thread::sleep(Duration::from_millis(5));
	fixture.finish(1);
	assert!(told.recv_timeout(Duration::from_secs(10)).unwrap() >= Duration::from_millis(5));
}

#[test]
fn of_long_jobs_what_is_due_first_should_run_first_and_of_equals_the_first_come() {
	let fixture = Fixture::new(1, 8);
	fixture.occupy(HOUR);
	for (due, input) in [(30, b'3'), (10, b'1'), (20, b'2'), (10, b'4')] {
		fixture.submit(due, 1, input);
	}
	assert_eq!(fixture.queue.load(), Load { waiting: 4, running: 1 });
	assert_eq!(fixture.order(4), "1423");
}

#[test]
fn a_short_job_should_overtake_a_long_one_that_can_wait() {
	let fixture = Fixture::new(1, 8);
	fixture.occupy(HOUR);
	fixture.submit(100, 30, b'l');
	fixture.submit(200, 1, b's');
	fixture.submit(300, 2, b't');
	assert_eq!(fixture.order(3), "stl");
}

#[test]
fn a_short_job_should_not_overtake_one_that_has_no_time_to_lose() {
	let fixture = Fixture::new(1, 8);
	fixture.occupy(HOUR);
	// It would still be in time, but not if it took twice as long as was thought.
	fixture.submit(59, 30, b'l');
	fixture.submit(200, 1, b's');
	assert_eq!(fixture.order(2), "ls");
}

#[test]
fn a_job_that_runs_alone_should_run_first_and_with_nothing_beside_it() {
	let fixture = Fixture::new(2, 8);
	fixture.occupy(HOUR);
	fixture.submit_as(Turn::Alone, 1, b'1');
	fixture.submit(HOUR, 0, b'x');
	fixture.submit_as(Turn::Alone, 1, b'2');
	thread::sleep(Duration::from_millis(20));
	assert_eq!(fixture.queue.load(), Load { waiting: 3, running: 1 }, "one thread waits for the other");
	fixture.finish(1);
	assert_eq!(fixture.begun(), b'1');
	thread::sleep(Duration::from_millis(20));
	assert_eq!(fixture.queue.load(), Load { waiting: 2, running: 1 });
	fixture.finish(1);
	assert_eq!(fixture.begun(), b'2');
	fixture.finish(2);
	assert_eq!(fixture.begun(), b'x');
}

#[test]
fn a_full_queue_should_give_up_the_waiting_job_that_is_due_last() {
	let fixture = Fixture::new(1, 2);
	fixture.occupy(HOUR);
	fixture.submit(20, 0, b'b');
	fixture.submit(30, 0, b'c');
	fixture.submit(10, 0, b'd');
	assert_eq!(fixture.told(), (b'c', JobOutcome::Overloaded));
	fixture.submit(20, 0, b'e');
	assert_eq!(fixture.told(), (b'e', JobOutcome::Overloaded), "of equals the last to come");
	fixture.submit_as(Turn::Alone, 0, b'f');
	fixture.told_nothing();
	assert_eq!(fixture.queue.load(), Load { waiting: 3, running: 1 });
	assert_eq!(fixture.order(3), "fdb");
}

#[test]
fn what_can_not_be_done_in_time_should_be_said_when_it_is_submitted() {
	let fixture = Fixture::new(1, 8);
	fixture.occupy(HOUR);
	fixture.submit(5, 6, b'x');
	assert_eq!(fixture.told(), (b'x', JobOutcome::TooLate), "even alone");
	fixture.submit(10, 8, b'l');
	fixture.submit(20, 8, b'm');
	fixture.told_nothing();
	// All three can't be done by then; without the longest, the others can.
	fixture.submit(15, 4, b's');
	assert_eq!(fixture.told(), (b'm', JobOutcome::Overloaded));
	fixture.told_nothing();
	assert_eq!(fixture.queue.load(), Load { waiting: 2, running: 1 });
}

#[test]
fn more_places_should_not_be_more_time() {
	let fixture = Fixture::new(4, 16);
	fixture.occupy(HOUR);
	fixture.occupy(HOUR);
	for (due, input) in [(21, b'1'), (21, b'2')] {
		fixture.submit(due, 10, input);
	}
	fixture.told_nothing();
	fixture.submit(21, 11, b'3');
	assert_eq!(fixture.told(), (b'3', JobOutcome::Overloaded));
}

#[test]
fn a_job_should_begin_beside_others_where_these_stay_in_time() {
	let fixture = Fixture::new(4, 16);
	fixture.submit(HOUR, 30, b'l');
	fixture.submit(HOUR, 30, b'm');
	assert_eq!(fixture.begun() + fixture.begun(), b'l' + b'm', "both have time to share");
	fixture.submit(50, 15, b'u');
	assert_eq!(fixture.begun(), b'u', "what runs has time for it");
	// With a fourth, the one before would take a minute.
	fixture.submit(HOUR, 1, b'x');
	thread::sleep(Duration::from_millis(20));
	assert_eq!(fixture.queue.load(), Load { waiting: 1, running: 3 });
	fixture.finish(3);
	assert_eq!(fixture.begun(), b'x');
}

/// Jobs that run, without threads.
fn state_of(running: &[(u64, u64)], start: Instant) -> State {
	let mut state = State { places: running.len(), ..State::default() };
	for (id, (due, estimate)) in (0..).zip(running) {
		let (turn, estimate) = (Turn::By(start + Duration::from_secs(*due)), Duration::from_secs(*estimate));
		let on_start: OnStart = Box::new(|| Box::new(()));
		state.wait(
			(turn, JobId(id)),
			Waiting { estimate, request: request(b'x'), on_start, on_done: Box::new(|_, _| ()) },
		);
		state.start_next(start).expect("there is room");
	}
	state
}

#[test]
fn jobs_that_run_together_should_come_on_at_their_share_of_the_speed() {
	let start = Instant::now();
	let at = |seconds| start + Duration::from_secs(seconds);
	let mut state = state_of(&[(HOUR, 10), (HOUR, 40)], start);
	assert!(state.end(JobId(0), at(20)).is_some());
	// Thirty of forty seconds are left, and nobody shares them any more.
	state.reschedule(JobId(1), at(51));
	assert!(state.shed(at(20)).is_empty());
	assert!(state.shed(at(45)).is_empty());
	state.reschedule(JobId(1), at(49));
	assert_eq!(state.shed(at(45)).len(), 1);
}

#[test]
fn a_long_job_that_runs_should_count_and_one_that_is_late_be_stopped() {
	let fixture = Fixture::new(1, 8);
	fixture.submit(60, 30, b'l');
	fixture.begun();
	fixture.submit(20, 10, b'x');
	assert_eq!(fixture.told(), (b'x', JobOutcome::Overloaded));
	let later = fixture.submit(50, 10, b'y');
	fixture.queue.shed();
	fixture.told_nothing();
	// The phase closes early.
	fixture.queue.reschedule(later, fixture.at(35));
	fixture.queue.shed();
	assert_eq!(fixture.told(), (b'y', JobOutcome::Overloaded));
	let JobId(first) = later;
	fixture.queue.reschedule(JobId(first - 2), fixture.at(20));
	fixture.queue.shed();
	assert_eq!(fixture.told(), (b'l', JobOutcome::TooLate), "before its engine has ended");
	assert_eq!(fixture.ended.recv_timeout(Duration::from_secs(10)), Ok(b'l'), "which is stopped");
	fixture.told_nothing();
	fixture.submit(HOUR, 1, b'z');
	assert_eq!(fixture.begun(), b'z');
}

#[test]
fn a_run_that_takes_longer_than_was_thought_should_be_stopped_when_it_is_due() {
	let fixture = Fixture::new(1, 8);
	let job = fixture.submit(HOUR, 0, b'l');
	fixture.begun();
	fixture.queue.shed();
	fixture.told_nothing();
	fixture.queue.reschedule(job, Instant::now());
	fixture.queue.shed();
	assert_eq!(fixture.told(), (b'l', JobOutcome::TooLate));
}

#[test]
fn a_job_that_runs_alone_should_never_be_late() {
	let fixture = Fixture::new(1, 8);
	let alone = fixture.submit_as(Turn::Alone, 2 * HOUR, b'1');
	fixture.begun();
	fixture.submit_as(Turn::Alone, u64::MAX, b'2');
	fixture.queue.reschedule(alone, fixture.start);
	fixture.queue.shed();
	fixture.told_nothing();
	fixture.finish(2);
	assert_eq!(fixture.told(), (b'1', answered(b'1')));
	assert_eq!(fixture.told(), (b'2', answered(b'2')));
}

#[test]
fn a_cancelled_job_should_be_told_so_at_once_and_its_engine_be_stopped() {
	let fixture = Fixture::new(1, 8);
	let running = fixture.occupy(HOUR);
	let waiting = fixture.submit(HOUR, 0, b'b');
	assert!(fixture.queue.cancel(waiting));
	assert_eq!(fixture.told(), (b'b', JobOutcome::Cancelled));
	assert!(!fixture.queue.cancel(waiting), "it is gone");
	assert!(fixture.queue.cancel(running));
	assert_eq!(fixture.told(), (b'a', JobOutcome::Cancelled));
	assert!(!fixture.queue.cancel(running));
	assert_eq!(fixture.ended.recv_timeout(Duration::from_secs(10)), Ok(b'a'));
	fixture.submit(HOUR, 0, b'c');
	fixture.finish(1);
	assert_eq!(fixture.told(), (b'c', answered(b'c')));
}

#[test]
fn refusals_errors_and_panics_should_be_told_apart_and_the_worker_should_go_on() {
	let fixture = Fixture::new(1, 8);
	fixture.finish(4);
	fixture.submit(HOUR, 0, b'!');
	assert_eq!(fixture.told().1, JobOutcome::Failed(EngineError::Panicked("as asked".into())));
	assert_eq!(fixture.ended.recv_timeout(Duration::from_secs(10)), Ok(b'!'), "a panic ends a run, too");
	fixture.submit(HOUR, 0, b'?');
	assert_eq!(fixture.told().1, JobOutcome::Failed(EngineError::Internal("as asked".into())));
	fixture.submit(HOUR, 0, b'-');
	assert_eq!(fixture.told().1, JobOutcome::Done(Inference::refused(Refusal::NotUtf8)));
	fixture.submit(HOUR, 0, b'x');
	assert_eq!(fixture.told().1, answered(b'x'));
}

/// A job of which nobody hears when it starts.
fn quiet(due: u64, input: u8, on_done: OnDone) -> Job {
	let turn = Turn::By(Instant::now() + Duration::from_secs(due));
	let on_start = Box::new(|| Box::new(()) as Box<dyn Send>);
	Job { turn, estimate: Duration::ZERO, request: request(input), on_start, on_done }
}

#[test]
fn a_receiver_that_panics_should_not_stop_the_queue() {
	let fixture = Fixture::new(1, 8);
	fixture.finish(2);
	fixture.queue.submit(quiet(HOUR, b'x', Box::new(|_, _| panic!("the receiver's"))));
	fixture.submit(HOUR, 0, b'y');
	assert_eq!(fixture.told(), (b'y', answered(b'y')));
}

#[test]
fn dropping_the_queue_should_stop_the_running_job_and_tell_the_others() {
	let fixture = Fixture::new(1, 8);
	fixture.occupy(HOUR);
	fixture.submit(HOUR, 1, b'b');
	fixture.submit(HOUR, 1, b'c');
	let Fixture { queue, told, .. } = fixture;
	drop(queue);
	for job in [b'b', b'c', b'a'] {
		assert_eq!(told.recv().unwrap(), (job, JobOutcome::ShutDown));
	}
}

#[test]
fn a_receiver_may_use_the_queue_and_drop_it() {
	let (tell, told) = channel();
	let queue = Arc::new(Queue::new(Arc::new(FakeEngine::new()), 1, 4).unwrap());
	let held = queue.clone();
	let on_done = Box::new(move |_, _| {
		let (queue, tell) = (held.clone(), tell);
		let on_done = Box::new(move |outcome, _| {
			drop(held);
			tell.send(outcome).unwrap();
		});
		queue.submit(quiet(HOUR, b'y', on_done));
	});
	queue.submit(quiet(HOUR, b'x', on_done));
	drop(queue);
	let outcome = told.recv_timeout(Duration::from_secs(10)).unwrap();
	assert!(
		matches!(outcome, JobOutcome::Done(Inference { outcome: Ok(_), .. }) | JobOutcome::ShutDown),
		"{outcome:?}"
	);
}

#[test]
fn every_job_should_be_told_once_under_load() {
	const JOBS: u64 = 500;
	let (tell, told) = channel();
	let queue = Queue::new(Arc::new(FakeEngine::new()), 3, 16).unwrap();
	for number in 0..JOBS {
		let tell = tell.clone();
		let on_done = Box::new(move |_, _| tell.send(number).unwrap());
		let job = quiet(number * 7 % 50, b'x', on_done);
		let turn = if number % 90 == 0 { Turn::Alone } else { job.turn };
		let id = queue.submit(Job { turn, estimate: Duration::from_millis(number % 40), ..job });
		if number % 11 == 0 {
			queue.cancel(id);
		}
		if number % 50 == 0 {
			queue.reschedule(id, Instant::now());
			queue.shed();
		}
	}
	drop((queue, tell));
	let mut numbers: Vec<u64> = told.iter().collect();
	numbers.sort_unstable();
	assert_eq!(numbers, (0..JOBS).collect::<Vec<_>>());
}
