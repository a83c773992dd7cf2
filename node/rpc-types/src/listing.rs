//! Lists of jobs, as JSON.

use crate::{address, Phase, Verdict};
use serde::{Deserialize, Serialize};
use sibyl_primitives::{
	api::{JobPage, JobSummary, PhaseView},
	job::{Fingerprint, JobId},
	model::ModelId,
	BlockNumber,
};

/// A part of the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
	/// The newest first.
	pub jobs: Vec<Listed>,
	/// What to give as `before` to go on; none where there are no more.
	pub next: Option<JobId>,
}

/// A job in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
	/// Its number.
	pub id: JobId,
	/// What identifies it on every fork.
	pub fingerprint: Fingerprint,
	/// Who asked.
	pub requester: String,
	/// The model asked.
	pub model: ModelId,
	/// The block of its submission.
	pub submitted_at: BlockNumber,
	/// What it costs at most, in the smallest unit.
	pub price: String,
	/// Where it stands.
	pub phase: Phase,
	/// How it ended.
	pub verdict: Option<Verdict>,
}

impl From<JobPage> for Page {
	fn from(page: JobPage) -> Self {
		Self { jobs: page.jobs.into_iter().map(Into::into).collect(), next: page.next }
	}
}

impl From<JobSummary> for Listed {
	fn from(job: JobSummary) -> Self {
		let verdict = match job.phase {
			PhaseView::Ended { verdict, .. } => Some(verdict.into()),
			PhaseView::Pending | PhaseView::Committing | PhaseView::Revealing => None,
		};
		Self {
			id: job.id,
			fingerprint: job.fingerprint,
			requester: address(&job.requester),
			model: job.model,
			submitted_at: job.submitted_at,
			price: job.total.to_string(),
			phase: job.phase.into(),
			verdict,
		}
	}
}
