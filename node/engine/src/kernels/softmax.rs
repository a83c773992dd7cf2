//! The softmax, but for its division.

use super::lanes::{Lanes, WIDTH};
use super::{math, sums, Kernels, Pass};
use std::ops::Range;

struct Softmax<'a> {
	scores: &'a mut [f32],
	count: usize,
	scale: f32,
}

impl Kernels {
	/// Replaces the first `count` scores (at least one, all but fewer than sixteen) by `exp(scale · score − maximum)` and
	/// those behind by zeros. Returns the sum, or nothing if a scaled score is not finite.
	pub fn softmax_of(&self, scores: &mut [f32], count: usize, scale: f32) -> Option<f32> {
		self.run(Softmax { scores, count, scale })
	}
}

impl Pass for Softmax<'_> {
	type Output = Option<f32>;

	#[inline(always)]
	fn run<L: Lanes>(self) -> Option<f32> {
		let mut finite = true;
		let sum = softmax::<L>(self.scores.as_chunks_mut().0, 0..self.count, self.scale, &mut finite);
		finite.then_some(sum)
	}
}

/// Replaces the scores of a range that is not empty by `exp(scale · score − maximum)`, those around it by zeros, and returns
/// the sum. Clears `finite` if a scaled score is not finite.
#[inline(always)]
pub(super) fn softmax<L: Lanes>(
	scores: &mut [[f32; WIDTH]],
	range: Range<usize>,
	scale: f32,
	finite: &mut bool,
) -> f32 {
	{
		// Stands in for lanes that are not scores and may hold anything.
		let scores = scores.as_flattened_mut();
		let score = scores[range.end - 1];
		scores[..range.start].fill(score);
		scores[range.end..].fill(score);
	}
	let scale = L::splat(scale);
	let mut maximum = L::splat(f32::MIN);
	let mut check = L::splat(0.0);
	for x in scores.iter_mut() {
		let scaled = L::load(x).mul(scale);
		scaled.store(x);
		maximum = scaled.max(maximum);
		check = scaled.fma(L::splat(0.0), check); // NaN from any value that is not finite
	}
	*finite &= check.tree_sum() == 0.0;
	let maximum = L::splat(maximum.tree_maximum());
	for x in scores.iter_mut() {
		math::exp(L::load(x).sub(maximum)).store(x);
	}
	scores.as_flattened_mut()[..range.start].fill(0.0);
	scores.as_flattened_mut()[range.end..].fill(0.0);
	sums::reduce(scores, |x: L, sum| sum.add(x))
}
