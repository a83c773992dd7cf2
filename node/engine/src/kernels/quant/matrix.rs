//! Weight matrices in tiles.

use super::columns::{half_to_f32, single};
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

/// 32 weights of a file.
struct Unpacked {
	/// Their scale, and their minimum if the format has one; or the scales of their halves.
	scales: Scales,
	/// Its integers, those with a sign in two's complement.
	values: [u8; BLOCK],
}

enum Scales {
	Halves([u16; 2]),
	Singles([f32; 2]),
}

impl Scales {
	fn are_finite(&self) -> bool {
		match self {
			Self::Halves(halves) => halves.iter().all(|half| half_to_f32(*half).is_finite()),
			Self::Singles(singles) => singles.iter().all(|single| single.is_finite()),
		}
	}

	/// Writes them as a column's.
	fn store(&self, to: &mut [Halves], column: usize) {
		match self {
			Self::Halves(halves) => to.iter_mut().zip(halves).for_each(|(to, half)| to.0[column] = *half),
			Self::Singles(singles) => {
				for (to, single) in to.as_chunks_mut::<2>().0.iter_mut().zip(singles) {
					let bits = single.to_bits();
					let to = &mut to[column / 8].0[column % 8 * 2..][..2];
					to.copy_from_slice(&[bits as u16, (bits >> 16) as u16]);
				}
			}
		}
	}
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
			Self::Q4_K => 144,
			Self::Q6_K => 210,
		}
	}

	/// How many weights a block has in a file.
	pub const fn block_weights(self) -> usize {
		match self {
			Self::Q4_K | Self::Q6_K => 256,
			_ => BLOCK,
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
			Self::Q4_K => [layout::Q4_K::LINES, layout::Q4_K::HALVES],
			Self::Q6_K => [layout::Q6_K::LINES, layout::Q6_K::HALVES],
		}
	}

	/// Part `part` of a file's block, of 32 weights.
	fn unpack(self, block: &[u8], part: usize) -> Unpacked {
		if let Self::Q4_K | Self::Q6_K = self {
			return self.unpack_part_of_256(block, part);
		}
		let half = |at: usize| u16::from_le_bytes([block[at], block[at + 1]]);
		let halves = [half(0), half(2 * (self.sizes()[1] - 1))];
		let nibble = |from: usize, at: usize| block[from + at % 16] >> (at / 16 * 4) & 15;
		let fifth = |from: usize, at: usize| (block[from + at / 8] >> (at % 8) & 1) << 4;
		let values = match self {
			Self::Q4_0 => std::array::from_fn(|at| nibble(2, at)),
			Self::Q4_1 => std::array::from_fn(|at| nibble(4, at)),
			Self::Q5_0 => std::array::from_fn(|at| nibble(6, at) | fifth(2, at)),
			Self::Q5_1 => std::array::from_fn(|at| nibble(8, at) | fifth(4, at)),
			Self::Q8_0 | Self::Q4_K | Self::Q6_K => std::array::from_fn(|at| block[2 + at]),
		};
		Unpacked { scales: Scales::Halves(halves), values }
	}

	/// The blocks of 256 weights are those of ggml's `block_q4_K` and `block_q6_K`.
	fn unpack_part_of_256(self, block: &[u8], part: usize) -> Unpacked {
		let half = |at: usize| half_to_f32(u16::from_le_bytes([block[at], block[at + 1]]));
		if self == Self::Q4_K {
			let packed = &block[4..16];
			let [scale, minimum] = match part {
				0..4 => [packed[part] & 63, packed[part + 4] & 63],
				_ => {
					[packed[part + 4] & 15 | packed[part - 4] >> 6 << 4, packed[part + 4] >> 4 | packed[part] >> 6 << 4]
				}
			};
			let values = &block[16 + part / 2 * 32..][..32];
			return Unpacked {
				scales: Scales::Singles([half(0) * f32::from(scale), -(half(2) * f32::from(minimum))]),
				values: std::array::from_fn(|at| values[at] >> (part % 2 * 4) & 15),
			};
		}
		let (group, row) = (part / 4, part % 4);
		let low = &block[64 * group + row % 2 * 32..][..32];
		let high = &block[128 + 32 * group..][..32];
		let scale = |at: usize| half(208) * f32::from(block[192 + 8 * group + 2 * row + at].cast_signed());
		Unpacked {
			scales: Scales::Singles([scale(0), scale(1)]),
			values: std::array::from_fn(|at| low[at] >> (row / 2 * 4) & 15 | (high[at] >> (2 * row) & 3) << 4),
		}
	}

	/// The float that an integer stands for.
	fn value(self, integer: u8, [scale, minimum]: [f32; 2], term: usize) -> f32 {
		let n = f32::from(integer);
		match self {
			Self::Q6_K => (n - 32.0) * if term < BLOCK / 2 { scale } else { minimum },
			Self::Q4_K => n * scale + minimum,
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
		let column_bytes = depth / format.block_weights() * format.block_bytes();
		if !depth.is_multiple_of(format.block_weights()) || data.len() != columns.checked_mul(column_bytes)? {
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
			let parts = format.block_weights() / BLOCK;
			let file = file.chunks_exact(format.block_bytes());
			for (block, unpacked) in file.flat_map(|file| (0..parts).map(|part| format.unpack(file, part))).enumerate()
			{
				if !unpacked.scales.are_finite() {
					return None;
				}
				let at = column / WIDTH * blocks + block;
				unpacked.scales.store(&mut matrix.halves[at * halves..][..halves], column % WIDTH);
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
			let stored = &self.halves[at * halves..][..halves];
			let scales = match stored.as_chunks::<2>().0 {
				[first, second] => [single(first, column % WIDTH), single(second, column % WIDTH)],
				_ => [0, halves - 1].map(|which| half_to_f32(stored[which].0[column % WIDTH])),
			};
			let lines = &self.lines[at * lines..][..lines];
			for (term, out) in out.iter_mut().enumerate() {
				*out = self.format.value(integer(self.format, lines, column % WIDTH, term), scales, term);
			}
		}
	}
}

/// Writes a column's integers into the lines of a tile's block.
fn pack(format: Format, values: &[u8; BLOCK], lines: &mut [Line], column: usize) {
	if let Format::Q8_0 | Format::Q6_K = format {
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
	if let Format::Q8_0 | Format::Q6_K = format {
		return lines[term / 4].0[byte];
	}
	let nibble = lines[term / 8].0[byte] >> (term / 4 % 2 * 4) & 15;
	let fifth = lines.get(4).map_or(0, |bits| bits.0[byte] >> (term / 4) & 1);
	nibble | fifth << 4
}
