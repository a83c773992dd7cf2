//! Which ballots from other nodes are taken and passed on: the cheap questions first, the signature last.

use crate::inference::pool::{names_its_outputs, SharedPool};
use codec::DecodeAll;
use sc_network::ReputationChange;
use sibyl_primitives::{
	api::KeySetView,
	vote::{SignedBallot, VersionedBallot, BALLOT_LONGEVITY, MAX_BALLOT_BYTES},
	AuthorityIndex, BlockNumber, Hash, InferenceId, SessionIndex,
};
use std::collections::BTreeMap;

/// The first byte of the ballots that this node reads.
const V1: u8 = 0;

/// Blocks by which a sender may be ahead of this node.
const AHEAD: BlockNumber = 16;

/// Ballots that a validator gets around in one session and for one height. An honest one makes a few: one for each
/// answer that comes within a block, at most.
const BALLOTS_PER_BLOCK: u32 = 16;
/// The same in bytes.
const BYTES_PER_BLOCK: usize = 2 * 1024 * 1024;

/// Why a ballot was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
	/// It is longer than any ballot.
	Oversize,
	/// A newer node made it.
	UnknownVersion,
	/// It is no ballot.
	Undecodable,
	/// It says nothing.
	Empty,
	/// Its session has not begun on this node's chain: this node may be behind.
	FutureSession,
	/// Its session's votes are not taken any more.
	PastSession,
	/// Its session has no such validator.
	NoSuchAuthority,
	/// It was made too long ago.
	TooOld,
	/// It was made far ahead of this node.
	TooNew,
	/// The pool has it.
	Known,
	/// Its validator has said enough for that height.
	OverQuota,
	/// It has an output that none of its reveals names.
	StrayOutput,
	/// Its validator did not sign it.
	BadSignature,
}

impl Rejection {
	/// Its name in metrics and logs.
	pub fn name(self) -> &'static str {
		match self {
			Self::Oversize => "oversize",
			Self::UnknownVersion => "unknown_version",
			Self::Undecodable => "undecodable",
			Self::Empty => "empty",
			Self::FutureSession => "future_session",
			Self::PastSession => "past_session",
			Self::NoSuchAuthority => "no_such_authority",
			Self::TooOld => "too_old",
			Self::TooNew => "too_new",
			Self::Known => "known",
			Self::OverQuota => "over_quota",
			Self::StrayOutput => "stray_output",
			Self::BadSignature => "bad_signature",
		}
	}

	/// What it costs the peer that sent it. An honest node relays none of the first kind: some fifty of these ban it for
	/// a while. The rest may come from one whose chain is ahead or behind.
	pub fn cost(self) -> Option<ReputationChange> {
		const FORGED: i32 = -(1 << 25);
		const STALE: i32 = -(1 << 6);
		match self {
			Self::Oversize => Some(ReputationChange::new(FORGED, "Votes: oversize ballot")),
			Self::Undecodable => Some(ReputationChange::new(FORGED, "Votes: not a ballot")),
			Self::Empty => Some(ReputationChange::new(FORGED, "Votes: empty ballot")),
			Self::NoSuchAuthority => Some(ReputationChange::new(FORGED, "Votes: no such authority")),
			Self::StrayOutput => Some(ReputationChange::new(FORGED, "Votes: an output that nothing names")),
			Self::BadSignature => Some(ReputationChange::new(FORGED, "Votes: bad signature")),
			Self::PastSession => Some(ReputationChange::new(STALE, "Votes: past session")),
			Self::UnknownVersion
			| Self::FutureSession
			| Self::TooOld
			| Self::TooNew
			| Self::Known
			| Self::OverQuota => None,
		}
	}
}

#[derive(Default)]
struct Usage {
	ballots: u32,
	bytes: usize,
}

/// Judges ballots by the chain's keys.
pub struct Judge {
	genesis: Hash,
	best: BlockNumber,
	key_sets: BTreeMap<SessionIndex, Vec<InferenceId>>,
	usage: BTreeMap<(BlockNumber, SessionIndex, AuthorityIndex), Usage>,
}

impl Judge {
	/// One that knows no session yet.
	pub fn new(genesis: Hash) -> Self {
		Self { genesis, best: 0, key_sets: BTreeMap::new(), usage: BTreeMap::new() }
	}

	/// Judges by this best block from now on.
	pub fn follow(&mut self, best: BlockNumber, key_sets: Vec<KeySetView>) {
		self.best = best;
		let keys = |set: KeySetView| (set.session, set.members.into_iter().map(|(_, key)| key).collect());
		self.key_sets = key_sets.into_iter().map(keys).collect();
		self.usage = self.usage.split_off(&(self.oldest(), 0, 0));
	}

	/// The ballot of a ballot that is to be taken and passed on. It then counts towards its validator's quota.
	pub fn judge(&mut self, data: &[u8], pool: &SharedPool) -> Result<SignedBallot, Rejection> {
		let signed = decode(data)?;
		let ballot = &signed.ballot;
		let key = self.key(ballot.session, ballot.authority_index)?;
		if ballot.at_block < self.oldest() {
			return Err(Rejection::TooOld);
		}
		if ballot.at_block > self.best.saturating_add(AHEAD) {
			return Err(Rejection::TooNew);
		}
		if !pool.read(|pool| pool.is_news(&signed)) {
			return Err(Rejection::Known);
		}
		let turn = (ballot.at_block, ballot.session, ballot.authority_index);
		let used = self.usage.get(&turn);
		if used.is_some_and(|used| used.ballots >= BALLOTS_PER_BLOCK || used.bytes + data.len() > BYTES_PER_BLOCK) {
			return Err(Rejection::OverQuota);
		}
		if !names_its_outputs(&signed) {
			return Err(Rejection::StrayOutput);
		}
		if !signed.is_signed_by(&self.genesis, key) {
			return Err(Rejection::BadSignature);
		}
		// Only now, or anybody could use up another's quota.
		let used = self.usage.entry(turn).or_default();
		used.ballots += 1;
		used.bytes += data.len();
		Ok(signed)
	}

	fn oldest(&self) -> BlockNumber {
		self.best.saturating_sub(BALLOT_LONGEVITY)
	}

	fn key(&self, session: SessionIndex, index: AuthorityIndex) -> Result<&InferenceId, Rejection> {
		match self.key_sets.get(&session) {
			Some(keys) => keys.get(index as usize).ok_or(Rejection::NoSuchAuthority),
			None => Err(match self.key_sets.last_key_value() {
				Some((newest, _)) if session < *newest => Rejection::PastSession,
				_ => Rejection::FutureSession,
			}),
		}
	}
}

fn decode(mut data: &[u8]) -> Result<SignedBallot, Rejection> {
	if data.len() > MAX_BALLOT_BYTES as usize {
		return Err(Rejection::Oversize);
	}
	if data.first().is_some_and(|version| *version != V1) {
		return Err(Rejection::UnknownVersion);
	}
	let VersionedBallot::V1(signed) = VersionedBallot::decode_all(&mut data).map_err(|_| Rejection::Undecodable)?;
	match signed.ballot.is_empty() {
		true => Err(Rejection::Empty),
		false => Ok(signed),
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::inference::mock::{ballot_by, key_sets, output, shared_pool, signed, GENESIS, SESSION};
	use codec::Encode;
	use sibyl_primitives::{
		job::OutputBytes,
		output::output_hash,
		vote::{Ballot, Reveal, VoteTarget, MAX_VOTES},
	};

	const BEST: BlockNumber = 100;

	struct Test {
		judge: Judge,
		pool: SharedPool,
	}

	impl Test {
		/// The session has three validators, whose keys are those of the seeds 0 to 2.
		fn new() -> Self {
			let mut judge = Judge::new(GENESIS);
			judge.follow(BEST, key_sets(3));
			Self { judge, pool: shared_pool() }
		}

		fn judge(&mut self, ballot: SignedBallot) -> Result<(), Rejection> {
			self.judge_bytes(&VersionedBallot::V1(ballot).encode())
		}

		/// As the validator does it: what is taken goes into the pool.
		fn judge_bytes(&mut self, bytes: &[u8]) -> Result<(), Rejection> {
			self.judge.judge(bytes, &self.pool).map(|ballot| {
				self.pool.insert(ballot);
			})
		}
	}

	fn revealing(named: &[OutputBytes], at_block: BlockNumber) -> Ballot {
		let mut ballot = Ballot::new(SESSION, 0, at_block);
		for output in named {
			let target = VoteTarget { fingerprint: Hash::zero(), draw: Hash::zero(), round: 0 };
			let output_hash = output_hash(output);
			let reveal = Reveal { target, seat: 0, output_hash, work: Hash::zero(), salt: Hash::zero() };
			ballot.reveals.try_push(reveal).expect("a ballot takes more reveals than the tests make");
		}
		ballot
	}

	#[test]
	fn a_signed_ballot_of_each_validator_is_taken_once() {
		let mut test = Test::new();
		for validator in 0..3 {
			assert_eq!(test.judge(ballot_by(validator, SESSION, BEST)), Ok(()));
			assert_eq!(test.judge(ballot_by(validator, SESSION, BEST)), Err(Rejection::Known));
		}
	}

	#[test]
	fn junk_and_ballots_with_something_after_them_are_no_ballots() {
		let mut test = Test::new();
		let good = VersionedBallot::V1(ballot_by(0, SESSION, BEST)).encode();
		assert_eq!(test.judge_bytes(&[]), Err(Rejection::Undecodable));
		assert_eq!(test.judge_bytes(&[0; 40]), Err(Rejection::Undecodable));
		assert_eq!(test.judge_bytes(&[0, 255, 255, 255]), Err(Rejection::Undecodable));
		assert_eq!(test.judge_bytes(&good[..good.len() - 1]), Err(Rejection::Undecodable));
		assert_eq!(test.judge_bytes(&[&good[..], &[0]].concat()), Err(Rejection::Undecodable));
	}

	#[test]
	fn a_list_longer_than_its_bound_is_no_ballot() {
		let mut test = Test::new();
		let good = ballot_by(0, SESSION, BEST);
		let reveal = revealing(&[output(1, 8)], BEST).reveals[0];
		let before = (good.ballot.session, good.ballot.authority_index, good.ballot.at_block);
		let overlong = vec![reveal; MAX_VOTES as usize + 1];
		let none: Vec<u8> = Vec::new();
		let bytes = (0u8, before, &none, &none, overlong, &none, &none, good.signature).encode();
		assert_eq!(test.judge_bytes(&bytes), Err(Rejection::Undecodable));
	}

	#[test]
	fn an_oversize_message_is_refused_unread() {
		let mut test = Test::new();
		assert_eq!(test.judge_bytes(&vec![0; MAX_BALLOT_BYTES as usize + 1]), Err(Rejection::Oversize));
	}

	#[test]
	fn a_newer_version_is_ignored_at_no_cost() {
		let mut test = Test::new();
		let mut bytes = VersionedBallot::V1(ballot_by(0, SESSION, BEST)).encode();
		bytes[0] = 1;
		assert_eq!(test.judge_bytes(&bytes), Err(Rejection::UnknownVersion));
		assert!(Rejection::UnknownVersion.cost().is_none());
	}

	#[test]
	fn a_ballot_that_says_nothing_is_refused() {
		let mut test = Test::new();
		assert_eq!(test.judge(signed(0, Ballot::new(SESSION, 0, BEST))), Err(Rejection::Empty));
	}

	#[test]
	fn future_sessions_are_ignored_at_no_cost_and_past_ones_cost_little() {
		let mut test = Test::new();
		assert_eq!(test.judge(ballot_by(0, SESSION + 1, BEST)), Err(Rejection::FutureSession));
		assert!(Rejection::FutureSession.cost().is_none());
		assert_eq!(test.judge(ballot_by(0, SESSION - 2, BEST)), Err(Rejection::PastSession));
		let cost = |rejection: Rejection| rejection.cost().expect("it has one").value;
		assert!(cost(Rejection::PastSession) > cost(Rejection::BadSignature));
	}

	#[test]
	fn a_node_that_knows_no_session_yet_takes_and_blames_nobody() {
		let mut judge = Judge::new(GENESIS);
		let bytes = VersionedBallot::V1(ballot_by(0, SESSION, 0)).encode();
		assert_eq!(judge.judge(&bytes, &shared_pool()).err(), Some(Rejection::FutureSession));
	}

	#[test]
	fn an_index_beyond_the_set_is_refused() {
		let mut test = Test::new();
		assert_eq!(test.judge(ballot_by(3, SESSION, BEST)), Err(Rejection::NoSuchAuthority));
		assert_eq!(test.judge(ballot_by(u32::MAX, SESSION, BEST)), Err(Rejection::NoSuchAuthority));
	}

	#[test]
	fn heights_out_of_reach_are_ignored_at_no_cost() {
		let mut test = Test::new();
		let oldest = BEST - BALLOT_LONGEVITY;
		assert_eq!(test.judge(ballot_by(0, SESSION, oldest - 1)), Err(Rejection::TooOld));
		assert_eq!(test.judge(ballot_by(0, SESSION, oldest)), Ok(()));
		assert_eq!(test.judge(ballot_by(0, SESSION, BEST + AHEAD)), Ok(()));
		assert_eq!(test.judge(ballot_by(0, SESSION, BEST + AHEAD + 1)), Err(Rejection::TooNew));
		assert!(Rejection::TooOld.cost().is_none() && Rejection::TooNew.cost().is_none());
	}

	#[test]
	fn a_ballot_that_its_validator_did_not_sign_is_refused() {
		let mut test = Test::new();
		// Another validator's key.
		let mut ballot = ballot_by(0, SESSION, BEST);
		ballot.ballot.authority_index = 1;
		assert_eq!(test.judge(ballot.clone()), Err(Rejection::BadSignature));
		// Something changed after it was signed.
		let mut ballot = ballot_by(0, SESSION, BEST);
		ballot.ballot.at_block -= 1;
		assert_eq!(test.judge(ballot), Err(Rejection::BadSignature));
		// No signature at all.
		let mut ballot = ballot_by(0, SESSION, BEST);
		ballot.signature = sp_core::ed25519::Signature::default().into();
		assert_eq!(test.judge(ballot), Err(Rejection::BadSignature));
		// Another chain's.
		let mut other_chain = Judge::new(Hash::repeat_byte(9));
		other_chain.follow(BEST, key_sets(3));
		let bytes = VersionedBallot::V1(ballot_by(0, SESSION, BEST)).encode();
		assert_eq!(other_chain.judge(&bytes, &test.pool).err(), Some(Rejection::BadSignature));
	}

	#[test]
	fn forgeries_use_up_nobodys_quota() {
		let mut test = Test::new();
		for seat in 0..2 * BALLOTS_PER_BLOCK as u16 {
			let mut forged = ballot_by(0, SESSION, BEST);
			forged.ballot.commits[0].seat = seat + 1;
			assert_eq!(test.judge(forged), Err(Rejection::BadSignature));
		}
		assert_eq!(test.judge(ballot_by(0, SESSION, BEST)), Ok(()));
	}

	#[test]
	fn outputs_must_be_named_by_the_ballots_reveals_and_come_once() {
		let mut test = Test::new();
		let (named, stray) = (output(1, 8), output(2, 8));
		let with = |outputs: Vec<OutputBytes>| {
			let mut ballot = signed(0, revealing(std::slice::from_ref(&named), BEST));
			ballot.outputs = outputs.try_into().expect("they are few");
			ballot
		};
		assert_eq!(test.judge(with(vec![stray.clone()])), Err(Rejection::StrayOutput));
		assert_eq!(test.judge(with(vec![named.clone(), stray])), Err(Rejection::StrayOutput));
		assert_eq!(test.judge(with(vec![named.clone(), named.clone()])), Err(Rejection::StrayOutput));
		assert_eq!(test.judge(with(vec![])), Ok(()));
		assert_eq!(test.judge(with(vec![named.clone()])), Ok(()), "it brings the output that was left out");
		assert_eq!(test.judge(with(vec![named.clone()])), Err(Rejection::Known));
		assert_eq!(test.judge(with(vec![])), Err(Rejection::Known));
	}

	#[test]
	fn a_validators_ballots_and_bytes_for_one_height_are_bounded() {
		let mut test = Test::new();
		let with_seat = |validator: u32, seat: u16, at_block| {
			let mut ballot = ballot_by(validator, SESSION, at_block).ballot;
			ballot.commits[0].seat = seat;
			signed(validator, ballot)
		};
		for seat in 0..BALLOTS_PER_BLOCK as u16 {
			assert_eq!(test.judge(with_seat(0, seat, BEST)), Ok(()));
		}
		assert_eq!(test.judge(with_seat(0, 99, BEST)), Err(Rejection::OverQuota));
		assert_eq!(test.judge(with_seat(0, 99, BEST + 1)), Ok(()));
		assert_eq!(test.judge(with_seat(1, 99, BEST)), Ok(()));
		assert!(Rejection::OverQuota.cost().is_none());

		let large: Vec<_> = (0..MAX_VOTES as u8).map(|n| output(n, 8 * 1024)).collect();
		let verdicts: Vec<_> = (0..6)
			.map(|n| {
				let mut ballot = revealing(&large, BEST + 2);
				ballot.reveals[0].seat = n;
				let mut ballot = signed(0, ballot);
				ballot.outputs = large.clone().try_into().expect("they are not too many");
				test.judge(ballot)
			})
			.collect();
		assert_eq!(verdicts.iter().filter(|verdict| verdict.is_ok()).count(), 3);
		assert_eq!(verdicts.last(), Some(&Err(Rejection::OverQuota)));
	}

	#[test]
	fn quotas_of_heights_that_are_gone_are_forgotten() {
		let mut test = Test::new();
		assert_eq!(test.judge(ballot_by(0, SESSION, BEST)), Ok(()));
		test.judge.follow(BEST + BALLOT_LONGEVITY + 1, key_sets(3));
		assert!(test.judge.usage.is_empty());
	}
}
