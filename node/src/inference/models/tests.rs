use super::*;
use crate::inference::mock::{fake_model, fake_revision, FakeSource};
use sibyl_engine::{testing::FakeEngine, Engine, EngineError};
use sibyl_primitives::model::ModelFile;
use std::sync::atomic::Ordering;

fn models() -> Models {
	Models::new(Arc::new(FakeSource::default()), Choice::All)
}

fn asked(input: &str) -> Asked {
	let (prompt, sampling) = (Prompt::Raw, Sampling { temperature: 700, top_k: 40, top_p: 950_000 });
	Asked { input: input.into(), max_output_units: 7, prompt, sampling, seed: [3; 32] }
}

fn names(names: &[&str]) -> Vec<String> {
	names.iter().map(|name| (*name).into()).collect()
}

/// Lets the engine do what is asked for until there is a verdict.
fn verdict(models: &mut Models, engine: &FakeEngine, model: ModelView) -> Result<(), WhyNot> {
	let mut actions = models.update(vec![model]);
	loop {
		match actions.pop().expect("there is always a verdict") {
			Action::Announce { served, .. } => return served,
			Action::Load { model, revision } => {
				let loaded = models.source.load(&revision);
				actions.extend(models.loaded(model, loaded));
			}
			Action::Check { model, golden, request } => {
				let outcome = match engine.infer(&request) {
					Ok(outcome) => JobOutcome::Done(outcome),
					Err(error) => JobOutcome::Failed(error),
				};
				actions.extend(models.checked(model, golden, outcome));
			}
		}
	}
}

fn verdict_on(change: impl FnOnce(&mut ModelRevision)) -> Result<(), WhyNot> {
	let mut revision = fake_revision();
	change(&mut revision);
	let view = ModelView { id: revision.id(), revision, served_by: Vec::new() };
	verdict(&mut models(), &FakeEngine::new(), view)
}

#[test]
fn a_model_whose_goldens_pass_is_served() {
	let mut models = models();
	let view = fake_model();
	let ask = |models: &Models| models.serve(&view.id, asked("a"));
	assert_eq!(ask(&models), Service::Never);
	assert_eq!(models.update(vec![view.clone()]).len(), 1);
	assert_eq!(ask(&models), Service::Later, "it is being loaded");
	assert_eq!(models.update(vec![view.clone()]), []);

	let mut models = self::models();
	assert_eq!(verdict(&mut models, &FakeEngine::new(), view.clone()), Ok(()));
	assert_eq!(models.names().collect::<Vec<_>>(), [("fake".into(), true)]);
	let limits = Limits { max_input_bytes: view.revision.limits.input_bytes, max_output_units: 7 };
	let request = Request {
		prompt: EnginePrompt::Raw,
		sampling: EngineSampling { temperature: 700, top_k: 40, top_p: 950_000 },
		seed: [3; 32],
		..Request::new(FakeEngine::MODEL, "a", limits)
	};
	assert_eq!(ask(&models), Service::Ask(request));
	// Nothing is done twice.
	assert_eq!(models.update(vec![view.clone()]), []);
}

#[test]
fn a_model_that_the_chain_gave_up_is_forgotten() {
	let source = Arc::new(FakeSource::default());
	let mut models = Models::new(source.clone(), Choice::All);
	let other = {
		let mut revision = fake_revision();
		revision.commit_window += 1;
		ModelView { id: revision.id(), revision, served_by: Vec::new() }
	};
	for view in [fake_model(), other.clone()] {
		let both: Vec<_> = models.entries.keys().copied().collect();
		assert_eq!(verdict(&mut models, &FakeEngine::new(), view), Ok(()), "beside {both:?}");
	}
	assert_eq!(models.entries.len(), 1, "the list is the chain's");
	assert_eq!(source.unloaded.load(Ordering::Relaxed), 1);
	let is_loaded = |models: &Models| models.serve(&other.id, asked("a")) != Service::Never;
	assert!(is_loaded(&models));
	assert_eq!(models.update(vec![]), []);
	assert!(!is_loaded(&models));
	assert_eq!(source.unloaded.load(Ordering::Relaxed), 2);
}

#[test]
fn a_file_that_two_revisions_have_stays_loaded_for_the_one_that_is_left() {
	let source = Arc::new(FakeSource::default());
	let mut models = Models::new(source.clone(), Choice::All);
	let mut revision = fake_revision();
	revision.commit_window += 1;
	let newer = ModelView { id: revision.id(), revision, served_by: Vec::new() };
	let actions = models.update(vec![fake_model(), newer.clone()]);
	assert_eq!(actions.len(), 2);
	for action in actions {
		let Action::Load { model, revision } = action else { panic!("{action:?}") };
		assert!(matches!(models.loaded(model, source.load(&revision)), Some(Action::Check { .. })));
	}
	models.update(vec![newer]);
	assert_eq!(source.unloaded.load(Ordering::Relaxed), 0);
}

#[test]
fn a_model_is_served_when_its_files_come_and_withdrawn_when_they_go() {
	let source = Arc::new(FakeSource::default());
	let mut models = Models::new(source.clone(), Choice::All);
	let view = fake_model();
	let file = view.revision.files[0].sha256;
	let mut verdict_if = |is_there| {
		source.is_there.store(is_there, Ordering::Relaxed);
		let told = verdict(&mut models, &FakeEngine::new(), view.clone());
		assert_eq!(models.serve(&view.id, asked("a")) != Service::Never, told.is_ok());
		assert_eq!(models.update(vec![view.clone()]), [], "it is told once");
		told
	};
	assert_eq!(verdict_if(false), Err(WhyNot::NoFile(file)));
	assert_eq!(verdict_if(true), Ok(()));
	assert_eq!(verdict_if(false), Err(WhyNot::NoFile(file)));
	assert_eq!(verdict_if(true), Ok(()));
	assert_eq!(source.unloaded.load(Ordering::Relaxed), 1);
}

#[test]
fn a_model_that_can_not_be_loaded_is_not_served_and_not_tried_at_every_block() {
	let mut models = models();
	let actions = models.update(vec![fake_model()]);
	let [Action::Load { model, .. }] = &actions[..] else { panic!("{actions:?}") };
	let told = models.loaded(*model, Err(LoadError::Architecture("fake".into())));
	let Some(Action::Announce { served: Err(WhyNot::NotLoaded(why)), .. }) = &told else { panic!("{told:?}") };
	assert!(why.contains("architecture 'fake'"), "{why}");
	assert_eq!(models.update(vec![fake_model()]), []);
	assert_eq!(models.serve(model, asked("a")), Service::Never);
	assert_eq!(models.loaded(*model, Err(LoadError::Architecture("fake".into()))), None, "nobody waits for it");
}

#[test]
fn a_wrong_golden_keeps_a_model_from_being_served() {
	let source = Arc::new(FakeSource::default());
	let mut models = Models::new(source.clone(), Choice::All);
	let salted = FakeEngine::new().salted(1);
	let verdict = verdict(&mut models, &salted, fake_model());
	assert!(matches!(verdict, Err(WhyNot::GoldenDiffers { index: 0, .. })), "{verdict:?}");
	assert_eq!(source.unloaded.load(Ordering::Relaxed), 1, "nobody needs its memory");
	assert_eq!(models.serve(&fake_model().id, asked("a")), Service::Never);
	let verdict = verdict_on(|revision| revision.goldens[1].output_hash = Hash::zero());
	assert!(matches!(verdict, Err(WhyNot::GoldenDiffers { index: 1, .. })), "{verdict:?}");
}

#[test]
fn a_failing_engine_keeps_a_model_from_being_served() {
	let failing = FakeEngine::new().answering(|_| Err(EngineError::FloatEnvironment));
	let verdict = verdict(&mut models(), &failing, fake_model());
	assert!(matches!(verdict, Err(WhyNot::GoldenFailed { index: 0, .. })), "{verdict:?}");
}

#[test]
fn a_golden_that_found_no_room_is_asked_for_at_the_next_block() {
	let mut models = models();
	let id = fake_model().id;
	models.update(vec![fake_model()]);
	let asked_for = models.loaded(id, models.source.load(&fake_revision()));
	let Some(Action::Check { model, golden, .. }) = &asked_for else { panic!("{asked_for:?}") };
	assert_eq!(models.update(vec![fake_model()]), [], "it is with the engine");
	assert_eq!(models.checked(*model, *golden, JobOutcome::Overloaded), None);
	assert_eq!(models.update(vec![fake_model()]), [asked_for.clone().expect("as above")]);
	// An outcome that nobody waits for changes nothing.
	assert_eq!(models.checked(*model, 7, JobOutcome::Failed(EngineError::FloatEnvironment)), None);
	assert_eq!(models.serve(model, asked("a")), Service::Later);
}

#[test]
fn a_revision_that_is_not_the_engines_is_not_served_and_the_reason_is_named() {
	let other = Hash::repeat_byte(1);
	assert_eq!(verdict_on(|revision| revision.files[0].sha256 = other), Err(WhyNot::NoFile(other)));
	assert_eq!(verdict_on(|revision| revision.files.clear()), Err(WhyNot::NoFile(Hash::zero())));
	let second = ModelFile { name: "second".try_into().expect("it is short"), size: 1, sha256: other };
	let verdict = verdict_on(|revision| revision.files.try_push(second).expect("there is room"));
	assert_eq!(verdict, Err(WhyNot::NoFile(other)));
	assert_eq!(verdict_on(|revision| revision.semantics += 1), Err(WhyNot::Semantics { chain: SEMANTICS_VERSION + 1 }));
	let verdict = verdict_on(|revision| revision.architecture = "llama".try_into().expect("it is short"));
	assert!(matches!(&verdict, Err(WhyNot::Architecture { chain, .. }) if chain == "llama"), "{verdict:?}");
}

#[test]
fn the_operator_chooses_among_the_models_that_the_node_has() {
	let known = names(&["fake", "other"]);
	assert_eq!(Choice::new(&[], &known), Ok(Choice::All));
	let fake = Choice::new(&names(&["fake"]), &known).expect("it knows this one");
	let other = Choice::new(&names(&["other"]), &known).expect("it knows this one");
	let none = Choice::new(&names(&["none"]), &known).expect("none is always there");
	let verdict_by = |choice| {
		let mut models = Models::new(Arc::new(FakeSource::default()), choice);
		verdict(&mut models, &FakeEngine::new(), fake_model())
	};
	assert_eq!(verdict_by(fake), Ok(()));
	assert_eq!(verdict_by(other), Err(WhyNot::NotChosen));
	assert_eq!(verdict_by(none), Err(WhyNot::NotChosen));
	for wrong in [&["gpt"][..], &["fake", "gpt"], &["fake", "none"], &[""]] {
		let error = Choice::new(&names(wrong), &known).expect_err("it has no such model").to_string();
		assert!(error.contains("it knows fake, other") && error.contains("'none'"), "{error}");
	}
}
