//! A validator's node: what it knows, and what it keeps in memory and in its database.

use crate::{
	chain::GENESIS,
	engine,
	keystore::Keys,
	mailbox::Mailbox,
	plan::{self, Plan, Tick},
	rng::Rng,
};
use codec::{Decode, Encode};
use sibyl_primitives::{
	job::{AbstainReason, Fingerprint},
	mailbox::{response_key, InferenceRequest, InferenceResponse, ModelStatuses, MODELS, REQUEST_PREFIX},
	model::{Availability, ModelId, Pace},
	BlockNumber, Hash,
};
use sibyl_votes::{Bounds, Equivocation, Judge, Pool};
use std::{
	collections::{BTreeMap, BTreeSet},
	sync::Arc,
};

/// What the real node puts into a tick.
const TICK_MICROSECONDS: u64 = super::runtime::BLOCK_TIME / plan::TICKS;

/// Times that a peer may send what no honest one sends, before it is not listened to.
const PATIENCE: u32 = 50;

/// A time in which a validator was not well served, and why.
#[derive(Clone, Debug)]
pub(crate) struct Trouble {
	pub from: Tick,
	pub until: Tick,
}

/// The node.
pub(crate) struct Node {
	pub number: usize,
	pub is_up: bool,
	/// Counts its starts: what was begun before one is lost.
	pub life: u32,
	pub best: Hash,
	pub finalised: Hash,
	/// The valid blocks that it has.
	pub known: BTreeSet<Hash>,
	pub judge: Judge<usize>,
	pub pool: Pool,
	pub reports: Vec<Equivocation>,
	pub mailbox: Mailbox,
	pub keystore: Arc<Keys>,
	running: Option<Fingerprint>,
	/// When the engine first had each job's output.
	pub answered: BTreeMap<Fingerprint, Tick>,
	pub troubles: Vec<Trouble>,
	/// How often each peer sent what no honest one sends.
	pub blamed: BTreeMap<usize, u32>,
	pub rng: Rng,
}

impl Node {
	/// The validator's node, at the genesis.
	pub fn new(plan: &Plan, number: usize, genesis: Hash) -> Self {
		let last = (plan.slots / plan.parameters.session) as u32 + 64;
		let generations: BTreeSet<_> = (0..=last).map(|session| plan.generation(number, session)).collect();
		let keystore = Keys::new(generations.into_iter().map(|generation| plan::key(number, generation)));
		let node = Self {
			number,
			is_up: true,
			life: 0,
			best: genesis,
			finalised: genesis,
			known: [genesis].into(),
			judge: Judge::new(GENESIS),
			pool: Pool::new(Bounds::default()),
			reports: Vec::new(),
			mailbox: Mailbox::default(),
			keystore: Arc::new(keystore),
			running: None,
			answered: BTreeMap::new(),
			troubles: Vec::new(),
			blamed: BTreeMap::new(),
			rng: Rng::new(plan.seed ^ number as u64, "node"),
		};
		node.say_what_it_serves(plan);
		node
	}

	/// The node goes: what is in memory is lost, and perhaps the database.
	pub fn stop(&mut self, genesis: Hash, keeps_database: bool) {
		self.is_up = false;
		self.life += 1;
		self.judge = Judge::new(GENESIS);
		self.pool = Pool::new(Bounds::default());
		self.reports.clear();
		self.running = None;
		if !keeps_database {
			self.mailbox = Mailbox::default();
			self.best = genesis;
			self.finalised = genesis;
			self.known = [genesis].into();
		}
	}

	/// Tells the worker which models are served, as fast as the plan says.
	pub fn say_what_it_serves(&self, plan: &Plan) {
		let of = &plan.validators[self.number];
		for (model, pace) in plan.models.iter().zip(&of.paces) {
			let boasts = of.mischief.as_ref().is_some_and(|mischief| mischief.boasts);
			let pace = if boasts { Pace { job: 1, input_unit: 0, output_unit: 0 } } else { *pace };
			self.say(model.id(), Availability::Serves(pace));
		}
	}

	fn say(&self, model: ModelId, availability: Availability) {
		let known = self.mailbox.get(MODELS).map(|bytes| ModelStatuses::decode(&mut &bytes[..]));
		let mut statuses = match known {
			Some(Ok(ModelStatuses::V1(statuses))) => statuses,
			_ => BTreeMap::new(),
		};
		statuses.insert(model, availability);
		self.mailbox.set(MODELS, ModelStatuses::V1(statuses).encode());
	}

	/// Now and then says that it does not serve a model any more, or again.
	pub fn waver(&mut self, plan: &Plan) {
		let model = self.rng.pick(&plan.models).id();
		if self.rng.chance(500) {
			self.say(model, Availability::Withdrawn);
		} else {
			self.say_what_it_serves(plan);
		}
	}

	/// Takes the most urgent request, where the engine is idle; says which, and in how many ticks it is done.
	pub fn begin_next(&mut self, plan: &Plan, best: BlockNumber) -> Option<(Fingerprint, u64)> {
		if self.running.is_some() {
			return None;
		}
		let requests = self.mailbox.with_prefix(REQUEST_PREFIX);
		let open =
			requests.iter().filter_map(|bytes| InferenceRequest::decode(&mut &bytes[..]).ok()).filter(|request| {
				let InferenceRequest::V1 { job, .. } = request;
				self.mailbox.get(&response_key(job)).is_none()
			});
		let InferenceRequest::V1 { job, model, input, max_output_units, sampling, seed, deadline, .. } =
			open.min_by_key(|InferenceRequest::V1 { deadline, job, .. }| (*deadline, *job))?;
		let (place, revision) = plan.model(&model)?;
		let (_, units) = engine::answer(revision, &input, max_output_units, engine::seed_of(sampling, seed));
		let time = plan.validators[self.number].paces[place].time(input.units(), units);
		let ticks = time.div_ceil(TICK_MICROSECONDS).max(1);
		self.running = Some(job);
		// What can't be in time is said at once.
		let is_in_time = u64::from(best) + ticks / plan::TICKS < deadline.into();
		Some((job, if is_in_time { ticks } else { 1 }))
	}

	/// The engine is done with the job.
	pub fn finish(&mut self, plan: &Plan, job: Fingerprint, best: BlockNumber, now: Tick) {
		self.running = None;
		let Some(bytes) = self.mailbox.get(&sibyl_primitives::mailbox::request_key(&job)) else { return };
		let Ok(InferenceRequest::V1 { model, input, max_output_units, sampling, seed, deadline, .. }) =
			InferenceRequest::decode(&mut &bytes[..])
		else {
			return;
		};
		let Some((_, revision)) = plan.model(&model) else { return };
		let response = if best < deadline {
			let (answered, _) = engine::answer(revision, &input, max_output_units, engine::seed_of(sampling, seed));
			self.answered.entry(job).or_insert(now);
			Ok(answered)
		} else {
			Err(AbstainReason::TooSlow)
		};
		self.mailbox.set(&response_key(&job), InferenceResponse::V1(response).encode());
	}

	/// Notes that the validator is not well served until then.
	pub fn suffers(&mut self, from: Tick, until: Tick) {
		self.troubles.push(Trouble { from, until });
	}

	/// Whether nothing befell it at that time.
	pub fn was_well(&self, from: Tick, until: Tick) -> bool {
		self.troubles.iter().all(|trouble| trouble.until < from || trouble.from > until)
	}

	/// Counts what no honest peer sends.
	pub fn blame(&mut self, peer: usize) {
		*self.blamed.entry(peer).or_default() += 1;
	}

	/// Whether the peer is listened to.
	pub fn hears(&self, peer: usize) -> bool {
		self.blamed.get(&peer).is_none_or(|times| *times < PATIENCE)
	}
}
