//! The x86-64 tiers: AVX2 with FMA, and AVX-512.
//!
//! The operations are the IEEE ones of [`Scalar`](super::lanes::Scalar), sixteen lanes as two registers or one. No
//! approximate reciprocal, no flush to zero.

#![allow(unsafe_code)]

use super::cells::Bf16Lanes;
use super::half::HalfLanes;
use super::lanes::{Lanes, WIDTH};
use super::{Pass, Tier};
use std::arch::x86_64::*;

/// Runs a pass with AVX2, FMA and F16C.
///
/// # Safety
///
/// The CPU must have all three.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) unsafe fn run_avx2<P: Pass>(pass: P) -> P::Output {
	pass.run::<Avx2>()
}

/// Runs a pass with AVX-512F.
///
/// # Safety
///
/// The CPU must have AVX-512F, AVX2, FMA and F16C.
#[target_feature(enable = "avx512f,avx2,fma,f16c")]
pub(super) unsafe fn run_avx512<P: Pass>(pass: P) -> P::Output {
	pass.run::<Avx512>()
}

/// The control and status register of this thread's SSE unit.
pub(super) fn mxcsr() -> u32 {
	let mut value = 0_u32;
	// SAFETY: STMXCSR, which every x86-64 has, stores four bytes to the address it is given: those of `value`.
	unsafe { std::arch::asm!("stmxcsr [{}]", in(reg) &raw mut value, options(nostack, preserves_flags)) };
	value
}

/// Sets the control and status register of this thread's SSE unit.
#[cfg(test)]
pub(super) fn set_mxcsr(value: u32) {
	// SAFETY: LDMXCSR reads four bytes, those of `value`. The tests that call this do so in a thread of their own, do
	// no float arithmetic there, and mask all exceptions.
	unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) &raw const value, options(nostack, preserves_flags)) };
}

/// Sixteen lanes in two registers.
#[derive(Clone, Copy)]
pub(super) struct Avx2(__m256, __m256);

/// Sixteen lanes in one register.
#[derive(Clone, Copy)]
pub(super) struct Avx512(__m512);

// SAFETY, for every `unsafe` block of the two implementations: `Lanes` promises that its methods are called below
// `Kernels::run` only, which enters by `run_avx2` or `run_avx512`, whose callers have detected the instructions used
// here. Loads and stores are unaligned ones, of exactly the sixteen values of the array behind the reference.

impl Avx2 {
	#[inline(always)]
	fn zip(self, other: Self, operation: impl Fn(__m256, __m256) -> __m256) -> Self {
		Self(operation(self.0, other.0), operation(self.1, other.1))
	}
}

// SAFETY: it uses what `run_avx2` enables, which alone names it.
unsafe impl Lanes for Avx2 {
	const TIER: Tier = Tier::Avx2;

	#[inline(always)]
	fn splat(value: f32) -> Self {
		let register = unsafe { _mm256_set1_ps(value) };
		Self(register, register)
	}

	#[inline(always)]
	fn load(values: &[f32; WIDTH]) -> Self {
		let from = values.as_ptr();
		unsafe { Self(_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))) }
	}

	#[inline(always)]
	fn load_halves(halves: &HalfLanes) -> Self {
		let from = halves.0.as_ptr().cast::<__m128i>();
		unsafe { Self(_mm256_cvtph_ps(_mm_loadu_si128(from)), _mm256_cvtph_ps(_mm_loadu_si128(from.add(1)))) }
	}

	#[inline(always)]
	fn load_bf16(values: &Bf16Lanes) -> Self {
		let from = values.0.as_ptr().cast::<__m128i>();
		let widened = |bits| unsafe { _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(bits))) };
		unsafe { Self(widened(_mm_loadu_si128(from)), widened(_mm_loadu_si128(from.add(1)))) }
	}

	#[inline(always)]
	fn prefetch<T>(value: &T) {
		unsafe { _mm_prefetch::<_MM_HINT_T1>(std::ptr::from_ref(value).cast()) }
	}

	#[inline(always)]
	fn store(self, to: &mut [f32; WIDTH]) {
		let to = to.as_mut_ptr();
		unsafe {
			_mm256_storeu_ps(to, self.0);
			_mm256_storeu_ps(to.add(8), self.1);
		}
	}

	#[inline(always)]
	fn add(self, other: Self) -> Self {
		self.zip(other, |a, b| unsafe { _mm256_add_ps(a, b) })
	}

	#[inline(always)]
	fn sub(self, other: Self) -> Self {
		self.zip(other, |a, b| unsafe { _mm256_sub_ps(a, b) })
	}

	#[inline(always)]
	fn mul(self, other: Self) -> Self {
		self.zip(other, |a, b| unsafe { _mm256_mul_ps(a, b) })
	}

	#[inline(always)]
	fn div(self, other: Self) -> Self {
		self.zip(other, |a, b| unsafe { _mm256_div_ps(a, b) })
	}

	#[inline(always)]
	fn fma(self, factor: Self, addend: Self) -> Self {
		unsafe { Self(_mm256_fmadd_ps(self.0, factor.0, addend.0), _mm256_fmadd_ps(self.1, factor.1, addend.1)) }
	}

	#[inline(always)]
	fn max(self, other: Self) -> Self {
		self.zip(other, |a, b| unsafe { _mm256_max_ps(a, b) })
	}

	#[inline(always)]
	fn min(self, other: Self) -> Self {
		self.zip(other, |a, b| unsafe { _mm256_min_ps(a, b) })
	}

	#[inline(always)]
	fn if_greater(self, other: Self, yes: Self, no: Self) -> Self {
		unsafe {
			Self(
				_mm256_blendv_ps(no.0, yes.0, _mm256_cmp_ps::<_CMP_GT_OQ>(self.0, other.0)),
				_mm256_blendv_ps(no.1, yes.1, _mm256_cmp_ps::<_CMP_GT_OQ>(self.1, other.1)),
			)
		}
	}

	#[inline(always)]
	fn abs(self) -> Self {
		let sign = Self::splat(-0.0);
		sign.zip(self, |sign, value| unsafe { _mm256_andnot_ps(sign, value) })
	}

	#[inline(always)]
	fn copy_sign(self, sign: Self) -> Self {
		let bit = Self::splat(-0.0);
		let sign = bit.zip(sign, |bit, value| unsafe { _mm256_and_ps(bit, value) });
		self.abs().zip(sign, |value, sign| unsafe { _mm256_or_ps(value, sign) })
	}

	#[inline(always)]
	fn power_of_two(self) -> Self {
		let power = |register| unsafe {
			let shifted = _mm256_slli_epi32::<23>(_mm256_castps_si256(register));
			_mm256_castsi256_ps(_mm256_add_epi32(shifted, _mm256_set1_epi32(127 << 23)))
		};
		Self(power(self.0), power(self.1))
	}
}

impl Avx512 {
	#[inline(always)]
	fn zip_bits(self, other: Self, operation: impl Fn(__m512i, __m512i) -> __m512i) -> Self {
		unsafe { Self(_mm512_castsi512_ps(operation(_mm512_castps_si512(self.0), _mm512_castps_si512(other.0)))) }
	}
}

// SAFETY: it uses what `run_avx512` enables, which alone names it.
unsafe impl Lanes for Avx512 {
	const TIER: Tier = Tier::Avx512;

	#[inline(always)]
	fn splat(value: f32) -> Self {
		unsafe { Self(_mm512_set1_ps(value)) }
	}

	#[inline(always)]
	fn load(values: &[f32; WIDTH]) -> Self {
		unsafe { Self(_mm512_loadu_ps(values.as_ptr())) }
	}

	#[inline(always)]
	fn load_halves(halves: &HalfLanes) -> Self {
		unsafe { Self(_mm512_cvtph_ps(_mm256_loadu_si256(halves.0.as_ptr().cast()))) }
	}

	#[inline(always)]
	fn load_bf16(values: &Bf16Lanes) -> Self {
		unsafe {
			let bits = _mm512_cvtepu16_epi32(_mm256_loadu_si256(values.0.as_ptr().cast()));
			Self(_mm512_castsi512_ps(_mm512_slli_epi32::<16>(bits)))
		}
	}

	#[inline(always)]
	fn prefetch<T>(value: &T) {
		unsafe { _mm_prefetch::<_MM_HINT_T1>(std::ptr::from_ref(value).cast()) }
	}

	#[inline(always)]
	fn store(self, to: &mut [f32; WIDTH]) {
		unsafe { _mm512_storeu_ps(to.as_mut_ptr(), self.0) }
	}

	#[inline(always)]
	fn add(self, other: Self) -> Self {
		unsafe { Self(_mm512_add_ps(self.0, other.0)) }
	}

	#[inline(always)]
	fn sub(self, other: Self) -> Self {
		unsafe { Self(_mm512_sub_ps(self.0, other.0)) }
	}

	#[inline(always)]
	fn mul(self, other: Self) -> Self {
		unsafe { Self(_mm512_mul_ps(self.0, other.0)) }
	}

	#[inline(always)]
	fn div(self, other: Self) -> Self {
		unsafe { Self(_mm512_div_ps(self.0, other.0)) }
	}

	#[inline(always)]
	fn fma(self, factor: Self, addend: Self) -> Self {
		unsafe { Self(_mm512_fmadd_ps(self.0, factor.0, addend.0)) }
	}

	#[inline(always)]
	fn max(self, other: Self) -> Self {
		unsafe { Self(_mm512_max_ps(self.0, other.0)) }
	}

	#[inline(always)]
	fn min(self, other: Self) -> Self {
		unsafe { Self(_mm512_min_ps(self.0, other.0)) }
	}

	#[inline(always)]
	fn if_greater(self, other: Self, yes: Self, no: Self) -> Self {
		unsafe { Self(_mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(self.0, other.0), no.0, yes.0)) }
	}

	#[inline(always)]
	fn abs(self) -> Self {
		Self::splat(-0.0).zip_bits(self, |sign, value| unsafe { _mm512_andnot_si512(sign, value) })
	}

	#[inline(always)]
	fn copy_sign(self, sign: Self) -> Self {
		let sign = Self::splat(-0.0).zip_bits(sign, |bit, value| unsafe { _mm512_and_si512(bit, value) });
		self.abs().zip_bits(sign, |value, sign| unsafe { _mm512_or_si512(value, sign) })
	}

	#[inline(always)]
	fn power_of_two(self) -> Self {
		unsafe {
			let shifted = _mm512_slli_epi32::<23>(_mm512_castps_si512(self.0));
			Self(_mm512_castsi512_ps(_mm512_add_epi32(shifted, _mm512_set1_epi32(127 << 23))))
		}
	}
}
