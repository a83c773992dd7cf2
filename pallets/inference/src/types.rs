//! What is stored of a job.

use super::*;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{pallet_prelude::ConstU32, traits::Get, BoundedVec, DebugNoBound};
use scale_info::TypeInfo;
use sibyl_primitives::{
	api::PhaseView, job::AbstainReason, price::ModelPrice, vote::VoteTarget, AuthorityIndex, InferenceId,
};

/// A job. Its layout's version is the pallet's storage version: an upgrade migrates the open ones or ends them.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Job {
	/// Who asked, and pays.
	pub requester: AccountId,
	/// What identifies it on every fork.
	pub fingerprint: Fingerprint,
	/// The model asked.
	pub model: ModelId,
	/// What the requester chose.
	pub options: JobOptions,
	/// The input in the units that the price counts.
	pub input_units: u32,
	/// What the model costs, as it was at submission.
	pub price: ModelPrice,
	/// What is held while the job is open.
	pub quote: Quote,
	/// The block of its submission.
	pub submitted_at: BlockNumber,
	/// The block by which it ends in any case.
	pub ends_by: BlockNumber,
	/// The block of its agenda entry, at whose end its phase is over at the latest.
	pub deadline: BlockNumber,
	/// Where it stands.
	pub phase: Phase,
	/// The output that a quorum gave, once its bytes are here too.
	pub agreed: Option<Agreement>,
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum Phase {
	/// Its committee is to be drawn.
	Pending,
	/// Seats commit.
	Committing,
	/// Seats reveal.
	Revealing,
	/// It has ended.
	Ended {
		/// How.
		verdict: Verdict,
		/// In which block.
		at: BlockNumber,
		/// Where the money went.
		settlement: SettlementView,
	},
}

/// An output that a quorum gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Agreement {
	/// Its hash.
	pub output_hash: Hash,
	/// The block of the agreement.
	pub at: BlockNumber,
}

/// The validators that answer a job.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Committee {
	/// The seed of the draw; it differs from fork to fork.
	pub draw: Hash,
	/// The committee's number for the job.
	pub round: u8,
	/// The session whose keys vote, whatever session it is by then.
	pub session: SessionIndex,
	/// The block of the draw.
	pub drawn_at: BlockNumber,
	/// The seats.
	pub seats: BoundedVec<Seat, ConstU32<MAX_SEATS>>,
}

/// A validator's place in a committee.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Seat {
	/// The validator.
	pub validator: AccountId,
	/// Its place in the session's key set.
	pub authority_index: AuthorityIndex,
	/// What it has done.
	pub vote: SeatVote,
}

/// What a seat has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum SeatVote {
	/// Nothing yet.
	Missing,
	/// It will not commit.
	Abstained(AbstainReason),
	/// It is bound to an output.
	Committed(Hash),
	/// It has opened its commit.
	Revealed {
		/// The hash of its output.
		output_hash: Hash,
	},
}

/// The validators of a session.
#[derive(DebugNoBound, Encode, Decode, MaxEncodedLen, TypeInfo)]
#[scale_info(skip_type_params(MaxValidators))]
pub struct KeySet<MaxValidators: Get<u32>> {
	/// In the order of their authority indices.
	pub members: BoundedVec<Member, MaxValidators>,
}

/// A validator of a session.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Member {
	/// Its account.
	pub validator: AccountId,
	/// The key it votes with.
	pub key: InferenceId,
	/// What it has at stake.
	pub stake: Balance,
}

impl Job {
	/// Whether its money is still held.
	pub fn is_open(&self) -> bool {
		!matches!(self.phase, Phase::Ended { .. })
	}
}

impl Phase {
	/// The phase as the runtime API shows it.
	pub fn view(&self) -> PhaseView {
		match self {
			Self::Pending => PhaseView::Pending,
			Self::Committing => PhaseView::Committing,
			Self::Revealing => PhaseView::Revealing,
			Self::Ended { verdict, at, .. } => PhaseView::Ended { verdict: *verdict, at: *at },
		}
	}
}

impl Committee {
	/// What votes name it by.
	pub fn target(&self, fingerprint: Fingerprint) -> VoteTarget {
		VoteTarget { fingerprint, draw: self.draw, round: self.round }
	}

	/// Seats that will or may still reveal, or have.
	pub fn tally(&self) -> Tally {
		let mut tally = Tally { seats: self.seats.len(), ..Default::default() };
		for seat in &self.seats {
			match seat.vote {
				SeatVote::Missing => tally.missing += 1,
				SeatVote::Abstained(_) => {}
				SeatVote::Committed(_) => tally.committed += 1,
				SeatVote::Revealed { output_hash } => {
					tally.revealed += 1;
					match tally.outputs.iter_mut().find(|(hash, _)| *hash == output_hash) {
						Some((_, votes)) => *votes += 1,
						None => tally.outputs.push((output_hash, 1)),
					}
				}
			}
		}
		tally
	}
}

/// A count of what a committee's seats have done.
#[derive(Clone, Debug, Default)]
pub struct Tally {
	/// All seats.
	pub seats: usize,
	/// Seats that have done nothing.
	pub missing: usize,
	/// Seats that have committed and not revealed.
	pub committed: usize,
	/// Seats that have revealed.
	pub revealed: usize,
	/// The revealed outputs' hashes and how many seats gave each.
	pub outputs: Vec<(Hash, usize)>,
}

impl Tally {
	/// The output that more than two thirds of all seats gave.
	pub fn winner(&self) -> Option<Hash> {
		self.outputs
			.iter()
			.find(|(_, votes)| sibyl_primitives::committee::is_quorum(*votes, self.seats))
			.map(|(hash, _)| *hash)
	}

	/// Whether some output may still come to have a quorum.
	pub fn can_agree(&self) -> bool {
		let most = self.outputs.iter().map(|(_, votes)| *votes).max().unwrap_or(0);
		sibyl_primitives::committee::is_quorum(most + self.committed, self.seats)
	}
}
