//! The kernels: norms, convolution, rotation, activations.
//!
//! Every output element is one lane that walks its terms in increasing order; only the norms and [`UnitLength`] reduce.
//! Rows are independent: how many of them a call is given, and where the others are computed, changes no bit.

use super::lanes::{Lanes, WIDTH};
use super::{math, sums, Pass};

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
			let mean = L::splat(sums::reduce(x, |x: L, sum| sum.add(x)) / count);
			let squares = sums::reduce(x, |x: L, sum| {
				let distance = x.sub(mean);
				distance.fma(distance, sum)
			});
			let variance = squares / count;
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
		let squares = sums::reduce(self.x.as_chunks().0, |x: L, sum| x.fma(x, sum));
		let length = L::splat(squares.sqrt());
		for x in self.x.as_chunks_mut().0 {
			L::load(x).div(length).store(x);
		}
		squares.is_finite() && squares > 0.0
	}
}

/// The root-mean-square norm of a row: `x · 1/√(mean of squares + ε) · weight`. Returns whether the sum of squares is
/// finite. If it is not, the row becomes NaN, which the next product's input is searched for: zeros would hide it.
pub(super) struct RmsNorm<'a> {
	pub x: &'a [f32],
	pub out: &'a mut [f32],
	pub weight: &'a [f32],
	pub epsilon: f32,
}

impl Pass for RmsNorm<'_> {
	type Output = bool;

	#[inline(always)]
	fn run<L: Lanes>(self) -> bool {
		let x = self.x.as_chunks::<WIDTH>().0;
		let squares = sums::reduce(x, |x: L, sum| x.fma(x, sum));
		let finite = squares.is_finite();
		let mean = squares / self.x.len() as f32;
		let scale = L::splat(if finite { 1.0 / (mean + self.epsilon).sqrt() } else { f32::NAN });
		for ((x, out), weight) in x.iter().zip(self.out.as_chunks_mut().0).zip(self.weight.as_chunks().0) {
			L::load(x).mul(scale).mul(L::load(weight)).store(out);
		}
		finite
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

/// `gate = gelu(gate) · up`, with [`math::tanh_gelu`]
pub(super) struct GeluUp<'a> {
	pub gate: &'a mut [f32],
	pub up: &'a [f32],
}

impl Pass for GeluUp<'_> {
	type Output = ();

	#[inline(always)]
	fn run<L: Lanes>(self) {
		for (gate, up) in self.gate.as_chunks_mut().0.iter_mut().zip(self.up.as_chunks().0) {
			math::tanh_gelu(L::load(gate)).mul(L::load(up)).store(gate);
		}
	}
}

/// `x = bounded(x)`, with [`math::bounded`]
pub(super) struct BoundBy<'a> {
	pub x: &'a mut [f32],
	pub bound: f32,
}

impl Pass for BoundBy<'_> {
	type Output = ();

	#[inline(always)]
	fn run<L: Lanes>(self) {
		for x in self.x.as_chunks_mut().0 {
			math::bounded(L::load(x), self.bound).store(x);
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

/// `x = fma(y, factor, x)`
pub(super) struct AddMultiple<'a> {
	pub x: &'a mut [f32],
	pub y: &'a [f32],
	pub factor: f32,
}

impl Pass for AddMultiple<'_> {
	type Output = ();

	#[inline(always)]
	fn run<L: Lanes>(self) {
		let factor = L::splat(self.factor);
		for (x, y) in self.x.as_chunks_mut().0.iter_mut().zip(self.y.as_chunks().0) {
			L::load(y).fma(factor, L::load(x)).store(x);
		}
	}
}

/// `x *= factor`
pub(super) struct MultiplyBy<'a> {
	pub x: &'a mut [f32],
	pub factor: f32,
}

impl Pass for MultiplyBy<'_> {
	type Output = ();

	#[inline(always)]
	fn run<L: Lanes>(self) {
		for x in self.x.as_chunks_mut().0 {
			L::load(x).mul(L::splat(self.factor)).store(x);
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
