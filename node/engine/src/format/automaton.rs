//! The automaton of a format: which bytes may come next, and whether the text may end.
//!
//! States are sets of positions that may come next, as A. V. Aho, R. Sethi and J. D. Ullman construct them from a regular
//! expression. How many there are, and the work that they take, are properties of the expression: they may be limits.

use super::expr::{ByteSet, Expr};
use super::glushkov::{Positions, END};
use super::FormatError;
use std::collections::{HashMap, HashSet};

/// The most states.
pub(super) const MAX_STATES: usize = 1 << 14;
/// The most work: for every state, every class of bytes and every position of the state with these bytes, as many as
/// there are positions that may follow it.
pub(super) const MAX_WORK: u64 = 1 << 23;

/// Where every other byte leads.
pub(crate) const DEAD: u16 = u16::MAX;
/// Where texts begin.
pub(crate) const START: u16 = 0;

/// A finite automaton over bytes. From every state a text can end.
#[derive(Clone, Debug)]
pub(crate) struct Automaton {
	/// The class of each byte. No position tells those of one class apart.
	pub(super) classes: [u8; 256],
	/// How many classes there are.
	pub(super) width: usize,
	/// For each state, where each class leads.
	pub(super) next: Vec<u16>,
	/// For each state, whether the text may end there.
	pub(super) complete: Vec<bool>,
}

impl Automaton {
	/// The automaton of an expression; an error if it has no text or needs too much.
	pub(super) fn new(expr: &Expr) -> Result<Self, FormatError> {
		let positions = Positions::new(expr)?;
		let (classes, width) = classes(&positions.bytes);
		let members = members(&positions.bytes, &classes, width);
		let mut builder = Builder { positions: &positions, numbers: HashMap::new(), states: Vec::new() };
		builder.number(positions.first.clone())?;
		let (mut next, mut complete) = (Vec::new(), Vec::new());
		let mut work = 0_u64;
		// By class, the positions of a state that have its bytes.
		let mut chosen: Vec<Vec<u32>> = vec![Vec::new(); width];
		let mut state = 0;
		while let Some(set) = builder.states.get(state).cloned() {
			chosen.iter_mut().for_each(Vec::clear);
			for position in &set {
				for class in &members[*position as usize] {
					chosen[usize::from(*class)].push(*position);
					work += positions.follow[*position as usize].len() as u64;
				}
				if work > MAX_WORK {
					return Err(FormatError::TooLarge { what: "steps to compile", limit: MAX_WORK });
				}
			}
			complete.push(set.first() == Some(&END));
			// Most classes choose the same positions as another one.
			let mut targets: Vec<(&[u32], u16)> = Vec::new();
			for chosen in &chosen {
				let target = match targets.iter().find(|(same, _)| same == chosen) {
					_ if chosen.is_empty() => DEAD,
					Some((_, target)) => *target,
					None => {
						let target = builder.follow(chosen)?;
						targets.push((chosen, target));
						target
					}
				};
				next.push(target);
			}
			state += 1;
		}
		Ok(Self { classes, width, next, complete })
	}

	/// Where a byte leads.
	pub fn next(&self, state: u16, byte: u8) -> u16 {
		self.next[usize::from(state) * self.width + usize::from(self.classes[usize::from(byte)])]
	}

	/// How many states there are.
	pub fn states(&self) -> usize {
		self.complete.len()
	}

	/// Whether a text is one of the format.
	#[cfg(test)]
	pub fn accepts(&self, text: &[u8]) -> bool {
		self.follow(text).is_some_and(|state| self.complete[usize::from(state)])
	}

	/// Whether a text of the format begins with this one.
	#[cfg(test)]
	pub fn begins(&self, text: &[u8]) -> bool {
		self.follow(text).is_some()
	}

	#[cfg(test)]
	fn follow(&self, text: &[u8]) -> Option<u16> {
		text.iter().try_fold(START, |state, byte| Some(self.next(state, *byte)).filter(|next| *next != DEAD))
	}

	/// A text that the given bytes choose: for each of its bytes, and for its end, one.
	pub fn sample(&self, choices: &[u8]) -> Option<Vec<u8>> {
		let (mut state, mut text) = (START, Vec::new());
		for choice in choices {
			let bytes: Vec<u8> = (0..=u8::MAX).filter(|byte| self.next(state, *byte) != DEAD).collect();
			let end = usize::from(self.complete[usize::from(state)]);
			let chosen = usize::from(*choice) % (bytes.len() + end);
			match chosen.checked_sub(end) {
				None => return Some(text),
				Some(at) => {
					text.push(bytes[at]);
					state = self.next(state, bytes[at]);
				}
			}
		}
		None
	}
}

struct Builder<'a> {
	positions: &'a Positions,
	numbers: HashMap<Vec<u32>, u16>,
	states: Vec<Vec<u32>>,
}

impl Builder<'_> {
	/// The state behind a byte of these positions.
	fn follow(&mut self, chosen: &[u32]) -> Result<u16, FormatError> {
		let mut set: Vec<u32> =
			chosen.iter().flat_map(|position| &self.positions.follow[*position as usize]).copied().collect();
		set.sort_unstable();
		set.dedup();
		self.number(set)
	}

	fn number(&mut self, set: Vec<u32>) -> Result<u16, FormatError> {
		if let Some(number) = self.numbers.get(&set) {
			return Ok(*number);
		}
		if self.states.len() == MAX_STATES {
			return Err(FormatError::TooLarge { what: "states", limit: MAX_STATES as u64 });
		}
		let number = self.states.len() as u16;
		self.states.push(set.clone());
		self.numbers.insert(set, number);
		Ok(number)
	}
}

/// The coarsest division of all bytes into classes of which every set is a union, and how many these are. Numbered in
/// the order of their first bytes.
fn classes(sets: &[ByteSet]) -> ([u8; 256], usize) {
	let sets: HashSet<&ByteSet> = sets.iter().collect();
	let mut classes = [0_u8; 256];
	let mut width = 1;
	for set in sets {
		let mut numbers: HashMap<(u8, bool), u8> = HashMap::new();
		for byte in 0..=u8::MAX {
			let class = &mut classes[usize::from(byte)];
			let count = numbers.len() as u8;
			*class = *numbers.entry((*class, set.contains(byte))).or_insert(count);
		}
		width = numbers.len();
	}
	(classes, width)
}

/// For each set, the classes that it is the union of.
fn members(sets: &[ByteSet], classes: &[u8; 256], width: usize) -> Vec<Vec<u8>> {
	// A byte of each class.
	let mut examples = vec![0; width];
	(0..=u8::MAX).rev().for_each(|byte| examples[usize::from(classes[usize::from(byte)])] = byte);
	sets.iter()
		.map(|set| {
			(0..=u8::MAX).zip(&examples).filter(|(_, byte)| set.contains(**byte)).map(|(class, _)| class).collect()
		})
		.collect()
}

#[cfg(test)]
mod tests {
	use super::*;

	fn automaton(expr: &Expr) -> Automaton {
		Automaton::new(expr).unwrap()
	}

	#[test]
	fn an_automaton_should_match_whole_texts() {
		let ab = Expr::concat([Expr::text("a"), Expr::repeat(Expr::text("b"), 1, Some(2))]);
		let automaton = automaton(&Expr::either([ab, Expr::text("c")]));
		for (text, expected) in
			[("ab", true), ("abb", true), ("c", true), ("", false), ("a", false), ("abbb", false), ("ca", false)]
		{
			assert_eq!(automaton.accepts(text.as_bytes()), expected, "{text}");
		}
		assert_eq!(automaton.sample(&[0, 0, 1, 0]), Some(b"abb".to_vec()));
		assert_eq!(automaton.sample(&[1, 0]), Some(b"c".to_vec()));
		assert_eq!(automaton.sample(&[0, 0, 1]), None, "nothing chose its end");
	}

	#[test]
	fn a_repeated_part_that_may_be_empty_should_be_repeated_all_the_same() {
		let part = Expr::optional(Expr::text("a"));
		for (min, max) in [(0, Some(3)), (3, Some(3)), (2, Some(3))] {
			let automaton = automaton(&Expr::repeat(part.clone(), min, max));
			let accepted: Vec<usize> = (0..6).filter(|count| automaton.accepts(&b"a".repeat(*count))).collect();
			assert_eq!(accepted, [0, 1, 2, 3]);
		}
		let endless = automaton(&Expr::repeat(part, 2, None));
		assert!((0..9).all(|count| endless.accepts(&b"a".repeat(count))));
	}

	#[test]
	fn a_part_without_an_end_should_come_as_often_as_it_must() {
		for min in 0..4 {
			let automaton = automaton(&Expr::repeat(Expr::text("ab"), min, None));
			for count in 0..8 {
				assert_eq!(automaton.accepts(&b"ab".repeat(count)), count >= min as usize);
			}
		}
	}

	#[test]
	fn optional_copies_should_not_multiply_pairs_or_states() {
		let expr = Expr::concat([Expr::repeat(Expr::text("a"), 0, Some(10_000)), Expr::text("b")]);
		assert_eq!(automaton(&expr).states(), 10_002);
		assert_eq!(automaton(&Expr::repeat(Expr::optional(Expr::text("a")), 0, Some(10_000))).states(), 10_001);
	}

	#[test]
	fn what_needs_too_much_should_be_refused_by_what_it_needs() {
		let a = || Expr::bytes(b'a', b'a');
		let any = || Expr::bytes(b'a', b'z');
		let refused = |expr: &Expr| match Automaton::new(expr) {
			Err(FormatError::TooLarge { what, .. }) => what,
			other => panic!("{other:?}"),
		};
		assert_eq!(refused(&Expr::repeat(a(), 0, Some(40_000))), "positions");
		let deep = Expr::repeat(Expr::repeat(Expr::repeat(a(), 0, Some(u32::MAX)), 0, Some(u32::MAX)), 9, None);
		assert_eq!(refused(&deep), "positions");
		let many = Expr::concat(vec![Expr::optional(a()); 1_000]);
		assert_eq!(refused(&many), "pairs of neighbours");
		let powers = |count| {
			let end = Expr::repeat(any(), count, Some(count));
			Expr::concat([Expr::repeat(any(), 0, None), a(), end])
		};
		assert_eq!(automaton(&powers(8)).states(), 1 << 9);
		assert_eq!(refused(&powers(14)), "states");
		let steps = Expr::concat(vec![Expr::optional(a()); 700]);
		assert_eq!(refused(&steps), "steps to compile");
		assert_eq!(Automaton::new(&Expr::Never).map(drop), Err(FormatError::NoText));
	}

	#[test]
	fn bytes_should_be_divided_into_as_few_classes_as_possible() {
		let sets =
			[ByteSet::default(), ByteSet::range(b'a', b'f'), ByteSet::range(b'c', b'z'), ByteSet::range(b'a', b'f')];
		let (classes, width) = classes(&sets);
		assert_eq!(width, 4);
		let members = members(&sets, &classes, width);
		for (set, members) in sets.iter().zip(&members) {
			for byte in 0..=u8::MAX {
				assert_eq!(set.contains(byte), members.contains(&classes[usize::from(byte)]));
			}
		}
	}
}
