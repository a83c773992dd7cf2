//! A format's automaton together with a model's tokens: which tokens may come next.

use super::automaton::{Automaton, DEAD, START};
use super::expr::ByteSet;
use super::vocabulary::{TokenSet, Vocabulary, DEPTH};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How many bytes of sets of tokens are kept.
const KEPT_BYTES: usize = 1 << 20;

/// Which tokens may come next, for one format and one model.
///
/// A byte that is no token of its own can't be written, so from every state some tokens lead to an end.
#[derive(Debug)]
pub(crate) struct Grammar {
	vocabulary: Arc<Vocabulary>,
	automaton: Automaton,
	/// States with the same number allow the same tokens of up to [`DEPTH`] bytes.
	alike: Vec<u16>,
	/// These tokens, by that number and whether it is the beginning.
	kept: Mutex<HashMap<(u16, bool), Arc<TokenSet>>>,
}

impl Grammar {
	/// None if the model cannot write any text of the format.
	pub fn new(automaton: &Automaton, vocabulary: Arc<Vocabulary>) -> Option<Self> {
		let automaton = writable(automaton, &vocabulary.own);
		let alike = alike(&automaton);
		let grammar = Self { vocabulary, automaton, alike, kept: Mutex::default() };
		(grammar.may_end(START) || !grammar.allowed(START, true).is_empty()).then_some(grammar)
	}

	/// How many bytes of memory it takes at most.
	pub fn bytes(&self) -> usize {
		size_of_val(&self.automaton.next[..]) + size_of_val(&self.alike[..]) + self.automaton.states() + KEPT_BYTES
	}

	/// Where texts begin.
	pub fn start(&self) -> u16 {
		START
	}

	/// Whether the text may end.
	pub fn may_end(&self, state: u16) -> bool {
		self.automaton.complete[usize::from(state)]
	}

	/// Whether nothing can follow.
	pub fn is_over(&self, state: u16) -> bool {
		(0..=u8::MAX).all(|byte| self.next(state, byte).is_none())
	}

	/// Where a text leads, if it may come next.
	pub fn follow(&self, state: u16, text: &[u8]) -> Option<u16> {
		text.iter().try_fold(state, |state, byte| self.next(state, *byte))
	}

	/// The tokens that may come next.
	pub fn allowed(&self, state: u16, begins: bool) -> TokenSet {
		let mut set = TokenSet::clone(&self.short(state, begins));
		self.vocabulary.add_long(begins, state, |state, byte| self.next(state, byte), &mut set);
		set
	}

	fn short(&self, state: u16, begins: bool) -> Arc<TokenSet> {
		let key = (self.alike[usize::from(state)], begins);
		if let Some(kept) = self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
			return kept.clone();
		}
		let next = |state, byte| self.next(state, byte);
		let set = Arc::new(self.vocabulary.short(begins, state, next));
		let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
		if (kept.len() + 1) * set.bytes() > KEPT_BYTES {
			kept.clear();
		}
		kept.insert(key, set.clone());
		set
	}

	fn next(&self, state: u16, byte: u8) -> Option<u16> {
		Some(self.automaton.next(state, byte)).filter(|next| *next != DEAD)
	}
}

/// The same automaton with no other ways than those that lead to an end over bytes that can be written.
fn writable(automaton: &Automaton, bytes: &ByteSet) -> Automaton {
	let Automaton { mut classes, width, next, complete } = automaton.clone();
	// The bytes that can't be written are a class that leads nowhere. Where every byte is a class, theirs do.
	let columns = (width + 1).min(256);
	let mut is_open = vec![false; columns];
	for byte in 0..=u8::MAX {
		let class = &mut classes[usize::from(byte)];
		match bytes.contains(byte) {
			true => is_open[usize::from(*class)] = true,
			false if columns > width => *class = width as u8,
			false => (),
		}
	}
	let mut before = vec![Vec::new(); complete.len()];
	let mut open = vec![DEAD; complete.len() * columns];
	for (state, (open, row)) in open.chunks_exact_mut(columns).zip(next.chunks_exact(width)).enumerate() {
		for ((open, next), _) in
			open.iter_mut().zip(row).zip(&is_open).filter(|((_, next), is_open)| **is_open && **next != DEAD)
		{
			*open = *next;
			before[usize::from(*next)].push(state);
		}
	}
	let mut ends = complete.clone();
	let mut found: Vec<usize> = (0..ends.len()).filter(|state| ends[*state]).collect();
	while let Some(state) = found.pop() {
		for before in &before[state] {
			if !std::mem::replace(&mut ends[*before], true) {
				found.push(*before);
			}
		}
	}
	open.iter_mut().filter(|next| **next != DEAD && !ends[usize::from(**next)]).for_each(|next| *next = DEAD);
	Automaton { classes, width: columns, next: open, complete }
}

/// Numbers of states. Those with the same number lead somewhere with the same texts of up to [`DEPTH`] bytes.
fn alike(automaton: &Automaton) -> Vec<u16> {
	let mut numbers = vec![0; automaton.states()];
	let mut count = 1;
	for _ in 0..DEPTH {
		let rows = automaton.next.chunks_exact(automaton.width);
		let number = |next: &u16| if *next == DEAD { DEAD } else { numbers[usize::from(*next)] };
		let (finer, finer_count) = numbered(rows.map(|row| row.iter().map(number)));
		if finer_count == count {
			break;
		}
		(numbers, count) = (finer, finer_count);
	}
	numbers
}

/// Numbers rows so that equal ones have the same number. Also how many numbers there are.
fn numbered<R: IntoIterator<Item = u16>>(rows: impl Iterator<Item = R>) -> (Vec<u16>, usize) {
	let mut known: HashMap<Vec<u16>, u16> = HashMap::new();
	let mut numbers = Vec::new();
	let mut buffer = Vec::new();
	for row in rows {
		buffer.clear();
		buffer.extend(row);
		let count = known.len() as u16;
		numbers.push(match known.get(&buffer) {
			Some(number) => *number,
			None => {
				known.insert(buffer.clone(), count);
				count
			}
		});
	}
	(numbers, known.len())
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::format::vocabulary::TokenText;
	use crate::format::{compile, Format};

	fn grammar(pattern: &str, tokens: &[&str]) -> Option<Grammar> {
		let texts = [TokenText::None].into_iter().chain(tokens.iter().map(|token| TokenText::Bytes(token.as_bytes())));
		let automaton = compile(&Format::Regex(pattern.into())).unwrap().unwrap();
		Grammar::new(&automaton, Arc::new(Vocabulary::new(texts, &[0])))
	}

	fn allowed(grammar: &Grammar, text: &str) -> Vec<u32> {
		let state = grammar.follow(grammar.start(), text.as_bytes()).unwrap();
		grammar.allowed(state, text.is_empty()).iter().collect()
	}

	#[test]
	fn tokens_that_keep_the_text_a_beginning_of_the_format_should_be_allowed() {
		let grammar = grammar("(ab)+c?", &["a", "b", "c", "ab", "aba", "bc", "abcc", "abababababababababa"]).unwrap();
		assert_eq!(allowed(&grammar, ""), [1, 4, 5, 8]);
		assert_eq!(allowed(&grammar, "a"), [2, 6]);
		assert_eq!(allowed(&grammar, "ab"), [1, 3, 4, 5, 8]);
		assert!(allowed(&grammar, "abc").is_empty());
		let over = grammar.follow(grammar.start(), b"abc").unwrap();
		assert!(grammar.is_over(over) && !grammar.is_over(grammar.start()));
		assert_eq!(grammar.follow(over, b"a"), None);
	}

	#[test]
	fn a_way_that_the_models_bytes_cannot_end_should_not_be_begun() {
		// There is no z alone, so what needs one can't be ended, token or not.
		let tokens = ["a", "b", "az", "z!"];
		let some = grammar("az|ab", &tokens).unwrap();
		assert_eq!(allowed(&some, ""), [1]);
		assert_eq!(allowed(&some, "a"), [2]);
		assert!(grammar("az", &tokens).is_none());
		assert!(grammar("(az)?", &tokens).is_some_and(|grammar| grammar.is_over(grammar.start())));
	}

	#[test]
	fn every_byte_may_be_a_class_of_its_own() {
		let own: Vec<Vec<u8>> = (0..=u8::MAX).map(|byte| vec![byte]).collect();
		let expr = crate::format::Expr::either((0..=u8::MAX).map(|byte| {
			crate::format::Expr::concat([crate::format::Expr::bytes(byte, byte), crate::format::Expr::bytes(0, byte)])
		}));
		let automaton = Automaton::new(&expr).unwrap();
		assert_eq!(automaton.width, 256);
		let without_seven = own.iter().map(|byte| if byte[0] == 7 { TokenText::None } else { TokenText::Bytes(byte) });
		let grammar = Grammar::new(&automaton, Arc::new(Vocabulary::new(without_seven, &[]))).unwrap();
		assert_eq!(grammar.allowed(START, true).iter().count(), 255);
		let nine = grammar.follow(START, &[9]).unwrap();
		assert_eq!(grammar.allowed(nine, false).iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 6, 8, 9]);
	}

	#[test]
	fn states_far_from_a_bound_should_share_their_sets() {
		let grammar = grammar("a{0,200}", &["a", "aaa", "aaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaa"]).unwrap();
		for length in 0..=200 {
			let expected = [(1, 1), (2, 3), (3, 12), (4, 18)].into_iter().filter(|(_, bytes)| length + bytes <= 200);
			assert_eq!(
				allowed(&grammar, &"a".repeat(length)),
				expected.map(|(token, _)| token).collect::<Vec<_>>(),
				"{length}"
			);
		}
		assert!((2..40).contains(&grammar.kept.lock().unwrap().len()));
	}
}
