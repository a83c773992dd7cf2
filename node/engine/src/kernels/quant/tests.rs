use super::columns::half_to_f32;
use super::input::{InputBlock, BLOCK};
use super::*;
use crate::kernels::lanes::{soft_fma, Scalar};
use crate::kernels::packing::{InMemory, MatrixError, Packing};
use crate::kernels::pool::Pool;
use crate::kernels::Tier;
use crate::tests::{bits, tiers, Noise};

/// How many half-precision floats a block has.
fn halves_of(format: Format) -> usize {
	match format {
		Format::Q4_1 | Format::Q5_1 | Format::Q2_K | Format::Q4_K | Format::Q5_K => 2,
		// A byte, which is as any other.
		Format::MXFP4 => 0,
		_ => 1,
	}
}

/// Where they are: at a block's beginning or at its end.
fn scale_at(format: Format) -> usize {
	match format {
		Format::Q2_K | Format::Q3_K | Format::Q6_K => format.block_bytes() - 2 * halves_of(format),
		_ => 0,
	}
}

/// A file's matrix of random blocks; integers are extreme and scales are zero, denormal, negative or large at times.
fn file(format: Format, noise: &mut Noise, columns: usize, depth: usize) -> Vec<u8> {
	let halves = halves_of(format);
	let is_last = scale_at(format) > 0;
	let mut data = Vec::new();
	for _ in 0..columns * depth / format.block_weights() {
		let scales = (0..halves).flat_map(|_| {
			let half: u16 = match noise.bits() % 8 {
				0 => 0,
				1 => 0x8000,
				2 => 1,
				3 => 0x83ff,
				4 => 0x7bff,
				_ => (0x1c00 + (noise.bits() % 0x1800) as u16) | (noise.bits() as u16 & 0x8000),
			};
			half.to_le_bytes()
		});
		let scales: Vec<u8> = scales.collect();
		if !is_last {
			data.extend(&scales);
		}
		let extreme = noise.bits() % 4;
		for _ in 0..format.block_bytes() - 2 * halves {
			data.push(match extreme {
				0 => 0x80,
				1 => 0xff,
				_ => noise.bits() as u8,
			});
		}
		if is_last {
			data.extend(scales);
		}
		if format == Format::MXFP4 {
			let exponent = data.len() - format.block_bytes();
			data[exponent] %= 255;
		}
	}
	data
}

/// Rows with ties, zeros of both signs, denormals, and one value that dwarfs the others.
fn rows(noise: &mut Noise, count: usize, width: usize) -> Vec<f32> {
	let mut rows: Vec<f32> = (0..count * width).map(|_| noise.unit()).collect();
	for block in rows.chunks_exact_mut(BLOCK) {
		match noise.bits() % 8 {
			0 => block.fill(0.0),
			1 => block.fill(-0.0),
			2 => block.iter_mut().for_each(|x| *x *= 1e-39),
			3 => block[5] = 1e20,
			4 => block
				.iter_mut()
				.enumerate()
				.for_each(|(at, x)| *x = (at as f32 + 0.5) * if at % 2 == 0 { 4.0 } else { -4.0 }),
			5 => block.fill(-127.0),
			6 => block.iter_mut().for_each(|x| *x *= 1e-31),
			_ => (),
		}
	}
	rows
}

/// Rule by rule, without tiles: an input block.
fn quantised_by_hand(x: &[f32]) -> InputBlock {
	let largest = x.iter().fold(0.0_f32, |largest, x| if x.abs() > largest { x.abs() } else { largest });
	let mut block = InputBlock { high: [0; BLOCK], low: [0; BLOCK], scale: 0.0, scaled_sum: 0.0, sum: 0, first_sum: 0 };
	if largest < f32::from_bits((127 - 100) << 23) {
		return block;
	}
	let factor = 16_256.0 / largest;
	for (at, x) in x.iter().enumerate() {
		let value = (x * factor).round_ties_even() as i32;
		(block.high[at], block.low[at]) =
			((value + 64).div_euclid(128) as i8, ((value + 64).rem_euclid(128) - 64) as i8);
		block.sum += value;
		block.first_sum += if at < 16 { value } else { 0 };
	}
	block.scale = largest / 16_256.0;
	block.scaled_sum = block.scale * block.sum as f32;
	block
}

/// What a block of 256 weights says of one of them, read as ggml's `dequantize_row_*` do: its integer, the place of its
/// scale, and its factors.
fn weight_of_256(format: Format, block: &[u8], at: usize) -> (i32, [i32; 2]) {
	let (half, in_half) = (at / 128, at % 128);
	let two = |from: usize| i32::from(block[from + half * 32 + in_half % 32] >> (in_half / 32 * 2) & 3);
	let four = |from: usize| i32::from(block[from + at / 64 * 32 + at % 32] >> (at % 64 / 32 * 4) & 15);
	// Twelve bytes have eight scales and eight minimums of six bits.
	let packed = &block[4..16];
	let six = |at: usize| {
		i32::from(match at % 8 {
			low @ 0..4 => packed[at / 8 * 4 + low] & 63,
			low => packed[4 + low] >> (at / 8 * 4) & 15 | packed[low - 4 + at / 8 * 4] >> 6 << 4,
		})
	};
	match format {
		Format::Q2_K => {
			let factors = i32::from(block[at / 16]);
			(two(16), [factors % 16, factors / 16])
		}
		Format::Q3_K => {
			let which = at / 16;
			let scales = &block[96..108];
			let low = if which < 8 { scales[which] & 15 } else { scales[which - 8] >> 4 };
			let high = scales[8 + which % 4] >> (which / 4 * 2) & 3;
			let is_low = block[at % 32] & 1 << (at / 32) == 0;
			(two(32) - if is_low { 4 } else { 0 }, [i32::from(low + 16 * high) - 32, 0])
		}
		Format::Q4_K => (four(16), [six(at / 32), six(8 + at / 32)]),
		Format::Q5_K => {
			let fifth = i32::from(block[16 + at % 32] >> (at / 32) & 1);
			(four(48) + 16 * fifth, [six(at / 32), six(8 + at / 32)])
		}
		Format::IQ4_XS => {
			const TABLE: [i32; 16] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];
			let part = at / 32;
			let nibble = block[8 + 16 * part + at % 16] >> (at % 32 / 16 * 4) & 15;
			let low = block[4 + part / 2] >> (part % 2 * 4) & 15;
			let high = block[2 + part / 4] >> (part % 4 * 2) & 3;
			(TABLE[usize::from(nibble)], [i32::from(low + 16 * high) - 32, 0])
		}
		_ => {
			let low = i32::from(block[64 * half + in_half % 64] >> (in_half / 64 * 4) & 15);
			let high = i32::from(block[128 + 32 * half + in_half % 32] >> (in_half / 32 * 2) & 3);
			(low + 16 * high - 32, [i32::from(block[192 + at / 16].cast_signed()), 0])
		}
	}
}

/// Rule by rule: one output, from the bytes of a file's blocks of 256 weights.
fn by_hand_of_256(format: Format, column: &[u8], x: &[f32]) -> f32 {
	let shared = if matches!(format, Format::Q4_K | Format::Q5_K | Format::IQ4_XS) { 32 } else { 16 };
	let mut sum = 0.0;
	for (block, x) in column.chunks_exact(format.block_bytes()).zip(x.chunks_exact(256)) {
		let half = |at: usize| half_to_f32(u16::from_le_bytes([block[at], block[at + 1]]));
		let [scale, minimum] = [0, 2].map(|at| half((scale_at(format) + at).min(format.block_bytes() - 2)));
		for (part, x) in x.chunks_exact(BLOCK).enumerate() {
			let a = quantised_by_hand(x);
			let term = |at: usize| 128 * i32::from(a.high[at]) + i32::from(a.low[at]);
			let mut minimums = Vec::new();
			for first in (0..BLOCK).step_by(shared) {
				let weight = |at: usize| weight_of_256(format, block, part * BLOCK + at);
				let dot = (first..first + shared).fold(0, |dot, at| dot + weight(at).0 * term(at));
				let [factor, of_minimum] = weight(first).1;
				sum = soft_fma(dot as f32, scale * factor as f32 * a.scale, sum);
				let terms: i32 = (first..first + shared).map(term).sum();
				minimums.push((-(minimum * of_minimum as f32), a.scale * terms as f32));
			}
			if halves_of(format) == 2 {
				sum = minimums.into_iter().fold(sum, |sum, (minimum, terms)| soft_fma(minimum, terms, sum));
			}
		}
	}
	sum
}

/// Rule by rule: one output, from the file's bytes.
fn by_hand(format: Format, column: &[u8], x: &[f32]) -> f32 {
	if format.block_weights() == 256 {
		return by_hand_of_256(format, column, x);
	}
	let mut sum = 0.0;
	for (block, x) in column.chunks_exact(format.block_bytes()).zip(x.chunks_exact(BLOCK)) {
		let a = quantised_by_hand(x);
		let half = |at: usize| half_to_f32(u16::from_le_bytes([block[at], block[at + 1]]));
		let quants = &block[format.block_bytes() - 16..];
		let nibble = |at: usize| i32::from(quants[at % 16] >> (at / 16 * 4) & 15);
		let fifth = |from: usize, at: usize| i32::from(block[from + at / 8] >> (at % 8) & 1) * 16;
		let weight = |at: usize| match format {
			Format::Q4_0 => nibble(at) - 8,
			Format::Q4_1 => nibble(at),
			Format::Q5_0 => (nibble(at) | fifth(2, at)) - 16,
			Format::Q5_1 => nibble(at) | fifth(4, at),
			Format::IQ4_NL => {
				[-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113][nibble(at) as usize]
			}
			Format::MXFP4 => [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12][nibble(at) as usize],
			_ => i32::from(block[2 + at].cast_signed()),
		};
		let dot = (0..BLOCK).fold(0, |dot, at| dot + weight(at) * (128 * i32::from(a.high[at]) + i32::from(a.low[at])));
		let scale = match format {
			Format::MXFP4 => 2_f64.powi(i32::from(block[0]) - 128) as f32,
			_ => half(0),
		};
		sum = soft_fma(dot as f32, scale * a.scale, sum);
		if matches!(format, Format::Q4_1 | Format::Q5_1) {
			sum = soft_fma(half(2), a.scaled_sum, sum);
		}
	}
	sum
}

/// The matrix of a file, packed in two threads.
fn packed(
	format: Format,
	data: &[u8],
	[columns, depth]: [usize; 2],
	order: impl Fn(usize) -> usize + Sync,
) -> Result<QuantMatrix, MatrixError> {
	let pool = Pool::new(2).unwrap();
	let file = InMemory { data, bytes: depth / format.block_weights() * format.block_bytes() };
	QuantMatrix::read(&Packing::new(&pool), format, &file, [columns, depth], order)
}

fn multiply(kernels: Kernels, pool: &Pool, matrix: &QuantMatrix, x: &[f32], count: usize) -> Vec<u32> {
	let depth = x.len() / count;
	let mut input = Quantised::default();
	assert!(input.fill(kernels, pool, [count, depth], |row, out| out.copy_from_slice(&x[row * depth..][..depth])));
	let width = matrix.tiles() * WIDTH;
	let mut out = vec![f32::NAN; count * width];
	pool.blocks(&mut out, width, [count, 32], |block| kernels.quant_gemm(&input, matrix, block, 0));
	bits(&out)
}

#[test]
fn products_should_follow_the_rules_on_every_tier_with_any_threads_and_rows() {
	let mut noise = Noise(7);
	let pools: Vec<Pool> = (1..=4).map(|threads| Pool::new(threads).unwrap()).collect();
	for format in Format::ALL {
		let blocks = format.block_weights() / BLOCK;
		for (columns, depth) in [(16, 32), (40, 96), (112, 192)].map(|(columns, depth)| (columns, depth * blocks)) {
			if columns > 40 && blocks > 1 {
				continue;
			}
			let data = file(format, &mut noise, columns, depth);
			let matrix = packed(format, &data, [columns, depth], |column| column).unwrap();
			for count in [1, 2, 3, 4, 5, 8, 12, 13, 31] {
				let x = rows(&mut noise, count, depth);
				let width = matrix.tiles() * WIDTH;
				let column_bytes = data.len() / columns;
				let expected: Vec<u32> = (0..count * width)
					.map(|at| match data.get(at % width * column_bytes..(at % width + 1) * column_bytes) {
						Some(column) => {
							let value = by_hand(format, column, &x[at / width * depth..][..depth]);
							if value.is_nan() {
								u32::MAX
							} else {
								value.to_bits()
							}
						}
						None => 0,
					})
					.collect();
				for kernels in tiers() {
					for pool in &pools {
						let actual = multiply(kernels, pool, &matrix, &x, count);
						let case = (format, columns, depth, count, kernels.tier(), pool.threads());
						assert!(actual == expected, "{case:?}");
					}
				}
			}
		}
	}
}

/// The tiers with VNNI on any machine: its instruction, one operation after the other.
struct EmulatedVnni;

impl EmulatedVnni {
	/// Four products of unsigned and signed bytes, added to an i32, in every column.
	fn dpbusd(sums: [i32; WIDTH], w: &[u8; 64], a: &[i8]) -> [i32; WIDTH] {
		std::array::from_fn(|column| {
			let w = &w[4 * column..][..4];
			w.iter().zip(a).fold(sums[column], |sum, (w, a)| sum.wrapping_add(i32::from(*w) * i32::from(*a)))
		})
	}

	fn dot(w: &[[u8; 64]; 8], a: &InputBlock, groups: Range<usize>, from: i32) -> [i32; WIDTH] {
		let plane = |sums, plane: &[i8; BLOCK]| {
			groups.clone().fold(sums, |sums, group| Self::dpbusd(sums, &w[group], &plane[4 * group..][..4]))
		};
		plane(plane([0; WIDTH], &a.high).map(|sum| (sum << 7).wrapping_add(from)), &a.low)
	}
}

// SAFETY: every CPU has what it uses.
#[allow(unsafe_code)]
unsafe impl Columns for EmulatedVnni {
	const WIDTH: usize = WIDTH;
	const ROW_GROUPS: usize = 3;
	type Bytes = [u8; 64];
	type Sums = [i32; WIDTH];
	type Floats = [f32; WIDTH];

	fn bytes(line: &Line, part: usize) -> Self::Bytes {
		Scalar::bytes(line, part)
	}

	fn low_nibbles(bytes: Self::Bytes) -> Self::Bytes {
		Scalar::low_nibbles(bytes)
	}

	fn high_nibbles(bytes: Self::Bytes) -> Self::Bytes {
		Scalar::high_nibbles(bytes)
	}

	fn with_fifth_bit(nibbles: Self::Bytes, bits: Self::Bytes, bit: usize) -> Self::Bytes {
		Scalar::with_fifth_bit(nibbles, bits, bit)
	}

	fn with_two_bits(nibbles: Self::Bytes, bits: Self::Bytes, pair: usize) -> Self::Bytes {
		Scalar::with_two_bits(nibbles, bits, pair)
	}

	fn two_bits(bits: Self::Bytes, pair: usize) -> Self::Bytes {
		Scalar::two_bits(bits, pair)
	}

	fn with_third_bit(low: Self::Bytes, bits: Self::Bytes, bit: usize) -> Self::Bytes {
		Scalar::with_third_bit(low, bits, bit)
	}

	fn from_table(table: &[i8; 16], nibbles: Self::Bytes) -> Self::Bytes {
		Scalar::from_table(table, nibbles)
	}

	fn signed(bytes: Self::Bytes) -> Self::Bytes {
		bytes.map(|byte| byte ^ 0x80)
	}

	fn dot_4_bits(w: &[Self::Bytes; 8], a: &InputBlock) -> Self::Sums {
		Self::dot(w, a, 0..8, 0)
	}

	fn dot_5_bits(w: &[Self::Bytes; 8], a: &InputBlock) -> Self::Sums {
		Self::dot(w, a, 0..8, 0)
	}

	fn dot_signed(w: &[Self::Bytes; 8], a: &InputBlock) -> Self::Sums {
		Self::dot(w, a, 0..8, -128 * a.sum)
	}

	fn dot_6_bits<const HALF: usize>(w: &[Self::Bytes; 8], a: &InputBlock) -> Self::Sums {
		Self::dot(w, a, 4 * HALF..4 * HALF + 4, 0)
	}

	fn add(sums: Self::Sums, addend: i32) -> Self::Sums {
		Scalar::add(sums, addend)
	}

	fn floats(sums: Self::Sums) -> Self::Floats {
		Scalar::floats(sums)
	}

	fn splat(value: f32) -> Self::Floats {
		Scalar::splat(value)
	}

	fn halves(values: &[u16; WIDTH], part: usize) -> Self::Floats {
		Scalar::halves(values, part)
	}

	fn upper_halves(values: &[u16; WIDTH], part: usize) -> Self::Floats {
		Scalar::upper_halves(values, part)
	}

	fn unsigned_floats(values: &[u8; WIDTH], part: usize) -> Self::Floats {
		Scalar::unsigned_floats(values, part)
	}

	fn signed_floats(values: &[u8; WIDTH], part: usize) -> Self::Floats {
		Scalar::signed_floats(values, part)
	}

	fn mul(x: Self::Floats, y: Self::Floats) -> Self::Floats {
		<Scalar as Columns>::mul(x, y)
	}

	fn fma(x: Self::Floats, y: Self::Floats, z: Self::Floats) -> Self::Floats {
		<Scalar as Columns>::fma(x, y, z)
	}

	fn store(values: Self::Floats, to: &mut [f32; WIDTH], part: usize) {
		<Scalar as Columns>::store(values, to, part);
	}
}

/// A product on the emulation.
fn emulated<F: Layout>(input: &Quantised, matrix: &QuantMatrix, count: usize) -> Vec<f32> {
	let width = matrix.tiles() * WIDTH;
	let mut values = vec![f32::NAN; count * width];
	Pool::new(1).unwrap().blocks(&mut values, width, [count, width], |out| {
		let tiles = 0..matrix.tiles();
		Multiply { matrix, tiles, input, out, first_column: 0, format: PhantomData::<F> }.run::<EmulatedVnni>();
	});
	values
}

#[test]
fn products_as_vnni_computes_them_should_be_the_same_on_any_machine() {
	let mut noise = Noise(8);
	for format in Format::ALL {
		let depth = format.block_weights().max(96);
		let data = file(format, &mut noise, 48, depth);
		let matrix = packed(format, &data, [48, depth], |column| column).unwrap();
		for count in [1, 13] {
			let x = rows(&mut noise, count, depth);
			let scalar = Kernels::new(Tier::Scalar).unwrap();
			let expected = multiply(scalar, &Pool::new(1).unwrap(), &matrix, &x, count);
			let mut input = Quantised::default();
			let fill = |row: usize, out: &mut [f32]| out.copy_from_slice(&x[row * depth..][..depth]);
			assert!(input.fill(scalar, &Pool::new(1).unwrap(), [count, depth], fill));
			let actual = match format {
				Format::Q4_0 => emulated::<layout::Q4_0>(&input, &matrix, count),
				Format::Q4_1 => emulated::<layout::Q4_1>(&input, &matrix, count),
				Format::Q5_0 => emulated::<layout::Q5_0>(&input, &matrix, count),
				Format::Q5_1 => emulated::<layout::Q5_1>(&input, &matrix, count),
				Format::Q8_0 => emulated::<layout::Q8_0>(&input, &matrix, count),
				Format::Q2_K => emulated::<layout::Q2_K>(&input, &matrix, count),
				Format::Q3_K => emulated::<layout::Q3_K>(&input, &matrix, count),
				Format::Q4_K => emulated::<layout::Q4_K>(&input, &matrix, count),
				Format::Q5_K => emulated::<layout::Q5_K>(&input, &matrix, count),
				Format::Q6_K => emulated::<layout::Q6_K>(&input, &matrix, count),
				Format::IQ4_NL => emulated::<layout::IQ4_NL>(&input, &matrix, count),
				Format::IQ4_XS => emulated::<layout::IQ4_XS>(&input, &matrix, count),
				Format::MXFP4 => emulated::<layout::MXFP4>(&input, &matrix, count),
			};
			let bits = |value: &f32| if value.is_nan() { u32::MAX } else { value.to_bits() };
			assert_eq!(actual.iter().map(bits).collect::<Vec<_>>(), expected, "{format:?}, {count} rows");
		}
	}
}

#[test]
fn inputs_should_be_quantised_by_the_rules_and_what_is_not_finite_noticed() {
	let pool = Pool::new(2).unwrap();
	let mut noise = Noise(9);
	for kernels in tiers() {
		let x = rows(&mut noise, 1, 640);
		let mut input = Quantised::default();
		assert!(input.fill(kernels, &pool, [1, 640], |_, out| out.copy_from_slice(&x)));
		let Rows::One(blocks) = input.rows() else { panic!("one row") };
		for (block, x) in blocks.iter().zip(x.chunks_exact(BLOCK)) {
			assert_eq!(block[0], quantised_by_hand(x));
		}
		for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
			for count in [1, 6] {
				let mut input = Quantised::default();
				let fill = |row: usize, out: &mut [f32]| {
					out.fill(1.0);
					out[33] = if row == count - 1 { value } else { 1.0 };
				};
				assert!(!input.fill(kernels, &pool, [count, 64], fill));
			}
		}
	}
}

#[test]
fn half_precision_should_be_exact() {
	for (half, float) in
		[(0, 0.0), (0x3c00, 1.0), (1, 5.960_464_5e-8), (0x7bff, 65504.0), (0xc000, -2.0), (0x03ff, 6.097_555e-5)]
	{
		assert_eq!(half_to_f32(half), float);
	}
	assert!(half_to_f32(0x7e00).is_nan() && half_to_f32(0xfc00) == f32::NEG_INFINITY);
}

#[test]
fn columns_should_be_read_back_reordered_and_bad_scales_refused() {
	let mut noise = Noise(10);
	for format in Format::ALL {
		let depth = format.block_weights().max(64);
		let mut data = file(format, &mut noise, 20, depth);
		let plain = packed(format, &data, [20, depth], |column| column).unwrap();
		let turned = packed(format, &data, [20, depth], |column| 19 - column).unwrap();
		let read = |matrix: &QuantMatrix, column: usize| {
			let mut out = vec![0.0; depth];
			matrix.column(column, &mut out);
			out
		};
		(0..20).for_each(|column| assert_eq!(read(&plain, column), read(&turned, 19 - column)));
		assert!(packed(format, &data[1..], [20, depth], |column| column).is_err());
		let (scale, bad) = (scale_at(format), if format == Format::MXFP4 { 0xffff } else { 0x7e00_u16 });
		data[scale..scale + 2].copy_from_slice(&bad.to_le_bytes());
		assert!(packed(format, &data, [20, depth], |column| column).is_err());
	}
}

#[test]
fn weights_should_be_what_ggmls_own_python_package_reads() {
	macro_rules! reference {
		($format:ident, $name:literal) => {
			(
				Format::$format,
				&include_bytes!(concat!("../../../tests/data/", $name, ".bin"))[..],
				&include_bytes!(concat!("../../../tests/data/", $name, ".f32"))[..],
			)
		};
	}
	for (format, data, expected) in [
		reference!(Q2_K, "q2_k"),
		reference!(Q3_K, "q3_k"),
		reference!(Q4_K, "q4_k"),
		reference!(Q5_K, "q5_k"),
		reference!(Q6_K, "q6_k"),
		reference!(IQ4_NL, "iq4_nl"),
		reference!(IQ4_XS, "iq4_xs"),
		reference!(MXFP4, "mxfp4"),
	] {
		let matrix = packed(format, data, [2, 256], |column| column).unwrap();
		let expected: Vec<f32> = expected.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
		for (column, expected) in expected.chunks_exact(256).enumerate() {
			let mut out = [0.0; 256];
			matrix.column(column, &mut out);
			assert_eq!(out, expected, "{format:?}");
		}
	}
}
