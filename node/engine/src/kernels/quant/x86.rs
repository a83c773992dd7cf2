//! The quantised kernels' operations on x86-64: AVX2, AVX-VNNI and AVX-512-VNNI.
//!
//! AVX2 multiplies unsigned by signed bytes and adds pairs in 16 bits, with saturation; the bounds beside each dot
//! product show that none saturates. VNNI adds four products in 32 bits.

#![allow(unsafe_code)]

use super::super::lanes::WIDTH;
use super::super::ColumnsPass;
use super::columns::Columns;
use super::input::InputBlock;
use super::Line;
use std::arch::x86_64::*;

// SAFETY, for every `unsafe` block here: `Columns` promises that its methods are called below `Kernels::run_columns`
// only, which enters functions that enable the instructions used here after detecting them. Loads and stores are
// unaligned ones, within the array behind the reference: `part · WIDTH` columns of sixteen, or four bytes of the `a`s.

/// Eight columns in a register.
pub(crate) struct Avx2;

/// As [`Avx2`], with the dot product of AVX-VNNI.
pub(crate) struct AvxVnni;

/// Sixteen columns in a register, with the dot product of AVX-512-VNNI.
pub(crate) struct Avx512Vnni;

/// Runs a pass with AVX2, FMA and F16C.
///
/// # Safety
///
/// The CPU must have all three.
#[target_feature(enable = "avx2,fma,f16c")]
pub(crate) unsafe fn run_avx2<P: ColumnsPass>(pass: P) {
	pass.run::<Avx2>();
}

/// Runs a pass with AVX-VNNI.
///
/// # Safety
///
/// The CPU must have AVX-VNNI, AVX2, FMA and F16C.
#[target_feature(enable = "avxvnni,avx2,fma,f16c")]
pub(crate) unsafe fn run_avx_vnni<P: ColumnsPass>(pass: P) {
	pass.run::<AvxVnni>();
}

/// Runs a pass with AVX-512-VNNI.
///
/// # Safety
///
/// The CPU must have AVX-512F, BW, VL and VNNI, AVX2, FMA and F16C.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(crate) unsafe fn run_avx512_vnni<P: ColumnsPass>(pass: P) {
	pass.run::<Avx512Vnni>();
}

/// The group's four `a`s in every column.
#[inline(always)]
fn four_256(a: &[i8], group: usize) -> __m256i {
	let four = i32::from_le_bytes(std::array::from_fn(|at| a[4 * group + at].cast_unsigned()));
	unsafe { _mm256_set1_epi32(four) }
}

/// The group's four `a`s in every column.
#[inline(always)]
fn four_512(a: &[i8], group: usize) -> __m512i {
	let four = i32::from_le_bytes(std::array::from_fn(|at| a[4 * group + at].cast_unsigned()));
	unsafe { _mm512_set1_epi32(four) }
}

/// How far ahead of a product with the first rows its weights are asked for, in bytes.
const AHEAD: usize = 4096;

#[inline(always)]
fn prefetch_behind(line: &Line) {
	// A hint, which may name any address.
	unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(line).cast::<i8>().wrapping_add(AHEAD)) }
}

/// `128 · high + low`, where pairs of i16 are added to i32.
#[inline(always)]
fn widen([high, low]: [__m256i; 2]) -> __m256i {
	unsafe {
		let high = _mm256_madd_epi16(high, _mm256_set1_epi16(128));
		_mm256_add_epi32(high, _mm256_madd_epi16(low, _mm256_set1_epi16(1)))
	}
}

/// What both tiers of eight columns share.
macro_rules! eight_columns {
	() => {
		const WIDTH: usize = 8;
		type Bytes = __m256i;
		type Sums = __m256i;
		type Floats = __m256;

		#[inline(always)]
		fn prefetch(line: &Line) {
			prefetch_behind(line);
		}

		#[inline(always)]
		fn bytes(line: &Line, part: usize) -> __m256i {
			unsafe { _mm256_loadu_si256(line.0.as_chunks::<32>().0[part].as_ptr().cast()) }
		}

		#[inline(always)]
		fn low_nibbles(bytes: __m256i) -> __m256i {
			unsafe { _mm256_and_si256(bytes, _mm256_set1_epi8(15)) }
		}

		#[inline(always)]
		fn high_nibbles(bytes: __m256i) -> __m256i {
			unsafe { _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), _mm256_set1_epi8(15)) }
		}

		#[inline(always)]
		fn with_fifth_bit(nibbles: __m256i, bits: __m256i, bit: usize) -> __m256i {
			unsafe {
				let shifted = match bit {
					0 => _mm256_slli_epi16::<4>(bits),
					1 => _mm256_slli_epi16::<3>(bits),
					2 => _mm256_slli_epi16::<2>(bits),
					3 => _mm256_slli_epi16::<1>(bits),
					4 => bits,
					5 => _mm256_srli_epi16::<1>(bits),
					6 => _mm256_srli_epi16::<2>(bits),
					_ => _mm256_srli_epi16::<3>(bits),
				};
				_mm256_or_si256(nibbles, _mm256_and_si256(shifted, _mm256_set1_epi8(16)))
			}
		}

		#[inline(always)]
		fn with_two_bits(nibbles: __m256i, bits: __m256i, pair: usize) -> __m256i {
			unsafe {
				let shifted = match pair {
					0 => _mm256_slli_epi16::<4>(bits),
					1 => _mm256_slli_epi16::<2>(bits),
					2 => bits,
					_ => _mm256_srli_epi16::<2>(bits),
				};
				_mm256_or_si256(nibbles, _mm256_and_si256(shifted, _mm256_set1_epi8(48)))
			}
		}

		#[inline(always)]
		fn two_bits(bits: __m256i, pair: usize) -> __m256i {
			unsafe {
				let shifted = match pair {
					0 => bits,
					1 => _mm256_srli_epi16::<2>(bits),
					2 => _mm256_srli_epi16::<4>(bits),
					_ => _mm256_srli_epi16::<6>(bits),
				};
				_mm256_and_si256(shifted, _mm256_set1_epi8(3))
			}
		}

		#[inline(always)]
		fn with_third_bit(low: __m256i, bits: __m256i, bit: usize) -> __m256i {
			unsafe {
				let shifted = match bit {
					0 => _mm256_slli_epi16::<2>(bits),
					1 => _mm256_slli_epi16::<1>(bits),
					2 => bits,
					3 => _mm256_srli_epi16::<1>(bits),
					4 => _mm256_srli_epi16::<2>(bits),
					5 => _mm256_srli_epi16::<3>(bits),
					6 => _mm256_srli_epi16::<4>(bits),
					_ => _mm256_srli_epi16::<5>(bits),
				};
				_mm256_or_si256(low, _mm256_and_si256(shifted, _mm256_set1_epi8(4)))
			}
		}

		#[inline(always)]
		fn from_table(table: &[i8; 16], nibbles: __m256i) -> __m256i {
			unsafe {
				let table = _mm_loadu_si128(table.as_ptr().cast());
				_mm256_shuffle_epi8(_mm256_broadcastsi128_si256(table), nibbles)
			}
		}

		#[inline(always)]
		fn add(sums: __m256i, addend: i32) -> __m256i {
			unsafe { _mm256_add_epi32(sums, _mm256_set1_epi32(addend)) }
		}

		#[inline(always)]
		fn floats(sums: __m256i) -> __m256 {
			unsafe { _mm256_cvtepi32_ps(sums) }
		}

		#[inline(always)]
		fn splat(value: f32) -> __m256 {
			unsafe { _mm256_set1_ps(value) }
		}

		#[inline(always)]
		fn halves(values: &[u16; WIDTH], part: usize) -> __m256 {
			unsafe { _mm256_cvtph_ps(_mm_loadu_si128(values.as_chunks::<8>().0[part].as_ptr().cast())) }
		}

		#[inline(always)]
		fn upper_halves(values: &[u16; WIDTH], part: usize) -> __m256 {
			unsafe {
				let halves = _mm256_cvtepu16_epi32(_mm_loadu_si128(values.as_chunks::<8>().0[part].as_ptr().cast()));
				_mm256_castsi256_ps(_mm256_slli_epi32::<16>(halves))
			}
		}

		#[inline(always)]
		fn unsigned_floats(values: &[u8; WIDTH], part: usize) -> __m256 {
			unsafe {
				_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(
					values.as_chunks::<8>().0[part].as_ptr().cast(),
				)))
			}
		}

		#[inline(always)]
		fn signed_floats(values: &[u8; WIDTH], part: usize) -> __m256 {
			unsafe {
				_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(
					values.as_chunks::<8>().0[part].as_ptr().cast(),
				)))
			}
		}

		#[inline(always)]
		fn mul(x: __m256, y: __m256) -> __m256 {
			unsafe { _mm256_mul_ps(x, y) }
		}

		#[inline(always)]
		fn fma(x: __m256, y: __m256, z: __m256) -> __m256 {
			unsafe { _mm256_fmadd_ps(x, y, z) }
		}

		#[inline(always)]
		fn store(values: __m256, to: &mut [f32; WIDTH], part: usize) {
			unsafe { _mm256_storeu_ps(to.as_chunks_mut::<8>().0[part].as_mut_ptr(), values) }
		}
	};
}

// SAFETY: it uses what `run_avx2` enables, which alone names it.
unsafe impl Columns for Avx2 {
	const ROW_GROUPS: usize = 2;

	eight_columns!();

	#[inline(always)]
	fn signed(bytes: __m256i) -> __m256i {
		bytes
	}

	// 8 · 2 · 15 · 127 = 30,480 < 2¹⁵
	#[inline(always)]
	fn dot_4_bits(w: &[__m256i; 8], a: &InputBlock) -> __m256i {
		Self::widened::<0, 8>(w, a)
	}

	// 4 · 2 · 31 · 127 = 31,496 < 2¹⁵
	#[inline(always)]
	fn dot_5_bits(w: &[__m256i; 8], a: &InputBlock) -> __m256i {
		unsafe { _mm256_add_epi32(Self::widened::<0, 4>(w, a), Self::widened::<4, 8>(w, a)) }
	}

	// |w| as the unsigned factor may be 128, and a takes w's sign: 2 · 128 · 127 = 32,512 < 2¹⁵
	#[inline(always)]
	fn dot_signed(w: &[__m256i; 8], a: &InputBlock) -> __m256i {
		unsafe {
			let product = |group: usize| {
				let w = w[group];
				let magnitude = _mm256_abs_epi8(w);
				let high = _mm256_maddubs_epi16(magnitude, _mm256_sign_epi8(four_256(&a.high, group), w));
				widen([high, _mm256_maddubs_epi16(magnitude, _mm256_sign_epi8(four_256(&a.low, group), w))])
			};
			let mut sums = product(0);
			for group in 1..8 {
				sums = _mm256_add_epi32(sums, product(group));
			}
			sums
		}
	}

	// 2 · 2 · 63 · 127 = 32,004 < 2¹⁵
	#[inline(always)]
	fn dot_6_bits<const HALF: usize>(w: &[__m256i; 8], a: &InputBlock) -> __m256i {
		unsafe {
			match HALF {
				0 => _mm256_add_epi32(Self::widened::<0, 2>(w, a), Self::widened::<2, 4>(w, a)),
				_ => _mm256_add_epi32(Self::widened::<4, 6>(w, a), Self::widened::<6, 8>(w, a)),
			}
		}
	}
}

impl Avx2 {
	/// Σ w · a over some groups, whose pairs are added in 16 bits.
	#[inline(always)]
	fn widened<const FROM: usize, const TO: usize>(w: &[__m256i; 8], a: &InputBlock) -> __m256i {
		unsafe {
			let mut pairs = [_mm256_setzero_si256(); 2];
			for (group, w) in w.iter().enumerate().take(TO).skip(FROM) {
				pairs[0] = _mm256_add_epi16(pairs[0], _mm256_maddubs_epi16(*w, four_256(&a.high, group)));
				pairs[1] = _mm256_add_epi16(pairs[1], _mm256_maddubs_epi16(*w, four_256(&a.low, group)));
			}
			widen(pairs)
		}
	}
}

impl AvxVnni {
	/// `from + Σ w · a` over some groups of four terms
	#[inline(always)]
	fn dot<const FROM: usize, const TO: usize>(w: &[__m256i; 8], a: &InputBlock, from: i32) -> __m256i {
		unsafe {
			let (mut high, mut low) = (_mm256_setzero_si256(), _mm256_set1_epi32(from));
			for (group, w) in w.iter().enumerate().take(TO).skip(FROM) {
				high = _mm256_dpbusd_avx_epi32(high, *w, four_256(&a.high, group));
				low = _mm256_dpbusd_avx_epi32(low, *w, four_256(&a.low, group));
			}
			_mm256_add_epi32(_mm256_slli_epi32::<7>(high), low)
		}
	}
}

// SAFETY: it uses what `run_avx_vnni` enables, which alone names it.
unsafe impl Columns for AvxVnni {
	const ROW_GROUPS: usize = 2;

	eight_columns!();

	#[inline(always)]
	fn signed(bytes: __m256i) -> __m256i {
		unsafe { _mm256_xor_si256(bytes, _mm256_set1_epi8(-128)) }
	}

	#[inline(always)]
	fn dot_4_bits(w: &[__m256i; 8], a: &InputBlock) -> __m256i {
		Self::dot::<0, 8>(w, a, 0)
	}

	#[inline(always)]
	fn dot_5_bits(w: &[__m256i; 8], a: &InputBlock) -> __m256i {
		Self::dot::<0, 8>(w, a, 0)
	}

	#[inline(always)]
	fn dot_6_bits<const HALF: usize>(w: &[__m256i; 8], a: &InputBlock) -> __m256i {
		match HALF {
			0 => Self::dot::<0, 4>(w, a, 0),
			_ => Self::dot::<4, 8>(w, a, 0),
		}
	}

	// Σ (w + 128) · a − 128 · Σ a
	#[inline(always)]
	fn dot_signed(w: &[__m256i; 8], a: &InputBlock) -> __m256i {
		Self::dot::<0, 8>(w, a, -128 * a.sum)
	}
}

impl Avx512Vnni {
	/// `from + Σ w · a` over some groups of four terms
	#[inline(always)]
	fn dot<const FROM: usize, const TO: usize>(w: &[__m512i; 8], a: &InputBlock, from: i32) -> __m512i {
		unsafe {
			let (mut high, mut low) = (_mm512_setzero_si512(), _mm512_set1_epi32(from));
			for (group, w) in w.iter().enumerate().take(TO).skip(FROM) {
				high = _mm512_dpbusd_epi32(high, *w, four_512(&a.high, group));
				low = _mm512_dpbusd_epi32(low, *w, four_512(&a.low, group));
			}
			_mm512_add_epi32(_mm512_slli_epi32::<7>(high), low)
		}
	}
}

// SAFETY: it uses what `run_avx512_vnni` enables, which alone names it.
unsafe impl Columns for Avx512Vnni {
	const WIDTH: usize = WIDTH;
	const ROW_GROUPS: usize = 3;
	type Bytes = __m512i;
	type Sums = __m512i;
	type Floats = __m512;

	#[inline(always)]
	fn prefetch(line: &Line) {
		prefetch_behind(line);
	}

	#[inline(always)]
	fn bytes(line: &Line, _part: usize) -> __m512i {
		unsafe { _mm512_loadu_si512(line.0.as_ptr().cast()) }
	}

	#[inline(always)]
	fn low_nibbles(bytes: __m512i) -> __m512i {
		unsafe { _mm512_and_si512(bytes, _mm512_set1_epi8(15)) }
	}

	#[inline(always)]
	fn high_nibbles(bytes: __m512i) -> __m512i {
		unsafe { _mm512_and_si512(_mm512_srli_epi16::<4>(bytes), _mm512_set1_epi8(15)) }
	}

	#[inline(always)]
	fn with_fifth_bit(nibbles: __m512i, bits: __m512i, bit: usize) -> __m512i {
		unsafe {
			let shifted = match bit {
				0 => _mm512_slli_epi16::<4>(bits),
				1 => _mm512_slli_epi16::<3>(bits),
				2 => _mm512_slli_epi16::<2>(bits),
				3 => _mm512_slli_epi16::<1>(bits),
				4 => bits,
				5 => _mm512_srli_epi16::<1>(bits),
				6 => _mm512_srli_epi16::<2>(bits),
				_ => _mm512_srli_epi16::<3>(bits),
			};
			_mm512_or_si512(nibbles, _mm512_and_si512(shifted, _mm512_set1_epi8(16)))
		}
	}

	#[inline(always)]
	fn with_two_bits(nibbles: __m512i, bits: __m512i, pair: usize) -> __m512i {
		unsafe {
			let shifted = match pair {
				0 => _mm512_slli_epi16::<4>(bits),
				1 => _mm512_slli_epi16::<2>(bits),
				2 => bits,
				_ => _mm512_srli_epi16::<2>(bits),
			};
			_mm512_or_si512(nibbles, _mm512_and_si512(shifted, _mm512_set1_epi8(48)))
		}
	}

	#[inline(always)]
	fn two_bits(bits: __m512i, pair: usize) -> __m512i {
		unsafe {
			let shifted = match pair {
				0 => bits,
				1 => _mm512_srli_epi16::<2>(bits),
				2 => _mm512_srli_epi16::<4>(bits),
				_ => _mm512_srli_epi16::<6>(bits),
			};
			_mm512_and_si512(shifted, _mm512_set1_epi8(3))
		}
	}

	#[inline(always)]
	fn with_third_bit(low: __m512i, bits: __m512i, bit: usize) -> __m512i {
		unsafe {
			let shifted = match bit {
				0 => _mm512_slli_epi16::<2>(bits),
				1 => _mm512_slli_epi16::<1>(bits),
				2 => bits,
				3 => _mm512_srli_epi16::<1>(bits),
				4 => _mm512_srli_epi16::<2>(bits),
				5 => _mm512_srli_epi16::<3>(bits),
				6 => _mm512_srli_epi16::<4>(bits),
				_ => _mm512_srli_epi16::<5>(bits),
			};
			_mm512_or_si512(low, _mm512_and_si512(shifted, _mm512_set1_epi8(4)))
		}
	}

	#[inline(always)]
	fn from_table(table: &[i8; 16], nibbles: __m512i) -> __m512i {
		unsafe {
			let table = _mm_loadu_si128(table.as_ptr().cast());
			_mm512_shuffle_epi8(_mm512_broadcast_i32x4(table), nibbles)
		}
	}

	#[inline(always)]
	fn signed(bytes: __m512i) -> __m512i {
		unsafe { _mm512_xor_si512(bytes, _mm512_set1_epi8(-128)) }
	}

	#[inline(always)]
	fn dot_4_bits(w: &[__m512i; 8], a: &InputBlock) -> __m512i {
		Self::dot::<0, 8>(w, a, 0)
	}

	#[inline(always)]
	fn dot_5_bits(w: &[__m512i; 8], a: &InputBlock) -> __m512i {
		Self::dot::<0, 8>(w, a, 0)
	}

	#[inline(always)]
	fn dot_6_bits<const HALF: usize>(w: &[__m512i; 8], a: &InputBlock) -> __m512i {
		match HALF {
			0 => Self::dot::<0, 4>(w, a, 0),
			_ => Self::dot::<4, 8>(w, a, 0),
		}
	}

	// Σ (w + 128) · a − 128 · Σ a
	#[inline(always)]
	fn dot_signed(w: &[__m512i; 8], a: &InputBlock) -> __m512i {
		Self::dot::<0, 8>(w, a, -128 * a.sum)
	}

	#[inline(always)]
	fn add(sums: __m512i, addend: i32) -> __m512i {
		unsafe { _mm512_add_epi32(sums, _mm512_set1_epi32(addend)) }
	}

	#[inline(always)]
	fn floats(sums: __m512i) -> __m512 {
		unsafe { _mm512_cvtepi32_ps(sums) }
	}

	#[inline(always)]
	fn splat(value: f32) -> __m512 {
		unsafe { _mm512_set1_ps(value) }
	}

	#[inline(always)]
	fn halves(values: &[u16; WIDTH], _part: usize) -> __m512 {
		unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(values.as_ptr().cast())) }
	}

	#[inline(always)]
	fn upper_halves(values: &[u16; WIDTH], _part: usize) -> __m512 {
		unsafe {
			let halves = _mm512_cvtepu16_epi32(_mm256_loadu_si256(values.as_ptr().cast()));
			_mm512_castsi512_ps(_mm512_slli_epi32::<16>(halves))
		}
	}

	#[inline(always)]
	fn unsigned_floats(values: &[u8; WIDTH], _part: usize) -> __m512 {
		unsafe { _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(values.as_ptr().cast()))) }
	}

	#[inline(always)]
	fn signed_floats(values: &[u8; WIDTH], _part: usize) -> __m512 {
		unsafe { _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(values.as_ptr().cast()))) }
	}

	#[inline(always)]
	fn mul(x: __m512, y: __m512) -> __m512 {
		unsafe { _mm512_mul_ps(x, y) }
	}

	#[inline(always)]
	fn fma(x: __m512, y: __m512, z: __m512) -> __m512 {
		unsafe { _mm512_fmadd_ps(x, y, z) }
	}

	#[inline(always)]
	fn store(values: __m512, to: &mut [f32; WIDTH], _part: usize) {
		unsafe { _mm512_storeu_ps(to.as_mut_ptr(), values) }
	}
}
