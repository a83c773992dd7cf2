//! What goes out in place of the validator's own ballots.

use crate::{
	mode::Mode,
	signer::{read, Signer},
};
use codec::Encode;
use parking_lot::Mutex;
use sibyl_primitives::{
	vote::{Commit, SignedBallot, VersionedBallot},
	Hash,
};
use std::{
	collections::{BTreeMap, VecDeque},
	sync::Arc,
};

/// Ballots of others that are remembered.
const HEARD: usize = 256;
/// Answers that are remembered, so that all peers of a side are told the same.
const TOLD: usize = 1_024;

/// Which half of its peers the validator speaks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
	Left,
	Right,
}

#[derive(Default)]
struct Memory {
	heard: VecDeque<SignedBallot>,
	told: BTreeMap<(Hash, Side), Option<SignedBallot>>,
}

/// Clones are one.
#[derive(Clone)]
pub struct Conduct {
	mode: Mode,
	signer: Signer,
	memory: Arc<Mutex<Memory>>,
}

impl std::fmt::Debug for Conduct {
	fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
		self.mode.fmt(f)
	}
}

impl Conduct {
	pub fn new(mode: Mode, signer: Signer) -> Self {
		Self { mode, signer, memory: Default::default() }
	}

	/// Takes note of what another sent.
	pub fn hear(&self, message: &[u8]) {
		let Some(signed) = read(message).filter(|signed| !self.signer.is_mine(signed)) else { return };
		let heard = &mut self.memory.lock().heard;
		if heard.len() >= HEARD {
			heard.pop_front();
		}
		heard.push_back(signed);
	}

	/// Ballots of others.
	pub fn heard(&self) -> Vec<SignedBallot> {
		self.memory.lock().heard.iter().cloned().collect()
	}

	/// What is sent in place of this message; nothing where there is nothing to say.
	pub fn send(&self, side: Side, message: Vec<u8>) -> Option<Vec<u8>> {
		match read(&message).filter(|signed| self.signer.is_mine(signed)) {
			Some(signed) => self.say(side, signed).map(|said| VersionedBallot::V1(said).encode()),
			None => Some(message),
		}
	}

	/// What is said in place of a ballot of the validator's own.
	pub fn say(&self, side: Side, signed: SignedBallot) -> Option<SignedBallot> {
		let key = (signed.id(), side);
		if let Some(said) = self.memory.lock().told.get(&key) {
			return said.clone();
		}
		let heard = self.heard();
		let said = altered(self.mode, side, signed, &heard, |signed| self.signer.sign(signed.ballot));
		let told = &mut self.memory.lock().told;
		if told.len() >= TOLD {
			told.clear();
		}
		told.insert(key, said.clone());
		said
	}
}

/// The ballot as the mode has it, signed again where something that is signed has changed.
fn altered(
	mode: Mode,
	side: Side,
	signed: SignedBallot,
	heard: &[SignedBallot],
	sign: impl Fn(SignedBallot) -> Option<SignedBallot>,
) -> Option<SignedBallot> {
	let mut other = signed.clone();
	let ballot = &mut other.ballot;
	match mode {
		Mode::DoubleCommits if side == Side::Right => {
			for commit in ballot.commits.iter_mut() {
				commit.commitment = commit.commitment.0.map(|byte| !byte).into();
			}
		}
		Mode::Withhold => ballot.reveals = Default::default(),
		Mode::Boast => {
			ballot.commits = Default::default();
			ballot.abstentions = Default::default();
		}
		Mode::Copy => {
			let commits = heard.iter().flat_map(|other| &other.ballot.commits);
			// The first one that was heard: to copy now this one and now that would be to commit twice. Who has heard of none
			// yet says nothing, and is asked again by its worker.
			let copy = |own: &Commit| commits.clone().find(|commit| commit.target == own.target);
			ballot.commits.retain(|own| copy(own).is_some());
			for own in ballot.commits.iter_mut() {
				own.commitment = copy(own).map_or(own.commitment, |commit| commit.commitment);
			}
			for own in ballot.reveals.iter_mut() {
				let mut reveals = heard.iter().flat_map(|other| &other.ballot.reveals);
				if let Some(reveal) = reveals.find(|reveal| reveal.target == own.target) {
					(own.output_hash, own.work, own.salt) = (reveal.output_hash, reveal.work, reveal.salt);
				}
			}
		}
		Mode::Garble => {
			for output in other.outputs.iter_mut() {
				for byte in output.iter_mut() {
					*byte = !*byte;
				}
			}
			return Some(other);
		}
		_ => return Some(signed),
	}
	if other.ballot == signed.ballot {
		return Some(signed);
	}
	if other.ballot.is_empty() {
		return None;
	}
	let outputs = if other.ballot.reveals == signed.ballot.reveals { signed.outputs } else { Default::default() };
	Some(SignedBallot { outputs, ..sign(other)? })
}

#[cfg(test)]
mod tests {
	use super::*;
	use sibyl_primitives::{
		inference_key::InferencePair,
		vote::{Ballot, Reveal, VoteTarget},
	};
	use sp_core::Pair;

	const GENESIS: Hash = Hash::zero();

	fn signed(seed: u8, ballot: Ballot) -> SignedBallot {
		let signature = InferencePair::from_seed(&[seed; 32]).sign(&ballot.signing_payload(&GENESIS));
		SignedBallot { ballot, outputs: Default::default(), signature }
	}

	fn target() -> VoteTarget {
		VoteTarget { fingerprint: Hash::repeat_byte(1), draw: Hash::repeat_byte(2), round: 0 }
	}

	fn committing(seed: u8) -> SignedBallot {
		let mut ballot = Ballot::new(1, seed.into(), 5);
		let commit = Commit { target: target(), seat: seed.into(), commitment: Hash::repeat_byte(seed) };
		ballot.commits.try_push(commit).expect("there is room");
		signed(seed, ballot)
	}

	fn revealing(seed: u8) -> SignedBallot {
		let mut ballot = Ballot::new(1, seed.into(), 5);
		let hash = Hash::repeat_byte(seed);
		let reveal = Reveal { target: target(), seat: seed.into(), output_hash: hash, work: hash, salt: hash };
		ballot.reveals.try_push(reveal).expect("there is room");
		signed(seed, ballot)
	}

	fn said(mode: Mode, side: Side, own: SignedBallot, heard: &[SignedBallot]) -> Option<SignedBallot> {
		let said = altered(mode, side, own, heard, |other| Some(signed(1, other.ballot)))?;
		let key = InferencePair::from_seed(&[1; 32]).public();
		assert!(said.is_signed_by(&GENESIS, &key), "peers would throw it away");
		Some(said)
	}

	#[test]
	fn both_sides_hear_of_another_commit_of_the_same_seat() {
		let [left, right] = [Side::Left, Side::Right]
			.map(|side| said(Mode::DoubleCommits, side, committing(1), &[]).expect("it says something"));
		assert_eq!(left, committing(1));
		let [one, other] = [&left, &right].map(|ballot| ballot.ballot.commits[0]);
		assert_eq!((one.target, one.seat), (other.target, other.seat));
		assert_ne!(one.commitment, other.commitment);
	}

	#[test]
	fn a_copy_is_of_the_same_committee_and_waits_for_one() {
		assert_eq!(said(Mode::Copy, Side::Left, committing(1), &[]), None);
		let copy = said(Mode::Copy, Side::Left, committing(1), &[committing(2), committing(3)]).expect("there is one");
		assert_eq!((copy.ballot.commits[0].seat, copy.ballot.commits[0].commitment), (1, Hash::repeat_byte(2)));
		let copy = said(Mode::Copy, Side::Left, revealing(1), &[revealing(2)]).expect("there is one");
		assert_eq!((copy.ballot.reveals[0].seat, copy.ballot.reveals[0].salt), (1, Hash::repeat_byte(2)));
	}

	#[test]
	fn who_withholds_commits_and_who_boasts_does_not_even_that() {
		assert_eq!(said(Mode::Withhold, Side::Left, committing(1), &[]), Some(committing(1)));
		assert_eq!(said(Mode::Withhold, Side::Left, revealing(1), &[]), None);
		assert_eq!(said(Mode::Boast, Side::Left, committing(1), &[]), None);
	}
}
