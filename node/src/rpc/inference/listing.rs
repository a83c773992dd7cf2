//! Lists of jobs.

use super::{
	account,
	error::Error,
	views::{address, Phase, Verdict},
};
use serde::{Deserialize, Serialize};
use sibyl_primitives::{
	api::{JobFilter, JobPage, JobSummary, PhaseView, MAX_LISTED_JOBS},
	job::{Fingerprint, JobId},
	model::ModelId,
	BlockNumber,
};

/// How many jobs a page has where the caller does not say.
const USUAL_PAGE: u32 = 64;

/// Which jobs are listed; all where nothing is said.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Filter {
	/// Those of this account, an SS58 address or `0x` and its key.
	requester: Option<String>,
	/// Those for this model.
	model: Option<ModelId>,
	/// Those that have not ended, or those that have.
	open: Option<bool>,
}

impl Filter {
	/// The filter as the chain has it.
	pub fn on_chain(self) -> Result<JobFilter, Error> {
		let requester = self.requester.map(|requester| account("requester", &requester)).transpose()?;
		Ok(JobFilter { requester, model: self.model, is_open: self.open })
	}
}

/// How many jobs to list.
pub fn limit(asked: Option<u32>) -> Result<u32, Error> {
	match asked {
		None => Ok(USUAL_PAGE),
		Some(limit) if (1..=MAX_LISTED_JOBS).contains(&limit) => Ok(limit),
		Some(_) => Err(Error::InvalidParameter { parameter: "limit", expected: "give a number from 1 to 256" }),
	}
}

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
