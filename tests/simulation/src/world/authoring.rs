//! Who submits, and who makes blocks.

use super::{Happening, Message, World};
use crate::{
	chain::{self, Content, Transaction},
	plan::{self, TICKS},
	rng::Rng,
};
use sibyl_primitives::{vote::VersionedBallot, AccountId, Hash};
use sp_externalities::Extensions;

impl World {
	/// Requesters and validators send transactions.
	pub(super) fn ask(&mut self, slot: u64) {
		let mut rng = Rng::new(self.plan.seed ^ slot << 16, "ask");
		for number in 0..self.plan.requesters.len() {
			let of = self.plan.requesters[number].clone();
			let jobs = if rng.chance(of.rate) { rng.between(1, of.burst) } else { 0 };
			for _ in 0..jobs {
				let (model, input, options) = plan::question(&mut rng, &self.plan.models);
				self.submit(plan::requester(number), Transaction::Submit { model, input, options });
			}
		}
		if self.plan.has_changes && rng.chance(50) {
			let number = rng.below(self.nodes.len() as u64) as usize;
			let amount = rng.between(1, 500_000).into();
			let bonds = rng.chance(700);
			let transaction = if bonds { Transaction::Bond(amount) } else { Transaction::Unbond(amount) };
			self.submit(plan::validator(number), transaction);
			let waverer = rng.below(self.nodes.len() as u64) as usize;
			self.nodes[waverer].waver(&self.plan);
		}
		if self.plan.has_changes && rng.chance(20) {
			let last = self.blocks[&self.canonical()].jobs;
			let job = last.saturating_sub(rng.between(1, 6));
			self.submit(plan::requester(99), Transaction::Cancel(job));
		}
		if slot.is_multiple_of(16) {
			for model in self.plan.models.iter().map(|model| model.id()).collect::<Vec<_>>() {
				self.submit(plan::requester(98), Transaction::Resume(model));
			}
		}
	}

	fn submit(&mut self, sender: AccountId, transaction: Transaction) {
		self.note(|| format!("transaction: {transaction:?}"));
		self.transactions.entry(sender).or_default().push((self.tick, transaction));
	}

	/// Makes a block, where the slot is the node's.
	pub(super) fn author(&mut self, number: usize, slot: u64) {
		let parent_hash = self.nodes[number].best;
		let parent = &self.blocks[&parent_hash];
		if parent.content.slot >= slot {
			return;
		}
		let session = chain::session_of(&self.plan, parent, slot);
		let members = self.plan.session(session).members;
		if members.iter().all(|member| member.0 != number) {
			return;
		}
		let is_primary =
			Rng::new(self.plan.seed ^ slot << 20 ^ number as u64, "primary").chance(250 / members.len() as u64);
		let secondary = Rng::new(self.plan.seed ^ slot << 20, "secondary").below(members.len() as u64) as usize;
		if !is_primary && members[secondary].0 != number {
			return;
		}
		let content = Content {
			slot,
			author: number,
			is_primary,
			variant: 0,
			transactions: self.ready_transactions(parent_hash),
			includes: Vec::new(),
			reports: Vec::new(),
		};
		let content = self.with_ballots(number, parent_hash, content);
		let Some(block) = self.make(parent_hash, content) else { return };
		let is_late = self.rng.chance(self.plan.network.late_blocks) && slot < self.plan.slots;
		let delay = if is_late { TICKS + self.rng.below(TICKS) } else { 0 };
		self.schedule(self.tick + delay, Happening::Publish { node: number, block });
	}

	fn ready_transactions(&mut self, parent: Hash) -> Vec<chain::Signed> {
		let Some(parent) = self.blocks.get_mut(&parent) else { return Vec::new() };
		let senders: Vec<_> = self.transactions.keys().cloned().collect();
		let nonces: Vec<_> = parent.state.look(Extensions::new(), || senders.iter().map(chain::nonce).collect());
		let mut ready = Vec::new();
		for (sender, nonce) in senders.into_iter().zip(nonces) {
			let of_sender = &self.transactions[&sender];
			let next = of_sender.iter().enumerate().skip(nonce as usize).take(8);
			for (place, (_, transaction)) in next.filter(|(_, (since, _))| since + 2 <= self.tick) {
				ready.push((sender.clone(), place as u32, transaction.clone()));
			}
		}
		ready
	}

	/// Adds what the author has of ballots and reports.
	fn with_ballots(&mut self, number: usize, parent: Hash, mut content: Content) -> Content {
		let node = &mut self.nodes[number];
		let found = node.pool.take_equivocations();
		node.reports.extend(found);
		let mut ballots = node.pool.for_block(4 * 1024 * 1024);
		let reports = node.reports.clone();
		if self.plan.is_byzantine(number) {
			ballots = self.censor(number, &content, ballots);
		}
		let Some(block) = self.blocks.get_mut(&parent) else { return content };
		let ballots = ballots.into_iter().map(VersionedBallot::V1).collect();
		let (include, reports) = chain::select(&self.plan, parent, block, &content, ballots, reports);
		content.includes.extend(include);
		content.reports = reports;
		if self.plan.is_byzantine(number) {
			self.spoil(number, &mut content);
		}
		content
	}

	/// Executes the block; returns its hash.
	fn make(&mut self, parent_hash: Hash, content: Content) -> Option<Hash> {
		let hash = chain::hash(parent_hash, &content);
		let (author, slot) = (content.author, content.slot);
		let ballots: usize = content.includes.iter().map(Vec::len).sum();
		let what = format!(
			"{} transactions, {ballots} ballots, {} reports",
			content.transactions.len(),
			content.reports.len()
		);
		match chain::execute(&self.plan, parent_hash, &self.blocks[&parent_hash], content) {
			Ok(block) => {
				let kind = if block.content.is_primary { "primary" } else { "secondary" };
				self.note(|| format!("{author} makes #{} {hash:?} on {parent_hash:?} ({kind}): {what}", block.number));
				for event in &block.events {
					self.note(|| format!("  {event:?}"));
				}
				if let Some(violation) = &block.violation {
					self.violations.push(format!("after #{} {hash:?} of {author}: {violation}", block.number));
				}
				self.check_offences(&block);
				self.blocks.insert(hash, block);
			}
			Err(why) => {
				self.note(|| format!("{author} makes a block in slot {slot} that is not valid: {why}"));
				self.counts.invalid_blocks += 1;
				if !self.plan.is_byzantine(author) || why.starts_with("VIOLATION") {
					self.violations.push(format!("the block of {author} in slot {slot} is not valid: {why}"));
				}
				self.invalid.insert(hash, (author, why));
			}
		}
		self.violations.extend(crate::alarms::take());
		Some(hash)
	}

	pub(super) fn publish(&mut self, number: usize, block: Hash) {
		if !self.nodes[number].is_up {
			return;
		}
		if self.blocks.contains_key(&block) {
			self.import(number, block);
		}
		for to in 0..self.nodes.len() {
			self.send(number, to, Message::Block(block));
		}
	}
}
