//! Attention over cached keys and values.
//!
//! Keys and values are rounded to half precision when they are put in, and widened, exactly, when they are read; one that
//! is too large becomes infinite, which its own position's query finds: as a score, or as a mixed value.
//!
//! A query of position p sees positions 0 to p, or, of a layer with a window of W, p − W + 1 to p; what it does not see has
//! the term zero. Each of its scores is one chain over a head's dimensions; its mixed
//! values are chains over blocks of 256 positions, added in increasing order and divided by the softmax's sum at the end
//! ([`sums`](super::sums)). None of this depends on which other queries are computed with it, so that a prompt may be read at
//! once, in chunks or token by token.

use super::half::HalfLanes;
use super::lanes::{Lanes, WIDTH};
use super::pool::Block;
use super::softmax::softmax;
use super::sums::{close_block, BLOCK};
use super::{math, Kernels, Pass, Tier};
use std::collections::TryReserveError;
use std::ops::Range;

type Lane = [f32; WIDTH];

/// With as few rows as this, keys and values are waited for, and worth to be asked for in advance.
const FEW: usize = 3;

/// The keys and values of one layer.
#[derive(Clone, Debug, Default)]
pub(crate) struct LayerCache {
	/// `[position / 16][head][dimension][position % 16]`
	keys: Vec<HalfLanes>,
	/// `[position / 16][head][position % 16][dimension]`
	values: Vec<HalfLanes>,
}

/// The keys and values of a sequence.
#[derive(Clone, Debug)]
pub(crate) struct KvCache {
	layers: Vec<LayerCache>,
	heads: usize,
	dimension: usize,
	length: usize,
}

impl KvCache {
	/// An empty cache for this many layers and heads; `dimension` is a multiple of 16.
	pub fn new(layers: usize, heads: usize, dimension: usize) -> Self {
		Self { layers: vec![LayerCache::default(); layers], heads, dimension, length: 0 }
	}

	/// How many positions are filled.
	pub fn length(&self) -> usize {
		self.length
	}

	/// Sets the number of positions that are filled, which have been put in before.
	pub fn set_length(&mut self, length: usize) {
		self.length = length;
	}

	/// How many lanes the keys of a layer take, and its values, for so many positions.
	fn lanes(&self, positions: usize) -> usize {
		positions.div_ceil(WIDTH) * self.heads * self.dimension
	}

	/// How many bytes so many positions take.
	pub fn bytes(&self, positions: usize) -> usize {
		self.lanes(positions).saturating_mul(2 * self.layers.len() * size_of::<HalfLanes>())
	}

	/// Makes room for positions in every layer, if the system gives the memory.
	pub fn reserve(&mut self, positions: usize) -> Result<(), TryReserveError> {
		let lanes = self.lanes(positions);
		for layer in &mut self.layers {
			for part in [&mut layer.keys, &mut layer.values] {
				if part.len() < lanes {
					// No more than was counted.
					part.try_reserve_exact(lanes - part.len())?;
					part.resize(lanes, HalfLanes::ZERO);
				}
			}
		}
		Ok(())
	}

	/// Fills the cache with what another one of the same shape has in its first positions.
	pub fn begin_as(&mut self, other: &Self, length: usize) -> Result<(), TryReserveError> {
		let length = length.min(other.length);
		self.reserve(length)?;
		let lanes = self.lanes(length);
		for (layer, other) in self.layers.iter_mut().zip(&other.layers) {
			layer.keys[..lanes].copy_from_slice(&other.keys[..lanes]);
			layer.values[..lanes].copy_from_slice(&other.values[..lanes]);
		}
		self.length = length;
		Ok(())
	}

	/// Puts a position's keys and values, of all heads, into a layer, rounded to half precision.
	pub fn put(&mut self, layer: usize, position: usize, keys: &[f32], values: &[f32]) {
		let layer = &mut self.layers[layer];
		let (block, lane) = (position / WIDTH, position % WIDTH);
		let per_head = self.dimension / WIDTH;
		let heads = keys.chunks_exact(self.dimension).zip(values.chunks_exact(self.dimension));
		for (head, (keys, values)) in heads.enumerate() {
			let from = (block * self.heads + head) * self.dimension;
			let into = layer.keys[from..][..self.dimension].as_chunks_mut::<WIDTH>().0;
			for (to, keys) in into.iter_mut().zip(keys.as_chunks().0) {
				for (to, key) in to.iter_mut().zip(HalfLanes::nearest(keys).0) {
					to.0[lane] = key;
				}
			}
			let into = &mut layer.values[from + lane * per_head..][..per_head];
			for (to, values) in into.iter_mut().zip(values.as_chunks().0) {
				*to = HalfLanes::nearest(values);
			}
		}
	}

	/// A layer.
	pub fn layer(&self, layer: usize) -> &LayerCache {
		&self.layers[layer]
	}
}

/// The queries of consecutive positions, for some heads.
pub(crate) struct Queries<'a> {
	/// Rows of queries, `stride` floats apart.
	pub rows: &'a [f32],
	pub stride: usize,
	/// The rows that are computed, numbered as those of `rows` and of the output.
	pub range: Range<usize>,
	/// The position of the range's first row.
	pub position: usize,
	/// The query heads that are computed.
	pub heads: Range<usize>,
	/// How many query heads share a head of keys and values.
	pub group: usize,
	/// How many positions a query sees at most, its own among them; at least one.
	pub window: usize,
	/// What scores are multiplied by.
	pub scale: f32,
	/// The bound of scores, if there is one.
	pub bound: Option<f32>,
}

struct Attend<'a, 'b> {
	queries: Queries<'a>,
	cache: &'a KvCache,
	layer: &'a LayerCache,
	out: &'a mut Block<'b>,
	scores: Vec<Lane>,
	finite: bool,
}

impl Kernels {
	/// Mixes the cached values for some queries into the output, which is as wide as all query heads. False if a score is
	/// not finite.
	pub fn attend(&self, queries: Queries<'_>, cache: &KvCache, layer: usize, out: &mut Block<'_>) -> bool {
		let layer = cache.layer(layer);
		self.run(Attend { queries, cache, layer, out, scores: Vec::new(), finite: true })
	}
}

impl Pass for Attend<'_, '_> {
	type Output = bool;

	#[inline(always)]
	fn run<L: Lanes>(mut self) -> bool {
		let group = self.queries.group;
		let heads = self.queries.heads.clone();
		for kv_head in heads.start / group..heads.end.div_ceil(group) {
			let heads = heads.start.max(kv_head * group)..heads.end.min((kv_head + 1) * group);
			let pairs = self.queries.range.len() * heads.len();
			let pair = |at: usize| (at / heads.len(), heads.start + at % heads.len());
			let mut at = 0;
			while L::TIER != Tier::Scalar && at + 6 <= pairs {
				let pairs = std::array::from_fn(|i| pair(at + i));
				match L::TIER {
					Tier::Avx512 | Tier::Avx512Vnni => self.tile::<L, 6, 1, 4>(kv_head, pairs),
					_ => self.tile::<L, 6, 1, 1>(kv_head, pairs),
				}
				at += 6;
			}
			while L::TIER != Tier::Scalar && at + 3 <= pairs {
				let pairs = std::array::from_fn(|i| pair(at + i));
				match L::TIER {
					Tier::Avx512 | Tier::Avx512Vnni => self.tile::<L, 3, 2, 4>(kv_head, pairs),
					_ => self.tile::<L, 3, 2, 2>(kv_head, pairs),
				}
				at += 3;
			}
			while at < pairs {
				self.tile::<L, 1, 4, 4>(kv_head, [pair(at)]);
				at += 1;
			}
		}
		self.finite
	}
}

impl Attend<'_, '_> {
	/// M pairs of a row (counted from the range's first) and a head, in increasing order of rows, which share a head of
	/// keys and values; P panels of sixteen positions, then D times sixteen dimensions at once, as registers allow.
	#[inline(always)]
	fn tile<L: Lanes, const M: usize, const P: usize, const D: usize>(
		&mut self,
		kv_head: usize,
		pairs: [(usize, usize); M],
	) {
		let dimension = self.cache.dimension;
		let queries = &self.queries;
		let seen = pairs.map(|(row, _)| queries.position + row + 1);
		let from = seen.map(|seen| seen.saturating_sub(queries.window));
		// Whole blocks that nobody sees any of are left out.
		let skipped = from[0] / BLOCK * BLOCK;
		let panels = seen[M - 1].div_ceil(WIDTH);
		let query = pairs.map(|(row, head)| {
			&queries.rows[(queries.range.start + row) * queries.stride + head * dimension..][..dimension]
		});
		self.scores.resize(M * panels, [0.0; WIDTH]);
		let mut panel = skipped / WIDTH;
		while panel + P <= panels {
			self.panels::<L, M, P>(kv_head, panel, panels, query);
			panel += P;
		}
		while panel < panels {
			self.panels::<L, M, 1>(kv_head, panel, panels, query);
			panel += 1;
		}
		let mut sums = [0.0; M];
		for (row, (sum, (from, seen))) in sums.iter_mut().zip(from.into_iter().zip(seen)).enumerate() {
			let scores = &mut self.scores[row * panels..][skipped / WIDTH..seen.div_ceil(WIDTH)];
			let mut scale = self.queries.scale;
			if let Some(bound) = self.queries.bound {
				for score in scores.iter_mut() {
					math::bounded(L::load(score).mul(L::splat(scale)), bound).store(score);
				}
				scale = 1.0;
			}
			*sum = softmax::<L>(scores, from - skipped..seen - skipped, scale, &mut self.finite);
		}
		let mut part = 0;
		while part + D <= dimension / WIDTH {
			self.mix::<L, M, D>(kv_head, part, [skipped, panels], pairs, sums);
			part += D;
		}
		while part < dimension / WIDTH {
			self.mix::<L, M, 1>(kv_head, part, [skipped, panels], pairs, sums);
			part += 1;
		}
	}

	/// The scores of sixteen times P positions.
	#[inline(always)]
	fn panels<L: Lanes, const M: usize, const P: usize>(
		&mut self,
		kv_head: usize,
		panel: usize,
		panels: usize,
		query: [&[f32]; M],
	) {
		let (heads, dimension) = (self.cache.heads, self.cache.dimension);
		let mut keys = [&self.layer.keys[..0]; P];
		for (p, keys) in keys.iter_mut().enumerate() {
			*keys = &self.layer.keys[((panel + p) * heads + kv_head) * dimension..][..dimension];
		}
		let mut ahead = keys;
		for (p, ahead) in ahead.iter_mut().enumerate() {
			if let Some(keys) = self.layer.keys.get(((panel + P + p) * heads + kv_head) * dimension..) {
				*ahead = keys.get(..dimension).unwrap_or(ahead);
			}
		}
		let mut sums = [[L::splat(0.0); P]; M];
		for d in 0..dimension {
			// A line of the cache is two of them.
			if M <= FEW && d % 2 == 0 {
				ahead.iter().for_each(|keys| L::prefetch(&keys[d]));
			}
			let mut columns = [L::splat(0.0); P];
			for (column, keys) in columns.iter_mut().zip(keys) {
				*column = L::load_halves(&keys[d]);
			}
			for (sums, query) in sums.iter_mut().zip(query) {
				let x = L::splat(query[d]);
				for (sum, column) in sums.iter_mut().zip(columns) {
					*sum = x.fma(column, *sum);
				}
			}
		}
		for (row, sums) in sums.iter().enumerate() {
			for (p, sum) in sums.iter().enumerate() {
				sum.store(&mut self.scores[row * panels + panel + p]);
			}
		}
	}

	/// The mixed values, in D times sixteen dimensions, of the positions from `skipped` on.
	#[inline(always)]
	fn mix<L: Lanes, const M: usize, const D: usize>(
		&mut self,
		kv_head: usize,
		part: usize,
		[skipped, panels]: [usize; 2],
		pairs: [(usize, usize); M],
		softmax_sums: [f32; M],
	) {
		let (heads, dimension) = (self.cache.heads, self.cache.dimension);
		let parts = dimension / WIDTH;
		let seen = pairs.map(|(row, _)| self.queries.position + row + 1);
		let mut scores = [&self.scores[..0]; M];
		for (row, scores) in scores.iter_mut().enumerate() {
			*scores = &self.scores[row * panels..][..panels];
		}
		let block = |block: usize| &self.layer.values[(block * heads + kv_head) * dimension..][..dimension];
		let load = |values: &[HalfLanes]| -> [L; D] {
			let mut lanes = [L::splat(0.0); D];
			for (lanes, values) in lanes.iter_mut().zip(values) {
				*lanes = L::load_halves(values);
			}
			lanes
		};
		let mut totals = [[L::splat(0.0); D]; M];
		let mut sums = [[L::splat(0.0); D]; M];
		// What all see, then what only the later ones see.
		let shared = seen[0];
		for first in (skipped..shared).step_by(BLOCK) {
			if first > skipped {
				close_block(first, totals.as_flattened_mut(), sums.as_flattened_mut());
			}
			for lane in (first..shared.min(first + BLOCK)).step_by(WIDTH) {
				let at = lane / WIDTH;
				let values = block(at);
				let ahead = if at + 1 < panels { block(at + 1) } else { values };
				for t in 0..WIDTH.min(shared - lane) {
					if M <= FEW {
						ahead[t * parts + part..][..D].iter().step_by(2).for_each(L::prefetch);
					}
					let values = load(&values[t * parts + part..][..D]);
					for (sums, scores) in sums.iter_mut().zip(scores) {
						let score = L::splat(scores[at][t]);
						for (sum, values) in sums.iter_mut().zip(values) {
							*sum = score.fma(values, *sum);
						}
					}
				}
			}
		}
		for (((totals, sums), scores), seen) in totals.iter_mut().zip(&mut sums).zip(scores).zip(seen) {
			for position in shared..seen {
				if position % BLOCK == 0 {
					close_block(position, totals, sums);
				}
				let (at, t) = (position / WIDTH, position % WIDTH);
				let values = load(&block(at)[t * parts + part..][..D]);
				let score = L::splat(scores[at][t]);
				for (sum, values) in sums.iter_mut().zip(values) {
					*sum = score.fma(values, *sum);
				}
			}
			close_block(seen, totals, sums);
		}
		for ((mixed, (row, head)), sum) in totals.iter().zip(pairs).zip(softmax_sums) {
			for (d, mixed) in mixed.iter().enumerate() {
				let column = head * dimension + (part + d) * WIDTH;
				mixed.div(L::splat(sum)).store(self.out.cell(self.queries.range.start + row, column));
			}
		}
	}
}

#[cfg(test)]
mod tests;
