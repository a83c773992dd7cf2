//! What a model is asked, as a command line has it.

use crate::InputError;
use clap::ArgGroup;
use serde::Deserialize;
use sibyl_engine::{Input, Role};
use std::path::{Path, PathBuf};

/// Where a file is standard input.
const STANDARD_INPUT: &str = "-";

/// What is asked: a text or a conversation.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(group = ArgGroup::new("asked").args(["text", "prompt", "prompt_file", "messages"]))]
pub struct InputOptions {
	/// What the model is asked.
	#[arg(value_name = "TEXT")]
	text: Option<String>,

	/// The same, of a word that begins with a dash.
	#[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
	prompt: Option<String>,

	/// A file that says what the model is asked; - is standard input.
	#[arg(long, value_name = "FILE")]
	prompt_file: Option<PathBuf>,

	/// A file with a conversation to go on with, [{"role": "user", "text": "…"}, …], of the roles system, user and
	/// assistant; - is standard input.
	#[arg(long, value_name = "FILE", conflicts_with_all = ["raw", "system"])]
	messages: Option<PathBuf>,

	/// Continue the prompt as it is, without the model's chat template. Names of control tokens in it are plain text.
	#[arg(long)]
	raw: bool,

	/// What the model is told before the prompt, in place of its template's own words.
	#[arg(long, value_name = "TEXT", allow_hyphen_values = true, conflicts_with = "raw")]
	system: Option<String>,
}

/// What somebody says, as the file of a conversation has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
	role: MessageRole,
	text: String,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
enum MessageRole {
	System,
	User,
	Assistant,
}

impl From<MessageRole> for Role {
	fn from(role: MessageRole) -> Self {
		match role {
			MessageRole::System => Self::System,
			MessageRole::User => Self::User,
			MessageRole::Assistant => Self::Assistant,
		}
	}
}

impl InputOptions {
	/// Whether there is nothing to read but, at most, what the system says: what a conversation begins with.
	pub fn is_open(&self) -> bool {
		self.text.is_none()
			&& self.prompt.is_none()
			&& self.prompt_file.is_none()
			&& self.messages.is_none()
			&& !self.raw
	}

	/// What the model is told before the prompt.
	pub fn system(&self) -> Option<&str> {
		self.system.as_deref()
	}

	/// What the model reads. No part of it is empty.
	pub fn input(&self) -> Result<Input, InputError> {
		let input = match (&self.messages, self.text.as_ref().or(self.prompt.as_ref()), &self.prompt_file) {
			(Some(path), ..) => Input::Messages(conversation(path)?),
			(None, Some(prompt), _) => self.of_prompt(prompt.clone()),
			(None, None, Some(path)) => self.of_prompt(read(path)?),
			(None, None, None) => return Err(InputError::NothingAsked),
		};
		match input.bytes() > 0 && input.parts().all(|part| !part.is_empty()) {
			true => Ok(input),
			false => Err(InputError::EmptyPrompt),
		}
	}

	fn of_prompt(&self, prompt: String) -> Input {
		match &self.system {
			_ if self.raw => Input::Raw(prompt.into()),
			Some(system) => Input::Messages(vec![(Role::System, system.clone().into()), (Role::User, prompt.into())]),
			None => prompt.into(),
		}
	}
}

fn conversation(path: &Path) -> Result<Vec<(Role, Vec<u8>)>, InputError> {
	let messages: Vec<Message> = serde_json::from_str(&read(path)?)
		.map_err(|error| InputError::NoConversation { path: path.into(), reason: error.to_string() })?;
	Ok(messages.into_iter().map(|Message { role, text }| (role.into(), text.into())).collect())
}

fn read(path: &Path) -> Result<String, InputError> {
	let read = match path.as_os_str() == STANDARD_INPUT {
		true => std::io::read_to_string(std::io::stdin()),
		false => std::fs::read_to_string(path),
	};
	read.map_err(|source| InputError::Unreadable { path: path.into(), source })
}

#[cfg(test)]
mod tests {
	use super::*;
	use clap::Parser;
	use std::io::Write;

	#[derive(clap::Parser)]
	struct Line {
		#[command(flatten)]
		asked: InputOptions,
	}

	fn parse(flags: &[&str]) -> Result<InputOptions, clap::Error> {
		Line::try_parse_from(["run"].iter().chain(flags)).map(|line| line.asked)
	}

	fn input(flags: &[&str]) -> Result<Input, InputError> {
		parse(flags).expect("the flags are valid").input()
	}

	fn file(text: &str) -> (tempfile::NamedTempFile, String) {
		let mut file = tempfile::NamedTempFile::new().expect("there is room");
		file.write_all(text.as_bytes()).expect("there is room");
		let path = file.path().to_str().expect("it is ASCII").into();
		(file, path)
	}

	#[test]
	fn a_prompt_should_be_a_users_text_or_a_beginning_whatever_it_begins_with() {
		assert_eq!(input(&["--prompt", "-5 + 3"]).expect("a text"), "-5 + 3".into());
		assert_eq!(input(&["--prompt", "--help", "--raw"]).expect("a text"), Input::Raw(b"--help".to_vec()));
		assert_eq!(input(&["5 + 3"]).expect("a text"), "5 + 3".into());
		assert_eq!(input(&["--", "-5 + 3"]).expect("a text"), "-5 + 3".into());
		let (_kept, path) = file("a long one");
		assert_eq!(input(&["--prompt-file", &path]).expect("a text"), "a long one".into());
	}

	#[test]
	fn nothing_but_a_system_message_should_leave_a_conversation_open() {
		let is_open = |flags: &[&str]| parse(flags).expect("the flags are valid").is_open();
		assert!(is_open(&[]) && is_open(&["--system", "a"]));
		assert!(!is_open(&["a"]) && !is_open(&["--prompt", "a"]) && !is_open(&["--raw"]));
		assert!(!is_open(&["--prompt-file", "a"]) && !is_open(&["--messages", "a"]));
	}

	#[test]
	fn a_conversation_should_be_read_from_a_file_and_a_system_message_begin_one() {
		let said = |messages: &[(Role, &str)]| {
			Input::Messages(messages.iter().map(|(role, said)| (*role, said.as_bytes().to_vec())).collect())
		};
		let (_kept, path) =
			file(r#"[{"role":"system","text":"a"},{"role":"user","text":"b"},{"role":"assistant","text":"c"}]"#);
		let expected = said(&[(Role::System, "a"), (Role::User, "b"), (Role::Assistant, "c")]);
		assert_eq!(input(&["--messages", &path]).expect("a conversation"), expected);
		let expected = said(&[(Role::System, "-a"), (Role::User, "b")]);
		assert_eq!(input(&["--system", "-a", "--prompt", "b"]).expect("a conversation"), expected);
	}

	#[test]
	fn what_is_no_input_should_be_refused_by_name() {
		for flags in [&["--prompt", ""][..], &["--system", "", "--prompt", "b"]] {
			assert!(matches!(input(flags), Err(InputError::EmptyPrompt)), "{flags:?}");
		}
		for text in ["[]", r#"[{"role":"user","text":""}]"#] {
			let (_kept, path) = file(text);
			assert!(matches!(input(&["--messages", &path]), Err(InputError::EmptyPrompt)), "{text}");
		}
		for text in ["", "{}", r#"[{"role":"tool","text":"a"}]"#, r#"[{"role":"user","content":"a"}]"#] {
			let (_kept, path) = file(text);
			assert!(matches!(input(&["--messages", &path]), Err(InputError::NoConversation { .. })), "{text}");
		}
		assert!(matches!(input(&["--prompt-file", "/nowhere"]), Err(InputError::Unreadable { .. })));
		for nothing in [&[][..], &["--system", "a"], &["--raw"]] {
			assert!(matches!(input(nothing), Err(InputError::NothingAsked)), "{nothing:?}");
		}
		let mixed = [
			&["a", "--prompt", "a"][..],
			&["--prompt", "a", "--prompt-file", "b"],
			&["--prompt", "a", "--messages", "b"],
			&["--messages", "a", "--system", "b"],
			&["--messages", "a", "--raw"],
			&["--prompt", "a", "--raw", "--system", "b"],
		];
		for flags in mixed {
			assert!(parse(flags).is_err(), "{flags:?}");
		}
	}
}
