//! Right-hand matrices in the order in which the kernels read them.

use super::lanes::WIDTH;
use super::memory::{Stored, WeightMemory};
use std::io;

/// A matrix `[depth][columns]` as panels of sixteen columns, each `[depth][16]`; the last one padded with zeros.
#[derive(Clone, Debug)]
pub(crate) struct PackedMatrix {
	depth: usize,
	data: Vec<[f32; WIDTH]>,
}

impl PackedMatrix {
	/// Zeros.
	pub fn zeros(depth: usize, columns: usize) -> Self {
		Self { depth, data: vec![[0.0; WIDTH]; columns.div_ceil(WIDTH) * depth] }
	}

	/// Packs the rows of a weight matrix `[columns][depth]`, as models store it.
	pub fn from_rows(weights: &[f32], depth: usize) -> Self {
		let mut packed = Self::zeros(depth, weights.len() / depth);
		for (column, row) in weights.chunks_exact(depth).enumerate() {
			packed.set_column(column, row);
		}
		packed
	}

	/// Sets a column.
	pub fn set_column(&mut self, column: usize, values: &[f32]) {
		let panel = &mut self.data[column / WIDTH * self.depth..][..self.depth];
		for (cell, value) in panel.iter_mut().zip(values) {
			cell[column % WIDTH] = *value;
		}
	}

	/// Sets a row, as wide as the whole matrix.
	pub fn set_row(&mut self, row: usize, values: &[f32]) {
		for (panel, chunk) in values.as_chunks().0.iter().enumerate() {
			self.data[panel * self.depth + row] = *chunk;
		}
	}

	/// The panels.
	pub fn panels(&self) -> Panels<'_> {
		Panels { depth: self.depth, data: &self.data }
	}

	/// The matrix as a model's weights, beside its others.
	pub fn store(&self, memory: &WeightMemory) -> io::Result<StoredMatrix> {
		Ok(StoredMatrix { depth: self.depth, data: memory.store(&self.data)? })
	}
}

/// A packed matrix among a model's weights.
#[derive(Clone, Debug)]
pub(crate) struct StoredMatrix {
	depth: usize,
	data: Stored<[f32; WIDTH]>,
}

impl StoredMatrix {
	/// The panels.
	pub fn panels(&self) -> Panels<'_> {
		Panels { depth: self.depth, data: &self.data }
	}
}

/// A view of a packed matrix.
#[derive(Clone, Copy)]
pub(crate) struct Panels<'a> {
	/// How many terms a product has.
	pub depth: usize,
	/// Panel after panel.
	pub data: &'a [[f32; WIDTH]],
}

impl Panels<'_> {
	/// The number of panels.
	pub fn count(&self) -> usize {
		self.data.len() / self.depth
	}
}
