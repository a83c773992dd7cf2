//! Regular expressions over bytes, as the automaton is made of them.

/// A set of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct ByteSet([u64; 4]);

impl ByteSet {
	/// The bytes from the first to the last.
	pub fn range(first: u8, last: u8) -> Self {
		let mut set = Self::default();
		(first..=last).for_each(|byte| set.insert(byte));
		set
	}

	pub fn insert(&mut self, byte: u8) {
		self.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
	}

	pub fn contains(&self, byte: u8) -> bool {
		self.0[usize::from(byte >> 6)] >> (byte & 63) & 1 == 1
	}

	fn union(self, other: Self) -> Self {
		Self(std::array::from_fn(|at| self.0[at] | other.0[at]))
	}
}

/// A regular expression. The functions that make one leave no part of it without a text that it matches, unless it has
/// no text as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expr {
	/// No text.
	Never,
	/// The empty text.
	Empty,
	/// One byte of a set that is not empty.
	Byte(ByteSet),
	/// One after the other.
	Concat(Vec<Expr>),
	/// One of them.
	Either(Vec<Expr>),
	/// So many times, without an end if there is no greatest number.
	Repeat(Box<Expr>, u32, Option<u32>),
}

impl Expr {
	/// A text as it stands.
	pub fn text(text: &str) -> Self {
		Self::concat(text.bytes().map(|byte| Self::Byte(ByteSet::range(byte, byte))))
	}

	/// One byte of a range.
	pub fn bytes(first: u8, last: u8) -> Self {
		Self::Byte(ByteSet::range(first, last))
	}

	/// One after the other.
	pub fn concat(parts: impl IntoIterator<Item = Expr>) -> Self {
		let mut flat = Vec::new();
		for part in parts {
			match part {
				Self::Never => return Self::Never,
				Self::Empty => (),
				Self::Concat(parts) => flat.extend(parts),
				part => flat.push(part),
			}
		}
		match flat.len() {
			0 => Self::Empty,
			1 => flat.remove(0),
			_ => Self::Concat(flat),
		}
	}

	/// One of them. Those of one byte become one, and so do those of none.
	pub fn either(parts: impl IntoIterator<Item = Expr>) -> Self {
		let mut flat = Vec::new();
		let mut byte: Option<ByteSet> = None;
		let mut may_be_empty = false;
		let parts = parts.into_iter().flat_map(|part| match part {
			Self::Either(parts) => parts,
			part => vec![part],
		});
		for part in parts {
			match part {
				Self::Never => (),
				Self::Empty => may_be_empty = true,
				Self::Byte(set) => byte = Some(byte.unwrap_or_default().union(set)),
				part => flat.push(part),
			}
		}
		flat.extend(byte.map(Self::Byte));
		if may_be_empty {
			flat.insert(0, Self::Empty);
		}
		match flat.len() {
			0 => Self::Never,
			1 => flat.remove(0),
			_ => Self::Either(flat),
		}
	}

	/// The part or nothing.
	pub fn optional(part: Expr) -> Self {
		Self::either([Self::Empty, part])
	}

	/// The part from `min` to `max` times. What has no byte is not repeated: it would be no other text, and many steps that
	/// no limit on positions counts.
	pub fn repeat(part: Expr, min: u32, max: Option<u32>) -> Self {
		match (part, max) {
			(Self::Empty, _) | (_, Some(0)) => Self::Empty,
			(Self::Never, _) if min == 0 => Self::Empty,
			(Self::Never, _) => Self::Never,
			(part, _) if part.positions() == 0 => Self::Empty,
			(part, Some(1)) if min == 1 => part,
			(part, Some(1)) => Self::optional(part),
			(part, max) => Self::Repeat(Box::new(part), min, max),
		}
	}

	/// How many bytes stand in it when what is repeated is written out: each part as often as it may come, and that
	/// without an end as often as it must, at least once.
	pub fn positions(&self) -> u64 {
		match self {
			Self::Never | Self::Empty => 0,
			Self::Byte(_) => 1,
			Self::Concat(parts) | Self::Either(parts) => {
				parts.iter().fold(0, |sum, part| u64::saturating_add(sum, part.positions()))
			}
			Self::Repeat(part, min, max) => part.positions().saturating_mul(max.unwrap_or((*min).max(1)).into()),
		}
	}
}
