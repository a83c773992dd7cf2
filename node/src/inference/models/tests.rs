use super::{turns::LONGEST_WAIT, *};
use crate::inference::mock::{fake_listed, fake_revision, FakeSource};
use sibyl_engine::{
	store::{Sha256Hash, StoreError},
	testing::FakeEngine,
	Engine, EngineError,
};
use sibyl_files::Progress;
use sibyl_primitives::model::ModelFile;
use sibyl_rpc_types::ModelState;
use std::sync::atomic::Ordering;

const TIMES: Times = Times { block: Duration::from_secs(3), commit_window: 12 };

fn models() -> Models {
	with_source(Arc::new(FakeSource::default()))
}

fn with_source(source: Arc<FakeSource>) -> Models {
	Models::new(source, Choice::All, TIMES)
}

fn asked(input: &str) -> Asked {
	let sampling = Sampling { temperature: 700, top_k: 40, top_p: 950_000 };
	Asked {
		input: Input::Raw(input.into()),
		max_output_units: 7,
		sampling,
		seed: [3; 32],
		format: Format::default(),
		claimed: None,
	}
}

fn names(names: &[&str]) -> Vec<String> {
	names.iter().map(|name| (*name).into()).collect()
}

fn outcome(engine: &FakeEngine, request: &Request) -> JobOutcome {
	match engine.infer(request) {
		Ok(inference) => JobOutcome::Done(inference),
		Err(error) => JobOutcome::Failed(error),
	}
}

/// Lets the engine do what is asked for until there is a verdict; every run takes this long.
fn verdict_at(
	models: &mut Models,
	engine: &FakeEngine,
	model: ListedModel,
	now: BlockNumber,
	ran: Duration,
) -> Verdict {
	let mut actions = models.update(&[model], now);
	loop {
		match actions.pop().expect("there is always a verdict") {
			Action::Announce { served, .. } => return served,
			Action::Load { model, revision } => {
				let loaded = models.source.load(&revision);
				actions.extend(models.loaded(model, loaded));
			}
			Action::Check { model, golden, request } => {
				actions.extend(models.checked(model, golden, outcome(engine, &request)));
			}
			Action::Measure { model, request } => {
				actions.extend(models.measured(model, &outcome(engine, &request), ran));
			}
		}
	}
}

type Verdict = Result<Pace, WhyNot>;

const MILLISECOND: Duration = Duration::from_millis(1);

/// What is attested where every run takes a millisecond, of whatever input.
const PACE: Pace = Pace { job: 2_048, input_unit: 1, output_unit: 1 };

fn verdict(models: &mut Models, engine: &FakeEngine, model: ListedModel) -> Verdict {
	verdict_at(models, engine, model, 1, MILLISECOND)
}

fn view(revision: ModelRevision) -> ListedModel {
	ListedModel { id: revision.id(), revision }
}

fn verdict_on(change: impl FnOnce(&mut ModelRevision)) -> Verdict {
	let mut revision = fake_revision();
	change(&mut revision);
	verdict(&mut models(), &FakeEngine::new(), view(revision))
}

#[test]
fn a_model_whose_goldens_pass_is_served() {
	let mut models = models();
	let view = fake_listed();
	let ask = |models: &Models| models.serve(&view.id, asked("a"));
	assert_eq!(ask(&models), Service::Never);
	assert_eq!(models.update(std::slice::from_ref(&view), 1).len(), 1);
	assert_eq!(ask(&models), Service::Later, "it is being loaded");
	assert_eq!(models.update(std::slice::from_ref(&view), 1), []);

	let mut models = self::models();
	assert_eq!(verdict(&mut models, &FakeEngine::new(), view.clone()), Ok(PACE));
	assert_eq!(models.names().collect::<Vec<_>>(), [("fake".into(), true)]);
	let limits = Limits { max_input_bytes: view.revision.limits.input_bytes, max_output_units: 7 };
	let request = Request {
		sampling: EngineSampling { temperature: 700, top_k: 40, top_p: 950_000 },
		seed: [3; 32],
		..Request::new(FakeEngine::MODEL, EngineInput::Raw("a".into()), limits)
	};
	assert_eq!(ask(&models), Service::Ask(request, Duration::from_micros(1_000)));
	// Nothing is done twice.
	assert_eq!(models.update(std::slice::from_ref(&view), 1), []);
}

#[test]
fn a_model_that_the_chain_gave_up_is_forgotten() {
	let source = Arc::new(FakeSource::default());
	let mut models = with_source(source.clone());
	let other = {
		let mut revision = fake_revision();
		revision.commit_window += 1;
		view(revision)
	};
	for view in [fake_listed(), other.clone()] {
		let both: Vec<_> = models.entries.keys().copied().collect();
		assert_eq!(verdict(&mut models, &FakeEngine::new(), view), Ok(PACE), "beside {both:?}");
	}
	assert_eq!(models.entries.len(), 1, "the list is the chain's");
	assert_eq!(source.unloaded.load(Ordering::Relaxed), 1);
	let is_loaded = |models: &Models| models.serve(&other.id, asked("a")) != Service::Never;
	assert!(is_loaded(&models));
	assert_eq!(models.update(&[], 1), []);
	assert!(!is_loaded(&models));
	assert_eq!(source.unloaded.load(Ordering::Relaxed), 2);
}

#[test]
fn a_file_that_two_revisions_have_stays_loaded_for_the_one_that_is_left() {
	let source = Arc::new(FakeSource::default());
	let mut models = with_source(source.clone());
	let mut revision = fake_revision();
	revision.commit_window += 1;
	let newer = view(revision);
	let mut actions = models.update(&[fake_listed(), newer.clone()], 1);
	let mut served = 0;
	while let Some(action) = actions.pop() {
		let loads = actions.iter().filter(|action| matches!(action, Action::Load { .. })).count();
		assert!(loads + usize::from(matches!(action, Action::Load { .. })) <= 1, "one at a time");
		match action {
			Action::Load { model, revision } => actions.extend(models.loaded(model, source.load(&revision))),
			Action::Check { model, golden, request } => {
				actions.extend(models.checked(model, golden, outcome(&FakeEngine::new(), &request)));
			}
			Action::Measure { model, request } => {
				actions.extend(models.measured(model, &outcome(&FakeEngine::new(), &request), MILLISECOND));
			}
			Action::Announce { served: verdict, .. } => {
				assert_eq!(verdict, Ok(PACE));
				served += 1;
				actions.extend(models.load_next());
			}
		}
	}
	assert_eq!(served, 2);
	models.update(&[newer], 2);
	assert_eq!(source.unloaded.load(Ordering::Relaxed), 0);
}

#[test]
fn a_model_is_served_when_its_files_come_and_withdrawn_when_they_go() {
	let source = Arc::new(FakeSource::default());
	let mut models = with_source(source.clone());
	let view = fake_listed();
	let file = view.revision.files[0].sha256;
	let mut verdict_if = |is_there| {
		source.is_there.store(is_there, Ordering::Relaxed);
		let told = verdict(&mut models, &FakeEngine::new(), view.clone());
		assert_eq!(models.serve(&view.id, asked("a")) != Service::Never, told.is_ok());
		assert_eq!(models.update(std::slice::from_ref(&view), 1), [], "it is told once");
		told
	};
	assert_eq!(verdict_if(false), Err(WhyNot::NoFile(file)));
	assert_eq!(verdict_if(true), Ok(PACE));
	assert_eq!(verdict_if(false), Err(WhyNot::NoFile(file)));
	assert_eq!(verdict_if(true), Ok(PACE));
	assert_eq!(source.unloaded.load(Ordering::Relaxed), 1);
}

#[test]
fn a_model_that_can_not_be_loaded_is_not_served_and_not_tried_at_every_block() {
	let mut models = models();
	let actions = models.update(&[fake_listed()], 1);
	let [Action::Load { model, .. }] = &actions[..] else { panic!("{actions:?}") };
	let told = models.loaded(*model, Err(LoadError::Architecture("fake".into())));
	let [Action::Announce { served: Err(WhyNot::NotLoaded(why)), .. }] = &told[..] else { panic!("{told:?}") };
	assert!(why.contains("architecture 'fake'"), "{why}");
	for number in [1, 10_000] {
		assert_eq!(models.update(&[fake_listed()], number), []);
	}
	assert_eq!(models.serve(model, asked("a")), Service::Never);
	assert_eq!(models.loaded(*model, Err(LoadError::Architecture("fake".into()))), [], "nobody waits for it");
}

fn damage() -> LoadError {
	let (expected, actual) = (Sha256Hash([1; 32]), Sha256Hash([2; 32]));
	StoreError::Hash { path: "file".into(), expected, actual }.into()
}

#[test]
fn a_damaged_model_is_told_as_such_and_served_as_soon_as_its_file_is_another() {
	let source = Arc::new(FakeSource::default());
	let mut models = with_source(source.clone());
	let id = fake_listed().id;
	models.update(&[fake_listed()], 1);
	let told = models.loaded(id, Err(damage()));
	assert!(matches!(&told[..], [Action::Announce { served: Err(WhyNot::Damaged(_)), .. }]), "{told:?}");
	let [standing] = &models.standings(&Progress::default())[..] else { panic!("there is one model") };
	assert_eq!(standing.state, ModelState::Damaged);
	assert!(standing.why.as_ref().is_some_and(|why| why.contains("models verify")), "{standing:?}");
	assert_eq!(models.update(&[fake_listed()], 10_000), [], "it is not hashed at every block");
	source.written.store(1, Ordering::Relaxed);
	assert_eq!(verdict(&mut models, &FakeEngine::new(), fake_listed()), Ok(PACE));
	let [standing] = &models.standings(&Progress::default())[..] else { panic!("there is one model") };
	assert_eq!((standing.state, &standing.why, standing.pace), (ModelState::Served, &None, Some(PACE.into())));
}

#[test]
fn a_damaged_file_that_is_taken_away_is_missing() {
	let source = Arc::new(FakeSource::default());
	let mut models = with_source(source.clone());
	models.update(&[fake_listed()], 1);
	models.loaded(fake_listed().id, Err(damage()));
	source.is_there.store(false, Ordering::Relaxed);
	let told = models.update(&[fake_listed()], 2);
	assert!(matches!(&told[..], [Action::Announce { served: Err(WhyNot::NoFile(_)), .. }]), "{told:?}");
	assert_eq!(models.standings(&Progress::default())[0].state, ModelState::Absent);
}

#[test]
fn what_the_system_is_short_of_is_tried_again_after_some_blocks_and_told_once() {
	let mut models = models();
	let short = || LoadError::Thread(std::io::ErrorKind::WouldBlock.into());
	let id = fake_listed().id;
	models.update(&[fake_listed()], 1);
	let told = models.loaded(id, Err(short()));
	assert!(matches!(&told[..], [Action::Announce { served: Err(WhyNot::NotLoadedYet(_)), .. }]), "{told:?}");
	assert_eq!(models.update(&[fake_listed()], TRY_AGAIN_AFTER), []);
	let again = models.update(&[fake_listed()], 1 + TRY_AGAIN_AFTER);
	assert!(matches!(&again[..], [Action::Load { .. }]), "{again:?}");
	assert_eq!(models.loaded(id, Err(short())), [], "it has been told");
	assert_eq!(models.update(&[fake_listed()], 3 * TRY_AGAIN_AFTER), [], "the second time takes twice as long");
	let verdict = verdict_at(&mut models, &FakeEngine::new(), fake_listed(), 1 + 3 * TRY_AGAIN_AFTER, MILLISECOND);
	assert_eq!(verdict, Ok(PACE));
}

#[test]
fn a_model_that_the_chain_gives_up_while_it_is_loaded_is_unloaded_when_it_is_there() {
	let source = Arc::new(FakeSource::default());
	let mut models = with_source(source.clone());
	let id = fake_listed().id;
	models.update(&[fake_listed()], 1);
	models.update(&[], 2);
	let before = source.unloaded.load(Ordering::Relaxed);
	assert_eq!(models.loaded(id, source.load(&fake_revision())), []);
	assert_eq!(source.unloaded.load(Ordering::Relaxed), before + 1);
}

#[test]
fn a_model_waits_until_the_one_before_has_been_measured() {
	let mut models = models();
	let mut revision = fake_revision();
	revision.commit_window += 1;
	let views = vec![fake_listed(), view(revision)];
	let actions = models.update(&views, 1);
	let [Action::Load { model: first, .. }] = actions[..] else { panic!("{actions:?}") };
	assert_eq!(models.update(&views, 2), []);
	let second = models.entries.keys().find(|id| **id != first).copied().expect("there are two");
	assert_eq!(models.serve(&second, asked("a")), Service::Later);
	// It is its turn when the first has failed, too.
	let actions = models.loaded(first, Err(LoadError::Architecture("fake".into())));
	assert!(
		matches!(actions[..], [Action::Announce { .. }, Action::Load { model, .. }] if model == second),
		"{actions:?}"
	);
}

#[test]
fn the_smallest_model_is_loaded_first() {
	let sized = |commit_window, size| {
		let mut revision = fake_revision();
		revision.commit_window = commit_window;
		revision.files[0].size = size;
		view(revision)
	};
	let views = [sized(12, 30), sized(13, 10), sized(14, 20)];
	let actions = models().update(&views, 1);
	assert!(matches!(actions[..], [Action::Load { model, .. }] if model == views[1].id), "{actions:?}");
}

#[test]
fn a_machine_that_is_too_slow_for_the_largest_job_does_not_serve_the_model_and_says_how_slow_it_is() {
	let mut models = models();
	let slow = Duration::from_secs(20);
	let verdict = verdict_at(&mut models, &FakeEngine::new(), fake_listed(), 1, slow);
	let Err(why @ WhyNot::TooSlow { limit, .. }) = verdict else { panic!("{verdict:?}") };
	assert_eq!(limit, Duration::from_millis(22_500));
	assert!(why.to_string().contains("the chain allows 22.5 s"), "{why}");
	assert_eq!(models.serve(&fake_listed().id, asked("a")), Service::Never);
	assert_eq!(models.update(&[fake_listed()], 2), []);
	// What slowed it down may be over.
	let verdict = verdict_at(&mut models, &FakeEngine::new(), fake_listed(), 1 + TRY_AGAIN_AFTER, MILLISECOND);
	assert_eq!(verdict, Ok(PACE));
}

#[test]
fn a_model_waits_while_another_node_of_this_machine_measures_one_but_not_for_ever() {
	let source = Arc::new(FakeSource::default());
	source.is_taken.store(true, Ordering::Relaxed);
	let mut models = with_source(source.clone());
	assert_eq!(models.update(&[fake_listed()], 1), []);
	assert_eq!(models.serve(&fake_listed().id, asked("a")), Service::Later);
	source.is_taken.store(false, Ordering::Relaxed);
	assert_eq!(verdict_at(&mut models, &FakeEngine::new(), fake_listed(), 2, MILLISECOND), Ok(PACE));

	source.is_taken.store(true, Ordering::Relaxed);
	let mut models = with_source(source);
	for now in 1..=LONGEST_WAIT {
		assert_eq!(models.update(&[fake_listed()], now), [], "at block {now}");
	}
	assert_eq!(verdict_at(&mut models, &FakeEngine::new(), fake_listed(), 1 + LONGEST_WAIT, MILLISECOND), Ok(PACE));
}

#[test]
fn a_model_that_went_while_it_waited_waits_anew() {
	let source = Arc::new(FakeSource::default());
	source.is_taken.store(true, Ordering::Relaxed);
	let mut models = with_source(source);
	assert_eq!(models.update(&[fake_listed()], 1), []);
	assert_eq!(models.update(&[], 2), []);
	assert_eq!(models.update(&[fake_listed()], 1 + LONGEST_WAIT), []);
}

#[test]
fn the_right_output_with_a_wrong_trace_is_told_from_a_wrong_output() {
	let verdict = verdict_on(|revision| revision.goldens[1].trace = Hash::zero());
	let Err(why) = verdict else { panic!("it has not computed what the chain expects") };
	assert!(matches!(why, WhyNot::GoldenDiffers { index: 1, part: Part::Trace, .. }), "{why:?}");
	assert!(why.to_string().contains("trace"), "{why}");
	let copying = FakeEngine::new().tracing([7; 32]);
	let verdict = self::verdict(&mut models(), &copying, fake_listed());
	assert!(matches!(verdict, Err(WhyNot::GoldenDiffers { index: 0, part: Part::Trace, .. })), "{verdict:?}");
}

#[test]
fn a_wrong_golden_keeps_a_model_from_being_served() {
	let source = Arc::new(FakeSource::default());
	let mut models = with_source(source.clone());
	let salted = FakeEngine::new().salted(1);
	let verdict = verdict(&mut models, &salted, fake_listed());
	assert!(matches!(verdict, Err(WhyNot::GoldenDiffers { index: 0, .. })), "{verdict:?}");
	assert_eq!(source.unloaded.load(Ordering::Relaxed), 1, "nobody needs its memory");
	assert_eq!(models.serve(&fake_listed().id, asked("a")), Service::Never);
	let verdict = verdict_on(|revision| revision.goldens[1].output_hash = Hash::zero());
	assert!(matches!(verdict, Err(WhyNot::GoldenDiffers { index: 1, part: Part::Output, .. })), "{verdict:?}");
}

#[test]
fn a_failing_engine_keeps_a_model_from_being_served() {
	let failing = FakeEngine::new().answering(|_| Err(EngineError::FloatEnvironment));
	let verdict = verdict(&mut models(), &failing, fake_listed());
	assert!(matches!(verdict, Err(WhyNot::GoldenFailed { index: 0, .. })), "{verdict:?}");
}

#[test]
fn an_engine_that_dies_of_a_golden_is_asked_again_some_blocks_later() {
	let dying = FakeEngine::new().answering(|_| Err(EngineError::Process("was killed by signal 9".into())));
	let mut models = models();
	let verdict = verdict(&mut models, &dying, fake_listed());
	assert!(matches!(&verdict, Err(why @ WhyNot::EngineDied(_)) if why.may_pass()), "{verdict:?}");
	assert_eq!(models.update(&[fake_listed()], 2), []);
	let verdict = verdict_at(&mut models, &FakeEngine::new(), fake_listed(), 1 + TRY_AGAIN_AFTER, MILLISECOND);
	assert_eq!(verdict, Ok(PACE));
}

#[test]
fn a_golden_that_found_no_room_is_asked_for_at_the_next_block() {
	let mut models = models();
	let id = fake_listed().id;
	models.update(&[fake_listed()], 1);
	let asked_for = models.loaded(id, models.source.load(&fake_revision()));
	let [Action::Check { model, golden, .. }] = &asked_for[..] else { panic!("{asked_for:?}") };
	assert_eq!(models.update(&[fake_listed()], 1), [], "it is with the engine");
	assert_eq!(models.checked(*model, *golden, JobOutcome::Overloaded), []);
	assert_eq!(models.update(&[fake_listed()], 1), asked_for);
	// An outcome that nobody waits for changes nothing.
	assert_eq!(models.checked(*model, 7, JobOutcome::Failed(EngineError::FloatEnvironment)), []);
	assert_eq!(models.serve(model, asked("a")), Service::Later);
}

#[test]
fn a_revision_that_is_not_the_engines_is_not_served_and_the_reason_is_named() {
	let other = Hash::repeat_byte(1);
	assert_eq!(verdict_on(|revision| revision.files[0].sha256 = other), Err(WhyNot::NoFile(other)));
	assert_eq!(verdict_on(|revision| revision.files.clear()), Err(WhyNot::NoFile(Hash::zero())));
	let second =
		ModelFile { name: "second".try_into().expect("it is short"), size: 1, sha256: other, chunk_root: Hash::zero() };
	let verdict = verdict_on(|revision| revision.files.try_push(second).expect("there is room"));
	assert_eq!(verdict, Err(WhyNot::NoFile(other)));
	assert_eq!(verdict_on(|revision| revision.semantics += 1), Err(WhyNot::Semantics { chain: SEMANTICS_VERSION + 1 }));
	let verdict = verdict_on(|revision| revision.architecture = "llama".try_into().expect("it is short"));
	assert!(matches!(&verdict, Err(WhyNot::Architecture { chain, .. }) if chain == "llama"), "{verdict:?}");
}

#[test]
fn the_operator_chooses_among_the_models_that_the_node_has() {
	let known = names(&["fake", "other"]);
	let fake = Choice::new(&names(&["fake"]), &known).expect("it knows this one");
	let other = Choice::new(&names(&["other"]), &known).expect("it knows this one");
	let none = Choice::new(&names(&["none"]), &known).expect("none is always there");
	let verdict_by = |choice| {
		let mut models = Models::new(Arc::new(FakeSource::default()), choice, TIMES);
		verdict(&mut models, &FakeEngine::new(), fake_listed())
	};
	assert_eq!(verdict_by(fake), Ok(PACE));
	assert_eq!(verdict_by(other), Err(WhyNot::NotChosen));
	assert_eq!(verdict_by(none), Err(WhyNot::NotChosen));
}

#[test]
fn the_chain_and_the_engine_say_alike_which_formats_there_are_and_what_they_need() {
	let text = |length: usize| "x".repeat(length);
	let choices = |texts: &[String]| {
		let texts: Result<Vec<_>, _> = texts.iter().map(|text| Text::try_from(text.as_str())).collect();
		Format::Choice(texts.expect("they are short").try_into().expect("they are few"))
	};
	let numbers = [-1_000, -10, -1, 0, 1, 9, 10, 999, i64::MIN, i64::MAX].into_iter().flat_map(|min| {
		let ends = [-7, 0, 3, 1_000_000, i64::MAX];
		ends.into_iter().flat_map(move |max| [0, 1, 9, 10].map(|decimals| Format::Number { min, max, decimals }))
	});
	let many: Vec<_> = (0..32).map(|at| format!("{at:0>64}")).collect();
	let texts = [choices(&[]), choices(&["a".into()]), choices(&["a".into(), "a".into()]), choices(&many)];
	let stops = [0, 1, 64].map(|length| Format::Text {
		stops: vec![text(length).as_str().try_into().expect("it is short")].try_into().expect("one fits"),
	});
	for format in numbers.chain(texts).chain(stops).chain([Format::default()]) {
		let engine = engine_format(format.clone());
		assert_eq!(sibyl_engine::check_format(&engine).is_ok(), format.is_valid(), "{format:?}");
		if format.is_valid() {
			assert!(format.least_output_units() >= engine.min_output_units(), "{format:?}");
		}
		if let Format::Number { .. } = format {
			assert!(!format.is_valid() || format.least_output_units() == engine.min_output_units(), "{format:?}");
		}
	}
}
