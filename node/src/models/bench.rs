//! What this machine serves, measured as a node measures it before it attests, and many jobs at once beside that.

use super::{memory, Error, Location};
use crate::inference::{
	engine_params::EngineParams,
	installed_models::{load_guarded, InstalledModels, ModelSource},
	listed_models::ListedModel,
	models::{Action, Choice, Models, WhyNot},
	pace::Times,
};
use indicatif::DecimalBytes;
use sibyl_engine::{queue::JobOutcome, Engine, Input, Limits, Request, Response, Tier};
use sibyl_engine_process::EngineProcess;
use sibyl_primitives::model::{ModelRevision, Pace, Task};
use std::{
	io::Write,
	sync::Arc,
	thread,
	time::{Duration, Instant},
};

/// What one of many jobs writes at most.
const JOB_TOKENS: u32 = 64;
/// A question that many ask, in bytes, for the jobs that a window has room for.
const QUESTION_BYTES: u32 = 100;

/// `models bench`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sibyl-node models bench smollm2 --inference-threads 2")]
pub struct BenchCommand {
	/// A model's name (common-lingua, smollm2, minilm); all that are installed where none is named.
	#[arg(value_name = "NAME")]
	model: Option<String>,

	#[command(flatten)]
	engine: EngineParams,
}

impl BenchCommand {
	/// Measures and says what it came to; fails where a model that was named would not be served.
	pub fn run(&self, location: &Location, out: &mut impl Write) -> Result<(), Error> {
		let times = Times::of_this_chain();
		let revisions = self.revisions()?;
		let engine = self.engine.engine(Duration::ZERO).map_err(Error::EngineThreads)?;
		let source = Arc::new(InstalledModels::new(engine.clone(), location.folder()));
		let (threads, places) = (self.engine.threads(), self.engine.inference_places);
		writeln!(out, "threads: {threads}; jobs at once: up to {places}; kernels: {}", Tier::best().name())?;
		for revision in revisions {
			let name = revision.name.to_string_lossy();
			if let Some(file) = revision.files.iter().find(|file| !source.has(&file.sha256)) {
				writeln!(out, "\n{name}: not installed ({} is missing)", file.name.to_string_lossy())?;
				match self.model {
					Some(_) => return Err(not_served(&name, "its files are not there", location)),
					None => continue,
				}
			}
			writeln!(out, "\n{name}")?;
			let served = Served::measure(&revision, &engine, source.clone(), times)
				.map_err(|why| Error::NotServed { name: name.clone(), reason: why.to_string() });
			match served {
				Ok(served) => served.tell(&engine, places.into(), out)?,
				Err(error) if self.model.is_some() => return Err(error),
				Err(error) => writeln!(out, "  verdict    {error}")?,
			}
			revision.files.first().into_iter().for_each(|file| source.unload(&file.sha256));
		}
		Ok(())
	}

	fn revisions(&self) -> Result<Vec<ModelRevision>, Error> {
		let all: Vec<_> = sibyl_runtime::models::all().into_iter().map(|manifest| manifest.revision).collect();
		let Some(name) = &self.model else { return Ok(all) };
		let names: Vec<_> = all.iter().map(|revision| revision.name.to_string_lossy()).collect();
		let found: Vec<_> = all.into_iter().filter(|revision| revision.name.to_string_lossy() == *name).collect();
		match found.is_empty() {
			true => Err(Error::NotOnChain { name: name.clone(), known: names.join(", ") }),
			false => Ok(found),
		}
	}
}

fn not_served(name: &str, reason: &str, location: &Location) -> Error {
	let reason = format!("{reason}: run '{}'", location.command(&format!("install {name}")));
	Error::NotServed { name: name.into(), reason }
}

/// A model whose goldens have passed and whose pace is fast enough.
pub struct Served<'a> {
	revision: &'a ModelRevision,
	pace: Pace,
	loading: Duration,
	times: Times,
}

impl<'a> Served<'a> {
	/// Does what a node does before it attests; the reason where it would not.
	pub fn measure(
		revision: &'a ModelRevision,
		engine: &EngineProcess,
		source: Arc<dyn ModelSource>,
		times: Times,
	) -> Result<Self, WhyNot> {
		let mut models = Models::new(source.clone(), Choice::All, times);
		let listed = ListedModel { id: revision.id(), revision: revision.clone() };
		let mut actions = models.update(&[listed], 0);
		let mut loading = Duration::ZERO;
		while let Some(action) = actions.pop() {
			actions.extend(match action {
				Action::Load { model, revision } => {
					let start = Instant::now();
					let loaded = load_guarded(source.as_ref(), &revision);
					loading = start.elapsed();
					models.loaded(model, loaded)
				}
				Action::Check { model, golden, request } => models.checked(model, golden, run(engine, &request).0),
				Action::Measure { model, request } => {
					let (outcome, ran) = run(engine, &request);
					models.measured(model, &outcome, ran)
				}
				Action::Announce { served, .. } => {
					return Ok(Self { revision, pace: served?, loading, times });
				}
			});
		}
		Err(WhyNot::EngineDied("ended".into()))
	}

	/// How long its largest job takes at the pace that is promised.
	pub fn largest(&self) -> Duration {
		let ModelRevision { limits, .. } = self.revision;
		Duration::from_micros(self.pace.time(limits.input_bytes, limits.output_units))
	}

	/// Measures many jobs at once, and says all of it.
	fn tell(&self, engine: &EngineProcess, places: usize, out: &mut impl Write) -> Result<(), Error> {
		let ModelRevision { goldens, limits, .. } = self.revision;
		let count = goldens.len();
		writeln!(out, "  goldens    {count} of {count} have the bytes that the chain expects")?;
		let resident = engine.pid().and_then(memory::resident).map_or_else(String::new, |resident| {
			format!("; the engine's process takes {} of memory with it", DecimalBytes(resident))
		});
		writeln!(out, "  loaded     in {:.2} s{resident}", self.loading.as_secs_f64())?;
		for jobs in [1, 4, places] {
			writeln!(out, "  {jobs:2} at once {}", self.together(engine, jobs)?)?;
		}
		let Pace { job, input_unit, output_unit } = self.pace;
		writeln!(
			out,
			"  promise    {job} µs a job, {input_unit} µs a byte of input, {output_unit} µs a unit of output"
		)?;
		let measured = |input, output| Duration::from_micros(self.pace.time(input, output));
		let (window, units) = (self.times.limit(self.revision), limits.output_units.min(JOB_TOKENS));
		let question = measured(QUESTION_BYTES.min(limits.input_bytes), units);
		let largest = self.largest();
		writeln!(
			out,
			"  verdict    served: its largest job ({} bytes, {} units) is promised in {:.1} s of the {:.1} s that there are, \
			 and {} questions of {QUESTION_BYTES} bytes and {units} units fit into these",
			limits.input_bytes,
			limits.output_units,
			largest.as_secs_f64(),
			window.as_secs_f64(),
			window.as_micros() / question.as_micros().max(1),
		)?;
		Ok(())
	}

	/// How fast so many jobs are done that come together.
	fn together(&self, engine: &EngineProcess, jobs: usize) -> Result<String, Error> {
		let requests: Vec<_> = (0..jobs).map(|job| self.question(job)).collect();
		let start = Instant::now();
		let outcomes: Vec<_> = thread::scope(|scope| {
			let ask = |request| scope.spawn(move || engine.infer(request));
			let asked: Vec<_> = requests.iter().map(ask).collect();
			asked.into_iter().filter_map(|asked| asked.join().ok()).collect()
		});
		let took = start.elapsed();
		let mut tokens = 0;
		for outcome in outcomes {
			if let Ok(Response::Generation { tokens: written, .. }) = outcome?.outcome {
				tokens += written.len();
			}
		}
		let rate = |count: usize| count as f64 / took.as_secs_f64().max(f64::MIN_POSITIVE);
		let shown = format!("{:.1} jobs/s", rate(jobs));
		Ok(match tokens {
			0 => shown,
			_ => format!("{:.0} tokens/s, {shown}", rate(tokens)),
		})
	}

	/// One of many questions, each another one.
	fn question(&self, job: usize) -> Request {
		let golden = self.revision.goldens.first().map_or_else(String::new, |golden| golden.input.to_string_lossy());
		let limits = Limits {
			max_input_bytes: self.revision.limits.input_bytes,
			max_output_units: self.revision.limits.output_units.min(JOB_TOKENS),
		};
		let file = self.revision.files.first().map_or_else(Default::default, |file| file.sha256.0);
		let text = format!("{job} {golden}");
		let input = match self.revision.task {
			// So that it writes as much as it may.
			Task::Generate => Input::Raw(text.into()),
			Task::Classify | Task::Embed => text.into(),
		};
		Request::new(file, input, limits)
	}
}

fn run(engine: &EngineProcess, request: &Request) -> (JobOutcome, Duration) {
	let start = Instant::now();
	let outcome = match engine.infer(request) {
		Ok(inference) => JobOutcome::Done(inference),
		Err(error) => JobOutcome::Failed(error),
	};
	(outcome, start.elapsed())
}
