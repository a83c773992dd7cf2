//! How likely tokens and texts are, in integers.
//!
//! The probability of a token is `exp(logit − maximum) / Σ exp(logit − maximum)` with this crate's `exp`; its terms are
//! floats whose bits all engines agree on. From there on, everything is integers.
//!
//! | value | is |
//! |---|---|
//! | a term | a normal float from 2⁻¹²⁶ to 1: its 24 bits of mantissa times a power of two, exactly |
//! | the sum | an integer of 64 bits: each term times 2⁴³, truncated, and at most 2²⁰ of them |
//! | a probability | a mantissa of 64 bits, the highest of them set, times a power of two |
//! | times a token | the mantissa times the term's, times 2⁶⁴, divided by the sum (normalised likewise), truncated to 64 bits |
//! | several tokens that do as well | the sum of their terms as 64 bits, as above, in place of the term |
//! | millionths of one probability | the mantissa times 1,000,000, shifted by the power of two, truncated |
//! | millionths of several texts | the mantissas shifted to the greatest one's power of two with 32 more bits, truncated; each times 1,000,000, divided by their sum, truncated |
//!
//! The millionths add up to 1,000,000 less at most one for each text. Which text is the likeliest is decided by the
//! probabilities themselves; of equals it is the first.

/// What a term is multiplied with in a sum: 2⁴³.
const TERM_ONE: f32 = (1_u64 << 43) as f32;
/// What millionths are counted in.
const MILLION: u128 = 1_000_000;

/// A probability, or a product of such: `mantissa · 2^exponent`, the mantissa's highest bit set; or zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Likelihood {
	mantissa: u64,
	exponent: i64,
}

impl Likelihood {
	/// Certainty, which products begin with.
	pub const ONE: Self = Self { mantissa: 1 << 63, exponent: -63 };

	/// The likelihood that a token follows too, by the terms of all tokens.
	pub fn and(self, terms: &[f32], token: u32) -> Self {
		let bits = terms[token as usize].to_bits();
		let mantissa = u64::from(bits & 0x7f_ffff | 0x80_0000);
		let term = Self::normal(mantissa.into(), i64::from(bits >> 23) - 150);
		self.times(term, terms)
	}

	/// The likelihood that one of the tokens follows too.
	pub fn and_any(self, terms: &[f32], tokens: &[u32]) -> Self {
		let sum = sum(tokens.iter().map(|token| &terms[*token as usize]));
		self.times(Self::normal(sum.into(), -43), terms)
	}

	/// The value in millionths, truncated.
	pub fn millionths(self) -> u32 {
		let shift = u32::try_from(self.exponent.saturating_neg()).unwrap_or(u32::MAX);
		(u128::from(self.mantissa) * MILLION).checked_shr(shift).unwrap_or(0) as u32
	}

	fn times(self, term: Self, terms: &[f32]) -> Self {
		let total = Self::normal(sum(terms).into(), -43);
		if self.mantissa == 0 || term.mantissa == 0 {
			return Self { mantissa: 0, exponent: i64::MIN };
		}
		let product =
			Self::normal(u128::from(self.mantissa) * u128::from(term.mantissa), self.exponent + term.exponent);
		let quotient = (u128::from(product.mantissa) << 64) / u128::from(total.mantissa);
		Self::normal(quotient, product.exponent - total.exponent - 64)
	}

	/// The same value with the highest bit of 64 set, truncated.
	fn normal(value: u128, exponent: i64) -> Self {
		let shift = 64 - value.leading_zeros() as i64;
		match value {
			0 => Self { mantissa: 0, exponent: i64::MIN },
			_ if shift >= 0 => Self { mantissa: (value >> shift) as u64, exponent: exponent + shift },
			_ => Self { mantissa: (value << -shift) as u64, exponent: exponent + shift },
		}
	}

	fn rank(self) -> (i64, u64) {
		(self.exponent, self.mantissa)
	}
}

/// The likeliest of several texts, of equals the first, and the share of each in millionths.
pub(crate) fn shares(likelihoods: &[Likelihood]) -> (usize, Vec<u32>) {
	let (mut best, mut most) = (0, Likelihood { mantissa: 0, exponent: i64::MIN });
	for (at, likelihood) in likelihoods.iter().enumerate() {
		if likelihood.rank() > most.rank() {
			(best, most) = (at, *likelihood);
		}
	}
	let parts: Vec<u128> = likelihoods
		.iter()
		.map(|likelihood| {
			let shift = most.exponent.saturating_sub(likelihood.exponent);
			(u128::from(likelihood.mantissa) << 32).checked_shr(u32::try_from(shift).unwrap_or(u32::MAX)).unwrap_or(0)
		})
		.collect();
	let total = parts.iter().sum::<u128>().max(1);
	(best, parts.into_iter().map(|part| (part * MILLION / total) as u32).collect())
}

/// The sum of terms, none greater than 1, in units of 2⁻⁴³. Scaling by a power of two is exact.
fn sum<'a>(terms: impl IntoIterator<Item = &'a f32>) -> u64 {
	terms.into_iter().fold(0, |sum, term| sum + (term * TERM_ONE) as u64)
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::tests::Noise;

	fn value(likelihood: Likelihood) -> f64 {
		likelihood.mantissa as f64 * (likelihood.exponent as f64).exp2()
	}

	#[test]
	fn the_likelihood_of_a_text_should_be_the_product_of_its_tokens() {
		let terms = [1.0, 0.5, 0.25, 0.25];
		let one = Likelihood::ONE;
		assert_eq!(value(one), 1.0);
		assert_eq!(one.and(&terms, 0), Likelihood { mantissa: 1 << 63, exponent: -64 });
		assert_eq!(value(one.and(&terms, 0).and(&terms, 1).and(&terms, 3)), 0.5 * 0.25 * 0.125);
		assert_eq!(value(one.and_any(&terms, &[1, 2])), 0.375);
		assert_eq!(one.and_any(&terms, &[]).mantissa, 0);
		// A third, truncated.
		let thirds = [1.0, 1.0, 1.0];
		assert_eq!(one.and(&thirds, 2), Likelihood { mantissa: 0xaaaa_aaaa_aaaa_aaaa, exponent: -65 });
	}

	#[test]
	fn products_should_be_those_of_real_numbers() {
		let mut noise = Noise(11);
		for _ in 0..200 {
			let terms: Vec<f32> =
				(0..50).map(|_| f32::exp2(-(noise.unit() + 1.0) * 40.0)).chain([1.0, 1.7e-38]).collect();
			let total: f64 = terms.iter().map(|term| f64::from(*term)).sum();
			let (mut likelihood, mut logarithm) = (Likelihood::ONE, 0.0);
			for _ in 0..128 {
				let token = noise.bits() % terms.len() as u32;
				likelihood = likelihood.and(&terms, token);
				logarithm += (f64::from(terms[token as usize]) / total).log2();
			}
			let found = (likelihood.mantissa as f64).log2() + likelihood.exponent as f64;
			assert!((found - logarithm).abs() < 1e-8, "{found} {logarithm}");
			assert!(likelihood.mantissa >> 63 == 1);
		}
	}

	#[test]
	fn millionths_should_be_those_of_the_value() {
		let terms = [1.0, 0.5, 0.25, 0.25];
		assert_eq!(Likelihood::ONE.millionths(), 1_000_000);
		assert_eq!([0, 1, 2].map(|token| Likelihood::ONE.and(&terms, token).millionths()), [500_000, 250_000, 125_000]);
		assert_eq!(Likelihood::ONE.and(&[1.0; 3], 0).millionths(), 333_333, "a third, truncated");
		assert_eq!(Likelihood::ONE.and(&[1.0, f32::MIN_POSITIVE], 1).millionths(), 0);
		assert_eq!(Likelihood::ONE.and(&[1.0, f32::MIN_POSITIVE], 0).millionths(), 1_000_000);
		assert_eq!(Likelihood { mantissa: 0, exponent: i64::MIN }.millionths(), 0);
	}

	#[test]
	fn shares_should_be_truncated_millionths_of_all() {
		let of = |mantissa: u64, exponent| Likelihood::normal(mantissa.into(), exponent);
		assert_eq!(shares(&[of(1, 0), of(1, 0), of(1, 0)]), (0, vec![333_333; 3]));
		assert_eq!(shares(&[of(1, -900), of(3, -900)]), (1, vec![250_000, 750_000]));
		assert_eq!(shares(&[of(1, -200), of(1, 0)]), (1, vec![0, 1_000_000]));
		assert_eq!(shares(&[of(1, 0), of(2, -1), of(4, -2)]).0, 0, "of equals the first");
		let close = [of(1 << 63, -63), of((1 << 63) + 1, -63)];
		assert_eq!(shares(&close), (1, vec![499_999, 500_000]), "the likeliest is not decided by what is rounded");
		assert_eq!(shares(&[of(0, 0), of(0, 0)]), (0, vec![0, 0]));
		assert_eq!(shares(&[of(1, 0); 32]).1, [31_250; 32]);
	}
}
