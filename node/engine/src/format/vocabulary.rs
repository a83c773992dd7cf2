//! A model's tokens as texts, arranged so that all that may come next are found in one walk.

use super::expr::ByteSet;

/// Tokens that are longer, in bytes, are looked at one by one; they are few.
pub(super) const DEPTH: usize = 16;

/// A set of tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenSet {
	words: Vec<u64>,
}

impl TokenSet {
	/// No token of so many.
	pub fn none(tokens: usize) -> Self {
		Self { words: vec![0; tokens.div_ceil(64)] }
	}

	/// Adds a token, which must be one of those that the set was made for.
	pub fn insert(&mut self, token: u32) {
		self.words[token as usize / 64] |= 1 << (token % 64);
	}

	/// Whether a token is in the set.
	#[cfg(test)]
	pub fn contains(&self, token: u32) -> bool {
		self.words.get(token as usize / 64).is_some_and(|word| word >> (token % 64) & 1 == 1)
	}

	/// Whether no token is.
	pub fn is_empty(&self) -> bool {
		self.words.iter().all(|word| *word == 0)
	}

	/// The tokens, in ascending order.
	pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
		(0..).step_by(64).zip(&self.words).flat_map(|(first, word)| {
			let mut rest = *word;
			std::iter::from_fn(move || {
				let bit = (rest != 0).then(|| rest.trailing_zeros())?;
				rest &= rest - 1;
				Some(first + bit)
			})
		})
	}

	/// How many bytes of memory it takes.
	pub fn bytes(&self) -> usize {
		self.words.len() * 8
	}
}

/// What a token adds to an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenText<'a> {
	/// Nothing: it is a control token, and never a part of a text that has a format.
	None,
	/// These bytes.
	Bytes(&'a [u8]),
	/// These bytes, but for a space in front at the beginning of the answer.
	Spaced(&'a [u8]),
}

impl<'a> TokenText<'a> {
	/// The bytes, at the beginning of an answer or behind it.
	pub fn bytes(self, begins: bool) -> &'a [u8] {
		match self {
			Self::None => &[],
			Self::Spaced(bytes) if begins => bytes.strip_prefix(b" ").unwrap_or(bytes),
			Self::Bytes(bytes) | Self::Spaced(bytes) => bytes,
		}
	}
}

/// The tokens of a model.
#[derive(Debug)]
pub(crate) struct Vocabulary {
	tokens: usize,
	/// Behind another token.
	later: Tree,
	/// At the beginning of an answer, if that is not the same.
	first: Option<Tree>,
	/// The bytes that are a token of their own behind another one.
	pub(super) own: ByteSet,
}

/// The tokens as a tree of their bytes, its nodes in the order of a walk that goes deeper first.
#[derive(Debug, Default)]
pub(super) struct Tree {
	/// With one more behind the last, for its tokens' end.
	nodes: Vec<Node>,
	tokens: Vec<u32>,
	long: Vec<(Vec<u8>, u32)>,
}

#[derive(Clone, Copy, Debug)]
struct Node {
	/// Where the nodes below it end.
	end: u32,
	/// The first of its own tokens, which go on to the next node's.
	tokens: u32,
	byte: u8,
	/// From 1.
	depth: u8,
}

impl Vocabulary {
	/// The tokens in the order of their ids, and which of them end an answer; these are never text.
	pub fn new<'a>(texts: impl IntoIterator<Item = TokenText<'a>>, stops: &[u32]) -> Self {
		let texts: Vec<TokenText<'a>> = texts.into_iter().collect();
		let of = |begins: bool| {
			let bytes = (0..).zip(&texts).filter_map(|(id, text)| {
				let bytes = text.bytes(begins);
				(!bytes.is_empty() && !stops.contains(&id)).then_some((bytes, id))
			});
			bytes.collect::<Vec<_>>()
		};
		let mut own = ByteSet::default();
		let later = of(false);
		later.iter().filter(|(bytes, _)| bytes.len() == 1).for_each(|(bytes, _)| own.insert(bytes[0]));
		let is_spaced = texts.iter().any(|text| matches!(text, TokenText::Spaced(_)));
		Self { tokens: texts.len(), later: Tree::new(later), first: is_spaced.then(|| Tree::new(of(true))), own }
	}

	/// The tokens of up to [`DEPTH`] bytes that `next` leads somewhere from a state; it gets a state and a byte.
	pub(super) fn short<F>(&self, begins: bool, start: u16, next: F) -> TokenSet
	where
		F: Fn(u16, u8) -> Option<u16>,
	{
		let mut set = TokenSet::none(self.tokens);
		self.tree(begins).walk(start, next, &mut set);
		set
	}

	/// Adds the longer tokens that `next` leads somewhere.
	pub(super) fn add_long<F>(&self, begins: bool, start: u16, next: F, set: &mut TokenSet)
	where
		F: Fn(u16, u8) -> Option<u16>,
	{
		for (bytes, token) in &self.tree(begins).long {
			if bytes.iter().try_fold(start, |state, byte| next(state, *byte)).is_some() {
				set.insert(*token);
			}
		}
	}

	fn tree(&self, begins: bool) -> &Tree {
		self.first.as_ref().filter(|_| begins).unwrap_or(&self.later)
	}
}

impl Tree {
	fn new(mut texts: Vec<(&[u8], u32)>) -> Self {
		let mut tree = Self::default();
		texts.retain(|(bytes, id)| {
			let is_long = bytes.len() > DEPTH;
			if is_long {
				tree.long.push((bytes.to_vec(), *id));
			}
			!is_long
		});
		texts.sort_unstable();
		let mut path: Vec<usize> = Vec::new();
		let mut before: &[u8] = &[];
		for (bytes, id) in texts {
			let common = before.iter().zip(bytes).take_while(|(one, other)| one == other).count();
			tree.close(&mut path, common);
			for byte in &bytes[common..] {
				let tokens = tree.tokens.len() as u32;
				path.push(tree.nodes.len());
				tree.nodes.push(Node { end: 0, tokens, byte: *byte, depth: path.len() as u8 });
			}
			tree.tokens.push(id);
			before = bytes;
		}
		tree.close(&mut path, 0);
		tree.nodes.push(Node { end: 0, tokens: tree.tokens.len() as u32, byte: 0, depth: 0 });
		tree
	}

	/// Ends the nodes below the first of a path.
	fn close(&mut self, path: &mut Vec<usize>, keep: usize) {
		let end = self.nodes.len() as u32;
		path.drain(keep..).for_each(|node| self.nodes[node].end = end);
	}

	fn walk<F>(&self, start: u16, next: F, set: &mut TokenSet)
	where
		F: Fn(u16, u8) -> Option<u16>,
	{
		let mut states = [start; DEPTH + 1];
		let mut at = 0;
		while let [node, behind, ..] = &self.nodes[at..] {
			let depth = usize::from(node.depth);
			match next(states[depth - 1], node.byte) {
				Some(state) => {
					states[depth] = state;
					self.tokens[node.tokens as usize..behind.tokens as usize]
						.iter()
						.for_each(|token| set.insert(*token));
					at += 1;
				}
				None => at = node.end as usize,
			}
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::tests::Noise;

	#[test]
	fn a_set_should_hold_what_was_inserted_in_order() {
		let mut set = TokenSet::none(130);
		assert!(set.is_empty() && !set.contains(129) && !set.contains(1_000));
		[129, 0, 64, 63].into_iter().for_each(|token| set.insert(token));
		assert_eq!(set.iter().collect::<Vec<_>>(), [0, 63, 64, 129]);
		assert!(set.contains(129) && !set.contains(128));
	}

	#[test]
	fn a_walk_should_find_the_tokens_that_lead_somewhere() {
		let mut noise = Noise(5);
		let texts: Vec<Vec<u8>> = (0..500)
			.map(|_| {
				(0..1 + noise.bits() % [4, 24][noise.bits() as usize % 2])
					.map(|_| b'a' + (noise.bits() % 3) as u8)
					.collect()
			})
			.collect();
		let vocabulary = Vocabulary::new(texts.iter().map(|text| TokenText::Bytes(text)), &[7]);
		assert!(texts.iter().any(|text| text.len() > DEPTH));
		// Each byte leads to the number of its place, as long as it is not the one that is forbidden there.
		for forbidden in 0..3 {
			let next = |state: u16, byte: u8| (state % 3 != forbidden || byte != b'a').then_some(state + 1);
			for start in 0..3 {
				let expected = (0..).zip(&texts).filter(|(id, text)| match id {
					7 => false,
					_ => text.iter().try_fold(start, |state, byte| next(state, *byte)).is_some(),
				});
				let expected: Vec<u32> = expected.map(|(id, _)| id).collect();
				let mut found = vocabulary.short(false, start, next);
				vocabulary.add_long(false, start, next, &mut found);
				assert_eq!(found.iter().collect::<Vec<_>>(), expected);
			}
		}
	}

	#[test]
	fn a_space_in_front_should_not_count_at_the_beginning() {
		let texts = [
			TokenText::Spaced(b" a"),
			TokenText::Bytes(b"a"),
			TokenText::Spaced(b" "),
			TokenText::Bytes(b" "),
			TokenText::None,
		];
		let vocabulary = Vocabulary::new(texts, &[]);
		let a = |state: u16, byte: u8| (state == 0 && byte == b'a').then_some(1);
		let space = |state: u16, byte: u8| (state == 0 && byte == b' ').then_some(1);
		let found = |begins, next: &dyn Fn(u16, u8) -> Option<u16>| {
			vocabulary.short(begins, 0, next).iter().collect::<Vec<_>>()
		};
		assert_eq!(found(true, &a), [0, 1]);
		assert_eq!(found(false, &a), [1]);
		assert_eq!(found(true, &space), [3]);
		assert_eq!(found(false, &space), [2, 3]);
	}

	#[test]
	fn control_tokens_and_empty_ones_should_never_be_text() {
		let texts = [TokenText::None, TokenText::Bytes(b""), TokenText::Bytes(b"</s>"), TokenText::Bytes(b"a")];
		let vocabulary = Vocabulary::new(texts, &[2]);
		let anything = |state, _| Some(state);
		assert_eq!(vocabulary.short(false, 0, anything).iter().collect::<Vec<_>>(), [3]);
		assert!(vocabulary.own.contains(b'a') && !vocabulary.own.contains(b'<'));
	}
}
