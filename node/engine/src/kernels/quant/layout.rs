//! The formats: how a tile's block lies in memory, and its step of the walk.
//!
//! A tile is sixteen columns, a block 32 terms. A [`Line`] has four bytes of each column: with eight bits, line u has
//! terms 4u to 4u + 3. With four bits, line u has terms 8u to 8u + 3 in the lower halves and the next four in the upper
//! ones. Fifth bits are one more line: term 4u + j has bit u of byte j.

use super::columns::Columns;
use super::input::InputBlock;
use super::{Halves, Line};

/// A format.
pub(super) trait Layout {
	/// The lines of a block.
	const LINES: usize;
	/// The half-precision floats of a block, per column; an f32 counts as two.
	const HALVES: usize;
	/// The block's weights, as integers.
	fn unpack<C: Columns>(lines: &[Line], part: usize) -> [C::Bytes; 8];

	/// The block's scale d, and its minimum m if it has one; or the scales of its halves.
	#[inline(always)]
	fn scales<C: Columns>(halves: &[Halves], part: usize) -> [C::Floats; 2] {
		[C::halves(&halves[0].0, part), C::halves(&halves[Self::HALVES - 1].0, part)]
	}

	/// The block's step.
	fn step<C: Columns>(w: &[C::Bytes; 8], scales: &[C::Floats; 2], a: &InputBlock, sum: C::Floats) -> C::Floats;
}

/// `fma(dot, d · a.scale, sum)`
#[inline(always)]
fn scaled<C: Columns>(dot: C::Sums, scale: C::Floats, a: &InputBlock, sum: C::Floats) -> C::Floats {
	C::fma(C::floats(dot), C::mul(scale, C::splat(a.scale)), sum)
}

#[inline(always)]
fn nibbles<C: Columns>(lines: &[Line], part: usize) -> [C::Bytes; 8] {
	let pair = |line: usize| {
		let bytes = C::bytes(&lines[line], part);
		[C::low_nibbles(bytes), C::high_nibbles(bytes)]
	};
	let [[a, b], [c, d], [e, f], [g, h]] = [pair(0), pair(1), pair(2), pair(3)];
	[a, b, c, d, e, f, g, h]
}

#[inline(always)]
fn five_bits<C: Columns>(lines: &[Line], part: usize) -> [C::Bytes; 8] {
	let mut weights = nibbles::<C>(lines, part);
	let bits = C::bytes(&lines[4], part);
	for (bit, weight) in weights.iter_mut().enumerate() {
		*weight = C::with_fifth_bit(*weight, bits, bit);
	}
	weights
}

/// `sum = fma(Σ n·a − 8·Σ a, d · a.scale, sum)`
pub(super) struct Q4_0;

impl Layout for Q4_0 {
	const LINES: usize = 4;
	const HALVES: usize = 1;

	#[inline(always)]
	fn unpack<C: Columns>(lines: &[Line], part: usize) -> [C::Bytes; 8] {
		nibbles::<C>(lines, part)
	}

	#[inline(always)]
	fn step<C: Columns>(w: &[C::Bytes; 8], scales: &[C::Floats; 2], a: &InputBlock, sum: C::Floats) -> C::Floats {
		scaled::<C>(C::add(C::dot_4_bits(w, a), -8 * a.sum), scales[0], a, sum)
	}
}

/// `sum = fma(m, a.scaled_sum, fma(Σ n·a, d · a.scale, sum))`
pub(super) struct Q4_1;

impl Layout for Q4_1 {
	const LINES: usize = 4;
	const HALVES: usize = 2;

	#[inline(always)]
	fn unpack<C: Columns>(lines: &[Line], part: usize) -> [C::Bytes; 8] {
		nibbles::<C>(lines, part)
	}

	#[inline(always)]
	fn step<C: Columns>(w: &[C::Bytes; 8], scales: &[C::Floats; 2], a: &InputBlock, sum: C::Floats) -> C::Floats {
		let sum = scaled::<C>(C::dot_4_bits(w, a), scales[0], a, sum);
		C::fma(scales[1], C::splat(a.scaled_sum), sum)
	}
}

/// `sum = fma(Σ n·a − 16·Σ a, d · a.scale, sum)`
pub(super) struct Q5_0;

impl Layout for Q5_0 {
	const LINES: usize = 5;
	const HALVES: usize = 1;

	#[inline(always)]
	fn unpack<C: Columns>(lines: &[Line], part: usize) -> [C::Bytes; 8] {
		five_bits::<C>(lines, part)
	}

	#[inline(always)]
	fn step<C: Columns>(w: &[C::Bytes; 8], scales: &[C::Floats; 2], a: &InputBlock, sum: C::Floats) -> C::Floats {
		scaled::<C>(C::add(C::dot_5_bits(w, a), -16 * a.sum), scales[0], a, sum)
	}
}

/// As [`Q4_1`], with five bits.
pub(super) struct Q5_1;

impl Layout for Q5_1 {
	const LINES: usize = 5;
	const HALVES: usize = 2;

	#[inline(always)]
	fn unpack<C: Columns>(lines: &[Line], part: usize) -> [C::Bytes; 8] {
		five_bits::<C>(lines, part)
	}

	#[inline(always)]
	fn step<C: Columns>(w: &[C::Bytes; 8], scales: &[C::Floats; 2], a: &InputBlock, sum: C::Floats) -> C::Floats {
		let sum = scaled::<C>(C::dot_5_bits(w, a), scales[0], a, sum);
		C::fma(scales[1], C::splat(a.scaled_sum), sum)
	}
}

/// `sum = fma(Σ n·a, d · a.scale, sum)`
pub(super) struct Q8_0;

impl Layout for Q8_0 {
	const LINES: usize = 8;
	const HALVES: usize = 1;

	#[inline(always)]
	fn unpack<C: Columns>(lines: &[Line], part: usize) -> [C::Bytes; 8] {
		std::array::from_fn(|line| C::signed(C::bytes(&lines[line], part)))
	}

	#[inline(always)]
	fn step<C: Columns>(w: &[C::Bytes; 8], scales: &[C::Floats; 2], a: &InputBlock, sum: C::Floats) -> C::Floats {
		scaled::<C>(C::dot_signed(w, a), scales[0], a, sum)
	}
}

#[inline(always)]
fn single_scales<C: Columns>(halves: &[Halves], part: usize) -> [C::Floats; 2] {
	let pairs = halves.as_chunks::<2>().0;
	[C::singles(&pairs[0], part), C::singles(&pairs[1], part)]
}

/// `sum = fma(−m, a.scaled_sum, fma(Σ n·a, s · a.scale, sum))`; −m is what is stored.
#[allow(non_camel_case_types)]
pub(super) struct Q4_K;

impl Layout for Q4_K {
	const LINES: usize = 4;
	const HALVES: usize = 4;

	#[inline(always)]
	fn unpack<C: Columns>(lines: &[Line], part: usize) -> [C::Bytes; 8] {
		nibbles::<C>(lines, part)
	}

	#[inline(always)]
	fn scales<C: Columns>(halves: &[Halves], part: usize) -> [C::Floats; 2] {
		single_scales::<C>(halves, part)
	}

	#[inline(always)]
	fn step<C: Columns>(w: &[C::Bytes; 8], scales: &[C::Floats; 2], a: &InputBlock, sum: C::Floats) -> C::Floats {
		let sum = scaled::<C>(C::dot_4_bits(w, a), scales[0], a, sum);
		C::fma(scales[1], C::splat(a.scaled_sum), sum)
	}
}

/// Of each half: `sum = fma(Σ n·a − 32·Σ a, s · a.scale, sum)`
#[allow(non_camel_case_types)]
pub(super) struct Q6_K;

impl Layout for Q6_K {
	const LINES: usize = 8;
	const HALVES: usize = 4;

	#[inline(always)]
	fn unpack<C: Columns>(lines: &[Line], part: usize) -> [C::Bytes; 8] {
		let byte = |line: usize| C::bytes(&lines[line], part);
		[byte(0), byte(1), byte(2), byte(3), byte(4), byte(5), byte(6), byte(7)]
	}

	#[inline(always)]
	fn scales<C: Columns>(halves: &[Halves], part: usize) -> [C::Floats; 2] {
		single_scales::<C>(halves, part)
	}

	#[inline(always)]
	fn step<C: Columns>(w: &[C::Bytes; 8], scales: &[C::Floats; 2], a: &InputBlock, sum: C::Floats) -> C::Floats {
		let first = C::add(C::dot_6_bits::<0>(w, a), -32 * a.first_sum);
		let sum = scaled::<C>(first, scales[0], a, sum);
		scaled::<C>(C::add(C::dot_6_bits::<1>(w, a), -32 * (a.sum - a.first_sum)), scales[1], a, sum)
	}
}
