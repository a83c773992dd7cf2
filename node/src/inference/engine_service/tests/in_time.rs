//! What is done in time, what is not begun, and what is given up.

use super::*;

#[test]
fn a_run_longer_than_the_timeout_is_abstained_from_but_goldens_may_take_their_time() {
	let slow = FakeEngine::new().answering(|request| {
		let text = request.input.text().unwrap_or_default();
		let is_slow = text.starts_with(b"input") || text == b"one";
		std::thread::sleep(Duration::from_millis(if is_slow { 30 } else { 0 }));
		Ok(Ok(FakeEngine::made_up(request, 0)))
	});
	let mut test = Test::serving(slow, Capacity { timeout: Duration::from_millis(15), ..CAPACITY });
	let job = test.ask(&fake_request(1));
	assert_eq!(test.answer(&job), Err(AbstainReason::TooSlow));
}

#[test]
fn without_any_time_every_job_is_abstained_from_at_once() {
	let mut test = Test::serving(FakeEngine::new(), Capacity { timeout: Duration::ZERO, ..CAPACITY });
	let job = test.ask(&fake_request(1));
	assert_eq!(test.response(&job), Some(Err(AbstainReason::TooSlow)));
}

#[test]
fn what_is_beyond_the_queue_is_abstained_from_at_once() {
	let (mut test, _, _release) = held();
	// Four wait; of equally urgent ones the last to come finds no room.
	let waiting: Vec<_> = (2..=6).map(|n| test.ask(&fake_request(n))).collect();
	assert_eq!(test.answer(&waiting[4]), Err(AbstainReason::Overloaded));
	assert_eq!(test.response(&waiting[0]), None);
}

#[test]
fn what_can_not_be_done_in_time_is_abstained_from_while_there_are_two_blocks_for_the_vote() {
	let (mut test, running, _release) = held();
	let waiting = test.ask(&fake_request(2));
	for job in [running, waiting] {
		test.chain.set_job(job, PhaseView::Committing, 20);
	}
	test.follow(10);
	test.settle();
	assert_eq!((test.response(&running), test.response(&waiting)), (None, None));
	// It has run for so long beyond its estimate that it is taken to need longer than the block that is left.
	std::thread::sleep(Duration::from_millis(60));
	test.service.wanted = WantedJobs::new(18, Duration::from_millis(20));
	test.follow(18);
	test.settle();
	assert_eq!(test.response(&running), Some(Err(AbstainReason::TooSlow)), "the worker can still vote that");
	assert!(test.answer(&waiting).is_ok(), "the thread is free for the other");
	assert!(test.wakes.take());
}

#[test]
fn a_request_that_comes_too_late_is_abstained_from_at_once() {
	let mut test = Test::serving(FakeEngine::new(), CAPACITY);
	let job = test.write(&fake_request(1));
	test.at(19, job, PhaseView::Committing, 20);
	assert_eq!(test.response(&job), Some(Err(AbstainReason::TooSlow)));
}

#[test]
fn a_phase_that_closes_early_brings_the_deadline_forward() {
	let (mut test, running, _release) = held();
	test.at(10, running, PhaseView::Committing, 99);
	assert_eq!(test.response(&running), None);
	test.at(11, running, PhaseView::Committing, 12);
	assert_eq!(test.response(&running), Some(Err(AbstainReason::TooSlow)));
}

#[test]
fn a_job_that_nobody_votes_on_any_more_is_cancelled_without_an_answer() {
	let over = [PhaseView::Revealing, PhaseView::Pending];
	for phase in over {
		let (mut test, running, _release) = held();
		let waiting = test.ask(&fake_request(2));
		for job in [running, waiting] {
			test.chain.set_job(job, phase, 105);
		}
		test.follow(10);
		test.work_until(|test| test.service.queue.load() == Load::default());
		test.settle();
		assert!(test.service.in_flight.is_empty(), "{phase:?}");
		assert_eq!((test.response(&running), test.response(&waiting)), (None, None), "{phase:?}");
		// A fork may want it again.
		test.at(10, waiting, PhaseView::Committing, 99);
		assert!(test.answer(&waiting).is_ok(), "{phase:?}");
	}
	let (mut test, running, _release) = held();
	test.follow(10);
	test.settle();
	assert!(test.service.in_flight.is_empty(), "the job is not open");
	assert_eq!(test.response(&running), None);
}

#[test]
fn what_was_asked_for_while_seats_reveal_is_run_since_a_validator_lost_its_output() {
	let mut test = Test::serving(FakeEngine::new(), CAPACITY);
	// The mock's requests name block 99.
	let lost = test.write(&fake_request(1));
	let left_over = test.write(&fake_request(2));
	test.chain.set_job(lost, PhaseView::Revealing, 99);
	test.chain.set_job(left_over, PhaseView::Revealing, 98);
	test.follow(95);
	assert!(test.answer(&lost).is_ok());
	assert_eq!(test.response(&left_over), None);
	assert!(test.service.in_flight.is_empty());
}

#[test]
fn jobs_of_a_model_that_is_being_checked_are_abstained_from_when_their_deadline_is_near() {
	let (release, held) = channel::<()>();
	let held = Mutex::new(held);
	let engine = FakeEngine::new().answering(move |request| {
		let _ = held.lock().expect("no other inference panics").recv();
		Ok(Ok(FakeEngine::made_up(request, 0)))
	});
	let mut test = Test::new(engine, CAPACITY);
	let job = test.write(&fake_request(1));
	test.at(10, job, PhaseView::Committing, 20);
	test.at(17, job, PhaseView::Committing, 20);
	assert_eq!(test.response(&job), None);
	test.at(18, job, PhaseView::Committing, 20);
	assert_eq!(test.response(&job), Some(Err(AbstainReason::Overloaded)));
	drop(release);
}

#[test]
fn a_job_that_would_run_longer_than_the_timeout_is_not_begun() {
	let slow = FakeEngine::new().answering(|request| {
		std::thread::sleep(Duration::from_millis(30));
		Ok(Ok(FakeEngine::made_up(request, 0)))
	});
	let mut test = Test::serving(slow, Capacity { timeout: Duration::from_millis(10), ..CAPACITY });
	let job = test.ask(&fake_request(1));
	assert_eq!(test.response(&job), Some(Err(AbstainReason::TooSlow)));
	assert_eq!(test.service.metrics.requests.get(), 0);
}

#[test]
fn nothing_is_run_while_the_node_is_syncing() {
	let mut test = Test::new(FakeEngine::new(), CAPACITY);
	test.syncing.store(true, Ordering::Relaxed);
	let job = test.ask(&fake_request(1));
	test.chain.open_job(job);
	test.follow(1);
	assert_eq!(test.service.models.names().count(), 0, "no model is loaded");
	assert_eq!((test.response(&job), test.service.in_flight.len()), (None, 0));
	test.syncing.store(false, Ordering::Relaxed);
	test.follow(2);
	assert!(test.answer(&job).is_ok());
}
