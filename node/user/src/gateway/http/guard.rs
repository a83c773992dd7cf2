//! Who and what is let in.

use crate::gateway::{
	cors::Origins,
	error::{ApiError, Retry},
	keys::{Holder, Keys},
	ledger::anyone,
};
use http_body_util::BodyExt;
use hyper::{
	body::{Body, Bytes},
	header::{HeaderName, AUTHORIZATION, CONTENT_TYPE, HOST, ORIGIN},
	HeaderMap, StatusCode,
};
use std::{net::IpAddr, sync::Arc, time::Duration};

/// Bytes of a body: the longest inputs of as many embeddings as a request may have, escaped.
const MAX_BODY: usize = 1024 * 1024;
/// Bytes of a body that are read before it is refused as too large: who still writes when the connection is closed does not
/// hear why.
const MAX_DISCARDED: usize = 4 * MAX_BODY;
/// In which a body has to come.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Lets in who has a key; without keys, programs on this machine but no page of another site in a browser on it.
pub struct Guard {
	keys: Option<Keys>,
	origins: Origins,
}

impl Guard {
	/// Lets in who has one of these keys, and pages of these other sites.
	pub fn new(keys: Option<Keys>, origins: Origins) -> Self {
		Self { keys, origins }
	}

	/// Who asks.
	pub fn admit(&self, headers: &HeaderMap) -> Result<Arc<Holder>, ApiError> {
		let Some(keys) = &self.keys else {
			only_this_machine(headers, &self.origins)?;
			return Ok(Arc::new(anyone()));
		};
		let unauthorized = |message| ApiError::new(StatusCode::UNAUTHORIZED, "invalid_api_key", message);
		let Some(authorization) = headers.get(AUTHORIZATION) else {
			return Err(unauthorized("An API key is needed: send it as 'Authorization: Bearer KEY'"));
		};
		let holder = keys.holder(authorization.as_bytes());
		holder.ok_or_else(|| unauthorized("Incorrect API key provided: ask the gateway's operator for one"))
	}
}

/// A page of another site can send requests to this machine, by a name of its own that it turns to this address, too. It can
/// hide neither that name nor where it is from.
fn only_this_machine(headers: &HeaderMap, origins: &Origins) -> Result<(), ApiError> {
	let forbidden = |code, message: &str| Err(ApiError::new(StatusCode::FORBIDDEN, code, message));
	if headers.keys().any(is_of_a_proxy) {
		return forbidden(
			"proxy_not_allowed",
			"Without API keys the gateway answers this machine alone, and a proxy brings others: its operator has to give --keys",
		);
	}
	let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
	if !is_this_machine(host) {
		return forbidden("host_not_allowed", "Without API keys the gateway answers to 127.0.0.1 and localhost alone");
	}
	match headers.get(ORIGIN) {
		Some(origin) if origin.as_bytes() != format!("http://{host}").as_bytes() && !origins.have(origin) => {
			forbidden("origin_not_allowed", "Without API keys the gateway answers no page of another site")
		}
		_ => Ok(()),
	}
}

/// Whether a proxy says by this header that it passes on what somebody else asks.
fn is_of_a_proxy(name: &HeaderName) -> bool {
	let name = name.as_str();
	matches!(name, "forwarded" | "via" | "x-real-ip") || name.starts_with("x-forwarded-")
}

fn is_this_machine(host: &str) -> bool {
	let name = match host.rsplit_once(':') {
		Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
		_ => host,
	};
	let name = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
	name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// The body of a request, which is JSON: a page of another site can't say so without being asked first.
pub async fn body<B>(headers: &HeaderMap, body: B) -> Result<Bytes, ApiError>
where
	B: Body<Data = Bytes>,
{
	let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
	let kind = kind.split(';').next().unwrap_or_default().trim();
	if !kind.eq_ignore_ascii_case("application/json") {
		let message = "The body is to be JSON: send 'Content-Type: application/json'";
		return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message));
	}
	collect(body, BODY_TIMEOUT).await
}

async fn collect<B>(body: B, patience: Duration) -> Result<Bytes, ApiError>
where
	B: Body<Data = Bytes>,
{
	let too_large = || {
		let message = format!("The body has more than {MAX_BODY} bytes");
		ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", message)
	};
	if body.size_hint().lower() > MAX_DISCARDED as u64 {
		return Err(too_large());
	}
	let read = async {
		let mut body = std::pin::pin!(body);
		let (mut kept, mut length) = (Vec::new(), 0);
		while let Some(frame) = body.frame().await {
			let broken = |_| ApiError::new(StatusCode::BAD_REQUEST, "invalid_body", "The body did not come whole");
			let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
			length += data.len();
			if length > MAX_DISCARDED {
				break;
			}
			if length <= MAX_BODY {
				kept.extend_from_slice(&data);
			}
		}
		if length > MAX_BODY {
			return Err(too_large());
		}
		Ok(Bytes::from(kept))
	};
	tokio::time::timeout(patience, read).await.unwrap_or_else(|_| {
		let error = ApiError::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", "The body did not come in time");
		Err(error.retry(Retry::Never))
	})
}

#[cfg(test)]
mod tests {
	use super::*;
	use http_body_util::{Full, StreamBody};
	use hyper::{body::Frame, header::HeaderValue};

	fn headers(pairs: &[(hyper::header::HeaderName, &str)]) -> HeaderMap {
		let pairs = pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).expect("ASCII")));
		pairs.collect()
	}

	fn keys() -> Keys {
		let file = tempfile::NamedTempFile::new().expect("there is room");
		std::fs::write(file.path(), "web sk-0123456789abcdef0123").expect("there is room");
		Keys::read(file.path()).expect("a key")
	}

	#[test]
	fn with_keys_who_has_none_should_be_told_so() {
		let guard = Guard::new(Some(keys()), Origins::default());
		let admit = |key: &str| guard.admit(&headers(&[(AUTHORIZATION, key)]));
		assert_eq!(admit("Bearer sk-0123456789abcdef0123").expect("it is there").name, "web");
		for wrong in ["Bearer sk-wrong", "sk-0123456789abcdef0123"] {
			let error = admit(wrong).expect_err(wrong);
			assert_eq!((error.status.as_u16(), error.code), (401, "invalid_api_key"));
		}
		assert_eq!(guard.admit(&HeaderMap::new()).expect_err("there is none").status.as_u16(), 401);
	}

	#[test]
	fn without_keys_no_page_of_another_site_should_be_let_in() {
		let guard = Guard::new(None, Origins::default());
		let admit = |host: &str, origin: Option<&str>| {
			let origin = origin.map(|origin| (ORIGIN, origin));
			guard.admit(&headers(&[Some((HOST, host)), origin].into_iter().flatten().collect::<Vec<_>>()))
		};
		for host in ["127.0.0.1:8080", "localhost", "LOCALHOST:1", "[::1]:8080", "127.1.2.3"] {
			admit(host, None).expect(host);
		}
		admit("127.0.0.1:8080", Some("http://127.0.0.1:8080")).expect("the console's own page");
		for host in
			["evil.example", "evil.example:8080", "10.0.0.1", "", "localhost.evil.example", "127.0.0.1.evil.example"]
		{
			assert_eq!(admit(host, None).expect_err(host).code, "host_not_allowed");
		}
		for origin in ["http://evil.example", "null", "http://127.0.0.1:8081", "https://127.0.0.1:8080"] {
			assert_eq!(admit("127.0.0.1:8080", Some(origin)).expect_err(origin).code, "origin_not_allowed");
		}
	}

	#[test]
	fn without_keys_a_page_that_the_operator_names_should_be_let_in_by_this_machine_s_name() {
		let guard = Guard::new(None, Origins::new(&["https://page.example".into()]));
		let admit = |host: &str, origin: &str| guard.admit(&headers(&[(HOST, host), (ORIGIN, origin)]));
		admit("127.0.0.1:8080", "https://page.example").expect("it is named");
		assert_eq!(admit("127.0.0.1:8080", "https://evil.example").expect_err("another").code, "origin_not_allowed");
		assert_eq!(admit("page.example", "https://page.example").expect_err("its own name").code, "host_not_allowed");
	}

	#[test]
	fn without_keys_nothing_should_be_let_in_that_a_proxy_passes_on() {
		let passed_on = [
			("forwarded", "for=203.0.113.9"),
			("x-forwarded-for", "203.0.113.9"),
			("x-forwarded-proto", "https"),
			("x-real-ip", "203.0.113.9"),
			("via", "1.1 caddy"),
		];
		for (name, value) in passed_on {
			let own = [(AUTHORIZATION, "Bearer sk-0123456789abcdef0123"), (HOST, "127.0.0.1:8080")];
			let sent = own.into_iter().chain([(HeaderName::from_static(name), value)]).collect::<Vec<_>>();
			let error = Guard::new(None, Origins::default()).admit(&headers(&sent)).expect_err(name);
			assert_eq!((error.status.as_u16(), error.code), (403, "proxy_not_allowed"));
			Guard::new(Some(keys()), Origins::default()).admit(&headers(&sent)).expect("a key is enough");
		}
	}

	#[tokio::test]
	async fn a_body_should_be_json_and_within_its_bound() {
		let json = headers(&[(CONTENT_TYPE, "application/json; charset=utf-8")]);
		let read = body(&json, Full::new(Bytes::from("{}"))).await;
		assert_eq!(read.expect("it is JSON"), "{}");
		for kind in ["text/plain", "application/x-www-form-urlencoded", ""] {
			let other = body(&headers(&[(CONTENT_TYPE, kind)]), Full::new(Bytes::from("{}"))).await;
			assert_eq!(other.expect_err(kind).status.as_u16(), 415);
		}
		let large = body(&json, Full::new(Bytes::from(vec![b' '; MAX_BODY + 1]))).await;
		assert_eq!(large.expect_err("it is too large").status.as_u16(), 413);
		let parts = std::iter::repeat_n(vec![b' '; 1024], MAX_BODY / 1024 + 1);
		let parts = futures::stream::iter(parts.map(|part| Ok::<_, std::io::Error>(Frame::data(Bytes::from(part)))));
		let unsaid = body(&json, StreamBody::new(parts)).await;
		assert_eq!(unsaid.expect_err("it is too large").status.as_u16(), 413);
		let broken = futures::stream::iter([Err::<Frame<Bytes>, _>(std::io::Error::other("gone"))]);
		assert_eq!(body(&json, StreamBody::new(broken)).await.expect_err("it broke").code, "invalid_body");
	}

	#[tokio::test]
	async fn a_body_that_is_too_large_should_be_read_to_its_end_and_not_for_ever() {
		for (mebibytes, read) in [(3, 3), (100, 5)] {
			let taken = std::cell::Cell::new(0);
			let parts = (0..mebibytes).map(|_| {
				taken.set(taken.get() + 1);
				Ok::<_, std::io::Error>(Frame::data(Bytes::from(vec![b' '; MAX_BODY])))
			});
			let error = collect(StreamBody::new(futures::stream::iter(parts)), BODY_TIMEOUT)
				.await
				.expect_err("it is too large");
			assert_eq!((error.status.as_u16(), taken.get()), (413, read));
		}
	}

	#[tokio::test]
	async fn a_body_that_does_not_come_should_be_waited_for_no_longer() {
		let never = StreamBody::new(futures::stream::pending::<Result<Frame<Bytes>, std::io::Error>>());
		let error = collect(never, Duration::ZERO).await.expect_err("it never comes");
		assert_eq!(error.status.as_u16(), 408);
	}
}
