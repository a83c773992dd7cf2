//! Text that knows what of it a message said.

use std::ops::Range;

/// A text in runs, each of which is either the template's own or a part of what a message says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Text {
	text: String,
	/// Where each run ends, and whether a message said it. No run is empty, and neighbours differ.
	runs: Vec<(usize, bool)>,
}

impl Text {
	/// A text of the template.
	pub fn own(text: &str) -> Self {
		Self::from_run(text, false)
	}

	/// A text of a message.
	pub fn said(text: &str) -> Self {
		Self::from_run(text, true)
	}

	fn from_run(text: &str, said: bool) -> Self {
		let mut new = Self::default();
		new.push_run(text, said);
		new
	}

	fn push_run(&mut self, text: &str, said: bool) {
		if text.is_empty() {
			return;
		}
		self.text.push_str(text);
		match self.runs.last_mut() {
			Some((end, last)) if *last == said => *end = self.text.len(),
			_ => self.runs.push((self.text.len(), said)),
		}
	}

	pub fn push(&mut self, other: &Self) {
		for (run, said) in other.runs() {
			self.push_run(run, said);
		}
	}

	pub fn as_str(&self) -> &str {
		&self.text
	}

	/// The runs, and whether a message said them.
	pub fn runs(&self) -> impl Iterator<Item = (&str, bool)> {
		let starts = std::iter::once(0).chain(self.runs.iter().map(|(end, _)| *end));
		starts.zip(&self.runs).map(|(start, (end, said))| (&self.text[start..*end], *said))
	}

	/// A part, between two borders of characters.
	pub fn slice(&self, range: Range<usize>) -> Self {
		let mut part = Self::default();
		let mut start = range.start;
		let first = self.runs.partition_point(|(end, _)| *end <= range.start);
		for (end, said) in &self.runs[first..] {
			if start >= range.end {
				break;
			}
			let end = range.end.min(*end);
			part.push_run(&self.text[start..end], *said);
			start = end;
		}
		part
	}

	/// The same text in other letters. If a message said any of it, it counts as having said all.
	pub fn map(&self, letters: impl Fn(&str) -> String) -> Self {
		Self::from_run(&letters(&self.text), self.runs.iter().any(|(_, said)| *said))
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn mixed() -> Text {
		let mut text = Text::own("ab");
		for part in [Text::said("cé"), Text::said(""), Text::said("f"), Text::own("gh")] {
			text.push(&part);
		}
		text
	}

	#[test]
	fn runs_should_be_as_long_as_they_can_be() {
		assert_eq!(mixed().runs().collect::<Vec<_>>(), [("ab", false), ("céf", true), ("gh", false)]);
		assert_eq!(Text::default().runs().count(), 0);
	}

	#[test]
	fn a_part_should_know_what_was_said() {
		let text = mixed();
		for start in 0..=text.as_str().len() {
			for end in start..=text.as_str().len() {
				let Some(expected) = text.as_str().get(start..end) else { continue };
				let part = text.slice(start..end);
				assert_eq!(part.as_str(), expected);
				let said: String = part.runs().filter(|(_, said)| *said).map(|(run, _)| run).collect();
				assert_eq!(said, expected.chars().filter(|char| "céf".contains(*char)).collect::<String>());
			}
		}
	}

	#[test]
	fn other_letters_should_be_said_if_any_were() {
		assert_eq!(Text::own("ab").map(str::to_uppercase), Text::own("AB"));
		assert_eq!(mixed().map(str::to_lowercase), Text::said("abcéfgh"));
	}
}
