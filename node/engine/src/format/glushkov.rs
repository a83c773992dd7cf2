//! The positions of a regular expression, and which may follow which (V. M. Glushkov; R. McNaughton and H. Yamada).

use super::expr::{ByteSet, Expr};
use super::FormatError;

/// The most positions of an expression ([`Expr::positions`]), its end not counted.
pub(super) const MAX_POSITIONS: u64 = 1 << 15;
/// The most pairs of positions of which one may follow the other, the end among them.
pub(super) const MAX_PAIRS: u64 = 1 << 18;

/// The position behind every text.
pub(super) const END: u32 = 0;

/// An expression as a set of positions, each of them a byte of some set.
#[derive(Debug)]
pub(super) struct Positions {
	/// The bytes of each; none for [`END`].
	pub bytes: Vec<ByteSet>,
	/// What may follow each, in ascending order.
	pub follow: Vec<Vec<u32>>,
	/// What a text may begin with, in ascending order.
	pub first: Vec<u32>,
	pairs: u64,
}

/// A part of the expression: what it may begin and end with, and whether it may be empty.
struct Part {
	first: Vec<u32>,
	last: Vec<u32>,
	is_nullable: bool,
}

impl Part {
	fn empty() -> Self {
		Self { first: Vec::new(), last: Vec::new(), is_nullable: true }
	}
}

impl Positions {
	pub fn new(expr: &Expr) -> Result<Self, FormatError> {
		if *expr == Expr::Never {
			return Err(FormatError::NoText);
		}
		if expr.positions() > MAX_POSITIONS {
			return Err(FormatError::TooLarge { what: "positions", limit: MAX_POSITIONS });
		}
		let mut positions =
			Self { bytes: vec![ByteSet::default()], follow: vec![Vec::new()], first: Vec::new(), pairs: 0 };
		let whole = positions.part(expr)?;
		positions.connect(&whole.last, &[END])?;
		positions.first = whole.first;
		if whole.is_nullable {
			positions.first.push(END);
		}
		positions.first.sort_unstable();
		Ok(positions)
	}

	fn part(&mut self, expr: &Expr) -> Result<Part, FormatError> {
		match expr {
			Expr::Never => Err(FormatError::NoText),
			Expr::Empty => Ok(Part::empty()),
			Expr::Byte(set) => {
				let position = self.bytes.len() as u32;
				self.bytes.push(*set);
				self.follow.push(Vec::new());
				Ok(Part { first: vec![position], last: vec![position], is_nullable: false })
			}
			Expr::Concat(parts) => {
				let mut whole = Part::empty();
				for part in parts {
					let next = self.part(part)?;
					self.connect(&whole.last, &next.first)?;
					if whole.is_nullable {
						whole.first.extend(&next.first);
					}
					if !next.is_nullable {
						whole.last.clear();
					}
					whole.last.extend(next.last);
					whole.is_nullable &= next.is_nullable;
				}
				Ok(whole)
			}
			Expr::Either(parts) => {
				let mut whole = Part { is_nullable: false, ..Part::empty() };
				for part in parts {
					let one = self.part(part)?;
					whole.first.extend(one.first);
					whole.last.extend(one.last);
					whole.is_nullable |= one.is_nullable;
				}
				Ok(whole)
			}
			Expr::Repeat(part, min, max) => self.repeat(part, *min, *max),
		}
	}

	/// Copies one behind the other. The empty text is no text of a copy, as it would add nothing but pairs.
	fn repeat(&mut self, part: &Expr, min: u32, max: Option<u32>) -> Result<Part, FormatError> {
		let mut whole = Part::empty();
		let mut before = Vec::new();
		let (mut min, mut copy) = (min, 0);
		while copy < max.unwrap_or(min.max(1)) {
			let next = self.part(part)?;
			if next.is_nullable {
				min = 0;
			}
			self.connect(&before, &next.first)?;
			copy += 1;
			if copy == 1 {
				whole.first = next.first.clone();
			}
			if copy >= min {
				whole.last.extend(&next.last);
			}
			if max.is_none() && copy >= min {
				self.connect(&next.last, &next.first)?;
				break;
			}
			before = next.last;
		}
		whole.is_nullable = min == 0;
		Ok(whole)
	}

	/// Lets each of the second follow each of the first.
	fn connect(&mut self, lasts: &[u32], firsts: &[u32]) -> Result<(), FormatError> {
		for last in lasts {
			for first in firsts {
				let follow = &mut self.follow[*last as usize];
				if let Err(place) = follow.binary_search(first) {
					follow.insert(place, *first);
					self.pairs += 1;
				}
			}
			if self.pairs > MAX_PAIRS {
				return Err(FormatError::TooLarge { what: "pairs of neighbours", limit: MAX_PAIRS });
			}
		}
		Ok(())
	}
}
