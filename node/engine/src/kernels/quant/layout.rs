//! The formats: how a tile's block lies in memory, and its step of the walk.
//!
//! A tile is sixteen columns, a block 32 terms. A [`Line`] has four bytes of each column: with eight bits, line u has
//! terms 4u to 4u + 3. With four bits, line u has terms 8u to 8u + 3 in the lower halves and the next four in the upper
//! ones. Fifth bits are one more line: term 4u + j has bit u of byte j. Fifth and sixth bits are two more lines: term
//! 16v + 4u + j has bits 2u and 2u + 1 of byte j of line v. With two bits, these two lines are all; third bits are one
//! more line, as fifth bits are.

use super::columns::Columns;
use super::input::InputBlock;
use super::{Factors, Halves, Line};

/// What the nibbles of IQ4_NL and IQ4_XS stand for: the values of ggml's `kvalues_iq4nl`.
pub(super) const IQ4_VALUES: [i8; 16] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/// What the nibbles of MXFP4 stand for, twice the values of the format's four-bit floats: the values of ggml's
/// `kvalues_mxfp4`, whose scales are half of the format's.
pub(super) const MXFP4_VALUES: [i8; 16] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

/// The floats that a block's sums are multiplied by: scales, then minimums if the format has them. Those that a format
/// does not need are anything.
type Scales<C> = [<C as Columns>::Floats; 4];

/// A format.
pub(super) trait Layout {
	/// The lines of a block.
	const LINES: usize;
	/// How many blocks have the same half-precision floats.
	const SUPERBLOCK: usize = 1;
	/// The half-precision floats of a superblock, per column.
	const HALVES: usize;
	/// The factors of a block, per column.
	const FACTORS: usize = 0;
	/// The block's weights, as integers.
	fn unpack<C: Columns>(lines: &[Line], part: usize) -> [C::Bytes; 8];

	/// The block's scale d, and its minimum m if it has one; or the scales of its halves, and their minimums.
	#[inline(always)]
	fn scales<C: Columns>(halves: &[Halves], _factors: &[Factors], part: usize) -> Scales<C> {
		let [first, last] = [C::halves(&halves[0].0, part), C::halves(&halves[Self::HALVES - 1].0, part)];
		[first, last, last, last]
	}

	/// The block's step.
	fn step<C: Columns>(w: &[C::Bytes; 8], scales: &Scales<C>, a: &InputBlock, sum: C::Floats) -> C::Floats;
}

/// `fma(dot, d · a.scale, sum)`
#[inline(always)]
fn scaled<C: Columns>(dot: C::Sums, scale: C::Floats, a: &InputBlock, sum: C::Floats) -> C::Floats {
	C::fma(C::floats(dot), C::mul(scale, C::splat(a.scale)), sum)
}

/// The scales of a block's halves: the superblock's times signed factors.
#[inline(always)]
fn signed_scales<C: Columns>(halves: &[Halves], factors: &[Factors], part: usize) -> Scales<C> {
	let scale = C::halves(&halves[0].0, part);
	let of = |which: usize| C::mul(scale, C::signed_floats(&factors[which].0, part));
	let [first, last] = [of(0), of(factors.len() - 1)];
	[first, last, last, last]
}

/// The steps of a block's halves, `zero` being the integer that stands for zero.
#[inline(always)]
fn signed_halves<C: Columns>(
	w: &[C::Bytes; 8],
	zero: i32,
	scales: &Scales<C>,
	a: &InputBlock,
	sum: C::Floats,
) -> C::Floats {
	let sum = scaled::<C>(C::add(C::dot_6_bits::<0>(w, a), -zero * a.first_sum), scales[0], a, sum);
	scaled::<C>(C::add(C::dot_6_bits::<1>(w, a), -zero * (a.sum - a.first_sum)), scales[1], a, sum)
}

#[inline(always)]
fn two_bits<C: Columns>(lines: &[Line], part: usize) -> [C::Bytes; 8] {
	let bits = [C::bytes(&lines[0], part), C::bytes(&lines[1], part)];
	std::array::from_fn(|group| C::two_bits(bits[group / 4], group % 4))
}

#[inline(always)]
fn from_table<C: Columns>(table: &[i8; 16], lines: &[Line], part: usize) -> [C::Bytes; 8] {
	nibbles::<C>(lines, part).map(|nibbles| C::signed(C::from_table(table, nibbles)))
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
	fn step<C: Columns>(w: &[C::Bytes; 8], scales: &Scales<C>, a: &InputBlock, sum: C::Floats) -> C::Floats {
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
	fn step<C: Columns>(w: &[C::Bytes; 8], scales: &Scales<C>, a: &InputBlock, sum: C::Floats) -> C::Floats {
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
	fn step<C: Columns>(w: &[C::Bytes; 8], scales: &Scales<C>, a: &InputBlock, sum: C::Floats) -> C::Floats {
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
	fn step<C: Columns>(w: &[C::Bytes; 8], scales: &Scales<C>, a: &InputBlock, sum: C::Floats) -> C::Floats {
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
	fn step<C: Columns>(w: &[C::Bytes; 8], scales: &Scales<C>, a: &InputBlock, sum: C::Floats) -> C::Floats {
		scaled::<C>(C::dot_signed(w, a), scales[0], a, sum)
	}
}

/// Of the first and then the second sixteen terms, `sum = fma(Σ n·a, d · a.scale, sum)`; then of the two again,
/// `sum = fma(m, a.scale · Σ a, sum)`. Scales and minimums are products as those of [`Q4_K`].
#[allow(non_camel_case_types)]
pub(super) struct Q2_K;

impl Layout for Q2_K {
	const LINES: usize = 2;
	const SUPERBLOCK: usize = 8;
	const HALVES: usize = 2;
	const FACTORS: usize = 4;

	#[inline(always)]
	fn unpack<C: Columns>(lines: &[Line], part: usize) -> [C::Bytes; 8] {
		two_bits::<C>(lines, part)
	}

	#[inline(always)]
	fn scales<C: Columns>(halves: &[Halves], factors: &[Factors], part: usize) -> Scales<C> {
		let [scale, minimum] = [C::halves(&halves[0].0, part), C::halves(&halves[1].0, part)];
		let of = |half: C::Floats, which: usize| C::mul(half, C::unsigned_floats(&factors[which].0, part));
		[of(scale, 0), of(scale, 1), of(minimum, 2), of(minimum, 3)]
	}

	#[inline(always)]
	fn step<C: Columns>(w: &[C::Bytes; 8], scales: &Scales<C>, a: &InputBlock, sum: C::Floats) -> C::Floats {
		let sum = scaled::<C>(C::dot_6_bits::<0>(w, a), scales[0], a, sum);
		let sum = scaled::<C>(C::dot_6_bits::<1>(w, a), scales[1], a, sum);
		let [first, second] = [a.first_sum, a.sum - a.first_sum].map(|sum| a.scale * sum as f32);
		let sum = C::fma(scales[2], C::splat(first), sum);
		C::fma(scales[3], C::splat(second), sum)
	}
}

/// As [`Q6_K`], with 4 in the place of 32.
#[allow(non_camel_case_types)]
pub(super) struct Q3_K;

impl Layout for Q3_K {
	const LINES: usize = 3;
	const SUPERBLOCK: usize = 8;
	const HALVES: usize = 1;
	const FACTORS: usize = 2;

	#[inline(always)]
	fn unpack<C: Columns>(lines: &[Line], part: usize) -> [C::Bytes; 8] {
		let mut weights = two_bits::<C>(lines, part);
		let bits = C::bytes(&lines[2], part);
		for (bit, weight) in weights.iter_mut().enumerate() {
			*weight = C::with_third_bit(*weight, bits, bit);
		}
		weights
	}

	#[inline(always)]
	fn scales<C: Columns>(halves: &[Halves], factors: &[Factors], part: usize) -> Scales<C> {
		signed_scales::<C>(halves, factors, part)
	}

	#[inline(always)]
	fn step<C: Columns>(w: &[C::Bytes; 8], scales: &Scales<C>, a: &InputBlock, sum: C::Floats) -> C::Floats {
		signed_halves::<C>(w, 4, scales, a, sum)
	}
}

/// As [`Q4_1`]; d and m are products, exact in f32, of a superblock's half-precision floats and a block's factors. The
/// superblock's m is kept with the opposite of the file's sign.
#[allow(non_camel_case_types)]
pub(super) struct Q4_K;

impl Layout for Q4_K {
	const LINES: usize = 4;
	const SUPERBLOCK: usize = 8;
	const HALVES: usize = 2;
	const FACTORS: usize = 2;

	#[inline(always)]
	fn unpack<C: Columns>(lines: &[Line], part: usize) -> [C::Bytes; 8] {
		nibbles::<C>(lines, part)
	}

	#[inline(always)]
	fn scales<C: Columns>(halves: &[Halves], factors: &[Factors], part: usize) -> Scales<C> {
		let scale = C::mul(C::halves(&halves[0].0, part), C::unsigned_floats(&factors[0].0, part));
		let minimum = C::mul(C::halves(&halves[1].0, part), C::unsigned_floats(&factors[1].0, part));
		[scale, minimum, minimum, minimum]
	}

	#[inline(always)]
	fn step<C: Columns>(w: &[C::Bytes; 8], scales: &Scales<C>, a: &InputBlock, sum: C::Floats) -> C::Floats {
		Q4_1::step::<C>(w, scales, a, sum)
	}
}

/// As [`Q4_K`], with five bits.
#[allow(non_camel_case_types)]
pub(super) struct Q5_K;

impl Layout for Q5_K {
	const LINES: usize = 5;
	const SUPERBLOCK: usize = 8;
	const HALVES: usize = 2;
	const FACTORS: usize = 2;

	#[inline(always)]
	fn unpack<C: Columns>(lines: &[Line], part: usize) -> [C::Bytes; 8] {
		five_bits::<C>(lines, part)
	}

	#[inline(always)]
	fn scales<C: Columns>(halves: &[Halves], factors: &[Factors], part: usize) -> Scales<C> {
		Q4_K::scales::<C>(halves, factors, part)
	}

	#[inline(always)]
	fn step<C: Columns>(w: &[C::Bytes; 8], scales: &Scales<C>, a: &InputBlock, sum: C::Floats) -> C::Floats {
		Q5_1::step::<C>(w, scales, a, sum)
	}
}

/// Of the first and then the second sixteen terms, with scales d that are products as those of [`Q4_K`]:
/// `sum = fma(Σ n·a − 32·Σ a, d · a.scale, sum)`
#[allow(non_camel_case_types)]
pub(super) struct Q6_K;

impl Layout for Q6_K {
	const LINES: usize = 6;
	const SUPERBLOCK: usize = 8;
	const HALVES: usize = 1;
	const FACTORS: usize = 2;

	#[inline(always)]
	fn unpack<C: Columns>(lines: &[Line], part: usize) -> [C::Bytes; 8] {
		let mut weights = nibbles::<C>(lines, part);
		let bits = [C::bytes(&lines[4], part), C::bytes(&lines[5], part)];
		for (group, weight) in weights.iter_mut().enumerate() {
			*weight = C::with_two_bits(*weight, bits[group / 4], group % 4);
		}
		weights
	}

	#[inline(always)]
	fn scales<C: Columns>(halves: &[Halves], factors: &[Factors], part: usize) -> Scales<C> {
		signed_scales::<C>(halves, factors, part)
	}

	#[inline(always)]
	fn step<C: Columns>(w: &[C::Bytes; 8], scales: &Scales<C>, a: &InputBlock, sum: C::Floats) -> C::Floats {
		signed_halves::<C>(w, 32, scales, a, sum)
	}
}

/// As [`Q8_0`], with bytes of a table.
#[allow(non_camel_case_types)]
pub(super) struct IQ4_NL;

impl Layout for IQ4_NL {
	const LINES: usize = 4;
	const HALVES: usize = 1;

	#[inline(always)]
	fn unpack<C: Columns>(lines: &[Line], part: usize) -> [C::Bytes; 8] {
		from_table::<C>(&IQ4_VALUES, lines, part)
	}

	#[inline(always)]
	fn step<C: Columns>(w: &[C::Bytes; 8], scales: &Scales<C>, a: &InputBlock, sum: C::Floats) -> C::Floats {
		Q8_0::step::<C>(w, scales, a, sum)
	}
}

/// As [`IQ4_NL`], with a scale that is a product as those of [`Q6_K`].
#[allow(non_camel_case_types)]
pub(super) struct IQ4_XS;

impl Layout for IQ4_XS {
	const LINES: usize = 4;
	const SUPERBLOCK: usize = 8;
	const HALVES: usize = 1;
	const FACTORS: usize = 1;

	#[inline(always)]
	fn unpack<C: Columns>(lines: &[Line], part: usize) -> [C::Bytes; 8] {
		from_table::<C>(&IQ4_VALUES, lines, part)
	}

	#[inline(always)]
	fn scales<C: Columns>(halves: &[Halves], factors: &[Factors], part: usize) -> Scales<C> {
		signed_scales::<C>(halves, factors, part)
	}

	#[inline(always)]
	fn step<C: Columns>(w: &[C::Bytes; 8], scales: &Scales<C>, a: &InputBlock, sum: C::Floats) -> C::Floats {
		Q8_0::step::<C>(w, scales, a, sum)
	}
}

/// As [`IQ4_NL`], with another table, and scales that are powers of two.
#[allow(non_camel_case_types)]
pub(super) struct MXFP4;

impl Layout for MXFP4 {
	const LINES: usize = 4;
	const HALVES: usize = 1;

	#[inline(always)]
	fn unpack<C: Columns>(lines: &[Line], part: usize) -> [C::Bytes; 8] {
		from_table::<C>(&MXFP4_VALUES, lines, part)
	}

	#[inline(always)]
	fn scales<C: Columns>(halves: &[Halves], _factors: &[Factors], part: usize) -> Scales<C> {
		[C::upper_halves(&halves[0].0, part); 4]
	}

	#[inline(always)]
	fn step<C: Columns>(w: &[C::Bytes; 8], scales: &Scales<C>, a: &InputBlock, sum: C::Floats) -> C::Floats {
		Q8_0::step::<C>(w, scales, a, sum)
	}
}
