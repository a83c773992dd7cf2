//! What shows a stranger, who trusts no node, that the network agreed on a result, as JSON.

use serde::{Deserialize, Serialize};
use sibyl_primitives::{job::JobId, Hash};
use sp_core::Bytes;

/// The version of receipts that this release writes and reads.
pub const RECEIPT_VERSION: u8 = 1;

/// A receipt: from the chain's genesis to a job's answer, each step signed or hashed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
	/// How the rest is to be read.
	pub version: u8,
	/// The chain, by the hash of its first block.
	pub genesis: Hash,
	/// The job's number on it.
	pub job: JobId,
	/// GRANDPA's warp proof, SCALE-encoded: each block that changed the validators, signed by those before, and a final block.
	pub finality: Bytes,
	/// The nodes of that final block's state that lead to the job, its input, its output and its model.
	pub state: Vec<Bytes>,
}
