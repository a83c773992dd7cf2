mod in_time;

use super::*;
use crate::inference::{
	mock::{fake_model, fake_request, metrics, FakeSource, MockChain, SharedStorage},
	models::Choice,
	pace::Times,
	wake::{waker, Wakes},
};
use codec::{Decode, Encode};
use sibyl_engine::{testing::FakeEngine, Finish, Response};
use sibyl_primitives::{
	api::PhaseView,
	job::OutputBytes,
	mailbox::{request_key, response_key, ModelStatuses, MODELS},
	output::{Output, VersionedOutput},
};
use sibyl_rpc_types::ModelState;
use sp_core::offchain::STORAGE_PREFIX;
use std::{
	sync::{
		atomic::{AtomicBool, AtomicU32, Ordering},
		mpsc::{channel, Sender as Release},
		Mutex,
	},
	time::Instant,
};

const BLOCK: Duration = Duration::from_secs(3);
const CAPACITY: Capacity =
	Capacity { places: 1, queue: 4, timeout: Duration::from_secs(30), block: BLOCK, short_jobs_apart: false };

struct Test {
	service: EngineService<MockChain, SharedStorage>,
	chain: Arc<MockChain>,
	storage: SharedStorage,
	wakes: Wakes,
	syncing: Arc<AtomicBool>,
	insight: Insight,
}

impl Test {
	fn new(engine: FakeEngine, capacity: Capacity) -> Self {
		Self::with_storage(engine, capacity, SharedStorage::default())
	}

	fn with_storage(engine: FakeEngine, capacity: Capacity, storage: SharedStorage) -> Self {
		let (chain, metrics) = (Arc::new(MockChain::new()), metrics());
		chain.state().models = vec![fake_model()];
		let (waker, wakes) = waker(metrics.clone());
		let times = Times { block: BLOCK, commit_window: 12 };
		let models = Models::new(Arc::new(FakeSource::default()), Choice::All, times);
		let mailbox = Mailbox::new(storage.clone());
		let syncing = Arc::new(AtomicBool::new(false));
		let asked = syncing.clone();
		let is_syncing: IsSyncing = Arc::new(move || asked.load(Ordering::Relaxed));
		let engine = Arc::new(engine);
		let insight = Insight::new(None);
		let (client, told) = (chain.clone(), insight.clone());
		let service =
			EngineService::new(client, mailbox, waker, engine, models, capacity, is_syncing, metrics, insight)
				.expect("a thread can be started");
		Self { service, chain, storage, wakes, syncing, insight: told }
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

	fn response(&self, job: &Fingerprint) -> Option<Result<Answered, AbstainReason>> {
		let bytes = self.storage.get(STORAGE_PREFIX, &response_key(job))?;
		let InferenceResponse::V1(response) =
			InferenceResponse::decode(&mut &bytes[..]).expect("the service writes responses");
		Some(response)
	}

	fn answer(&mut self, job: &Fingerprint) -> Result<OutputBytes, AbstainReason> {
		self.work_until(|test| test.response(job).is_some());
		self.response(job).expect("it has just been there").map(|answered| answered.output)
	}

	fn availability(&self) -> Option<Availability> {
		let bytes = self.storage.get(STORAGE_PREFIX, MODELS)?;
		let ModelStatuses::V1(statuses) = ModelStatuses::decode(&mut &bytes[..]).expect("the service writes statuses");
		statuses.get(&fake_model().id).copied()
	}

	/// Tells the service to take no new seats, or to take them again.
	fn drain(&mut self, on: bool) {
		self.insight.drain(on);
		assert!(self.insight.bell().try_recv().is_ok(), "the service hears of it");
		self.service.heed_drain();
	}

	/// Reports that have come by now are looked at.
	fn settle(&mut self) {
		while let Ok(done) = self.service.heard_done.try_recv() {
			self.service.finish(done);
		}
	}

	/// Lets the best block be one at which the job is in this phase until that block.
	fn at(&mut self, number: BlockNumber, job: Fingerprint, phase: PhaseView, deadline: BlockNumber) {
		self.chain.set_job(job, phase, deadline);
		self.follow(number);
		self.settle();
	}
}

/// An engine that holds an inference of "hold" until it is released, or stopped.
fn holding() -> (FakeEngine, Release<()>) {
	let (release, held) = channel::<()>();
	let held = Mutex::new(held);
	let engine = FakeEngine::new().answering(move |request| {
		if request.input == "hold".into() {
			let held = held.lock().expect("no other inference panics");
			while held.recv_timeout(Duration::from_millis(2)).is_err() {
				request.stop.check()?;
			}
		}
		Ok(Ok(FakeEngine::made_up(request, 0)))
	});
	(engine, release)
}

/// One whose engine runs a job of "hold".
fn held() -> (Test, Fingerprint, Release<()>) {
	let (engine, release) = holding();
	let mut test = Test::serving(engine, CAPACITY);
	let running = test.ask(&with_input(fake_request(1), "hold"));
	test.work_until(|test| test.service.queue.load().running == 1);
	(test, running, release)
}

fn with_input(request: InferenceRequest, text: &str) -> InferenceRequest {
	let InferenceRequest::V1 { job, model, max_output_units, sampling, format, claimed, seed, deadline, .. } = request;
	let input = text.into();
	InferenceRequest::V1 { job, model, input, max_output_units, sampling, format, claimed, seed, deadline }
}

#[test]
fn a_model_is_attested_with_its_pace_once_its_goldens_pass() {
	let test = Test::serving(FakeEngine::new(), CAPACITY);
	let Some(Availability::Serves(pace)) = test.availability() else { panic!("{:?}", test.availability()) };
	assert_eq!(pace, pace.coarse());
	assert!((1..3_000_000).contains(&pace.job), "{pace:?}");
	assert_eq!(test.service.metrics.model_served.with_label_values(&["fake"]).get(), 1);
	assert_eq!(test.service.metrics.wakes.get(), 1);
}

#[test]
fn a_pace_that_is_about_what_was_told_before_the_restart_is_told_again() {
	let Some(Availability::Serves(measured)) = Test::serving(FakeEngine::new(), CAPACITY).availability() else {
		panic!("it is served")
	};
	for (before, is_near) in
		[(Pace { job: 3 * measured.job / 2, ..measured }.coarse(), true), (slower(measured), false)]
	{
		let storage = SharedStorage::default();
		Mailbox::new(storage.clone()).set_model_status(&fake_model().id, Availability::Serves(before));
		let mut test = Test::with_storage(FakeEngine::new(), CAPACITY, storage);
		test.follow(1);
		test.work_until(|test| test.service.models.names().all(|(_, is_served)| is_served));
		let Some(Availability::Serves(told)) = test.availability() else { panic!("it is served") };
		assert_eq!(told == before, is_near, "{before:?}, then {told:?}");
	}
}

fn slower(pace: Pace) -> Pace {
	Pace { job: 64 * pace.job, ..pace }
}

#[test]
fn a_model_whose_goldens_fail_is_withdrawn_and_its_jobs_are_abstained_from() {
	let mut test = Test::new(FakeEngine::new().salted(1), CAPACITY);
	test.follow(1);
	test.work_until(|test| test.availability().is_some());
	assert_eq!(test.availability(), Some(Availability::Withdrawn));
	let job = test.ask(&fake_request(1));
	assert_eq!(test.response(&job), Some(Err(AbstainReason::NoModel)));
}

#[test]
fn a_node_that_drains_tells_the_chain_that_it_serves_nothing_and_answers_what_it_has_seats_in() {
	let mut test = Test::serving(FakeEngine::new(), CAPACITY);
	let told = test.availability();
	assert!(test.wakes.take());
	test.drain(true);
	assert_eq!(test.availability(), Some(Availability::Withdrawn));
	assert!(test.wakes.take(), "the worker is to tell it");
	assert_eq!(test.insight.models()[0].state, ModelState::Withdrawn);
	let job = test.ask(&fake_request(1));
	assert!(test.answer(&job).is_ok());
	test.follow(2);
	assert_eq!(test.availability(), Some(Availability::Withdrawn));

	test.drain(false);
	let (Some(Availability::Serves(before)), Some(Availability::Serves(again))) = (told, test.availability()) else {
		panic!("it serves again: {:?}", test.availability())
	};
	assert!(again.job.abs_diff(before.job) <= before.job, "{before:?}, then {again:?}");
	let model = &test.insight.models()[0];
	assert_eq!((model.state, model.pace), (ModelState::Served, Some(again.into())));
}

#[test]
fn a_model_that_comes_while_the_node_drains_is_served_to_the_chain_only_afterwards() {
	let mut test = Test::new(FakeEngine::new(), CAPACITY);
	test.drain(true);
	test.follow(1);
	test.work_until(|test| test.service.models.names().all(|(_, is_served)| is_served));
	assert_eq!(test.availability(), Some(Availability::Withdrawn));
	test.drain(false);
	assert!(matches!(test.availability(), Some(Availability::Serves(_))));
}

#[test]
fn an_abstention_and_a_model_that_fails_are_remembered_as_faults() {
	let mut test = Test::new(FakeEngine::new().salted(1), CAPACITY);
	test.follow(1);
	test.work_until(|test| test.availability().is_some());
	test.ask(&fake_request(1));
	let faults: Vec<_> = test.insight.faults().into_iter().map(|fault| fault.what).collect();
	assert!(
		faults[0].contains("no_model") && faults[1].starts_with("model fake is not served: golden 0"),
		"{faults:?}"
	);
}

#[test]
fn a_request_is_answered_with_canonical_bytes_and_the_worker_is_woken() {
	let mut test = Test::serving(FakeEngine::new(), CAPACITY);
	let wakes = test.service.metrics.wakes.get();
	assert!(test.wakes.take());
	let job = test.ask(&fake_request(1));
	let bytes = test.answer(&job).expect("the fake answers");
	let trace = test.response(&job).expect("it is there").map(|answered| answered.trace);
	assert_ne!(trace, Ok(Hash::zero()));
	let VersionedOutput::V1(output) = VersionedOutput::decode(&mut &bytes[..]).expect("the bytes are canonical");
	assert!(matches!(output, Output::Answer(_)));
	assert_eq!(test.service.metrics.wakes.get(), wakes + 1);
	assert_eq!(test.service.metrics.responses.with_label_values(&["output"]).get(), 1);
}

#[test]
fn the_text_of_a_claimed_output_reaches_the_engine() {
	let claims = Arc::new(Mutex::new(Vec::new()));
	let heard = claims.clone();
	let engine = FakeEngine::new().answering(move |request| {
		heard.lock().expect("no inference panics").push(request.claim.clone());
		Ok(Ok(FakeEngine::made_up(request, 0)))
	});
	let mut test = Test::serving(engine, CAPACITY);
	let text = Response::Generation { text: "Paris".into(), tokens: vec![1], finish: Finish::Stop };
	let output = canonical_bytes(&Ok(text)).expect("the text is short");
	let mut request = fake_request(1);
	let InferenceRequest::V1 { claimed, .. } = &mut request;
	*claimed = Some(output);
	let job = test.ask(&request);
	test.answer(&job).expect("the fake answers");
	assert_eq!(claims.lock().expect("no inference panics").pop(), Some(b"Paris".to_vec()));
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
	assert!(test.answer(&forgotten).is_ok());
	// The next block tells that the other is open.
	test.follow(2);
	assert!(test.answer(&early).is_ok());
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

fn panicking() -> FakeEngine {
	FakeEngine::new().answering(|request| match request.input.text().unwrap_or_default() {
		b"panic" => panic!("on purpose"),
		b"fail" => Err(sibyl_engine::EngineError::FloatEnvironment),
		_ => Ok(Ok(FakeEngine::made_up(request, 0))),
	})
}

/// What becomes of a job on which the engine panics. A test runs this under the SDK's panic hook.
pub fn abstention_of_a_panicking_engine() -> AbstainReason {
	let mut test = Test::serving(panicking(), CAPACITY);
	let job = test.ask(&with_input(fake_request(1), "panic"));
	test.answer(&job).expect_err("it panicked")
}

#[test]
fn an_engine_that_panics_or_fails_abstains_and_goes_on() {
	let mut test = Test::serving(panicking(), CAPACITY);
	for (n, text) in [(1, "panic"), (2, "fail")] {
		let job = test.ask(&with_input(fake_request(n), text));
		assert_eq!(test.answer(&job), Err(AbstainReason::EngineFailed), "{text}");
	}
	let job = test.ask(&fake_request(3));
	assert!(test.answer(&job).is_ok());
}

#[test]
fn a_job_that_the_process_died_on_is_abstained_from_and_not_tried_again() {
	let (test, job, _release) = held();
	// The process dies: nothing is dropped.
	let storage = test.storage.clone();
	std::mem::forget(test);
	let runs = Arc::new(AtomicU32::new(0));
	let counted = runs.clone();
	let engine = FakeEngine::new().answering(move |request| {
		counted.fetch_add(u32::from(request.input == "hold".into()), Ordering::SeqCst);
		Ok(Ok(FakeEngine::made_up(request, 0)))
	});
	let mut test = Test::with_storage(engine, CAPACITY, storage);
	let other = test.write(&fake_request(2));
	for job in [job, other] {
		test.chain.open_job(job);
	}
	test.follow(1);
	assert_eq!(test.answer(&job), Err(AbstainReason::EngineFailed));
	assert!(test.answer(&other).is_ok());
	assert_eq!(runs.load(Ordering::SeqCst), 0);
	assert_eq!(Mailbox::new(test.storage.clone()).started(), Some(vec![]), "the response is enough");
}

#[test]
fn a_job_that_the_engines_process_died_on_is_abstained_from_and_the_next_is_answered() {
	let runs = Arc::new(AtomicU32::new(0));
	let counted = runs.clone();
	let dying = FakeEngine::new().answering(move |request| match request.input.text().unwrap_or_default() {
		b"deadly" => {
			counted.fetch_add(1, Ordering::SeqCst);
			Err(EngineError::Process("was killed by signal 9".into()))
		}
		_ => Ok(Ok(FakeEngine::made_up(request, 0))),
	});
	let mut test = Test::serving(dying, CAPACITY);
	let job = test.ask(&with_input(fake_request(1), "deadly"));
	test.chain.open_job(job);
	assert_eq!(test.answer(&job), Err(AbstainReason::EngineFailed));
	test.follow(2);
	let other = test.ask(&fake_request(2));
	assert!(test.answer(&other).is_ok());
	assert_eq!(runs.load(Ordering::SeqCst), 1);
	assert_eq!(Mailbox::new(test.storage.clone()).started(), Some(vec![]), "the response is enough");
}

#[test]
fn a_job_that_ends_leaves_no_mark_whatever_became_of_it() {
	let mut test = Test::serving(panicking(), CAPACITY);
	for (n, text) in [(1, "panic"), (2, "fail"), (3, "x")] {
		let job = test.ask(&with_input(fake_request(n), text));
		let _ = test.answer(&job);
	}
	assert_eq!(Mailbox::new(test.storage.clone()).started(), Some(vec![]));
}

#[test]
fn a_request_that_comes_before_the_first_block_is_found_there() {
	let mut test = Test::new(FakeEngine::new(), CAPACITY);
	let job = test.ask(&fake_request(1));
	test.chain.open_job(job);
	assert_eq!(test.response(&job), None, "it is not known yet which models there are");
	test.follow(1);
	assert!(test.answer(&job).is_ok());
}

#[test]
fn responses_are_counted_by_the_labels_that_the_docs_name() {
	let answered = Answered { output: OutputBytes::default(), trace: Hash::zero() };
	let reasons =
		[AbstainReason::NoModel, AbstainReason::Overloaded, AbstainReason::TooSlow, AbstainReason::EngineFailed];
	let responses = std::iter::once(Ok(answered)).chain(reasons.map(Err));
	let mut test = Test::new(FakeEngine::new(), CAPACITY);
	for response in responses {
		test.service.respond(Fingerprint::zero(), response);
	}
	for outcome in ["output", "no_model", "overloaded", "too_slow", "engine_failed"] {
		assert_eq!(test.service.metrics.responses.with_label_values(&[outcome]).get(), 1, "{outcome}");
	}
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
