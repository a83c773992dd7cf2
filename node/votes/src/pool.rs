//! The votes that no finalised block holds yet.
//!
//! A ballot stays until the finalised state has no more use for it, so that a reorg loses no vote; or until it is too old to
//! be of use to anyone. What a validator can make others keep is bounded, in ballots and in bytes, over all of its sessions
//! together, and who takes most room gives way first.

use crate::{
	evidence::{Equivocation, Evidence},
	HashedBallot, Relay,
};
use sibyl_primitives::{
	api::{BallotStanding, MAX_JUDGED_BALLOTS},
	vote::{Ballot, BALLOT_LONGEVITY},
	AccountId, BlockNumber, Hash,
};
use std::{cmp::Reverse, collections::BTreeMap};

/// Votes that the runtime is asked about at a time, unless one ballot has more: each costs it some reads.
const MAX_JUDGED_VOTES: usize = 4096;

/// How much the pool holds.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
	/// Ballots of one validator.
	pub ballots_of_account: usize,
	/// Bytes of one validator's ballots. One ballot is kept, however large.
	pub bytes_of_account: usize,
	/// Ballots of all. A peer that comes is sent them all at once, and the buffer of its substream takes 2,048.
	pub ballots: usize,
	/// Bytes of all ballots.
	pub bytes: usize,
}

impl Default for Bounds {
	fn default() -> Self {
		Self { ballots_of_account: 8, bytes_of_account: 2 * 1024 * 1024, ballots: 1536, bytes: 64 * 1024 * 1024 }
	}
}

/// What is new in a ballot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
	/// The ballot itself.
	Ballot,
	/// The ballot is known, and it brings outputs that the known one lacks.
	Outputs {
		/// Whether the chain lacks one of them. Where it is not known yet, it may come to.
		are_wanted: bool,
		/// How long the ballot is with all its outputs.
		bytes: usize,
	},
	/// Nothing, or nothing that anyone wants.
	Known,
}

/// What became of a ballot that was put into the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Insertion {
	/// It is new.
	Added,
	/// It was known, and brought outputs that were missing.
	Merged,
	/// It was known, with all of its outputs.
	Known,
	/// Its validator has better ones, or takes more room than any other.
	Crowded,
}

/// Ballots that the runtime is to be asked about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Questions {
	/// The block at which it is to be asked.
	pub at: Hash,
	/// The ballots' ids.
	pub ids: Vec<Hash>,
	/// The ballots.
	pub ballots: Vec<Ballot>,
}

/// The height it was made at, then the order of arrival.
pub(crate) type Age = (BlockNumber, u64);

pub(crate) struct Pooled {
	pub account: AccountId,
	pub ballot: HashedBallot,
	pub age: Age,
	/// What the runtime said last; nothing yet where it has not been asked.
	pub standing: Option<BallotStanding>,
	/// Whether that was at the present best block.
	pub is_fresh: bool,
	/// Whether it is yet to be passed on.
	is_due: bool,
}

/// What the runtime said of a ballot, in short.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
	Useless,
	Early,
	Wanted,
	Unknown,
}

impl Pooled {
	pub fn kind(&self) -> Kind {
		match self.standing {
			None => Kind::Unknown,
			Some(BallotStanding::Wanted { .. }) => Kind::Wanted,
			Some(BallotStanding::Early { .. }) => Kind::Early,
			Some(BallotStanding::Useless) => Kind::Useless,
		}
	}
}

#[derive(Default)]
struct Share {
	by_age: BTreeMap<Age, Hash>,
	bytes: usize,
}

/// The pool. It asks nobody anything: the caller puts [`Pool::questions`] to the runtime and hands the answers back.
pub struct Pool {
	bounds: Bounds,
	best: Hash,
	best_number: BlockNumber,
	ballots: BTreeMap<Hash, Pooled>,
	shares: BTreeMap<AccountId, Share>,
	bytes: usize,
	arrivals: u64,
	evidence: Evidence,
}

impl Pool {
	/// An empty pool.
	pub fn new(bounds: Bounds) -> Self {
		Self {
			bounds,
			best: Hash::zero(),
			best_number: 0,
			ballots: BTreeMap::new(),
			shares: BTreeMap::new(),
			bytes: 0,
			arrivals: 0,
			evidence: Evidence::default(),
		}
	}

	/// Goes by this best block from now on. Standings at another one count until there are new ones; what is too old for
	/// any block after this one leaves, whether anything is finalised or not.
	pub fn follow(&mut self, best: Hash, number: BlockNumber) {
		if best == self.best {
			return;
		}
		(self.best, self.best_number) = (best, number);
		for pooled in self.ballots.values_mut() {
			pooled.is_fresh = false;
		}
		let oldest = number.saturating_sub(BALLOT_LONGEVITY);
		let is_old = |(_, pooled): &(&Hash, &Pooled)| pooled.ballot.ballot().at_block < oldest;
		let old: Vec<_> = self.ballots.iter().filter(is_old).map(|(id, _)| *id).collect();
		for id in old {
			self.remove(&id);
		}
		self.evidence.forget_before(oldest.saturating_sub(BALLOT_LONGEVITY));
	}

	/// Puts a validator's ballot in, whose signature has been checked.
	pub fn insert(&mut self, account: AccountId, ballot: HashedBallot, relay: Relay) -> Insertion {
		let id = ballot.id();
		let insertion = if self.ballots.contains_key(&id) {
			self.merge(&id, ballot, relay)
		} else {
			self.evidence.note(&account, &ballot);
			self.add(account.clone(), ballot, relay)
		};
		self.make_room(&account);
		match self.contains(&id) {
			true => insertion,
			false => Insertion::Crowded,
		}
	}

	/// What is new in a ballot.
	pub fn news(&self, ballot: &HashedBallot) -> News {
		let Some(known) = self.ballots.get(&ballot.id()) else { return News::Ballot };
		let missing: Vec<_> = ballot.outputs().filter(|(hash, _)| !known.ballot.brings(hash)).collect();
		let is_wanted = |hash: &Hash| match &known.standing {
			Some(BallotStanding::Wanted { outputs, .. }) => Some(outputs.contains(hash)),
			Some(BallotStanding::Useless) => Some(false),
			Some(BallotStanding::Early { .. }) | None => None,
		};
		let are_wanted = missing.iter().map(|(hash, _)| is_wanted(hash)).max_by_key(|wanted| match wanted {
			Some(false) => 0,
			None => 1,
			Some(true) => 2,
		});
		match are_wanted {
			None | Some(Some(false)) => News::Known,
			Some(wanted) => News::Outputs {
				are_wanted: wanted == Some(true),
				bytes: known.ballot.bytes() + missing.iter().map(|(_, output)| output.len()).sum::<usize>(),
			},
		}
	}

	/// Whether the pool has a ballot of this id.
	pub fn contains(&self, id: &Hash) -> bool {
		self.ballots.contains_key(id)
	}

	/// The ballot of this id.
	pub fn get(&self, id: &Hash) -> Option<&HashedBallot> {
		self.ballots.get(id).map(|pooled| &pooled.ballot)
	}

	/// What the runtime said last of the ballot of this id.
	pub fn standing(&self, id: &Hash) -> Option<&BallotStanding> {
		self.ballots.get(id)?.standing.as_ref()
	}

	/// The ids of all ballots.
	pub fn ids(&self) -> Vec<Hash> {
		self.ballots.keys().copied().collect()
	}

	/// How many ballots there are.
	pub fn len(&self) -> usize {
		self.ballots.len()
	}

	/// Whether there are none.
	pub fn is_empty(&self) -> bool {
		self.ballots.is_empty()
	}

	/// Bytes of all ballots.
	pub fn bytes(&self) -> usize {
		self.bytes
	}

	/// Takes a ballot out.
	pub fn remove(&mut self, id: &Hash) {
		let Some(Pooled { account, ballot, age, .. }) = self.ballots.remove(id) else { return };
		self.bytes -= ballot.bytes();
		if let Some(share) = self.shares.get_mut(&account) {
			share.by_age.remove(&age);
			share.bytes -= ballot.bytes();
			if share.by_age.is_empty() {
				self.shares.remove(&account);
			}
		}
	}

	/// Ballots whose standing at the best block is not known, for one call of the runtime. Those that were never judged
	/// come first, then those that were early, and each validator's newest before anyone's second. None when all is known.
	pub fn questions(&self) -> Questions {
		let mut unanswered: Vec<_> = self
			.shares
			.values()
			.flat_map(|share| share.by_age.values().rev().enumerate())
			.filter_map(|(place, id)| self.ballots.get(id).map(|pooled| (place, pooled)))
			.filter(|(_, pooled)| !pooled.is_fresh)
			.collect();
		unanswered.sort_by_key(|(place, pooled)| {
			let turn = match pooled.kind() {
				Kind::Unknown => 0,
				Kind::Early => 1,
				Kind::Wanted => 2,
				Kind::Useless => 3,
			};
			(turn, *place, Reverse(pooled.age))
		});
		self.ask(unanswered.into_iter().map(|(_, pooled)| pooled))
	}

	/// Takes the runtime's answers to [`Pool::questions`]. Those that were asked at another block than the best one of now
	/// are no answers any more.
	pub fn answer(&mut self, at: Hash, ids: &[Hash], standings: Vec<BallotStanding>) {
		if at != self.best {
			return;
		}
		for (id, standing) in ids.iter().zip(standings) {
			let Some(pooled) = self.ballots.get_mut(id) else { continue };
			pooled.standing = Some(standing);
			pooled.is_fresh = true;
			if pooled.kind() == Kind::Wanted {
				self.evidence.is_of_use(&pooled.account, id);
			}
		}
	}

	/// The ids of the ballots that are useless at the best block. Those that are so at the finalised one, too, can be
	/// removed: put [`Pool::questions_about`] them.
	pub fn useless(&self) -> Vec<Hash> {
		self.ballots.iter().filter(|(_, pooled)| pooled.kind() == Kind::Useless).map(|(id, _)| *id).collect()
	}

	/// Questions about as many of these ballots as go into one call of the runtime, and the ids that are left over.
	pub fn questions_about(&self, ids: &[Hash], at: Hash) -> (Questions, Vec<Hash>) {
		let there: Vec<_> = ids.iter().filter_map(|id| self.ballots.get(id)).collect();
		let questions = Questions { at, ..self.ask(there.iter().copied()) };
		let left = there.iter().skip(questions.ids.len()).map(|pooled| pooled.ballot.id()).collect();
		(questions, left)
	}

	/// Ballots that were not passed on when they came, and have turned out to be wanted: each validator's newest. To be
	/// called once for each best block, when the questions have been answered.
	pub fn take_due(&mut self) -> Vec<HashedBallot> {
		let is_due =
			|id: &&Hash| self.ballots.get(id).is_some_and(|pooled| pooled.is_due && pooled.kind() == Kind::Wanted);
		let ids: Vec<_> =
			self.shares.values().filter_map(|share| share.by_age.values().rev().find(is_due)).copied().collect();
		let mut due = Vec::new();
		for id in ids {
			if let Some(pooled) = self.ballots.get_mut(&id) {
				pooled.is_due = false;
				due.push(pooled.ballot.clone());
			}
		}
		due
	}

	/// Proofs that validators committed twice, which have come up since this was last asked. Each is given once.
	pub fn take_equivocations(&mut self) -> Vec<Equivocation> {
		self.evidence.take()
	}

	pub(crate) fn all(&self) -> impl Iterator<Item = &Pooled> {
		self.ballots.values()
	}

	fn ask<'a>(&self, ballots: impl Iterator<Item = &'a Pooled>) -> Questions {
		let mut questions = Questions { at: self.best, ..Default::default() };
		let mut votes = 0;
		for pooled in ballots.take(MAX_JUDGED_BALLOTS as usize) {
			votes += pooled.ballot.ballot().len();
			if votes > MAX_JUDGED_VOTES && !questions.ids.is_empty() {
				break;
			}
			questions.ids.push(pooled.ballot.id());
			questions.ballots.push(pooled.ballot.ballot().clone());
		}
		questions
	}

	fn add(&mut self, account: AccountId, ballot: HashedBallot, relay: Relay) -> Insertion {
		let (id, bytes) = (ballot.id(), ballot.bytes());
		let age = (ballot.ballot().at_block, self.arrivals);
		self.arrivals += 1;
		let share = self.shares.entry(account.clone()).or_default();
		share.by_age.insert(age, id);
		share.bytes += bytes;
		self.bytes += bytes;
		let is_due = relay == Relay::Later;
		self.ballots.insert(id, Pooled { account, ballot, age, standing: None, is_fresh: false, is_due });
		Insertion::Added
	}

	fn merge(&mut self, id: &Hash, other: HashedBallot, relay: Relay) -> Insertion {
		let Some(known) = self.ballots.get_mut(id) else { return Insertion::Known };
		let before = known.ballot.bytes();
		if !known.ballot.merge(other) {
			return Insertion::Known;
		}
		known.is_due |= relay == Relay::Later;
		let grown = known.ballot.bytes() - before;
		self.bytes += grown;
		if let Some(share) = self.shares.get_mut(&known.account) {
			share.bytes += grown;
		}
		Insertion::Merged
	}

	/// Drops what is over the bounds after an insertion into this validator's share.
	fn make_room(&mut self, account: &AccountId) {
		let Bounds { ballots_of_account, bytes_of_account, ballots, bytes } = self.bounds;
		let is_over = |share: &Share| {
			share.by_age.len() > ballots_of_account || share.bytes > bytes_of_account && share.by_age.len() > 1
		};
		while self.shares.get(account).is_some_and(is_over) {
			self.drop_one_of(&account.clone());
		}
		while self.bytes > bytes && self.drop_of_the_largest(|share| share.bytes) {}
		while self.ballots.len() > ballots && self.drop_of_the_largest(|share| share.by_age.len()) {}
	}

	fn drop_of_the_largest(&mut self, size: impl Fn(&Share) -> usize) -> bool {
		let largest = self.shares.iter().max_by_key(|(_, share)| size(share)).map(|(account, _)| account.clone());
		largest.is_some_and(|account| self.drop_one_of(&account))
	}

	/// Drops the ballot of this validator that is missed least: a useless one, else the oldest of the kind that there is
	/// most of. So no kind drives the others out: what is wanted now may be what was made on this fork, what is early what
	/// was made ahead of it or for the next session, and what is not judged yet is the newest.
	fn drop_one_of(&mut self, account: &AccountId) -> bool {
		let Some(share) = self.shares.get(account) else { return false };
		let mut kinds = BTreeMap::<Kind, Vec<Hash>>::new();
		for id in share.by_age.values() {
			if let Some(pooled) = self.ballots.get(id) {
				kinds.entry(pooled.kind()).or_default().push(*id);
			}
		}
		let kind = kinds.iter().max_by_key(|(kind, ids)| (**kind == Kind::Useless, ids.len(), Reverse(**kind)));
		let least = kind.and_then(|(_, oldest_first)| oldest_first.first()).copied();
		least.inspect(|id| self.remove(id)).is_some()
	}
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
