//! The runtime API, and its views: what JSON-RPC, polkadot.js (`api.call.inferenceApi`) and the node itself ask.

use crate::{
	job::{AbstainReason, Fingerprint, JobId, JobOptions, Seats, Verdict},
	model::{ModelId, ModelRevision},
	output::Output,
	price::Quote,
	vote::VoteBundle,
	AccountId, Balance, BlockNumber, Hash, InferenceId, SessionIndex,
};
use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode};
use scale_info::TypeInfo;

/// Jobs that one call lists at most.
pub const MAX_LISTED_JOBS: u32 = 256;

sp_api::decl_runtime_apis! {
	/// Jobs, models and prices.
	pub trait InferenceApi {
		/// A job, with all that is known of its committee.
		fn job(job: JobId) -> Lookup<JobView>;
		/// A job's end and its output.
		fn result(job: JobId) -> Lookup<ResultView>;
		/// Jobs that have not ended, the oldest first, at most `limit` and never more than 256, from this number on.
		fn open_jobs(from: JobId, limit: u32) -> Vec<OpenJob>;
		/// The models, with who serves them.
		fn models() -> Vec<ModelView>;
		/// What a job costs now.
		fn quote(model: ModelId, seats: Seats, input_bytes: u32, max_output_units: u32) -> Result<Quote, QuoteError>;
		/// The inference keys of the current session and those before it whose votes are still taken, the newest first.
		fn key_sets() -> Vec<KeySetView>;
		/// What a block after this one would do with each bundle. Signatures are not looked at.
		fn bundle_standings(bundles: Vec<VoteBundle>) -> Vec<BundleStanding>;
	}
}

/// What is known under a number.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub enum Lookup<T> {
	/// This.
	Found(T),
	/// It was there, and its time is over: only events remain.
	Pruned,
	/// No job has this number yet.
	Unknown,
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub enum PhaseView {
	/// Its committee is to be drawn.
	Pending,
	/// Seats commit.
	Committing,
	/// Seats reveal.
	Revealing,
	/// It has ended in this block.
	Ended {
		/// How.
		verdict: Verdict,
		/// When its money was settled.
		at: BlockNumber,
	},
}

/// A job, with all that is known of its committee.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct JobView {
	/// Its number.
	pub id: JobId,
	/// What identifies it on every fork.
	pub fingerprint: Fingerprint,
	/// Who asked.
	pub requester: AccountId,
	/// The model asked.
	pub model: ModelId,
	/// What the model reads.
	pub input: Vec<u8>,
	/// What the requester chose.
	pub options: JobOptions,
	/// The price.
	pub quote: Quote,
	/// The block of its submission.
	pub submitted_at: BlockNumber,
	/// Where it stands.
	pub phase: PhaseView,
	/// The block at whose end the phase is over at the latest; none when the job has ended.
	pub deadline: Option<BlockNumber>,
	/// The block by which it ends in any case.
	pub ends_by: BlockNumber,
	/// Its committee, once drawn.
	pub committee: Option<CommitteeView>,
	/// The output's hash and the block of the agreement, once there is one.
	pub agreed: Option<AgreementView>,
	/// What was paid and refunded, once it has ended.
	pub settlement: Option<SettlementView>,
}

/// An agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct AgreementView {
	/// The hash of the canonical output bytes.
	pub output_hash: Hash,
	/// The block of the agreement.
	pub at: BlockNumber,
}

/// Where a job's money went. The three add up to what was held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, codec::MaxEncodedLen, TypeInfo)]
pub struct SettlementView {
	/// To seats.
	pub paid: Balance,
	/// Back to the requester.
	pub refunded: Balance,
	/// To the protocol's account.
	pub protocol_share: Balance,
}

/// A job's committee.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct CommitteeView {
	/// The seed it was drawn from.
	pub draw: Hash,
	/// Its number for the job.
	pub round: u8,
	/// The session in which it was drawn.
	pub session: SessionIndex,
	/// The block in which it was drawn.
	pub drawn_at: BlockNumber,
	/// Its seats.
	pub seats: Vec<SeatView>,
}

/// A seat.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct SeatView {
	/// The validator on it.
	pub validator: AccountId,
	/// What it has done.
	pub vote: SeatVoteView,
}

/// What a seat has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub enum SeatVoteView {
	/// Nothing yet.
	Missing,
	/// It abstained.
	Abstained(AbstainReason),
	/// It committed.
	Committed,
	/// It committed and revealed an output of this hash.
	Revealed(Hash),
}

/// A job's end and its output.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub enum ResultView {
	/// There is no agreement yet.
	Open {
		/// Where it stands.
		phase: PhaseView,
		/// The block at whose end the phase is over at the latest.
		deadline: BlockNumber,
	},
	/// More than two thirds of the seats agree. Final as soon as the block is, whether the money is settled or not.
	Agreed {
		/// The output: an answer or the model's refusal.
		output: Output,
		/// The hash of the canonical output bytes.
		output_hash: Hash,
		/// The block of the agreement.
		at: BlockNumber,
		/// Whether the money is settled.
		settled: bool,
	},
	/// The job ended without an output.
	WithoutOutput {
		/// Why.
		verdict: Verdict,
		/// When.
		at: BlockNumber,
	},
}

/// A job that has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct OpenJob {
	/// Its number.
	pub id: JobId,
	/// What identifies it on every fork.
	pub fingerprint: Fingerprint,
	/// Where it stands.
	pub phase: PhaseView,
	/// The block at whose end the phase is over at the latest.
	pub deadline: BlockNumber,
}

/// A model.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct ModelView {
	/// What identifies it.
	pub id: ModelId,
	/// What it is.
	pub revision: ModelRevision,
	/// Validators of the current session that serve it.
	pub served_by: Vec<AccountId>,
}

/// Why there is no price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub enum QuoteError {
	/// The chain knows no such model.
	UnknownModel,
	/// An input has at least one byte.
	InputEmpty,
	/// The model takes less input.
	InputTooLong {
		/// Bytes it takes.
		limit: u32,
	},
	/// The model gives less output.
	OutputTooLong {
		/// Units it gives.
		limit: u32,
	},
	/// The model generates text, and no output is asked for.
	NoOutputUnits,
	/// `Fixed` takes odd numbers from 1 to 15.
	SeatsInvalid,
	/// Fewer validators serve the model than there are seats.
	TooFewValidators {
		/// Validators that serve it.
		serving: u16,
	},
	/// More validators serve the model than a committee has seats, so `All` can't be had.
	TooManyValidators {
		/// The seats of the largest committee.
		limit: u16,
	},
	/// The price is more than a balance holds.
	Overflow,
}

/// The inference keys of a session's validators.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct KeySetView {
	/// The session.
	pub session: SessionIndex,
	/// The validators and their keys, each at its authority index.
	pub members: Vec<(AccountId, InferenceId)>,
}

/// What a block would do with a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub enum BundleStanding {
	/// Take some of its votes.
	Wanted {
		/// The nearest deadline of a job it has votes for; the next block where it has attestations alone.
		deadline: BlockNumber,
	},
	/// Take nothing now, but it may yet come to: a reveal before its time, a job that this fork does not have (yet).
	Early,
	/// Take nothing, now or later.
	Useless,
}
