//! Texts that end an answer.

/// Looks for the first stop text in a text that comes in parts, as bytes.
#[derive(Clone, Debug)]
pub(crate) struct StopTexts {
	stops: Vec<String>,
	/// How many bytes the longest has.
	longest: usize,
}

impl StopTexts {
	/// None of them has come yet.
	pub fn new(stops: Vec<String>) -> Self {
		Self { longest: stops.iter().map(String::len).max().unwrap_or(0), stops }
	}

	/// The length of the text before the stop text that begins first, if there is one. Only those are looked for that end
	/// in the last `added` bytes.
	pub fn find(&self, text: &[u8], added: usize) -> Option<usize> {
		let from = (text.len() - added + 1).saturating_sub(self.longest);
		let place = |stop: &String| text[from..].windows(stop.len()).position(|window| window == stop.as_bytes());
		self.stops.iter().filter_map(place).min().map(|at| from + at)
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::tests::Noise;

	fn stops(texts: &[&str]) -> StopTexts {
		StopTexts::new(texts.iter().map(|text| text.to_string()).collect())
	}

	#[test]
	fn the_stop_text_that_begins_first_should_count() {
		assert_eq!(stops(&["cd", "b"]).find(b"abcd", 4), Some(1));
		assert_eq!(stops(&["abc", "b"]).find(b"xabc", 4), Some(1));
		assert_eq!(stops(&["x"]).find(b"abc", 3), None);
		assert_eq!(stops(&[]).find(b"abc", 3), None);
		assert_eq!(stops(&["a"]).find(b"", 0), None);
	}

	#[test]
	fn a_stop_text_should_be_found_over_the_borders_of_parts() {
		let stops = stops(&["é\n\n", "##"]);
		let text = "a#bé\n\n#".as_bytes();
		assert_eq!(stops.find(&text[..6], 6), None);
		assert_eq!(stops.find(&text[..7], 1), Some(3));
		assert_eq!(stops.find(text, 2), Some(3));
	}

	#[test]
	fn a_text_in_parts_should_end_before_the_stop_text_that_ends_first() {
		let mut noise = Noise(3);
		for _ in 0..2_000 {
			let mut text = |most: u32| -> String {
				(0..1 + noise.bits() % most).map(|_| ['a', 'b', 'é'][noise.bits() as usize % 3]).collect()
			};
			let (whole, texts) = (text(12), [text(4), text(3)]);
			let stops = StopTexts::new(texts.to_vec());
			let at_once = texts.iter().filter_map(|stop| whole.find(stop.as_str())).min();
			assert_eq!(stops.find(whole.as_bytes(), whole.len()), at_once);
			// Byte by byte, of those that end alike the longer one begins first.
			let ends = texts.iter().filter_map(|stop| whole.find(stop.as_str()).map(|at| (at + stop.len(), at)));
			let by_byte = (1..=whole.len()).find_map(|end| stops.find(&whole.as_bytes()[..end], 1));
			assert_eq!(by_byte, ends.min().map(|(_, at)| at), "{texts:?} in {whole}");
		}
	}
}
