//! A conversation with a model, line by line.

use super::loaded::{Loaded, Writing};
use super::Error;
use crate::error::in_one_line;
use sibyl_engine::{Context, Input, Role};
use std::io::{BufRead, Write};

/// What a line begins with that is for the program.
const COMMANDS: &str = "/bye ends, /clear begins anew";
/// What the lines of a person stand behind.
const PROMPT: &str = "> ";

/// What was said, and how much of it the model has read.
pub struct Chat<'a> {
	loaded: &'a Loaded,
	writing: Writing,
	/// What the model is told before the first line.
	system: Option<String>,
	said: Vec<(Role, Vec<u8>)>,
	context: Context,
	/// The tokens in the context.
	read: Vec<u32>,
}

impl<'a> Chat<'a> {
	/// Nothing said yet, but by the system.
	pub fn new(loaded: &'a Loaded, writing: Writing, system: Option<String>) -> Self {
		let mut chat =
			Self { loaded, writing, system, said: Vec::new(), context: loaded.model().context(), read: Vec::new() };
		chat.clear();
		chat
	}

	fn clear(&mut self) {
		self.said = self.system.iter().map(|system| (Role::System, system.clone().into_bytes())).collect();
	}

	/// Answers each line until there are no more.
	pub fn run(&mut self, lines: &mut impl BufRead, out: &mut impl Write) -> Result<(), Error> {
		writeln!(out, "{COMMANDS}")?;
		let mut line = String::new();
		loop {
			write!(out, "{PROMPT}")?;
			out.flush()?;
			line.clear();
			if lines.read_line(&mut line)? == 0 {
				return Ok(writeln!(out)?);
			}
			match line.trim() {
				"" => {}
				"/bye" => return Ok(()),
				"/clear" => self.clear(),
				command if command.starts_with('/') => writeln!(out, "there is no {command}: {COMMANDS}")?,
				text => match self.answer(text, out) {
					// The conversation can go on without the line that can't be answered.
					Err(error @ (Error::PromptTooLong { .. } | Error::Refused(_))) => {
						writeln!(out, "{}; or {COMMANDS}", in_one_line(&error))?
					}
					answered => answered?,
				},
			}
		}
	}

	fn answer(&mut self, text: &str, out: &mut impl Write) -> Result<(), Error> {
		let mut said = self.said.clone();
		said.push((Role::User, text.as_bytes().to_vec()));
		let tokens = self.loaded.tokens(&Input::Messages(said.clone()))?;
		// Mostly the conversation goes on where it was; a template may write what was said in another way.
		if self.read.is_empty() || !tokens.starts_with(&self.read) || tokens.len() == self.read.len() {
			self.context = self.loaded.model().context();
			self.read.clear();
		}
		let next = tokens[self.read.len()..].to_vec();
		// Nobody knows how much of it the model has read where it gives no answer.
		self.read.clear();
		let written = self.loaded.write(&mut self.context, &next, &self.writing, out)?;
		self.read = tokens;
		self.read.extend(written.read);
		said.push((Role::Assistant, written.text.into_bytes()));
		self.said = said;
		Ok(())
	}
}
