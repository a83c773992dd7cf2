//! What a model reads.

use super::{Refusal, Request};
use crate::chat::Message;
use crate::Role;

/// What a model reads, UTF-8 all of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Input {
	/// A text. For a model that generates it is the message of a user, in the model's chat template; a model without a
	/// template goes on with it as with [`Input::Raw`].
	Text(Vec<u8>),
	/// The beginning of a text that the model continues. Names of control tokens in it are plain text.
	Raw(Vec<u8>),
	/// A conversation: who says what, in the model's chat template. Only a model that has one can read it.
	Messages(Vec<(Role, Vec<u8>)>),
}

impl Input {
	/// The parts that somebody wrote, in order.
	pub fn parts(&self) -> impl Iterator<Item = &[u8]> {
		let (text, messages) = match self {
			Self::Text(text) | Self::Raw(text) => (Some(text.as_slice()), [].as_slice()),
			Self::Messages(messages) => (None, messages.as_slice()),
		};
		text.into_iter().chain(messages.iter().map(|(_, said)| said.as_slice()))
	}

	/// The text, if it is one.
	pub fn text(&self) -> Option<&[u8]> {
		match self {
			Self::Text(text) | Self::Raw(text) => Some(text),
			Self::Messages(_) => None,
		}
	}

	/// How many bytes somebody wrote.
	pub fn bytes(&self) -> usize {
		self.parts().map(<[u8]>::len).fold(0, usize::saturating_add)
	}
}

impl From<Vec<u8>> for Input {
	fn from(text: Vec<u8>) -> Self {
		Self::Text(text)
	}
}

impl From<String> for Input {
	fn from(text: String) -> Self {
		Self::Text(text.into())
	}
}

impl From<&str> for Input {
	fn from(text: &str) -> Self {
		Self::Text(text.into())
	}
}

impl From<&[u8]> for Input {
	fn from(text: &[u8]) -> Self {
		Self::Text(text.into())
	}
}

/// An input whose bytes are text.
pub(crate) enum Texts<'a> {
	/// A user's text.
	Text(&'a str),
	/// The beginning of a text.
	Raw(&'a str),
	/// A conversation.
	Messages(Vec<Message<'a>>),
}

/// The input of a request to a model that reads at most `context` bytes, checked in the order of [`Refusal`].
pub(crate) fn check_texts(request: &Request, context: usize) -> Result<Texts<'_>, Refusal> {
	let max_input_bytes = request.limits.max_input_bytes;
	let bytes = request.input.bytes();
	if bytes == 0 {
		return Err(Refusal::EmptyInput);
	}
	if bytes as u64 > u64::from(max_input_bytes) {
		return Err(Refusal::InputTooLong { limit: max_input_bytes });
	}
	if bytes > context {
		return Err(Refusal::ContextExceeded { limit: context as u32 });
	}
	let text = |bytes| std::str::from_utf8(bytes).map_err(|_| Refusal::NotUtf8);
	Ok(match &request.input {
		Input::Text(bytes) => Texts::Text(text(bytes)?),
		Input::Raw(bytes) => Texts::Raw(text(bytes)?),
		Input::Messages(messages) => {
			let messages = messages.iter().map(|(role, said)| Ok(Message { role: *role, content: text(said)? }));
			Texts::Messages(messages.collect::<Result<_, _>>()?)
		}
	})
}

/// The text of a request to a model that has no use for a conversation.
pub(crate) fn check_text(request: &Request, context: usize) -> Result<&str, Refusal> {
	match check_texts(request, context)? {
		Texts::Text(text) | Texts::Raw(text) => Ok(text),
		Texts::Messages(_) => Err(Refusal::Template),
	}
}
