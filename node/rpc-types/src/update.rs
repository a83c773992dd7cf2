//! A job that is followed, as JSON.

use crate::Job;
use serde::{Deserialize, Serialize};
use sibyl_primitives::{BlockNumber, Hash};

/// A job as a block knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobUpdate {
	/// The block.
	pub block_hash: Hash,
	/// Its height.
	pub block_number: BlockNumber,
	/// Whether the block is final, so that this is the last update.
	pub finalized: bool,
	/// The job; none where this chain does not know it: not yet, not after a reorg, or no longer.
	pub job: Option<Job>,
}
