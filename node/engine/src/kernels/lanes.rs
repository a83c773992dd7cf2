//! Sixteen virtual lanes: the only shape in which this crate computes with floats.
//!
//! A kernel is written once, over [`Lanes`], and compiled once per tier. A tier can therefore not have another order
//! of operations than the specification; what it can get wrong is a single operation, and these few are tested bit
//! for bit against [`Scalar`].

use super::cells::Bf16Lanes;
use super::half::HalfLanes;
use super::quant::columns::half_to_f32;
use super::Tier;

/// The number of lanes, on every tier.
pub(crate) const WIDTH: usize = 16;

/// 1.5 · 2²³: a float added to it loses its fraction by round-ties-even, and the integer stands in the low bits.
pub(crate) const MAGIC: f32 = 12_582_912.0;

/// Sixteen floats and the operations that rule 1 of the semantics allows.
///
/// # Safety
///
/// An implementation uses the instructions of its tier and no others. Where not every CPU has them, nothing but
/// [`Kernels::run`](super::Kernels::run), which has made sure of the CPU, may have its methods called.
#[allow(unsafe_code)]
pub(crate) unsafe trait Lanes: Copy {
	/// The tier this is.
	const TIER: Tier;
	/// The same value in every lane.
	fn splat(value: f32) -> Self;
	/// The values of an array.
	fn load(values: &[f32; WIDTH]) -> Self;
	/// Stores the lanes into an array.
	fn store(self, to: &mut [f32; WIDTH]);
	/// `self + other`
	fn add(self, other: Self) -> Self;
	/// `self − other`
	fn sub(self, other: Self) -> Self;
	/// `self × other`
	fn mul(self, other: Self) -> Self;
	/// `self ÷ other`
	fn div(self, other: Self) -> Self;
	/// `self × factor + addend`, rounded once.
	fn fma(self, factor: Self, addend: Self) -> Self;
	/// `self` where it is greater, else `other` (also where one of them is NaN, or both are zero).
	fn max(self, other: Self) -> Self;
	/// `self` where it is less, else `other` (also where one of them is NaN, or both are zero).
	fn min(self, other: Self) -> Self;
	/// `yes` where `self > other`, else `no`.
	fn if_greater(self, other: Self, yes: Self, no: Self) -> Self;
	/// The lanes without their signs.
	fn abs(self) -> Self;
	/// The magnitude of `self` with the sign of `sign`.
	fn copy_sign(self, sign: Self) -> Self;
	/// 2ⁿ where the lane holds `MAGIC + n`, for n in −126..=127.
	fn power_of_two(self) -> Self;

	/// The values of half-precision floats, exactly.
	fn load_halves(halves: &HalfLanes) -> Self;
	/// The values of bfloat16, exactly.
	fn load_bf16(values: &Bf16Lanes) -> Self;

	/// Tells the CPU that a value will be loaded soon.
	#[inline(always)]
	fn prefetch<T>(_value: &T) {}

	/// The lanes as an array.
	#[inline(always)]
	fn to_array(self) -> [f32; WIDTH] {
		let mut array = [0.0; WIDTH];
		self.store(&mut array);
		array
	}

	/// The sum of the lanes by the fixed tree 16 → 8 → 4 → 2 → 1.
	#[inline(always)]
	fn tree_sum(self) -> f32 {
		fold(self.to_array(), |a, b| a + b)
	}

	/// The maximum of the lanes by the fixed tree.
	#[inline(always)]
	fn tree_maximum(self) -> f32 {
		fold(self.to_array(), |a, b| if a > b { a } else { b })
	}
}

#[inline(always)]
fn fold(mut lanes: [f32; WIDTH], combine: impl Fn(f32, f32) -> f32) -> f32 {
	let mut half = WIDTH / 2;
	while half > 0 {
		for lane in 0..half {
			lanes[lane] = combine(lanes[lane], lanes[lane + half]);
		}
		half /= 2;
	}
	lanes[0]
}

/// `x · y + z`, rounded once, without the hardware's instruction.
///
/// The product of two f32 is exact in f64. Rounding its sum with `z` first to f64 and then to f32 errs only if the
/// f64 lies exactly half-way between two f32; then the lost part of the sum (Knuth's two-sum finds it, exactly)
/// decides.
pub(crate) fn soft_fma(x: f32, y: f32, z: f32) -> f32 {
	let product = f64::from(x) * f64::from(y);
	let addend = f64::from(z);
	let sum = product + addend;
	if rounds_once(sum) || !sum.is_finite() {
		return sum as f32;
	}
	let virtual_addend = sum - product;
	let lost = (product - (sum - virtual_addend)) + (addend - virtual_addend);
	let bits = sum.to_bits();
	if lost == 0.0 || bits & 1 == 1 {
		return sum as f32;
	}
	// Round to odd: the nearest f64 with an odd last bit in the direction of the lost part.
	let away_from_zero = (lost > 0.0) == (sum > 0.0);
	f64::from_bits(if away_from_zero { bits + 1 } else { bits - 1 }) as f32
}

/// Whether an f64 is not half-way between two f32 and lies in their normal range, where this is easy to see.
#[inline(always)]
fn rounds_once(sum: f64) -> bool {
	const BELOW_F32: u64 = (1 << 29) - 1;
	const HALF_WAY: u64 = 1 << 28;
	const LEAST_NORMAL: f64 = f32::MIN_POSITIVE as f64;
	(sum.to_bits() & BELOW_F32 != HALF_WAY) & (sum.abs() >= LEAST_NORMAL)
}

/// The reference tier: plain Rust, no special instruction.
#[derive(Clone, Copy)]
pub(crate) struct Scalar([f32; WIDTH]);

impl Scalar {
	#[inline(always)]
	fn zip(self, other: Self, operation: impl Fn(f32, f32) -> f32) -> Self {
		let mut lanes = self.0;
		for (lane, other) in lanes.iter_mut().zip(other.0) {
			*lane = operation(*lane, other);
		}
		Self(lanes)
	}
}

// SAFETY: every CPU has what it uses.
#[allow(unsafe_code)]
unsafe impl Lanes for Scalar {
	const TIER: Tier = Tier::Scalar;

	#[inline(always)]
	fn splat(value: f32) -> Self {
		Self([value; WIDTH])
	}

	#[inline(always)]
	fn load(values: &[f32; WIDTH]) -> Self {
		Self(*values)
	}

	#[inline(always)]
	fn load_halves(halves: &HalfLanes) -> Self {
		Self(halves.0.map(half_to_f32))
	}

	#[inline(always)]
	fn load_bf16(values: &Bf16Lanes) -> Self {
		Self(values.widened())
	}

	#[inline(always)]
	fn store(self, to: &mut [f32; WIDTH]) {
		*to = self.0;
	}

	#[inline(always)]
	fn add(self, other: Self) -> Self {
		self.zip(other, |a, b| a + b)
	}

	#[inline(always)]
	fn sub(self, other: Self) -> Self {
		self.zip(other, |a, b| a - b)
	}

	#[inline(always)]
	fn mul(self, other: Self) -> Self {
		self.zip(other, |a, b| a * b)
	}

	#[inline(always)]
	fn div(self, other: Self) -> Self {
		self.zip(other, |a, b| a / b)
	}

	// The quick way of `soft_fma` for all lanes at once, the careful one if any of them needs it.
	#[inline(always)]
	fn fma(self, factor: Self, addend: Self) -> Self {
		let mut lanes = [0.0; WIDTH];
		let mut quick = true;
		for (lane, ((x, y), z)) in lanes.iter_mut().zip(self.0.iter().zip(&factor.0).zip(&addend.0)) {
			let sum = f64::from(*x) * f64::from(*y) + f64::from(*z);
			quick &= rounds_once(sum);
			*lane = sum as f32;
		}
		if !quick {
			for (lane, ((x, y), z)) in lanes.iter_mut().zip(self.0.iter().zip(&factor.0).zip(&addend.0)) {
				*lane = soft_fma(*x, *y, *z);
			}
		}
		Self(lanes)
	}

	#[inline(always)]
	fn max(self, other: Self) -> Self {
		self.zip(other, |a, b| if a > b { a } else { b })
	}

	#[inline(always)]
	fn min(self, other: Self) -> Self {
		self.zip(other, |a, b| if a < b { a } else { b })
	}

	#[inline(always)]
	fn if_greater(self, other: Self, yes: Self, no: Self) -> Self {
		let mut lanes = no.0;
		for (lane, ((a, b), yes)) in lanes.iter_mut().zip(self.0.iter().zip(&other.0).zip(&yes.0)) {
			if a > b {
				*lane = *yes;
			}
		}
		Self(lanes)
	}

	#[inline(always)]
	fn abs(self) -> Self {
		Self(self.0.map(f32::abs))
	}

	#[inline(always)]
	fn copy_sign(self, sign: Self) -> Self {
		self.zip(sign, f32::copysign)
	}

	#[inline(always)]
	fn power_of_two(self) -> Self {
		Self(self.0.map(|lane| f32::from_bits((lane.to_bits() << 23).wrapping_add(127 << 23))))
	}
}
