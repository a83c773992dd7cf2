//! Weight matrices of any format, and products with them.

use crate::gguf::{GgufDtype, GgufFile, TensorData, TensorView};
use crate::kernels::lanes::WIDTH;
use crate::kernels::packing::{FileColumns, MatrixError, Packing};
use crate::kernels::pool::{Block, Pool};
use crate::kernels::quant::columns::half_to_f32;
use crate::kernels::quant::{Format, QuantMatrix, Quantised};
use crate::kernels::{all_finite, Bf16Lanes, Cell, HalfLanes, Kernels, Panels, StoredMatrix, WeightMemory};
use crate::store::StoreError;
use crate::EngineError;
use std::ops::Range;

/// How many pieces each thread gets, so that a slow one delays little.
const PIECES: usize = 4;

/// A weight matrix `[columns][depth]`, in its file's format. A clone is the same memory.
#[derive(Clone)]
pub(crate) enum Matrix {
	/// In blocks.
	Quantised(QuantMatrix),
	/// As 32-bit floats.
	Floats(StoredMatrix),
	/// As 16-bit floats, IEEE.
	Halves(StoredMatrix<HalfLanes>),
	/// As 16-bit floats, the upper halves of 32-bit ones.
	Bf16(StoredMatrix<Bf16Lanes>),
}

/// Some matrices that are multiplied with the same input, their outputs beside each other, each from a multiple of 16.
pub(crate) struct Linear {
	matrices: Vec<(usize, Matrix)>,
	width: usize,
	bias: Vec<f32>,
}

/// A tensor's floats.
pub(super) fn floats(tensor: &TensorView<'_>) -> Result<Vec<f32>, EngineError> {
	let mut buffer = Vec::new();
	let data = tensor.data.read(0..tensor.data.len(), &mut buffer).map_err(|error| unreadable(tensor, &error))?;
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

/// The format of blocks, unless the weights are floats.
fn quantised(dtype: GgufDtype) -> Option<Format> {
	match dtype {
		GgufDtype::Q4_0 => Some(Format::Q4_0),
		GgufDtype::Q4_1 => Some(Format::Q4_1),
		GgufDtype::Q5_0 => Some(Format::Q5_0),
		GgufDtype::Q5_1 => Some(Format::Q5_1),
		GgufDtype::Q8_0 => Some(Format::Q8_0),
		GgufDtype::Q2K => Some(Format::Q2_K),
		GgufDtype::Q3K => Some(Format::Q3_K),
		GgufDtype::Q4K => Some(Format::Q4_K),
		GgufDtype::Q5K => Some(Format::Q5_K),
		GgufDtype::Q6K => Some(Format::Q6_K),
		GgufDtype::Iq4Nl => Some(Format::IQ4_NL),
		GgufDtype::Iq4Xs => Some(Format::IQ4_XS),
		GgufDtype::Mxfp4 => Some(Format::MXFP4),
		GgufDtype::F32 | GgufDtype::F16 | GgufDtype::Bf16 => None,
	}
}

/// How many bytes of memory a tensor takes: a vector as 32-bit floats, a matrix in tiles of sixteen columns.
pub(super) fn stored_bytes(dtype: GgufDtype, shape: &[usize]) -> u64 {
	let weights = |width: usize| shape.iter().skip(1).fold(width as u64, |all, size| all.saturating_mul(*size as u64));
	match (shape, quantised(dtype)) {
		(&[depth, columns], Some(format)) => format.stored_bytes([columns, depth]),
		(&[depth, columns], None) => {
			let columns = columns.next_multiple_of(WIDTH) as u64;
			columns.saturating_mul(depth as u64).saturating_mul(dtype.block_bytes() as u64)
		}
		_ => weights(shape.first().copied().unwrap_or(0)).saturating_mul(size_of::<f32>() as u64),
	}
}

/// How many values of a matrix lie apart: its lines, halves and factors.
const PARTS: u64 = 3;

/// How many bytes of memory a file's weights take.
pub(super) fn weight_bytes(file: &GgufFile<'_>) -> u64 {
	let room = |bytes: u64| bytes.saturating_add(PARTS * WeightMemory::room(0));
	let bytes = file.tensors().map(|tensor| room(stored_bytes(tensor.dtype, &tensor.shape)));
	bytes.fold(0, u64::saturating_add)
}

/// A tensor's bytes cannot be read, or are not any more what they were.
pub(super) fn unreadable(tensor: &TensorView<'_>, error: &StoreError) -> EngineError {
	EngineError::Internal(format!("tensor {}: {error}", tensor.name))
}

/// The columns of a tensor, from one on.
struct TensorColumns<'a> {
	data: TensorData<'a>,
	first: usize,
	/// How many bytes a column has.
	bytes: usize,
}

impl FileColumns for TensorColumns<'_> {
	fn read<'b>(&'b self, columns: Range<usize>, buffer: &'b mut Vec<u8>) -> Result<&'b [u8], StoreError> {
		let at = |column: usize| (self.first + column) * self.bytes;
		self.data.read(at(columns.start)..at(columns.end), buffer)
	}
}

/// The model is not valid.
pub(super) fn invalid(reason: String) -> EngineError {
	EngineError::InvalidModel(reason)
}

impl Matrix {
	/// Repacks a tensor; column j of the result is the file's `order(j)`, of which there are `columns` from `first`.
	pub fn new(
		on: &Packing<'_>,
		tensor: &TensorView<'_>,
		[first, columns]: [usize; 2],
		depth: usize,
		order: impl Fn(usize) -> usize + Sync,
	) -> Result<Self, EngineError> {
		let bytes = depth / tensor.dtype.block_weights() * tensor.dtype.block_bytes();
		let (file, shape) = (TensorColumns { data: tensor.data, first, bytes }, [columns, depth]);
		let matrix = match (quantised(tensor.dtype), tensor.dtype) {
			(Some(format), _) => QuantMatrix::read(on, format, &file, shape, order).map(Self::Quantised),
			(None, GgufDtype::F16) => StoredMatrix::read(on, &file, shape, order).map(Self::Halves),
			(None, GgufDtype::Bf16) => StoredMatrix::read(on, &file, shape, order).map(Self::Bf16),
			(None, _) => StoredMatrix::read(on, &file, shape, order).map(Self::Floats),
		};
		matrix.map_err(|error| match error {
			MatrixError::Memory(error) => error.into(),
			MatrixError::Read(error) => unreadable(tensor, &error),
			error => invalid(format!("tensor {}: {error}", tensor.name)),
		})
	}

	/// The number of columns.
	pub fn columns(&self) -> usize {
		match self {
			Self::Quantised(matrix) => matrix.columns(),
			Self::Floats(matrix) => matrix.columns(),
			Self::Halves(matrix) => matrix.columns(),
			Self::Bf16(matrix) => matrix.columns(),
		}
	}

	/// Where its weights are.
	#[cfg(test)]
	pub fn address(&self) -> usize {
		match self {
			Self::Quantised(matrix) => matrix.address(),
			Self::Floats(matrix) => matrix.panels().data.as_ptr().addr(),
			Self::Halves(matrix) => matrix.panels().data.as_ptr().addr(),
			Self::Bf16(matrix) => matrix.panels().data.as_ptr().addr(),
		}
	}

	/// One column's weights.
	pub fn column(&self, column: usize, out: &mut [f32]) {
		match self {
			Self::Quantised(matrix) => matrix.column(column, out),
			Self::Floats(matrix) => matrix.column(column, out),
			Self::Halves(matrix) => matrix.column(column, out),
			Self::Bf16(matrix) => matrix.column(column, out),
		}
	}

	/// The columns of `out` that are the matrix's, which begins at one of them; as many rows as the input has.
	pub fn multiply(&self, kernels: Kernels, input: &Quantised, out: &mut Block<'_>, first_column: usize) {
		match self {
			Self::Quantised(matrix) => kernels.quant_gemm(input, matrix, out, first_column),
			Self::Floats(matrix) => multiply_floats(kernels, matrix.panels(), input, out, first_column),
			Self::Halves(matrix) => multiply_floats(kernels, matrix.panels(), input, out, first_column),
			Self::Bf16(matrix) => multiply_floats(kernels, matrix.panels(), input, out, first_column),
		}
	}
}

fn multiply_floats<W: Cell>(
	kernels: Kernels,
	packed: Panels<'_, W>,
	input: &Quantised,
	out: &mut Block<'_>,
	first_column: usize,
) {
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
