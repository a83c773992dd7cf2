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

/// The receipt of the job of this number, as `sibyl-node verify` reads it.
pub async fn receipt(desk: &Desk, job: &str) -> Result<Value, ApiError> {
	let unknown = || {
		let message = "The chain has no such job, or keeps it no longer";
		ApiError::new(StatusCode::NOT_FOUND, "job_not_found", message)
	};
	let job: JobId = job.parse().map_err(|_| unknown())?;
	let node = desk.node().await?;
	let receipt: Result<Value, Error> = node.call("inference_getReceipt", rpc_params![job]).await;
	receipt.map_err(|error| match &error {
		Error::Refused { name: Some(name), .. } if name == "PrunedJob" => unknown(),
		Error::Refused { name: Some(name), .. } if name == "NotFinal" => {
			let message = "The chain has no such job that has ended in a final block yet: ask again in some seconds";
			ApiError::new(StatusCode::NOT_FOUND, "job_not_final", message)
		}
		_ => error.into(),
	})
}
