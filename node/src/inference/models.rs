//! Which of the chain's models this node serves: those whose files it has, that its operator allows, whose goldens pass,
//! and that it is fast enough for.
//!
//! A state machine: the engine's service tells it what the chain and the engine say, and does what it answers. One model
//! at a time is loaded, checked and measured, so that it finds the memory that it needs and is measured alone.

use super::{
	installed_models::{LoadError, ModelSource, Stamp},
	listed_models::ListedModel,
	output::{canonical_bytes, claimed_text},
	pace::{Measured, Measurement, Probe, Times},
};
use sibyl_engine::{
	queue::JobOutcome, sampling::Sampling as EngineSampling, EngineError, Format as EngineFormat, Inference,
	Input as EngineInput, Limits, ModelDescription, Request, Role as EngineRole, Stop, Task as EngineTask,
	SEMANTICS_VERSION,
};
use sibyl_primitives::{
	format::Format,
	input::{Input, Role},
	job::{OutputBytes, Sampling},
	model::{Golden, ModelId, ModelRevision, Pace, Task},
	output::output_hash,
	BlockNumber, Hash, Text,
};
use std::{
	collections::{BTreeMap, BTreeSet},
	sync::Arc,
	time::Duration,
};

mod choice;
mod standing;
mod turns;
mod why_not;

pub use choice::{Choice, NoneBesideOthers};
use standing::bytes;
pub use turns::Turn;
use turns::Turns;
pub use why_not::{Part, WhyNot};

/// Tokens that a golden's output has at most, where the model generates text.
const GOLDEN_TOKENS: u32 = 32;

/// Blocks until a model is tried again that could not be loaded or was too slow: half a minute, and each time twice as
/// long as before.
const TRY_AGAIN_AFTER: BlockNumber = 10;

/// How often that is doubled at most: to 16 minutes.
const MOST_DOUBLINGS: u32 = 5;

/// Where a model stands with this node.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
	/// Not all of its files are there.
	Absent,
	/// They are, and it waits for its turn to be loaded.
	Waiting,
	/// They are being loaded.
	Loading,
	/// This golden is the next to pass.
	Checking {
		/// Its index.
		golden: usize,
		/// Whether the engine has it, or had no room.
		is_asked: bool,
	},
	/// Its goldens have passed, and its pace is being measured.
	Measuring {
		/// The runs so far.
		measurement: Box<Measurement>,
		/// Whether the engine has the next one.
		is_asked: bool,
	},
	/// It is this fast.
	Served(Measured),
	/// For a reason that stays, or until this block.
	NotServed(Option<BlockNumber>),
}

impl State {
	/// Whether the engine has the model, or is about to.
	fn has_memory(&self) -> bool {
		matches!(self, Self::Loading | Self::Checking { .. } | Self::Measuring { .. } | Self::Served(_))
	}

	/// Whether others have to wait.
	fn is_busy(&self) -> bool {
		matches!(self, Self::Loading | Self::Checking { .. } | Self::Measuring { .. })
	}
}

struct Entry {
	revision: ModelRevision,
	state: State,
	/// What was said last of why it is not served: nobody wants to read that every few minutes.
	told: Option<String>,
	/// The same, as it is.
	why: Option<WhyNot>,
	/// How often in a row it was given up for some time.
	failures: u32,
	/// What its files were when they were loaded last.
	tried: Vec<Option<Stamp>>,
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
	/// Ask the engine, and come back with how long it took.
	Measure {
		/// The model.
		model: ModelId,
		/// What to ask.
		request: Request,
	},
	/// Tell the operator and the offchain worker.
	Announce {
		/// The model.
		model: ModelId,
		/// Its name.
		name: String,
		/// The pace that it is served at, if it is.
		served: Result<Pace, WhyNot>,
	},
}

/// What a job asks of its model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
	/// What the model reads.
	pub input: Input,
	/// Output at most, in the model's units.
	pub max_output_units: u32,
	/// How tokens are chosen.
	pub sampling: Sampling,
	/// What sampling starts from.
	pub seed: [u8; 32],
	/// What form the answer has.
	pub format: Format,
	/// An output that somebody gave.
	pub claimed: Option<OutputBytes>,
}

/// Whether a job of a model can be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Service {
	/// The engine takes this, and about so long for it.
	Ask(Request, Duration),
	/// It is being loaded, or its goldens are being checked.
	Later,
	/// The node does not serve it.
	Never,
}

/// The chain's models, as this node sees them.
pub struct Models {
	source: Arc<dyn ModelSource>,
	choice: Choice,
	times: Times,
	entries: BTreeMap<ModelId, Entry>,
	turns: Turns,
	/// The newest block that was heard of.
	now: BlockNumber,
}

impl Models {
	/// Those that the source has the files of, as far as the operator allows them and this machine is fast enough.
	pub fn new(source: Arc<dyn ModelSource>, choice: Choice, times: Times) -> Self {
		Self { source, choice, times, entries: BTreeMap::new(), turns: Turns::default(), now: 0 }
	}

	/// What loads them.
	pub fn source(&self) -> Arc<dyn ModelSource> {
		self.source.clone()
	}

	/// The names of the chain's models, and whether each is served.
	pub fn names(&self) -> impl Iterator<Item = (String, bool)> + '_ {
		self.entries
			.values()
			.map(|Entry { revision, state, .. }| (revision.name.to_string_lossy(), matches!(state, State::Served(_))))
	}

	/// Takes over the chain's list at a block, and looks whether files came or went. What the engine had no room for is
	/// asked again.
	pub fn update(&mut self, models: &[ListedModel], now: BlockNumber) -> Vec<Action> {
		self.now = now;
		let on_chain: BTreeSet<_> = models.iter().map(|model| model.id).collect();
		let (kept, given_up) = std::mem::take(&mut self.entries).into_iter().partition(|(id, _)| on_chain.contains(id));
		self.entries = kept;
		for Entry { revision, .. } in given_up.into_values() {
			self.unload(revision.files.first().map(|file| file.sha256));
		}
		let mut actions = Vec::new();
		for ListedModel { id, revision } in models {
			actions.extend(self.meet(*id, revision));
		}
		actions.extend(self.load_next());
		actions
	}

	fn meet(&mut self, id: ModelId, revision: &ModelRevision) -> Option<Action> {
		let is_new = !self.entries.contains_key(&id);
		if is_new {
			let revision = revision.clone();
			let refused = self.allow(&id, &revision).err();
			let state = if refused.is_some() { State::NotServed(None) } else { State::Absent };
			self.entries.insert(id, Entry { revision, state, told: None, why: None, failures: 0, tried: Vec::new() });
			if let Some(why) = refused {
				return self.announce(id, Err(why));
			}
		}
		let now = self.now;
		let source = self.source.clone();
		let Entry { revision, state, tried, why, .. } = self.entries.get_mut(&id)?;
		let missing = match revision.files.iter().find(|file| !self.source.has(&file.sha256)) {
			None if revision.files.is_empty() => Some(Hash::zero()),
			missing => missing.map(|file| file.sha256),
		};
		match (&state, missing) {
			(State::Absent, None) => {
				*state = State::Waiting;
				None
			}
			(State::NotServed(Some(until)), _) if now >= *until => self.look_again(id),
			(State::NotServed(None), _)
				if why.as_ref().is_some_and(WhyNot::is_of_files) && *tried != stamps(&*source, revision) =>
			{
				self.look_again(id)
			}
			// An operator who removes a model's file does not want it to be served.
			(State::Waiting | State::Checking { .. } | State::Measuring { .. } | State::Served(_), Some(file)) => {
				self.give_up(id, State::Absent, WhyNot::NoFile(file))
			}
			(State::Absent, Some(file)) if is_new => self.announce(id, Err(WhyNot::NoFile(file))),
			(State::Checking { is_asked: false, .. }, None) => self.check_next(id),
			(State::Measuring { is_asked: false, .. }, None) => self.measure_next(id),
			_ => None,
		}
	}

	/// Begins anew with a model that was not served.
	fn look_again(&mut self, id: ModelId) -> Option<Action> {
		let entry = self.entries.get_mut(&id)?;
		entry.state = State::Absent;
		let revision = entry.revision.clone();
		match revision.files.iter().find(|file| !self.source.has(&file.sha256)) {
			Some(file) => self.announce(id, Err(WhyNot::NoFile(file.sha256))),
			None => self.meet(id, &revision),
		}
	}

	/// Lets the next model be loaded, where none is being looked at, and no other node of this machine looks at one.
	fn load_next(&mut self) -> Option<Action> {
		if self.entries.values().any(|entry| entry.state.is_busy()) {
			return None;
		}
		// The smallest is served the soonest, and nobody waits for a turn with the one that is compiled in.
		let waiting = self.entries.iter_mut().filter(|(_, entry)| entry.state == State::Waiting);
		let next = waiting.min_by_key(|(_, entry)| bytes(&entry.revision));
		self.turns.pass(&*self.source, next.as_ref().map(|(_, entry)| &entry.revision), self.now);
		let (id, entry) = next.filter(|_| self.turns.has_come())?;
		entry.state = State::Loading;
		entry.tried = stamps(&*self.source, &entry.revision);
		Some(Action::Load { model: *id, revision: Box::new(entry.revision.clone()) })
	}

	/// Whether this node may serve such a model.
	fn allow(&self, id: &ModelId, revision: &ModelRevision) -> Result<(), WhyNot> {
		if !self.choice.allows(&revision.name.to_string_lossy(), id) {
			return Err(WhyNot::NotChosen);
		}
		match revision.semantics {
			SEMANTICS_VERSION => Ok(()),
			chain => Err(WhyNot::Semantics { chain }),
		}
	}

	/// Says what has become of a model, unless that was said last.
	fn announce(&mut self, id: ModelId, served: Result<Pace, WhyNot>) -> Option<Action> {
		let entry = self.entries.get_mut(&id)?;
		let told = served.as_ref().err().map(|why| match why {
			// Its figures are never quite the same.
			WhyNot::TooSlow { .. } => "too slow".into(),
			why => why.to_string(),
		});
		entry.why = served.as_ref().err().cloned();
		if told.is_some() && told == entry.told {
			return None;
		}
		entry.told = told;
		Some(Action::Announce { model: id, name: entry.revision.name.to_string_lossy(), served })
	}

	/// Gives up a model, and its memory: until its files are there again, for some time, or for good.
	fn give_up(&mut self, id: ModelId, state: State, why: WhyNot) -> Option<Action> {
		let entry = self.entries.get_mut(&id)?;
		entry.state = state;
		let file = entry.revision.files.first().map(|file| file.sha256);
		self.unload(file);
		self.announce(id, Err(why))
	}

	/// Gives up a model for this reason, for as long as that may hold.
	fn refuse(&mut self, id: ModelId, why: WhyNot) -> Option<Action> {
		let entry = self.entries.get_mut(&id)?;
		let until = why.may_pass().then(|| {
			let after = TRY_AGAIN_AFTER << entry.failures.min(MOST_DOUBLINGS);
			entry.failures += 1;
			self.now.saturating_add(after)
		});
		self.give_up(id, State::NotServed(until), why)
	}

	/// Gives back the memory of the model of this file, unless another revision of it is served or about to be.
	fn unload(&self, file: Option<Hash>) {
		let Some(file) = file else { return };
		let is_used = |entry: &Entry| {
			entry.state.has_memory() && entry.revision.files.first().is_some_and(|first| first.sha256 == file)
		};
		if !self.entries.values().any(is_used) {
			self.source.unload(&file);
		}
	}

	/// What came of loading a model.
	pub fn loaded(&mut self, id: ModelId, loaded: Result<ModelDescription, LoadError>) -> Vec<Action> {
		let Some(entry) = self.entries.get_mut(&id).filter(|entry| entry.state == State::Loading) else {
			// The chain gave it up meanwhile.
			if let Ok(model) = loaded {
				self.unload(model.files.first().map(|file| file.sha256.into()));
			}
			return self.load_next().into_iter().collect();
		};
		let outcome = match loaded {
			Ok(model) => fits(&entry.revision, &model),
			Err(error) if error.is_damage() => Err(WhyNot::Damaged(error.to_string())),
			Err(error) if error.may_pass() => Err(WhyNot::NotLoadedYet(error.to_string())),
			Err(error) => Err(WhyNot::NotLoaded(error.to_string())),
		};
		let action = match outcome {
			Ok(()) => {
				entry.state = State::Checking { golden: 0, is_asked: false };
				self.check_next(id)
			}
			Err(why) => self.refuse(id, why),
		};
		self.and_the_next(action)
	}

	fn and_the_next(&mut self, action: Option<Action>) -> Vec<Action> {
		action.into_iter().chain(self.load_next()).collect()
	}

	/// Asks for the golden whose turn it is; where all have passed, for the runs that are measured.
	fn check_next(&mut self, id: ModelId) -> Option<Action> {
		let entry = self.entries.get_mut(&id)?;
		let State::Checking { golden, is_asked } = &mut entry.state else { return None };
		let Some(next) = entry.revision.goldens.get(*golden) else {
			let measurement = Box::new(Measurement::new(&entry.revision, GOLDEN_TOKENS));
			entry.state = State::Measuring { measurement, is_asked: false };
			return self.measure_next(id);
		};
		*is_asked = true;
		let request = golden_request(&entry.revision, next)?;
		Some(Action::Check { model: id, golden: *golden, request })
	}

	/// What a golden that was asked for came to.
	pub fn checked(&mut self, id: ModelId, index: usize, outcome: JobOutcome) -> Vec<Action> {
		let action = self.check(id, index, outcome);
		self.and_the_next(action)
	}

	fn check(&mut self, id: ModelId, index: usize, outcome: JobOutcome) -> Option<Action> {
		let entry = self.entries.get_mut(&id)?;
		let State::Checking { golden, is_asked } = &mut entry.state else { return None };
		if *golden != index {
			return None;
		}
		let expected = entry.revision.goldens.get(index)?;
		let failed = |reason: String| WhyNot::GoldenFailed { index, reason };
		let why = match outcome {
			JobOutcome::Done(inference) => match differs(&inference, (expected.output_hash, expected.trace)) {
				Ok(None) => {
					*golden += 1;
					return self.check_next(id);
				}
				Ok(Some((part, expected, actual))) => WhyNot::GoldenDiffers { index, part, expected, actual },
				Err(reason) => failed(reason),
			},
			JobOutcome::Failed(EngineError::Process(reason)) => WhyNot::EngineDied(reason),
			JobOutcome::Failed(error) => failed(error.to_string()),
			// Says nothing of the model; it is asked for again at the next block.
			JobOutcome::Overloaded | JobOutcome::TooLate | JobOutcome::Cancelled | JobOutcome::ShutDown => {
				*is_asked = false;
				return None;
			}
		};
		self.refuse(id, why)
	}

	/// Asks for the next run that is measured; where all have been made, the model is served if it is fast enough.
	fn measure_next(&mut self, id: ModelId) -> Option<Action> {
		let times = self.times;
		let entry = self.entries.get_mut(&id)?;
		let State::Measuring { measurement, is_asked } = &mut entry.state else { return None };
		if let Some(Probe { input, max_output_units }) = measurement.next() {
			*is_asked = true;
			let request = request(&entry.revision, golden_like(input.into_bytes(), max_output_units))?;
			return Some(Action::Measure { model: id, request });
		}
		let measured = measurement.measured();
		let (largest, limit) = (measured.largest_job(&entry.revision.limits), times.limit(&entry.revision));
		if largest > limit {
			return self.refuse(id, WhyNot::TooSlow { largest, limit });
		}
		entry.state = State::Served(measured);
		entry.failures = 0;
		self.announce(id, Ok(measured.attested()))
	}

	/// What a run that was measured came to, and how long it took.
	pub fn measured(&mut self, id: ModelId, outcome: &JobOutcome, ran: Duration) -> Vec<Action> {
		let action = self.measure(id, outcome, ran);
		self.and_the_next(action)
	}

	fn measure(&mut self, id: ModelId, outcome: &JobOutcome, ran: Duration) -> Option<Action> {
		let entry = self.entries.get_mut(&id)?;
		let State::Measuring { measurement, is_asked } = &mut entry.state else { return None };
		match outcome {
			JobOutcome::Overloaded | JobOutcome::TooLate | JobOutcome::Cancelled | JobOutcome::ShutDown => {
				*is_asked = false;
				None
			}
			JobOutcome::Failed(EngineError::Process(reason)) => self.refuse(id, WhyNot::EngineDied(reason.clone())),
			JobOutcome::Done(_) | JobOutcome::Failed(_) => match measurement.note(outcome, ran) {
				Ok(()) => self.measure_next(id),
				Err(reason) => self.refuse(id, WhyNot::NotMeasured(reason)),
			},
		}
	}

	/// Whether a job of this model can be done, and what to ask the engine for it.
	pub fn serve(&self, model: &ModelId, asked: Asked) -> Service {
		let Some(entry) = self.entries.get(model) else { return Service::Never };
		match entry.state {
			State::Served(measured) => {
				let input_units = asked.input.units().saturating_add(asked.format.bytes());
				let written_units = asked.format.written_units(asked.max_output_units);
				let estimate = measured.time(input_units, written_units) + compiling(&asked.format);
				request(&entry.revision, asked).map_or(Service::Never, |request| Service::Ask(request, estimate))
			}
			State::Waiting | State::Loading | State::Checking { .. } | State::Measuring { .. } => Service::Later,
			State::Absent | State::NotServed(_) => Service::Never,
		}
	}
}

/// How long it takes at most until the engine knows a schema or a pattern, on a slow machine: a job with one is no short job.
fn compiling(format: &Format) -> Duration {
	match format {
		Format::Json(_) | Format::Regex(_) => Duration::from_millis(200),
		Format::Text { .. } | Format::ScoredText { .. } | Format::Choice(_) | Format::Number { .. } => Duration::ZERO,
	}
}

/// What tells a model's files from others.
fn stamps(source: &dyn ModelSource, revision: &ModelRevision) -> Vec<Option<Stamp>> {
	revision.files.iter().map(|file| source.stamp(&file.sha256)).collect()
}

/// What the engine is asked for a golden; none where the chain names no file of the model.
pub fn golden_request(revision: &ModelRevision, golden: &Golden) -> Option<Request> {
	let (input, units) = (golden.input.as_bytes().to_vec(), revision.limits.output_units.min(GOLDEN_TOKENS));
	request(revision, golden_like(input, units))
}

/// What goldens and measured runs ask.
fn golden_like(input: Vec<u8>, max_output_units: u32) -> Asked {
	Asked {
		input: Input::Text(input),
		max_output_units,
		sampling: Sampling::default(),
		seed: [0; 32],
		format: Format::default(),
		claimed: None,
	}
}

/// What a golden says of an inference, the hash of its output and its trace; an error where the chain can't take it at all.
pub fn proof(inference: &Inference) -> Result<(Hash, Hash), String> {
	let bytes = canonical_bytes(&inference.outcome)
		.map_err(|_| format!("the chain can't take the outcome {:?}", inference.outcome))?;
	Ok((output_hash(&bytes), Hash::from(inference.trace)))
}

/// What of an inference is not what the chain expects, with the chain's hash and this node's; an error where the chain
/// can't take it at all.
fn differs(inference: &Inference, expected: (Hash, Hash)) -> Result<Option<(Part, Hash, Hash)>, String> {
	let actual = proof(inference)?;
	Ok(match actual {
		_ if actual.0 != expected.0 => Some((Part::Output, expected.0, actual.0)),
		_ if actual.1 != expected.1 => Some((Part::Trace, expected.1, actual.1)),
		_ => None,
	})
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

/// What to ask the engine for a job; none where the chain names no file of the model.
pub fn request(revision: &ModelRevision, asked: Asked) -> Option<Request> {
	let Asked { input, max_output_units, sampling, seed, format, claimed } = asked;
	let Sampling { temperature, top_k, top_p } = sampling;
	let limits = Limits { max_input_bytes: revision.limits.input_bytes, max_output_units };
	let sampling = EngineSampling { temperature: temperature.into(), top_k: top_k.into(), top_p };
	Some(Request {
		model: revision.files.first()?.sha256.0,
		input: engine_input(input),
		limits,
		sampling,
		seed,
		format: engine_format(format),
		claim: claimed.as_ref().map(claimed_text).unwrap_or_default(),
		stop: Stop::default(),
	})
}

fn engine_input(input: Input) -> EngineInput {
	let role = |role| match role {
		Role::System => EngineRole::System,
		Role::User => EngineRole::User,
		Role::Assistant => EngineRole::Assistant,
	};
	match input {
		Input::Text(text) => EngineInput::Text(text),
		Input::Raw(text) => EngineInput::Raw(text),
		Input::Messages(messages) => {
			EngineInput::Messages(messages.into_iter().map(|said| (role(said.role), said.text)).collect())
		}
	}
}

fn engine_format(format: Format) -> EngineFormat {
	fn texts<const N: u32>(texts: &[Text<N>]) -> Vec<String> {
		texts.iter().map(Text::to_string_lossy).collect()
	}
	match format {
		Format::Text { stops } => EngineFormat::Text { stops: texts(&stops) },
		Format::ScoredText { stops } => EngineFormat::ScoredText { stops: texts(&stops) },
		Format::Choice(choices) => EngineFormat::Choice(texts(&choices)),
		Format::Number { min, max, decimals } => EngineFormat::Number { min, max, decimals },
		Format::Json(schema) => EngineFormat::Json(schema.to_string_lossy()),
		Format::Regex(pattern) => EngineFormat::Regex(pattern.to_string_lossy()),
	}
}

#[cfg(test)]
mod tests;
