//! Jobs, as JSON.

use crate::{address, addresses, Input};
use serde::{Deserialize, Serialize};
use sibyl_primitives::{
	api::{
		AgreementView, AuditView, CommitteeView, JobView, PhaseView, SeatView, SeatVoteView, SettlementView,
		Support as ChainSupport,
	},
	format::Format,
	job::{AbstainReason, Fingerprint, JobId, JobOptions, Round, Sampling, Seats, Verdict as ChainVerdict},
	model::ModelId,
	price::Quote as ChainQuote,
	BlockNumber, Hash, SessionIndex,
};

/// A job, with all that is known of its committee.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
	/// Its number.
	pub id: JobId,
	/// What identifies it on every fork.
	pub fingerprint: Fingerprint,
	/// Who asked.
	pub requester: String,
	/// The model asked.
	pub model: ModelId,
	/// What the model reads.
	pub input: Input,
	/// What the requester chose.
	pub options: Options,
	/// The price.
	pub price: Quote,
	/// The block of its submission.
	pub submitted_at: BlockNumber,
	/// Where it stands.
	pub phase: Phase,
	/// How it ended.
	pub verdict: Option<Verdict>,
	/// The block in which its money was settled.
	pub ended_at: Option<BlockNumber>,
	/// The block at whose end the phase is over at the latest.
	pub deadline: Option<BlockNumber>,
	/// The block by which it ends in any case.
	pub ends_by: BlockNumber,
	/// Its committees, in the order of their rounds.
	pub committees: Vec<Committee>,
	/// Whether too few seats of its first committee committed, and others are drawn, or to be drawn, for the rest.
	#[serde(default)]
	pub has_substitutes: bool,
	/// The agreement, once there is one.
	pub agreed: Option<Agreement>,
	/// Whether a second round checks, or has checked, the agreement.
	pub audit: Audit,
	/// Where its money went, once it has ended.
	pub settlement: Option<Settlement>,
	/// The job whose answer was taken for this one, without a committee of its own.
	#[serde(skip_serializing_if = "Option::is_none")]
	pub reused: Option<JobId>,
}

/// What the requester chose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Options {
	/// How many validators answer.
	pub seats: Seats,
	/// Output that is paid for, in the model's units.
	pub max_output_units: u32,
	/// Blocks whose randomness the draw mixes.
	pub draw_delay: u8,
	/// How tokens are chosen, for models that generate.
	pub sampling: Sampling,
	/// What sampling starts from, a decimal number; none takes the job's fingerprint.
	pub seed: Option<String>,
	/// What form the answer has, for models that generate.
	pub format: Format,
	/// Whether an answer that was agreed on before may be taken, and this one be given to others.
	#[serde(default)]
	pub reuse: bool,
}

/// A price, in the smallest unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Quote {
	/// Seats that are paid for.
	pub seats: u16,
	/// What a seat gets at most.
	pub per_seat: String,
	/// What the model's author gets at most.
	pub author_share: String,
	/// What the protocol's account gets at most.
	pub protocol_share: String,
	/// All of it.
	pub total: String,
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
	/// Its committee, or substitutes for it, are to be drawn.
	Pending,
	/// Seats commit.
	Committing,
	/// Seats reveal.
	Revealing,
	/// It has ended.
	Ended,
}

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
	/// The seats agree on an answer.
	Agreed,
	/// The seats agree that the model refuses the input.
	Failed,
	/// Enough seats revealed, but too few the same.
	NoQuorum,
	/// Too few seats took part.
	Expired,
	/// It was ended from outside: its model is suspended, or the chain's root said so.
	Cancelled,
}

/// A job's committee. The same validators stand in `seats` by seat, and in the lists by what they did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Committee {
	/// The seed it was drawn from.
	pub draw: Hash,
	/// Its number for the job.
	pub round: Round,
	/// The session in which it was drawn.
	pub session: SessionIndex,
	/// The block in which it was drawn.
	pub drawn_at: BlockNumber,
	/// Validators that served the model then.
	pub serving: u16,
	/// Its seats.
	pub seats: Vec<Seat>,
	/// Who committed and has not revealed.
	pub committed: Vec<String>,
	/// Who committed and revealed.
	pub revealed: Vec<String>,
	/// Who has done nothing yet.
	pub missing: Vec<String>,
}

/// A seat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seat {
	/// The validator on it.
	pub validator: String,
	/// What it has done.
	#[serde(flatten)]
	pub vote: Vote,
}

/// What a seat has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "vote", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Vote {
	/// Nothing yet.
	Missing,
	/// It abstained.
	Abstained {
		/// Why.
		reason: AbstainReason,
	},
	/// It committed.
	Committed,
	/// It committed and revealed.
	Revealed {
		/// The hash of its output.
		output_hash: Hash,
	},
}

/// An agreement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Agreement {
	/// The hash of the output.
	pub output_hash: Hash,
	/// The block of the agreement.
	pub at: BlockNumber,
	/// How many agreed.
	pub support: Support,
}

/// How many agreed: enough or not, a consumer decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
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

/// What a second round says of an agreed job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Audit {
	/// There is none.
	None,
	/// A second round is at it.
	Open,
	/// The same.
	Confirmed,
	/// Another output. The answer stays as it was said.
	Overturned {
		/// The hash of that output.
		output_hash: Hash,
	},
	/// Nothing: it found no quorum.
	Undecided,
}

/// Where a job's money went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settlement {
	/// To seats.
	pub paid: String,
	/// Back to the requester.
	pub refunded: String,
	/// To the model's author.
	pub author_share: String,
	/// To the protocol's account.
	pub protocol_share: String,
}

impl From<JobView> for Job {
	fn from(job: JobView) -> Self {
		let (verdict, ended_at) = match job.phase {
			PhaseView::Ended { verdict, at } => (Some(verdict.into()), Some(at)),
			_ => (None, None),
		};
		Self {
			id: job.id,
			fingerprint: job.fingerprint,
			requester: address(&job.requester),
			model: job.model,
			input: job.input.into(),
			options: job.options.into(),
			price: job.quote.into(),
			submitted_at: job.submitted_at,
			phase: job.phase.into(),
			verdict,
			ended_at,
			deadline: job.deadline,
			ends_by: job.ends_by,
			committees: job.committees.into_iter().map(Into::into).collect(),
			has_substitutes: job.has_substitutes,
			agreed: job.agreed.map(Into::into),
			audit: job.audit.into(),
			settlement: job.settlement.map(Into::into),
			reused: job.reused,
		}
	}
}

impl From<JobOptions> for Options {
	fn from(JobOptions { seats, max_output_units, draw_delay, sampling, seed, format, reuse }: JobOptions) -> Self {
		let seed = seed.map(|seed| seed.to_string());
		Self { seats, max_output_units, draw_delay, sampling, seed, format, reuse }
	}
}

impl From<ChainQuote> for Quote {
	fn from(quote: ChainQuote) -> Self {
		Self {
			seats: quote.seats,
			per_seat: quote.per_seat.to_string(),
			protocol_share: quote.protocol_share.to_string(),
			author_share: quote.author_share.to_string(),
			total: quote.total.to_string(),
		}
	}
}

impl From<PhaseView> for Phase {
	fn from(phase: PhaseView) -> Self {
		match phase {
			PhaseView::Pending => Self::Pending,
			PhaseView::Committing => Self::Committing,
			PhaseView::Revealing => Self::Revealing,
			PhaseView::Ended { .. } => Self::Ended,
		}
	}
}

impl From<ChainVerdict> for Verdict {
	fn from(verdict: ChainVerdict) -> Self {
		match verdict {
			ChainVerdict::Agreed => Self::Agreed,
			ChainVerdict::Failed(_) => Self::Failed,
			ChainVerdict::NoQuorum => Self::NoQuorum,
			ChainVerdict::Expired => Self::Expired,
			ChainVerdict::Cancelled => Self::Cancelled,
		}
	}
}

impl From<CommitteeView> for Committee {
	fn from(committee: CommitteeView) -> Self {
		let who = |did: fn(&SeatVoteView) -> bool| {
			addresses(committee.seats.iter().filter(|seat| did(&seat.vote)).map(|seat| &seat.validator))
		};
		Self {
			draw: committee.draw,
			round: committee.round,
			session: committee.session,
			drawn_at: committee.drawn_at,
			serving: committee.serving,
			committed: who(|vote| matches!(vote, SeatVoteView::Committed)),
			revealed: who(|vote| matches!(vote, SeatVoteView::Revealed(_))),
			missing: who(|vote| matches!(vote, SeatVoteView::Missing)),
			seats: committee.seats.iter().map(Into::into).collect(),
		}
	}
}

impl From<&SeatView> for Seat {
	fn from(seat: &SeatView) -> Self {
		let vote = match seat.vote {
			SeatVoteView::Missing => Vote::Missing,
			SeatVoteView::Abstained(reason) => Vote::Abstained { reason },
			SeatVoteView::Committed => Vote::Committed,
			SeatVoteView::Revealed(output_hash) => Vote::Revealed { output_hash },
		};
		Self { validator: address(&seat.validator), vote }
	}
}

impl From<AgreementView> for Agreement {
	fn from(AgreementView { output_hash, at, support }: AgreementView) -> Self {
		Self { output_hash, at, support: support.into() }
	}
}

impl From<ChainSupport> for Support {
	fn from(ChainSupport { round, seats, agreed, serving }: ChainSupport) -> Self {
		Self { round, seats, agreed, serving }
	}
}

impl From<AuditView> for Audit {
	fn from(audit: AuditView) -> Self {
		match audit {
			AuditView::None => Self::None,
			AuditView::Open => Self::Open,
			AuditView::Confirmed => Self::Confirmed,
			AuditView::Overturned { output_hash } => Self::Overturned { output_hash },
			AuditView::Undecided => Self::Undecided,
		}
	}
}

impl From<SettlementView> for Settlement {
	fn from(SettlementView { paid, refunded, author_share, protocol_share }: SettlementView) -> Self {
		let [paid, refunded, author_share, protocol_share] =
			[paid, refunded, author_share, protocol_share].map(|amount| amount.to_string());
		Self { paid, refunded, author_share, protocol_share }
	}
}
