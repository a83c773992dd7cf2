//! The command line, read: what is wrong with it is said in one line, as everything else is.

use crate::{cli::Cli, error::in_one_line};
use clap::{error::ErrorKind, Command, CommandFactory};
use sc_cli::SubstrateCli;
use std::process;

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
	Cli::try_from_iter(std::env::args_os()).unwrap_or_else(|error| match in_a_line(&error) {
		Some(line) => {
			let help = help_of(&Cli::setup_command(Cli::command()), std::env::args().skip(1));
			eprintln!("Error: {line}: see '{help}'");
			process::exit(EXIT_CODE)
		}
		None => error.exit(),
	})
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
		let words = std::iter::once("sibyl-node").chain(line.split(' '));
		let error = Cli::try_from_iter(words).expect_err("the line is wrong");
		in_a_line(&error).unwrap_or_else(|| "help".into())
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
