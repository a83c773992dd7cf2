//! What the quantised kernels are made of: small exact integer sums per column, and three float operations.
//!
//! Integer sums are exact, so that an implementation may take them in any order; [`Scalar`] is the specification.

use super::super::lanes::{soft_fma, Scalar, WIDTH};
use super::input::{InputBlock, BLOCK};
use super::Line;
use std::ops::Range;

/// Some of a tile's sixteen columns, computed at once.
///
/// # Safety
///
/// As with [`Lanes`](super::super::lanes::Lanes): the instructions of its tier and no others, and where not every CPU has
/// them, nothing but [`Kernels::run_columns`](super::super::Kernels::run_columns) may have its methods called.
#[allow(unsafe_code)]
pub(crate) unsafe trait Columns {
	/// How many columns these are: sixteen, eight or four.
	const WIDTH: usize;
	/// How many rows of the input, in fours, a tile takes at once.
	const ROW_GROUPS: usize;
	/// Four bytes of each column.
	type Bytes: Copy;
	/// An i32 of each column.
	type Sums: Copy;
	/// A float of each column.
	type Floats: Copy;

	/// Asks for the memory some thousand bytes behind a line, if there is any. It changes no result.
	fn prefetch(_line: &Line) {}
	/// The bytes of the columns from `part · WIDTH`.
	fn bytes(line: &Line, part: usize) -> Self::Bytes;
	/// The lower half of each byte.
	fn low_nibbles(bytes: Self::Bytes) -> Self::Bytes;
	/// The upper half of each byte.
	fn high_nibbles(bytes: Self::Bytes) -> Self::Bytes;
	/// Bit `bit` of each byte of the second argument, as the fifth bit of each byte of the first, which has only four.
	fn with_fifth_bit(nibbles: Self::Bytes, bits: Self::Bytes, bit: usize) -> Self::Bytes;
	/// Bits `2 · pair` and the next of each byte of the second argument, as the fifth and sixth bit of each byte of the
	/// first, which has only four.
	fn with_two_bits(nibbles: Self::Bytes, bits: Self::Bytes, pair: usize) -> Self::Bytes;
	/// Bits `2 · pair` and the next of each byte.
	fn two_bits(bits: Self::Bytes, pair: usize) -> Self::Bytes;
	/// Bit `bit` of each byte of the second argument, as the third bit of each byte of the first, which has only two.
	fn with_third_bit(low: Self::Bytes, bits: Self::Bytes, bit: usize) -> Self::Bytes;
	/// The table's byte at the place that each byte, which has only four bits, names.
	fn from_table(table: &[i8; 16], nibbles: Self::Bytes) -> Self::Bytes;
	/// Signed bytes as [`Columns::dot_signed`] wants them.
	fn signed(bytes: Self::Bytes) -> Self::Bytes;

	/// Σ w · a over 32 terms, where w has four bits.
	fn dot_4_bits(w: &[Self::Bytes; 8], a: &InputBlock) -> Self::Sums;
	/// Σ w · a over 32 terms, where w has five bits.
	fn dot_5_bits(w: &[Self::Bytes; 8], a: &InputBlock) -> Self::Sums;
	/// Σ w · a over 32 terms, where w is signed and went through [`Columns::signed`].
	fn dot_signed(w: &[Self::Bytes; 8], a: &InputBlock) -> Self::Sums;

	/// Σ w · a over the first or the second 16 terms, where w has six bits.
	fn dot_6_bits<const HALF: usize>(w: &[Self::Bytes; 8], a: &InputBlock) -> Self::Sums;

	/// `sums + addend`
	fn add(sums: Self::Sums, addend: i32) -> Self::Sums;

	/// The nearest floats, ties to even.
	fn floats(sums: Self::Sums) -> Self::Floats;
	/// The same float in every column.
	fn splat(value: f32) -> Self::Floats;
	/// Half-precision floats, exactly.
	fn halves(values: &[u16; WIDTH], part: usize) -> Self::Floats;
	/// Floats whose lower halves are zero, from the upper ones.
	fn upper_halves(values: &[u16; WIDTH], part: usize) -> Self::Floats;
	/// Small integers without sign, as floats.
	fn unsigned_floats(values: &[u8; WIDTH], part: usize) -> Self::Floats;
	/// Small integers in two's complement, as floats.
	fn signed_floats(values: &[u8; WIDTH], part: usize) -> Self::Floats;
	/// `x · y`
	fn mul(x: Self::Floats, y: Self::Floats) -> Self::Floats;
	/// `x · y + z`, rounded once.
	fn fma(x: Self::Floats, y: Self::Floats, z: Self::Floats) -> Self::Floats;
	/// Stores the floats as the columns from `part · WIDTH`.
	fn store(values: Self::Floats, to: &mut [f32; WIDTH], part: usize);
}

/// The f32 whose upper half this is; the lower one is zero.
pub(super) fn upper_half_to_f32(half: u16) -> f32 {
	f32::from_bits(u32::from(half) << 16)
}

/// The f32 of a half-precision float's bits.
pub(crate) fn half_to_f32(half: u16) -> f32 {
	let sign = u32::from(half & 0x8000) << 16;
	let rest = u32::from(half & 0x7fff);
	match rest >> 10 {
		// Denormal: the fraction times 2⁻²⁴, which is exact.
		0 => f32::from_bits(sign | (rest as f32 * f32::from_bits((127 - 24) << 23)).to_bits()),
		31 => f32::from_bits(sign | 0x7f80_0000 | (rest & 0x3ff) << 13),
		_ => f32::from_bits(sign | ((rest << 13) + (112 << 23))),
	}
}

fn map(bytes: [u8; 64], f: impl Fn(u8) -> u8) -> [u8; 64] {
	bytes.map(f)
}

/// Σ w · a over some terms, where `value` is the integer that a byte of w stands for.
fn dot(w: &[[u8; 64]; 8], a: &InputBlock, terms: Range<usize>, value: impl Fn(u8) -> i32) -> [i32; WIDTH] {
	std::array::from_fn(|column| {
		terms.clone().fold(0, |sum, term| {
			let a = 128 * i32::from(a.high[term]) + i32::from(a.low[term]);
			sum + value(w[term / 4][4 * column + term % 4]) * a
		})
	})
}

// SAFETY: every CPU has what it uses.
#[allow(unsafe_code)]
unsafe impl Columns for Scalar {
	const WIDTH: usize = WIDTH;
	const ROW_GROUPS: usize = 1;
	type Bytes = [u8; 64];
	type Sums = [i32; WIDTH];
	type Floats = [f32; WIDTH];

	fn bytes(line: &Line, _part: usize) -> Self::Bytes {
		line.0
	}

	fn low_nibbles(bytes: Self::Bytes) -> Self::Bytes {
		map(bytes, |byte| byte & 15)
	}

	fn high_nibbles(bytes: Self::Bytes) -> Self::Bytes {
		map(bytes, |byte| byte >> 4)
	}

	fn with_fifth_bit(nibbles: Self::Bytes, bits: Self::Bytes, bit: usize) -> Self::Bytes {
		std::array::from_fn(|at| nibbles[at] | (bits[at] >> bit & 1) << 4)
	}

	fn with_two_bits(nibbles: Self::Bytes, bits: Self::Bytes, pair: usize) -> Self::Bytes {
		std::array::from_fn(|at| nibbles[at] | (bits[at] >> (2 * pair) & 3) << 4)
	}

	fn two_bits(bits: Self::Bytes, pair: usize) -> Self::Bytes {
		map(bits, |byte| byte >> (2 * pair) & 3)
	}

	fn with_third_bit(low: Self::Bytes, bits: Self::Bytes, bit: usize) -> Self::Bytes {
		std::array::from_fn(|at| low[at] | (bits[at] >> bit & 1) << 2)
	}

	fn from_table(table: &[i8; 16], nibbles: Self::Bytes) -> Self::Bytes {
		map(nibbles, |nibble| table[usize::from(nibble)].cast_unsigned())
	}

	fn signed(bytes: Self::Bytes) -> Self::Bytes {
		bytes
	}

	fn dot_4_bits(w: &[Self::Bytes; 8], a: &InputBlock) -> Self::Sums {
		dot(w, a, 0..BLOCK, i32::from)
	}

	fn dot_5_bits(w: &[Self::Bytes; 8], a: &InputBlock) -> Self::Sums {
		dot(w, a, 0..BLOCK, i32::from)
	}

	fn dot_signed(w: &[Self::Bytes; 8], a: &InputBlock) -> Self::Sums {
		dot(w, a, 0..BLOCK, |byte| i32::from(byte.cast_signed()))
	}

	fn dot_6_bits<const HALF: usize>(w: &[Self::Bytes; 8], a: &InputBlock) -> Self::Sums {
		dot(w, a, HALF * 16..HALF * 16 + 16, i32::from)
	}

	fn add(sums: Self::Sums, addend: i32) -> Self::Sums {
		sums.map(|sum| sum + addend)
	}

	fn floats(sums: Self::Sums) -> Self::Floats {
		sums.map(|sum| sum as f32)
	}

	fn splat(value: f32) -> Self::Floats {
		[value; WIDTH]
	}

	fn halves(values: &[u16; WIDTH], _part: usize) -> Self::Floats {
		values.map(half_to_f32)
	}

	fn upper_halves(values: &[u16; WIDTH], _part: usize) -> Self::Floats {
		values.map(upper_half_to_f32)
	}

	fn unsigned_floats(values: &[u8; WIDTH], _part: usize) -> Self::Floats {
		values.map(f32::from)
	}

	fn signed_floats(values: &[u8; WIDTH], _part: usize) -> Self::Floats {
		values.map(|value| f32::from(value.cast_signed()))
	}

	fn mul(x: Self::Floats, y: Self::Floats) -> Self::Floats {
		std::array::from_fn(|column| x[column] * y[column])
	}

	fn fma(x: Self::Floats, y: Self::Floats, z: Self::Floats) -> Self::Floats {
		std::array::from_fn(|column| soft_fma(x[column], y[column], z[column]))
	}

	fn store(values: Self::Floats, to: &mut [f32; WIDTH], _part: usize) {
		*to = values;
	}
}
