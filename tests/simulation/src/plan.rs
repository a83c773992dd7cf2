//! What a seed stands for: who there is, how fast and how honest they are, and what befalls them.

use crate::rng::Rng;
use sibyl_primitives::{
	inference_key::InferencePair,
	input::Input,
	job::{JobOptions, Sampling, Seats},
	model::{Golden, ModelFile, ModelId, ModelLimits, ModelRevision, Pace, Task},
	price::ModelPrice,
	AccountId, Balance, Hash, SessionIndex,
};
use sp_core::Pair;
use sp_runtime::Percent;
use std::{cell::RefCell, collections::BTreeMap};

/// Parts of a slot: what happens within it has an order.
pub(crate) const TICKS: u64 = 12;

/// What an account has at the beginning.
pub(crate) const FUNDS: Balance = 100_000_000;

/// A point in time.
pub(crate) type Tick = u64;

/// What a byzantine validator does; how often is in a thousand.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mischief {
	/// Gives wrong outputs.
	pub garbles: u64,
	/// Wrong outputs come with the right trace.
	pub has_right_trace: bool,
	/// All that lie give the same wrong output.
	pub conspires: bool,
	/// Lies in second rounds and audits alone.
	pub lies_in_second_rounds_only: bool,
	/// Commits to what another one commits to.
	pub copies: u64,
	/// Keeps commits back.
	pub is_silent: u64,
	/// Abstains without a reason.
	pub abstains: u64,
	/// Keeps reveals back.
	pub withholds: u64,
	/// Signs two commits of one seat.
	pub commits_twice: u64,
	/// Leaves others' ballots out of its blocks.
	pub censors: u64,
	/// Makes blocks with junk ballots, or that are not valid.
	pub spoils_blocks: u64,
	/// Junk ballots a slot.
	pub floods: u64,
	/// Says another height than it is.
	pub mistimes: u64,
	/// Says that it is much faster than it is.
	pub boasts: bool,
}

/// A validator, in the set or not.
#[derive(Clone, Debug)]
pub(crate) struct ValidatorPlan {
	/// How fast it is with each model.
	pub paces: Vec<Pace>,
	/// What it has at stake, before sessions vary it.
	pub stake: Balance,
	/// Its service bond.
	pub bond: Balance,
	/// What it does that it should not.
	pub mischief: Option<Mischief>,
}

/// The validators of a session.
#[derive(Clone, Debug)]
pub(crate) struct SessionPlan {
	/// Each one's number, the generation of its key, and its stake.
	pub members: Vec<(usize, u32, Balance)>,
}

/// A time in which the network is in parts.
#[derive(Clone, Debug)]
pub(crate) struct Partition {
	/// The first slot.
	pub from: u64,
	/// The slot in which it heals.
	pub until: u64,
	/// The part that each validator is in.
	pub parts: Vec<u8>,
}

/// A time in which a validator is away.
#[derive(Clone, Debug)]
pub(crate) struct Absence {
	/// Who.
	pub validator: usize,
	/// The first tick.
	pub from: Tick,
	/// The tick in which it comes back.
	pub until: Tick,
	/// Whether it has its database then.
	pub keeps_database: bool,
}

/// What the network does to messages.
#[derive(Clone, Debug)]
pub(crate) struct NetworkPlan {
	/// Ticks that a message takes at least and at most.
	pub delay: (u64, u64),
	/// Messages lost, in a thousand.
	pub loss: u64,
	/// When it is in parts.
	pub partitions: Vec<Partition>,
	/// Blocks that come a slot late, in a thousand.
	pub late_blocks: u64,
	/// Blocks by which finality lags.
	pub finality_lag: u32,
}

impl NetworkPlan {
	/// Whether votes get where they are needed, when nobody is away and the network is whole: no more than one message in
	/// fifty is lost, and none takes longer than half a slot.
	pub fn is_good(&self) -> bool {
		self.loss <= 20 && self.delay.1 <= TICKS / 2 && self.late_blocks <= 50
	}
}

/// The chain's parameters.
#[derive(Clone, Debug)]
pub(crate) struct Parameters {
	pub commit_window: u32,
	pub grace: u32,
	pub reveal_window: u32,
	pub audit_odds: u32,
	pub duties_per_block: u32,
	pub max_open: u32,
	pub history: u32,
	pub retention: u32,
	/// Slots of a session.
	pub session: u64,
}

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) struct RequesterPlan {
	/// Jobs in a thousand slots.
	pub rate: u64,
	/// Jobs at once, at most.
	pub burst: u64,
	/// Whether it acts together with the byzantine validators.
	pub is_byzantine: bool,
}

/// All that follows from the seed.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
	pub seed: u64,
	pub slots: u64,
	pub models: Vec<ModelRevision>,
	/// What they cost.
	pub prices: Vec<ModelPrice>,
	pub parameters: Parameters,
	pub validators: Vec<ValidatorPlan>,
	pub network: NetworkPlan,
	pub absences: Vec<Absence>,
	pub requesters: Vec<RequesterPlan>,
	/// Whether members, keys and stakes change from session to session.
	pub has_changes: bool,
	/// Whether some validators get disabled.
	pub disables: bool,
}

/// Which kinds of trouble a run has.
struct Troubles {
	byzantine: bool,
	network: bool,
	absences: bool,
	changes: bool,
}

impl Plan {
	/// The plan of this seed, for so many slots.
	pub fn new(seed: u64, slots: u64) -> Self {
		let mut rng = Rng::new(seed, "plan");
		let troubles = match seed % 8 {
			0 => Troubles { byzantine: false, network: false, absences: false, changes: false },
			1 => Troubles { byzantine: true, network: false, absences: false, changes: false },
			2 => Troubles { byzantine: false, network: true, absences: false, changes: true },
			3 => Troubles { byzantine: false, network: false, absences: true, changes: true },
			4 | 5 => Troubles { byzantine: true, network: false, absences: false, changes: true },
			_ => Troubles { byzantine: true, network: true, absences: true, changes: true },
		};
		let count = match rng.below(1_000) {
			0..=4 => 100,
			5..=34 => 20,
			35..=134 => rng.between(8, 12),
			_ => rng.between(4, 7),
		} as usize;
		let (models, prices) = models(&mut rng).into_iter().unzip();
		let models: Vec<_> = models;
		let parameters = parameters(&mut rng);
		let byzantine = if troubles.byzantine { rng.between(1, (count as u64 - 1) / 3) as usize } else { 0 };
		let validators = validators(&mut rng, count, byzantine, &models, &parameters);
		let network = network(&mut rng, troubles.network, count, slots);
		let absences = if troubles.absences { absences(&mut rng, count, slots) } else { Vec::new() };
		let requesters = (0..rng.between(1, 4))
			.map(|number| RequesterPlan {
				rate: rng.between(20, 200) * if count > 12 { 1 } else { 2 } / 2,
				burst: *rng.pick(&[1, 1, 1, 2, 8]),
				is_byzantine: byzantine > 0 && number == 0,
			})
			.collect();
		let disables = troubles.changes && rng.chance(300);
		Self {
			seed,
			slots,
			models,
			prices,
			parameters,
			validators,
			network,
			absences,
			requesters,
			has_changes: troubles.changes,
			disables,
		}
	}

	/// The validators of a session; the byzantine ones have less than a third of its stake.
	pub fn session(&self, session: SessionIndex) -> SessionPlan {
		let mut members: Vec<_> = self.validators.iter().map(|validator| (0, 0, validator.stake)).collect();
		for (number, member) in members.iter_mut().enumerate() {
			member.0 = number;
		}
		if self.has_changes {
			let mut rng = Rng::new(self.seed ^ u64::from(session).wrapping_mul(0x1_0000_0001), "session");
			for member in &mut members {
				member.1 = self.generation(member.0, session);
				member.2 = member.2 * Balance::from(rng.between(50, 150)) / 100;
			}
			// Up to a quarter is not in it.
			let leaving = rng.below(members.len() as u64 / 4 + 1);
			for _ in 0..leaving {
				let place = rng.below(members.len() as u64) as usize;
				members.remove(place);
			}
			let first = rng.below(members.len() as u64) as usize;
			members.rotate_left(first);
		}
		self.limit_byzantine(&mut members);
		SessionPlan { members }
	}

	/// The generation of the validator's key in that session; it changes in every third one on the average.
	pub fn generation(&self, number: usize, session: SessionIndex) -> u32 {
		let mut keys = Rng::new(self.seed ^ number as u64, "keys");
		let changes: u32 = (0..session).map(|_| u32::from(keys.chance(300))).sum();
		if self.has_changes {
			// It comes back to old ones, as who takes an old machine into service again.
			changes % 3
		} else {
			0
		}
	}

	fn limit_byzantine(&self, members: &mut Vec<(usize, u32, Balance)>) {
		let is_byzantine = |member: &(usize, u32, Balance)| self.is_byzantine(member.0);
		// By number, too: authors and finality go by it.
		while members.iter().filter(|member| is_byzantine(member)).count() * 3 >= members.len() {
			let Some(place) = members.iter().position(is_byzantine) else { break };
			members.remove(place);
		}
		let sum = |of_byzantine: bool, members: &[(usize, u32, Balance)]| -> Balance {
			members.iter().filter(|member| is_byzantine(member) == of_byzantine).map(|member| member.2).sum()
		};
		while sum(true, members) * 2 >= sum(false, members) {
			members.iter_mut().filter(|member| is_byzantine(member)).for_each(|member| member.2 = member.2 * 9 / 10);
		}
	}

	/// Whether the validator is byzantine.
	pub fn is_byzantine(&self, validator: usize) -> bool {
		self.validators[validator].mischief.is_some()
	}

	/// The number of this validator's account.
	pub fn number_of(&self, account: &AccountId) -> Option<usize> {
		let bytes: &[u8] = account.as_ref();
		let number = u16::from_le_bytes([bytes[1], bytes[2]]) as usize;
		(bytes[0] == 1 && number < self.validators.len()).then_some(number)
	}

	/// Whether this account is the coalition's.
	pub fn is_of_coalition(&self, account: &AccountId) -> bool {
		let of_requester = |number: usize| account == &requester(number) && self.requesters[number].is_byzantine;
		self.number_of(account).is_some_and(|number| self.is_byzantine(number))
			|| (0..self.requesters.len()).any(of_requester)
	}

	/// The time in which the network is in parts, at this slot.
	pub fn partition(&self, slot: u64) -> Option<&Partition> {
		self.network.partitions.iter().find(|partition| (partition.from..partition.until).contains(&slot))
	}

	/// The model's place in the list.
	pub fn model(&self, id: &ModelId) -> Option<(usize, &ModelRevision)> {
		self.models.iter().enumerate().find(|(_, model)| model.id() == *id)
	}

	/// The plan in words.
	pub fn describe(&self) -> String {
		let byzantine: Vec<_> = (0..self.validators.len()).filter(|number| self.is_byzantine(*number)).collect();
		let Self { seed, slots, parameters, network, absences, validators, .. } = self;
		let mut lines = vec![
			format!("seed {seed}: {} validators, {slots} slots, {parameters:?}", validators.len()),
			format!("network {network:?}"),
		];
		lines.extend(absences.iter().map(|absence| format!("{absence:?}")));
		lines.extend(byzantine.iter().map(|number| format!("byzantine {number}: {:?}", validators[*number].mischief)));
		lines.join("\n")
	}
}

fn account(kind: u8, number: usize) -> AccountId {
	let mut bytes = [0; 32];
	bytes[0] = kind;
	bytes[1..3].copy_from_slice(&(number as u16).to_le_bytes());
	bytes.into()
}

/// The account of the validator of this number.
pub(crate) fn validator(number: usize) -> AccountId {
	account(1, number)
}

/// The account of the requester of this number.
pub(crate) fn requester(number: usize) -> AccountId {
	account(2, number)
}

/// What a validator's key of this generation is made of.
pub(crate) fn key_seed(number: usize, generation: u32) -> [u8; 32] {
	sp_io::hashing::blake2_256(format!("key {number} {generation}").as_bytes())
}

/// Who gets the share of models' authors.
pub(crate) fn author() -> AccountId {
	account(3, 0)
}

/// A validator's key of this generation.
pub(crate) fn key(number: usize, generation: u32) -> InferencePair {
	thread_local! {
		static KEYS: RefCell<BTreeMap<(usize, u32), InferencePair>> = const { RefCell::new(BTreeMap::new()) };
	}
	let made = || InferencePair::from_seed(&key_seed(number, generation));
	KEYS.with_borrow_mut(|keys| keys.entry((number, generation)).or_insert_with(made).clone())
}

fn models(rng: &mut Rng) -> Vec<(ModelRevision, ModelPrice)> {
	let model = |name: &str, task, input_bytes, output_units, commit_window| ModelRevision {
		name: name.try_into().expect("the name is short"),
		task,
		architecture: "simulated".try_into().expect("the name is short"),
		files: vec![ModelFile {
			name: "weights".try_into().expect("the name is short"),
			size: 1,
			sha256: Hash::repeat_byte(1),
			chunk_root: Hash::repeat_byte(2),
		}]
		.try_into()
		.expect("one file fits"),
		semantics: 1,
		limits: ModelLimits { input_bytes, context_units: 4_096, output_units },
		commit_window,
		goldens: vec![Golden {
			input: "x".try_into().expect("the text is short"),
			output_hash: Hash::zero(),
			trace: Hash::zero(),
		}]
		.try_into()
		.expect("one golden fits"),
		licence: "Apache-2.0".try_into().expect("the text is short"),
	};
	let price = |base, unit, author_share| ModelPrice { base, unit, author_share: Percent::from_percent(author_share) };
	let window = *rng.pick(&[1, 1, 14]);
	vec![
		(model("label", Task::Classify, 256, 0, 1), price(1_000, 10, 0)),
		(model("text", Task::Generate, 512, 64, window), price(2_000, 25, 15)),
	]
}

fn parameters(rng: &mut Rng) -> Parameters {
	let commit_window = rng.between(8, 12) as u32;
	let grace = rng.between(2, 3) as u32;
	let reveal_window = rng.between(5, 7) as u32;
	let duties_per_block = *rng.pick(&[3, 20, 100]);
	let max_open = 40;
	let max_delay = max_open * 3 / duties_per_block + 1;
	let window = commit_window.max(14);
	let session = rng.between(10, 40);
	// Sessions whose keys vote are longer than any committee, each block in its slot or not.
	let committee = u64::from(window + reveal_window + 2 * max_delay + 4);
	let history = (committee / session + 2) as u32;
	let longest = 16 + 3 * pallet_models::MAX_COMMIT_WINDOW + 2 * reveal_window + 4 + 8 * max_delay;
	Parameters {
		commit_window,
		grace,
		reveal_window,
		audit_odds: *rng.pick(&[1, 4, 16]),
		duties_per_block,
		max_open,
		history,
		retention: longest + 8,
		session,
	}
}

fn validators(
	rng: &mut Rng,
	count: usize,
	byzantine: usize,
	models: &[ModelRevision],
	parameters: &Parameters,
) -> Vec<ValidatorPlan> {
	let mut validators: Vec<_> = (0..count)
		.map(|_| ValidatorPlan {
			paces: models.iter().map(|model| pace(rng, model, parameters)).collect(),
			stake: Balance::from(rng.between(500, 1_500)) * 1_000,
			bond: *rng.pick(&[1_000_000, 5_000_000, 20_000_000]),
			mischief: None,
		})
		.collect();
	let first = rng.below(count as u64) as usize;
	let shared = mischief(rng);
	let is_of_one_mind = rng.chance(500);
	for place in 0..byzantine {
		let mischief = if is_of_one_mind { shared.clone() } else { mischief(rng) };
		validators[(first + place) % count].mischief = Some(mischief);
	}
	validators
}

/// One that does the model's largest job within two thirds of what the chain asks for.
fn pace(rng: &mut Rng, model: &ModelRevision, parameters: &Parameters) -> Pace {
	let window = u64::from(parameters.commit_window.max(model.commit_window) - 2);
	let most = window * super::runtime::BLOCK_TIME / 100 * 75;
	let largest = rng.between(most / 50, most * 2 / 3);
	let ModelLimits { input_bytes, output_units, .. } = model.limits;
	let part = |share: u64, units: u32| (largest * share / 100 / u64::from(units.max(1))) as u32;
	Pace { job: part(10, 1), input_unit: part(10, input_bytes), output_unit: part(45, output_units) }.coarse()
}

fn mischief(rng: &mut Rng) -> Mischief {
	let mut often = |per_mille: u64| if rng.chance(per_mille) { *rng.pick(&[100, 500, 1_000]) } else { 0 };
	let [garbles, copies, withholds, commits_twice] = [often(500), often(200), often(400), often(300)];
	let [censors, spoils_blocks, mistimes] = [often(400), often(200), often(200)];
	let [is_silent, abstains] = [often(300), often(200)];
	Mischief {
		garbles,
		has_right_trace: rng.chance(300),
		conspires: rng.chance(700),
		lies_in_second_rounds_only: rng.chance(200),
		copies,
		is_silent,
		abstains,
		withholds,
		commits_twice,
		censors,
		spoils_blocks: spoils_blocks / 2,
		floods: if rng.chance(150) { *rng.pick(&[2, 5, 80]) } else { 0 },
		mistimes,
		boasts: rng.chance(150),
	}
}

fn network(rng: &mut Rng, is_bad: bool, count: usize, slots: u64) -> NetworkPlan {
	let mut plan = NetworkPlan {
		delay: (1, rng.between(2, 5)),
		loss: *rng.pick(&[0, 0, 5, 20]),
		partitions: Vec::new(),
		late_blocks: *rng.pick(&[0, 0, 20]),
		finality_lag: rng.between(1, 4) as u32,
	};
	if !is_bad {
		return plan;
	}
	if rng.chance(500) {
		plan.delay.1 = rng.between(6, 30);
		plan.loss = rng.between(20, 250);
		plan.late_blocks = rng.between(0, 300);
	}
	let mut slot = rng.between(5, 40);
	while slot < slots {
		let until = slot + rng.between(2, 25);
		let parts = *rng.pick(&[2, 2, 3]);
		let parts = (0..count).map(|_| rng.below(parts) as u8).collect();
		plan.partitions.push(Partition { from: slot, until, parts });
		slot = until + rng.between(10, 120);
	}
	plan
}

fn absences(rng: &mut Rng, count: usize, slots: u64) -> Vec<Absence> {
	let mut absences = Vec::new();
	for validator in 0..count {
		let mut tick = rng.between(3, 200) * TICKS;
		while tick < slots * TICKS {
			let until = tick + if rng.chance(500) { rng.between(1, 24) } else { rng.between(24, 20 * TICKS) };
			absences.push(Absence { validator, from: tick, until, keeps_database: rng.chance(600) });
			tick = until + rng.between(20, 200) * TICKS;
		}
	}
	absences
}

/// Of a thousand jobs, those whose answers may be taken again.
const OFTEN_ASKED: u64 = 300;

/// What a requester asks for next.
pub(crate) fn question(rng: &mut Rng, models: &[ModelRevision]) -> (ModelId, Input, JobOptions) {
	let model = rng.pick(models);
	let length = match rng.below(10) {
		0 => model.limits.input_bytes.into(),
		1..=3 => rng.between(1, model.limits.input_bytes.into()),
		_ => rng.between(1, 24),
	};
	let input = Input::Text((0..length).map(|_| b'a' + rng.below(26) as u8).collect());
	let seats = match rng.below(10) {
		0..=2 => Seats::All,
		3 | 4 => Seats::Fixed(1),
		5..=7 => Seats::Fixed(3),
		8 => Seats::Fixed(5),
		_ => Seats::Fixed(rng.below(8) as u16 * 2 + 1),
	};
	let max_output_units = match (model.limits.output_units, rng.below(3)) {
		(0, _) => 0,
		(most, 0) => most,
		(most, _) => rng.between(1, most.into()) as u32,
	};
	let draw_delay = if rng.chance(800) { 1 } else { rng.between(1, 8) as u8 };
	// Only tokens that are drawn by chance differ from job to job.
	let temperature = if model.task == Task::Generate && rng.chance(500) { 700 } else { 0 };
	let sampling = Sampling { temperature, ..Default::default() };
	let options = JobOptions { seats, max_output_units, draw_delay, sampling, ..Default::default() };
	if !rng.chance(OFTEN_ASKED) {
		return (model.id(), input, options);
	}
	// Others are likely to ask the same, and have.
	let input = Input::Text(vec![b'a' + rng.below(3) as u8]);
	let (max_output_units, seed) = (model.limits.output_units, Some(rng.below(2)));
	(model.id(), input, JobOptions { max_output_units, seed, reuse: true, ..options })
}
