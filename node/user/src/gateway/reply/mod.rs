//! What the chain says, in the form of OpenAI's API, with where it stands on the chain.

mod chat;
mod embeddings;
mod models;

pub use chat::{ChatReply, Progress};
pub use embeddings::embeddings;
pub use models::{model, models};

use super::{desk::Ended, receipt};
use crate::{amount::decimal, submission::Submitted};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{json, Value};

/// A job that is in a block.
pub fn job_of(submitted: &Submitted) -> Value {
	json!({ "job": submitted.job, "fingerprint": submitted.fingerprint, "submitted_in": submitted.block })
}

/// A job that has ended: where its answer stands, who agreed, and what was paid.
pub fn sibyl(ended: &Ended) -> Value {
	let Ended { job, result, .. } = ended;
	let seats = result.support.as_ref().map(|support| {
		json!({ "agreed": support.agreed, "of": support.seats, "serving": support.serving, "round": support.round })
	});
	json!({
		"job": job.id,
		"fingerprint": job.fingerprint,
		"submitted_in": ended.submitted_at,
		"block": { "number": result.agreed_at, "hash": result.block_hash, "final": result.finalized },
		"output_hash": result.output_hash,
		"seats": seats,
		"price": {
			"held": decimal(ended.price),
			"paid": decimal(ended.cost.saturating_sub(ended.fee)),
			"transaction_fee": decimal(ended.fee),
			"unit": "SIB",
		},
		"receipt": receipt::path(job.id),
	})
}

/// The same for those who look at headers; several jobs in one request are told one after another.
pub fn headers(jobs: &[&Ended]) -> HeaderMap {
	let mut headers = HeaderMap::new();
	let mut tell = |name: &'static str, value: &dyn Fn(&Ended) -> Option<String>| {
		let values: Option<Vec<String>> = jobs.iter().map(|ended| value(ended)).collect();
		if let Some(value) = values.and_then(|values| HeaderValue::from_str(&values.join(", ")).ok()) {
			headers.insert(HeaderName::from_static(name), value);
		}
	};
	tell("x-sibyl-job", &|ended| Some(ended.job.id.to_string()));
	tell("x-sibyl-fingerprint", &|ended| Some(format!("{:?}", ended.job.fingerprint)));
	tell("x-sibyl-block", &|ended| ended.result.block_hash.map(|hash| format!("{hash:?}")));
	tell("x-sibyl-block-number", &|ended| ended.result.agreed_at.map(|number| number.to_string()));
	tell("x-sibyl-price", &|ended| Some(decimal(ended.cost)));
	tell("x-sibyl-receipt", &|ended| Some(receipt::path(ended.job.id)));
	headers
}

/// What was read and written, in the units that the chain's price counts: bytes of input, and tokens of output.
fn usage(jobs: &[&Ended], written: usize) -> Value {
	let units = |ended: &&Ended| {
		let question = &ended.question;
		u64::from(question.input.units()) + u64::from(question.options.format.bytes())
	};
	let read: u64 = jobs.iter().map(units).sum();
	json!({ "prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written as u64 })
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::gateway::testing::ended;
	use sibyl_engine::Format;

	#[test]
	fn headers_tell_of_one_job_or_of_several() {
		let one = ended(json!({ "embedding": { "values": [1] } }), Format::default());
		assert_eq!(headers(&[&one])["x-sibyl-job"], "7");
		assert_eq!(headers(&[&one])["x-sibyl-price"], "0.0035");
		assert_eq!(headers(&[&one, &one])["x-sibyl-receipt"], "/v1/sibyl/receipts/7, /v1/sibyl/receipts/7");
	}
}
