//! Runs the offchain worker's requests in the engine and puts the answers into the mailbox.
//!
//! A notice of the mailbox makes a request's start quick; each new best block makes it sure, since then all open jobs
//! are looked through for requests without a response. So nothing is lost to a restart, a full channel or a model whose
//! goldens were still being checked.

use super::{
	installed_models::LoadError,
	mailbox::Mailbox,
	metrics::Metrics,
	models::{Action, Asked, Models, Service, WhyNot},
	output::canonical_bytes,
	timed::{last_run, Timed},
	wake::Waker,
};
use async_channel::{Receiver, Sender};
use futures::StreamExt;
use sc_client_api::{BlockchainEvents, HeaderBackend};
use sibyl_engine::{
	queue::{Job, JobOutcome, Load, Queue},
	Engine, ModelDescription, Request,
};
use sibyl_primitives::{
	api::{InferenceApi, OpenJob, MAX_LISTED_JOBS},
	job::{AbstainReason, Fingerprint, OutputBytes},
	mailbox::{InferenceRequest, InferenceResponse, ModelStatus},
	model::{ModelId, ModelRevision, Standing},
	BlockNumber, Hash,
};
use sibyl_runtime::opaque::Block;
use sp_api::{ApiError, ProvideRuntimeApi};
use sp_core::offchain::OffchainStorage;
use sp_runtime::traits::Header as _;
use std::{collections::BTreeSet, io, sync::Arc, time::Duration};

const LOG_TARGET: &str = "inference::engine";

/// How much this node takes on.
#[derive(Clone, Copy, Debug)]
pub struct Capacity {
	/// Inferences that run at a time.
	pub threads: usize,
	/// Inferences that wait, and what the validator attests.
	pub queue: u16,
	/// Longest run whose answer is used.
	pub timeout: Duration,
}

/// What the engine is done with.
enum Done {
	Load { model: ModelId, loaded: Result<ModelDescription, LoadError> },
	Job { job: Fingerprint, outcome: JobOutcome, ran: Duration },
	Golden { model: ModelId, golden: usize, outcome: JobOutcome },
}

/// The service.
pub struct EngineService<Client, Storage> {
	client: Arc<Client>,
	mailbox: Mailbox<Storage>,
	waker: Waker,
	models: Models,
	queue: Queue,
	capacity: Capacity,
	/// Jobs that the engine has. As each is reported once, this bounds what waits in `done`.
	in_flight: BTreeSet<Fingerprint>,
	done: Sender<Done>,
	heard_done: Receiver<Done>,
	metrics: Metrics,
}

impl<Client, Storage> EngineService<Client, Storage>
where
	Client: ProvideRuntimeApi<Block> + HeaderBackend<Block> + BlockchainEvents<Block>,
	Client::Api: InferenceApi<Block>,
	Storage: OffchainStorage,
{
	/// A service on this engine, whose threads start here.
	pub fn new(
		client: Arc<Client>,
		mailbox: Mailbox<Storage>,
		waker: Waker,
		engine: Arc<dyn Engine>,
		models: Models,
		capacity: Capacity,
		metrics: Metrics,
	) -> io::Result<Self> {
		let timed = Arc::new(Timed::new(engine, metrics.clone()));
		let queue = Queue::new(timed, capacity.threads, capacity.queue.into())?;
		let (done, heard_done) = async_channel::unbounded();
		let in_flight = BTreeSet::new();
		Ok(Self { client, mailbox, waker, models, queue, capacity, in_flight, done, heard_done, metrics })
	}

	/// Serves until the chain is gone.
	pub async fn run(mut self, requests: Receiver<InferenceRequest>) {
		let mut imports = self.client.import_notification_stream().fuse();
		let mut requests = requests.fuse();
		let mut done = self.heard_done.clone().fuse();
		let info = self.client.info();
		self.follow(info.best_hash, info.best_number);
		loop {
			futures::select_biased! {
				done = done.select_next_some() => self.finish(done),
				request = requests.select_next_some() => self.take(request),
				import = imports.next() => match import {
					Some(import) if import.is_new_best => self.follow(import.hash, *import.header.number()),
					Some(_) => {},
					None => return,
				},
			}
			let Load { waiting, running } = self.queue.load();
			self.metrics.queue_length.set((waiting + running) as u64);
		}
	}

	/// Comes to a new best block.
	fn follow(&mut self, best: Hash, number: BlockNumber) {
		// A vote made now gets into the next block at the earliest.
		self.queue.expire(u64::from(number) + 1);
		match self.client.runtime_api().models(best) {
			Ok(models) => {
				for action in self.models.update(models) {
					self.act(action);
				}
				self.metrics.show_models(self.models.names());
			}
			Err(error) => log::warn!(target: LOG_TARGET, "The models can't be read at #{number}: {error}"),
		}
		if let Err(error) = self.look_through_open_jobs(best) {
			log::warn!(target: LOG_TARGET, "The open jobs can't be read at #{number}: {error}");
		}
	}

	fn act(&mut self, action: Action) {
		match action {
			Action::Load { model, revision } => self.load(model, *revision),
			Action::Check { model, golden, request } => {
				self.submit(u64::MAX, request, move |outcome, _| Done::Golden { model, golden, outcome })
			}
			Action::Announce { model, name, served } => self.announce(model, &name, served),
		}
	}

	fn announce(&mut self, model: ModelId, name: &str, served: Result<(), WhyNot>) {
		let standing = match served {
			Ok(()) => {
				log::info!(target: LOG_TARGET, "🔮 Model {name} ({model}): served, its goldens pass");
				Standing::Serves { capacity: self.capacity.queue }
			}
			Err(why) => {
				log::info!(target: LOG_TARGET, "🔮 Model {name} ({model}): not served: {why}");
				Standing::Withdrawn
			}
		};
		self.mailbox.set_model_status(&model, ModelStatus::V1(standing));
		self.metrics.show_models(self.models.names());
		self.waker.wake();
	}

	/// Loads in a thread of its own, since jobs of other models go on.
	fn load(&mut self, model: ModelId, revision: ModelRevision) {
		let (source, report) = (self.models.source(), self.done.clone());
		let load = move || {
			// Where the service is gone nobody waits for it.
			let _ = report.try_send(Done::Load { model, loaded: source.load(&revision) });
		};
		if let Err(error) = std::thread::Builder::new().name("load-model".into()).spawn(load) {
			self.finish(Done::Load { model, loaded: Err(LoadError::Thread(error)) });
		}
	}

	fn look_through_open_jobs(&mut self, best: Hash) -> Result<(), ApiError> {
		let mut from = 0;
		loop {
			let jobs = self.client.runtime_api().open_jobs(best, from, MAX_LISTED_JOBS)?;
			for OpenJob { fingerprint, .. } in &jobs {
				if !self.in_flight.contains(fingerprint) && !self.mailbox.is_answered(fingerprint) {
					if let Some(request) = self.mailbox.request(fingerprint) {
						self.take(request);
					}
				}
			}
			match jobs.last() {
				Some(last) if jobs.len() as u32 >= MAX_LISTED_JOBS && last.id >= from => from = last.id + 1,
				_ => return Ok(()),
			}
		}
	}

	fn take(&mut self, request: InferenceRequest) {
		let InferenceRequest::V1 { job, model, input, max_output_units, prompt, sampling, seed, deadline } = request;
		if self.in_flight.contains(&job) || self.mailbox.is_answered(&job) {
			return;
		}
		if self.capacity.timeout.is_zero() {
			return self.respond(job, Err(AbstainReason::TooSlow));
		}
		let asked = Asked { input: input.into_inner(), max_output_units, prompt, sampling, seed };
		match self.models.serve(&model, asked) {
			Service::Ask(request) => {
				self.metrics.requests.inc();
				self.in_flight.insert(job);
				self.submit(deadline.into(), request, move |outcome, ran| Done::Job { job, outcome, ran });
			}
			// It is found again when the model's goldens have passed or failed.
			Service::Later => {}
			Service::Never => self.respond(job, Err(AbstainReason::NoModel)),
		}
	}

	fn submit(
		&self,
		deadline: u64,
		request: Request,
		done: impl FnOnce(JobOutcome, Duration) -> Done + Send + 'static,
	) {
		let report = self.done.clone();
		let on_done = Box::new(move |outcome| {
			// Where the service is gone nobody waits for it.
			let _ = report.try_send(done(outcome, last_run()));
		});
		// One that finds no room is reported too.
		let _ = self.queue.submit(Job { deadline, request, on_done });
	}

	fn finish(&mut self, done: Done) {
		match done {
			Done::Job { job, outcome, ran } => {
				self.in_flight.remove(&job);
				if let Some(response) = self.response(outcome, ran) {
					self.respond(job, response);
				}
			}
			Done::Load { model, loaded } => {
				let action = self.models.loaded(model, loaded);
				self.go_on(action);
			}
			Done::Golden { model, golden, outcome } => {
				let action = self.models.checked(model, golden, outcome);
				self.go_on(action);
			}
		}
	}

	/// Goes on with a model; where there is a verdict on it, jobs may have waited for that.
	fn go_on(&mut self, action: Option<Action>) {
		let is_verdict = matches!(action, Some(Action::Announce { .. }));
		if let Some(action) = action {
			self.act(action);
		}
		if is_verdict {
			let best = self.client.info().best_hash;
			if let Err(error) = self.look_through_open_jobs(best) {
				log::warn!(target: LOG_TARGET, "The open jobs can't be read: {error}");
			}
		}
	}

	/// What the worker is told; nothing where the job never had its turn, and will be found again.
	fn response(&self, outcome: JobOutcome, ran: Duration) -> Option<Result<OutputBytes, AbstainReason>> {
		match outcome {
			JobOutcome::Done(_) if ran > self.capacity.timeout => {
				log::warn!(
					target: LOG_TARGET,
					"An inference took {} ms, more than --inference-job-timeout allows: this node abstains",
					ran.as_millis(),
				);
				Some(Err(AbstainReason::TooSlow))
			}
			JobOutcome::Done(inference) => Some(canonical_bytes(&inference.outcome)),
			JobOutcome::Failed(error) => {
				log::error!(target: LOG_TARGET, "The engine failed, so this node abstains: {error}");
				Some(Err(AbstainReason::EngineFailed))
			}
			JobOutcome::Overloaded => Some(Err(AbstainReason::Overloaded)),
			JobOutcome::TooLate => Some(Err(AbstainReason::TooSlow)),
			JobOutcome::Cancelled | JobOutcome::ShutDown => None,
		}
	}

	fn respond(&mut self, job: Fingerprint, response: Result<OutputBytes, AbstainReason>) {
		let outcome = match &response {
			Ok(_) => "output",
			Err(AbstainReason::NoModel) => "no_model",
			Err(AbstainReason::Overloaded) => "overloaded",
			Err(AbstainReason::TooSlow) => "too_slow",
			Err(AbstainReason::EngineFailed) => "engine_failed",
		};
		log::debug!(target: LOG_TARGET, "Job {job}: {outcome}");
		self.metrics.responses.with_label_values(&[outcome]).inc();
		self.mailbox.respond(&job, &InferenceResponse::V1(response));
		self.waker.wake();
	}
}

#[cfg(test)]
mod tests;
