//! Weight matrices in tiles.

use super::columns::half_to_f32;
use super::input::BLOCK;
use super::layout::{self, Layout};
use super::{Format, Halves, Line};
use crate::kernels::lanes::WIDTH;

/// A matrix `[columns][depth]` of a file, as tiles of sixteen columns; the last tile is filled up with zeros.
#[derive(Clone)]
pub(crate) struct QuantMatrix {
	pub(super) format: Format,
	/// How many blocks a column has.
	pub(super) blocks: usize,
	columns: usize,
	pub(super) lines: Vec<Line>,
	pub(super) halves: Vec<Halves>,
}

/// A block as a file has it.
struct Unpacked {
	/// Its scale, and its minimum if the format has one.
	halves: [u16; 2],
	/// Its integers, those with a sign in two's complement.
	values: [u8; BLOCK],
}

impl Format {
	/// How many bytes a block has in a file.
	pub const fn block_bytes(self) -> usize {
		match self {
			Self::Q4_0 => 18,
			Self::Q4_1 => 20,
			Self::Q5_0 => 22,
			Self::Q5_1 => 24,
			Self::Q8_0 => 34,
		}
	}

	/// How many lines and halves a tile's block has.
	const fn sizes(self) -> [usize; 2] {
		match self {
			Self::Q4_0 => [layout::Q4_0::LINES, layout::Q4_0::HALVES],
			Self::Q4_1 => [layout::Q4_1::LINES, layout::Q4_1::HALVES],
			Self::Q5_0 => [layout::Q5_0::LINES, layout::Q5_0::HALVES],
			Self::Q5_1 => [layout::Q5_1::LINES, layout::Q5_1::HALVES],
			Self::Q8_0 => [layout::Q8_0::LINES, layout::Q8_0::HALVES],
		}
	}

	fn unpack(self, block: &[u8]) -> Unpacked {
		let half = |at: usize| u16::from_le_bytes([block[at], block[at + 1]]);
		let halves = [half(0), half(2 * (self.sizes()[1] - 1))];
		let nibble = |from: usize, at: usize| block[from + at % 16] >> (at / 16 * 4) & 15;
		let fifth = |from: usize, at: usize| (block[from + at / 8] >> (at % 8) & 1) << 4;
		let values = match self {
			Self::Q4_0 => std::array::from_fn(|at| nibble(2, at)),
			Self::Q4_1 => std::array::from_fn(|at| nibble(4, at)),
			Self::Q5_0 => std::array::from_fn(|at| nibble(6, at) | fifth(2, at)),
			Self::Q5_1 => std::array::from_fn(|at| nibble(8, at) | fifth(4, at)),
			Self::Q8_0 => std::array::from_fn(|at| block[2 + at]),
		};
		Unpacked { halves, values }
	}

	/// The float that an integer stands for.
	fn value(self, integer: u8, [scale, minimum]: [f32; 2]) -> f32 {
		let n = f32::from(integer);
		match self {
			Self::Q4_0 => (n - 8.0) * scale,
			Self::Q5_0 => (n - 16.0) * scale,
			Self::Q4_1 | Self::Q5_1 => n * scale + minimum,
			Self::Q8_0 => f32::from(integer.cast_signed()) * scale,
		}
	}
}

impl QuantMatrix {
	/// Repacks a file's matrix of this many columns, each `depth` terms (a multiple of 32) in a row; column j of the
	/// result is the file's `order(j)`. Nothing if the sizes do not fit or a scale is not finite.
	pub fn new(
		format: Format,
		data: &[u8],
		[columns, depth]: [usize; 2],
		order: impl Fn(usize) -> usize,
	) -> Option<Self> {
		let blocks = depth / BLOCK;
		let column_bytes = blocks * format.block_bytes();
		if !depth.is_multiple_of(BLOCK) || data.len() != columns.checked_mul(column_bytes)? {
			return None;
		}
		let tiles = columns.div_ceil(WIDTH);
		let [lines, halves] = format.sizes();
		let mut matrix = Self {
			format,
			blocks,
			columns,
			lines: vec![Line([0; 64]); tiles * blocks * lines],
			halves: vec![Halves([0; WIDTH]); tiles * blocks * halves],
		};
		for column in 0..columns {
			let file = data.get(order(column) * column_bytes..)?.get(..column_bytes)?;
			for (block, file) in file.chunks_exact(format.block_bytes()).enumerate() {
				let unpacked = format.unpack(file);
				if !unpacked.halves.iter().all(|half| half_to_f32(*half).is_finite()) {
					return None;
				}
				let at = column / WIDTH * blocks + block;
				for (to, half) in matrix.halves[at * halves..][..halves].iter_mut().zip(unpacked.halves) {
					to.0[column % WIDTH] = half;
				}
				pack(format, &unpacked.values, &mut matrix.lines[at * lines..][..lines], column % WIDTH);
			}
		}
		Some(matrix)
	}

	/// The number of tiles.
	pub fn tiles(&self) -> usize {
		self.columns.div_ceil(WIDTH)
	}

	/// The number of columns.
	pub fn columns(&self) -> usize {
		self.columns
	}

	/// The weights of one column as floats: a row of an embedding.
	pub fn column(&self, column: usize, out: &mut [f32]) {
		let [lines, halves] = self.format.sizes();
		for (block, out) in out.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate() {
			let at = column / WIDTH * self.blocks + block;
			let half = |which: usize| half_to_f32(self.halves[at * halves + which].0[column % WIDTH]);
			let scales = [half(0), half(halves - 1)];
			let lines = &self.lines[at * lines..][..lines];
			for (term, out) in out.iter_mut().enumerate() {
				*out = self.format.value(integer(self.format, lines, column % WIDTH, term), scales);
			}
		}
	}
}

/// Writes a column's integers into the lines of a tile's block.
fn pack(format: Format, values: &[u8; BLOCK], lines: &mut [Line], column: usize) {
	if format == Format::Q8_0 {
		for (line, four) in lines.iter_mut().zip(values.as_chunks::<4>().0) {
			line.0[4 * column..][..4].copy_from_slice(four);
		}
		return;
	}
	for (line, eight) in lines.iter_mut().zip(values.as_chunks::<8>().0) {
		for (at, byte) in line.0[4 * column..][..4].iter_mut().enumerate() {
			*byte = eight[at] & 15 | (eight[at + 4] & 15) << 4;
		}
	}
	if let Some(bits) = lines.get_mut(4) {
		for (term, value) in values.iter().enumerate() {
			bits.0[4 * column + term % 4] |= (value >> 4) << (term / 4);
		}
	}
}

/// Reads an integer back.
fn integer(format: Format, lines: &[Line], column: usize, term: usize) -> u8 {
	let byte = 4 * column + term % 4;
	if format == Format::Q8_0 {
		return lines[term / 4].0[byte];
	}
	let nibble = lines[term / 8].0[byte] >> (term / 4 % 2 * 4) & 15;
	let fifth = lines.get(4).map_or(0, |bits| bits.0[byte] >> (term / 4) & 1);
	nibble | fifth << 4
}
