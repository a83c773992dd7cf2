//! The matrix product.
//!
//! Tiles of rows and panels are functions of their own, so that the compiler keeps their sums in registers.

use super::cells::Cell;
use super::lanes::{Lanes, WIDTH};
use super::pool::Block;
use super::sums::BLOCK;
use super::{Kernels, Panels, Pass, Tier};

/// How many panels the widest tile has.
pub(crate) const TILE_PANELS: usize = 3;

/// Where the rows of a product go.
pub(super) trait Rows {
	/// `panels` times sixteen values of a row, from a column that is a multiple of 16.
	fn cells(&mut self, row: usize, column: usize, panels: usize) -> &mut [[f32; WIDTH]];
}

/// Rows that lie `stride` floats apart.
pub(super) struct Strided<'a> {
	pub values: &'a mut [f32],
	pub stride: usize,
}

impl Rows for Strided<'_> {
	#[inline(always)]
	fn cells(&mut self, row: usize, column: usize, panels: usize) -> &mut [[f32; WIDTH]] {
		self.values[row * self.stride + column..][..panels * WIDTH].as_chunks_mut().0
	}
}

/// A block's own rows and columns.
impl Rows for Block<'_> {
	#[inline(always)]
	fn cells(&mut self, row: usize, column: usize, panels: usize) -> &mut [[f32; WIDTH]] {
		let row = self.rows().start + row;
		self.row(row)[column..][..panels * WIDTH].as_chunks_mut().0
	}
}

/// `c[i][j] = Σ a[i][q] · b[q][j]` over q in increasing order, each step one fma, in chains of [`BLOCK`] terms.
pub(super) struct Gemm<'a, C, W> {
	/// The rows of the left matrix, `a_stride` floats apart.
	pub a: &'a [f32],
	pub a_stride: usize,
	pub b: Panels<'a, W>,
	/// The result, whole panels wide.
	pub c: &'a mut C,
	pub rows: usize,
}

impl<C: Rows, W: Cell> Gemm<'_, C, W> {
	/// Computes with as many sums at a time as the tier has registers for.
	pub fn run(mut self, kernels: &Kernels) {
		match kernels.tier() {
			Tier::Scalar => self.columns::<1>(kernels, 1),
			Tier::Avx2 | Tier::AvxVnni | Tier::Neon | Tier::NeonDot => self.columns::<1>(kernels, 6),
			Tier::Avx512 | Tier::Avx512Vnni => self.columns::<TILE_PANELS>(kernels, 8),
		}
	}

	/// Tiles of P panels and at most `height` rows; what is left over of the panels is taken one by one.
	fn columns<const P: usize>(&mut self, kernels: &Kernels, height: usize) {
		let panels = self.b.count();
		let wide = panels / P * P;
		(0..wide).step_by(P).for_each(|panel| self.rows::<P>(kernels, height, panel));
		(wide..panels).for_each(|panel| self.rows::<1>(kernels, height, panel));
	}

	/// As few tiles as there can be, of heights that differ by at most one.
	fn rows<const P: usize>(&mut self, kernels: &Kernels, height: usize, panel: usize) {
		let tiles = self.rows.div_ceil(height);
		let mut row = 0;
		for tile in 0..tiles {
			let height = (self.rows - row).div_ceil(tiles - tile);
			let ahead = panel + P + tile.min(P - 1);
			for first in (0..self.b.depth).step_by(BLOCK) {
				match height {
					1 => kernels.run(Tile::<C, W, 1, P> { gemm: self, row, panel, ahead, first }),
					2 => kernels.run(Tile::<C, W, 2, P> { gemm: self, row, panel, ahead, first }),
					3 => kernels.run(Tile::<C, W, 3, P> { gemm: self, row, panel, ahead, first }),
					4 => kernels.run(Tile::<C, W, 4, P> { gemm: self, row, panel, ahead, first }),
					5 => kernels.run(Tile::<C, W, 5, P> { gemm: self, row, panel, ahead, first }),
					6 => kernels.run(Tile::<C, W, 6, P> { gemm: self, row, panel, ahead, first }),
					7 => kernels.run(Tile::<C, W, 7, P> { gemm: self, row, panel, ahead, first }),
					_ => kernels.run(Tile::<C, W, 8, P> { gemm: self, row, panel, ahead, first }),
				}
			}
			row += height;
		}
	}
}

/// A block of terms of M rows and P panels of a product. The first block's sums are stored, the others' are added to what
/// is there: with the blocks' loop in here, the compiler would keep sums and addresses on the stack.
struct Tile<'a, 'b, C, W, const M: usize, const P: usize> {
	gemm: &'a mut Gemm<'b, C, W>,
	row: usize,
	panel: usize,
	/// A panel that is needed soon.
	ahead: usize,
	/// The block's first term.
	first: usize,
}

impl<C: Rows, W: Cell, const M: usize, const P: usize> Pass for Tile<'_, '_, C, W, M, P> {
	type Output = ();

	#[inline(always)]
	fn run<L: Lanes>(self) {
		let Self { gemm: Gemm { a: rows, a_stride, b: Panels { depth, data }, c, .. }, row, panel, ahead, first } =
			self;
		let depth = *depth;
		let terms = BLOCK.min(depth - first);
		let mut a = [&rows[..0]; M];
		for (r, a) in a.iter_mut().enumerate() {
			*a = &rows[(row + r) * *a_stride + first..][..terms];
		}
		let mut b = [&data[..0]; P];
		for (p, b) in b.iter_mut().enumerate() {
			*b = &data[(panel + p) * depth + first..][..terms];
		}
		let ahead = data.get(ahead * depth + first..).and_then(|data| data.get(..terms)).unwrap_or(b[0]);
		let mut sums = [[L::splat(0.0); P]; M];
		for q in 0..terms {
			let mut columns = [L::splat(0.0); P];
			for (column, b) in columns.iter_mut().zip(&b) {
				*column = b[q].load();
			}
			L::prefetch(&ahead[q]);
			for (sums, a) in sums.iter_mut().zip(&a) {
				let x = L::splat(a[q]);
				for (sum, column) in sums.iter_mut().zip(columns) {
					*sum = x.fma(column, *sum);
				}
			}
		}
		for (r, sums) in sums.iter().enumerate() {
			for (sum, cell) in sums.iter().zip(c.cells(row + r, panel * WIDTH, P)) {
				if first == 0 {
					sum.store(cell);
				} else {
					L::load(cell).add(*sum).store(cell);
				}
			}
		}
	}
}
