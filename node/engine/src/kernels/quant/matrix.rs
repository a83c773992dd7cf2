//! Weight matrices in tiles.

use super::columns::{half_to_f32, upper_half_to_f32};
use super::input::BLOCK;
use super::layout::{self, Layout, IQ4_VALUES, MXFP4_VALUES};
use super::{Factors, Format, Halves, Line};
use crate::kernels::lanes::WIDTH;
use crate::kernels::memory::Stored;
use crate::kernels::packing::{divide, FileColumns, MatrixError, Packing};

/// A matrix `[columns][depth]` of a file, as tiles of sixteen columns; the last tile is filled up with zeros.
#[derive(Clone)]
pub(crate) struct QuantMatrix {
	pub(super) format: Format,
	/// How many blocks a column has.
	pub(super) blocks: usize,
	columns: usize,
	pub(super) lines: Stored<Line>,
	pub(super) halves: Stored<Halves>,
	pub(super) factors: Stored<Factors>,
}

/// Thirty-two weights as a file has them.
struct Unpacked {
	/// Their scale, and their minimum if the format has one.
	halves: [u16; 2],
	/// What these are multiplied by, if the format has it.
	factors: [u8; 4],
	/// The integers, those with a sign in two's complement.
	values: [u8; BLOCK],
}

/// What a tile has of a format.
struct Sizes {
	/// How many blocks share half-precision floats.
	superblock: usize,
	/// The lines of a block.
	lines: usize,
	/// The half-precision floats of a superblock, per column.
	halves: usize,
	/// The factors of a block, per column.
	factors: usize,
}

impl Sizes {
	const fn of<F: Layout>() -> Self {
		Self { superblock: F::SUPERBLOCK, lines: F::LINES, halves: F::HALVES, factors: F::FACTORS }
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
			Self::Q2_K => 84,
			Self::Q3_K => 110,
			Self::Q4_K => 144,
			Self::Q5_K => 176,
			Self::Q6_K => 210,
			Self::IQ4_NL => 18,
			Self::IQ4_XS => 136,
			Self::MXFP4 => 17,
		}
	}

	/// How many weights a block has in a file.
	pub const fn block_weights(self) -> usize {
		self.sizes().superblock * BLOCK
	}

	/// How many bytes of memory a matrix of this many columns takes.
	pub fn stored_bytes(self, [columns, depth]: [usize; 2]) -> u64 {
		let sizes = self.sizes();
		let of_block = sizes.lines * size_of::<Line>() + sizes.factors * size_of::<Factors>();
		let of_superblock = sizes.superblock * of_block + sizes.halves * size_of::<Halves>();
		let superblocks = columns.div_ceil(WIDTH) as u64 * depth.div_ceil(self.block_weights()) as u64;
		superblocks.saturating_mul(of_superblock as u64)
	}

	const fn sizes(self) -> Sizes {
		match self {
			Self::Q4_0 => Sizes::of::<layout::Q4_0>(),
			Self::Q4_1 => Sizes::of::<layout::Q4_1>(),
			Self::Q5_0 => Sizes::of::<layout::Q5_0>(),
			Self::Q5_1 => Sizes::of::<layout::Q5_1>(),
			Self::Q8_0 => Sizes::of::<layout::Q8_0>(),
			Self::Q2_K => Sizes::of::<layout::Q2_K>(),
			Self::Q3_K => Sizes::of::<layout::Q3_K>(),
			Self::Q4_K => Sizes::of::<layout::Q4_K>(),
			Self::Q5_K => Sizes::of::<layout::Q5_K>(),
			Self::Q6_K => Sizes::of::<layout::Q6_K>(),
			Self::IQ4_NL => Sizes::of::<layout::IQ4_NL>(),
			Self::IQ4_XS => Sizes::of::<layout::IQ4_XS>(),
			Self::MXFP4 => Sizes::of::<layout::MXFP4>(),
		}
	}

	/// Part `part` of a file's block. Those of 256 weights are ggml's `block_q2_K` and so on.
	fn unpack(self, bytes: &[u8], part: usize) -> Unpacked {
		let half = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
		let nibble = |from: usize, at: usize| bytes[from + at % 16] >> (at / 16 * 4) & 15;
		let fifth = |from: usize, at: usize| (bytes[from + at / 8] >> (at % 8) & 1) << 4;
		let plain = |halves: [u16; 2], values| Unpacked { halves, factors: [0; 4], values };
		match self {
			Self::Q4_0 | Self::IQ4_NL => plain([half(0); 2], std::array::from_fn(|at| nibble(2, at))),
			Self::MXFP4 => plain([power_of_two(bytes[0]); 2], std::array::from_fn(|at| nibble(1, at))),
			Self::Q4_1 => plain([half(0), half(2)], std::array::from_fn(|at| nibble(4, at))),
			Self::Q5_0 => plain([half(0); 2], std::array::from_fn(|at| nibble(6, at) | fifth(2, at))),
			Self::Q5_1 => plain([half(0), half(2)], std::array::from_fn(|at| nibble(8, at) | fifth(4, at))),
			Self::Q8_0 => plain([half(0); 2], std::array::from_fn(|at| bytes[2 + at])),
			// Four parts share 32 bytes. A byte has the factors of sixteen weights.
			Self::Q2_K => {
				let [first, second] = [bytes[2 * part], bytes[2 * part + 1]];
				Unpacked {
					halves: [half(80), half(82) ^ 0x8000],
					factors: [first & 15, second & 15, first >> 4, second >> 4],
					values: std::array::from_fn(|at| bytes[16 + part / 4 * 32 + at] >> (part % 4 * 2) & 3),
				}
			}
			// A bit of each weight, then two of each, then the factors.
			Self::Q3_K => {
				let factor = |which: usize| {
					let low = bytes[96 + which % 8] >> (which / 8 * 4) & 15;
					(low | (bytes[104 + which % 4] >> (which / 4 * 2) & 3) << 4).wrapping_sub(32)
				};
				Unpacked {
					halves: [half(108); 2],
					factors: [factor(2 * part), factor(2 * part + 1), 0, 0],
					values: std::array::from_fn(|at| {
						let low = bytes[32 + part / 4 * 32 + at] >> (part % 4 * 2) & 3;
						low | (bytes[at] >> part & 1) << 2
					}),
				}
			}
			// Two parts have the lower and the upper halves of the same bytes.
			Self::Q4_K => Unpacked {
				halves: [half(0), half(2) ^ 0x8000],
				factors: six_bit_factors(&bytes[4..16], part),
				values: std::array::from_fn(|at| bytes[16 + part / 2 * 32 + at] >> (part % 2 * 4) & 15),
			},
			// As those of Q4_K, behind a bit of each weight.
			Self::Q5_K => Unpacked {
				halves: [half(0), half(2) ^ 0x8000],
				factors: six_bit_factors(&bytes[4..16], part),
				values: std::array::from_fn(|at| {
					let low = bytes[48 + part / 2 * 32 + at] >> (part % 2 * 4) & 15;
					low | (bytes[16 + at] >> part & 1) << 4
				}),
			},
			// Four bits of each weight, then two of each, then the factors; in both, four parts share 64 or 32 bytes.
			Self::Q6_K => {
				let (low, high) = (part / 4 * 64 + part % 2 * 32, 128 + part / 4 * 32);
				Unpacked {
					halves: [half(208); 2],
					factors: [bytes[192 + 2 * part], bytes[193 + 2 * part], 0, 0],
					values: std::array::from_fn(|at| {
						let low = bytes[low + at] >> (part % 4 / 2 * 4) & 15;
						low | (bytes[high + at] >> (part % 4 * 2) & 3) << 4
					}),
				}
			}
			// Two bits of each factor, then four of each.
			Self::IQ4_XS => {
				let low = bytes[4 + part / 2] >> (part % 2 * 4) & 15;
				let factor = low | ((half(2) >> (2 * part) & 3) << 4) as u8;
				Unpacked {
					halves: [half(0); 2],
					factors: [factor.wrapping_sub(32), 0, 0, 0],
					values: std::array::from_fn(|at| nibble(8 + 16 * part, at)),
				}
			}
		}
	}

	/// The float that sixteen bits of a scale stand for.
	fn half(self, bits: u16) -> f32 {
		match self {
			Self::MXFP4 => upper_half_to_f32(bits),
			_ => half_to_f32(bits),
		}
	}

	/// The scales of a block, and its minimums if it has them.
	fn scales(self, [first, second]: [f32; 2], factor: impl Fn(usize) -> f32) -> [f32; 4] {
		match self {
			Self::Q2_K => [first * factor(0), first * factor(1), second * factor(2), second * factor(3)],
			_ => [first * factor(0), second * factor(1), 0.0, 0.0],
		}
	}

	/// The float that a block's integer, that of term `term`, stands for.
	fn value(self, integer: u8, term: usize, scales: [f32; 4]) -> f32 {
		let n = f32::from(integer);
		let [first, second, ..] = scales;
		let half = term / (BLOCK / 2);
		match self {
			Self::Q4_0 => (n - 8.0) * first,
			Self::Q5_0 => (n - 16.0) * first,
			Self::Q4_1 | Self::Q5_1 | Self::Q4_K | Self::Q5_K => n * first + second,
			Self::Q2_K => n * scales[half] + scales[2 + half],
			Self::Q8_0 => f32::from(integer.cast_signed()) * first,
			Self::Q3_K => (n - 4.0) * scales[half],
			Self::Q6_K => (n - 32.0) * scales[half],
			Self::IQ4_NL | Self::IQ4_XS => f32::from(IQ4_VALUES[usize::from(integer)]) * first,
			Self::MXFP4 => f32::from(MXFP4_VALUES[usize::from(integer)]) * first,
		}
	}
}

/// The upper half of 2^(exponent − 128), a float; the lower half is zero. The least two are denormal. The greatest exponent
/// stands for no number, and becomes infinite.
fn power_of_two(exponent: u8) -> u16 {
	match exponent {
		0 | 1 => 0x20 << exponent,
		u8::MAX => 0x7f80,
		_ => (u16::from(exponent) - 1) << 7,
	}
}

/// A part's factors of six bits each: those of the first four parts in the lower bits of eight bytes, those of the others
/// half in four more bytes and half in the upper bits of the first eight.
fn six_bit_factors(bytes: &[u8], part: usize) -> [u8; 4] {
	match part {
		0..4 => [bytes[part] & 63, bytes[part + 4] & 63, 0, 0],
		_ => {
			let low = bytes[part + 4];
			[low & 15 | bytes[part - 4] >> 6 << 4, low >> 4 | bytes[part] >> 6 << 4, 0, 0]
		}
	}
}

impl QuantMatrix {
	/// Repacks a file's matrix of this many columns, each `depth` terms (a multiple of a block's weights) in a row; column j of the
	/// result is the file's `order(j)`.
	pub fn read(
		on: &Packing<'_>,
		format: Format,
		file: &dyn FileColumns,
		[columns, depth]: [usize; 2],
		order: impl Fn(usize) -> usize + Sync,
	) -> Result<Self, MatrixError> {
		let sizes = format.sizes();
		let superblocks = depth / format.block_weights();
		if !depth.is_multiple_of(format.block_weights()) {
			return Err(MatrixError::Size);
		}
		let blocks = depth / BLOCK;
		let tiles = columns.div_ceil(WIDTH);
		let count = |of_tile: usize| tiles.checked_mul(of_tile).ok_or(MatrixError::Size);
		let mut lines = on.memory.take::<Line>(count(blocks * sizes.lines)?)?;
		let mut halves = on.memory.take::<Halves>(count(superblocks * sizes.halves)?)?;
		let mut factors = on.memory.take::<Factors>(count(blocks * sizes.factors)?)?;
		let places = divide(&mut lines, tiles).zip(divide(&mut halves, tiles)).zip(divide(&mut factors, tiles));
		let places = places.map(|((lines, halves), factors)| Tile { format, lines, halves, factors }).collect();
		let column_bytes = superblocks * format.block_bytes();
		on.fill(places, [columns, column_bytes], order, file, |tile, columns| tile.pack(columns))?;
		let (lines, halves, factors) = (lines.finish(), halves.finish(), factors.finish());
		Ok(Self { format, blocks, columns, lines, halves, factors })
	}

	/// The number of tiles.
	pub fn tiles(&self) -> usize {
		self.columns.div_ceil(WIDTH)
	}

	/// The number of columns.
	pub fn columns(&self) -> usize {
		self.columns
	}

	/// Where its weights are.
	#[cfg(test)]
	pub fn address(&self) -> usize {
		self.lines.as_ptr().addr()
	}

	/// The weights of one column as floats: a row of an embedding.
	pub fn column(&self, column: usize, out: &mut [f32]) {
		let sizes = self.format.sizes();
		let (tile, column) = (column / WIDTH, column % WIDTH);
		for (block, out) in out.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate() {
			let at = tile * self.blocks + block;
			let halves = &self.halves[at / sizes.superblock * sizes.halves..][..sizes.halves];
			let half = |which: usize| self.format.half(halves[which.min(sizes.halves - 1)].0[column]);
			let factors = &self.factors[at * sizes.factors..][..sizes.factors];
			let factor = |which: usize| match (self.format, factors.get(which)) {
				(_, None) => 1.0,
				(Format::Q3_K | Format::Q6_K | Format::IQ4_XS, Some(factor)) => {
					f32::from(factor.0[column].cast_signed())
				}
				(_, Some(factor)) => f32::from(factor.0[column]),
			};
			let scales = self.format.scales([half(0), half(1)], factor);
			let lines = &self.lines[at * sizes.lines..][..sizes.lines];
			for (term, out) in out.iter_mut().enumerate() {
				*out = self.format.value(integer(self.format, lines, column, term), term, scales);
			}
		}
	}
}

/// Where a tile of a matrix goes, zeros still.
struct Tile<'a> {
	format: Format,
	lines: &'a mut [Line],
	halves: &'a mut [Halves],
	factors: &'a mut [Factors],
}

impl Tile<'_> {
	/// Packs columns of a file.
	fn pack(&mut self, columns: &[&[u8]]) -> Result<(), MatrixError> {
		let Self { format, lines, halves, factors } = self;
		let sizes = format.sizes();
		let pack = match Places::of(*format) {
			Places { low: 8, .. } => pack::<8, 0>,
			Places { low: 2, high: 0 } => pack::<2, 0>,
			Places { low: 2, .. } => pack::<2, 1>,
			Places { high: 0, .. } => pack::<4, 0>,
			Places { high: 1, .. } => pack::<4, 1>,
			Places { .. } => pack::<4, 2>,
		};
		for (block, lines) in lines.chunks_exact_mut(sizes.lines).enumerate() {
			let superblock = block / sizes.superblock;
			let halves = &mut halves[superblock * sizes.halves..][..sizes.halves];
			let factors = &mut factors[block * sizes.factors..][..sizes.factors];
			for (lane, column) in columns.iter().enumerate() {
				let bytes = &column[superblock * format.block_bytes()..][..format.block_bytes()];
				let unpacked = format.unpack(bytes, block % sizes.superblock);
				if !unpacked.halves.iter().all(|half| format.half(*half).is_finite()) {
					return Err(MatrixError::Scale);
				}
				halves.iter_mut().zip(unpacked.halves).for_each(|(to, half)| to.0[lane] = half);
				factors.iter_mut().zip(unpacked.factors).for_each(|(to, factor)| to.0[lane] = factor);
				pack(&unpacked.values, lines, lane);
			}
		}
		Ok(())
	}
}

/// Where the lines of a block have the bits of its integers.
struct Places {
	/// The bits that lines from the first one on have: eight, four or two.
	low: usize,
	/// The bits of the further lines: none, one or two.
	high: usize,
}

impl Places {
	const fn of(format: Format) -> Self {
		match format {
			Format::Q8_0 => Self { low: 8, high: 0 },
			Format::Q2_K => Self { low: 2, high: 0 },
			Format::Q3_K => Self { low: 2, high: 1 },
			Format::Q5_0 | Format::Q5_1 | Format::Q5_K => Self { low: 4, high: 1 },
			Format::Q6_K => Self { low: 4, high: 2 },
			Format::Q4_0 | Format::Q4_1 | Format::Q4_K | Format::IQ4_NL | Format::IQ4_XS | Format::MXFP4 => {
				Self { low: 4, high: 0 }
			}
		}
	}

	/// Of each part of a group's integers, those of four terms: its lowest bit there, how many it has, its line, and its
	/// place in the line's byte.
	#[inline(always)]
	const fn parts(&self, group: usize) -> [[usize; 4]; 2] {
		let share = 8 / self.low;
		let first_high = 8 / share;
		let low = [0, self.low, group / share, group % share * self.low];
		let high = match self.high {
			0 => [0; 4],
			1 => [self.low, 1, first_high, group],
			_ => [self.low, 2, first_high + group / 4, group % 4 * 2],
		};
		[low, high]
	}
}

/// Writes a column's integers into the lines of a tile's block, which are zero there. The four of a group lie in four bytes
/// of a line, so that they are taken as one number.
fn pack<const LOW: usize, const HIGH: usize>(values: &[u8; BLOCK], lines: &mut [Line], lane: usize) {
	let places = Places { low: LOW, high: HIGH };
	for (group, values) in values.as_chunks::<4>().0.iter().enumerate() {
		let values = u32::from_le_bytes(*values);
		for [from, count, line, place] in places.parts(group) {
			if count > 0 {
				let mask = u32::from_le_bytes([((1_u16 << count) - 1) as u8; 4]);
				let cell = &mut lines[line].0.as_chunks_mut::<4>().0[lane];
				*cell = (u32::from_le_bytes(*cell) | (values >> from & mask) << place).to_le_bytes();
			}
		}
	}
}

/// Reads an integer back.
fn integer(format: Format, lines: &[Line], column: usize, term: usize) -> u8 {
	let parts = Places::of(format).parts(term / 4).into_iter().filter(|[_, count, ..]| *count > 0);
	let bits = parts.map(|[from, count, line, place]| {
		(u16::from(lines[line].0[4 * column + term % 4]) >> place & ((1 << count) - 1)) << from
	});
	bits.fold(0, |bits, more| bits | more) as u8
}
