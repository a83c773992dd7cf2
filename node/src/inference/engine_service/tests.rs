use super::*;
use crate::inference::{
	mock::{fake_model, fake_request, metrics, FakeSource, MockChain, SharedStorage},
	models::Choice,
	wake::{waker, Wakes},
};
use codec::{Decode, Encode};
use sibyl_engine::testing::FakeEngine;
use sibyl_primitives::{
	mailbox::{model_status_key, request_key, response_key},
	output::{Output, VersionedOutput},
};
use sp_core::offchain::STORAGE_PREFIX;
use std::{
	sync::atomic::{AtomicU32, Ordering},
	time::Instant,
};

const CAPACITY: Capacity = Capacity { threads: 1, queue: 4, timeout: Duration::from_secs(30) };

struct Test {
	service: EngineService<MockChain, SharedStorage>,
	chain: Arc<MockChain>,
	storage: SharedStorage,
	wakes: Wakes,
}

impl Test {
	fn new(engine: FakeEngine, capacity: Capacity) -> Self {
		let (chain, storage, metrics) = (Arc::new(MockChain::new()), SharedStorage::default(), metrics());
		chain.state().models = vec![fake_model()];
		let (waker, wakes) = waker(metrics.clone());
		let models = Models::new(Arc::new(FakeSource::default()), Choice::All);
		let mailbox = Mailbox::new(storage.clone());
		let service = EngineService::new(chain.clone(), mailbox, waker, Arc::new(engine), models, capacity, metrics)
			.expect("a thread can be started");
		Self { service, chain, storage, wakes }
	}

	/// One that serves the chain's model.
	fn serving(engine: FakeEngine, capacity: Capacity) -> Self {
		let mut test = Self::new(engine, capacity);
		test.follow(1);
		test.work_until(|test| test.service.models.names().all(|(_, is_served)| is_served));
		test
	}

	/// What the service's loop does at a best block.
	fn follow(&mut self, number: BlockNumber) {
		let best = self.chain.info().best_hash;
		self.service.follow(best, number);
	}

	/// What it does with the engine's reports, until something is so.
	fn work_until(&mut self, is_so: impl Fn(&Self) -> bool) {
		let start = Instant::now();
		while !is_so(self) {
			match self.service.heard_done.try_recv() {
				Ok(done) => self.service.finish(done),
				Err(_) => std::thread::sleep(Duration::from_millis(1)),
			}
			assert!(start.elapsed() < Duration::from_secs(20), "nothing comes of it");
		}
	}

	/// What the worker does.
	fn write(&mut self, request: &InferenceRequest) -> Fingerprint {
		let InferenceRequest::V1 { job, .. } = request;
		self.storage.set(STORAGE_PREFIX, &request_key(job), &request.encode());
		*job
	}

	fn ask(&mut self, request: &InferenceRequest) -> Fingerprint {
		let job = self.write(request);
		self.service.take(request.clone());
		job
	}

	fn response(&self, job: &Fingerprint) -> Option<Result<OutputBytes, AbstainReason>> {
		let bytes = self.storage.get(STORAGE_PREFIX, &response_key(job))?;
		let InferenceResponse::V1(response) =
			InferenceResponse::decode(&mut &bytes[..]).expect("the service writes responses");
		Some(response)
	}

	fn answer(&mut self, job: &Fingerprint) -> Result<OutputBytes, AbstainReason> {
		self.work_until(|test| test.response(job).is_some());
		self.response(job).expect("it has just been there")
	}

	fn standing(&self) -> Option<Standing> {
		let bytes = self.storage.get(STORAGE_PREFIX, &model_status_key(&fake_model().id))?;
		let ModelStatus::V1(standing) = ModelStatus::decode(&mut &bytes[..]).expect("the service writes statuses");
		Some(standing)
	}
}

#[test]
fn a_model_is_attested_once_its_goldens_pass() {
	let test = Test::serving(FakeEngine::new(), CAPACITY);
	assert_eq!(test.standing(), Some(Standing::Serves { capacity: 4 }));
	assert_eq!(test.service.metrics.model_served.with_label_values(&["fake"]).get(), 1);
	assert_eq!(test.service.metrics.wakes.get(), 1);
}

#[test]
fn a_model_whose_goldens_fail_is_withdrawn_and_its_jobs_are_abstained_from() {
	let mut test = Test::new(FakeEngine::new().salted(1), CAPACITY);
	test.follow(1);
	test.work_until(|test| test.standing().is_some());
	assert_eq!(test.standing(), Some(Standing::Withdrawn));
	let job = test.ask(&fake_request(1));
	assert_eq!(test.response(&job), Some(Err(AbstainReason::NoModel)));
}

#[test]
fn a_request_is_answered_with_canonical_bytes_and_the_worker_is_woken() {
	let mut test = Test::serving(FakeEngine::new(), CAPACITY);
	let wakes = test.service.metrics.wakes.get();
	assert!(test.wakes.take());
	let job = test.ask(&fake_request(1));
	let bytes = test.answer(&job).expect("the fake answers");
	let VersionedOutput::V1(output) = VersionedOutput::decode(&mut &bytes[..]).expect("the bytes are canonical");
	assert!(matches!(output, Output::Answer(_)));
	assert_eq!(test.service.metrics.wakes.get(), wakes + 1);
	assert_eq!(test.service.metrics.responses.with_label_values(&["output"]).get(), 1);
}

#[test]
fn a_request_is_run_once_however_often_it_is_heard_of() {
	let runs = Arc::new(AtomicU32::new(0));
	let counted = runs.clone();
	let mut test = Test::serving(
		FakeEngine::new().answering(move |request| {
			counted.fetch_add(1, Ordering::SeqCst);
			Ok(Ok(FakeEngine::made_up(request, 0)))
		}),
		CAPACITY,
	);
	let goldens = runs.load(Ordering::SeqCst);
	let request = fake_request(1);
	let job = test.ask(&request);
	test.chain.open_job(job);
	test.service.take(request.clone());
	test.follow(2);
	test.answer(&job).expect("the fake answers");
	test.service.take(request);
	test.follow(3);
	assert!(test.service.in_flight.is_empty());
	assert_eq!(runs.load(Ordering::SeqCst), goldens + 1);
}

#[test]
fn requests_that_a_restart_forgot_or_that_came_before_the_goldens_are_found_among_the_open_jobs() {
	let mut test = Test::new(FakeEngine::new(), CAPACITY);
	let forgotten = test.write(&fake_request(2));
	let unasked = Fingerprint::repeat_byte(9);
	test.chain.open_job(forgotten);
	test.chain.open_job(unasked);
	test.follow(1);
	let early = test.ask(&fake_request(1));
	test.chain.open_job(early);
	assert!(test.service.in_flight.is_empty(), "the goldens are being checked");
	for job in [early, forgotten] {
		assert!(test.answer(&job).is_ok());
	}
	assert_eq!(test.response(&unasked), None);
}

#[test]
fn all_pages_of_open_jobs_are_looked_through() {
	let mut test = Test::serving(FakeEngine::new(), CAPACITY);
	for n in 0..MAX_LISTED_JOBS {
		test.chain.open_job(Fingerprint::from_low_u64_be(n.into()));
	}
	let last = test.write(&fake_request(200));
	test.chain.open_job(last);
	test.follow(2);
	assert!(test.answer(&last).is_ok());
}

#[test]
fn an_engine_that_panics_or_fails_abstains_and_goes_on() {
	let mut test = Test::serving(
		FakeEngine::new().answering(|request| match &request.input[..] {
			b"panic" => panic!("on purpose"),
			b"fail" => Err(sibyl_engine::EngineError::FloatEnvironment),
			_ => Ok(Ok(FakeEngine::made_up(request, 0))),
		}),
		CAPACITY,
	);
	for (n, text) in [(1, "panic"), (2, "fail")] {
		let job = test.ask(&with_input(fake_request(n), text));
		assert_eq!(test.answer(&job), Err(AbstainReason::EngineFailed), "{text}");
	}
	let job = test.ask(&fake_request(3));
	assert!(test.answer(&job).is_ok());
}

fn with_input(request: InferenceRequest, text: &str) -> InferenceRequest {
	let InferenceRequest::V1 { job, model, max_output_units, prompt, sampling, seed, deadline, .. } = request;
	let input = text.as_bytes().to_vec().try_into().expect("it is short");
	InferenceRequest::V1 { job, model, input, max_output_units, prompt, sampling, seed, deadline }
}

#[test]
fn a_run_longer_than_the_timeout_is_abstained_from_but_goldens_may_take_their_time() {
	let slow = FakeEngine::new().answering(|request| {
		std::thread::sleep(Duration::from_millis(30));
		Ok(Ok(FakeEngine::made_up(request, 0)))
	});
	let mut test = Test::serving(slow, Capacity { timeout: Duration::from_millis(10), ..CAPACITY });
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
fn what_is_beyond_the_queue_or_the_deadline_is_abstained_from() {
	let (release, held) = std::sync::mpsc::channel::<()>();
	let held = std::sync::Mutex::new(held);
	let mut test = Test::serving(
		FakeEngine::new().answering(move |request| {
			if request.input == b"hold" {
				let _ = held.lock().expect("no other inference panics").recv();
			}
			Ok(Ok(FakeEngine::made_up(request, 0)))
		}),
		CAPACITY,
	);
	let running = test.ask(&with_input(fake_request(1), "hold"));
	test.work_until(|test| test.service.queue.load().running == 1);
	// Four wait; of equally urgent ones the last to come finds no room.
	let waiting: Vec<_> = (2..=6).map(|n| test.ask(&fake_request(n))).collect();
	assert_eq!(test.answer(&waiting[4]), Err(AbstainReason::Overloaded));
	// Their deadline is block 99.
	test.follow(98);
	assert_eq!(test.response(&waiting[0]), None);
	test.follow(99);
	for job in &waiting[..4] {
		assert_eq!(test.answer(job), Err(AbstainReason::TooSlow));
	}
	release.send(()).expect("the engine waits");
	assert_eq!(test.answer(&running), Err(AbstainReason::TooSlow), "it came too late");
}

#[test]
fn a_job_that_the_worker_has_cleared_is_not_answered() {
	let mut test = Test::serving(FakeEngine::new(), CAPACITY);
	test.service.take(fake_request(1));
	test.work_until(|test| test.service.in_flight.is_empty());
	let InferenceRequest::V1 { job, .. } = fake_request(1);
	assert_eq!(test.response(&job), None);
}

#[test]
fn the_service_runs_on_notices_and_ends_with_the_chain() {
	let test = Test::serving(FakeEngine::new(), CAPACITY);
	let (chain, mut storage) = (test.chain.clone(), test.storage.clone());
	let (notices, requests) = async_channel::unbounded();
	let service = std::thread::spawn(move || {
		let _wakes = test.wakes;
		futures::executor::block_on(test.service.run(requests));
	});
	let InferenceRequest::V1 { job, .. } = fake_request(1);
	storage.set(STORAGE_PREFIX, &request_key(&job), &fake_request(1).encode());
	notices.try_send(fake_request(1)).expect("the service listens");
	let start = Instant::now();
	while storage.get(STORAGE_PREFIX, &response_key(&job)).is_none() {
		std::thread::sleep(Duration::from_millis(1));
		assert!(start.elapsed() < Duration::from_secs(20), "nothing comes of it");
	}
	drop(notices);
	chain.close();
	service.join().expect("the service ends without a panic");
}
