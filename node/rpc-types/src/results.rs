//! Results as they come, as JSON.

use crate::{Audit, Status};
use serde::{Deserialize, Serialize};
use sibyl_primitives::{
	job::{Fingerprint, JobId},
	model::ModelId,
	BlockNumber, Hash,
};

/// The results of a block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResultsUpdate {
	/// The block.
	pub block_hash: Hash,
	/// Its height.
	pub block_number: BlockNumber,
	/// What is new about it.
	pub state: BlockState,
	/// The jobs that it brought a result of, or an audit's.
	pub results: Vec<ResultChange>,
}

/// What is new about a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BlockState {
	/// It is on the best chain.
	Best,
	/// It is on the best chain no more, and its results do not hold.
	Retracted,
	/// It is final, and its results stay.
	Final,
}

/// A job that has a result, or whose result was audited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResultChange {
	/// The job's number, on this block's chain.
	pub id: JobId,
	/// What identifies it on every fork.
	pub fingerprint: Fingerprint,
	/// Who asked.
	pub requester: String,
	/// The model asked.
	pub model: ModelId,
	/// Which result.
	pub status: Status,
	/// The hash of the output.
	pub output_hash: Option<Hash>,
	/// What a second round says.
	pub audit: Audit,
}
