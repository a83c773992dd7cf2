//! A request's parameters, each of which is read, harmless, or refused.

use crate::gateway::error::ApiError;
use hyper::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use sibyl_primitives::job::Seats;
use std::collections::BTreeMap;

/// What a request's body says. A parameter that is null is as if it were not there.
pub struct Params(BTreeMap<String, Box<RawValue>>);

impl Params {
	/// Reads a body.
	pub fn parse(body: &[u8]) -> Result<Self, ApiError> {
		let wrong = |error: serde_json::Error| {
			let message = format!("The body can't be read as a JSON object: {error}");
			ApiError::new(StatusCode::BAD_REQUEST, "invalid_json", message)
		};
		let mut params: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(body).map_err(wrong)?;
		params.retain(|_, value| value.get() != "null");
		Ok(Self(params))
	}

	/// A parameter, or none where it is not there.
	pub fn take<T: DeserializeOwned>(&mut self, name: &str, expected: &str) -> Result<Option<T>, ApiError> {
		let Some(value) = self.0.remove(name) else { return Ok(None) };
		let wrong = |error| ApiError::invalid(name, format!("'{name}' is to be {expected}: {error}"));
		serde_json::from_str(value.get()).map(Some).map_err(wrong)
	}

	/// A parameter that must be there.
	pub fn need<T: DeserializeOwned>(&mut self, name: &str, expected: &str) -> Result<T, ApiError> {
		let missing = || {
			let message = format!("'{name}' is missing: it is to be {expected}");
			ApiError::new(StatusCode::BAD_REQUEST, "missing_required_parameter", message).of(name)
		};
		self.take(name, expected)?.ok_or_else(missing)
	}

	/// A parameter of which but one value is served.
	pub fn only<T: DeserializeOwned + PartialEq>(&mut self, name: &str, one: T, why: &str) -> Result<(), ApiError> {
		let Some(value) = self.0.remove(name) else { return Ok(()) };
		match serde_json::from_str::<T>(value.get()) {
			Ok(value) if value == one => Ok(()),
			_ => Err(ApiError::unsupported(name, why)),
		}
	}

	/// How many validators answer: an addition to OpenAI's parameters.
	pub fn take_seats(&mut self) -> Result<Option<Seats>, ApiError> {
		let expected = "an odd number of validators from 1 to 15, or \"all\"";
		let Some(value) = self.take::<serde_json::Value>("seats", expected)? else { return Ok(None) };
		match (value.as_str(), value.as_u64()) {
			(Some("all"), _) => Ok(Some(Seats::All)),
			(_, Some(count @ (1 | 3 | 5 | 7 | 9 | 11 | 13 | 15))) => Ok(Some(Seats::Fixed(count as u16))),
			_ => Err(ApiError::invalid("seats", format!("'seats' is to be {expected}"))),
		}
	}

	/// Whether an answer may be taken that was agreed on before: an addition to OpenAI's parameters.
	pub fn take_reuse(&mut self) -> Result<bool, ApiError> {
		Ok(self.take("reuse", "true or false")?.unwrap_or(false))
	}

	/// Refuses what is left, but for what changes no answer.
	pub fn finish(self, harmless: &[&str]) -> Result<(), ApiError> {
		match self.0.into_keys().find(|name| !harmless.contains(&name.as_str())) {
			Some(name) => Err(ApiError::unsupported(crate::show::printable(&name), "leave it out")),
			None => Ok(()),
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn params(body: &str) -> Params {
		Params::parse(body.as_bytes()).expect("it is an object")
	}

	#[test]
	fn what_is_null_is_not_there_and_what_nobody_reads_is_refused_by_its_name() {
		let left = params(r#"{"tools":null,"user":"ada"}"#);
		left.finish(&["user"]).expect("it changes nothing");
		let error = params(r#"{"tools":[]}"#).finish(&["user"]).expect_err("nobody read it");
		assert_eq!((error.code, error.param.as_deref()), ("unsupported_parameter", Some("tools")));
	}

	#[test]
	fn a_body_that_is_no_object_is_refused() {
		for body in ["", "[]", "{", "7", "\"a\""] {
			assert_eq!(Params::parse(body.as_bytes()).err().map(|error| error.code), Some("invalid_json"), "{body}");
		}
	}

	#[test]
	fn seats_are_odd_or_all() {
		let seats = |value: &str| params(&format!(r#"{{"seats":{value}}}"#)).take_seats();
		assert!(matches!(seats("3"), Ok(Some(Seats::Fixed(3)))));
		assert!(matches!(seats("\"all\""), Ok(Some(Seats::All))));
		for wrong in ["2", "17", "0", "-1", "1.5", "\"3\"", "[]"] {
			assert_eq!(seats(wrong).expect_err(wrong).param.as_deref(), Some("seats"));
		}
	}
}
