//! The kernels: matrix product, norm, softmax, convolution, rotation, activations.
//!
//! Every output element is one lane that walks its terms in increasing order; only the norms, [`UnitLength`]
//! and [`SoftmaxTerms`] reduce, by sixteen lanes and the fixed tree. Rows are independent: how many of them a call is given, and where the
//! others are computed, changes no bit.

use super::lanes::{Lanes, WIDTH};
use super::pool::Block;
use super::{math, Panels, Pass, Tier};

/// Where the rows of a product go.
pub(super) trait Rows {
	/// Sixteen values of a row, from a column that is a multiple of 16.
	fn cell(&mut self, row: usize, column: usize) -> &mut [f32; WIDTH];
}

/// Rows that lie `stride` floats apart.
pub(super) struct Strided<'a> {
	pub values: &'a mut [f32],
	pub stride: usize,
}

impl Rows for Strided<'_> {
	#[inline(always)]
	fn cell(&mut self, row: usize, column: usize) -> &mut [f32; WIDTH] {
		&mut self.values[row * self.stride + column..].as_chunks_mut().0[0]
	}
}

/// A block's own rows and columns.
impl Rows for Block<'_> {
	#[inline(always)]
	fn cell(&mut self, row: usize, column: usize) -> &mut [f32; WIDTH] {
		Block::cell(self, self.rows().start + row, self.columns().start + column)
	}
}

/// `c[i][j] = Σ a[i][q] · b[q][j]` over q in increasing order, each step one fma, from +0.
pub(super) struct Gemm<'a, C> {
	/// The rows of the left matrix, `a_stride` floats apart.
	pub a: &'a [f32],
	pub a_stride: usize,
	pub b: Panels<'a>,
	/// The result, whole panels wide.
	pub c: &'a mut C,
	pub rows: usize,
}

impl<C: Rows> Pass for Gemm<'_, C> {
	type Output = ();

	#[inline(always)]
	fn run<L: Lanes>(self) {
		match L::TIER {
			Tier::Scalar => self.columns::<L, 1>(1),
			Tier::Avx2 | Tier::AvxVnni => self.columns::<L, 1>(6),
			Tier::Avx512 | Tier::Avx512Vnni => self.columns::<L, 3>(8),
		}
	}
}

impl<C: Rows> Gemm<'_, C> {
	/// Tiles of P panels and at most `height` rows; what is left over of the panels is taken one by one.
	#[inline(always)]
	fn columns<L: Lanes, const P: usize>(mut self, height: usize) {
		let panels = self.b.count();
		let mut panel = 0;
		while panel + P <= panels {
			self.rows::<L, P>(height, panel);
			panel += P;
		}
		while panel < panels {
			self.rows::<L, 1>(height, panel);
			panel += 1;
		}
	}

	/// As few tiles as there can be, of heights that differ by at most one.
	#[inline(always)]
	fn rows<L: Lanes, const P: usize>(&mut self, height: usize, panel: usize) {
		let mut row = 0;
		for left in (1..=self.rows.div_ceil(height)).rev() {
			let height = (self.rows - row).div_ceil(left);
			match height {
				8 => self.tile::<L, 8, P>(row, panel),
				7 => self.tile::<L, 7, P>(row, panel),
				6 => self.tile::<L, 6, P>(row, panel),
				5 => self.tile::<L, 5, P>(row, panel),
				4 => self.tile::<L, 4, P>(row, panel),
				3 => self.tile::<L, 3, P>(row, panel),
				2 => self.tile::<L, 2, P>(row, panel),
				_ => self.tile::<L, 1, P>(row, panel),
			}
			row += height;
		}
	}

	#[inline(always)]
	fn tile<L: Lanes, const M: usize, const P: usize>(&mut self, row: usize, panel: usize) {
		let depth = self.b.depth;
		let mut a = [&self.a[..0]; M];
		for (r, a) in a.iter_mut().enumerate() {
			*a = &self.a[(row + r) * self.a_stride..][..depth];
		}
		let mut b = [&self.b.data[..0]; P];
		for (p, b) in b.iter_mut().enumerate() {
			*b = &self.b.data[(panel + p) * depth..][..depth];
		}
		let mut sums = [[L::splat(0.0); P]; M];
		for q in 0..depth {
			let mut columns = [L::splat(0.0); P];
			for (column, b) in columns.iter_mut().zip(&b) {
				*column = L::load(&b[q]);
			}
			for (sums, a) in sums.iter_mut().zip(&a) {
				let x = L::splat(a[q]);
				for (sum, column) in sums.iter_mut().zip(columns) {
					*sum = x.fma(column, *sum);
				}
			}
		}
		for (r, sums) in sums.iter().enumerate() {
			for (p, sum) in sums.iter().enumerate() {
				sum.store(self.c.cell(row + r, (panel + p) * WIDTH));
			}
		}
	}
}

/// The layer norm of each row of `width` floats: `(x − mean) · 1/√(variance + ε) · weight + bias`. Returns whether all
/// means and variances are finite; they are not if a value is not.
pub(super) struct Norm<'a> {
	pub x: &'a [f32],
	pub out: &'a mut [f32],
	pub weight: &'a [f32],
	pub bias: &'a [f32],
	pub epsilon: f32,
}

impl Pass for Norm<'_> {
	type Output = bool;

	#[inline(always)]
	fn run<L: Lanes>(self) -> bool {
		let mut finite = true;
		let width = self.weight.len();
		let count = width as f32;
		let (weight, bias) = (self.weight.as_chunks().0, self.bias.as_chunks().0);
		for (x, out) in self.x.chunks_exact(width).zip(self.out.chunks_exact_mut(width)) {
			let x = x.as_chunks::<WIDTH>().0;
			let mut sum = L::splat(0.0);
			for x in x {
				sum = sum.add(L::load(x));
			}
			let mean = L::splat(sum.tree_sum() / count);
			let mut squares = L::splat(0.0);
			for x in x {
				let distance = L::load(x).sub(mean);
				squares = distance.fma(distance, squares);
			}
			let variance = squares.tree_sum() / count;
			finite &= variance.is_finite();
			let scale = L::splat(1.0 / (variance + self.epsilon).sqrt());
			for (((x, out), weight), bias) in x.iter().zip(out.as_chunks_mut().0).zip(weight).zip(bias) {
				L::load(x).sub(mean).mul(scale).fma(L::load(weight), L::load(bias)).store(out);
			}
		}
		finite
	}
}

/// Divides a row by its length, √(Σ x²). Returns whether the sum of squares is finite and not zero; it is not finite if
/// a value is not.
pub(super) struct UnitLength<'a> {
	pub x: &'a mut [f32],
}

impl Pass for UnitLength<'_> {
	type Output = bool;

	#[inline(always)]
	fn run<L: Lanes>(self) -> bool {
		let mut squares = L::splat(0.0);
		for x in self.x.as_chunks().0 {
			let x = L::load(x);
			squares = x.fma(x, squares);
		}
		let squares = squares.tree_sum();
		let length = L::splat(squares.sqrt());
		for x in self.x.as_chunks_mut().0 {
			L::load(x).div(length).store(x);
		}
		squares.is_finite() && squares > 0.0
	}
}

/// The root-mean-square norm of a row: `x · 1/√(mean of squares + ε) · weight`.
pub(super) struct RmsNorm<'a> {
	pub x: &'a [f32],
	pub out: &'a mut [f32],
	pub weight: &'a [f32],
	pub epsilon: f32,
}

impl Pass for RmsNorm<'_> {
	type Output = ();

	#[inline(always)]
	fn run<L: Lanes>(self) {
		let x = self.x.as_chunks::<WIDTH>().0;
		let mut squares = L::splat(0.0);
		for x in x {
			let x = L::load(x);
			squares = x.fma(x, squares);
		}
		let mean = squares.tree_sum() / self.x.len() as f32;
		let scale = L::splat(1.0 / (mean + self.epsilon).sqrt());
		for ((x, out), weight) in x.iter().zip(self.out.as_chunks_mut().0).zip(self.weight.as_chunks().0) {
			L::load(x).mul(scale).mul(L::load(weight)).store(out);
		}
	}
}

/// Replaces a row by `exp(scale · x − maximum)` and returns the sum of these.
pub(super) struct SoftmaxTerms<'a> {
	pub row: &'a mut [f32],
	pub scale: f32,
}

impl Pass for SoftmaxTerms<'_> {
	type Output = f32;

	#[inline(always)]
	fn run<L: Lanes>(self) -> f32 {
		let row = self.row.as_chunks_mut::<WIDTH>().0;
		let scale = L::splat(self.scale);
		let mut maximum = L::splat(f32::MIN);
		for x in row.iter_mut() {
			let scaled = L::load(x).mul(scale);
			scaled.store(x);
			maximum = scaled.max(maximum);
		}
		let maximum = L::splat(maximum.tree_maximum());
		let mut sum = L::splat(0.0);
		for x in row {
			let term = math::exp(L::load(x).sub(maximum));
			term.store(x);
			sum = sum.add(term);
		}
		sum.tree_sum()
	}
}

/// `x += silu(bias + Σ taps[k] · weight[k])`, k in increasing order: one row of a depthwise convolution.
pub(super) struct ConvStep<'a, const K: usize> {
	pub x: &'a mut [f32],
	pub taps: [&'a [f32]; K],
	/// K rows as wide as `x`.
	pub weight: &'a [f32],
	pub bias: &'a [f32],
}

impl<const K: usize> Pass for ConvStep<'_, K> {
	type Output = ();

	#[inline(always)]
	fn run<L: Lanes>(self) {
		let width = self.x.len();
		let mut taps = [self.bias.as_chunks::<WIDTH>().0; K];
		for (chunks, tap) in taps.iter_mut().zip(self.taps) {
			*chunks = tap.as_chunks().0;
		}
		for (at, (x, bias)) in self.x.as_chunks_mut().0.iter_mut().zip(self.bias.as_chunks().0).enumerate() {
			let mut sum = L::splat(0.0);
			for (tap, weight) in taps.iter().zip(self.weight.chunks_exact(width)) {
				sum = L::load(&tap[at]).fma(L::load(&weight.as_chunks().0[at]), sum);
			}
			let value = math::silu(sum.add(L::load(bias)));
			L::load(x).add(value).store(x);
		}
	}
}

/// Rotates pairs (i, i + half) of one head by its position's angles.
pub(super) struct Rotate<'a> {
	pub head: &'a mut [f32],
	pub cos: &'a [f32],
	pub sin: &'a [f32],
}

impl Pass for Rotate<'_> {
	type Output = ();

	#[inline(always)]
	fn run<L: Lanes>(self) {
		let (first, second) = self.head.split_at_mut(self.cos.len());
		let angles = self.cos.as_chunks().0.iter().zip(self.sin.as_chunks().0);
		for ((a, b), (cos, sin)) in first.as_chunks_mut().0.iter_mut().zip(second.as_chunks_mut().0).zip(angles) {
			let (x, y, cos, sin) = (L::load(a), L::load(b), L::load(cos), L::load(sin));
			x.mul(cos).sub(y.mul(sin)).store(a);
			x.fma(sin, y.mul(cos)).store(b);
		}
	}
}

/// `gate = silu(gate) · up`
pub(super) struct GateUp<'a> {
	pub gate: &'a mut [f32],
	pub up: &'a [f32],
}

impl Pass for GateUp<'_> {
	type Output = ();

	#[inline(always)]
	fn run<L: Lanes>(self) {
		for (gate, up) in self.gate.as_chunks_mut().0.iter_mut().zip(self.up.as_chunks().0) {
			math::silu(L::load(gate)).mul(L::load(up)).store(gate);
		}
	}
}

/// `x += y`
pub(super) struct AddTo<'a> {
	pub x: &'a mut [f32],
	pub y: &'a [f32],
}

impl Pass for AddTo<'_> {
	type Output = ();

	#[inline(always)]
	fn run<L: Lanes>(self) {
		for (x, y) in self.x.as_chunks_mut().0.iter_mut().zip(self.y.as_chunks().0) {
			L::load(x).add(L::load(y)).store(x);
		}
	}
}

/// `x /= divisor`
pub(super) struct DivideBy<'a> {
	pub x: &'a mut [f32],
	pub divisor: f32,
}

impl Pass for DivideBy<'_> {
	type Output = ();

	#[inline(always)]
	fn run<L: Lanes>(self) {
		for x in self.x.as_chunks_mut().0 {
			L::load(x).div(L::splat(self.divisor)).store(x);
		}
	}
}

/// `x = gelu(x)`
pub(super) struct Gelu<'a> {
	pub x: &'a mut [f32],
}

impl Pass for Gelu<'_> {
	type Output = ();

	#[inline(always)]
	fn run<L: Lanes>(self) {
		for x in self.x.as_chunks_mut().0 {
			math::gelu(L::load(x)).store(x);
		}
	}
}
