//! Lists of jobs.

use super::{account, error::Error};
use serde::Deserialize;
use sibyl_primitives::{api::JobFilter, model::ModelId};

/// How many a page has where the caller does not say.
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

/// How many to list, of at most so many.
pub fn limit(asked: Option<u32>, most: u32) -> Result<u32, Error> {
	match asked {
		None => Ok(USUAL_PAGE.min(most)),
		Some(limit) if (1..=most).contains(&limit) => Ok(limit),
		Some(_) => Err(Error::LimitInvalid { most }),
	}
}
