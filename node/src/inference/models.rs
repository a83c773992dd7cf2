//! Which of the chain's models this node serves: those whose files it has, that its operator allows, and whose goldens
//! pass.
//!
//! A state machine: the engine's service tells it what the chain and the engine say, and does what it answers.

use super::{
	installed_models::{LoadError, ModelSource},
	output::canonical_bytes,
};
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
use std::{
	collections::{BTreeMap, BTreeSet},
	sync::Arc,
};

/// What on the command line stands for no model at all.
const NONE: &str = "none";

/// Tokens that a golden's output has at most, where the model generates text.
const GOLDEN_TOKENS: u32 = 32;

/// The models that the operator allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
	/// All that the node has the files of.
	All,
	/// Those of these names.
	Only(BTreeSet<String>),
}

/// A name on the command line is none of a model that this release knows.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("--models names '{name}', which this release does not know: it knows {known}; 'none' alone serves no model")]
pub struct UnknownModel {
	name: String,
	known: String,
}

impl Choice {
	/// What the command line says, given the names that this release knows; nothing said is all.
	pub fn new(names: &[String], known: &[String]) -> Result<Self, UnknownModel> {
		match names {
			[] => return Ok(Self::All),
			[none] if none == NONE => return Ok(Self::Only(BTreeSet::new())),
			_ => {}
		}
		match names.iter().find(|name| !known.contains(name)) {
			None => Ok(Self::Only(names.iter().cloned().collect())),
			Some(name) => Err(UnknownModel { name: name.clone(), known: known.join(", ") }),
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
	/// A file is not there, or not any more.
	#[error(
		"this node has no file of SHA-256 {0:?}; 'models install' or 'models add' brings it, also while the node runs"
	)]
	NoFile(Hash),
	/// Its files are there and can't be used.
	#[error("it can't be loaded: {0}; mend that, then start the node again")]
	NotLoaded(String),
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
	/// Not all of its files are there.
	Absent,
	/// They are being loaded.
	Loading,
	/// This golden is the next to pass.
	Checking {
		/// Its index.
		golden: usize,
		/// Whether the engine has it, or had no room.
		is_asked: bool,
	},
	Served,
	/// For a reason that stays.
	NotServed,
}

struct Entry {
	revision: ModelRevision,
	state: State,
}

/// What is to be done about a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
	/// Have the model loaded, and come back with what it is.
	Load {
		/// The model.
		model: ModelId,
		/// What the chain says of it.
		revision: Box<ModelRevision>,
	},
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
	/// It is being loaded, or its goldens are being checked.
	Later,
	/// The node does not serve it.
	Never,
}

/// The chain's models, as this node sees them.
pub struct Models {
	source: Arc<dyn ModelSource>,
	choice: Choice,
	entries: BTreeMap<ModelId, Entry>,
}

impl Models {
	/// Those that the source has the files of, as far as the operator allows them.
	pub fn new(source: Arc<dyn ModelSource>, choice: Choice) -> Self {
		Self { source, choice, entries: BTreeMap::new() }
	}

	/// What loads them.
	pub fn source(&self) -> Arc<dyn ModelSource> {
		self.source.clone()
	}

	/// The names of the chain's models, and whether each is served.
	pub fn names(&self) -> impl Iterator<Item = (String, bool)> + '_ {
		self.entries
			.values()
			.map(|Entry { revision, state }| (revision.name.to_string_lossy(), *state == State::Served))
	}

	/// Takes over the chain's list, and looks whether files came or went. Goldens that the engine had no room for are
	/// asked for again.
	pub fn update(&mut self, models: Vec<ModelView>) -> Vec<Action> {
		let on_chain: BTreeSet<_> = models.iter().map(|model| model.id).collect();
		let (kept, given_up) = std::mem::take(&mut self.entries).into_iter().partition(|(id, _)| on_chain.contains(id));
		self.entries = kept;
		given_up.into_values().for_each(|entry| self.unload(&entry.revision));
		models.into_iter().filter_map(|ModelView { id, revision, .. }| self.meet(id, revision)).collect()
	}

	fn meet(&mut self, id: ModelId, revision: ModelRevision) -> Option<Action> {
		let is_new = !self.entries.contains_key(&id);
		if is_new {
			let refused = self.allow(&revision).err();
			let state = if refused.is_some() { State::NotServed } else { State::Absent };
			self.entries.insert(id, Entry { revision, state });
			if let Some(why) = refused {
				return self.announce(id, Err(why));
			}
		}
		let Entry { revision, state } = self.entries.get_mut(&id)?;
		let missing = match revision.files.iter().find(|file| !self.source.has(&file.sha256)) {
			None if revision.files.is_empty() => Some(Hash::zero()),
			missing => missing.map(|file| file.sha256),
		};
		match (&state, missing) {
			(State::Absent, None) => {
				*state = State::Loading;
				Some(Action::Load { model: id, revision: Box::new(revision.clone()) })
			}
			// An operator who removes a model's file does not want it to be served.
			(State::Checking { .. } | State::Served, Some(file)) => {
				self.give_up(id, State::Absent, WhyNot::NoFile(file))
			}
			(State::Absent, Some(file)) if is_new => self.announce(id, Err(WhyNot::NoFile(file))),
			(State::Checking { is_asked: false, .. }, None) => self.check_next(id),
			_ => None,
		}
	}

	/// Whether this node may serve such a model.
	fn allow(&self, revision: &ModelRevision) -> Result<(), WhyNot> {
		if !self.choice.allows(&revision.name.to_string_lossy()) {
			return Err(WhyNot::NotChosen);
		}
		match revision.semantics {
			SEMANTICS_VERSION => Ok(()),
			chain => Err(WhyNot::Semantics { chain }),
		}
	}

	fn announce(&self, id: ModelId, served: Result<(), WhyNot>) -> Option<Action> {
		let name = self.entries.get(&id)?.revision.name.to_string_lossy();
		Some(Action::Announce { model: id, name, served })
	}

	/// Gives up a model, and its memory: until its files are there again, or for good.
	fn give_up(&mut self, id: ModelId, state: State, why: WhyNot) -> Option<Action> {
		let entry = self.entries.get_mut(&id)?;
		entry.state = state;
		let revision = entry.revision.clone();
		self.unload(&revision);
		self.announce(id, Err(why))
	}

	/// Several revisions may have one file.
	fn unload(&self, revision: &ModelRevision) {
		let is_used = |entry: &Entry| match entry.state {
			State::Loading | State::Checking { .. } | State::Served => {
				entry.revision.files.first() == revision.files.first()
			}
			State::Absent | State::NotServed => false,
		};
		if let Some(file) = revision.files.first().filter(|_| !self.entries.values().any(is_used)) {
			self.source.unload(&file.sha256);
		}
	}

	/// What came of loading a model.
	pub fn loaded(&mut self, id: ModelId, loaded: Result<ModelDescription, LoadError>) -> Option<Action> {
		let entry = self.entries.get_mut(&id).filter(|entry| entry.state == State::Loading)?;
		let outcome = match loaded {
			Ok(model) => fits(&entry.revision, &model),
			Err(error) => Err(WhyNot::NotLoaded(error.to_string())),
		};
		match outcome {
			Ok(()) => {
				entry.state = State::Checking { golden: 0, is_asked: false };
				self.check_next(id)
			}
			Err(why) => self.give_up(id, State::NotServed, why),
		}
	}

	/// Asks for the golden whose turn it is; there is none when all have passed.
	fn check_next(&mut self, id: ModelId) -> Option<Action> {
		let entry = self.entries.get_mut(&id)?;
		let State::Checking { golden, is_asked } = &mut entry.state else { return None };
		let Some(next) = entry.revision.goldens.get(*golden) else {
			entry.state = State::Served;
			return self.announce(id, Ok(()));
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
			JobOutcome::Done(inference) => match canonical_bytes(&inference.outcome).map(|bytes| output_hash(&bytes)) {
				Ok(actual) if actual == expected => {
					*golden += 1;
					return self.check_next(id);
				}
				Ok(actual) => WhyNot::GoldenDiffers { index, expected, actual },
				Err(_) => failed(format!("the chain can't take the outcome {:?}", inference.outcome)),
			},
			JobOutcome::Failed(error) => failed(error.to_string()),
			// Says nothing of the model; it is asked for again at the next block.
			JobOutcome::Overloaded | JobOutcome::TooLate | JobOutcome::Cancelled | JobOutcome::ShutDown => {
				*is_asked = false;
				return None;
			}
		};
		self.give_up(id, State::NotServed, why)
	}

	/// Whether a job of this model can be done, and what to ask the engine for it.
	pub fn serve(&self, model: &ModelId, asked: Asked) -> Service {
		let Some(entry) = self.entries.get(model) else { return Service::Never };
		match entry.state {
			State::Served => request(&entry.revision, asked).map_or(Service::Never, Service::Ask),
			State::Loading | State::Checking { .. } => Service::Later,
			State::Absent | State::NotServed => Service::Never,
		}
	}
}

/// Whether what was loaded is what the chain means.
fn fits(revision: &ModelRevision, model: &ModelDescription) -> Result<(), WhyNot> {
	let has = |sha256: &Hash| model.files.iter().any(|file| file.sha256 == sha256.0);
	if let Some(file) = revision.files.iter().find(|file| !has(&file.sha256)) {
		return Err(WhyNot::NoFile(file.sha256));
	}
	let architecture = revision.architecture.to_string_lossy();
	let is_task = match revision.task {
		Task::Classify => model.task == EngineTask::Classification,
		Task::Generate => model.task == EngineTask::Generation,
		Task::Embed => model.task == EngineTask::Embedding,
	};
	match architecture == model.architecture.to_string() && is_task {
		true => Ok(()),
		false => {
			let engine = format!("architecture {} for {}", model.architecture, model.task);
			Err(WhyNot::Architecture { chain: architecture, task: revision.task, engine })
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
mod tests;
