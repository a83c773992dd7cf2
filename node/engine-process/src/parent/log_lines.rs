//! What a child writes to standard error, in the node's log: so many lines, so long, and nothing that a terminal obeys.

use super::LOG_TARGET;
use std::{
	io::Read,
	time::{Duration, Instant},
};

/// The longest line that is told, in bytes.
const LONGEST: usize = 500;

/// The most lines that are told in a minute.
const MOST: u32 = 50;
const MINUTE: Duration = Duration::from_secs(60);

/// What the lines say of the child's end, in the words of the language's runtime.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LastWords {
	/// It had no memory left.
	pub(super) no_memory: bool,
	/// A thread's stack was full.
	pub(super) no_stack: bool,
}

impl LastWords {
	fn hear(&mut self, line: &str) {
		self.no_memory |= line.starts_with("memory allocation of ");
		self.no_stack |= line.contains(" has overflowed its stack");
	}
}

/// Tells a child's lines until there are no more.
pub(super) fn tell(mut source: impl Read, mut say: impl FnMut(&str)) -> LastWords {
	let mut lines = Lines { words: LastWords::default(), since: Instant::now(), told: 0, line: Vec::new() };
	let mut bytes = [0; 4096];
	loop {
		match source.read(&mut bytes) {
			Ok(0) => break,
			Ok(read) => bytes[..read].iter().for_each(|byte| lines.take(*byte, &mut say)),
			Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
			Err(_) => break,
		}
	}
	lines.end_line(&mut say);
	lines.words
}

/// Puts a line into the log.
pub(super) fn log(line: &str) {
	log::info!(target: LOG_TARGET, "The engine's process: {line}");
}

struct Lines {
	words: LastWords,
	since: Instant,
	told: u32,
	line: Vec<u8>,
}

impl Lines {
	fn take(&mut self, byte: u8, say: &mut impl FnMut(&str)) {
		match byte {
			b'\n' => self.end_line(say),
			byte if self.line.len() < LONGEST => self.line.push(byte),
			_ => {}
		}
	}

	fn end_line(&mut self, say: &mut impl FnMut(&str)) {
		let line = printable(&self.line);
		self.line.clear();
		self.words.hear(line.trim_start());
		if line.trim().is_empty() {
			return;
		}
		if self.since.elapsed() > MINUTE {
			(self.since, self.told) = (Instant::now(), 0);
		}
		self.told = self.told.saturating_add(1);
		match self.told {
			told if told <= MOST => say(&line),
			told if told == MOST + 1 => say("(more lines are left out for a minute)"),
			_ => {}
		}
	}
}

/// The beginning of a text that a child says, as long as a line of its log, without what a terminal obeys.
pub(crate) fn cleaned(text: &str) -> String {
	printable(text.as_bytes().get(..LONGEST).unwrap_or(text.as_bytes()))
}

fn printable(line: &[u8]) -> String {
	let mut text = String::new();
	for character in String::from_utf8_lossy(line).chars() {
		match character {
			'\t' => text.push(' '),
			character if character.is_control() => text.extend(character.escape_default()),
			character => text.push(character),
		}
	}
	text
}

#[cfg(test)]
mod tests {
	use super::*;

	fn told(source: &[u8]) -> (Vec<String>, LastWords) {
		let mut lines = Vec::new();
		let words = tell(source, |line| lines.push(line.into()));
		(lines, words)
	}

	#[test]
	fn lines_should_be_told_without_what_a_terminal_obeys() {
		let (lines, words) = told(b"one\n\n\x1b[31mred\x07\r\nno \xff UTF-8\nthe end");
		assert_eq!(lines, ["one", "\\u{1b}[31mred\\u{7}\\r", "no \u{fffd} UTF-8", "the end"]);
		assert_eq!(words, LastWords::default());
	}

	#[test]
	fn long_lines_and_many_lines_should_be_cut_off() {
		let (lines, _) = told(&[b'x'; 1 << 20]);
		assert_eq!(lines, ["x".repeat(LONGEST)]);
		let (lines, words) = told(&[&b"x\n".repeat(1_000)[..], b"memory allocation of 5 bytes failed\n"].concat());
		assert_eq!(lines.len() as u32, MOST + 1);
		assert!(lines[MOST as usize].contains("left out") && words.no_memory, "what is left out is heard");
	}

	#[test]
	fn what_the_runtime_says_of_the_end_should_be_understood() {
		let (_, words) =
			told(b"\nthread 'inference' (7) has overflowed its stack\nfatal runtime error: stack overflow\n");
		assert_eq!(words, LastWords { no_memory: false, no_stack: true });
		assert_eq!(told(b"memory allocation of 7 bytes failed\n").1, LastWords { no_memory: true, no_stack: false });
		assert_eq!(told(b"the memory allocation of a model\n").1, LastWords::default());
	}
}
