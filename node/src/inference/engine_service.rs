//! Runs the offchain worker's requests in the engine and puts the answers into the mailbox.
//!
//! A notice of the mailbox makes a request's start quick; each new best block makes it sure, since then all open jobs
//! are looked through for requests without a response. So nothing is lost to a restart, a full channel or a model whose
//! goldens were still being checked.
//!
//! Nothing is computed that nobody wants. At each best block, jobs are cancelled that are not open any more for the votes
//! that they were asked for, and those that are get their present deadline. What can't be done by then is abstained from
//! at once, as long as the abstention can still be voted: see [`WantedJobs`] and [the queue](sibyl_engine::queue).

use super::{
	insight::Insight,
	installed_models::{load_guarded, LoadError},
	listed_models::ListedModels,
	mailbox::Mailbox,
	metrics::Metrics,
	models::{Action, Asked, Models, Service, WhyNot},
	output::canonical_bytes,
	pace::steady,
	started::StartedJobs,
	timed::Timed,
	wake::Waker,
	IsSyncing,
};
use async_channel::{Receiver, Sender};
use futures::StreamExt;
use sc_client_api::{BlockchainEvents, HeaderBackend};
use sibyl_engine::{
	queue::{Job, JobId, JobOutcome, Load, Queue, Turn},
	Engine, EngineError, Inference, ModelDescription, Request,
};
use sibyl_primitives::{
	api::{InferenceApi, MAX_LISTED_JOBS, MAX_LISTED_OPEN_JOBS},
	job::{AbstainReason, Fingerprint},
	mailbox::{Answered, InferenceRequest, InferenceResponse},
	model::{Availability, ModelId, ModelRevision, Pace},
	BlockNumber, Hash,
};
use sibyl_runtime::opaque::Block;
use sp_api::{ApiError, ProvideRuntimeApi};
use sp_core::offchain::OffchainStorage;
use sp_runtime::traits::Header as _;
use std::{collections::BTreeMap, io, sync::Arc, time::Duration};
use wanted::WantedJobs;

mod wanted;

const LOG_TARGET: &str = "inference::engine";

/// How much this node takes on.
#[derive(Clone, Copy, Debug)]
pub struct Capacity {
	/// Jobs that run at once, and share the machine.
	pub places: usize,
	/// Inferences that wait at most.
	pub queue: u16,
	/// Longest run whose answer is used.
	pub timeout: Duration,
	/// The time between two blocks.
	pub block: Duration,
	/// Whether short jobs have a thread of their own.
	pub short_jobs_apart: bool,
}

/// What the engine is done with.
enum Done {
	Load { model: ModelId, loaded: Result<ModelDescription, LoadError> },
	Job { job: Fingerprint, outcome: JobOutcome, ran: Duration },
	Golden { model: ModelId, golden: usize, outcome: JobOutcome },
	Measured { model: ModelId, outcome: JobOutcome, ran: Duration },
}

/// A job that the engine has.
struct InFlight {
	id: JobId,
	/// The deadline that the worker asked with: see [`WantedJobs::deadline`].
	asked_for: BlockNumber,
}

/// The service.
pub struct EngineService<Client, Storage> {
	client: Arc<Client>,
	mailbox: Mailbox<Storage>,
	waker: Waker,
	listed: ListedModels,
	models: Models,
	queue: Queue,
	capacity: Capacity,
	is_syncing: IsSyncing,
	/// Whether it was syncing when it was last asked.
	was_syncing: bool,
	/// Whether a block has been come to, before which the chain's models are not known.
	has_begun: bool,
	wanted: WantedJobs,
	started: StartedJobs<Storage>,
	/// Jobs that the engine has. As each is reported once, this bounds what waits in `done`.
	in_flight: BTreeMap<Fingerprint, InFlight>,
	done: Sender<Done>,
	heard_done: Receiver<Done>,
	metrics: Metrics,
	insight: Insight,
	/// Whether the chain was told that this node serves nothing.
	is_draining: bool,
}

impl<Client, Storage> EngineService<Client, Storage>
where
	Client: ProvideRuntimeApi<Block> + HeaderBackend<Block> + BlockchainEvents<Block>,
	Client::Api: InferenceApi<Block>,
	Storage: OffchainStorage + 'static,
{
	/// A service on this engine, whose threads start here.
	#[allow(clippy::too_many_arguments)] // Each is another part of the node.
	pub fn new(
		client: Arc<Client>,
		mailbox: Mailbox<Storage>,
		waker: Waker,
		engine: Arc<dyn Engine>,
		models: Models,
		capacity: Capacity,
		is_syncing: IsSyncing,
		metrics: Metrics,
		insight: Insight,
	) -> io::Result<Self> {
		let timed = Arc::new(Timed::new(engine, metrics.clone()));
		let mut queue = Queue::new(timed, capacity.places, capacity.queue.into())?;
		if capacity.short_jobs_apart {
			queue = queue.with_short_jobs_apart()?;
		}
		let (done, heard_done) = async_channel::unbounded();
		let wanted = WantedJobs::new(client.info().best_number, capacity.block);
		let started = StartedJobs::found(mailbox.clone());
		Ok(Self {
			client,
			mailbox,
			waker,
			listed: ListedModels::default(),
			models,
			queue,
			capacity,
			is_syncing,
			was_syncing: false,
			has_begun: false,
			wanted,
			started,
			in_flight: BTreeMap::new(),
			done,
			heard_done,
			metrics,
			insight,
			is_draining: false,
		})
	}

	/// Serves until the chain is gone.
	pub async fn run(mut self, requests: Receiver<InferenceRequest>) {
		let mut imports = self.client.import_notification_stream().fuse();
		let mut requests = requests.fuse();
		let mut done = self.heard_done.clone().fuse();
		let mut bell = self.insight.bell().fuse();
		// The head of the last start may be old, and the network does not know yet that it is: the first block that is told of
		// begins it all, and none is while the node catches up.
		loop {
			futures::select_biased! {
				done = done.select_next_some() => self.finish(done),
				import = imports.next() => match import {
					Some(import) if import.is_new_best => self.follow(import.hash, *import.header.number()),
					Some(_) => {},
					None => return,
				},
				_ = bell.select_next_some() => self.heed_drain(),
				request = requests.select_next_some() => self.take(request),
			}
			let load = self.queue.load();
			self.insight.set_load(load);
			let Load { waiting, running } = load;
			self.metrics.queue_length.set((waiting + running) as u64);
		}
	}

	/// Whether the node is still far from the newest block: then nothing is run.
	fn is_syncing(&mut self) -> bool {
		let is_syncing = (self.is_syncing)();
		if is_syncing != self.was_syncing {
			self.was_syncing = is_syncing;
			let what =
				if is_syncing { "The node is syncing: no inferences until it has caught up" } else { "Caught up" };
			log::info!(target: LOG_TARGET, "🔮 {what}");
		}
		is_syncing
	}

	/// Comes to a new best block.
	fn follow(&mut self, best: Hash, number: BlockNumber) {
		if self.is_syncing() {
			return;
		}
		self.has_begun = true;
		self.wanted.at_block(number);
		self.update_models(best, number);
		match self.open_jobs(best) {
			Ok(jobs) => {
				self.wanted.replace(jobs);
				self.keep_up();
				self.look_through_open_jobs();
			}
			Err(error) => log::warn!(target: LOG_TARGET, "The open jobs can't be read at #{number}: {error}"),
		}
		self.queue.shed();
	}

	fn update_models(&mut self, best: Hash, number: BlockNumber) {
		match self.listed.read(&*self.client, best) {
			Ok(models) => {
				let actions = self.models.update(models, number);
				let is_known = |id: &ModelId| models.iter().any(|model| model.id == *id);
				self.mailbox.keep_models(is_known);
				self.act_on(actions);
				self.show_models();
			}
			Err(error) => log::warn!(target: LOG_TARGET, "The models can't be read at #{number}: {error}"),
		}
	}

	fn open_jobs(&self, best: Hash) -> Result<Vec<sibyl_primitives::api::OpenJob>, ApiError> {
		let mut all = Vec::new();
		let mut from = 0;
		loop {
			let jobs = self.client.runtime_api().open_jobs(best, from, MAX_LISTED_OPEN_JOBS)?;
			// Runtimes up to version 105 give no more at once.
			let is_full = jobs.len() as u32 >= MAX_LISTED_JOBS;
			let last = jobs.last().map(|job| job.id);
			all.extend(jobs);
			match last {
				Some(last) if is_full && last >= from => from = last + 1,
				_ => return Ok(all),
			}
		}
	}

	/// Cancels what nobody wants any more, and takes over the present deadlines of the rest.
	fn keep_up(&self) {
		for (job, InFlight { id, asked_for }) in &self.in_flight {
			match self.wanted.deadline(job, *asked_for) {
				Some(deadline) => self.queue.reschedule(*id, self.wanted.due(deadline)),
				None => {
					log::debug!(target: LOG_TARGET, "Job {job}: nobody wants its answer any more");
					self.queue.cancel(*id);
				}
			}
		}
	}

	/// Takes the requests of open jobs that have no response.
	fn look_through_open_jobs(&mut self) {
		for job in self.wanted.voting() {
			if !self.in_flight.contains_key(&job) && !self.mailbox.is_answered(&job) {
				if let Some(request) = self.mailbox.request(&job) {
					self.take(request);
				}
			}
		}
	}

	fn act_on(&mut self, actions: Vec<Action>) {
		for action in actions {
			match action {
				Action::Load { model, revision } => self.load(model, *revision),
				Action::Check { model, golden, request } => {
					self.run_alone(request, move |outcome, _| Done::Golden { model, golden, outcome })
				}
				Action::Measure { model, request } => {
					self.run_alone(request, move |outcome, ran| Done::Measured { model, outcome, ran })
				}
				Action::Announce { model, name, served } => self.announce(model, &name, served),
			}
		}
	}

	fn announce(&mut self, model: ModelId, name: &str, served: Result<Pace, WhyNot>) {
		let availability = match served {
			Ok(pace) => {
				let pace = steady(self.mailbox.told_pace(&model), pace);
				let Pace { job, input_unit, output_unit } = pace;
				log::info!(
					target: LOG_TARGET,
					"🔮 Model {name} ({model}): served, its goldens pass. It promises the chain {job} µs for a job, \
					 {input_unit} for a byte of input, {output_unit} for a unit of output",
				);
				match self.is_draining {
					true => Availability::Withdrawn,
					false => Availability::Serves(pace),
				}
			}
			Err(why) => {
				log::info!(target: LOG_TARGET, "🔮 Model {name} ({model}): not served: {why}");
				if why.is_fault() {
					self.insight.fault(format!("model {name} is not served: {why}"));
				} else if !self.mailbox.has_told_of(&model) {
					// Of the many models that are not meant to be here nothing needs to be said.
					return self.show_models();
				}
				Availability::Withdrawn
			}
		};
		self.mailbox.set_model_status(&model, availability);
		self.show_models();
		self.waker.wake();
	}

	/// Shows the operator how this node stands to the models, with the paces that the chain is told.
	fn show_models(&self) {
		self.metrics.show_models(self.models.names());
		let mut models = self.models.standings(self.insight.files());
		for model in &mut models {
			model.pace = model.pace.and(self.mailbox.told_pace(&model.id)).map(Into::into);
		}
		self.insight.set_models(models);
	}

	/// Tells the chain that this node serves nothing, so that it gets no new seats, or what it serves again. What it has
	/// seats in is computed all the same.
	fn heed_drain(&mut self) {
		let on = self.insight.is_draining();
		if on == self.is_draining {
			return;
		}
		self.is_draining = on;
		let what = match on {
			true => "Draining, as it was told to: no new seats; those that are open are served",
			false => "Draining no more, as it was told to: this node takes seats again",
		};
		log::info!(target: LOG_TARGET, "🔮 {what}");
		for (model, pace) in self.models.served() {
			let availability = match on {
				true => Availability::Withdrawn,
				false => Availability::Serves(steady(self.mailbox.told_pace(&model), pace)),
			};
			self.mailbox.set_model_status(&model, availability);
		}
		self.show_models();
		self.waker.wake();
	}

	/// Loads in a thread of its own, since jobs of other models go on.
	fn load(&mut self, model: ModelId, revision: ModelRevision) {
		let (source, report) = (self.models.source(), self.done.clone());
		let load = move || {
			let loaded = load_guarded(source.as_ref(), &revision);
			// Where the service is gone nobody waits for it.
			let _ = report.try_send(Done::Load { model, loaded });
		};
		if let Err(error) = std::thread::Builder::new().name("load-model".into()).spawn(load) {
			self.finish(Done::Load { model, loaded: Err(LoadError::Thread(error)) });
		}
	}

	fn take(&mut self, request: InferenceRequest) {
		let InferenceRequest::V1 { job, model, input, max_output_units, sampling, format, claimed, seed, deadline } =
			request;
		if !self.has_begun || self.is_syncing() || self.in_flight.contains_key(&job) || self.mailbox.is_answered(&job) {
			return;
		}
		let asked_for = deadline;
		let Some(deadline) = self.wanted.deadline_of_request(&job, asked_for) else { return };
		if self.started.died_on(&job) {
			log::warn!(target: LOG_TARGET, "Job {job}: the node or its engine ended while it ran this, so it abstains");
			self.respond(job, Err(AbstainReason::EngineFailed));
			return self.started.forget(&job);
		}
		if self.capacity.timeout.is_zero() {
			return self.respond(job, Err(AbstainReason::TooSlow));
		}
		let asked = Asked { input, max_output_units, sampling, seed, format, claimed };
		match self.models.serve(&model, asked) {
			Service::Ask(_, estimate) if estimate > self.capacity.timeout => {
				self.respond(job, Err(AbstainReason::TooSlow))
			}
			Service::Ask(request, estimate) => self.run_job(job, request, estimate, deadline, asked_for),
			// It is found again when the model is served or not, as long as there is time.
			Service::Later if !self.wanted.is_last_call(deadline) => {}
			Service::Later => self.respond(job, Err(AbstainReason::Overloaded)),
			Service::Never => self.respond(job, Err(AbstainReason::NoModel)),
		}
	}

	fn run_job(
		&mut self,
		job: Fingerprint,
		request: Request,
		estimate: Duration,
		deadline: BlockNumber,
		asked_for: BlockNumber,
	) {
		self.metrics.requests.inc();
		let started = self.started.clone();
		let on_start = Box::new(move || Box::new(started.begin(job)) as Box<dyn Send>);
		let started = self.started.clone();
		let on_done = self.on_done(move |outcome, ran| {
			if matches!(outcome, JobOutcome::Failed(EngineError::Process(_))) {
				started.engine_died(job);
			}
			Done::Job { job, outcome, ran }
		});
		let turn = Turn::By(self.wanted.due(deadline));
		// One that finds no time or no room is told of, too.
		let id = self.queue.submit(Job { turn, estimate, request, on_start, on_done });
		self.in_flight.insert(job, InFlight { id, asked_for });
	}

	/// Runs what belongs to no job.
	fn run_alone(&self, request: Request, done: impl FnOnce(JobOutcome, Duration) -> Done + Send + 'static) {
		let on_start = Box::new(|| Box::new(()) as Box<dyn Send>);
		let (turn, estimate, on_done) = (Turn::Alone, Duration::ZERO, self.on_done(done));
		self.queue.submit(Job { turn, estimate, request, on_start, on_done });
	}

	fn on_done(
		&self,
		done: impl FnOnce(JobOutcome, Duration) -> Done + Send + 'static,
	) -> Box<dyn FnOnce(JobOutcome, Duration) + Send> {
		let report = self.done.clone();
		Box::new(move |outcome, ran| {
			// Where the service is gone nobody waits for it.
			let _ = report.try_send(done(outcome, ran));
		})
	}

	fn finish(&mut self, done: Done) {
		match done {
			Done::Job { job, outcome, ran } => {
				self.in_flight.remove(&job);
				if let Some(response) = self.response(outcome, ran) {
					self.respond(job, response);
					self.started.forget(&job);
				}
			}
			Done::Load { model, loaded } => {
				let actions = self.models.loaded(model, loaded);
				self.go_on(actions);
			}
			Done::Golden { model, golden, outcome } => {
				let actions = self.models.checked(model, golden, outcome);
				self.go_on(actions);
			}
			Done::Measured { model, outcome, ran } => {
				let actions = self.models.measured(model, &outcome, ran);
				self.go_on(actions);
			}
		}
	}

	/// Goes on with the models; where there is a verdict on one, jobs may have waited for that.
	fn go_on(&mut self, actions: Vec<Action>) {
		let is_verdict = actions.iter().any(|action| matches!(action, Action::Announce { .. }));
		self.act_on(actions);
		if is_verdict {
			self.look_through_open_jobs();
		}
	}

	/// What the worker is told; nothing where nobody wants it any more, or it will be found again.
	fn response(&self, outcome: JobOutcome, ran: Duration) -> Option<Result<Answered, AbstainReason>> {
		match outcome {
			JobOutcome::Done(_) if ran > self.capacity.timeout => {
				log::warn!(
					target: LOG_TARGET,
					"An inference took {} ms, more than --inference-job-timeout allows: this node abstains",
					ran.as_millis(),
				);
				Some(Err(AbstainReason::TooSlow))
			}
			JobOutcome::Done(Inference { outcome, trace }) => {
				Some(canonical_bytes(&outcome).map(|output| Answered { output, trace: trace.into() }))
			}
			JobOutcome::Failed(error) => {
				log::error!(target: LOG_TARGET, "The engine failed, so this node abstains: {error}");
				Some(Err(AbstainReason::EngineFailed))
			}
			JobOutcome::Overloaded => Some(Err(AbstainReason::Overloaded)),
			JobOutcome::TooLate => Some(Err(AbstainReason::TooSlow)),
			JobOutcome::Cancelled | JobOutcome::ShutDown => None,
		}
	}

	fn respond(&mut self, job: Fingerprint, response: Result<Answered, AbstainReason>) {
		let outcome = label(&response);
		log::debug!(target: LOG_TARGET, "Job {job}: {outcome}");
		if response.is_err() {
			self.insight.fault(format!("abstained from job {job}: {outcome}"));
		}
		self.metrics.responses.with_label_values(&[outcome]).inc();
		self.mailbox.respond(&job, &InferenceResponse::V1(response));
		self.waker.wake();
	}
}

/// How the metrics call a response.
pub fn label(response: &Result<Answered, AbstainReason>) -> &'static str {
	match response {
		Ok(_) => "output",
		Err(AbstainReason::NoModel) => "no_model",
		Err(AbstainReason::Overloaded) => "overloaded",
		Err(AbstainReason::TooSlow) => "too_slow",
		Err(AbstainReason::EngineFailed) => "engine_failed",
	}
}

#[cfg(test)]
pub mod tests;
