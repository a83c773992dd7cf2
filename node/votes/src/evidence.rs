//! Validators that sign two commits of one seat, and the two ballots that prove it.
//!
//! The first ballot that holds a commit is remembered as its witness, apart from the pool, so that it is still there when
//! the second comes. A validator's witnesses are bounded in bytes; what never was of use to a block is forgotten first, so
//! that nobody can make others forget a commit by sending invented ones after it.

use crate::HashedBallot;
use codec::Encode;
use sibyl_primitives::{
	job::SeatIndex,
	vote::{SignedBallot, VoteTarget},
	AccountId, AuthorityIndex, BlockNumber, Hash, SessionIndex,
};
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of one validator's witnesses.
const BYTES_OF_ACCOUNT: usize = 256 * 1024;
/// Bytes of all witnesses.
const BYTES: usize = 32 * 1024 * 1024;
/// Seats of one validator and session that are reported: one is enough, and whoever is at it could invent any number.
const REPORTS_OF_VALIDATOR: usize = 4;
/// Validators and sessions whose reports are remembered.
const REMEMBERED_REPORTS: usize = 1024;
/// Proofs that wait to be taken.
const MAX_WAITING: usize = 64;

/// Two ballots of one validator, with different commits of one seat. They may be one ballot that has both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Equivocation {
	/// One ballot, without outputs.
	pub first: SignedBallot,
	/// The other one.
	pub second: SignedBallot,
}

type Validator = (SessionIndex, AuthorityIndex);
type Seat = (VoteTarget, SeatIndex);

struct Witness {
	signed: SignedBallot,
	bytes: usize,
	was_wanted: bool,
	arrival: u64,
}

#[derive(Default)]
struct Witnesses {
	/// By the ballots' ids.
	ballots: BTreeMap<Hash, Witness>,
	/// The commitment of each seat, and the ballot that it is in.
	commits: BTreeMap<(Validator, Seat), (Hash, Hash)>,
	bytes: usize,
}

impl Witnesses {
	fn remove(&mut self, id: &Hash) -> usize {
		let Some(witness) = self.ballots.remove(id) else { return 0 };
		self.commits.retain(|_, (_, witness)| witness != id);
		self.bytes -= witness.bytes;
		witness.bytes
	}

	/// The one that is missed least.
	fn least(&self) -> Option<Hash> {
		let order =
			|(_, witness): &(&Hash, &Witness)| (witness.was_wanted, witness.signed.ballot.at_block, witness.arrival);
		self.ballots.iter().min_by_key(order).map(|(id, _)| *id)
	}
}

/// What is remembered of commits.
#[derive(Default)]
pub(crate) struct Evidence {
	witnesses: BTreeMap<AccountId, Witnesses>,
	bytes: usize,
	arrivals: u64,
	reported: BTreeMap<Validator, BTreeSet<Seat>>,
	waiting: Vec<Equivocation>,
}

impl Evidence {
	/// Takes note of a ballot's commits.
	pub fn note(&mut self, account: &AccountId, ballot: &HashedBallot) {
		let votes = ballot.ballot();
		if votes.commits.is_empty() {
			return;
		}
		let validator = (votes.session, votes.authority_index);
		let witnesses = self.witnesses.entry(account.clone()).or_default();
		let mut contradicted = Vec::new();
		let mut is_witness = false;
		for commit in &votes.commits {
			let seat = (commit.target, commit.seat);
			match witnesses.commits.get(&(validator, seat)) {
				Some((commitment, _)) if *commitment == commit.commitment => {}
				Some((_, other)) => contradicted.push((seat, *other)),
				None => {
					witnesses.commits.insert((validator, seat), (commit.commitment, ballot.id()));
					is_witness = true;
				}
			}
		}
		if is_witness {
			let signed = ballot.without_outputs();
			let bytes = signed.encoded_size();
			witnesses.bytes += bytes;
			self.bytes += bytes;
			let witness = Witness { signed, bytes, was_wanted: false, arrival: self.arrivals };
			self.arrivals += 1;
			witnesses.ballots.insert(ballot.id(), witness);
		}
		for (seat, other) in contradicted {
			self.prove(account, validator, seat, &other, ballot);
		}
		self.make_room(account);
	}

	/// Takes note that a block has use for the ballot, or had.
	pub fn is_of_use(&mut self, account: &AccountId, id: &Hash) {
		let witness = self.witnesses.get_mut(account).and_then(|witnesses| witnesses.ballots.get_mut(id));
		if let Some(witness) = witness {
			witness.was_wanted = true;
		}
	}

	/// Forgets the ballots made before this height.
	pub fn forget_before(&mut self, height: BlockNumber) {
		for witnesses in self.witnesses.values_mut() {
			let is_old = |(_, witness): &(&Hash, &Witness)| witness.signed.ballot.at_block < height;
			let old: Vec<_> = witnesses.ballots.iter().filter(is_old).map(|(id, _)| *id).collect();
			for id in old {
				self.bytes -= witnesses.remove(&id);
			}
		}
		self.witnesses.retain(|_, witnesses| !witnesses.ballots.is_empty());
	}

	/// The proofs found since this was last called.
	pub fn take(&mut self) -> Vec<Equivocation> {
		std::mem::take(&mut self.waiting)
	}

	fn prove(&mut self, account: &AccountId, validator: Validator, seat: Seat, first: &Hash, second: &HashedBallot) {
		let first = self.witnesses.get(account).and_then(|witnesses| witnesses.ballots.get(first));
		let Some(first) = first.map(|witness| witness.signed.clone()) else { return };
		let reported = self.reported.entry(validator).or_default();
		if self.waiting.len() < MAX_WAITING && reported.len() < REPORTS_OF_VALIDATOR && reported.insert(seat) {
			self.waiting.push(Equivocation { first, second: second.without_outputs() });
		}
		if self.reported.len() > REMEMBERED_REPORTS {
			// The oldest session's.
			self.reported.pop_first();
		}
	}

	fn make_room(&mut self, account: &AccountId) {
		while self.witnesses.get(account).is_some_and(|witnesses| witnesses.bytes > BYTES_OF_ACCOUNT) {
			self.drop_one_of(account);
		}
		while self.bytes > BYTES {
			let largest = self.witnesses.iter().max_by_key(|(_, witnesses)| witnesses.bytes);
			let Some(account) = largest.map(|(account, _)| account.clone()) else { return };
			self.drop_one_of(&account);
		}
	}

	fn drop_one_of(&mut self, account: &AccountId) {
		let Some(witnesses) = self.witnesses.get_mut(account) else { return };
		match witnesses.least() {
			Some(id) => self.bytes -= witnesses.remove(&id),
			None => {
				self.witnesses.remove(account);
			}
		}
	}
}

#[cfg(test)]
#[path = "evidence_tests.rs"]
mod tests;
