//! Weights as floats of 32 or 16 bits, sixteen at a time: the rows of a panel.
//!
//! Those of 16 bits are widened where they are read, which is exact. A product waits for memory more than for that.

use super::all_finite;
use super::half::HalfLanes;
use super::lanes::{Lanes, WIDTH};
use super::memory::Plain;
use super::quant::columns::half_to_f32;

/// The bits of sixteen bfloat16, which are the upper halves of those of 32-bit floats, in half a line of the cache.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(32))]
pub(crate) struct Bf16Lanes(pub [u16; WIDTH]);

impl Bf16Lanes {
	/// The values as 32-bit floats.
	#[inline(always)]
	pub fn widened(&self) -> [f32; WIDTH] {
		self.0.map(|bits| f32::from_bits(u32::from(bits) << 16))
	}
}

/// Sixteen weights.
pub(crate) trait Cell: Plain {
	/// How many bytes of a file a weight has.
	const BYTES: usize;

	/// The values, exactly.
	fn load<L: Lanes>(&self) -> L;
	/// The values, exactly, without a CPU's instructions.
	fn values(&self) -> [f32; WIDTH];
	/// Sets a weight to one that has its bytes in a file at the beginning of these.
	fn set(&mut self, lane: usize, bytes: &[u8]);
	/// Whether no weight is NaN or infinite.
	fn is_finite(&self) -> bool;
}

impl Cell for [f32; WIDTH] {
	const BYTES: usize = 4;

	#[inline(always)]
	fn load<L: Lanes>(&self) -> L {
		L::load(self)
	}

	fn values(&self) -> [f32; WIDTH] {
		*self
	}

	#[inline(always)]
	fn set(&mut self, lane: usize, bytes: &[u8]) {
		self[lane] = f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
	}

	fn is_finite(&self) -> bool {
		all_finite(self)
	}
}

impl Cell for HalfLanes {
	const BYTES: usize = 2;

	#[inline(always)]
	fn load<L: Lanes>(&self) -> L {
		L::load_halves(self)
	}

	fn values(&self) -> [f32; WIDTH] {
		self.0.map(half_to_f32)
	}

	#[inline(always)]
	fn set(&mut self, lane: usize, bytes: &[u8]) {
		self.0[lane] = u16::from_le_bytes([bytes[0], bytes[1]]);
	}

	fn is_finite(&self) -> bool {
		has_no_full_exponent(&self.0, 0x7c00)
	}
}

impl Cell for Bf16Lanes {
	const BYTES: usize = 2;

	#[inline(always)]
	fn load<L: Lanes>(&self) -> L {
		L::load_bf16(self)
	}

	fn values(&self) -> [f32; WIDTH] {
		self.widened()
	}

	#[inline(always)]
	fn set(&mut self, lane: usize, bytes: &[u8]) {
		self.0[lane] = u16::from_le_bytes([bytes[0], bytes[1]]);
	}

	fn is_finite(&self) -> bool {
		has_no_full_exponent(&self.0, 0x7f80)
	}
}

fn has_no_full_exponent(bits: &[u16; WIDTH], exponent: u16) -> bool {
	bits.iter().fold(true, |finite, bits| finite & (bits & exponent != exponent))
}
