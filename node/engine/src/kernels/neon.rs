//! The AArch64 tier: NEON, sixteen lanes as four registers.
//!
//! Every AArch64 CPU with an operating system has it, so that nothing needs to be detected. The operations are the IEEE
//! ones of [`Scalar`](super::lanes::Scalar); no estimates, no flush to zero.

#![allow(unsafe_code)]

use super::cells::Bf16Lanes;
use super::half::HalfLanes;
use super::lanes::{Lanes, WIDTH};
use super::Tier;
use std::arch::aarch64::*;

/// The control register of this thread's floating-point unit.
pub(super) fn fpcr() -> u64 {
	let value;
	// SAFETY: MRS reads a register that programs may read.
	unsafe { std::arch::asm!("mrs {}, fpcr", out(reg) value, options(nomem, nostack, preserves_flags)) };
	value
}

/// Sets the control register of this thread's floating-point unit.
#[cfg(test)]
pub(super) fn set_fpcr(value: u64) {
	// SAFETY: the tests that call this do so in a thread of their own, do no float arithmetic there, and enable no traps.
	unsafe { std::arch::asm!("msr fpcr, {}", in(reg) value, options(nomem, nostack, preserves_flags)) };
}

/// Sixteen lanes in four registers.
#[derive(Clone, Copy)]
pub(super) struct Neon([float32x4_t; 4]);

// SAFETY, for every `unsafe` block below: the target has NEON. Loads and stores are of exactly the four values of the
// chunk behind the reference.

/// The floats of four half-precision ones. The intrinsic of this instruction has a type that is not stable.
#[inline(always)]
fn widened(halves: uint16x4_t) -> float32x4_t {
	let floats;
	unsafe {
		std::arch::asm!(
			"fcvtl {floats:v}.4s, {halves:v}.4h",
			floats = lateout(vreg) floats,
			halves = in(vreg) halves,
			options(pure, nomem, nostack, preserves_flags)
		);
	}
	floats
}

impl Neon {
	#[inline(always)]
	fn zip(self, other: Self, operation: impl Fn(float32x4_t, float32x4_t) -> float32x4_t) -> Self {
		let mut lanes = self.0;
		for (lanes, other) in lanes.iter_mut().zip(other.0) {
			*lanes = operation(*lanes, other);
		}
		Self(lanes)
	}
}

// SAFETY: every CPU of the target has NEON.
unsafe impl Lanes for Neon {
	const TIER: Tier = Tier::Neon;

	#[inline(always)]
	fn splat(value: f32) -> Self {
		Self([unsafe { vdupq_n_f32(value) }; 4])
	}

	#[inline(always)]
	fn load(values: &[f32; WIDTH]) -> Self {
		let mut lanes = Self::splat(0.0);
		for (lanes, values) in lanes.0.iter_mut().zip(values.as_chunks::<4>().0) {
			*lanes = unsafe { vld1q_f32(values.as_ptr()) };
		}
		lanes
	}

	#[inline(always)]
	fn load_halves(halves: &HalfLanes) -> Self {
		let mut lanes = Self::splat(0.0);
		for (lanes, halves) in lanes.0.iter_mut().zip(halves.0.as_chunks::<4>().0) {
			*lanes = unsafe { widened(vld1_u16(halves.as_ptr())) };
		}
		lanes
	}

	#[inline(always)]
	fn load_bf16(values: &Bf16Lanes) -> Self {
		let mut lanes = Self::splat(0.0);
		for (lanes, values) in lanes.0.iter_mut().zip(values.0.as_chunks::<4>().0) {
			*lanes = unsafe { vreinterpretq_f32_u32(vshlq_n_u32::<16>(vmovl_u16(vld1_u16(values.as_ptr())))) };
		}
		lanes
	}

	#[inline(always)]
	fn store(self, to: &mut [f32; WIDTH]) {
		for (lanes, to) in self.0.iter().zip(to.as_chunks_mut::<4>().0) {
			unsafe { vst1q_f32(to.as_mut_ptr(), *lanes) };
		}
	}

	#[inline(always)]
	fn add(self, other: Self) -> Self {
		self.zip(other, |a, b| unsafe { vaddq_f32(a, b) })
	}

	#[inline(always)]
	fn sub(self, other: Self) -> Self {
		self.zip(other, |a, b| unsafe { vsubq_f32(a, b) })
	}

	#[inline(always)]
	fn mul(self, other: Self) -> Self {
		self.zip(other, |a, b| unsafe { vmulq_f32(a, b) })
	}

	#[inline(always)]
	fn div(self, other: Self) -> Self {
		self.zip(other, |a, b| unsafe { vdivq_f32(a, b) })
	}

	#[inline(always)]
	fn fma(self, factor: Self, addend: Self) -> Self {
		let mut lanes = addend.0;
		for (lanes, (x, y)) in lanes.iter_mut().zip(self.0.iter().zip(factor.0)) {
			*lanes = unsafe { vfmaq_f32(*lanes, *x, y) };
		}
		Self(lanes)
	}

	// FMAX and FMIN have rules of their own for NaN and zeros.
	#[inline(always)]
	fn max(self, other: Self) -> Self {
		self.zip(other, |a, b| unsafe { vbslq_f32(vcgtq_f32(a, b), a, b) })
	}

	#[inline(always)]
	fn min(self, other: Self) -> Self {
		self.zip(other, |a, b| unsafe { vbslq_f32(vcltq_f32(a, b), a, b) })
	}

	#[inline(always)]
	fn if_greater(self, other: Self, yes: Self, no: Self) -> Self {
		let mut lanes = no.0;
		for (lanes, ((a, b), yes)) in lanes.iter_mut().zip(self.0.iter().zip(other.0).zip(yes.0)) {
			*lanes = unsafe { vbslq_f32(vcgtq_f32(*a, b), yes, *lanes) };
		}
		Self(lanes)
	}

	#[inline(always)]
	fn abs(self) -> Self {
		self.zip(self, |lanes, _| unsafe { vabsq_f32(lanes) })
	}

	#[inline(always)]
	fn copy_sign(self, sign: Self) -> Self {
		self.zip(sign, |lanes, sign| unsafe { vbslq_f32(vdupq_n_u32(1 << 31), sign, lanes) })
	}

	#[inline(always)]
	fn power_of_two(self) -> Self {
		self.zip(self, |lanes, _| unsafe {
			let shifted = vshlq_n_u32::<23>(vreinterpretq_u32_f32(lanes));
			vreinterpretq_f32_u32(vaddq_u32(shifted, vdupq_n_u32(127 << 23)))
		})
	}
}
