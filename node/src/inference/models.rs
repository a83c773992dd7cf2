//! Which of the chain's models this node serves: those that it has, that its operator allows, and whose goldens pass.
//!
//! A state machine: the engine's service tells it what the chain and the engine say, and does what it answers.

use super::output::canonical_bytes;
use sibyl_engine::{
	queue::JobOutcome, sampling::Sampling as EngineSampling, Limits, ModelDescription, Prompt as EnginePrompt, Request,
	Task as EngineTask, SEMANTICS_VERSION,
};
use sibyl_primitives::{
	api::ModelView,
	job::{Prompt, Sampling},
	model::{ModelId, ModelRevision, Task},
	output::output_hash,
	Hash,
};
use std::collections::{BTreeMap, BTreeSet};

/// What on the command line stands for no model at all.
const NONE: &str = "none";

/// Tokens that a golden's output has at most, where the model generates text.
const GOLDEN_TOKENS: u32 = 32;

/// The models that the operator allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
	/// All that the node has.
	All,
	/// Those of these names.
	Only(BTreeSet<String>),
}

/// A name on the command line is none of a model that the node has.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("--models names '{name}', which this node does not have: it has {known}; 'none' alone serves no model")]
pub struct UnknownModel {
	name: String,
	known: String,
}

impl Choice {
	/// What the command line says; nothing said is all.
	pub fn new(names: &[String], known: &[ModelDescription]) -> Result<Self, UnknownModel> {
		match names {
			[] => return Ok(Self::All),
			[none] if none == NONE => return Ok(Self::Only(BTreeSet::new())),
			_ => {}
		}
		match names.iter().find(|name| known.iter().all(|model| model.name != **name)) {
			None => Ok(Self::Only(names.iter().cloned().collect())),
			Some(name) => {
				let known: Vec<_> = known.iter().map(|model| model.name.as_str()).collect();
				Err(UnknownModel { name: name.clone(), known: known.join(", ") })
			}
		}
	}

	fn allows(&self, name: &str) -> bool {
		match self {
			Self::All => true,
			Self::Only(names) => names.contains(name),
		}
	}
}

/// Why this node does not serve a model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WhyNot {
	/// No file of the revision's is one of the engine's.
	#[error("this node has no file of SHA-256 {0:?}")]
	NoFile(Hash),
	/// The file is not in the store any more.
	#[error("its file of SHA-256 {0:?} is gone; it is served again when the file is back")]
	FileGone(Hash),
	/// The operator left it out.
	#[error("it is not among the names after --models")]
	NotChosen,
	/// The engine runs the file in another way.
	#[error("it is of architecture {chain} and task {task:?}, and this node runs its file as {engine}")]
	Architecture {
		/// The chain's.
		chain: String,
		/// What the chain wants of it.
		task: Task,
		/// The engine's.
		engine: String,
	},
	/// The engine's arithmetic is of another version.
	#[error(
		"it is of engine semantics {chain}, and this node computes {SEMANTICS_VERSION}: install the matching release"
	)]
	Semantics {
		/// The chain's.
		chain: u32,
	},
	/// A golden came out otherwise.
	#[error("golden {index} gives an output of hash {actual:?}, and the chain expects {expected:?}")]
	GoldenDiffers {
		/// Which.
		index: usize,
		/// The chain's.
		expected: Hash,
		/// This node's.
		actual: Hash,
	},
	/// A golden could not be computed.
	#[error("golden {index} can't be computed: {reason}")]
	GoldenFailed {
		/// Which.
		index: usize,
		/// What the engine said.
		reason: String,
	},
}

/// Where a model stands with this node.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
	/// This golden is the next to pass.
	Checking {
		/// Its index.
		golden: usize,
		/// Whether the engine has it, or had no room.
		is_asked: bool,
	},
	Served,
	/// It would be, were its files there.
	Gone,
	NotServed,
}

struct Entry {
	revision: ModelRevision,
	state: State,
}

/// What is to be done about a model.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
	/// Ask the engine for a golden's output, and come back with it.
	Check {
		/// The model.
		model: ModelId,
		/// The golden's index.
		golden: usize,
		/// What to ask.
		request: Request,
	},
	/// Tell the operator and the offchain worker.
	Announce {
		/// The model.
		model: ModelId,
		/// Its name.
		name: String,
		/// Whether it is served.
		served: Result<(), WhyNot>,
	},
}

/// What a job asks of its model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
	/// What the model reads.
	pub input: Vec<u8>,
	/// Output at most, in the model's units.
	pub max_output_units: u32,
	/// How the input becomes a prompt.
	pub prompt: Prompt,
	/// How tokens are chosen.
	pub sampling: Sampling,
	/// What sampling starts from.
	pub seed: [u8; 32],
}

/// Whether a job of a model can be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Service {
	/// The engine takes this.
	Ask(Request),
	/// Its goldens are being checked.
	Later,
	/// The node does not serve it.
	Never,
}

/// The chain's models, as this node sees them.
pub struct Models {
	known: Vec<ModelDescription>,
	choice: Choice,
	is_there: IsThere,
	entries: BTreeMap<ModelId, Entry>,
}

/// Whether the file of a model that the engine has loaded, by its SHA-256, is still there.
pub type IsThere = Box<dyn Fn(&Hash) -> bool + Send>;

impl Models {
	/// Those of an engine that has `known`.
	pub fn new(known: Vec<ModelDescription>, choice: Choice, is_there: IsThere) -> Self {
		Self { known, choice, is_there, entries: BTreeMap::new() }
	}

	/// Models that are served.
	pub fn served(&self) -> usize {
		self.entries.values().filter(|entry| entry.state == State::Served).count()
	}

	/// Takes over the chain's list. Goldens that the engine had no room for are asked for again.
	pub fn update(&mut self, models: Vec<ModelView>) -> Vec<Action> {
		let on_chain: BTreeSet<_> = models.iter().map(|model| model.id).collect();
		self.entries.retain(|id, _| on_chain.contains(id));
		models.into_iter().filter_map(|ModelView { id, revision, .. }| self.meet(id, revision)).collect()
	}

	fn meet(&mut self, id: ModelId, revision: ModelRevision) -> Option<Action> {
		if !self.entries.contains_key(&id) {
			let refused = self.find(&revision).err();
			let state = match refused {
				None => State::Checking { golden: 0, is_asked: false },
				Some(_) => State::NotServed,
			};
			let name = revision.name.to_string_lossy();
			self.entries.insert(id, Entry { revision, state });
			if let Some(why) = refused {
				return Some(Action::Announce { model: id, name, served: Err(why) });
			}
		}
		match self.entries.get(&id)?.state {
			State::Checking { is_asked: false, .. } => self.check_next(id),
			State::Served | State::Gone => self.look_for_files(id),
			State::Checking { .. } | State::NotServed => None,
		}
	}

	/// Whoever removes a model's file does not want it to be served.
	fn look_for_files(&mut self, id: ModelId) -> Option<Action> {
		let Entry { revision, state } = self.entries.get_mut(&id)?;
		let gone = revision.files.iter().find(|file| !(self.is_there)(&file.sha256));
		let (now, served) = match gone {
			None => (State::Served, Ok(())),
			Some(file) => (State::Gone, Err(WhyNot::FileGone(file.sha256))),
		};
		if *state == now {
			return None;
		}
		*state = now;
		Some(Action::Announce { model: id, name: revision.name.to_string_lossy(), served })
	}

	/// Whether the engine can run this revision at all, and may.
	fn find(&self, revision: &ModelRevision) -> Result<(), WhyNot> {
		let first = revision.files.first().map(|file| file.sha256).unwrap_or_default();
		let model = self.known.iter().find(|model| model.is(&first.0)).ok_or(WhyNot::NoFile(first))?;
		let has = |sha256: &Hash| model.files.iter().any(|file| file.sha256 == sha256.0);
		if let Some(file) = revision.files.iter().find(|file| !has(&file.sha256)) {
			return Err(WhyNot::NoFile(file.sha256));
		}
		if !self.choice.allows(&model.name) {
			return Err(WhyNot::NotChosen);
		}
		let architecture = revision.architecture.to_string_lossy();
		let is_task = match revision.task {
			Task::Classify => model.task == EngineTask::Classification,
			Task::Generate => model.task == EngineTask::Generation,
			Task::Embed => model.task == EngineTask::Embedding,
		};
		if architecture != model.architecture.to_string() || !is_task {
			let engine = format!("architecture {} for {}", model.architecture, model.task);
			return Err(WhyNot::Architecture { chain: architecture, task: revision.task, engine });
		}
		if revision.semantics != SEMANTICS_VERSION {
			return Err(WhyNot::Semantics { chain: revision.semantics });
		}
		Ok(())
	}

	/// Asks for the golden whose turn it is; there is none when all have passed.
	fn check_next(&mut self, id: ModelId) -> Option<Action> {
		let entry = self.entries.get_mut(&id)?;
		let State::Checking { golden, is_asked } = &mut entry.state else { return None };
		let Some(next) = entry.revision.goldens.get(*golden) else {
			entry.state = State::Served;
			return Some(Action::Announce { model: id, name: entry.revision.name.to_string_lossy(), served: Ok(()) });
		};
		*is_asked = true;
		let asked = Asked {
			input: next.input.as_bytes().to_vec(),
			max_output_units: entry.revision.limits.output_units.min(GOLDEN_TOKENS),
			prompt: Prompt::Chat,
			sampling: Sampling::default(),
			seed: [0; 32],
		};
		let request = request(&entry.revision, asked)?;
		Some(Action::Check { model: id, golden: *golden, request })
	}

	/// What a golden that was asked for came to.
	pub fn checked(&mut self, id: ModelId, index: usize, outcome: JobOutcome) -> Option<Action> {
		let entry = self.entries.get_mut(&id)?;
		let State::Checking { golden, is_asked } = &mut entry.state else { return None };
		if *golden != index {
			return None;
		}
		let expected = entry.revision.goldens.get(index)?.output_hash;
		let failed = |reason: String| WhyNot::GoldenFailed { index, reason };
		let why = match outcome {
			JobOutcome::Done(outcome) => match canonical_bytes(&outcome).map(|bytes| output_hash(&bytes)) {
				Ok(actual) if actual == expected => {
					*golden += 1;
					return self.check_next(id);
				}
				Ok(actual) => WhyNot::GoldenDiffers { index, expected, actual },
				Err(_) => failed(format!("the chain can't take the outcome {outcome:?}")),
			},
			JobOutcome::Failed(error) => failed(error.to_string()),
			// Says nothing of the model; it is asked for again at the next block.
			JobOutcome::Overloaded | JobOutcome::TooLate | JobOutcome::Cancelled | JobOutcome::ShutDown => {
				*is_asked = false;
				return None;
			}
		};
		entry.state = State::NotServed;
		Some(Action::Announce { model: id, name: entry.revision.name.to_string_lossy(), served: Err(why) })
	}

	/// Whether a job of this model can be done, and what to ask the engine for it.
	pub fn serve(&self, model: &ModelId, asked: Asked) -> Service {
		let Some(entry) = self.entries.get(model) else { return Service::Never };
		match entry.state {
			State::Served => request(&entry.revision, asked).map_or(Service::Never, Service::Ask),
			State::Checking { .. } => Service::Later,
			State::Gone | State::NotServed => Service::Never,
		}
	}
}

fn request(revision: &ModelRevision, asked: Asked) -> Option<Request> {
	let Asked { input, max_output_units, prompt, sampling: Sampling { temperature, top_k, top_p }, seed } = asked;
	let limits = Limits { max_input_bytes: revision.limits.input_bytes, max_output_units };
	let prompt = match prompt {
		Prompt::Chat => EnginePrompt::Chat,
		Prompt::Raw => EnginePrompt::Raw,
	};
	let sampling = EngineSampling { temperature: temperature.into(), top_k: top_k.into(), top_p };
	Some(Request { model: revision.files.first()?.sha256.0, input, limits, prompt, sampling, seed })
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::inference::mock::{fake_model, fake_revision};
	use sibyl_engine::{testing::FakeEngine, Engine, EngineError};
	use sibyl_primitives::model::ModelFile;
	use std::sync::{
		atomic::{AtomicBool, Ordering},
		Arc,
	};

	fn models() -> Models {
		Models::new(FakeEngine::new().models(), Choice::All, Box::new(|_| true))
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
		assert_eq!(ask(&models), Service::Later);

		let mut models = self::models();
		assert_eq!(verdict(&mut models, &FakeEngine::new(), view.clone()), Ok(()));
		assert_eq!(models.served(), 1);
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
		// A model that the chain gave up is forgotten.
		assert_eq!(models.update(vec![]), []);
		assert_eq!((models.served(), ask(&models)), (0, Service::Never));
	}

	#[test]
	fn a_model_whose_file_is_gone_is_not_served_until_it_is_back() {
		let is_there = Arc::new(AtomicBool::new(true));
		let looked_at = is_there.clone();
		let known = FakeEngine::new().models();
		let mut models = Models::new(known, Choice::All, Box::new(move |_| looked_at.load(Ordering::Relaxed)));
		let view = fake_model();
		assert_eq!(verdict(&mut models, &FakeEngine::new(), view.clone()), Ok(()));
		let mut announced = |there| {
			is_there.store(there, Ordering::Relaxed);
			let actions = models.update(vec![view.clone()]);
			let served = models.serve(&view.id, asked("a")) != Service::Never;
			let [Action::Announce { served: told, .. }] = &actions[..] else { panic!("{actions:?}") };
			assert_eq!(told.is_ok(), served);
			assert_eq!(models.update(vec![view.clone()]), [], "it is told once");
			told.clone()
		};
		assert_eq!(announced(false), Err(WhyNot::FileGone(view.revision.files[0].sha256)));
		assert_eq!(announced(true), Ok(()));
	}

	#[test]
	fn a_wrong_golden_keeps_a_model_from_being_served() {
		let mut models = models();
		let salted = FakeEngine::new().salted(1);
		let verdict = verdict(&mut models, &salted, fake_model());
		assert!(matches!(verdict, Err(WhyNot::GoldenDiffers { index: 0, .. })), "{verdict:?}");
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
		let actions = models.update(vec![fake_model()]);
		let [Action::Check { model, golden, .. }] = &actions[..] else { panic!("{actions:?}") };
		assert_eq!(models.update(vec![fake_model()]), [], "it is with the engine");
		assert_eq!(models.checked(*model, *golden, JobOutcome::Overloaded), None);
		assert_eq!(models.update(vec![fake_model()]), actions);
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
		assert_eq!(
			verdict_on(|revision| revision.semantics += 1),
			Err(WhyNot::Semantics { chain: SEMANTICS_VERSION + 1 })
		);
		let verdict = verdict_on(|revision| revision.architecture = "llama".try_into().expect("it is short"));
		assert!(matches!(&verdict, Err(WhyNot::Architecture { chain, .. }) if chain == "llama"), "{verdict:?}");
	}

	#[test]
	fn the_operator_chooses_among_the_models_that_the_node_has() {
		let known = FakeEngine::new().models();
		assert_eq!(Choice::new(&[], &known), Ok(Choice::All));
		let fake = Choice::new(&names(&["fake"]), &known).expect("it has this one");
		let none = Choice::new(&names(&["none"]), &known).expect("none is always there");
		let verdict_by = |choice| {
			verdict(&mut Models::new(known.clone(), choice, Box::new(|_| true)), &FakeEngine::new(), fake_model())
		};
		assert_eq!(verdict_by(fake), Ok(()));
		assert_eq!(verdict_by(none), Err(WhyNot::NotChosen));
		for wrong in [&["gpt"][..], &["fake", "gpt"], &["fake", "none"], &[""]] {
			let error = Choice::new(&names(wrong), &known).expect_err("it has no such model").to_string();
			assert!(error.contains("it has fake") && error.contains("'none'"), "{error}");
		}
	}
}
