//! Weight matrices of any format, and products with them.

use crate::gguf::{GgufDtype, TensorView};
use crate::kernels::lanes::WIDTH;
use crate::kernels::pool::{Block, Pool};
use crate::kernels::quant::columns::half_to_f32;
use crate::kernels::quant::{Format, MatrixError, QuantMatrix, Quantised};
use crate::kernels::{all_finite, Kernels, PackedMatrix, Panels, StoredMatrix, WeightMemory};
use crate::EngineError;
use std::io;

/// How many pieces each thread gets, so that a slow one delays little.
const PIECES: usize = 4;

/// A weight matrix `[columns][depth]`.
pub(crate) enum Matrix {
	/// In its file's blocks.
	Quantised(QuantMatrix),
	/// As f32, from any format of floats.
	Floats {
		/// The number of columns.
		columns: usize,
		/// The weights.
		packed: StoredMatrix,
	},
}

/// Some matrices that are multiplied with the same input, their outputs beside each other, each from a multiple of 16.
pub(crate) struct Linear {
	matrices: Vec<(usize, Matrix)>,
	width: usize,
	bias: Vec<f32>,
}

/// A tensor's floats.
pub(super) fn floats(tensor: &TensorView<'_>) -> Result<Vec<f32>, EngineError> {
	let data = tensor.data;
	let half = |bytes: &[u8; 2]| u16::from_le_bytes(*bytes);
	let values: Vec<f32> = match tensor.dtype {
		GgufDtype::F32 => data.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
		GgufDtype::F16 => data.as_chunks().0.iter().map(|bytes| half_to_f32(half(bytes))).collect(),
		GgufDtype::Bf16 => {
			data.as_chunks().0.iter().map(|bytes| f32::from_bits(u32::from(half(bytes)) << 16)).collect()
		}
		other => return Err(invalid(format!("tensor {} has type {other}, expected floats", tensor.name))),
	};
	match all_finite(&values) {
		true => Ok(values),
		false => Err(invalid(format!("tensor {} has a value that is not finite", tensor.name))),
	}
}

fn no_memory(tensor: &TensorView<'_>, error: &io::Error) -> EngineError {
	EngineError::Internal(format!("no memory for {}: {error}", tensor.name))
}

/// The model is not valid.
pub(super) fn invalid(reason: String) -> EngineError {
	EngineError::InvalidModel(reason)
}

impl Matrix {
	/// Repacks a tensor; column j of the result is the file's `order(j)`, of which there are `columns` from `first`.
	pub fn new(
		memory: &WeightMemory,
		tensor: &TensorView<'_>,
		[first, columns]: [usize; 2],
		depth: usize,
		order: impl Fn(usize) -> usize,
	) -> Result<Self, EngineError> {
		let format = match tensor.dtype {
			GgufDtype::Q4_0 => Format::Q4_0,
			GgufDtype::Q4_1 => Format::Q4_1,
			GgufDtype::Q5_0 => Format::Q5_0,
			GgufDtype::Q5_1 => Format::Q5_1,
			GgufDtype::Q8_0 => Format::Q8_0,
			GgufDtype::Q2K => Format::Q2_K,
			GgufDtype::Q3K => Format::Q3_K,
			GgufDtype::Q4K => Format::Q4_K,
			GgufDtype::Q5K => Format::Q5_K,
			GgufDtype::Q6K => Format::Q6_K,
			GgufDtype::Iq4Nl => Format::IQ4_NL,
			GgufDtype::Iq4Xs => Format::IQ4_XS,
			GgufDtype::F32 | GgufDtype::F16 | GgufDtype::Bf16 => {
				let values = floats(tensor)?;
				let mut packed = PackedMatrix::zeros(depth, columns);
				for column in 0..columns {
					let row = values.get((first + order(column)) * depth..).and_then(|values| values.get(..depth));
					packed.set_column(column, row.ok_or_else(|| invalid(format!("tensor {} is short", tensor.name)))?);
				}
				let packed = packed.store(memory).map_err(|error| no_memory(tensor, &error))?;
				return Ok(Self::Floats { columns, packed });
			}
		};
		let row_bytes = depth / tensor.dtype.block_weights() * tensor.dtype.block_bytes();
		let data = tensor.data.get(first * row_bytes..).and_then(|data| data.get(..columns * row_bytes));
		let data = data.ok_or_else(|| invalid(format!("tensor {} is short", tensor.name)))?;
		QuantMatrix::new(memory, format, data, [columns, depth], order).map(Self::Quantised).map_err(
			|error| match error {
				MatrixError::Memory(error) => no_memory(tensor, &error),
				error => invalid(format!("tensor {}: {error}", tensor.name)),
			},
		)
	}

	/// The number of columns.
	pub fn columns(&self) -> usize {
		match self {
			Self::Quantised(matrix) => matrix.columns(),
			Self::Floats { columns, .. } => *columns,
		}
	}

	/// One column's weights.
	pub fn column(&self, column: usize, out: &mut [f32]) {
		match self {
			Self::Quantised(matrix) => matrix.column(column, out),
			Self::Floats { packed, .. } => {
				let panels = packed.panels();
				let panel = &panels.data[column / WIDTH * panels.depth..][..panels.depth];
				out.iter_mut().zip(panel).for_each(|(out, lanes)| *out = lanes[column % WIDTH]);
			}
		}
	}

	/// The columns of `out` that are the matrix's.
	fn multiply(&self, kernels: Kernels, input: &Quantised, out: &mut Block<'_>, first_column: usize) {
		let packed = match self {
			Self::Quantised(matrix) => return kernels.quant_gemm(input, matrix, out, first_column),
			Self::Floats { packed, .. } => packed.panels(),
		};
		let columns = out.columns();
		let from = columns.start.max(first_column);
		let to = columns.end.min(first_column + packed.count() * WIDTH);
		if from >= to {
			return;
		}
		let first_panel = (from - first_column) / WIDTH;
		let count = (to - from) / WIDTH;
		let data = &packed.data[first_panel * packed.depth..][..count * packed.depth];
		let panels = Panels { depth: packed.depth, data };
		let mut product = vec![0.0; input.count() * (to - from)];
		kernels.gemm(input.floats(), packed.depth, panels, &mut product, input.count());
		for (row, values) in product.chunks_exact(to - from).enumerate() {
			out.row(row)[from - columns.start..][..values.len()].copy_from_slice(values);
		}
	}
}

impl Linear {
	/// Matrices beside each other, with their biases or without.
	pub fn new(matrices: Vec<(Matrix, Option<Vec<f32>>)>) -> Self {
		let mut linear = Self { matrices: Vec::new(), width: 0, bias: Vec::new() };
		for (matrix, bias) in matrices {
			let first = linear.width;
			linear.width += matrix.columns().next_multiple_of(WIDTH);
			if let Some(bias) = bias {
				linear.bias.resize(first, 0.0);
				linear.bias.extend(bias);
				linear.bias.resize(linear.width, 0.0);
			}
			linear.matrices.push((first, matrix));
		}
		if !linear.bias.is_empty() {
			linear.bias.resize(linear.width, 0.0);
		}
		linear
	}

	/// The width of an output row.
	pub fn width(&self) -> usize {
		self.width
	}

	/// The only matrix of a group of one.
	pub fn first(&self) -> &Matrix {
		&self.matrices[0].1
	}

	/// Multiplies, into rows as wide as all matrices together.
	pub fn multiply(&self, kernels: Kernels, pool: &Pool, input: &Quantised, out: &mut Vec<f32>) {
		let rows = input.count();
		out.resize(rows * self.width, 0.0);
		let tiles = self.width / WIDTH;
		let pieces = if pool.threads() == 1 { 1 } else { pool.threads() * PIECES };
		pool.blocks(out, self.width, [rows, tiles.div_ceil(pieces) * WIDTH], |block| {
			for (first_column, matrix) in &self.matrices {
				matrix.multiply(kernels, input, block, *first_column);
			}
			if !self.bias.is_empty() {
				let bias = &self.bias[block.columns()];
				(0..rows).for_each(|row| kernels.add_to(block.row(row), bias));
			}
		});
	}
}

#[cfg(test)]
mod tests;
