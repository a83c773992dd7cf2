//! Quantised inputs.

use super::super::lanes::{Lanes, MAGIC, WIDTH};
use super::super::pool::Pool;
use super::super::{Kernels, Pass};
use std::sync::atomic::{AtomicBool, Ordering};

/// The terms of a block.
pub(crate) const BLOCK: usize = 32;

/// Rows lie in groups of this many, block by block, if there is more than one.
pub(super) const ROW_GROUP: usize = 4;

/// A block whose largest magnitude is below this is zero: its reciprocal might be infinite.
const LEAST: f32 = f32::from_bits((127 - 100) << 23);

/// The largest quantised magnitude: 127 · 128, so that the upper part fits in a byte, and no byte is −128.
pub(super) const LARGEST: f32 = 16_256.0;

/// Thirty-two terms: `(128 · high[i] + low[i]) · scale`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(16))]
pub(crate) struct InputBlock {
	/// In −127..=127.
	pub high: [i8; BLOCK],
	/// In −64..=63.
	pub low: [i8; BLOCK],
	/// The largest magnitude divided by [`LARGEST`].
	pub scale: f32,
	/// `scale · sum`, rounded once.
	pub scaled_sum: f32,
	/// The sum of the quantised values.
	pub sum: i32,
	/// The sum of the first half of them.
	pub first_sum: i32,
}

impl InputBlock {
	const ZERO: Self = Self { high: [0; BLOCK], low: [0; BLOCK], scale: 0.0, scaled_sum: 0.0, sum: 0, first_sum: 0 };
}

/// Rows of input, as floats and quantised.
///
/// What a row becomes depends on nothing but the row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Quantised {
	width: usize,
	floats: Vec<f32>,
	one: Vec<[InputBlock; 1]>,
	many: Vec<[InputBlock; ROW_GROUP]>,
}

/// The rows' blocks.
pub(super) enum Rows<'a> {
	/// Those of a single row.
	One(&'a [[InputBlock; 1]]),
	/// Those of group after group of four rows; the last group is filled up with zeros.
	Many(&'a [[InputBlock; ROW_GROUP]]),
}

impl Quantised {
	/// Lets `make` fill each row, `width` floats (a multiple of 32), and quantises it. False if a value is not finite.
	pub fn fill(
		&mut self,
		kernels: Kernels,
		pool: &Pool,
		[count, width]: [usize; 2],
		make: impl Fn(usize, &mut [f32]) + Sync,
	) -> bool {
		let blocks = width / BLOCK;
		self.width = width;
		self.floats.resize(count * width, 0.0);
		pool.parts(&mut self.floats, ROW_GROUP * width, |first, rows| {
			for (row, values) in rows.chunks_exact_mut(width).enumerate() {
				make(first / width + row, values);
			}
		});
		let floats = &self.floats;
		let finite = AtomicBool::new(true);
		let quantise = |finite_part: bool| {
			if !finite_part {
				finite.store(false, Ordering::Relaxed);
			}
		};
		if count == 1 {
			self.one.resize(blocks, [InputBlock::ZERO]);
			quantise(kernels.run(Quantise { row: floats, out: &mut self.one, member: 0 }));
		} else {
			self.many.resize(count.div_ceil(ROW_GROUP) * blocks, [InputBlock::ZERO; ROW_GROUP]);
			pool.parts(&mut self.many, blocks, |first, out| {
				let row = first / blocks * ROW_GROUP;
				for member in 0..ROW_GROUP {
					match floats.get((row + member) * width..(row + member + 1) * width) {
						Some(row) => quantise(kernels.run(Quantise { row, out, member })),
						None => out.iter_mut().for_each(|block| block[member] = InputBlock::ZERO),
					}
				}
			});
		}
		finite.into_inner()
	}

	/// The number of rows.
	pub fn count(&self) -> usize {
		self.floats.len() / self.width.max(1)
	}

	/// The number of terms of a row.
	pub fn width(&self) -> usize {
		self.width
	}

	/// The number of blocks of a row.
	pub fn blocks(&self) -> usize {
		self.width / BLOCK
	}

	/// The rows as they were before.
	pub fn floats(&self) -> &[f32] {
		&self.floats
	}

	/// The rows' blocks.
	pub(super) fn rows(&self) -> Rows<'_> {
		match self.count() {
			1 => Rows::One(&self.one),
			_ => Rows::Many(&self.many),
		}
	}
}

/// Quantises a row into one member of a group; false if a value is not finite.
///
/// `scale = amax / LARGEST` and `value = round_ties_even(x · (LARGEST / amax))`, each operation rounded to f32.
struct Quantise<'a, const G: usize> {
	row: &'a [f32],
	out: &'a mut [[InputBlock; G]],
	member: usize,
}

impl<const G: usize> Pass for Quantise<'_, G> {
	type Output = bool;

	#[inline(always)]
	fn run<L: Lanes>(self) -> bool {
		const SIGN: u32 = 1 << 31;
		let mut finite = true;
		for (x, out) in self.row.as_chunks::<BLOCK>().0.iter().zip(self.out) {
			// Magnitudes are ordered as their bits are.
			let largest = x.iter().fold(0, |largest, x| (x.to_bits() & !SIGN).max(largest));
			finite &= largest < f32::INFINITY.to_bits();
			let largest = f32::from_bits(largest);
			let out = &mut out[self.member];
			// Integers made of what is not finite would overflow, and nobody reads them.
			if !(LEAST..f32::INFINITY).contains(&largest) {
				*out = InputBlock::ZERO;
				continue;
			}
			let factor = L::splat(LARGEST / largest);
			let mut sums = [0; 2];
			let parts = out.high.as_chunks_mut::<WIDTH>().0.iter_mut().zip(out.low.as_chunks_mut::<WIDTH>().0);
			for ((x, (high, low)), sum) in x.as_chunks::<WIDTH>().0.iter().zip(parts).zip(&mut sums) {
				let rounded = L::load(x).mul(factor).add(L::splat(MAGIC)).to_array();
				for ((high, low), rounded) in high.iter_mut().zip(low).zip(rounded) {
					let value = rounded.to_bits().cast_signed() - MAGIC.to_bits().cast_signed();
					*high = ((value + 64) >> 7) as i8;
					*low = (value - 128 * i32::from(*high)) as i8;
					*sum += value;
				}
			}
			out.scale = largest / LARGEST;
			out.sum = sums[0] + sums[1];
			out.first_sum = sums[0];
			out.scaled_sum = out.scale * out.sum as f32;
		}
		finite
	}
}
