//! Matrices and what becomes of their products.

use super::BLOCK_ROWS;
use crate::kernels::lanes::WIDTH;
use crate::kernels::pool::{Block, Pool};
use crate::kernels::quant::Quantised;
use crate::kernels::{Kernels, Panels, StoredMatrix, TILE_PANELS};
use crate::models::linear::Matrix;

/// How many pieces of a product each thread gets, so that a slow one delays little.
const PIECES: usize = 4;

/// Matrices whose outputs lie beside each other, and the biases of these.
pub(super) struct Linear {
	pub weights: Weights,
	pub bias: Vec<f32>,
}

pub(super) enum Weights {
	/// One matrix of floats.
	Floats(StoredMatrix),
	/// Matrices in their file's formats, each behind the column where it begins, a multiple of 16.
	Stored(Vec<(usize, Matrix)>),
}

/// What happens to a product after its bias was added.
#[derive(Clone, Copy)]
pub(super) enum Then<'a> {
	Nothing,
	Gelu,
	/// These rows are added.
	Add(&'a [f32]),
}

/// The rows that a product is made of. Only some formats of weights need more than their floats.
pub(super) struct Input<'a> {
	pub rows: &'a [f32],
	/// How many floats a row has.
	pub depth: usize,
	/// Where they are quantised.
	pub quantised: &'a mut Quantised,
}

impl Linear {
	/// Multiplies all rows of the input. False if a value of theirs is not finite, as far as that is looked at here.
	pub fn multiply(&self, kernels: Kernels, pool: &Pool, input: Input<'_>, out: &mut [f32], then: Then<'_>) -> bool {
		let Input { rows, depth, quantised } = input;
		let (width, count) = (self.bias.len(), rows.len() / depth);
		match &self.weights {
			Weights::Floats(matrix) => {
				let size = [BLOCK_ROWS, panels(pool, width, count.div_ceil(BLOCK_ROWS)) * WIDTH];
				pool.blocks(out, width, size, |block| {
					let columns = block.columns();
					let data = &matrix.panels().data[columns.start / WIDTH * depth..columns.end / WIDTH * depth];
					kernels.gemm_block(&rows[block.rows().start * depth..], depth, Panels { depth, data }, block);
					self.finish(kernels, block, then);
				});
			}
			Weights::Stored(matrices) => {
				let copy = |row: usize, values: &mut [f32]| values.copy_from_slice(&rows[row * depth..][..depth]);
				if !quantised.fill(kernels, pool, [count, depth], copy) {
					return false;
				}
				pool.blocks(out, width, [count.max(1), panels(pool, width, 1) * WIDTH], |block| {
					for (first, matrix) in matrices {
						matrix.multiply(kernels, quantised, block, *first);
					}
					self.finish(kernels, block, then);
				});
			}
		}
		true
	}

	fn finish(&self, kernels: Kernels, block: &mut Block<'_>, then: Then<'_>) {
		let (width, columns) = (self.bias.len(), block.columns());
		for row in block.rows() {
			let values = block.row(row);
			kernels.add_to(values, &self.bias[columns.clone()]);
			match then {
				Then::Nothing => (),
				Then::Gelu => kernels.gelu(values),
				Then::Add(rows) => kernels.add_to(values, &rows[row * width..][columns.clone()]),
			}
		}
	}
}

/// How many panels of a product's columns a thread takes at once, where its rows are cut into so many blocks.
fn panels(pool: &Pool, width: usize, row_blocks: usize) -> usize {
	let pieces = if pool.threads() == 1 { 1 } else { (pool.threads() * PIECES).div_ceil(row_blocks.max(1)) };
	(width / WIDTH).div_ceil(pieces).next_multiple_of(TILE_PANELS)
}
