//! Running the built program.

use std::{
	process::{Command, Output, Stdio},
	sync::mpsc,
	time::Duration,
};
use tempfile::TempDir;

/// What runs for so long hangs, however slow the machine is.
const HANGS: Duration = Duration::from_secs(300);

pub fn sibyl() -> Command {
	let mut command = Command::new(env!("CARGO_BIN_EXE_sibyl-node"));
	command.stdin(Stdio::null());
	command
}

/// Kills this process when it hangs, unless what is returned is dropped before: then a test that waits for it ends, and says
/// what it lacks.
pub fn ended_in_time(process: u32) -> mpsc::Sender<()> {
	let (over, is_over) = mpsc::channel();
	std::thread::spawn(move || {
		if is_over.recv_timeout(HANGS) == Err(mpsc::RecvTimeoutError::Timeout) {
			let _ = Command::new("sh").args(["-c", &format!("kill -9 {process}")]).status();
		}
	});
	over
}

/// What the program says to this. It is killed when it hangs.
pub fn run(command: &mut Command) -> Output {
	let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
	let _in_time = ended_in_time(child.id());
	child.wait_with_output().expect("the program runs")
}

/// Asserts that the command succeeds; what it wrote to standard output, then to standard error.
pub fn succeeds(command: &mut Command) -> String {
	let output = run(command);
	let errors = String::from_utf8_lossy(&output.stderr);
	assert!(output.status.success(), "{errors}");
	String::from_utf8(output.stdout).expect("the program writes UTF-8") + &errors
}

/// Asserts that the command fails with one line that holds all of these words.
pub fn fails_saying(command: &mut Command, words: &[&str]) {
	let output = run(command);
	let text = String::from_utf8_lossy(&output.stderr);
	assert!(!output.status.success(), "it should have failed:\n{text}");
	assert!(!text.contains("panicked") && !text.contains("backtrace"), "{text}");
	let errors: Vec<_> = text.lines().filter(|line| line.to_lowercase().starts_with("error: ")).collect();
	let [error] = errors[..] else { panic!("one line should say what is wrong:\n{text}") };
	for word in words {
		assert!(error.contains(word), "'{word}' is missing in: {error}");
	}
}

pub fn folder() -> TempDir {
	tempfile::tempdir().expect("a temporary folder can be made")
}
