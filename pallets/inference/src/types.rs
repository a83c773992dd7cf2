//! What is stored of jobs and of the validators that answer them.

use super::*;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{pallet_prelude::ConstU32, BoundedVec};
use scale_info::TypeInfo;
use sibyl_primitives::{
	api::{AgreementView, AuditView, PhaseView, ServiceRecord},
	job::{AbstainReason, FIRST_ROUND},
	model::{Availability, Pace},
	price::ModelPrice,
	vote::VoteTarget,
	AuthorityIndex, InferenceId,
};

/// Open seats that a validator may have.
pub const MAX_OPEN_SEATS: u32 = 4_096;

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
	/// Blocks that seats have for their commits.
	pub commit_window: BlockNumber,
	/// What the model costs, as it was at submission.
	pub price: ModelPrice,
	/// What is held until the job is settled.
	pub quote: Quote,
	/// Microseconds that it was expected, at submission, to take of an average validator.
	pub expected_time: u64,
	/// The block of its submission.
	pub submitted_at: BlockNumber,
	/// The block by which it ends in any case.
	pub ends_by: BlockNumber,
	/// The block at whose end its phase is over at the latest; that of its entry in the agenda.
	pub deadline: BlockNumber,
	/// The number of its present committee.
	pub round: Round,
	/// Where that committee stands.
	pub phase: Phase,
	/// Whether too few seats of its first committee committed, and others are drawn, or to be drawn, for the rest.
	pub has_substitutes: bool,
	/// The output that a quorum gave, once its bytes are here too.
	pub agreed: Option<Agreement>,
	/// Whether a second round checks, or has checked, the agreement.
	pub audit: AuditView,
	/// How it ended, once its money is settled. An audit may still be open.
	pub outcome: Option<Outcome>,
	/// The job whose answer was taken for this one, which has no committee then.
	pub reused: Option<JobId>,
}

/// An account's jobs, as long as it has any that can be looked up.
#[derive(
	Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Requester {
	/// Jobs that it has submitted: makes the fingerprints of equal questions differ.
	pub submitted: u64,
	/// Jobs that are not settled.
	pub open: u32,
	/// Jobs that are not pruned.
	pub kept: u32,
}

/// Where a job's present committee stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum Phase {
	/// It, or substitutes for it, are to be drawn.
	Pending,
	/// Its seats commit.
	Committing,
	/// Its seats reveal.
	Revealing,
	/// Nothing is to come.
	Ended,
}

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Outcome {
	/// How.
	pub verdict: Verdict,
	/// In which block.
	pub at: BlockNumber,
	/// Where the money went.
	pub settlement: SettlementView,
}

/// What seats agree on, or not: what they say, and what shows that they ran the model for it.
#[derive(
	Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Value {
	/// The hash of the canonical output bytes.
	pub output_hash: Hash,
	/// See [`sibyl_primitives::commitment::work`].
	pub work: Hash,
}

/// An output that a quorum gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Agreement {
	/// What they gave.
	pub value: Value,
	/// The block of the agreement.
	pub at: BlockNumber,
	/// Who agreed.
	pub support: sibyl_primitives::api::Support,
}

/// The validators that answer a job.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Committee {
	/// The seed of the draw; it differs from fork to fork.
	pub draw: Hash,
	/// Its number for the job.
	pub round: Round,
	/// The session whose keys vote, whatever session it is by then.
	pub session: SessionIndex,
	/// The block of the draw.
	pub drawn_at: BlockNumber,
	/// Validators that served the model then.
	pub serving: u16,
	/// What they had at stake, together.
	pub serving_stake: Balance,
	/// What of each seat's service bond covers the seat.
	pub charge: Balance,
	/// Whether the seats have an output to check, so that they need not generate one.
	pub checks: bool,
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
	/// What it had at stake.
	pub stake: Balance,
	/// Microseconds that the job may take it.
	pub time: u64,
	/// What it has done.
	pub vote: SeatVote,
}

/// What a seat is charged for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum Fault {
	/// It committed, and did not reveal what to by the deadline.
	Withheld,
	/// It revealed what lost to a quorum of its own committee.
	Lost,
	/// It revealed what a second round's quorum contradicts.
	Contradicted,
}

/// What a seat has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum SeatVote {
	/// Nothing yet.
	Missing,
	/// It will not commit.
	Abstained(AbstainReason),
	/// It is bound to a value.
	Committed(Hash),
	/// It has opened its commit.
	Revealed(Value),
}

/// A validator of a session.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Member {
	/// Its account.
	pub validator: AccountId,
	/// The key it votes with.
	pub key: InferenceId,
}

/// A validator of the current session, as draws see it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Elector {
	/// Its account.
	pub validator: AccountId,
	/// What it has at stake.
	pub stake: Balance,
	/// The first of the sessions that it has been in without a break: what it said of models before does not count.
	pub since: SessionIndex,
}

/// What a validator last said about a model.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Attested {
	/// The validator.
	pub validator: AccountId,
	/// What it said.
	pub availability: Availability,
	/// The height that its ballot was made at: an older ballot that comes later changes nothing.
	pub made_at: BlockNumber,
	/// The session that it said so in.
	pub session: SessionIndex,
}

/// Why a validator of the current session serves no model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Absence {
	/// The block that took it out of service: after its draws, whose VRF its author knew.
	pub since: BlockNumber,
	/// Whether it has less than the least service bond, with which nothing that it says brings it back.
	pub is_underbonded: bool,
}

impl Absence {
	/// Whether it ends, now that the validator has said this of a model, in a ballot made at that height.
	pub fn ends_with(&self, availability: Availability, made_at: BlockNumber) -> bool {
		!self.is_underbonded && availability != Availability::Withdrawn && made_at > self.since
	}
}

/// A validator of the current session that serves a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
	/// The validator.
	pub validator: AccountId,
	/// Its place in the session's key set.
	pub authority_index: AuthorityIndex,
	/// What it has at stake.
	pub stake: Balance,
	/// How fast it is.
	pub pace: Pace,
}

/// A validator's service bond, its open seats and what it has done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Ledger {
	/// What is held of it for its seats' faults.
	pub bond: Balance,
	/// What of that covers open seats: the sum of their committees' charges.
	pub reserved: Balance,
	/// Microseconds that its open seats may take, together.
	pub open_time: u64,
	/// Seats in a row that it neither committed nor abstained in.
	pub missed_in_a_row: u8,
	/// What it has done.
	pub record: ServiceRecord,
	/// Its open seats: the job, and the round of its committee.
	pub open_seats: BoundedVec<(JobId, Round), ConstU32<MAX_OPEN_SEATS>>,
}

impl Ledger {
	/// What of the bond covers no seat.
	pub fn free_bond(&self) -> Balance {
		self.bond.saturating_sub(self.reserved)
	}

	/// Whether there is nothing to remember.
	pub fn is_empty(&self) -> bool {
		*self == Self::default()
	}
}

impl Job {
	/// Whether something is to come.
	pub fn is_open(&self) -> bool {
		self.phase != Phase::Ended
	}

	/// Whether its price is still held.
	pub fn is_unsettled(&self) -> bool {
		self.outcome.is_none()
	}

	/// Where it stands, as the runtime API shows it. An audit changes nothing that a requester waits for.
	pub fn phase_view(&self) -> PhaseView {
		match (&self.outcome, self.phase) {
			(Some(Outcome { verdict, at, .. }), _) => PhaseView::Ended { verdict: *verdict, at: *at },
			(None, Phase::Pending | Phase::Ended) => PhaseView::Pending,
			(None, Phase::Committing) => PhaseView::Committing,
			(None, Phase::Revealing) => PhaseView::Revealing,
		}
	}
}

impl Agreement {
	/// The agreement as the runtime API shows it.
	pub fn view(&self) -> AgreementView {
		AgreementView { output_hash: self.value.output_hash, at: self.at, support: self.support }
	}
}

impl Committee {
	/// What votes name it by.
	pub fn target(&self, fingerprint: Fingerprint) -> VoteTarget {
		VoteTarget { fingerprint, draw: self.draw, round: self.round }
	}

	/// Whether it is the job's first one.
	pub fn is_first(&self) -> bool {
		self.round == FIRST_ROUND
	}

	/// Whether the validator is in it.
	pub fn has_seat(&self, validator: &AccountId) -> bool {
		self.seats.iter().any(|seat| seat.validator == *validator)
	}

	/// A count of what its seats have done.
	pub fn tally(&self) -> Tally {
		let mut tally = Tally { seats: self.seats.len(), ..Default::default() };
		for seat in &self.seats {
			match seat.vote {
				SeatVote::Missing => tally.missing += 1,
				SeatVote::Abstained(_) => {}
				SeatVote::Committed(_) => tally.committed += 1,
				SeatVote::Revealed(value) => {
					tally.revealed += 1;
					match tally.values.iter_mut().find(|(other, _)| *other == value) {
						Some((_, votes)) => *votes += 1,
						None => tally.values.push((value, 1)),
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
	/// The revealed values and how many seats gave each.
	pub values: Vec<(Value, usize)>,
}

impl Tally {
	/// The value that more than two thirds of all seats gave.
	pub fn winner(&self) -> Option<Value> {
		self.values
			.iter()
			.find(|(_, votes)| sibyl_primitives::committee::is_quorum(*votes, self.seats))
			.map(|(value, _)| *value)
	}

	/// Seats that gave the value.
	pub fn votes_of(&self, value: &Value) -> usize {
		self.values.iter().find(|(other, _)| other == value).map_or(0, |(_, votes)| *votes)
	}

	/// The value that most seats gave, of those that say this; of equals the least, so that no order of votes counts.
	pub fn best_supported(&self, output_hash: &Hash) -> Option<Value> {
		let saying = self.values.iter().filter(|(value, _)| value.output_hash == *output_hash);
		saying.max_by_key(|(value, votes)| (*votes, core::cmp::Reverse(*value))).map(|(value, _)| *value)
	}

	/// Seats that say this, whatever their work.
	pub fn saying(&self, output_hash: &Hash) -> usize {
		self.values.iter().filter(|(value, _)| value.output_hash == *output_hash).map(|(_, votes)| votes).sum()
	}
}
