//! Sets of characters, as regular expressions over the bytes of their UTF-8.
//!
//! Only ranges of code points: no table of Unicode's takes part, so no version of one is part of an answer.

use super::expr::{ByteSet, Expr};

/// The greatest code point.
const MAX: u32 = 0x10_ffff;
/// The greatest code points of one, two and three bytes.
const LENGTHS: [u32; 3] = [0x7f, 0x7ff, 0xffff];
/// These are no characters.
const SURROGATES: [u32; 2] = [0xd800, 0xdfff];

/// A range for each byte.
type Sequence = Vec<[u8; 2]>;

/// A set of characters: ranges of code points, ascending, that neither touch nor hold a surrogate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CharSet(Vec<[u32; 2]>);

impl CharSet {
	/// All characters of the ranges.
	pub fn new(ranges: impl IntoIterator<Item = [char; 2]>) -> Self {
		Self::of_code_points(ranges.into_iter().map(|range| range.map(u32::from)).collect())
	}

	fn of_code_points(mut ranges: Vec<[u32; 2]>) -> Self {
		ranges.sort_unstable();
		let mut joined: Vec<[u32; 2]> = Vec::new();
		for [first, last] in ranges.into_iter().flat_map(without_surrogates) {
			match joined.last_mut() {
				Some([_, end]) if first <= *end + 1 => *end = last.max(*end),
				_ => joined.push([first, last]),
			}
		}
		Self(joined)
	}

	/// All other characters.
	pub fn complement(&self) -> Self {
		let mut from = 0;
		let mut others = Vec::new();
		for [first, last] in &self.0 {
			if from < *first {
				others.push([from, first - 1]);
			}
			from = last + 1;
		}
		if from <= MAX {
			others.push([from, MAX]);
		}
		Self::of_code_points(others)
	}

	/// One character of the set.
	pub fn expr(&self) -> Expr {
		let mut sequences = Vec::new();
		self.0.iter().for_each(|range| split(*range, &mut sequences));
		join(&sequences)
	}
}

/// The parts of a range before and behind the surrogates.
fn without_surrogates([first, last]: [u32; 2]) -> impl Iterator<Item = [u32; 2]> {
	let [low, high] = SURROGATES;
	[[first, last.min(low - 1)], [first.max(high + 1), last]].into_iter().filter(|[first, last]| first <= last)
}

/// Divides a range of code points into such as are all combinations of a byte of each of a few ranges.
fn split([first, last]: [u32; 2], out: &mut Vec<Sequence>) {
	if let Some(border) = LENGTHS.into_iter().find(|border| first <= *border && *border < last) {
		split([first, border], out);
		split([border + 1, last], out);
		return;
	}
	for continuations in 1..encode(first).len() {
		let low = (1 << (6 * continuations)) - 1;
		if first & !low != last & !low {
			let middle = match first & low {
				0 if last & low == low => continue,
				0 => last & !low,
				_ => (first | low) + 1,
			};
			split([first, middle - 1], out);
			split([middle, last], out);
			return;
		}
	}
	out.push(encode(first).into_iter().zip(encode(last)).map(|(first, last)| [first, last]).collect());
}

/// The UTF-8 of a code point.
fn encode(code: u32) -> Vec<u8> {
	let length = 1 + LENGTHS.iter().filter(|border| code > **border).count();
	if length == 1 {
		return vec![code as u8];
	}
	let lead = 0xff_u32 << (8 - length) & 0xff;
	(0..length)
		.map(|at| {
			let bits = code >> (6 * (length - 1 - at));
			(if at == 0 { lead | bits } else { 0x80 | bits & 0x3f }) as u8
		})
		.collect()
}

/// One of the sequences. What ends alike is written once, which keeps automata small.
fn join(sequences: &[Sequence]) -> Expr {
	let mut groups: Vec<([u8; 2], Vec<Sequence>)> = Vec::new();
	let mut single: Option<ByteSet> = None;
	for sequence in sequences {
		match sequence.split_last() {
			None => (),
			Some((last, [])) => {
				let set = single.get_or_insert_default();
				(last[0]..=last[1]).for_each(|byte| set.insert(byte));
			}
			Some((last, before)) => match groups.iter_mut().find(|(other, _)| other == last) {
				Some((_, befores)) => befores.push(before.to_vec()),
				None => groups.push((*last, vec![before.to_vec()])),
			},
		}
	}
	let groups =
		groups.into_iter().map(|([first, last], before)| Expr::concat([join(&before), Expr::bytes(first, last)]));
	Expr::either(single.map(Expr::Byte).into_iter().chain(groups))
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::format::Automaton;
	use crate::tests::Noise;

	fn matches(automaton: &Automaton, code: u32) -> bool {
		automaton.accepts(&encode(code))
	}

	#[test]
	fn a_character_should_be_encoded_as_utf_8() {
		for code in [0, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xffff, 0x1_0000, MAX] {
			let character = char::from_u32(code).unwrap();
			assert_eq!(encode(code), character.to_string().as_bytes());
		}
	}

	#[test]
	fn a_set_and_its_complement_should_match_their_characters_and_no_surrogate() {
		let mut noise = Noise(7);
		for count in [0, 1, 1, 2, 3, 5] {
			let ranges: Vec<[char; 2]> = (0..count)
				.map(|_| {
					let mut ends =
						[0; 2].map(|_: u32| noise.bits() % [0x90, 0x900, 0x1_0000, MAX + 1][noise.bits() as usize % 4]);
					ends.sort_unstable();
					ends.map(|end| char::from_u32(end).unwrap_or('\u{e000}'))
				})
				.collect();
			let set = CharSet::new(ranges.iter().copied());
			assert_eq!(set.complement().complement(), set);
			let automata = [&set, &set.complement()].map(|set| match set.expr() {
				Expr::Never => None,
				expr => Some(Automaton::new(&expr).unwrap()),
			});
			for code in (0..0x1000).chain((0x1000..=MAX).step_by(61)).chain(0xd7f0..0xe010).chain([MAX]) {
				let inside = ranges.iter().any(|[first, last]| (u32::from(*first)..=u32::from(*last)).contains(&code));
				let is_character = char::from_u32(code).is_some();
				let found = automata.each_ref().map(|automaton| automaton.as_ref().is_some_and(|a| matches(a, code)));
				assert_eq!(found, [inside && is_character, !inside && is_character], "{code:x} of {ranges:x?}");
			}
		}
	}

	#[test]
	fn any_character_should_take_fifteen_positions() {
		assert_eq!(CharSet::default().complement().expr().positions(), 15);
	}
}
