//! Right-hand matrices in the order in which the kernels read them.

use super::cells::Cell;
use super::lanes::WIDTH;
use super::memory::{NoMemory, Stored, WeightMemory};
use super::packing::{divide, FileColumns, MatrixError, Packing};

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
	pub fn store(&self, memory: &WeightMemory) -> Result<StoredMatrix, NoMemory> {
		let columns = self.data.len() / self.depth.max(1) * WIDTH;
		Ok(StoredMatrix { depth: self.depth, columns, data: memory.store(&self.data)? })
	}
}

/// A packed matrix among a model's weights, which are kept in `W`, sixteen each.
#[derive(Clone, Debug)]
pub(crate) struct StoredMatrix<W = [f32; WIDTH]> {
	depth: usize,
	columns: usize,
	data: Stored<W>,
}

impl<W: Cell> StoredMatrix<W> {
	/// Packs a file's matrix of this many columns, each `depth` weights; column j of the result is the file's `order(j)`.
	pub fn read(
		on: &Packing<'_>,
		file: &dyn FileColumns,
		[columns, depth]: [usize; 2],
		order: impl Fn(usize) -> usize + Sync,
	) -> Result<Self, MatrixError> {
		let panels = columns.div_ceil(WIDTH);
		let cells = panels.checked_mul(depth).ok_or(MatrixError::Size)?;
		let mut data = on.memory.take::<W>(cells)?;
		let tiles = divide(&mut data, panels).collect();
		on.fill(tiles, [columns, depth * W::BYTES], order, file, |panel, columns| {
			let mut is_finite = true;
			for (at, cell) in panel.iter_mut().enumerate() {
				for (lane, column) in columns.iter().enumerate() {
					cell.set(lane, &column[at * W::BYTES..][..W::BYTES]);
				}
				is_finite &= cell.is_finite();
			}
			match is_finite {
				true => Ok(()),
				false => Err(MatrixError::Value),
			}
		})?;
		Ok(Self { depth, columns, data: data.finish() })
	}

	/// The number of columns.
	pub fn columns(&self) -> usize {
		self.columns
	}

	/// One column's weights.
	pub fn column(&self, column: usize, out: &mut [f32]) {
		let panel = &self.data[column / WIDTH * self.depth..][..self.depth];
		out.iter_mut().zip(panel).for_each(|(out, cell)| *out = cell.values()[column % WIDTH]);
	}
}

impl<W> StoredMatrix<W> {
	/// The panels.
	pub fn panels(&self) -> Panels<'_, W> {
		Panels { depth: self.depth, data: &self.data }
	}
}

/// A view of a packed matrix.
#[derive(Clone, Copy)]
pub(crate) struct Panels<'a, W = [f32; WIDTH]> {
	/// How many terms a product has.
	pub depth: usize,
	/// Panel after panel.
	pub data: &'a [W],
}

impl<W> Panels<'_, W> {
	/// The number of panels.
	pub fn count(&self) -> usize {
		self.data.len() / self.depth
	}
}
