//! Which ballots from other nodes are taken and passed on: the cheap questions first, the signature last.

use crate::{
	budget::{Peers, Validators, CHECK, MESSAGE},
	HashedBallot, News,
};
use sibyl_primitives::{
	api::KeySetView,
	vote::{Ballot, BALLOT_LONGEVITY},
	AccountId, AuthorityIndex, BlockNumber, Hash, InferenceId, SessionIndex,
};
use std::collections::BTreeMap;

/// Blocks by which a ballot may be ahead of this node: one that its sender's best block is, and one more that this node may
/// lag. It is early until this node's own chain is there.
pub const AHEAD: BlockNumber = 2;

/// Why a ballot was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
	/// Its peer has sent too much that was of no use, so it was not read.
	#[error("its peer has sent too much that was of no use")]
	PeerOverBudget,
	/// It is longer than any ballot.
	#[error("it is longer than any ballot")]
	Oversize,
	/// A newer node made it.
	#[error("a newer node made it")]
	UnknownVersion,
	/// It is no ballot.
	#[error("it is no ballot")]
	Undecodable,
	/// It says nothing.
	#[error("it says nothing")]
	Empty,
	/// It has an output that none of its reveals names, or one twice.
	#[error("it has an output that none of its reveals names")]
	StrayOutput,
	/// It was made too long ago.
	#[error("it was made too long ago")]
	TooOld,
	/// It was made ahead of this node.
	#[error("it was made ahead of this node")]
	TooNew,
	/// Its session's keys are not fixed yet on this node's chain: this node may be behind.
	#[error("its session's keys are not known yet")]
	FutureSession,
	/// Its session's votes are not taken any more.
	#[error("its session's votes are not taken any more")]
	PastSession,
	/// Its session has no such validator.
	#[error("its session has no such validator")]
	NoSuchAuthority,
	/// The pool has it, and all that anybody wants of it.
	#[error("it is known")]
	Known,
	/// Its validator has said enough for this height, or its peer has brought enough outputs.
	#[error("its validator or its peer has sent enough for now")]
	OverQuota,
	/// Its validator did not sign it.
	#[error("its validator did not sign it")]
	BadSignature,
}

impl Rejection {
	/// Its name in metrics.
	pub fn name(self) -> &'static str {
		match self {
			Self::PeerOverBudget => "peer_over_budget",
			Self::Oversize => "oversize",
			Self::UnknownVersion => "unknown_version",
			Self::Undecodable => "undecodable",
			Self::Empty => "empty",
			Self::StrayOutput => "stray_output",
			Self::TooOld => "too_old",
			Self::TooNew => "too_new",
			Self::FutureSession => "future_session",
			Self::PastSession => "past_session",
			Self::NoSuchAuthority => "no_such_authority",
			Self::Known => "known",
			Self::OverQuota => "over_quota",
			Self::BadSignature => "bad_signature",
		}
	}
}

/// What a rejected ballot costs the peer that sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
	/// Nothing: it may come from an honest peer.
	Nothing,
	/// A little reputation, too little to be banned for.
	Little,
	/// So much that the peer is banned for a while after some fifty times: no honest peer passes such a ballot on.
	Much,
}

impl Cost {
	/// The change of the peer's reputation.
	pub fn reputation(self) -> i32 {
		match self {
			Self::Nothing => 0,
			Self::Little => -(1 << 14),
			Self::Much => -(1 << 25),
		}
	}
}

/// That a ballot was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
	/// Why.
	pub why: Rejection,
	/// What it costs the peer.
	pub cost: Cost,
}

/// When a ballot that goes into the pool is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relay {
	/// At once.
	Now,
	/// When it has been found to be wanted, at the next height at the earliest: see [`crate::Pool::take_due`].
	Later,
}

/// A ballot that is to be put into the pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
	/// The validator that signed it.
	pub account: AccountId,
	/// The ballot.
	pub ballot: HashedBallot,
	/// When it is passed on.
	pub relay: Relay,
}

/// Whose fault a rejected ballot is.
enum Fault {
	/// The peer's, for sure.
	Forged(Rejection),
	/// The peer's, unless it knows other keys than this node: it may follow another fork.
	Doubtful(Rejection),
	/// Perhaps nobody's.
	Idle(Rejection),
}

impl From<Rejection> for Fault {
	fn from(why: Rejection) -> Self {
		match why {
			Rejection::Oversize | Rejection::Undecodable | Rejection::Empty | Rejection::StrayOutput => {
				Self::Forged(why)
			}
			_ => Self::Idle(why),
		}
	}
}

/// Judges ballots by the chain's keys.
///
/// What others can make it do is budgeted by validator's account and by peer, and by the heights of this node's own best
/// block: by nothing that the sender of a ballot wrote.
pub struct Judge<Peer> {
	genesis: Hash,
	best: BlockNumber,
	key_sets: BTreeMap<SessionIndex, Vec<(AccountId, InferenceId)>>,
	next_session: Option<SessionIndex>,
	finalised_session: Option<SessionIndex>,
	validators: Validators,
	peers: Peers<Peer>,
}

impl<Peer: Ord + Clone> Judge<Peer> {
	/// One that knows no session yet, for the chain of this genesis.
	pub fn new(genesis: Hash) -> Self {
		Self {
			genesis,
			best: 0,
			key_sets: BTreeMap::new(),
			next_session: None,
			finalised_session: None,
			validators: Validators::default(),
			peers: Peers::new(),
		}
	}

	/// Judges from now on by a best block of this height, and by the keys that the runtime names there: those of the
	/// sessions whose votes are taken, and those of the session that comes next.
	pub fn follow(&mut self, best: BlockNumber, key_sets: Vec<KeySetView>, next: Option<KeySetView>) {
		if best != self.best {
			self.best = best;
			self.validators.renew();
			self.peers.renew();
		}
		self.next_session = next.as_ref().map(|set| set.session);
		self.key_sets = key_sets.into_iter().chain(next).map(|set| (set.session, set.members)).collect();
	}

	/// Takes note of the newest session that a finalised block is in. All forks agree on its keys, and on those before it.
	pub fn finalise(&mut self, session: SessionIndex) {
		self.finalised_session = self.finalised_session.max(Some(session));
	}

	/// The validator at this place of a session's set.
	pub fn account(&self, session: SessionIndex, index: AuthorityIndex) -> Option<&AccountId> {
		self.key_sets.get(&session)?.get(index as usize).map(|(account, _)| account)
	}

	/// Whether a ballot that a peer sent is to be put into the pool. `news` says what is new in it: see
	/// [`crate::Pool::news`].
	pub fn judge(
		&mut self,
		peer: &Peer,
		data: &[u8],
		news: impl FnOnce(&HashedBallot) -> News,
	) -> Result<Accepted, Refusal> {
		if self.peers.have_spent_all(peer) {
			let cost = self.blame(peer);
			return Err(Refusal { why: Rejection::PeerOverBudget, cost });
		}
		self.examine(peer, data, news).map_err(|fault| match fault {
			Fault::Forged(why) => Refusal { why, cost: Cost::Much },
			Fault::Doubtful(why) => {
				self.peers.pay(peer, price(why) + data.len());
				Refusal { why, cost: self.blame(peer) }
			}
			Fault::Idle(why) => {
				let could_pay = self.peers.pay(peer, price(why) + data.len());
				Refusal { why, cost: if could_pay { Cost::Nothing } else { self.blame(peer) } }
			}
		})
	}

	fn examine(
		&mut self,
		peer: &Peer,
		data: &[u8],
		news: impl FnOnce(&HashedBallot) -> News,
	) -> Result<Accepted, Fault> {
		let ballot = HashedBallot::decode(data)?;
		self.check_height(ballot.ballot().at_block)?;
		let (account, key) = self.member(ballot.ballot())?.clone();
		let relay = match news(&ballot) {
			News::Known => return Err(Rejection::Known.into()),
			// Its signature was checked when it came. Anyone can make such a message of a validator's ballot, so it is its
			// peer that pays.
			News::Outputs { are_wanted, bytes } => {
				if !self.peers.pay(peer, MESSAGE + bytes) {
					return Err(Rejection::OverQuota.into());
				}
				return Ok(Accepted { account, ballot, relay: if are_wanted { Relay::Now } else { Relay::Later } });
			}
			News::Ballot if self.validators.have_room(&account, data.len()) => Relay::Now,
			// The newest ballot says most, so it is not what gives way: it is kept. Only it is not passed on at once, and its
			// peer pays for it. Honest peers pass none of these on.
			News::Ballot if self.peers.pay(peer, CHECK + data.len()) => Relay::Later,
			News::Ballot => return Err(Rejection::OverQuota.into()),
		};
		if !ballot.signed().is_signed_by(&self.genesis, &key) {
			return Err(self.forged(Rejection::BadSignature, ballot.ballot().session));
		}
		// Only now, or anybody could use up another's quota.
		if relay == Relay::Now {
			self.validators.count(&account, data.len());
		}
		Ok(Accepted { account, ballot, relay })
	}

	fn check_height(&self, at_block: BlockNumber) -> Result<(), Rejection> {
		if at_block < self.best.saturating_sub(BALLOT_LONGEVITY) {
			return Err(Rejection::TooOld);
		}
		if at_block > self.best.saturating_add(AHEAD) {
			return Err(Rejection::TooNew);
		}
		Ok(())
	}

	fn member(&self, ballot: &Ballot) -> Result<&(AccountId, InferenceId), Fault> {
		match self.key_sets.get(&ballot.session) {
			Some(members) => members
				.get(ballot.authority_index as usize)
				.ok_or_else(|| self.forged(Rejection::NoSuchAuthority, ballot.session)),
			None => Err(Fault::from(match self.key_sets.last_key_value() {
				Some((newest, _)) if ballot.session < *newest => Rejection::PastSession,
				_ => Rejection::FutureSession,
			})),
		}
	}

	/// What is no ballot of the session's validator: for sure where all forks have the same set.
	fn forged(&self, why: Rejection, session: SessionIndex) -> Fault {
		if self.next_session == Some(session) {
			Fault::Idle(why)
		} else if self.finalised_session.is_some_and(|finalised| session <= finalised) {
			Fault::Forged(why)
		} else {
			Fault::Doubtful(why)
		}
	}

	fn blame(&mut self, peer: &Peer) -> Cost {
		match self.peers.blame(peer) {
			true => Cost::Little,
			false => Cost::Nothing,
		}
	}
}

/// What looking at such a message costs besides its bytes.
fn price(why: Rejection) -> usize {
	match why {
		Rejection::BadSignature => CHECK,
		_ => MESSAGE,
	}
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
