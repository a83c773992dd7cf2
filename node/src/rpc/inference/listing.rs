//! Lists of jobs.

use super::{account, error::Error};
use serde::Deserialize;
use sibyl_primitives::{
	api::{JobFilter, MAX_LISTED_JOBS},
	model::ModelId,
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
