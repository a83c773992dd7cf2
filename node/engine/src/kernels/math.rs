//! The transcendental functions of the semantics: range reduction, a polynomial with fma, coefficients frozen as bits.
//!
//! The coefficients are minimax fits (Lawson-weighted least squares in f64) rounded to f32. They are part of the
//! semantics: a better fit is another function. Errors against f64 are bounded by a test; between tiers there are none.

use super::lanes::{Lanes, MAGIC};

/// Inputs of [`exp`] are clamped to these: no result is infinite, and none is denormal.
pub(crate) const EXP_RANGE: [f32; 2] = [-87.0, 88.0];

const LOG2_E: u32 = 0x3fb8_aa3b;
const LN_2_HIGH: u32 = 0x3f31_7218;
const LN_2_LOW: u32 = 0xb102_e308;
/// (eʳ − 1 − r) / r² for |r| ≤ ln 2 / 2.
const EXP: [u32; 5] = [0x3eff_fffe, 0x3e2a_aa48, 0x3d2a_ac7e, 0x3c09_1dcb, 0x3ab5_10b0];

/// −2 · √(2/π), and that times 0.044715.
const TANH_GELU: [u32; 2] = [0xbfcc_422a, 0xbd92_2279];

const ONE_OVER_ROOT_2: u32 = 0x3f35_04f3;
/// Where erf changes from one polynomial to the other.
const ERF_SPLIT: f32 = 0.9375;
/// From here on erf is 1 in f32.
const ERF_LIMIT: f32 = 4.0;
/// erf(x) / x − 1 in x².
const ERF_SMALL: [u32; 6] = [0x3e03_75d3, 0xbec0_936a, 0x3de7_0bd3, 0xbcdb_3192, 0x3ba3_27f8, 0xba1b_2c87];
/// ln(1 − erf(x)) / x in x.
const ERF_LARGE: [u32; 8] =
	[0xbf90_7483, 0xbf22_b725, 0xbdd7_a66b, 0x3cba_0c81, 0xbb41_849a, 0x3872_48b7, 0x3838_7987, 0xb6a1_4f4f];

/// Where tanh changes from its polynomial to the exponential.
const TANH_SPLIT: f32 = 0.625;
/// From here on tanh is 1 in f32.
const TANH_LIMIT: f32 = 10.0;
/// (tanh(x) / x − 1) / x² in x².
const TANH: [u32; 5] = [0xbeaa_aa99, 0x3e08_8393, 0xbd5c_1e2c, 0x3ca9_1349, 0xbbba_f0d4];

#[inline(always)]
fn bits<L: Lanes>(bits: u32) -> L {
	L::splat(f32::from_bits(bits))
}

/// Horner's scheme, the highest coefficient first.
#[inline(always)]
fn polynomial<L: Lanes, const N: usize>(x: L, coefficients: [u32; N]) -> L {
	let mut value = bits::<L>(coefficients[N - 1]);
	for coefficient in coefficients.iter().rev().skip(1) {
		value = value.fma(x, bits(*coefficient));
	}
	value
}

/// eˣ, of x clamped to [`EXP_RANGE`].
#[inline(always)]
pub(crate) fn exp<L: Lanes>(x: L) -> L {
	let x = x.max(L::splat(EXP_RANGE[0])).min(L::splat(EXP_RANGE[1]));
	let shifted = x.fma(bits(LOG2_E), L::splat(MAGIC));
	let n = L::splat(MAGIC).sub(shifted); // minus the multiple of ln 2
	let r = n.fma(bits(LN_2_HIGH), x);
	let r = n.fma(bits(LN_2_LOW), r);
	let tail = r.mul(r).fma(polynomial(r, EXP), r);
	tail.add(L::splat(1.0)).mul(shifted.power_of_two())
}

/// x / (1 + e⁻ˣ).
#[inline(always)]
pub(crate) fn silu<L: Lanes>(x: L) -> L {
	x.div(L::splat(1.0).add(exp(L::splat(0.0).sub(x))))
}

/// The error function.
#[inline(always)]
pub(crate) fn erf<L: Lanes>(x: L) -> L {
	let size = x.abs();
	let small = size.fma(polynomial(size.mul(size), ERF_SMALL), size);
	let capped = size.min(L::splat(ERF_LIMIT));
	let large = L::splat(1.0).sub(exp(capped.mul(polynomial(capped, ERF_LARGE))));
	size.if_greater(L::splat(ERF_SPLIT), large, small).copy_sign(x)
}

/// x/2 · (1 + erf(x/√2)).
#[inline(always)]
pub(crate) fn gelu<L: Lanes>(x: L) -> L {
	x.mul(L::splat(0.5)).mul(L::splat(1.0).add(erf(x.mul(bits(ONE_OVER_ROOT_2)))))
}

/// The hyperbolic tangent.
#[inline(always)]
pub(crate) fn tanh<L: Lanes>(x: L) -> L {
	let size = x.abs();
	let square = size.mul(size);
	let small = size.mul(square).fma(polynomial(square, TANH), size);
	let capped = size.min(L::splat(TANH_LIMIT));
	let power = exp(capped.add(capped));
	let large = L::splat(1.0).sub(L::splat(2.0).div(power.add(L::splat(1.0))));
	size.if_greater(L::splat(TANH_SPLIT), large, small).copy_sign(x)
}

/// x/2 · (1 + tanh(√(2/π) · (x + 0.044715 · x³))), which is x / (1 + e⁻²ᵘ), u being what the tangent is of.
#[inline(always)]
pub(crate) fn tanh_gelu<L: Lanes>(x: L) -> L {
	let [linear, cubic] = TANH_GELU.map(bits::<L>);
	x.div(L::splat(1.0).add(exp(x.mul(x.mul(x).fma(cubic, linear)))))
}

/// bound · tanh(x / bound), of x that is finite; NaN of x that is not.
#[inline(always)]
pub(crate) fn bounded<L: Lanes>(x: L, bound: f32) -> L {
	// Infinite values would become the bound.
	let checked = x.fma(L::splat(0.0), x);
	tanh(checked.mul(L::splat(1.0 / bound))).mul(L::splat(bound))
}
