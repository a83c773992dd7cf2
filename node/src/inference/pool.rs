//! The votes that no finalised block holds yet.
//!
//! A ballot stays until the finalised state has no more use for it, so that a reorg loses no vote; or until it is too
//! old to be of use to anyone. What a validator can make others keep is bounded, in ballots and in bytes, and who takes
//! most room gives way first.

use super::metrics::Metrics;
use codec::Encode;
use parking_lot::Mutex;
use sibyl_primitives::{
	output::output_hash,
	vote::{SignedBallot, BALLOT_LONGEVITY},
	AuthorityIndex, BlockNumber, Hash, SessionIndex,
};
use std::{
	cmp::Reverse,
	collections::{BTreeMap, BTreeSet, HashMap},
	sync::Arc,
};

/// How much the pool holds.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
	/// Ballots of one validator and session.
	pub per_validator: usize,
	/// Bytes of all ballots.
	pub bytes: usize,
}

impl Default for Bounds {
	fn default() -> Self {
		Self { per_validator: 8, bytes: 64 * 1024 * 1024 }
	}
}

/// What became of a ballot that was put into the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Insertion {
	/// It is new.
	Added,
	/// It is known, and brought outputs that were missing.
	Merged,
	/// It is known, with all of its outputs.
	Known,
	/// Its validator has newer ones, or takes more room than any other.
	Crowded,
}

type Validator = (SessionIndex, AuthorityIndex);
/// The height it was made at, then the order of arrival.
type Age = (BlockNumber, u64);

struct Pooled {
	ballot: SignedBallot,
	age: Age,
	bytes: usize,
}

#[derive(Default)]
struct Share {
	by_age: BTreeMap<Age, Hash>,
	bytes: usize,
}

/// The pool.
pub struct VotePool {
	bounds: Bounds,
	ballots: HashMap<Hash, Pooled>,
	shares: BTreeMap<Validator, Share>,
	bytes: usize,
	arrivals: u64,
}

impl VotePool {
	/// An empty pool.
	pub fn new(bounds: Bounds) -> Self {
		Self { bounds, ballots: HashMap::new(), shares: BTreeMap::new(), bytes: 0, arrivals: 0 }
	}

	/// Puts a ballot in. Outputs that no reveal of its ballot names are left out.
	pub fn insert(&mut self, mut ballot: SignedBallot) -> Insertion {
		keep_named_outputs(&mut ballot);
		let id = ballot.id();
		let insertion = match self.ballots.contains_key(&id) {
			true => self.merge(&id, ballot),
			false => self.add(id, ballot),
		};
		while self.bytes > self.bounds.bytes && self.evict_from_the_largest_share() {}
		match self.contains(&id) {
			true => insertion,
			false => Insertion::Crowded,
		}
	}

	/// Whether the ballot is new, or has outputs that are missing from the known one.
	pub fn is_news(&self, ballot: &SignedBallot) -> bool {
		self.ballots.get(&ballot.id()).is_none_or(|known| {
			let has = hashes(&known.ballot);
			hashes(ballot).iter().any(|output| !has.contains(output))
		})
	}

	/// Whether the pool has a ballot of this ballot's id.
	pub fn contains(&self, id: &Hash) -> bool {
		self.ballots.contains_key(id)
	}

	/// Ballots for a block, up to so many bytes: every validator's newest first, then every validator's second, so that
	/// nobody crowds others out. The newest says all that the chain lacked when it was made.
	pub fn for_block(&self, max_bytes: usize) -> Vec<SignedBallot> {
		let mut ranked: Vec<_> = self
			.shares
			.values()
			.flat_map(|share| share.by_age.iter().rev().enumerate())
			.map(|(rank, (age, id))| (rank, Reverse(age), id))
			.collect();
		ranked.sort();
		let mut left = max_bytes;
		let fits = |pooled: &&Pooled| {
			let rest = left.checked_sub(pooled.bytes);
			left = rest.unwrap_or(left);
			rest.is_some()
		};
		let pooled = ranked.into_iter().filter_map(|(_, _, id)| self.ballots.get(id));
		pooled.filter(fits).map(|pooled| pooled.ballot.clone()).collect()
	}

	/// The ids of all ballots.
	pub fn ids(&self) -> Vec<Hash> {
		self.ballots.keys().copied().collect()
	}

	/// The ballot of this id.
	pub fn get(&self, id: &Hash) -> Option<&SignedBallot> {
		self.ballots.get(id).map(|pooled| &pooled.ballot)
	}

	/// Takes a ballot out.
	pub fn remove(&mut self, id: &Hash) {
		let Some(Pooled { ballot, age, bytes }) = self.ballots.remove(id) else { return };
		self.bytes -= bytes;
		let validator = validator_of(&ballot);
		if let Some(share) = self.shares.get_mut(&validator) {
			share.by_age.remove(&age);
			share.bytes -= bytes;
			if share.by_age.is_empty() {
				self.shares.remove(&validator);
			}
		}
	}

	/// Takes out what was made too long before this finalised block.
	pub fn drop_older(&mut self, finalised: BlockNumber) {
		let oldest = finalised.saturating_sub(BALLOT_LONGEVITY);
		let is_old = |(_, pooled): &(&Hash, &Pooled)| pooled.ballot.ballot.at_block < oldest;
		let old: Vec<_> = self.ballots.iter().filter(is_old).map(|(id, _)| *id).collect();
		old.iter().for_each(|id| self.remove(id));
	}

	fn add(&mut self, id: Hash, ballot: SignedBallot) -> Insertion {
		let validator = validator_of(&ballot);
		let age = (ballot.ballot.at_block, self.arrivals);
		let share = self.shares.get(&validator);
		if let Some(share) = share.filter(|share| share.by_age.len() >= self.bounds.per_validator) {
			match share.by_age.first_key_value().map(|(oldest, id)| (*oldest, *id)) {
				Some((oldest, oldest_id)) if oldest < age => self.remove(&oldest_id),
				_ => return Insertion::Crowded,
			}
		}
		self.arrivals += 1;
		let bytes = ballot.encoded_size();
		let share = self.shares.entry(validator).or_default();
		share.by_age.insert(age, id);
		share.bytes += bytes;
		self.bytes += bytes;
		self.ballots.insert(id, Pooled { ballot, age, bytes });
		Insertion::Added
	}

	fn merge(&mut self, id: &Hash, other: SignedBallot) -> Insertion {
		let Some(known) = self.ballots.get_mut(id) else { return Insertion::Known };
		let has = hashes(&known.ballot);
		let missing = other.outputs.into_iter().filter(|output| !has.contains(&output_hash(output)));
		// One output per hash that a reveal names: there are no more of these than there is room for.
		let merged = missing.filter_map(|output| known.ballot.outputs.try_push(output).ok()).count();
		if merged == 0 {
			return Insertion::Known;
		}
		let grown = known.ballot.encoded_size() - known.bytes;
		known.bytes += grown;
		self.bytes += grown;
		if let Some(share) = self.shares.get_mut(&validator_of(&known.ballot)) {
			share.bytes += grown;
		}
		Insertion::Merged
	}

	fn evict_from_the_largest_share(&mut self) -> bool {
		let largest = self.shares.values().max_by_key(|share| share.bytes);
		let oldest = largest.and_then(|share| share.by_age.first_key_value()).map(|(_, id)| *id);
		oldest.inspect(|id| self.remove(id)).is_some()
	}
}

fn validator_of(ballot: &SignedBallot) -> Validator {
	(ballot.ballot.session, ballot.ballot.authority_index)
}

fn hashes(ballot: &SignedBallot) -> BTreeSet<Hash> {
	ballot.outputs.iter().map(|output| output_hash(output)).collect()
}

/// Whether a reveal of the ballot names each output, and none is there twice.
pub fn names_its_outputs(ballot: &SignedBallot) -> bool {
	let mut unnamed: BTreeSet<_> = ballot.ballot.reveals.iter().map(|reveal| reveal.output_hash).collect();
	ballot.outputs.iter().all(|output| unnamed.remove(&output_hash(output)))
}

fn keep_named_outputs(ballot: &mut SignedBallot) {
	let mut unnamed: BTreeSet<_> = ballot.ballot.reveals.iter().map(|reveal| reveal.output_hash).collect();
	ballot.outputs.retain(|output| unnamed.remove(&output_hash(output)));
}

/// The pool that gossip, the block author and the pruning share.
#[derive(Clone)]
pub struct SharedPool {
	pool: Arc<Mutex<VotePool>>,
	metrics: Metrics,
}

impl SharedPool {
	/// An empty pool.
	pub fn new(bounds: Bounds, metrics: Metrics) -> Self {
		Self { pool: Arc::new(Mutex::new(VotePool::new(bounds))), metrics }
	}

	/// See [`VotePool::insert`].
	pub fn insert(&self, ballot: SignedBallot) -> Insertion {
		self.change(|pool| pool.insert(ballot))
	}

	/// See [`VotePool::for_block`].
	pub fn for_block(&self, max_bytes: usize) -> Vec<SignedBallot> {
		self.pool.lock().for_block(max_bytes)
	}

	/// Lets a reader see the pool as it is now. The reader must not take long, since gossip and authorship wait for it.
	pub fn read<R>(&self, reader: impl FnOnce(&VotePool) -> R) -> R {
		reader(&self.pool.lock())
	}

	/// Lets a writer change the pool.
	pub fn change<R>(&self, writer: impl FnOnce(&mut VotePool) -> R) -> R {
		let mut pool = self.pool.lock();
		let result = writer(&mut pool);
		self.metrics.pool_ballots.set(pool.ballots.len() as u64);
		self.metrics.pool_bytes.set(pool.bytes as u64);
		result
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::inference::mock::{ballot, ballot_with_outputs, output, SESSION};

	const BOUNDS: Bounds = Bounds { per_validator: 3, bytes: 100_000 };

	fn pool() -> VotePool {
		VotePool::new(BOUNDS)
	}

	/// The sums are what a recount says.
	fn assert_sums(pool: &VotePool) {
		let bytes: usize = pool.ballots.values().map(|pooled| pooled.ballot.encoded_size()).sum();
		assert_eq!(pool.bytes, bytes);
		assert_eq!(pool.shares.values().map(|share| share.bytes).sum::<usize>(), bytes);
		assert_eq!(pool.shares.values().map(|share| share.by_age.len()).sum::<usize>(), pool.ballots.len());
		assert!(pool.shares.values().all(|share| share.by_age.len() <= BOUNDS.per_validator));
		assert!(pool.bytes <= BOUNDS.bytes);
	}

	#[test]
	fn a_ballot_is_added_once() {
		let mut pool = pool();
		assert!(pool.is_news(&ballot(0, 5)));
		assert_eq!(pool.insert(ballot(0, 5)), Insertion::Added);
		assert!(!pool.is_news(&ballot(0, 5)));
		assert_eq!(pool.insert(ballot(0, 5)), Insertion::Known);
		assert_eq!(pool.for_block(usize::MAX), [ballot(0, 5)]);
		assert_sums(&pool);
	}

	#[test]
	fn the_oldest_of_a_validator_leaves_for_a_newer_one_and_others_are_left_alone() {
		let mut pool = pool();
		pool.insert(ballot(1, 1));
		for at_block in [7, 5, 6] {
			assert_eq!(pool.insert(ballot(0, at_block)), Insertion::Added);
		}
		assert_eq!(pool.insert(ballot(0, 4)), Insertion::Crowded);
		assert_eq!(pool.insert(ballot(0, 8)), Insertion::Added);
		assert!(!pool.contains(&ballot(0, 5).id()) && pool.contains(&ballot(1, 1).id()));
		assert_sums(&pool);
	}

	#[test]
	fn of_ballots_of_one_height_the_last_to_come_stays() {
		let mut pool = pool();
		let ballots: Vec<_> = (0..4).map(|n| ballot_with_outputs(0, 5, &[output(n, 10)], &[])).collect();
		for ballot in &ballots {
			assert_eq!(pool.insert(ballot.clone()), Insertion::Added);
		}
		assert!(!pool.contains(&ballots[0].id()) && pool.contains(&ballots[3].id()));
		assert_sums(&pool);
	}

	#[test]
	fn who_takes_most_room_gives_way() {
		let mut pool = pool();
		pool.insert(ballot(1, 1));
		for at_block in 1..=3 {
			let outputs: Vec<_> = (0..5).map(|n| output(n, 8_000)).collect();
			pool.insert(ballot_with_outputs(0, at_block, &outputs, &outputs));
		}
		assert!(pool.contains(&ballot(1, 1).id()));
		assert_eq!(pool.shares[&(SESSION, 0)].by_age.len(), 2);
		assert_sums(&pool);
	}

	#[test]
	fn outputs_that_were_left_out_are_merged_in() {
		let mut pool = pool();
		let outputs = [output(1, 10), output(2, 20)];
		let whole = ballot_with_outputs(0, 5, &outputs, &outputs);
		let first = ballot_with_outputs(0, 5, &outputs, &outputs[..1]);
		let none = ballot_with_outputs(0, 5, &outputs, &[]);
		assert_eq!(pool.insert(none.clone()), Insertion::Added);
		assert!(pool.is_news(&first));
		assert_eq!(pool.insert(first.clone()), Insertion::Merged);
		assert!(!pool.is_news(&first) && !pool.is_news(&none) && pool.is_news(&whole));
		assert_eq!(pool.insert(whole.clone()), Insertion::Merged);
		assert_eq!(pool.for_block(usize::MAX), [whole]);
		assert_eq!(pool.insert(none), Insertion::Known);
		assert_sums(&pool);
	}

	#[test]
	fn outputs_that_nobody_names_or_that_come_twice_are_left_out() {
		let mut pool = pool();
		let (named, stray) = ([output(1, 10)], output(2, 10));
		let ballot = ballot_with_outputs(0, 5, &named, &[stray, named[0].clone(), named[0].clone()]);
		assert!(!names_its_outputs(&ballot));
		assert_eq!(pool.insert(ballot), Insertion::Added);
		let kept = ballot_with_outputs(0, 5, &named, &named);
		assert!(names_its_outputs(&kept));
		assert_eq!(pool.for_block(usize::MAX), [kept]);
		assert_sums(&pool);
	}

	#[test]
	fn a_block_gets_every_validators_newest_before_anyones_second() {
		let mut pool = pool();
		for (validator, at_block) in [(0, 1), (0, 2), (0, 3), (1, 1), (2, 2)] {
			pool.insert(ballot(validator, at_block));
		}
		let order: Vec<_> =
			pool.for_block(usize::MAX).iter().map(|b| (b.ballot.authority_index, b.ballot.at_block)).collect();
		assert_eq!(order, [(0, 3), (2, 2), (1, 1), (0, 2), (0, 1)]);
		let room_for_three = 3 * ballot(0, 1).encoded_size();
		assert_eq!(pool.for_block(room_for_three).len(), 3);
	}

	#[test]
	fn what_does_not_fit_is_skipped_for_what_does() {
		let mut pool = pool();
		let large = [output(1, 8_000)];
		pool.insert(ballot_with_outputs(0, 9, &large, &large));
		pool.insert(ballot(1, 5));
		assert_eq!(pool.for_block(1_000), [ballot(1, 5)]);
	}

	#[test]
	fn old_ballots_leave_with_finality() {
		let mut pool = pool();
		pool.insert(ballot(0, 9));
		pool.insert(ballot(0, 10));
		pool.drop_older(10 + BALLOT_LONGEVITY);
		assert_eq!(pool.ids(), [ballot(0, 10).id()]);
		pool.remove(&ballot(0, 10).id());
		assert!(pool.shares.is_empty());
		assert_sums(&pool);
	}
}
