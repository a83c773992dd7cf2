//! What shows to who does not trust the gateway that the chain has an answer.

use super::{
	desk::Desk,
	error::{ApiError, Retry},
};
use crate::{question, Error};
use hyper::StatusCode;
use jsonrpsee::rpc_params;
use serde_json::Value;
use sibyl_primitives::job::JobId;

/// Seconds after which a job that has agreed is final.
const BLOCKS: u32 = 6;

/// Where a job's receipt is.
pub fn path(job: JobId) -> String {
	format!("{PREFIX}{job}")
}

/// What stands before a job's number.
pub const PREFIX: &str = "/v1/sibyl/receipts/";

/// The receipt of the job of this number, as `sibyl-node verify` reads it.
pub async fn receipt(desk: &Desk, job: &str) -> Result<Value, ApiError> {
	let unknown = || {
		let message = "The chain has no such job, or keeps it no longer";
		ApiError::new(StatusCode::NOT_FOUND, "job_not_found", message)
	};
	let job: JobId = job.parse().map_err(|_| unknown())?;
	let node = desk.node().await?;
	let result = question::result(&node, job).await.map_err(|error| match &error {
		Error::Refused { name, .. } if matches!(name.as_deref(), Some("UnknownJob" | "PrunedJob")) => unknown(),
		_ => error.into(),
	})?;
	let early = || {
		let message = "The job has no final end yet: try again in some blocks";
		ApiError::new(StatusCode::CONFLICT, "job_not_final", message).retry(Retry::After(BLOCKS))
	};
	if !result.finalized {
		return Err(early());
	}
	let receipt: Result<Value, Error> = node.call("inference_getReceipt", rpc_params![job]).await;
	receipt.map_err(|error| match &error {
		// It is agreed, and not settled.
		Error::Refused { name: Some(name), .. } if name == "NotFinal" => early(),
		_ => error.into(),
	})
}
