//! What a model reads, as JSON.

use serde::{Deserialize, Serialize};
use sibyl_primitives::input::{Input as ChainInput, Message as ChainMessage, Role as ChainRole};

/// What a model reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Input {
	/// A text; a model that generates finds it in its own chat template, as a message of a user.
	Text(String),
	/// The beginning of a text that the model continues.
	Raw(String),
	/// A conversation, in the model's own chat template.
	Messages(Vec<Message>),
}

/// What somebody says in a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
	/// `system`, `user` or `assistant`.
	pub role: Role,
	/// What is said.
	pub text: String,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Role {
	/// Whoever sets the rules of the conversation.
	System,
	/// Whoever asks.
	User,
	/// The model.
	Assistant,
}

impl From<ChainInput> for Input {
	fn from(input: ChainInput) -> Self {
		// The chain takes UTF-8 alone.
		let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
		match input {
			ChainInput::Text(bytes) => Self::Text(text(bytes)),
			ChainInput::Raw(bytes) => Self::Raw(text(bytes)),
			ChainInput::Messages(messages) => {
				let message = |said: ChainMessage| Message { role: said.role.into(), text: text(said.text) };
				Self::Messages(messages.into_iter().map(message).collect())
			}
		}
	}
}

impl From<ChainRole> for Role {
	fn from(role: ChainRole) -> Self {
		match role {
			ChainRole::System => Self::System,
			ChainRole::User => Self::User,
			ChainRole::Assistant => Self::Assistant,
		}
	}
}
