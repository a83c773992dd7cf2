//! The kernels as operations on candle's tensors, for programs that compute with candle and want the same bits on every
//! machine: each is a custom operation of contiguous f32 tensors on the CPU, over their last dimension.
//!
//! ```
//! use candle_core::{Device, Tensor};
//! use sibyl_engine::candle_ops::Gelu;
//!
//! let x = Tensor::new(&[[-1.0_f32, 0.0], [1.0, 2.0]], &Device::Cpu)?;
//! let y = x.apply_op1_no_bwd(&Gelu)?;
//! assert_eq!(y.dims(), [2, 2]);
//! # Ok::<(), candle_core::Error>(())
//! ```

use crate::gguf::{GgufDtype, TensorData, TensorView};
use crate::kernels::lanes::WIDTH;
use crate::kernels::packing::Packing;
use crate::kernels::pool::Pool;
use crate::kernels::quant::Quantised;
use crate::kernels::rope::RopeTables;
use crate::kernels::Kernels;
use crate::models::linear::{Linear, Matrix};
use crate::EngineError;
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{bail, CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape};

/// `x · wᵀ`, for weights `[columns][depth]` as GGUF has them, of any format that the engine's models have.
pub struct MatMul {
	weights: Linear,
	columns: usize,
	depth: usize,
	pool: Pool,
}

impl MatMul {
	/// Repacks the weights, to multiply in this many threads, whose number changes no bit.
	pub fn new(weights: &QTensor, threads: usize) -> std::result::Result<Self, EngineError> {
		let invalid = |reason: String| EngineError::InvalidModel(reason);
		let (columns, depth) = weights.shape().dims2().map_err(|error| invalid(error.to_string()))?;
		let data = weights.data().map_err(|error| invalid(error.to_string()))?;
		let dtype = match weights.dtype() {
			GgmlDType::F32 => GgufDtype::F32,
			GgmlDType::F16 => GgufDtype::F16,
			GgmlDType::BF16 => GgufDtype::Bf16,
			GgmlDType::Q4_0 => GgufDtype::Q4_0,
			GgmlDType::Q4_1 => GgufDtype::Q4_1,
			GgmlDType::Q5_0 => GgufDtype::Q5_0,
			GgmlDType::Q5_1 => GgufDtype::Q5_1,
			GgmlDType::Q8_0 => GgufDtype::Q8_0,
			GgmlDType::Q4K => GgufDtype::Q4K,
			GgmlDType::Q6K => GgufDtype::Q6K,
			other => return Err(invalid(format!("weights of format {other:?}"))),
		};
		if !depth.is_multiple_of(32) {
			return Err(invalid(format!("{depth} weights to a column are no multiple of 32")));
		}
		let data = TensorData::Memory(&data);
		let (pool, view) =
			(Pool::new(threads)?, TensorView { name: "weights", dtype, shape: vec![depth, columns], data });
		let matrix = Matrix::new(&Packing::new(&pool), &view, [0, columns], depth, |column| column)?;
		Ok(Self { weights: Linear::new(vec![(matrix, None)]), columns, depth, pool })
	}
}

impl CustomOp1 for MatMul {
	fn name(&self) -> &'static str {
		"sibyl-matmul"
	}

	fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
		let x = floats(storage, layout)?;
		let (dims, depth) = last(layout)?;
		if depth != self.depth {
			bail!("rows of {depth} values for weights of {}", self.depth);
		}
		let rows = x.len() / depth;
		let kernels = Kernels::best();
		let mut input = Quantised::default();
		let fill = |row: usize, out: &mut [f32]| out.copy_from_slice(&x[row * depth..][..depth]);
		if !input.fill(kernels, &self.pool, [rows, depth], fill) {
			bail!("a value is not finite");
		}
		let mut out = Vec::new();
		self.weights.multiply(kernels, &self.pool, &input, &mut out);
		let values = out.chunks_exact(self.weights.width()).flat_map(|row| &row[..self.columns]).copied().collect();
		let shape = [dims, &[self.columns]].concat();
		Ok((CpuStorage::F32(values), shape.into()))
	}
}

/// The softmax of each row, whose length is a multiple of 16.
pub struct RowSoftmax;

impl CustomOp1 for RowSoftmax {
	fn name(&self) -> &'static str {
		"sibyl-softmax"
	}

	fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
		let mut finite = true;
		let terms = by_row(storage, layout, |kernels, row| match kernels.softmax_of(row, row.len(), 1.0) {
			Some(sum) => kernels.divide_by(row, sum),
			None => finite = false,
		})?;
		finite_or_error(finite, terms)
	}
}

/// `x / √(mean(x²) + ε) · weight` of each row, whose length is a multiple of 16.
pub struct RootMeanSquareNorm {
	/// One factor for each value of a row.
	pub weight: Vec<f32>,
	/// What is added to the mean.
	pub epsilon: f32,
}

impl CustomOp1 for RootMeanSquareNorm {
	fn name(&self) -> &'static str {
		"sibyl-root-mean-square-norm"
	}

	fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
		let (_, width) = last(layout)?;
		if width != self.weight.len() {
			bail!("rows of {width} values for weights of {}", self.weight.len());
		}
		let mut input = vec![0.0; width];
		let mut finite = true;
		let normed = by_row(storage, layout, |kernels, row| {
			input.copy_from_slice(row);
			finite &= kernels.root_mean_square(&input, row, &self.weight, self.epsilon);
		})?;
		finite_or_error(finite, normed)
	}
}

/// `(x − mean(x)) / √(variance(x) + ε) · weight + bias` of each row, whose length is a multiple of 16.
pub struct LayerNorm {
	/// One factor for each value of a row.
	pub weight: Vec<f32>,
	/// One addend for each value of a row.
	pub bias: Vec<f32>,
	/// What is added to the variance.
	pub epsilon: f32,
}

impl CustomOp1 for LayerNorm {
	fn name(&self) -> &'static str {
		"sibyl-layer-norm"
	}

	fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
		let (_, width) = last(layout)?;
		if [&self.weight, &self.bias].iter().any(|values| values.len() != width) {
			bail!("rows of {width} values for {} weights and {} biases", self.weight.len(), self.bias.len());
		}
		let mut input = vec![0.0; width];
		let mut finite = true;
		let normed = by_row(storage, layout, |kernels, row| {
			input.copy_from_slice(row);
			finite &= kernels.norm(&input, row, &self.weight, &self.bias, self.epsilon);
		})?;
		finite_or_error(finite, normed)
	}
}

/// The rotary position embedding of rows, a multiple of 32 long, whose pairs are half a row apart. The last dimension but
/// one counts positions.
pub struct Rope {
	tables: RopeTables,
	positions: usize,
	dimension: usize,
	/// The position of each first row.
	pub first: usize,
}

impl Rope {
	/// For so many positions, from 0 on, and rows of this length: pair i turns by `position / base^(2i / dimension)`.
	pub fn new(positions: usize, dimension: usize, base: f64) -> std::result::Result<Self, EngineError> {
		match dimension > 0 && dimension.is_multiple_of(2 * WIDTH) {
			true => Ok(Self { tables: RopeTables::new(positions, dimension, base), positions, dimension, first: 0 }),
			false => Err(EngineError::InvalidModel(format!("rows of {dimension} values are no multiple of 32"))),
		}
	}
}

impl CustomOp1 for Rope {
	fn name(&self) -> &'static str {
		"sibyl-rope"
	}

	fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
		let (before, width) = last(layout)?;
		let count = before.last().copied().unwrap_or(1);
		if width != self.dimension || self.first.saturating_add(count) > self.positions {
			bail!(
				"{count} rows of {width} values, expected {} values and at most {} positions",
				self.dimension,
				self.positions
			);
		}
		let mut row_index = 0;
		by_row(storage, layout, |kernels, row| {
			let (cos, sin) = self.tables.at(self.first + row_index % count);
			kernels.rotate(row, cos, sin);
			row_index += 1;
		})
	}
}

/// `x · Φ(x)` of each value, by the error function.
pub struct Gelu;

impl CustomOp1 for Gelu {
	fn name(&self) -> &'static str {
		"sibyl-gelu"
	}

	fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
		by_padded(storage, layout, |kernels, values| kernels.gelu(values))
	}
}

/// `silu(gate) · up`, element by element.
pub struct GateUp;

impl CustomOp2 for GateUp {
	fn name(&self) -> &'static str {
		"sibyl-gate-up"
	}

	fn cpu_fwd(
		&self,
		gate: &CpuStorage,
		gate_layout: &Layout,
		up: &CpuStorage,
		up_layout: &Layout,
	) -> Result<(CpuStorage, Shape)> {
		if gate_layout.shape() != up_layout.shape() {
			bail!("shapes {:?} and {:?} differ", gate_layout.shape(), up_layout.shape());
		}
		let mut up = floats(up, up_layout)?.to_vec();
		up.resize(up.len().next_multiple_of(WIDTH), 0.0);
		by_padded(gate, gate_layout, |kernels, values| kernels.gate_up(values, &up))
	}
}

/// The values of a contiguous tensor of f32.
fn floats<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
	let Some((from, to)) = layout.contiguous_offsets() else { bail!("the tensor is not contiguous") };
	Ok(&storage.as_slice()?[from..to])
}

/// The dimensions before the last one, and the last one, which is not zero.
fn last(layout: &Layout) -> Result<(&[usize], usize)> {
	match layout.dims().split_last() {
		Some((last, before)) if *last > 0 && layout.shape().elem_count() > 0 => Ok((before, *last)),
		_ => bail!("the tensor has no values"),
	}
}

fn by_row(
	storage: &CpuStorage,
	layout: &Layout,
	mut compute: impl FnMut(Kernels, &mut [f32]),
) -> Result<(CpuStorage, Shape)> {
	let mut values = floats(storage, layout)?.to_vec();
	let (_, width) = last(layout)?;
	if !width.is_multiple_of(WIDTH) {
		bail!("rows of {width} values are no multiple of {WIDTH}");
	}
	values.chunks_exact_mut(width).for_each(|row| compute(Kernels::best(), row));
	Ok((CpuStorage::F32(values), layout.shape().clone()))
}

/// An operation's values, if those that it was computed from were finite.
fn finite_or_error<T>(finite: bool, values: T) -> Result<T> {
	match finite {
		true => Ok(values),
		false => bail!("a value is not finite"),
	}
}

/// For operations whose values are independent of each other.
fn by_padded(
	storage: &CpuStorage,
	layout: &Layout,
	compute: impl FnOnce(Kernels, &mut [f32]),
) -> Result<(CpuStorage, Shape)> {
	let mut values = floats(storage, layout)?.to_vec();
	let length = values.len();
	values.resize(length.next_multiple_of(WIDTH), 0.0);
	compute(Kernels::best(), &mut values);
	values.truncate(length);
	Ok((CpuStorage::F32(values), layout.shape().clone()))
}

#[cfg(test)]
mod tests {
	use super::*;
	use candle_core::{Device, Tensor};

	fn values(count: usize) -> Vec<f32> {
		(0..count).map(|at| ((at * 7919 % 1013) as f32 - 506.0) / 200.0).collect()
	}

	fn tensor(rows: usize, width: usize) -> Tensor {
		Tensor::from_vec(values(rows * width), (rows, width), &Device::Cpu).unwrap()
	}

	fn flat(tensor: &Tensor) -> Vec<f32> {
		tensor.flatten_all().unwrap().to_vec1().unwrap()
	}

	fn assert_near(actual: &Tensor, expected: &Tensor, tolerance: f32) {
		assert_eq!(actual.dims(), expected.dims());
		for (actual, expected) in flat(actual).iter().zip(flat(expected)) {
			assert!((actual - expected).abs() <= tolerance, "{actual}, expected {expected}");
		}
	}

	#[test]
	fn products_should_be_near_candles_and_the_same_alone_or_together() {
		let (x, w) = (tensor(5, 256), tensor(24, 256));
		for dtype in [GgmlDType::F32, GgmlDType::Q4_0, GgmlDType::Q5_1, GgmlDType::Q8_0, GgmlDType::Q4K, GgmlDType::Q6K]
		{
			let weights = QTensor::quantize(&w, dtype).unwrap();
			let expected = x.matmul(&weights.dequantize(&Device::Cpu).unwrap().t().unwrap()).unwrap();
			let product = MatMul::new(&weights, 1).unwrap();
			let together = x.apply_op1_no_bwd(&product).unwrap();
			assert_near(&together, &expected, 0.05);
			let product = MatMul::new(&weights, 3).unwrap();
			for row in 0..5 {
				let alone = x.narrow(0, row, 1).unwrap().apply_op1_no_bwd(&product).unwrap();
				assert_eq!(flat(&alone), flat(&together)[row * 24..][..24], "{dtype:?}");
			}
		}
	}

	#[test]
	fn the_other_operations_should_be_near_candles() {
		let x = tensor(3, 48);
		assert_near(&x.apply_op1_no_bwd(&Gelu).unwrap(), &x.gelu_erf().unwrap(), 1e-6);
		let exp = x.exp().unwrap();
		let softmax = exp.broadcast_div(&exp.sum_keepdim(1).unwrap()).unwrap();
		assert_near(&x.apply_op1_no_bwd(&RowSoftmax).unwrap(), &softmax, 1e-6);
		let up = tensor(3, 48);
		let gated = x.apply_op2_no_bwd(&up, &GateUp).unwrap();
		assert_near(&gated, &(x.silu().unwrap() * up).unwrap(), 1e-5);
		let mean = (x.sqr().unwrap().mean_keepdim(1).unwrap() + 1e-5).unwrap().sqrt().unwrap();
		let norm = RootMeanSquareNorm { weight: vec![1.0; 48], epsilon: 1e-5 };
		assert_near(&x.apply_op1_no_bwd(&norm).unwrap(), &x.broadcast_div(&mean).unwrap(), 1e-5);
		let centred = x.broadcast_sub(&x.mean_keepdim(1).unwrap()).unwrap();
		let deviation = (centred.sqr().unwrap().mean_keepdim(1).unwrap() + 1e-5).unwrap().sqrt().unwrap();
		let expected = (centred.broadcast_div(&deviation).unwrap() * 3.0).unwrap();
		let norm = LayerNorm { weight: vec![3.0; 48], bias: vec![-0.5; 48], epsilon: 1e-5 };
		assert_near(&x.apply_op1_no_bwd(&norm).unwrap(), &(expected - 0.5).unwrap(), 1e-5);
	}

	#[test]
	fn rows_should_be_turned_by_their_position_and_each_head_alike() {
		let (heads, positions, dimension, first) = (2, 3, 64, 5);
		let x = Tensor::from_vec(values(heads * positions * dimension), (heads, positions, dimension), &Device::Cpu);
		let mut rope = Rope::new(8, dimension, 10_000.0).unwrap();
		rope.first = first;
		let turned = x.as_ref().unwrap().apply_op1_no_bwd(&rope).unwrap();
		let (x, turned) = (flat(x.as_ref().unwrap()), flat(&turned));
		for (at, (x, turned)) in x.chunks_exact(dimension).zip(turned.chunks_exact(dimension)).enumerate() {
			for i in 0..dimension / 2 {
				let angle = (first + at % positions) as f64 / 10_000_f64.powf((2 * i) as f64 / dimension as f64);
				let (a, b) = (f64::from(x[i]), f64::from(x[i + dimension / 2]));
				let expected = [a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()];
				for (actual, expected) in [turned[i], turned[i + dimension / 2]].into_iter().zip(expected) {
					assert!((f64::from(actual) - expected).abs() < 1e-5, "{at} {i}: {actual}, expected {expected}");
				}
			}
		}
	}

	#[test]
	fn tensors_that_do_not_fit_should_be_errors() {
		let weights = QTensor::quantize(&tensor(16, 64), GgmlDType::Q4_0).unwrap();
		let product = MatMul::new(&weights, 1).unwrap();
		assert!(tensor(2, 32).apply_op1_no_bwd(&product).is_err());
		assert!(tensor(64, 2).t().unwrap().apply_op1_no_bwd(&product).is_err(), "it is not contiguous");
		assert!(Tensor::full(f32::NAN, (1, 64), &Device::Cpu).unwrap().apply_op1_no_bwd(&product).is_err());
		assert!(tensor(2, 15).apply_op1_no_bwd(&RowSoftmax).is_err());
		assert!(tensor(2, 16).apply_op2_no_bwd(&tensor(16, 2), &GateUp).is_err());
		let narrow = QTensor::quantize(&tensor(4, 8), GgmlDType::F32).unwrap();
		assert!(MatMul::new(&narrow, 1).is_err());
		assert!(Rope::new(4, 48, 1e4).is_err());
		let rope = Rope::new(4, 32, 1e4).unwrap();
		assert!(tensor(4, 32).apply_op1_no_bwd(&rope).is_ok());
		assert!(tensor(5, 32).apply_op1_no_bwd(&rope).is_err(), "there are four positions");
		assert!(tensor(4, 64).apply_op1_no_bwd(&rope).is_err());
		let norm = LayerNorm { weight: vec![1.0; 32], bias: vec![0.0; 16], epsilon: 1e-5 };
		assert!(tensor(4, 32).apply_op1_no_bwd(&norm).is_err());
	}
}
