//! Pages of other sites that may ask from a browser: those that the operator names, and none otherwise.

use super::http::{respond, Response};
use hyper::{
	header::{
		HeaderMap, HeaderValue, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
		ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
		ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
	},
	Method, StatusCode,
};

/// Seconds that a browser remembers what it may send.
const MAX_AGE: u32 = 600;
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST");
/// What a page may read beside the body.
const EXPOSED: HeaderValue = HeaderValue::from_static(
	"x-request-id, x-should-retry, retry-after, x-sibyl-job, x-sibyl-fingerprint, x-sibyl-block, x-sibyl-block-number, \
	 x-sibyl-price, x-sibyl-receipt",
);

/// The origins whose pages may ask.
#[derive(Clone, Debug, Default)]
pub struct Origins(Vec<HeaderValue>);

/// An origin, as a command line has it.
pub fn parse_origin(text: &str) -> Result<String, String> {
	let expected =
		|| "expected http:// or https://, a host, and a port where there is one, as a browser says it".into();
	let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).ok_or_else(expected)?;
	let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-:[]".contains(&byte);
	match !host.is_empty() && host.bytes().all(is_part) {
		true => Ok(text.into()),
		false => Err(expected()),
	}
}

impl Origins {
	/// These, each of which was parsed.
	pub fn new(origins: &[String]) -> Self {
		Self(origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect())
	}

	/// Whether a page from there may ask.
	pub fn have(&self, origin: &HeaderValue) -> bool {
		self.0.contains(origin)
	}

	/// The origin of a request, where its page may ask.
	pub fn of(&self, headers: &HeaderMap) -> Option<HeaderValue> {
		headers.get(ORIGIN).filter(|origin| self.have(origin)).cloned()
	}

	/// What a browser is told that asks whether a page may ask.
	pub fn preflight(&self, method: &Method, headers: &HeaderMap) -> Option<Response> {
		if method != Method::OPTIONS || !headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
			return None;
		}
		self.of(headers)?;
		let mut allowed = HeaderMap::new();
		allowed.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
		// A key decides who may ask, and other headers change nothing.
		if let Some(names) = headers.get(ACCESS_CONTROL_REQUEST_HEADERS) {
			allowed.insert(ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
		}
		allowed.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE.into());
		Some(respond(StatusCode::NO_CONTENT, allowed, ""))
	}

	/// Lets the page of a request read a response; a cache keeps it for no other.
	pub fn admit(&self, origin: Option<HeaderValue>, response: &mut Response) {
		if self.0.is_empty() {
			return;
		}
		let headers = response.headers_mut();
		headers.append(VARY, ORIGIN.into());
		if let Some(origin) = origin {
			headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
			headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use hyper::header::HeaderName;

	const PAGE: &str = "https://page.example";

	fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
		pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
	}

	fn asking(origin: &'static str) -> HeaderMap {
		headers(&[
			(ORIGIN, origin),
			(ACCESS_CONTROL_REQUEST_METHOD, "POST"),
			(ACCESS_CONTROL_REQUEST_HEADERS, "authorization,content-type"),
		])
	}

	fn answer(origins: &Origins, request: &HeaderMap) -> HeaderMap {
		let mut response = respond(StatusCode::OK, HeaderMap::new(), "");
		origins.admit(origins.of(request), &mut response);
		response.headers().clone()
	}

	#[test]
	fn a_named_page_should_be_let_ask_and_read() {
		let origins = Origins::new(&[PAGE.into()]);
		let allowed = origins.preflight(&Method::OPTIONS, &asking(PAGE)).expect("it may ask");
		assert_eq!(allowed.status(), StatusCode::NO_CONTENT);
		assert_eq!(allowed.headers()[ACCESS_CONTROL_ALLOW_HEADERS], "authorization,content-type");
		let read = answer(&origins, &headers(&[(ORIGIN, PAGE)]));
		assert_eq!(
			(&read[ACCESS_CONTROL_ALLOW_ORIGIN], &read[VARY]),
			(&PAGE.parse().expect("ASCII"), &"origin".parse().expect("ASCII"))
		);
	}

	#[test]
	fn no_other_page_should_be() {
		let origins = Origins::new(&[PAGE.into()]);
		for other in ["https://evil.example", "http://page.example", "https://page.example:444", "null"] {
			assert!(origins.preflight(&Method::OPTIONS, &asking(other)).is_none(), "{other}");
			assert!(!answer(&origins, &asking(other)).contains_key(ACCESS_CONTROL_ALLOW_ORIGIN), "{other}");
		}
		let none = Origins::default();
		assert!(none.preflight(&Method::OPTIONS, &asking(PAGE)).is_none());
		assert!(!answer(&none, &asking(PAGE)).contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
		assert!(origins.preflight(&Method::POST, &asking(PAGE)).is_none(), "this is the request itself");
	}

	#[test]
	fn an_origin_should_be_one_as_browsers_say_it() {
		for origin in [PAGE, "http://localhost:3000", "http://[::1]:8080"] {
			assert_eq!(parse_origin(origin).as_deref(), Ok(origin));
		}
		for wrong in ["*", "page.example", "https://page.example/", "https://Page.example", "https://", "null", ""] {
			assert!(parse_origin(wrong).is_err(), "{wrong}");
		}
	}
}
