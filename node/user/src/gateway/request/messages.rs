//! A conversation, as OpenAI has it.

use crate::gateway::error::ApiError;
use serde::Deserialize;
use serde_json::{Map, Value};
use sibyl_engine::{Input, Role};

/// Between the parts of a message.
const BETWEEN: &str = "\n";
/// What a message of an answer has beside its text, and who goes on with the conversation sends back.
const ECHOED: [&str; 5] = ["refusal", "annotations", "audio", "function_call", "tool_calls"];

#[derive(Deserialize)]
struct Message {
	role: String,
	content: Value,
	#[serde(flatten)]
	rest: Map<String, Value>,
}

/// What a model reads: a text where one user says one thing, which is cheaper than a conversation of one message and means
/// the same.
pub fn input(messages: Vec<Value>) -> Result<Input, ApiError> {
	let mut said = Vec::new();
	for (at, message) in messages.into_iter().enumerate() {
		said.push(read(at, message)?);
	}
	match &said[..] {
		[] => Err(ApiError::invalid("messages", "'messages' is to have one message at least")),
		[(Role::User, text)] => Ok(Input::Text(text.clone())),
		_ => Ok(Input::Messages(said)),
	}
}

fn read(at: usize, message: Value) -> Result<(Role, Vec<u8>), ApiError> {
	let place = format!("messages[{at}]");
	let wrong = |error| ApiError::invalid(&place, format!("'{place}' is to have a 'role' and a 'content': {error}"));
	let Message { role, content, rest } = serde_json::from_value(message).map_err(wrong)?;
	let role = match role.as_str() {
		"system" | "developer" => Role::System,
		"user" => Role::User,
		"assistant" => Role::Assistant,
		_ => {
			let why = "the roles are system, developer, user and assistant; the chain's models call no tools";
			return Err(ApiError::unsupported(format!("{place}.role"), why));
		}
	};
	let is_nothing = |value: &Value| value.is_null() || value.as_array().is_some_and(Vec::is_empty);
	if let Some((name, _)) =
		rest.iter().find(|(name, value)| !(value.is_null() || ECHOED.contains(&name.as_str()) && is_nothing(value)))
	{
		return Err(ApiError::unsupported(format!("{place}.{}", crate::show::printable(name)), "leave it out"));
	}
	let text = text(&format!("{place}.content"), content)?;
	match text.is_empty() {
		true => Err(ApiError::invalid(format!("{place}.content"), "A message is to have some text")),
		false => Ok((role, text.into_bytes())),
	}
}

/// A text, or its parts.
fn text(place: &str, content: Value) -> Result<String, ApiError> {
	let parts = match content {
		Value::String(text) => return Ok(text),
		Value::Array(parts) => parts,
		_ => return Err(ApiError::invalid(place, format!("'{place}' is to be a text, or parts of the type 'text'"))),
	};
	let mut texts = Vec::new();
	for (at, part) in parts.into_iter().enumerate() {
		match (part["type"].as_str(), part["text"].as_str()) {
			(Some("text"), Some(text)) => texts.push(text.to_string()),
			(Some("text"), None) => {
				return Err(ApiError::invalid(format!("{place}[{at}].text"), "A part is to have a text"));
			}
			_ => {
				return Err(ApiError::unsupported(format!("{place}[{at}].type"), "the chain's models read text alone"))
			}
		}
	}
	Ok(texts.join(BETWEEN))
}

#[cfg(test)]
mod tests {
	use super::*;
	use serde_json::json;

	fn read(messages: Value) -> Result<Input, ApiError> {
		input(serde_json::from_value(messages).expect("they are a list"))
	}

	#[test]
	fn one_message_of_a_user_is_a_text_and_more_are_a_conversation() {
		let one = read(json!([{ "role": "user", "content": "Hello" }]));
		assert_eq!(one.expect("a text"), Input::from("Hello"));
		let more = read(json!([
			{ "role": "developer", "content": "Be short." },
			{ "role": "user", "content": [{ "type": "text", "text": "a" }, { "type": "text", "text": "b" }] },
			{ "role": "assistant", "content": "c", "refusal": null, "annotations": [], "tool_calls": [] },
		]));
		let said = [(Role::System, "Be short."), (Role::User, "a\nb"), (Role::Assistant, "c")];
		let said = said.map(|(role, text)| (role, text.as_bytes().to_vec())).to_vec();
		assert_eq!(more.expect("a conversation"), Input::Messages(said));
		let system = read(json!([{ "role": "system", "content": "a" }]));
		assert!(matches!(system, Ok(Input::Messages(_))), "it is no user's text");
	}

	#[test]
	fn what_no_model_reads_is_refused_where_it_stands() {
		let cases = [
			(json!([{ "role": "tool", "content": "a" }]), "messages[0].role"),
			(
				json!([{ "role": "user", "content": [{ "type": "image_url", "image_url": {} }] }]),
				"messages[0].content[0].type",
			),
			(json!([{ "role": "user", "content": "a", "name": "ada" }]), "messages[0].name"),
			(json!([{ "role": "assistant", "content": "a", "tool_calls": [{}] }]), "messages[0].tool_calls"),
		];
		for (messages, param) in cases {
			let error = read(messages).expect_err(param);
			assert_eq!((error.code, error.param.as_deref()), ("unsupported_parameter", Some(param)));
		}
		let cases = [
			(json!([]), "messages"),
			(json!(["hello"]), "messages[0]"),
			(json!([{ "role": "user" }]), "messages[0]"),
			(json!([{ "role": "user", "content": "" }]), "messages[0].content"),
			(json!([{ "role": "user", "content": 7 }]), "messages[0].content"),
			(json!([{ "role": "user", "content": [] }]), "messages[0].content"),
		];
		for (messages, param) in cases {
			assert_eq!(read(messages).expect_err(param).param.as_deref(), Some(param));
		}
	}
}
