//! HTTP: the server, what it lets in, and what it sends.

mod guard;
mod patient;
mod server;
mod waiting;

pub use guard::{body, Guard};
pub use server::{serve, Shutdown};

use super::error::{ApiError, Retry};
use futures::{channel::mpsc::Receiver, StreamExt};
use http_body_util::{combinators::UnsyncBoxBody, BodyExt, Full, StreamBody};
use hyper::{
	body::{Bytes, Frame},
	header::{
		HeaderName, HeaderValue, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
	},
	HeaderMap, StatusCode,
};
use serde_json::Value;
use std::convert::Infallible;

/// What is sent.
pub type Response = hyper::Response<UnsyncBoxBody<Bytes, Infallible>>;

/// By which OpenAI's packages know whether to send a request again.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// A response of these bytes.
pub fn respond(status: StatusCode, headers: HeaderMap, body: impl Into<Bytes>) -> Response {
	frame(status, headers, Full::new(body.into()).boxed_unsync())
}

/// A response of this JSON.
pub fn json(status: StatusCode, mut headers: HeaderMap, body: &Value) -> Response {
	headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
	headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
	respond(status, headers, body.to_string())
}

/// A response whose parts come one after another, as server-sent events.
pub fn events(mut headers: HeaderMap, parts: Receiver<Bytes>) -> Response {
	headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
	headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
	// A proxy that gathers parts would keep progress back.
	headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
	let body = StreamBody::new(parts.map(|part| Ok(Frame::data(part)))).boxed_unsync();
	frame(StatusCode::OK, headers, body)
}

/// A response that says what is wrong.
pub fn error(error: &ApiError) -> Response {
	let mut headers = HeaderMap::new();
	match error.retry {
		Retry::Usual => {}
		Retry::After(seconds) => drop(headers.insert(RETRY_AFTER, seconds.into())),
		Retry::Never => drop(headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"))),
	}
	if error.status == StatusCode::UNAUTHORIZED {
		headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
	}
	json(error.status, headers, &error.body())
}

fn frame(status: StatusCode, mut headers: HeaderMap, body: UnsyncBoxBody<Bytes, Infallible>) -> Response {
	headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
	let mut response = hyper::Response::new(body);
	*response.status_mut() = status;
	*response.headers_mut() = headers;
	response
}
