//! What becomes final, and what is forgotten then.

use super::World;
use crate::{node::Node, runtime::Inference};
use sibyl_primitives::Hash;
use sp_externalities::Extensions;

impl World {
	pub(super) fn end_slot(&mut self, slot: u64) {
		self.finalise(slot);
		if slot.is_multiple_of(8) {
			self.prune();
		}
		let limit = self.plan.slots + u64::from(self.plan.parameters.retention) + 64;
		if slot < self.plan.slots + 4 {
			return;
		}
		let tip = self.canonical();
		let is_done = self.blocks.get_mut(&tip).is_some_and(|block| {
			block.state.look(Extensions::new(), || pallet_inference::OpenJobs::<crate::runtime::Test>::count() == 0)
		});
		if slot > limit && !is_done {
			self.violations
				.push(format!("jobs are open {} slots after the last one was submitted", slot - self.plan.slots));
		}
		self.is_over = is_done || slot > limit;
	}

	/// Finalises what more than two thirds of the voters build on, where they are connected, and tells the others of it.
	///
	/// As with GRANDPA, who votes changes with what is final and not with what is built: the validators of a session vote up to
	/// the next one's first block, and build on what is final. With those of each fork's own session, or with voters that lost
	/// their database and do not hear what is final, two forks could have a quorum each.
	fn finalise(&mut self, slot: u64) {
		let is_calm = slot >= self.plan.slots;
		let partition = self.plan.partition(slot).filter(|_| !is_calm).cloned();
		let part_of = |number: usize| partition.as_ref().map_or(0, |partition| partition.parts[number]);
		let mut parts: Vec<_> = (0..self.nodes.len()).map(part_of).collect();
		parts.sort_unstable();
		parts.dedup();
		for part in parts {
			let is_of_part = |number: &usize| part_of(*number) == part && self.nodes[*number].is_up;
			let nodes: Vec<_> = (0..self.nodes.len()).filter(is_of_part).collect();
			let finalised = nodes.iter().map(|number| self.nodes[*number].finalised);
			let Some(last) = finalised.max_by_key(|block| self.blocks[block].number) else { continue };
			for number in &nodes {
				self.finalise_at(*number, last);
			}
			let voters = self.plan.session(self.blocks[&last].session).members;
			let bests = voters.iter().map(|(number, ..)| number).filter(|number| nodes.contains(number));
			let bests: Vec<_> = bests.map(|number| self.nodes[*number].best).collect();
			if let Some(block) = self.supported(&bests, voters.len(), last) {
				nodes.iter().for_each(|number| self.finalise_at(*number, block));
			}
		}
	}

	/// The highest block after the last final one that more than two thirds of so many build on, but for the lag, and no
	/// further than the first block of the next session.
	fn supported(&self, bests: &[Hash], voters: usize, last: Hash) -> Option<Hash> {
		let bests: Vec<_> = bests.iter().copied().filter(|best| self.is_descendant(*best, last)).collect();
		let mut block = *bests.iter().max_by_key(|best| self.blocks[best].number)?;
		let supports = |block: Hash| bests.iter().filter(|best| self.is_descendant(**best, block)).count();
		while supports(block) * 3 <= voters * 2 {
			block = self.before(block, last)?;
		}
		for _ in 0..self.plan.network.finality_lag {
			block = self.before(block, last)?;
		}
		while block != last && self.blocks[&self.blocks[&block].parent].session > self.blocks[&last].session {
			block = self.before(block, last)?;
		}
		Some(block)
	}

	/// The parent of a block, as long as it is after the last final one.
	fn before(&self, block: Hash, last: Hash) -> Option<Hash> {
		let parent = self.blocks[&block].parent;
		(block != last && parent != last).then_some(parent)
	}

	/// Whether a block is this one or builds on it.
	fn is_descendant(&self, block: Hash, of: Hash) -> bool {
		self.blocks[&block].number >= self.blocks[&of].number && self.is_ancestor(of, block)
	}

	fn finalise_at(&mut self, number: usize, block: Hash) {
		let node = &self.nodes[number];
		if !node.known.contains(&block) || self.blocks[&block].number <= self.blocks[&node.finalised].number {
			return;
		}
		if !self.is_ancestor(node.finalised, block) {
			self.violations.push(format!("{number} is to finalise {block:?}, which is on another fork"));
			return;
		}
		self.nodes[number].finalised = block;
		if !self.is_ancestor(block, self.nodes[number].best) {
			let known: Vec<_> = self.nodes[number].known.iter().copied().collect();
			let best = known
				.into_iter()
				.filter(|hash| self.is_ancestor(block, *hash))
				.max_by_key(|hash| (self.blocks[hash].weight, self.blocks[hash].number))
				.unwrap_or(block);
			self.set_best(number, best);
		}
		let session = self.blocks[&block].session;
		let node = &mut self.nodes[number];
		node.judge.finalise(session);
		let mut ids = node.pool.useless();
		while !ids.is_empty() {
			let (questions, left) = node.pool.questions_about(&ids, block);
			let Some(at) = self.blocks.get_mut(&block).filter(|block| block.state.len() > 0) else { return };
			let standings = at.state.look(Extensions::new(), || Inference::ballot_standings(questions.ballots));
			for (id, standing) in questions.ids.iter().zip(standings) {
				if standing == sibyl_primitives::api::BallotStanding::Useless {
					node.pool.remove(id);
				}
			}
			ids = left;
		}
	}

	/// Forgets the states of blocks that nobody builds on or asks about any more.
	fn prune(&mut self) {
		let lowest = |hash: fn(&Node) -> Hash| self.nodes.iter().map(|node| self.blocks[&hash(node)].number).min();
		let needed = lowest(|node| node.finalised).min(lowest(|node| node.best)).unwrap_or(0);
		let top = self.blocks[&self.canonical()].number;
		let in_use: Vec<_> = self.nodes.iter().flat_map(|node| [node.best, node.finalised]).collect();
		let until = needed.saturating_sub(2).max(top.saturating_sub(100));
		if until <= self.pruned_to {
			return;
		}
		for (hash, block) in &mut self.blocks {
			if block.number < until && block.number > 0 && !in_use.contains(hash) {
				block.state = Default::default();
			}
		}
		self.pruned_to = until;
	}
}
