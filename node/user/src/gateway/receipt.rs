//! What shows to who does not trust the gateway that the chain has an answer.

use super::{desk::Desk, error::ApiError};
use crate::Error;
use hyper::StatusCode;
use jsonrpsee::rpc_params;
use serde_json::Value;
use sibyl_primitives::job::JobId;

/// Where a job's receipt is.
pub fn path(job: JobId) -> String {
	format!("{PREFIX}{job}")
}

/// What stands before a job's number.
pub const PREFIX: &str = "/v1/sibyl/receipts/";

/// The receipt of the job of this number: a storage proof of its entry and its output's, against the header of the last
/// final block.
pub async fn receipt(desk: &Desk, job: &str) -> Result<Value, ApiError> {
	let unknown = || {
		let message = "The chain has no such job, or keeps it no longer";
		ApiError::new(StatusCode::NOT_FOUND, "job_not_found", message)
	};
	let job: JobId = job.parse().map_err(|_| unknown())?;
	let node = desk.node().await?;
	let proof: Result<Value, Error> = node.call("inference_getResultProof", rpc_params![job]).await;
	proof.map_err(|error| match &error {
		Error::Refused { name, .. } if matches!(name.as_deref(), Some("UnknownJob" | "PrunedJob")) => unknown(),
		_ => error.into(),
	})
}
