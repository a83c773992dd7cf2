//! What a request is answered where it is not served, in the form of OpenAI's API.

use crate::Error;
use hyper::StatusCode;
use serde_json::{json, Value};
use sibyl_primitives::job::Refusal;
use sibyl_rpc_types::{JobResult, Status};

/// Why a request is not served.
#[derive(Debug)]
pub struct ApiError {
	/// HTTP's status.
	pub status: StatusCode,
	/// For programs.
	pub code: &'static str,
	/// For people, with what to do.
	pub message: String,
	/// The parameter that is wrong.
	pub param: Option<String>,
	/// Whether the same request may be sent again.
	pub retry: Retry,
	/// The job, where one was submitted; `jobs` in it where there are several.
	pub job: Option<Box<Value>>,
}

/// Whether the same request may be sent again: OpenAI's packages do that by themselves on some statuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
	/// As the status says.
	Usual,
	/// After so many seconds.
	After(u32),
	/// It would fail again, or pay twice.
	Never,
}

impl ApiError {
	/// An error of this status and code. The message is one line, whatever of the request it repeats.
	pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
		let message = crate::show::one_line(&message.into());
		Self { status, code, message, param: None, retry: Retry::Usual, job: None }
	}

	/// A parameter has a value that it can't have.
	pub fn invalid(param: impl Into<String>, message: impl Into<String>) -> Self {
		Self::new(StatusCode::BAD_REQUEST, "invalid_value", message).of(param)
	}

	/// A parameter, or a value of it, means something that a chain's model does not do.
	pub fn unsupported(param: impl Into<String>, why: &str) -> Self {
		let param = param.into();
		let message = format!("'{param}' is not supported: {why}");
		Self::new(StatusCode::BAD_REQUEST, "unsupported_parameter", message).of(param)
	}

	/// The network has no such model.
	pub fn no_model(name: &str, known: &str) -> Self {
		let message = format!("The model '{}' does not exist: the network has {known}", crate::show::printable(name));
		Self::new(StatusCode::NOT_FOUND, "model_not_found", message).of("model")
	}

	/// The same, of this parameter.
	pub fn of(mut self, param: impl Into<String>) -> Self {
		self.param = Some(param.into());
		self
	}

	/// The same, of the parameter that another route has in place of this one.
	pub fn renamed(mut self, from: &str, to: &str) -> Self {
		if self.param.as_deref() == Some(from) {
			self.param = Some(to.into());
		}
		self
	}

	/// The same, with this said of sending the request again.
	pub fn retry(mut self, retry: Retry) -> Self {
		self.retry = retry;
		self
	}

	/// The same, once a job was submitted: sending the request again would pay for another.
	pub fn of_job(mut self, job: Value) -> Self {
		self.job = Some(Box::new(job));
		self.retry(Retry::Never)
	}

	/// The same, where these jobs of a request for so many were submitted. Of one that is alone the error says that itself.
	pub fn of_jobs(mut self, jobs: &[Value], all: usize) -> Self {
		if jobs.is_empty() || all == 1 {
			return self;
		}
		let submitted = jobs.len();
		let more = format!("; {submitted} of {all} jobs were submitted, and error.sibyl.jobs names them");
		self.message.push_str(&more);
		self.of_job(json!({ "jobs": jobs }))
	}

	/// The body.
	pub fn body(&self) -> Value {
		let kind = match (self.status, self.code) {
			(_, "insufficient_quota") => "insufficient_quota",
			(StatusCode::TOO_MANY_REQUESTS, _) => "rate_limit_error",
			(status, _) if status.is_server_error() => "server_error",
			_ => "invalid_request_error",
		};
		let mut error = json!({ "message": self.message, "type": kind, "param": self.param, "code": self.code });
		if let Some(job) = &self.job {
			error["sibyl"] = (**job).clone();
		}
		json!({ "error": error })
	}
}

/// Why nothing could be asked, or what became of a submission.
impl From<Error> for ApiError {
	fn from(error: Error) -> Self {
		let message = error.to_string();
		let unavailable = |code| Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message.clone());
		match &error {
			Error::NoNode { .. } | Error::Lost { .. } => {
				let message = "The gateway has no connection to its node: try again in some seconds";
				Self::new(StatusCode::SERVICE_UNAVAILABLE, "node_unavailable", message).retry(Retry::After(5))
			}
			Error::NoSuchModel { name, known } => Self::no_model(name, known),
			Error::Input(_) | Error::Format(_) | Error::TooMany => Self::invalid("response_format", message),
			Error::NotOfTask { name } => {
				let message = format!("{name} reads one text: send one message of the role 'user', and no other");
				Self::invalid("messages", message)
			}
			Error::Refused { name, .. } => refused(name.as_deref().unwrap_or_default(), message),
			Error::Dispatch { name, .. } => dispatched(name.trim_start_matches("inference."), message),
			Error::NotTaken(_) => unavailable("transaction_refused").retry(Retry::After(6)),
			Error::Dropped(_) => unavailable("transaction_dropped"),
			Error::FellOff(_) => unavailable("job_lost").retry(Retry::Never),
			Error::OtherRuntime { .. } | Error::NotOurs { .. } | Error::Unreadable { .. } => {
				Self::new(StatusCode::BAD_GATEWAY, "node_incompatible", message).retry(Retry::Never)
			}
			_ => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "The gateway failed: see its log"),
		}
	}
}

/// What a node refuses, by its name for that.
fn refused(name: &str, message: String) -> ApiError {
	let unavailable =
		|code, message| ApiError::new(StatusCode::SERVICE_UNAVAILABLE, code, message).retry(Retry::After(6));
	match name {
		"InputEmpty" => ApiError::invalid("messages", message),
		"InputTooLong" => ApiError::new(StatusCode::BAD_REQUEST, "context_length_exceeded", message).of("messages"),
		"OutputTooLong" | "NoOutputUnits" => ApiError::invalid("max_completion_tokens", message),
		"SeatsInvalid" | "TooFewValidators" | "TooManyValidators" => ApiError::invalid("seats", message),
		"FormatInvalid" | "FormatNotOfTask" => ApiError::invalid("response_format", message),
		"Busy" => unavailable("network_busy", message),
		"Suspended" => unavailable("model_suspended", message),
		"Inactive" => unavailable("model_inactive", message).retry(Retry::After(60)),
		"Syncing" | "TooManySubscriptions" | "TooManyReceipts" => unavailable("node_busy", message),
		_ => ApiError::new(StatusCode::BAD_GATEWAY, "node_refused", message),
	}
}

/// What the chain refuses in a block, by the error's name.
fn dispatched(name: &str, message: String) -> ApiError {
	let unavailable = |code| ApiError::new(StatusCode::SERVICE_UNAVAILABLE, code, message.clone());
	match name {
		"Busy" | "TooManyJobs" => unavailable("network_busy").retry(Retry::After(6)),
		"TooManyJobsOfAccount" => {
			ApiError::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_exceeded", message).retry(Retry::After(10))
		}
		"FeeAboveLimit" => unavailable("price_changed").retry(Retry::After(3)),
		"BalanceTooLow" => {
			let message = "The gateway's account can't pay for the job: tell its operator";
			let code = "gateway_out_of_funds";
			ApiError::new(StatusCode::SERVICE_UNAVAILABLE, code, message).retry(Retry::Never)
		}
		"ModelSuspended" => unavailable("model_suspended").retry(Retry::After(60)),
		"ModelInactive" => unavailable("model_inactive").retry(Retry::After(60)),
		_ => ApiError::new(StatusCode::BAD_GATEWAY, "job_refused", message).retry(Retry::Never),
	}
}

/// Why a job that has ended has no answer.
pub fn no_answer(result: &JobResult) -> ApiError {
	let unavailable = |code, message| ApiError::new(StatusCode::SERVICE_UNAVAILABLE, code, message);
	match (result.status, result.refusal) {
		(Status::NoQuorum, _) => {
			unavailable("no_quorum", "Too few validators said the same, and what the job cost came back: try again")
		}
		(Status::Expired, _) => {
			let message = "Too few validators took part in time, and what the job cost came back: try again";
			ApiError::new(StatusCode::GATEWAY_TIMEOUT, "job_expired", message)
		}
		(Status::Cancelled, _) => {
			unavailable("job_cancelled", "The job was ended from outside, and what it cost came back: try again later")
		}
		(_, Some(refusal)) => model_refused(refusal),
		_ => ApiError::new(StatusCode::BAD_GATEWAY, "node_incompatible", "The node does not tell the answer"),
	}
}

/// The model refuses the input, and all seats agree on that: it would again, and be paid again.
fn model_refused(refusal: Refusal) -> ApiError {
	let bad = |code, message| ApiError::new(StatusCode::BAD_REQUEST, code, message);
	let error = match refusal {
		Refusal::ContextExceeded => {
			bad("context_length_exceeded", "The messages have more tokens than the model's context").of("messages")
		}
		Refusal::Template => bad(
			"invalid_messages",
			"The model's chat template can't render these messages: a system message comes first, then users and \
			 assistants take turns",
		)
		.of("messages"),
		Refusal::Format => bad("invalid_response_format", "The model can't answer in this format: see docs/formats.md")
			.of("response_format"),
		Refusal::OutputTooLong => bad("output_too_long", "The answer is longer than a job's output may be"),
		Refusal::NotFinite => bad("model_failed", "The model's arithmetic left the finite numbers on this input"),
	};
	error.retry(Retry::Never)
}

#[cfg(test)]
mod tests {
	use super::*;
	use sibyl_rpc_types::JobResult;

	fn result(status: Status, refusal: Option<Refusal>) -> JobResult {
		let open = serde_json::json!({ "id": 1, "status": "open", "answer": null, "refusal": null, "outputHash": null,
			"agreedAt": null, "support": null, "audit": null, "settled": false, "blockHash": null, "finalized": false });
		let open: JobResult = serde_json::from_value(open).expect("it is a result");
		JobResult { status, refusal, ..open }
	}

	#[test]
	fn an_error_has_the_form_that_openais_packages_read() {
		let body = ApiError::unsupported("tools", "the chain's models call none").body();
		let error = &body["error"];
		assert_eq!(error["type"], "invalid_request_error");
		assert_eq!(error["code"], "unsupported_parameter");
		assert_eq!(error["param"], "tools");
		assert!(error["message"].as_str().is_some_and(|message| message.contains("'tools'")));
	}

	#[test]
	fn what_a_job_ends_with_is_an_error_of_its_own_and_a_refusal_is_never_paid_twice() {
		let code = |status, refusal| no_answer(&result(status, refusal)).code;
		assert_eq!(code(Status::NoQuorum, None), "no_quorum");
		assert_eq!(code(Status::Expired, None), "job_expired");
		assert_eq!(code(Status::Cancelled, None), "job_cancelled");
		let refused = no_answer(&result(Status::Failed, Some(Refusal::ContextExceeded)));
		assert_eq!((refused.status.as_u16(), refused.code), (400, "context_length_exceeded"));
		assert_eq!(refused.retry, Retry::Never);
	}

	#[test]
	fn what_was_submitted_is_never_to_be_asked_again() {
		let lost = || ApiError::from(Error::Lost { url: "ws://here".into(), reason: "it broke".into() });
		assert_eq!(lost().retry, Retry::After(5));
		assert_eq!(lost().of_job(json!({ "job": 7 })).retry, Retry::Never);
		let several = lost().of_jobs(&[json!({ "job": 7 }), json!({ "job": 8 })], 3);
		assert_eq!(several.retry, Retry::Never);
		assert_eq!(several.body()["error"]["sibyl"]["jobs"][1]["job"], 8);
		assert!(several.message.contains("2 of 3 jobs"));
		assert_eq!(lost().of_jobs(&[], 3).retry, Retry::After(5), "nothing was submitted");
	}

	#[test]
	fn what_a_node_refuses_names_the_parameter() {
		let refused = |name: &str| ApiError::from(Error::Refused { message: "no".into(), name: Some(name.into()) });
		let too_long = refused("InputTooLong");
		assert_eq!((too_long.code, too_long.param.as_deref()), ("context_length_exceeded", Some("messages")));
		assert_eq!(too_long.renamed("messages", "input").param.as_deref(), Some("input"), "of an embedding");
		assert_eq!(refused("OutputTooLong").param.as_deref(), Some("max_completion_tokens"));
		assert_eq!(refused("SeatsInvalid").renamed("messages", "input").param.as_deref(), Some("seats"));
		assert_eq!((refused("Busy").status.as_u16(), refused("Busy").retry), (503, Retry::After(6)));
		let inactive = refused("Inactive");
		assert_eq!(
			(inactive.status.as_u16(), inactive.code, inactive.retry),
			(503, "model_inactive", Retry::After(60))
		);
		assert_eq!(refused("AnythingElse").status.as_u16(), 502);
	}

	#[test]
	fn the_operators_url_and_account_are_not_told_to_those_who_ask() {
		let lost = Error::Lost { url: "ws://10.0.0.7:9944".into(), reason: "it broke".into() };
		let error = ApiError::from(lost);
		assert_eq!((error.status.as_u16(), error.code), (503, "node_unavailable"));
		assert!(!error.message.contains("10.0.0.7"));
		let broken = ApiError::from(Error::File { path: "/root/secret".into(), source: std::io::Error::other("no") });
		assert!(!broken.message.contains("secret"));
	}
}
