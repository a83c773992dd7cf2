//! The order of sums, in the one place that defines it.
//!
//! An output element of a matrix product, and a mixed value of the attention, is a chain of fused steps over its terms in
//! increasing order, cut into blocks of [`BLOCK`]: each block's chain begins at +0, and their sums are added in increasing
//! order. So a machine may walk the blocks at the same time. What reduces a row to one number, [`reduce`] does, over
//! [`LANES`] lanes and a tree.

use super::lanes::{Lanes, WIDTH};

/// How many terms are one chain.
pub(crate) const BLOCK: usize = 256;

/// How many lanes a reduction has: a row's i-th term belongs to lane i mod 128.
const LANES: usize = 128;
const REGISTERS: usize = LANES / WIDTH;

/// Ends a block's chains, which have come to the term before `end`: they become the totals, or are added to these, and
/// begin again.
#[inline(always)]
pub(crate) fn close_block<L: Lanes>(end: usize, totals: &mut [L], chains: &mut [L]) {
	for (total, chain) in totals.iter_mut().zip(chains) {
		*total = if end <= BLOCK { *chain } else { total.add(*chain) };
		*chain = L::splat(0.0);
	}
}

/// A row's sum: each lane begins at +0 and takes `step(x, sum)` with its terms in increasing order; then lane i and lane
/// i + 64 are added, then i and i + 32, and so on to one. Lanes that a short row lacks stay +0.
#[inline(always)]
pub(crate) fn reduce<L: Lanes>(row: &[[f32; WIDTH]], step: impl Fn(L, L) -> L) -> f32 {
	let mut sums = [L::splat(0.0); REGISTERS];
	let (groups, rest) = row.as_chunks::<REGISTERS>();
	for group in groups {
		for (sum, x) in sums.iter_mut().zip(group) {
			*sum = step(L::load(x), *sum);
		}
	}
	for (at, sum) in sums.iter_mut().enumerate() {
		if let Some(x) = rest.get(at) {
			*sum = step(L::load(x), *sum);
		}
	}
	let mut half = REGISTERS / 2;
	while half > 0 {
		for at in 0..half {
			sums[at] = sums[at].add(sums[at + half]);
		}
		half /= 2;
	}
	sums[0].tree_sum()
}
