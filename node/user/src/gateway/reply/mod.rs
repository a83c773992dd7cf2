//! What the chain says, in the form of OpenAI's API, with where it stands on the chain.

mod chat;
mod embeddings;
mod models;

pub use chat::{ChatReply, Progress};
pub use embeddings::embeddings;
pub use models::{model, models};

use super::{
	desk::Ended,
	error::{no_answer, ApiError, Retry},
	receipt,
};
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
	let mut told = json!({
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
	});
	if let Some(source) = result.reused {
		told["reused"] = json!(source);
	}
	told
}

/// Why a job that has ended has no answer. Only what was refunded in full may be asked again.
fn unanswered(ended: &Ended) -> ApiError {
	let error = no_answer(&ended.result);
	let retry = error.retry;
	let error = error.of_job(sibyl(ended));
	match ended.cost <= ended.fee {
		true => error.retry(retry),
		false => error,
	}
}

/// The jobs of a request, where all of them have ended; else why the first has not, with each that was submitted.
pub fn all(jobs: Vec<Result<Box<Ended>, ApiError>>) -> Result<Vec<Ended>, ApiError> {
	let count = jobs.len();
	let submitted = jobs.iter().filter_map(|job| match job {
		Ok(ended) => Some(sibyl(ended)),
		Err(error) => error.job.as_deref().cloned(),
	});
	let submitted: Vec<_> = submitted.collect();
	// Of one nobody may know whether it was submitted.
	let is_never = jobs.iter().any(|job| job.as_ref().is_err_and(|error| error.retry == Retry::Never));
	jobs.into_iter().map(|job| job.map(|ended| *ended)).collect::<Result<_, _>>().map_err(|error: ApiError| {
		let retry = if is_never { Retry::Never } else { error.retry };
		error.retry(retry).of_jobs(&submitted, count)
	})
}

/// What is told of jobs for those who look at headers; several jobs in one request are told one after another.
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
	use hyper::StatusCode;
	use sibyl_engine::Format;

	#[test]
	fn only_what_was_refunded_in_full_may_be_asked_again() {
		let paid = ended(Value::Null, Format::default());
		assert_eq!((unanswered(&paid).code, unanswered(&paid).retry), ("no_quorum", Retry::Never));
		let refunded = Ended { cost: paid.fee, ..paid };
		assert_eq!(unanswered(&refunded).retry, Retry::Usual);
		assert_eq!(unanswered(&refunded).job.expect("it is named")["job"], 7);
	}

	#[test]
	fn an_error_of_several_jobs_should_name_each_that_was_submitted() {
		let answered = || Ok(Box::new(ended(json!({ "embedding": { "values": [1] } }), Format::default())));
		let refused = || ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "network_busy", "no").retry(Retry::After(6));
		let error = |jobs| all(jobs).map(|jobs| jobs.len()).expect_err("one failed");
		let lost = refused().of_job(json!({ "job": 9 }));
		let some = error(vec![answered(), Err(refused()), Err(lost)]);
		assert_eq!((some.code, some.retry), ("network_busy", Retry::Never));
		let jobs = &some.body()["error"]["sibyl"]["jobs"];
		assert_eq!((&jobs[0]["job"], &jobs[1]["job"], &jobs[2]), (&json!(7), &json!(9), &Value::Null));
		let none = error(vec![Err(refused()), Err(refused())]);
		assert_eq!((none.retry, none.job), (Retry::After(6), None));
		let unknown = error(vec![Err(refused()), Err(refused().retry(Retry::Never))]);
		assert_eq!(unknown.retry, Retry::Never, "one may have been submitted");
		assert_eq!(all(vec![answered(), answered()]).map(|jobs| jobs.len()).expect("they have answers"), 2);
	}

	#[test]
	fn headers_tell_of_one_job_or_of_several() {
		let one = ended(json!({ "embedding": { "values": [1] } }), Format::default());
		assert_eq!(headers(&[&one])["x-sibyl-job"], "7");
		assert_eq!(headers(&[&one])["x-sibyl-price"], "0.0035");
		assert_eq!(headers(&[&one, &one])["x-sibyl-receipt"], "/v1/sibyl/receipts/7, /v1/sibyl/receipts/7");
	}
}
