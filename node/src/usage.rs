//! The command line, read: what is wrong with it is said in one line, as everything else is.

use crate::{cli::Cli, error::in_one_line};
use clap::{
	error::{ContextKind, ContextValue, ErrorKind},
	Command, CommandFactory,
};
use sc_cli::SubstrateCli;
use std::{ffi::OsString, process};

/// The exit code of a program whose command line can't be read, as shells know it.
const EXIT_CODE: i32 = 2;

/// What numbers are said to be where they are none, in the words of Rust's library, and in ours.
const WORDS: [(&str, &str); 3] = [
	("cannot parse integer from empty string", "expected a whole number"),
	("invalid digit found in string", "expected a whole number"),
	("number too large to fit in target type", "it is too large"),
];

/// The command line. Ends the program where that is wrong, or asks for help.
pub fn read() -> Cli {
	parse(std::env::args_os().collect()).unwrap_or_else(|error| match in_a_line(&error) {
		Some(line) => {
			let help = help_of(&Cli::setup_command(Cli::command()), std::env::args().skip(1));
			eprintln!("Error: {line}: see '{help}'");
			process::exit(EXIT_CODE)
		}
		None => error.exit(),
	})
}

/// The option that a text is the value of, where it begins with a dash.
const PROMPT: &str = "--prompt";

/// Reads the arguments. A text that begins with a dash is what is asked, where no option can be meant by it.
fn parse(mut args: Vec<OsString>) -> clap::error::Result<Cli> {
	let error = match Cli::try_from_iter(&args) {
		Err(error) => error,
		read => return read,
	};
	let Some(at) = text_with_a_dash(&error, &args) else { return Err(error) };
	args.insert(at, PROMPT.into());
	// Most commands ask nothing.
	Cli::try_from_iter(args).map_err(|again| if unknown_option(&again) == Some(PROMPT) { error } else { again })
}

/// The option that there is not.
fn unknown_option(error: &clap::Error) -> Option<&str> {
	match error.get(ContextKind::InvalidArg) {
		Some(ContextValue::String(option)) if error.kind() == ErrorKind::UnknownArgument => Some(option),
		_ => None,
	}
}

/// Which argument was taken for an option that there is not, and has a space, as no option's name has.
fn text_with_a_dash(error: &clap::Error, args: &[OsString]) -> Option<usize> {
	let unknown = unknown_option(error)?;
	let is_text = |arg: &str| {
		let name = arg.split('=').next().unwrap_or_default();
		arg.starts_with('-') && arg.starts_with(unknown) && name.contains(char::is_whitespace)
	};
	args.iter().position(|arg| arg.to_str().is_some_and(is_text))
}

/// What is wrong, and what was likely meant; nothing where help is what is to be shown.
fn in_a_line(error: &clap::Error) -> Option<String> {
	let is_help = matches!(
		error.kind(),
		ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::DisplayVersion
	);
	if is_help {
		return None;
	}
	let text = error.render().to_string();
	let said = text.split("\n\nUsage: ").next().unwrap_or_default();
	let said = said.split("\n\nFor more information, try").next().unwrap_or_default();
	let line = in_one_line(&said.replace("\n\n  tip: ", "; "));
	let line = line.strip_prefix("error: ").unwrap_or(&line).to_string();
	Some(WORDS.iter().fold(line, |line, (theirs, ours)| line.replace(theirs, ours)))
}

/// How the help of the command that is meant is asked for.
fn help_of(command: &Command, args: impl Iterator<Item = String>) -> String {
	let (mut name, mut command) = (Cli::executable_name(), command);
	for arg in args {
		if let Some(below) = command.find_subcommand(&arg) {
			name += &format!(" {}", below.get_name());
			command = below;
		}
	}
	format!("{name} --help")
}

#[cfg(test)]
mod tests {
	use super::*;

	fn said(line: &str) -> String {
		said_of(&line.split(' ').collect::<Vec<_>>())
	}

	fn said_of(args: &[&str]) -> String {
		let error = read_args(args).expect_err("the line is wrong");
		in_a_line(&error).unwrap_or_else(|| "help".into())
	}

	fn read_args(args: &[&str]) -> clap::error::Result<Cli> {
		parse(std::iter::once(&"sibyl-node").chain(args).map(OsString::from).collect())
	}

	#[test]
	fn a_text_that_begins_with_a_dash_is_what_is_asked() {
		for text in ["--is this right?", "-5 + 3", "- a list", "--model is what?"] {
			for before in [&["ask", "--model", "m"][..], &["ask"], &["models", "run", "smollm2"]] {
				let cli = read_args(&[before, &[text]].concat()).expect(text);
				assert!(format!("{cli:?}").contains(&format!("prompt: Some({text:?})")), "{text}: {cli:?}");
			}
		}
	}

	#[test]
	fn an_option_that_there_is_not_is_no_text() {
		assert_eq!(
			said_of(&["ask", "--right?"]),
			"unexpected argument '--right?' found; to pass '--right?' as a value, use '-- --right?'"
		);
		assert!(said_of(&["ask", "--choises=a b"]).starts_with("unexpected argument '--choises' found"));
		assert!(said_of(&["models", "list", "--is this right?"]).contains("'--is this right?'"), "it asks nothing");
		assert!(said_of(&["ask", "hi", "--is this right?"]).contains("cannot be used with"), "there are two texts");
		assert!(said_of(&["ask", "--is this right?", "--seats", "2"]).contains("expected an odd number"));
	}

	#[test]
	fn a_line_says_what_is_wrong_and_what_was_likely_meant() {
		assert_eq!(said("--por 1"), "unexpected argument '--por' found; a similar argument exists: '--port'");
		assert_eq!(said("job x"), "invalid value 'x' for '<JOB>': expected a whole number");
		assert_eq!(said("result"), "the following required arguments were not provided: <JOB>");
		let shells = "bash, elvish, fish, powershell, zsh";
		let wrong =
			format!("invalid value 'tcsh' for '<SHELL>' [possible values: {shells}]; a similar value exists: 'zsh'");
		assert_eq!(said("completions tcsh"), wrong);
	}

	#[test]
	fn a_negative_number_is_a_wrong_value_and_no_option() {
		assert_eq!(
			said("ask hi --seats -1"),
			"invalid value '-1' for '--seats <N>': expected an odd number from 1 to 15"
		);
		assert_eq!(said("job -1"), "invalid value '-1' for '<JOB>': expected a whole number");
		assert_eq!(said("--inference-job-timeout -5"), said("--inference-job-timeout soon").replace("soon", "-5"));
	}

	#[test]
	fn help_is_shown_as_it_is_and_that_of_the_command_is_named() {
		for asked in ["--help", "--version", "models", "ask --help"] {
			assert_eq!(said(asked), "help", "{asked}");
		}
		let help = |line: &str| help_of(&Cli::setup_command(Cli::command()), line.split(' ').map(String::from));
		assert!(help("models run --threads 0").ends_with(" models run --help"));
		assert!(help("--port x").ends_with(" --help"));
	}
}
