//! The quantised kernels' operations on AArch64: NEON, and NEON with the dot product of ARMv8.2.
//!
//! Both take signed bytes on both sides; weights without sign have at most six bits.

#![allow(unsafe_code)]

use super::super::lanes::WIDTH;
use super::super::ColumnsPass;
use super::columns::Columns;
use super::input::InputBlock;
use super::Line;
use std::arch::aarch64::*;
use std::marker::PhantomData;

/// How four products are added.
pub(crate) trait Dot {
	/// `sums + Σ w · a` over the four bytes of each column.
	///
	/// May only be called below [`Kernels::run_columns`](super::super::Kernels::run_columns).
	fn dot(sums: int32x4_t, w: int8x16_t, a: int8x16_t) -> int32x4_t;
}

/// With the multiplications that every AArch64 CPU has.
pub(crate) struct Multiplied;

/// With the instruction SDOT.
pub(crate) struct Dotted;

/// Four columns in a register.
pub(crate) struct Neon<D>(PhantomData<D>);

/// Runs a pass with the dot product of ARMv8.2.
///
/// # Safety
///
/// The CPU must have it.
#[target_feature(enable = "dotprod")]
pub(crate) unsafe fn run_neon_dot<P: ColumnsPass>(pass: P) {
	pass.run::<Neon<Dotted>>();
}

// SAFETY, for every `unsafe` block below: the target has NEON, and `Dotted` is used below `run_neon_dot` only. Loads and
// stores are of exactly the bytes of the chunk behind the reference.

impl Dot for Multiplied {
	// Two products have at most 2 · 128 · 127 = 32,512 < 2¹⁵.
	#[inline(always)]
	fn dot(sums: int32x4_t, w: int8x16_t, a: int8x16_t) -> int32x4_t {
		unsafe {
			let lower = vmull_s8(vget_low_s8(w), vget_low_s8(a));
			vpadalq_s16(sums, vpaddq_s16(lower, vmull_high_s8(w, a)))
		}
	}
}

impl Dot for Dotted {
	// The intrinsic is not stable in Rust.
	#[inline(always)]
	fn dot(mut sums: int32x4_t, w: int8x16_t, a: int8x16_t) -> int32x4_t {
		unsafe {
			std::arch::asm!(
				"sdot {sums:v}.4s, {w:v}.16b, {a:v}.16b",
				sums = inout(vreg) sums,
				w = in(vreg) w,
				a = in(vreg) a,
				options(pure, nomem, nostack, preserves_flags)
			);
		}
		sums
	}
}

impl<D: Dot> Neon<D> {
	/// Σ w · a over some groups of four terms.
	#[inline(always)]
	fn sums<const FROM: usize, const TO: usize>(w: &[uint8x16_t; 8], a: &InputBlock) -> int32x4_t {
		unsafe {
			let (mut high, mut low) = (vdupq_n_s32(0), vdupq_n_s32(0));
			for (group, w) in w.iter().enumerate().take(TO).skip(FROM) {
				let w = vreinterpretq_s8_u8(*w);
				high = D::dot(high, w, four(&a.high, group));
				low = D::dot(low, w, four(&a.low, group));
			}
			vaddq_s32(vshlq_n_s32::<7>(high), low)
		}
	}
}

/// The group's four `a`s in every column.
#[inline(always)]
fn four(a: &[i8], group: usize) -> int8x16_t {
	let four = i32::from_le_bytes(std::array::from_fn(|at| a[4 * group + at].cast_unsigned()));
	unsafe { vreinterpretq_s8_s32(vdupq_n_s32(four)) }
}

/// Four bytes of an array, in the lower half of the register.
#[inline(always)]
fn four_bytes(values: &[u8; WIDTH], part: usize) -> uint8x8_t {
	unsafe { vcreate_u8(u64::from(u32::from_le_bytes(values.as_chunks::<4>().0[part]))) }
}

// SAFETY: every CPU of the target has NEON, and `Dotted` is named by `run_neon_dot` alone.
unsafe impl<D: Dot> Columns for Neon<D> {
	const WIDTH: usize = 4;
	const ROW_GROUPS: usize = 2;
	type Bytes = uint8x16_t;
	type Sums = int32x4_t;
	type Floats = float32x4_t;

	#[inline(always)]
	fn bytes(line: &Line, part: usize) -> uint8x16_t {
		unsafe { vld1q_u8(line.0.as_chunks::<16>().0[part].as_ptr()) }
	}

	#[inline(always)]
	fn low_nibbles(bytes: uint8x16_t) -> uint8x16_t {
		unsafe { vandq_u8(bytes, vdupq_n_u8(15)) }
	}

	#[inline(always)]
	fn high_nibbles(bytes: uint8x16_t) -> uint8x16_t {
		unsafe { vshrq_n_u8::<4>(bytes) }
	}

	#[inline(always)]
	fn with_fifth_bit(nibbles: uint8x16_t, bits: uint8x16_t, bit: usize) -> uint8x16_t {
		unsafe {
			let is_set = vtstq_u8(bits, vdupq_n_u8(1 << bit));
			vorrq_u8(nibbles, vandq_u8(is_set, vdupq_n_u8(16)))
		}
	}

	#[inline(always)]
	fn with_two_bits(nibbles: uint8x16_t, bits: uint8x16_t, pair: usize) -> uint8x16_t {
		unsafe {
			let shifted = vshlq_u8(bits, vdupq_n_s8(4 - 2 * pair as i8));
			vorrq_u8(nibbles, vandq_u8(shifted, vdupq_n_u8(48)))
		}
	}

	#[inline(always)]
	fn two_bits(bits: uint8x16_t, pair: usize) -> uint8x16_t {
		unsafe { vandq_u8(vshlq_u8(bits, vdupq_n_s8(-2 * pair as i8)), vdupq_n_u8(3)) }
	}

	#[inline(always)]
	fn with_third_bit(low: uint8x16_t, bits: uint8x16_t, bit: usize) -> uint8x16_t {
		unsafe {
			let is_set = vtstq_u8(bits, vdupq_n_u8(1 << bit));
			vorrq_u8(low, vandq_u8(is_set, vdupq_n_u8(4)))
		}
	}

	#[inline(always)]
	fn from_table(table: &[i8; 16], nibbles: uint8x16_t) -> uint8x16_t {
		unsafe { vqtbl1q_u8(vreinterpretq_u8_s8(vld1q_s8(table.as_ptr())), nibbles) }
	}

	#[inline(always)]
	fn signed(bytes: uint8x16_t) -> uint8x16_t {
		bytes
	}

	#[inline(always)]
	fn dot_4_bits(w: &[uint8x16_t; 8], a: &InputBlock) -> int32x4_t {
		Self::sums::<0, 8>(w, a)
	}

	#[inline(always)]
	fn dot_5_bits(w: &[uint8x16_t; 8], a: &InputBlock) -> int32x4_t {
		Self::sums::<0, 8>(w, a)
	}

	#[inline(always)]
	fn dot_6_bits<const HALF: usize>(w: &[uint8x16_t; 8], a: &InputBlock) -> int32x4_t {
		match HALF {
			0 => Self::sums::<0, 4>(w, a),
			_ => Self::sums::<4, 8>(w, a),
		}
	}

	#[inline(always)]
	fn dot_signed(w: &[uint8x16_t; 8], a: &InputBlock) -> int32x4_t {
		Self::sums::<0, 8>(w, a)
	}

	#[inline(always)]
	fn add(sums: int32x4_t, addend: i32) -> int32x4_t {
		unsafe { vaddq_s32(sums, vdupq_n_s32(addend)) }
	}

	#[inline(always)]
	fn floats(sums: int32x4_t) -> float32x4_t {
		unsafe { vcvtq_f32_s32(sums) }
	}

	#[inline(always)]
	fn splat(value: f32) -> float32x4_t {
		unsafe { vdupq_n_f32(value) }
	}

	// A half's bits, read as those of an f32 behind its sign, are 2¹¹² times too small, denormals too. None is infinite.
	#[inline(always)]
	fn halves(values: &[u16; WIDTH], part: usize) -> float32x4_t {
		unsafe {
			let bits = vmovl_u16(vld1_u16(values.as_chunks::<4>().0[part].as_ptr()));
			let small = vreinterpretq_f32_u32(vshlq_n_u32::<13>(vandq_u32(bits, vdupq_n_u32(0x7fff))));
			let magnitude = vmulq_f32(small, vdupq_n_f32(f32::from_bits((127 + 112) << 23)));
			let sign = vshlq_n_u32::<16>(bits);
			vbslq_f32(vdupq_n_u32(1 << 31), vreinterpretq_f32_u32(sign), magnitude)
		}
	}

	#[inline(always)]
	fn upper_halves(values: &[u16; WIDTH], part: usize) -> float32x4_t {
		unsafe {
			let halves = vmovl_u16(vld1_u16(values.as_chunks::<4>().0[part].as_ptr()));
			vreinterpretq_f32_u32(vshlq_n_u32::<16>(halves))
		}
	}

	#[inline(always)]
	fn unsigned_floats(values: &[u8; WIDTH], part: usize) -> float32x4_t {
		unsafe { vcvtq_f32_u32(vmovl_u16(vget_low_u16(vmovl_u8(four_bytes(values, part))))) }
	}

	#[inline(always)]
	fn signed_floats(values: &[u8; WIDTH], part: usize) -> float32x4_t {
		unsafe {
			let bytes = vreinterpret_s8_u8(four_bytes(values, part));
			vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(bytes))))
		}
	}

	#[inline(always)]
	fn mul(x: float32x4_t, y: float32x4_t) -> float32x4_t {
		unsafe { vmulq_f32(x, y) }
	}

	#[inline(always)]
	fn fma(x: float32x4_t, y: float32x4_t, z: float32x4_t) -> float32x4_t {
		unsafe { vfmaq_f32(z, x, y) }
	}

	#[inline(always)]
	fn store(values: float32x4_t, to: &mut [f32; WIDTH], part: usize) {
		unsafe { vst1q_f32(to.as_chunks_mut::<4>().0[part].as_mut_ptr(), values) }
	}
}
