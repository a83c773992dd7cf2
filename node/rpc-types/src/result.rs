//! What became of a job, as JSON.

use crate::{Answer, Audit, Phase, Support};
use serde::{Deserialize, Serialize};
use sibyl_primitives::{
	api::ResultView,
	job::{JobId, Refusal, Verdict as ChainVerdict},
	output::Output,
	BlockNumber, Hash,
};

/// A job's end and its output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobResult {
	/// The job's number.
	pub id: JobId,
	/// Whether there is a result, and which.
	pub status: Status,
	/// Where an open job stands.
	#[serde(skip_serializing_if = "Option::is_none")]
	pub phase: Option<Phase>,
	/// The block at whose end an open job's phase is over at the latest.
	#[serde(skip_serializing_if = "Option::is_none")]
	pub deadline: Option<BlockNumber>,
	/// What the model says.
	pub answer: Option<Answer>,
	/// Why the model does not answer.
	pub refusal: Option<Refusal>,
	/// The hash of the output: of the answer or of the refusal.
	pub output_hash: Option<Hash>,
	/// The block of the agreement.
	pub agreed_at: Option<BlockNumber>,
	/// How many agreed.
	pub support: Option<Support>,
	/// What a second round says of the agreement.
	pub audit: Option<Audit>,
	/// Whether the money is settled.
	pub settled: bool,
	/// The job whose answer this is; none where the job had a committee of its own.
	#[serde(skip_serializing_if = "Option::is_none")]
	pub reused: Option<JobId>,
	/// The block of the agreement, or of the end without one.
	pub block_hash: Option<Hash>,
	/// Whether that block is finalised: the result then stays.
	pub finalized: bool,
}

/// Whether there is a result, and which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Status {
	/// Not yet.
	Open,
	/// An answer.
	Agreed,
	/// The model refuses the input.
	Failed,
	/// Enough seats revealed, but too few the same.
	NoQuorum,
	/// Too few seats took part.
	Expired,
	/// The job was ended from outside: its model is suspended, or the chain's root said so.
	Cancelled,
}

impl From<ChainVerdict> for Status {
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

/// The block that a result is of.
#[derive(Clone, Copy, Debug, Default)]
pub struct ResultBlock {
	/// Its hash, on the chain that was asked about.
	pub hash: Option<Hash>,
	/// Whether it is finalised.
	pub finalized: bool,
}

impl JobResult {
	/// The height of the block that the result is of; none while the job is open.
	pub fn height(view: &ResultView) -> Option<BlockNumber> {
		match view {
			ResultView::Open { .. } => None,
			ResultView::Agreed { at, .. } | ResultView::WithoutOutput { at, .. } => Some(*at),
		}
	}

	/// The result of the job of this number, which is of this block.
	pub fn new(id: JobId, view: ResultView, block: ResultBlock) -> Self {
		let result = Self {
			id,
			status: Status::Open,
			phase: None,
			deadline: None,
			answer: None,
			refusal: None,
			output_hash: None,
			agreed_at: None,
			support: None,
			audit: None,
			settled: false,
			reused: None,
			block_hash: block.hash,
			finalized: block.finalized,
		};
		match view {
			ResultView::Open { phase, deadline } => {
				Self { phase: Some(phase.into()), deadline: Some(deadline), ..result }
			}
			ResultView::Agreed { output, output_hash, at, support, audit, settled, reused } => {
				let (status, answer, refusal) = match output {
					Output::Answer(answer) => (Status::Agreed, Some(answer.into()), None),
					Output::Refusal(refusal) => (Status::Failed, None, Some(refusal)),
				};
				let (output_hash, agreed_at) = (Some(output_hash), Some(at));
				let (support, audit) = (Some(support.into()), Some(audit.into()));
				Self { status, answer, refusal, output_hash, agreed_at, support, audit, settled, reused, ..result }
			}
			ResultView::WithoutOutput { verdict, .. } => Self { status: verdict.into(), settled: true, ..result },
		}
	}
}
