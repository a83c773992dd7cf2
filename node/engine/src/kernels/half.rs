//! Half-precision floats, sixteen at a time: what keys and values are kept as.

use super::lanes::WIDTH;

/// The bits of sixteen half-precision floats (IEEE 754 binary16), in half a line of the cache.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(32))]
pub(crate) struct HalfLanes(pub [u16; WIDTH]);

impl HalfLanes {
	/// Zeros.
	pub const ZERO: Self = Self([0; WIDTH]);

	/// The nearest half-precision floats.
	#[inline(always)]
	pub fn nearest(values: &[f32; WIDTH]) -> Self {
		Self(values.map(nearest))
	}
}

/// The bits of the half-precision float nearest to an f32, of two equally near ones the even one. From 65520 on that is
/// infinity, and NaN stays NaN. Both branches are computed, so that the compiler takes many values at once.
#[inline(always)]
fn nearest(value: f32) -> u16 {
	/// 2⁻¹⁴, the least normal one, and 2¹⁶, as bits of an f32.
	const LEAST_NORMAL: u32 = (127 - 14) << 23;
	const TOO_LARGE: u32 = (127 + 16) << 23;
	const INFINITY: u32 = 0x7c00;
	const NAN: u32 = 0x7e00;
	let bits = value.to_bits();
	let magnitude = bits & 0x7fff_ffff;
	// Another bias, and the 13 lower bits rounded away; a carry goes into the exponent, from the largest one to infinity.
	let rounded = magnitude.wrapping_sub((127 - 15) << 23).wrapping_add(0xfff).wrapping_add(magnitude >> 13 & 1) >> 13;
	// Added to ½, whose last place is 2⁻²⁴, the value is rounded to a multiple of that, which stands in the low bits.
	let denormal = (f32::from_bits(magnitude) + 0.5).to_bits().wrapping_sub(0.5_f32.to_bits());
	let finite = if magnitude < LEAST_NORMAL { denormal } else { rounded };
	let special = if magnitude > f32::INFINITY.to_bits() { NAN } else { INFINITY };
	let half = if magnitude < TOO_LARGE { finite } else { special };
	(half | bits >> 16 & 0x8000) as u16
}

#[cfg(test)]
mod tests {
	use super::super::quant::columns::half_to_f32;
	use super::*;

	#[test]
	fn every_half_should_be_the_nearest_to_itself_and_to_what_lies_around_it() {
		for half in 0..0x7c00_u16 {
			let (value, next) = (half_to_f32(half), if half == 0x7bff { 65536.0 } else { half_to_f32(half + 1) });
			// Exact: both have eleven bits.
			let middle = (value + next) / 2.0;
			let (below, above) = (f32::from_bits(middle.to_bits() - 1), f32::from_bits(middle.to_bits() + 1));
			let even = if half & 1 == 0 { half } else { half + 1 };
			for (sign, bit) in [(1.0, 0), (-1.0, 0x8000)] {
				assert_eq!(nearest(sign * value), half | bit);
				assert_eq!(nearest(sign * below), half | bit, "below the middle of {value} and {next}");
				assert_eq!(nearest(sign * middle), even | bit, "the middle of {value} and {next}");
				assert_eq!(nearest(sign * above), (half + 1) | bit, "above the middle of {value} and {next}");
			}
		}
		for large in [65520.0, 65536.0, 1e9, f32::MAX, f32::INFINITY] {
			assert_eq!([nearest(large), nearest(-large)], [0x7c00, 0xfc00]);
		}
		assert!(half_to_f32(nearest(f32::NAN)).is_nan());
		assert_eq!([nearest(f32::MIN_POSITIVE), nearest(-f32::from_bits(1))], [0, 0x8000]);
	}
}
