//! Conversations as prompts.
//!
//! A model's file brings its template, a program in a part of Jinja, which is run here as transformers has Jinja run it.
//! There is an interpreter of our own for it, since a prompt is part of an answer's semantics and a file is hostile: the
//! language has no clock and no chance, nothing of it depends on the machine, values cannot nest, and fuel limits what a
//! template may do. What is not in this part of the language is an error where a conversation reaches it; branches for
//! tools may use more.
//!
//! What a message says cannot end the message. Texts know which of their characters a message said, through everything
//! that a template does with them: trims, splits, comparisons. Names of control tokens stand for these where the template
//! wrote them, and are text where a message did.

mod ast;
mod date;
mod error;
mod eval;
mod lexer;
mod methods;
mod parser;
mod render;
#[cfg(test)]
pub(crate) mod tests;
mod text;
mod value;

pub use error::TemplateError;

use crate::gguf::{GgufError, GgufFile, Strings};
use crate::tokenizer::{BpeTokenizer, Piece, TokenizerError};
use ast::Statement;
use text::Text;
use value::Value;

/// What a template may do for nothing, and for each byte that the messages say: a few dozen copies of a message and some
/// hundred steps for it.
const FUEL: usize = 1 << 18;
const FUEL_OF_BYTE: usize = 32;
/// How many bytes a message counts for, beside those of its content.
const MESSAGE_BYTES: usize = 128;

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
	/// Whoever sets the rules of the conversation.
	System,
	/// Whoever asks.
	User,
	/// The model.
	Assistant,
}

impl Role {
	fn name(self) -> &'static str {
		match self {
			Self::System => "system",
			Self::User => "user",
			Self::Assistant => "assistant",
		}
	}
}

/// What one of them says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
	/// Who speaks.
	pub role: Role,
	/// What is said.
	pub content: &'a str,
}

/// Why there is no prompt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChatError {
	/// The template is not valid, or has no text for these messages.
	#[error(transparent)]
	Template(#[from] TemplateError),
	/// There are no messages.
	#[error("a conversation has at least one message")]
	NoMessage,
	/// The file's template has no text.
	#[error("the file's chat template is empty, so it has none: give the prompt as it is, without a template")]
	Empty,
	/// The file has no template, or it is no string.
	#[error(transparent)]
	Gguf(#[from] GgufError),
	/// The tokenizer does not go with the template.
	#[error(transparent)]
	Tokenizer(#[from] TokenizerError),
}

/// A model's template.
///
/// It has the variables that transformers gives it: `messages`, each with `role` and `content`, `add_generation_prompt`,
/// which is true, `bos_token` and `eos_token`, `tools` and `documents`, which are none; and the functions
/// `raise_exception`, `namespace` and `range`. Answers must not depend on the day: `strftime_now` is not defined, so that
/// templates that ask for it first take a date of their own, and for those that call it all the same it is always 1 January
/// 2026. As in Jinja, a value that is not defined is an empty text
/// where it is printed and has no items, and cannot be looked into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatTemplate {
	statements: Vec<Statement>,
	begin: String,
	end: String,
}

impl ChatTemplate {
	/// The template that a file's `tokenizer.chat_template` is. One of nothing but white space is none: every conversation
	/// would be the same.
	pub fn from_gguf(file: &GgufFile<'_>) -> Result<Self, ChatError> {
		let source: &str = file.get("tokenizer.chat_template")?;
		if source.trim().is_empty() {
			return Err(ChatError::Empty);
		}
		let token = |key| -> Result<&str, GgufError> {
			let (id, tokens) = (file.find::<u32>(key)?, file.find::<Strings<'_>>("tokenizer.ggml.tokens")?);
			Ok(id.zip(tokens).and_then(|(id, mut tokens)| tokens.nth(id as usize)).unwrap_or_default())
		};
		Self::from_source(source, token("tokenizer.ggml.bos_token_id")?, token("tokenizer.ggml.eos_token_id")?)
	}

	/// The template with the given source; `begin` and `end` are its `bos_token` and its `eos_token`.
	pub fn from_source(source: &str, begin: &str, end: &str) -> Result<Self, ChatError> {
		Ok(Self { statements: parser::parse(source)?, begin: begin.into(), end: end.into() })
	}

	fn text(&self, messages: &[Message<'_>]) -> Result<Text, ChatError> {
		if messages.is_empty() {
			return Err(ChatError::NoMessage);
		}
		let values = messages.iter().map(|Message { role, content }| {
			let entries = [("role", Value::own(role.name())), ("content", Value::text(Text::said(content)))];
			Value::Map(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
		});
		let globals = [
			("messages", Value::List(values.collect())),
			("add_generation_prompt", Value::Bool(true)),
			("bos_token", Value::own(&self.begin)),
			("eos_token", Value::own(&self.end)),
			("tools", Value::None),
			("documents", Value::None),
		];
		let said = messages.iter().fold(0_usize, |said, message| said + MESSAGE_BYTES + message.content.len());
		let fuel = FUEL.saturating_add(said.saturating_mul(FUEL_OF_BYTE));
		Ok(render::render(&self.statements, globals, fuel)?)
	}

	/// The text of a conversation, up to where the model's next message begins.
	///
	/// To be looked at: in it, what a message says cannot be told from control tokens.
	pub fn render(&self, messages: &[Message<'_>]) -> Result<String, ChatError> {
		Ok(self.text(messages)?.as_str().into())
	}

	/// The tokens of a conversation, up to where the model's next message begins.
	///
	/// They are those of the whole text, in which the names of control tokens stand for these unless a message said them.
	/// The token that every prompt begins with is there once, whether or not the template writes it.
	pub fn encode(&self, tokenizer: &BpeTokenizer, messages: &[Message<'_>]) -> Result<Vec<u32>, ChatError> {
		let text = self.text(messages)?;
		let mut pieces = Vec::new();
		let mut open = String::new();
		for (run, said) in text.runs() {
			if said {
				open.push_str(run);
				continue;
			}
			for piece in tokenizer.pieces(run) {
				match piece {
					Piece::Text(part) => open.push_str(part),
					Piece::Control(name) => pieces.push((std::mem::take(&mut open), Some(name))),
				}
			}
		}
		pieces.push((open, None));
		let pieces = pieces.iter().flat_map(|(text, control)| {
			let text = Some(text.as_str()).filter(|text| !text.is_empty()).map(Piece::Text);
			text.into_iter().chain(control.map(Piece::Control))
		});
		Ok(tokenizer.begun(tokenizer.encode(&pieces.collect::<Vec<_>>())?))
	}
}
