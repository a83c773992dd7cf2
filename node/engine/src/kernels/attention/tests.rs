use super::super::lanes::soft_fma;
use super::super::pool::Pool;
use super::super::quant::columns::half_to_f32;
use super::super::tests::{exp, lanes_and_tree, noisy, tanh};
use super::*;
use crate::tests::{bits, tiers, Noise};

const KV_HEADS: usize = 2;
const GROUP: usize = 3;
const HEADS: usize = KV_HEADS * GROUP;
const SCALE: f32 = 0.125;

/// Keys, values and queries of some positions, each of which is a row of all heads.
struct Made {
	dimension: usize,
	window: usize,
	bound: Option<f32>,
	keys: Vec<f32>,
	values: Vec<f32>,
	queries: Vec<f32>,
}

impl Made {
	fn new(positions: usize, dimension: usize) -> Self {
		let mut noise = Noise(21);
		let mut rows = |heads: usize| noisy(&mut noise, positions * heads * dimension);
		Self {
			dimension,
			window: usize::MAX,
			bound: None,
			keys: rows(KV_HEADS),
			values: rows(KV_HEADS),
			queries: rows(HEADS),
		}
	}

	fn cache(&self) -> KvCache {
		let mut cache = KvCache::new(1, KV_HEADS, self.dimension);
		let width = KV_HEADS * self.dimension;
		let rows = self.keys.chunks_exact(width).zip(self.values.chunks_exact(width));
		for (position, (keys, values)) in rows.enumerate() {
			cache.reserve(position + 1).expect("there is memory");
			cache.put(0, position, keys, values);
		}
		cache
	}

	/// The mixed values of the queries in a range, or nothing if one has a score that is not finite.
	fn mixed(&self, kernels: Kernels, cache: &KvCache, range: Range<usize>) -> Option<Vec<f32>> {
		let width = HEADS * self.dimension;
		let mut out = vec![f32::NAN; range.len() * width];
		let finite = std::sync::atomic::AtomicBool::new(true);
		let pool = Pool::new(1).unwrap();
		pool.blocks(&mut out, width, [range.len(), width], |block| {
			let queries = Queries {
				rows: &self.queries[range.start * width..],
				stride: width,
				range: 0..range.len(),
				position: range.start,
				heads: 0..HEADS,
				group: GROUP,
				window: self.window,
				scale: SCALE,
				bound: self.bound,
			};
			finite.fetch_and(kernels.attend(queries, cache, 0, block), std::sync::atomic::Ordering::Relaxed);
		});
		finite.into_inner().then_some(out)
	}

	/// One head's mixed values of a position, written down plainly.
	fn by_hand(&self, position: usize, head: usize) -> Vec<f32> {
		let dimension = self.dimension;
		let query = &self.queries[(position * HEADS + head) * dimension..][..dimension];
		let rounded = |values: &[f32], at: usize, d: usize| {
			let value = values[(at * KV_HEADS + head / GROUP) * dimension + d];
			half_to_f32(HalfLanes::nearest(&[value; WIDTH]).0[0])
		};
		let score = |at: usize| (0..dimension).fold(0.0, |sum, d| soft_fma(query[d], rounded(&self.keys, at, d), sum));
		let from = (position + 1).saturating_sub(self.window);
		let scores: Vec<f32> = (from..=position)
			.map(|at| score(at) * SCALE)
			.map(|score| match self.bound {
				Some(bound) => tanh(score * (1.0 / bound)) * bound,
				None => score,
			})
			.collect();
		let maximum = scores.iter().copied().fold(f32::MIN, f32::max);
		let mut terms = vec![0.0; from];
		terms.extend(scores.iter().map(|score| exp(score - maximum)));
		let sum = lanes_and_tree(terms.len(), &|at, sum| sum + terms[at]);
		let mixed = |d: usize| {
			let chain = |(block, terms): (usize, &[f32])| {
				let terms = terms.iter().enumerate();
				terms.fold(0.0, |sum, (at, term)| soft_fma(*term, rounded(&self.values, block * 256 + at, d), sum))
			};
			let total = terms.chunks(256).enumerate().map(chain).reduce(|total, chain| total + chain);
			total.unwrap() / sum
		};
		(0..dimension).map(mixed).collect()
	}
}

#[test]
fn mixed_values_should_be_chains_of_256_positions_of_halves() {
	for dimension in [32, 64, 80] {
		let made = Made::new(530, dimension);
		let cache = made.cache();
		for range in [0..9, 250..262, 300..301, 509..516, 526..530] {
			let expected: Vec<f32> = range
				.clone()
				.flat_map(|position| (0..HEADS).map(move |head| (position, head)))
				.flat_map(|(position, head)| made.by_hand(position, head))
				.collect();
			for kernels in tiers() {
				let actual = made.mixed(kernels, &cache, range.clone()).unwrap();
				assert!(bits(&actual) == bits(&expected), "{dimension}, {range:?} on {:?}", kernels.tier());
			}
		}
	}
}

#[test]
fn a_window_and_a_bound_should_be_those_of_the_plain_formula() {
	for (window, bound) in [(1, None), (7, Some(0.5)), (150, None), (256, Some(50.0)), (300, None), (600, Some(1.0))] {
		let made = Made { window, bound, ..Made::new(530, 32) };
		let cache = made.cache();
		for range in [0..9, 250..262, 300..301, 405..409, 509..516, 526..530] {
			let expected: Vec<f32> = range
				.clone()
				.flat_map(|position| (0..HEADS).map(move |head| (position, head)))
				.flat_map(|(position, head)| made.by_hand(position, head))
				.collect();
			for kernels in tiers() {
				let actual = made.mixed(kernels, &cache, range.clone()).unwrap();
				assert!(bits(&actual) == bits(&expected), "{window}, {bound:?}, {range:?} on {:?}", kernels.tier());
			}
		}
	}
}

#[test]
fn a_score_that_is_not_finite_should_be_found_in_spite_of_a_bound_but_not_outside_of_the_window() {
	let mut made = Made { window: 5, bound: Some(50.0), ..Made::new(40, 32) };
	made.keys[20 * KV_HEADS * 32 + 5] = 65_520.0;
	let cache = made.cache();
	for kernels in tiers() {
		let is_found = |position| made.mixed(kernels, &cache, position..position + 1).is_none();
		assert_eq!([19, 20, 24, 25, 39].map(is_found), [false, true, true, false, false], "{:?}", kernels.tier());
	}
}

#[test]
fn a_key_that_is_too_large_for_a_half_should_be_found_by_who_sees_it() {
	let mut made = Made::new(40, 32);
	made.keys[20 * KV_HEADS * 32 + 5] = 65_520.0;
	let cache = made.cache();
	for kernels in tiers() {
		assert!(made.mixed(kernels, &cache, 12..20).is_some());
		for position in [20, 21, 39] {
			assert!(made.mixed(kernels, &cache, position..position + 1).is_none(), "{:?}", kernels.tier());
		}
	}
}

#[test]
fn a_value_that_is_too_large_for_a_half_should_stay_infinite() {
	let mut made = Made::new(40, 32);
	made.values[20 * KV_HEADS * 32 + 5] = -65_520.0;
	let cache = made.cache();
	for kernels in tiers() {
		let finite = |position| made.mixed(kernels, &cache, position..position + 1).unwrap()[5].is_finite();
		assert_eq!([19, 20, 39].map(finite), [true, false, false], "{:?}", kernels.tier());
	}
}
