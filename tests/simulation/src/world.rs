//! Time, the network, and what nodes do when something reaches them.

mod authoring;
mod finality;

use crate::{
	chain::{self, Block, Transaction},
	node::Node,
	plan::{self, Plan, Tick, TICKS},
	rng::Rng,
	runtime::Inference,
};
use codec::Decode;
use sibyl_primitives::{
	job::Fingerprint,
	vote::{SignedBallot, VersionedBallot},
	AccountId, Hash,
};
use sibyl_votes::{Cost, HashedBallot, Insertion, Relay};
use sp_core::offchain::{testing::TestOffchainExt, OffchainDbExt, OffchainWorkerExt};
use sp_externalities::Extensions;
use sp_keystore::KeystoreExt;
use std::{collections::BTreeMap, sync::Arc};

/// What goes over the network.
#[derive(Clone)]
pub(crate) enum Message {
	Block(Hash),
	Ballot(Arc<[u8]>),
}

/// What happens at a tick.
pub(crate) enum Happening {
	Slot(u64),
	EndOfSlot(u64),
	Delivery { from: usize, to: usize, message: Message },
	Publish { node: usize, block: Hash },
	Answer { node: usize, life: u32, job: Fingerprint },
	Stop(usize),
	Start(usize),
	Heal(usize),
}

/// What is counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
	pub invalid_blocks: u64,
	pub reorgs: u64,
	pub deepest_reorg: u64,
	pub messages: u64,
	pub rejected: BTreeMap<&'static str, u64>,
}

/// Everything.
pub(crate) struct World {
	pub plan: Plan,
	pub tick: Tick,
	pub blocks: BTreeMap<Hash, Block>,
	pub invalid: BTreeMap<Hash, (usize, String)>,
	pub nodes: Vec<Node>,
	pub counts: Counts,
	pub violations: Vec<String>,
	pub genesis: Hash,
	/// One line for each event, where they are kept.
	pub history: Option<Vec<String>>,
	pub rng: Rng,
	queue: BTreeMap<(Tick, u64), Happening>,
	happenings: u64,
	transactions: BTreeMap<AccountId, Vec<(Tick, Transaction)>>,
	is_over: bool,
	pruned_to: u32,
}

impl World {
	/// The world of the plan, at its beginning.
	pub fn new(plan: Plan, keeps_history: bool) -> Self {
		let genesis = chain::GENESIS;
		let nodes = (0..plan.validators.len()).map(|number| Node::new(&plan, number, genesis)).collect();
		let mut world = Self {
			tick: 0,
			blocks: [(genesis, chain::genesis(&plan))].into(),
			invalid: BTreeMap::new(),
			nodes,
			counts: Counts::default(),
			violations: Vec::new(),
			genesis,
			history: keeps_history.then(|| vec![plan.describe()]),
			rng: Rng::new(plan.seed, "network"),
			queue: BTreeMap::new(),
			happenings: 0,
			transactions: BTreeMap::new(),
			is_over: false,
			pruned_to: 0,
			plan,
		};
		world.schedule(TICKS, Happening::Slot(1));
		for (place, absence) in world.plan.absences.clone().into_iter().enumerate() {
			world.schedule(absence.from, Happening::Stop(place));
			world.schedule(absence.until.min(world.plan.slots * TICKS), Happening::Start(place));
		}
		for (place, partition) in world.plan.network.partitions.clone().into_iter().enumerate() {
			let until = partition.until.min(world.plan.slots);
			world.schedule(until * TICKS, Happening::Heal(place));
			let (from, until) = (partition.from.saturating_sub(1) * TICKS, (until + 4) * TICKS);
			world.nodes.iter_mut().for_each(|node| node.suffers(from, until));
		}
		world
	}

	/// Lets everything happen, until all jobs have ended or something is wrong.
	pub fn run(&mut self) {
		while !self.is_over && self.violations.is_empty() {
			let Some(((tick, _), happening)) = self.queue.pop_first() else { break };
			self.tick = tick;
			self.happen(happening);
		}
	}

	/// Writes a line into the history.
	pub fn note(&mut self, line: impl FnOnce() -> String) {
		let tick = self.tick;
		if let Some(history) = &mut self.history {
			history.push(format!("{}.{:02} {}", tick / TICKS, tick % TICKS, line()));
		}
	}

	/// The best block of the honest ones.
	pub fn canonical(&self) -> Hash {
		let honest = self.nodes.iter().filter(|node| !self.plan.is_byzantine(node.number));
		let best = honest.map(|node| node.best).max_by_key(|best| (self.blocks[best].weight, self.blocks[best].number));
		best.unwrap_or(self.genesis)
	}

	/// The chain from the first block to this one.
	pub fn chain(&self, mut tip: Hash) -> Vec<Hash> {
		let mut chain = Vec::new();
		while tip != self.genesis {
			chain.push(tip);
			tip = self.blocks[&tip].parent;
		}
		chain.reverse();
		chain
	}

	fn schedule(&mut self, tick: Tick, happening: Happening) {
		self.happenings += 1;
		self.queue.insert((tick, self.happenings), happening);
	}

	fn happen(&mut self, happening: Happening) {
		match happening {
			Happening::Slot(slot) => self.begin_slot(slot),
			Happening::EndOfSlot(slot) => self.end_slot(slot),
			Happening::Delivery { from, to, message } => self.deliver(from, to, message),
			Happening::Publish { node, block } => self.publish(node, block),
			Happening::Answer { node, life, job } => self.answer(node, life, job),
			Happening::Stop(place) => self.stop(place),
			Happening::Start(place) => self.start(place),
			Happening::Heal(place) => {
				self.note(|| format!("partition {place} heals"));
				(0..self.nodes.len()).for_each(|node| self.introduce(node));
			}
		}
	}

	fn begin_slot(&mut self, slot: u64) {
		self.schedule(self.tick + TICKS - 1, Happening::EndOfSlot(slot));
		self.schedule(self.tick + TICKS, Happening::Slot(slot + 1));
		if slot < self.plan.slots {
			self.ask(slot);
		}
		for number in 0..self.nodes.len() {
			if self.nodes[number].is_up {
				self.author(number, slot);
				self.flood(number);
			}
		}
	}

	/// Sends a message, which the network may lose or delay.
	pub fn send(&mut self, from: usize, to: usize, message: Message) {
		if from == to {
			return;
		}
		let slot = self.tick / TICKS;
		let is_calm = slot >= self.plan.slots;
		if !is_calm {
			if let Some(partition) = self.plan.partition(slot) {
				if partition.parts[from] != partition.parts[to] {
					return;
				}
			}
			if self.rng.chance(self.plan.network.loss) {
				return;
			}
		}
		self.counts.messages += 1;
		let (least, most) = if is_calm { (1, 3) } else { self.plan.network.delay };
		let delay = self.rng.between(least, most);
		self.schedule(self.tick + delay, Happening::Delivery { from, to, message });
	}

	fn deliver(&mut self, from: usize, to: usize, message: Message) {
		if !self.nodes[to].is_up || !self.nodes[to].hears(from) {
			return;
		}
		match message {
			Message::Block(block) if self.blocks.contains_key(&block) => self.import(to, block),
			Message::Block(block) => {
				let why = self.invalid.get(&block).map(|(_, why)| why.clone()).unwrap_or_default();
				self.note(|| format!("{to} rejects the block {block:?} of {from}: {why}"));
			}
			Message::Ballot(bytes) => self.hear(from, to, bytes),
		}
	}

	/// A node gets a ballot.
	fn hear(&mut self, from: usize, to: usize, bytes: Arc<[u8]>) {
		let is_honest = !self.plan.is_byzantine(from);
		let node = &mut self.nodes[to];
		let pool = &node.pool;
		match node.judge.judge(&from, &bytes, |ballot| pool.news(ballot)) {
			Ok(accepted) => {
				let relay = accepted.relay;
				let insertion = node.pool.insert(accepted.account, accepted.ballot, relay);
				if relay == Relay::Now && matches!(insertion, Insertion::Added | Insertion::Merged) {
					self.relay(to, bytes);
				}
				self.answer_questions(to);
			}
			Err(refusal) => {
				*self.counts.rejected.entry(refusal.why.name()).or_default() += 1;
				if refusal.cost == Cost::Much {
					node.blame(from);
					if is_honest {
						self.violations.push(format!("{to} blames {from}, who is honest: {}", refusal.why));
					}
				}
			}
		}
	}

	fn relay(&mut self, number: usize, bytes: Arc<[u8]>) {
		let fanout = if self.nodes.len() > 30 { 6 } else { 2 };
		for _ in 0..fanout {
			let to = self.someone(number);
			self.send(number, to, Message::Ballot(bytes.clone()));
		}
	}

	/// A peer that the node chooses.
	fn someone(&mut self, number: usize) -> usize {
		let count = self.nodes.len() as u64;
		self.nodes[number].rng.below(count) as usize
	}

	/// Sends a ballot of the node's own.
	pub fn spread(&mut self, number: usize, bytes: Arc<[u8]>, to: impl Fn(usize) -> bool) {
		let count = self.nodes.len();
		let peers: Vec<_> = if count > 30 {
			(0..10).map(|_| self.nodes[number].rng.below(count as u64) as usize).collect()
		} else {
			(0..count).collect()
		};
		for peer in peers.into_iter().filter(|peer| to(*peer)) {
			self.send(number, peer, Message::Ballot(bytes.clone()));
		}
	}

	/// Takes a valid block, with those before it.
	fn import(&mut self, number: usize, hash: Hash) {
		if self.nodes[number].known.contains(&hash) {
			return;
		}
		let mut missing = hash;
		while self.nodes[number].known.insert(missing) {
			missing = self.blocks[&missing].parent;
		}
		let node = &self.nodes[number];
		let rank = |hash: &Hash| (self.blocks[hash].weight, self.blocks[hash].number);
		if rank(&hash) > rank(&node.best) && self.is_ancestor(node.finalised, hash) {
			self.set_best(number, hash);
			for _ in 0..2 {
				let to = self.someone(number);
				self.send(number, to, Message::Block(hash));
			}
		}
	}

	/// Whether the first block is on the other's chain.
	fn is_ancestor(&self, ancestor: Hash, mut of: Hash) -> bool {
		let number = self.blocks[&ancestor].number;
		while self.blocks[&of].number > number {
			of = self.blocks[&of].parent;
		}
		of == ancestor
	}

	fn set_best(&mut self, number: usize, hash: Hash) {
		let (mut old, mut new) = (self.nodes[number].best, hash);
		let mut depth = 0;
		while old != new {
			if self.blocks[&old].number >= self.blocks[&new].number {
				old = self.blocks[&old].parent;
				depth += 1;
			} else {
				new = self.blocks[&new].parent;
			}
		}
		if depth > 0 {
			self.counts.reorgs += 1;
			self.counts.deepest_reorg = self.counts.deepest_reorg.max(depth);
		}
		if depth > 2 {
			let until = self.tick + 2 * TICKS;
			let from = self.tick.saturating_sub((depth + 1) * TICKS);
			self.nodes[number].suffers(from, until);
		}
		self.nodes[number].best = hash;
		self.follow(number);
	}

	/// Does what a node does when it has another best block.
	fn follow(&mut self, number: usize) {
		let node = &mut self.nodes[number];
		let block = &self.blocks[&node.best];
		node.judge.follow(block.number, block.key_sets.clone(), block.next_keys.clone());
		node.pool.follow(node.best, block.number);
		self.answer_questions(number);
		for ballot in self.nodes[number].pool.take_due() {
			self.relay(number, ballot.encode().into());
		}
		self.work(number);
	}

	/// Asks the runtime about the ballots whose use is not known.
	fn answer_questions(&mut self, number: usize) {
		loop {
			let node = &mut self.nodes[number];
			let questions = node.pool.questions();
			if questions.ids.is_empty() {
				return;
			}
			let Some(block) = self.blocks.get_mut(&questions.at) else { return };
			let standings = block.state.look(Extensions::new(), || Inference::ballot_standings(questions.ballots));
			node.pool.answer(questions.at, &questions.ids, standings);
		}
	}

	/// Runs the offchain worker on the best block, and sends what it has to say.
	pub fn work(&mut self, number: usize) {
		let best = self.nodes[number].best;
		if best == self.genesis {
			return;
		}
		if self.plan.is_byzantine(number) {
			self.plant(number);
		}
		let node = &self.nodes[number];
		let Some(block) = self.blocks.get_mut(&best) else { return };
		let mut extensions = Extensions::new();
		extensions.register(OffchainDbExt::new(node.mailbox.clone()));
		extensions.register(OffchainWorkerExt::new(TestOffchainExt::new().0));
		extensions.register(KeystoreExt(node.keystore.clone()));
		let height = block.number;
		crate::alarms::name_node(number, self.plan.is_byzantine(number));
		block.state.look(extensions, || {
			use frame_support::traits::Hooks;
			Inference::offchain_worker(height)
		});
		self.violations.extend(crate::alarms::take());
		for bytes in self.nodes[number].mailbox.take_sent() {
			let Ok(VersionedBallot::V1(signed)) = VersionedBallot::decode(&mut &bytes[..]) else { continue };
			if self.plan.is_byzantine(number) {
				self.send_altered(number, signed);
			} else {
				self.send_own(number, signed, |_| true);
			}
		}
		self.begin_inference(number);
	}

	/// Pools a ballot of the node's own, and sends it to these.
	pub fn send_own(&mut self, number: usize, signed: SignedBallot, to: impl Fn(usize) -> bool) {
		let ballot = HashedBallot::new(signed);
		let votes = ballot.ballot();
		let [commits, abstentions, reveals] = [votes.commits.len(), votes.abstentions.len(), votes.reveals.len()];
		let attestations = votes.attestations.len();
		self.note(|| {
			format!(
				"{number} votes: {commits} commits, {abstentions} abstentions, {reveals} reveals, {attestations} models"
			)
		});
		let bytes: Arc<[u8]> = ballot.encode().into();
		self.nodes[number].pool.insert(plan::validator(number), ballot, Relay::Now);
		self.answer_questions(number);
		self.spread(number, bytes, to);
	}

	fn begin_inference(&mut self, number: usize) {
		let node = &mut self.nodes[number];
		let best = self.blocks[&node.best].number;
		if let Some((job, ticks)) = node.begin_next(&self.plan, best) {
			let life = node.life;
			self.schedule(self.tick + ticks, Happening::Answer { node: number, life, job });
		}
	}

	fn answer(&mut self, number: usize, life: u32, job: Fingerprint) {
		let node = &mut self.nodes[number];
		if node.life != life || !node.is_up {
			return;
		}
		let best = self.blocks[&node.best].number;
		node.finish(&self.plan, job, best, self.tick);
		self.work(number);
	}

	fn stop(&mut self, place: usize) {
		let absence = self.plan.absences[place].clone();
		let database = if absence.keeps_database { "with" } else { "without" };
		self.note(|| format!("{} stops; it will be back {database} its database", absence.validator));
		let node = &mut self.nodes[absence.validator];
		// Without its database it has to answer what it has been asked again.
		let recovery = if absence.keeps_database { 3 } else { 16 };
		node.suffers(absence.from.saturating_sub(TICKS), absence.until + recovery * TICKS);
		node.stop(self.genesis, absence.keeps_database);
	}

	fn start(&mut self, place: usize) {
		let number = self.plan.absences[place].validator;
		self.note(|| format!("{number} is back"));
		let node = &mut self.nodes[number];
		node.is_up = true;
		node.say_what_it_serves(&self.plan);
		self.follow(number);
		self.introduce(number);
		for peer in 0..self.nodes.len() {
			if peer != number && self.nodes[peer].is_up {
				self.greet(peer, number);
			}
		}
	}

	/// A node tells all others what it has, as when connections are made.
	fn introduce(&mut self, number: usize) {
		for peer in 0..self.nodes.len() {
			if self.nodes[number].is_up {
				self.greet(number, peer);
			}
		}
	}

	fn greet(&mut self, number: usize, peer: usize) {
		let node = &self.nodes[number];
		let best = node.best;
		if !self.blocks.contains_key(&best) || best == self.genesis {
			return;
		}
		let ballots: Vec<Arc<[u8]>> =
			node.pool.ids().iter().filter_map(|id| node.pool.get(id)).map(|ballot| ballot.encode().into()).collect();
		self.send(number, peer, Message::Block(best));
		for ballot in ballots {
			self.send(number, peer, Message::Ballot(ballot));
		}
	}
}
