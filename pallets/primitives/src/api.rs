//! The runtime API, and its views: what JSON-RPC, polkadot.js (`api.call.inferenceApi`) and the node itself ask.

use crate::{
	format::Format,
	input::Input,
	job::{AbstainReason, Fingerprint, JobId, JobOptions, Round, Seats, Verdict},
	model::{ModelId, ModelName, ModelRevision, Registration},
	output::Output,
	price::Quote,
	vote::Ballot,
	AccountId, Balance, BlockNumber, Hash, InferenceId, SessionIndex,
};
use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode};
use scale_info::TypeInfo;
use sp_runtime::Perbill;

/// Jobs that one call lists at most.
pub const MAX_LISTED_JOBS: u32 = 256;
/// Open jobs that one call lists at most: all that there can be, since each call goes through all of them.
pub const MAX_LISTED_OPEN_JOBS: u32 = 8_192;
/// Numbers of jobs that one call of `jobs` looks at.
pub const MAX_SCANNED_JOBS: u32 = 1_024;
/// Models that one call lists at most.
pub const MAX_LISTED_MODELS: u32 = 32;
/// Ballots that one call is asked about at most.
pub const MAX_JUDGED_BALLOTS: u32 = 64;

sp_api::decl_runtime_apis! {
	/// Jobs, models and prices.
	#[api_version(4)]
	pub trait InferenceApi {
		/// A job, with all that is known of its committee.
		fn job(job: JobId) -> Lookup<JobView>;
		/// A job's end and its output.
		fn result(job: JobId) -> Lookup<ResultView>;
		/// Jobs that have not ended, the oldest first, at most `limit` and never more than 256, from this number on.
		fn open_jobs(from: JobId, limit: u32) -> Vec<OpenJob>;
		/// Jobs that the chain still knows, the newest first: at most `limit` and never more than 256, those before this number.
		/// It looks at 1,024 numbers, and says where to go on.
		fn jobs(filter: JobFilter, before: Option<JobId>, limit: u32) -> JobPage;
		/// A model, with who serves it.
		fn model(model: ModelId) -> Option<ModelView>;
		/// How often the list of models has changed, but for who serves them.
		fn models_changes() -> u64;
		/// The model of that name; a name is one model's at a time.
		fn model_named(name: ModelName) -> Option<ModelId>;
		/// The models, with who serves them: those after this one in the order of their ids, at most `limit` and never more
		/// than 32.
		fn models(after: Option<ModelId>, limit: u32) -> Vec<ModelView>;
		/// What a job costs now. `input_units` are those of the input alone ([`Input::units`]), without the format's bytes.
		fn quote(
			model: ModelId,
			seats: Seats,
			input_units: u32,
			max_output_units: u32,
			format: Format,
		) -> Result<Quote, QuoteError>;
		/// The inference keys of the current session and those before it whose votes are still taken, the newest first.
		fn key_sets() -> Vec<KeySetView>;
		/// The inference keys of the session after the current one: fixed since the current one began.
		fn next_key_set() -> Option<KeySetView>;
		/// What the block after this one would do with each ballot. Signatures are not looked at; ballots beyond the first
		/// 64 are not answered.
		fn ballot_standings(ballots: Vec<Ballot>) -> Vec<BallotStanding>;
		/// A validator's service bond, its open seats, what it has done and what it has earned.
		fn validator(validator: AccountId) -> ValidatorView;
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

/// Which jobs are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct JobFilter {
	/// Those of this account; of all where there is none.
	pub requester: Option<AccountId>,
	/// Those for this model.
	pub model: Option<ModelId>,
	/// Those that have not ended, or those that have.
	pub is_open: Option<bool>,
}

/// A part of a list of jobs.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct JobPage {
	/// The newest first.
	pub jobs: Vec<JobSummary>,
	/// What to go on before; none where the list has ended.
	pub next: Option<JobId>,
}

/// A job in a list.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct JobSummary {
	/// Its number.
	pub id: JobId,
	/// What identifies it on every fork.
	pub fingerprint: Fingerprint,
	/// Who asked.
	pub requester: AccountId,
	/// The model asked.
	pub model: ModelId,
	/// The block of its submission.
	pub submitted_at: BlockNumber,
	/// What it costs at most.
	pub total: Balance,
	/// Where it stands.
	pub phase: PhaseView,
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub enum PhaseView {
	/// Its committee, or substitutes for it, are to be drawn.
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
	pub input: Input,
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
	/// Its committees, in the order of their rounds: those who sit in them now.
	pub committees: Vec<CommitteeView>,
	/// Whether too few seats of its first committee committed, and others are drawn, or to be drawn, for the rest.
	pub has_substitutes: bool,
	/// The agreement, once there is one.
	pub agreed: Option<AgreementView>,
	/// Whether a second round checks, or has checked, the agreement.
	pub audit: AuditView,
	/// What was paid and refunded, once it is settled.
	pub settlement: Option<SettlementView>,
	/// The job whose answer was taken for this one, without a committee of its own.
	pub reused: Option<JobId>,
}

/// An agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, codec::MaxEncodedLen, TypeInfo)]
pub struct AgreementView {
	/// The hash of the canonical output bytes.
	pub output_hash: Hash,
	/// The block of the agreement.
	pub at: BlockNumber,
	/// Who agreed.
	pub support: Support,
}

/// How many agreed: enough or not, a consumer decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, codec::MaxEncodedLen, TypeInfo)]
pub struct Support {
	/// The round whose committee agreed.
	pub round: Round,
	/// Its seats.
	pub seats: u16,
	/// The seats that gave the output.
	pub agreed: u16,
	/// Validators that served the model when the committee was drawn.
	pub serving: u16,
}

/// What became of the audit of an agreed job.
#[derive(
	Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, codec::MaxEncodedLen, TypeInfo,
)]
pub enum AuditView {
	/// There is none.
	#[default]
	None,
	/// A second round is at it.
	Open,
	/// The second round says the same.
	Confirmed,
	/// The second round gave another output. The answer stays as it was said, since consumers have acted on it.
	Overturned {
		/// The hash of that output.
		output_hash: Hash,
	},
	/// The second round found no quorum.
	Undecided,
}

/// Where a job's price went. The four add up to what was held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, codec::MaxEncodedLen, TypeInfo)]
pub struct SettlementView {
	/// To seats.
	pub paid: Balance,
	/// Back to the requester.
	pub refunded: Balance,
	/// To the model's author.
	pub author_share: Balance,
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
	/// Validators that served the model then.
	pub serving: u16,
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
		/// How many agreed.
		support: Support,
		/// What a second round says of it.
		audit: AuditView,
		/// Whether the money is settled.
		settled: bool,
		/// The job whose answer this is; none where the job had a committee of its own.
		reused: Option<JobId>,
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
	/// The number of its present committee.
	pub round: Round,
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
	/// Who registered it, what it costs, whether it may be asked.
	pub registration: Registration,
	/// Validators of the current session that serve it.
	pub served_by: Vec<AccountId>,
	/// What they have at stake, of the stake of all validators.
	pub stake_share: Perbill,
	/// Whether it takes jobs: it is listed, and validators with enough of the stake serve it.
	pub is_active: bool,
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
	/// The model, or the format, gives less output.
	OutputTooLong {
		/// Units that it gives.
		limit: u32,
	},
	/// The model generates text, and too little output is asked for: none, or less than the format needs.
	NoOutputUnits {
		/// Units that the job must pay for at least.
		least: u32,
	},
	/// The format's own rules are broken: see [`Format`].
	FormatInvalid,
	/// The model generates no text, so it has no formats.
	FormatNotOfTask,
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
	/// So many validators serve the model, and they are too busy for this job: fewer of them have time and a free bond
	/// than there are seats, or those who lack it hold more than a third of the stake.
	Busy {
		/// Validators that serve it.
		serving: u16,
	},
	/// The model takes no jobs for now: its validators disagreed, or the council has stopped it.
	Suspended,
	/// The model takes no more jobs: its author has taken it back.
	Retired,
	/// Validators with too little of the stake serve the model.
	Inactive {
		/// What they have, of the stake of all.
		share: Perbill,
		/// What is needed.
		needed: Perbill,
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

/// What a block would do with a ballot.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub enum BallotStanding {
	/// Take some of its votes.
	Wanted {
		/// The nearest deadline of a job it has votes for; none where it has attestations alone.
		deadline: Option<BlockNumber>,
		/// The outputs that its reveals name and the chain lacks.
		outputs: Vec<Hash>,
		/// Whether it has reveals before their time, too.
		has_early_reveals: bool,
	},
	/// Take nothing now, but it may yet come to: a reveal before its time, a job that this fork does not have (yet).
	Early {
		/// Whether it has reveals before their time.
		has_early_reveals: bool,
	},
	/// Take nothing, now or later.
	Useless,
}

/// What a validator has with this pallet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct ValidatorView {
	/// Its service bond.
	pub bond: Balance,
	/// What of the bond covers open seats.
	pub reserved: Balance,
	/// Its open seats.
	pub open_seats: u32,
	/// Microseconds that its open seats may take at most.
	pub open_time: u64,
	/// Seats in a row that it neither committed nor abstained in.
	pub missed_in_a_row: u32,
	/// What it has done so far.
	pub record: ServiceRecord,
}

/// What a validator has done so far.
#[derive(
	Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, codec::MaxEncodedLen, TypeInfo,
)]
pub struct ServiceRecord {
	/// Seats that it was drawn for.
	pub drawn: u32,
	/// Seats that committed.
	pub committed: u32,
	/// Seats that revealed.
	pub revealed: u32,
	/// Seats that neither committed nor abstained.
	pub missed: u32,
	/// Seats that abstained.
	pub abstained: u32,
	/// Seats that revealed what lost.
	pub lost: u32,
	/// What it was charged, out of its bond.
	pub charged: Balance,
	/// What its seats earned.
	pub earned: Balance,
}
