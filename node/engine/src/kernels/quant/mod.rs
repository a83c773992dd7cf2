//! Products with quantised weights.
//!
//! A weight matrix stays in the blocks of its file's format, repacked into tiles of sixteen output columns
//! ([`QuantMatrix`]); the input is quantised to 15 bits in blocks of 32, each value in two parts of a byte
//! ([`Quantised`]). An output element is a walk over the blocks in increasing order; each has one or two integer sums of
//! products, which are exact, their conversion to f32, and one or two fused steps ([`layout`]). [`columns`] has the
//! operations, for each tier; its scalar implementation and [`layout`] are the specification.

pub(crate) mod columns;
mod input;
mod layout;
mod matrix;
#[cfg(target_arch = "aarch64")]
pub(crate) mod neon;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
pub(crate) mod x86;

pub(crate) use input::{Quantised, BLOCK};
pub(crate) use matrix::QuantMatrix;

use super::lanes::WIDTH;
use super::pool::Block;
use super::{ColumnsPass, Kernels};
use columns::Columns;
use input::{InputBlock, Rows, ROW_GROUP};
use layout::Layout;
use std::marker::PhantomData;
use std::ops::Range;

/// Four bytes of each of sixteen columns, in a line of the cache.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Line(pub [u8; 64]);

/// A half-precision float of each of sixteen columns; of MXFP4, the upper half of a float's bits.
#[derive(Clone, Copy)]
#[repr(C, align(32))]
pub(crate) struct Halves(pub [u16; WIDTH]);

/// A small integer of each of sixteen columns, by which a scale is multiplied.
#[derive(Clone, Copy)]
pub(crate) struct Factors(pub [u8; WIDTH]);

/// The formats that weights are kept in.
#[allow(non_camel_case_types)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Format {
	/// (n − 8) · d for n of four bits.
	Q4_0,
	/// n · d + m for n of four bits.
	Q4_1,
	/// (n − 16) · d for n of five bits.
	Q5_0,
	/// n · d + m for n of five bits.
	Q5_1,
	/// n · d for n of eight bits, signed.
	Q8_0,
	/// n · d · f − m · g for n of two bits, where 256 weights share d and m, and 16 share f and g, of four bits.
	Q2_K,
	/// (n − 4) · d · f for n of three bits, where 256 weights share d, and 16 share f, of six bits, signed.
	Q3_K,
	/// n · d · f − m · g for n of four bits, where 256 weights share d and m, and 32 share f and g, of six bits.
	Q4_K,
	/// As Q4_K, for n of five bits.
	Q5_K,
	/// (n − 32) · d · f for n of six bits, where 256 weights share d, and 16 share f, of eight bits, signed.
	Q6_K,
	/// t · d for t of a table of sixteen signed bytes.
	IQ4_NL,
	/// t · d · f for t of the same table, where 256 weights share d, and 32 share f, of six bits, signed.
	IQ4_XS,
	/// t · d for t of another table, where d is a power of two from 2⁻¹²⁸ to 2¹²⁶.
	MXFP4,
}

impl Format {
	/// Every format.
	#[cfg(test)]
	pub const ALL: [Self; 13] = [
		Self::Q4_0,
		Self::Q4_1,
		Self::Q5_0,
		Self::Q5_1,
		Self::Q8_0,
		Self::Q2_K,
		Self::Q3_K,
		Self::Q4_K,
		Self::Q5_K,
		Self::Q6_K,
		Self::IQ4_NL,
		Self::IQ4_XS,
		Self::MXFP4,
	];
}

/// Some tiles of a product.
struct Multiply<'a, 'b, F> {
	matrix: &'a QuantMatrix,
	tiles: Range<usize>,
	input: &'a Quantised,
	out: &'a mut Block<'b>,
	/// The column of `out` where the matrix's first one is.
	first_column: usize,
	format: PhantomData<F>,
}

impl<F: Layout> ColumnsPass for Multiply<'_, '_, F> {
	#[inline(always)]
	fn run<C: Columns>(mut self) {
		for tile in self.tiles.clone() {
			match self.input.rows() {
				Rows::One(row) => self.rows::<C, 1, 1>(tile, [row], 0),
				Rows::Many(groups) => {
					let mut groups = groups.chunks_exact(self.matrix.blocks);
					let mut row = 0;
					while groups.len() >= C::ROW_GROUPS && C::ROW_GROUPS == 3 {
						if let (Some(a), Some(b), Some(c)) = (groups.next(), groups.next(), groups.next()) {
							self.rows::<C, 3, ROW_GROUP>(tile, [a, b, c], row);
							row += 3 * ROW_GROUP;
						}
					}
					while groups.len() >= 2 && C::ROW_GROUPS >= 2 {
						if let (Some(a), Some(b)) = (groups.next(), groups.next()) {
							self.rows::<C, 2, ROW_GROUP>(tile, [a, b], row);
							row += 2 * ROW_GROUP;
						}
					}
					for a in groups {
						self.rows::<C, 1, ROW_GROUP>(tile, [a], row);
						row += ROW_GROUP;
					}
				}
			}
		}
	}
}

impl<F: Layout> Multiply<'_, '_, F> {
	/// A tile of sixteen columns and `N · G` rows from `row`, or as many as there are.
	#[inline(always)]
	fn rows<C: Columns, const N: usize, const G: usize>(
		&mut self,
		tile: usize,
		input: [&[[InputBlock; G]]; N],
		row: usize,
	) {
		let blocks = self.matrix.blocks;
		let lines = &self.matrix.lines[tile * blocks * F::LINES..][..blocks * F::LINES];
		let halves_of_tile = blocks / F::SUPERBLOCK * F::HALVES;
		let halves = &self.matrix.halves[tile * halves_of_tile..][..halves_of_tile];
		let factors = &self.matrix.factors[tile * blocks * F::FACTORS..][..blocks * F::FACTORS];
		let input = input.map(|blocks_of_rows| &blocks_of_rows[..blocks]);
		let rows = self.out.rows();
		let in_last_group = rows.end - row - (N - 1) * G;
		for part in 0..WIDTH / C::WIDTH {
			let mut sums = [[C::splat(0.0); G]; N];
			for (block, lines) in lines.chunks_exact(F::LINES).enumerate() {
				let halves = &halves[block / F::SUPERBLOCK * F::HALVES..][..F::HALVES];
				let factors = &factors[block * F::FACTORS..][..F::FACTORS];
				// Further rows find them in the cache.
				if row == 0 && part == 0 {
					lines.iter().for_each(C::prefetch);
				}
				let weights = F::unpack::<C>(lines, part);
				let scales = F::scales::<C>(halves, factors, part);
				// Written out, since in loops the sums would not stay in registers.
				macro_rules! step {
					($group:literal, $member:literal) => {
						if $group < N && $member < G && ($member == 0 || $group + 1 < N || $member < in_last_group) {
							let input = &input[$group][block][$member];
							sums[$group][$member] = F::step::<C>(&weights, &scales, input, sums[$group][$member]);
						}
					};
					($group:literal) => {
						step!($group, 0);
						step!($group, 1);
						step!($group, 2);
						step!($group, 3);
					};
				}
				step!(0);
				step!(1);
				step!(2);
			}
			let sums = sums;
			for (at, sum) in sums.as_flattened().iter().enumerate() {
				if row + at < rows.end {
					C::store(*sum, self.out.cell(row + at, self.first_column + tile * WIDTH), part);
				}
			}
		}
	}
}

impl Kernels {
	/// Computes the columns of `out` that lie in the matrix, whose first one is `first_column` of `out`, for all rows of
	/// the input, which are those of `out`.
	pub fn quant_gemm(&self, input: &Quantised, matrix: &QuantMatrix, out: &mut Block<'_>, first_column: usize) {
		let columns = out.columns();
		let from = columns.start.saturating_sub(first_column) / WIDTH;
		let to = (columns.end.saturating_sub(first_column) / WIDTH).min(matrix.tiles());
		if from >= to {
			return;
		}
		assert!(out.rows() == (0..input.count()) && input.blocks() == matrix.blocks);
		match matrix.format {
			Format::Q4_0 => self.multiply::<layout::Q4_0>(input, matrix, from..to, out, first_column),
			Format::Q4_1 => self.multiply::<layout::Q4_1>(input, matrix, from..to, out, first_column),
			Format::Q5_0 => self.multiply::<layout::Q5_0>(input, matrix, from..to, out, first_column),
			Format::Q5_1 => self.multiply::<layout::Q5_1>(input, matrix, from..to, out, first_column),
			Format::Q8_0 => self.multiply::<layout::Q8_0>(input, matrix, from..to, out, first_column),
			Format::Q2_K => self.multiply::<layout::Q2_K>(input, matrix, from..to, out, first_column),
			Format::Q3_K => self.multiply::<layout::Q3_K>(input, matrix, from..to, out, first_column),
			Format::Q4_K => self.multiply::<layout::Q4_K>(input, matrix, from..to, out, first_column),
			Format::Q5_K => self.multiply::<layout::Q5_K>(input, matrix, from..to, out, first_column),
			Format::Q6_K => self.multiply::<layout::Q6_K>(input, matrix, from..to, out, first_column),
			Format::IQ4_NL => self.multiply::<layout::IQ4_NL>(input, matrix, from..to, out, first_column),
			Format::IQ4_XS => self.multiply::<layout::IQ4_XS>(input, matrix, from..to, out, first_column),
			Format::MXFP4 => self.multiply::<layout::MXFP4>(input, matrix, from..to, out, first_column),
		}
	}

	fn multiply<F: Layout>(
		&self,
		input: &Quantised,
		matrix: &QuantMatrix,
		tiles: Range<usize>,
		out: &mut Block<'_>,
		first_column: usize,
	) {
		self.run_columns(Multiply { matrix, tiles, input, out, first_column, format: PhantomData::<F> });
	}
}
