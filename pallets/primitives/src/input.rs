//! What a model reads.

use alloc::vec::Vec;
use codec::{Compact, Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;

/// Bytes of input that any job may have, as [`Input::units`] counts them; a model may allow less.
pub const MAX_INPUT_BYTES: u32 = 8 * 1024;
/// Bytes that a message counts for beside its text: a model's template writes some tokens around each.
pub const MESSAGE_BYTES: u32 = 32;

/// What a model reads, UTF-8 all of it.
///
/// Its parts have any length here, so that one that is too long is told as such; no job has one above [`MAX_INPUT_BYTES`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub enum Input {
	/// A text: what a classifier or an embedder reads, or the message of a user, which a model that generates finds in its
	/// own chat template.
	Text(Vec<u8>),
	/// The beginning of a text that a model continues as it is, without its template. Names of control tokens in it are
	/// plain text. Only for models that generate.
	Raw(Vec<u8>),
	/// A conversation up to where the model is to go on, in its own chat template. Only for models that generate.
	Messages(Vec<Message>),
}

/// What somebody says in a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct Message {
	/// Who speaks.
	pub role: Role,
	/// What is said. It cannot write a control token.
	pub text: Vec<u8>,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub enum Role {
	/// Whoever sets the rules of the conversation; first, if at all.
	System,
	/// Whoever asks.
	User,
	/// The model.
	Assistant,
}

impl Input {
	/// The texts that somebody wrote, in order.
	pub fn texts(&self) -> impl Iterator<Item = &[u8]> {
		let (text, messages) = match self {
			Self::Text(text) | Self::Raw(text) => (Some(text.as_slice()), [].as_slice()),
			Self::Messages(messages) => (None, messages.as_slice()),
		};
		text.into_iter().chain(messages.iter().map(|message| message.text.as_slice()))
	}

	/// The bytes that are paid for: those of the texts, and [`MESSAGE_BYTES`] for each message. 0 of an input that lacks a
	/// text.
	pub fn units(&self) -> u32 {
		match self.texts().any(<[u8]>::is_empty) {
			true => 0,
			false => self.bytes(),
		}
	}

	/// The bytes that are looked at, whether or not the input can be taken: what a submission's weight is of.
	pub fn bytes(&self) -> u32 {
		let of_messages = match self {
			Self::Text(_) | Self::Raw(_) => 0,
			Self::Messages(messages) => (messages.len() as u32).saturating_mul(MESSAGE_BYTES),
		};
		self.texts().fold(of_messages, |sum, text| sum.saturating_add(text.len() as u32))
	}

	/// Whether all of it is UTF-8.
	pub fn is_utf8(&self) -> bool {
		self.texts().all(|text| core::str::from_utf8(text).is_ok())
	}

	/// Whether a model that does not generate can read it.
	pub fn is_text(&self) -> bool {
		matches!(self, Self::Text(_))
	}
}

impl From<&str> for Input {
	fn from(text: &str) -> Self {
		Self::Text(text.into())
	}
}

impl Default for Input {
	fn default() -> Self {
		Self::Text(Vec::new())
	}
}

/// Of inputs of at most [`MAX_INPUT_BYTES`] units, the only ones that are kept: each message has [`MESSAGE_BYTES`] of these
/// and takes fewer for its role and its length.
impl MaxEncodedLen for Input {
	fn max_encoded_len() -> usize {
		let length = Compact(MAX_INPUT_BYTES).encoded_size();
		(MAX_INPUT_BYTES as usize).saturating_add(length).saturating_add(1)
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use alloc::{string::String, vec};

	fn message(text: &str) -> Message {
		Message { role: Role::User, text: text.into() }
	}

	#[test]
	fn what_is_paid_for_are_the_texts_and_something_for_each_message() {
		assert_eq!(Input::from("hello").units(), 5);
		assert_eq!(Input::Raw("é".into()).units(), 2);
		assert_eq!(Input::Messages(vec![message("a"), message("bc")]).units(), 3 + 2 * MESSAGE_BYTES);
	}

	#[test]
	fn an_input_that_lacks_a_text_has_nothing_to_pay_for() {
		for nothing in [Input::default(), Input::Raw(vec![]), Input::Messages(vec![])] {
			assert_eq!(nothing.units(), 0, "{nothing:?}");
		}
		let one_is_empty = Input::Messages(vec![message("a"), message("")]);
		assert_eq!((one_is_empty.units(), one_is_empty.bytes()), (0, 1 + 2 * MESSAGE_BYTES));
	}

	#[test]
	fn every_text_is_utf8() {
		assert!(Input::Messages(vec![message("é"), message("a")]).is_utf8());
		let broken = Message { role: Role::System, text: vec![0xff] };
		assert!(!Input::Messages(vec![message("a"), broken]).is_utf8() && !Input::Raw(vec![0xc3]).is_utf8());
	}

	#[test]
	fn no_input_that_is_kept_is_longer_than_its_bound() {
		let long = |bytes: u32| String::from_utf8(vec![b'x'; bytes as usize]).expect("it is ASCII");
		let most = (MAX_INPUT_BYTES / (MESSAGE_BYTES + 1)) as usize;
		let inputs = [
			Input::Text(long(MAX_INPUT_BYTES).into()),
			Input::Messages(vec![message("x"); most]),
			Input::Messages(vec![message(&long(MAX_INPUT_BYTES - MESSAGE_BYTES))]),
		];
		for input in inputs {
			assert!(input.units() <= MAX_INPUT_BYTES && input.units() > MAX_INPUT_BYTES - 2 * MESSAGE_BYTES);
			assert!(input.encoded_size() <= Input::max_encoded_len(), "{}", input.encoded_size());
		}
	}

	#[test]
	fn inputs_are_encoded_as_ever() {
		assert_eq!(Input::Text(b"a".to_vec()).encode(), [0, 4, b'a']);
		assert_eq!(Input::Raw(b"a".to_vec()).encode(), [1, 4, b'a']);
		let roles = [Role::System, Role::User, Role::Assistant].map(|role| Message { role, text: b"a".to_vec() });
		assert_eq!(Input::Messages(roles.to_vec()).encode(), [2, 12, 0, 4, b'a', 1, 4, b'a', 2, 4, b'a']);
	}
}
