//! What form the answer has: OpenAI's `response_format` and `stop`, and the chain's other formats.

use crate::{format::parse_range, gateway::error::ApiError};
use serde::Deserialize;
use serde_json::value::RawValue;
use sibyl_engine::{check_format, Format};

const RESPONSE_FORMAT: &str = "response_format";

/// `response_format`, whose `type` says which of the others it needs.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResponseFormat {
	r#type: String,
	json_schema: Option<JsonSchema>,
	choices: Option<Vec<String>>,
	min: Option<Box<RawValue>>,
	max: Option<Box<RawValue>>,
	pattern: Option<String>,
}

/// OpenAI's frame of a schema. Its name and description are for people; a schema here is always strict.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonSchema {
	#[serde(rename = "name")]
	_name: Option<String>,
	#[serde(rename = "description")]
	_description: Option<String>,
	#[serde(rename = "strict")]
	_strict: Option<bool>,
	schema: Option<Box<RawValue>>,
}

/// `stop`: a text or a list of them.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Stop {
	/// One.
	One(String),
	/// Several.
	Several(Vec<String>),
}

/// The format of an answer, which the engine can serve.
pub fn format(response_format: Option<ResponseFormat>, stop: Option<Stop>) -> Result<Format, ApiError> {
	let stops = match stop {
		None => Vec::new(),
		Some(Stop::One(stop)) => vec![stop],
		Some(Stop::Several(stops)) => stops,
	};
	let format = match response_format.map(of).transpose()?.flatten() {
		Some(_) if !stops.is_empty() => {
			return Err(ApiError::unsupported("stop", "an answer with a 'response_format' ends where the format does"));
		}
		Some(format) => format,
		None => Format::Text { stops },
	};
	let param = if matches!(format, Format::Text { .. }) { "stop" } else { RESPONSE_FORMAT };
	let wrong = |error| ApiError::invalid(param, format!("No answer can have this format: {error}"));
	check_format(&format).map_err(wrong)?;
	Ok(format)
}

/// The format; none of plain text.
fn of(asked: ResponseFormat) -> Result<Option<Format>, ApiError> {
	let ResponseFormat { r#type, json_schema, choices, min, max, pattern } = asked;
	let format = match (r#type.as_str(), json_schema, choices, (min, max), pattern) {
		("text", None, None, (None, None), None) => return Ok(None),
		("json_schema", Some(JsonSchema { schema: Some(schema), .. }), None, (None, None), None) => {
			Format::Json(without_space(schema.get()))
		}
		("choice", None, Some(choices), (None, None), None) => Format::Choice(choices),
		("number", None, None, (Some(min), Some(max)), None) => {
			let range = parse_range(&format!("{}..{}", min.get(), max.get()));
			let wrong = |_| {
				let message = "'min' and 'max' are to be numbers such as 0 and 100, or -1.50 and 1.50";
				ApiError::invalid(RESPONSE_FORMAT, message)
			};
			range.map_err(wrong)?
		}
		("regex", None, None, (None, None), Some(pattern)) => Format::Regex(pattern),
		("json_object", ..) => {
			let why = "the chain's formats know no object of just any form: give a 'json_schema'";
			return Err(ApiError::unsupported(RESPONSE_FORMAT, why));
		}
		_ => {
			let message =
				"'response_format' is to be {\"type\": \"text\"}, {\"type\": \"json_schema\", \"json_schema\": \
				{\"schema\": …}}, {\"type\": \"choice\", \"choices\": […]}, {\"type\": \"number\", \"min\": …, \"max\": …} or \
				{\"type\": \"regex\", \"pattern\": …}";
			return Err(ApiError::invalid(RESPONSE_FORMAT, message));
		}
	};
	Ok(Some(format))
}

/// JSON without white space between its parts: its bytes are paid for.
fn without_space(json: &str) -> String {
	let (mut is_text, mut is_escaped) = (false, false);
	let keep = |sign: &char| {
		let kept = is_text || !sign.is_ascii_whitespace();
		match (is_escaped, *sign) {
			(true, _) => is_escaped = false,
			(false, '\\') => is_escaped = true,
			(false, '"') => is_text = !is_text,
			_ => {}
		}
		kept
	};
	json.chars().filter(keep).collect()
}

#[cfg(test)]
mod tests {
	use super::*;

	fn read(response_format: &str, stop: Option<&str>) -> Result<Format, ApiError> {
		let response_format = (!response_format.is_empty())
			.then(|| serde_json::from_str(response_format).expect("it has the form of one"));
		format(response_format, stop.map(|stop| serde_json::from_str(stop).expect("it is one")))
	}

	#[test]
	fn stops_are_one_text_or_up_to_four() {
		let stops = |stops: &[&str]| Format::Text { stops: stops.iter().map(|stop| stop.to_string()).collect() };
		assert_eq!(read("", None).expect("text"), stops(&[]));
		assert_eq!(read("", Some("\"a\"")).expect("text"), stops(&["a"]));
		assert_eq!(read(r#"{"type":"text"}"#, Some(r#"["a","b"]"#)).expect("text"), stops(&["a", "b"]));
		for wrong in [r#"["a","b","c","d","e"]"#, r#"[""]"#] {
			assert_eq!(read("", Some(wrong)).expect_err(wrong).param.as_deref(), Some("stop"));
		}
	}

	#[test]
	fn a_schema_is_the_chains_with_its_properties_in_their_order_and_without_white_space() {
		let asked = r#"{"type":"json_schema","json_schema":{"name":"city","strict":true,"schema":
			{ "type": "object", "properties": { "z \" y": { "type": "null" }, "a": { "type": "boolean" } } }}}"#;
		let schema = r#"{"type":"object","properties":{"z \" y":{"type":"null"},"a":{"type":"boolean"}}}"#;
		assert_eq!(read(asked, None).expect("a schema"), Format::Json(schema.into()));
	}

	#[test]
	fn the_chains_own_formats_are_there_too() {
		let choice = read(r#"{"type":"choice","choices":["yes","no"]}"#, None).expect("choices");
		assert_eq!(choice, Format::Choice(vec!["yes".into(), "no".into()]));
		let number = read(r#"{"type":"number","min":-0.5,"max":10}"#, None).expect("a number");
		assert_eq!(number, Format::Number { min: -5, max: 100, decimals: 1 });
		let regex = read(r#"{"type":"regex","pattern":"[0-9]{4}"}"#, None).expect("a pattern");
		assert_eq!(regex, Format::Regex("[0-9]{4}".into()));
	}

	#[test]
	fn what_no_answer_can_be_of_is_refused_before_it_is_paid_for() {
		let wrong = [
			r#"{"type":"choice","choices":["yes"]}"#,
			r#"{"type":"choice"}"#,
			r#"{"type":"text","choices":["yes","no"]}"#,
			r#"{"type":"number","min":1,"max":0}"#,
			r#"{"type":"number","min":"a","max":1e3}"#,
			r#"{"type":"regex","pattern":"(?=a)"}"#,
			r#"{"type":"json_schema","json_schema":{"schema":{"$ref":"a"}}}"#,
			r#"{"type":"json_schema","json_schema":{"name":"a"}}"#,
			r#"{"type":"grammar"}"#,
		];
		for asked in wrong {
			assert_eq!(read(asked, None).expect_err(asked).param.as_deref(), Some(RESPONSE_FORMAT));
		}
		let object = read(r#"{"type":"json_object"}"#, None).expect_err("it is of no form");
		assert_eq!((object.code, object.param.as_deref()), ("unsupported_parameter", Some(RESPONSE_FORMAT)));
		let both = read(r#"{"type":"choice","choices":["yes","no"]}"#, Some("\"a\"")).expect_err("it stops by itself");
		assert_eq!(both.param.as_deref(), Some("stop"));
	}
}
