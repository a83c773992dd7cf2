//! Tables of the rotary position embedding.

use sha2::{Digest, Sha256};

/// The cosines and sines of `position / base^(2i / dimension)`, a row of `dimension / 2` per position.
///
/// Computed in f64 by the `libm` crate, whose software functions are the same on every machine, and rounded once.
#[derive(Clone, Debug)]
pub(crate) struct RopeTables {
	half: usize,
	cos: Vec<f32>,
	sin: Vec<f32>,
}

/// How a model that reads more than it was first trained for changes its angles.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RopeScaling {
	/// Every angle is divided by it ("linear").
	pub factor: f64,
	/// The i-th frequency is divided by the i-th, if there is one (Llama 3, LongRoPE, YaRN).
	pub factors: Vec<f64>,
	/// Cosines and sines are multiplied by it (LongRoPE, YaRN).
	pub amplitude: f64,
}

impl Default for RopeScaling {
	fn default() -> Self {
		Self { factor: 1.0, factors: Vec::new(), amplitude: 1.0 }
	}
}

/// YaRN: frequencies that turn often within the original context stay, those that turn seldom are divided by a factor, and
/// those between are in part.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Yarn {
	/// What slow frequencies are divided by.
	pub factor: f64,
	/// How many positions the model was first trained for.
	pub original: f64,
	/// Frequencies that turn so often stay.
	pub fast: f64,
	/// Frequencies that turn no more often than this are divided by the whole factor.
	pub slow: f64,
}

impl Yarn {
	/// What each frequency is divided by; the base is greater than one.
	pub fn factors(&self, dimension: usize, base: f64) -> Vec<f64> {
		// The pair that turns so often within the original context.
		let pair = |turns: f64| {
			let turn = self.original / (turns * std::f64::consts::TAU);
			dimension as f64 * libm::log(turn) / (2.0 * libm::log(base))
		};
		let low = libm::floor(pair(self.fast)).max(0.0);
		let high = libm::ceil(pair(self.slow)).min((dimension - 1) as f64);
		let width = (high - low).max(0.001);
		let factor = |i: usize| {
			let slowed = ((i as f64 - low) / width).clamp(0.0, 1.0);
			1.0 / (slowed / self.factor + (1.0 - slowed))
		};
		(0..dimension / 2).map(factor).collect()
	}

	/// What cosines and sines are multiplied by.
	pub fn amplitude(&self) -> f64 {
		if self.factor > 1.0 {
			0.1 * libm::log(self.factor) + 1.0
		} else {
			1.0
		}
	}
}

impl RopeTables {
	/// Builds the tables.
	pub fn new(positions: usize, dimension: usize, base: f64) -> Self {
		Self::scaled(positions, dimension, base, &RopeScaling::default())
	}

	/// Builds the tables of scaled angles.
	pub fn scaled(positions: usize, dimension: usize, base: f64, scaling: &RopeScaling) -> Self {
		let half = dimension / 2;
		let mut tables =
			Self { half, cos: Vec::with_capacity(positions * half), sin: Vec::with_capacity(positions * half) };
		let powers: Vec<f64> = (0..half).map(|i| libm::pow(base, (2 * i) as f64 / dimension as f64)).collect();
		for position in 0..positions {
			for (i, power) in powers.iter().enumerate() {
				let factor = scaling.factors.get(i).copied().unwrap_or(1.0);
				let angle = position as f64 / power / factor / scaling.factor;
				tables.cos.push((libm::cos(angle) * scaling.amplitude) as f32);
				tables.sin.push((libm::sin(angle) * scaling.amplitude) as f32);
			}
		}
		tables
	}

	/// The cosines and sines of a position.
	pub fn at(&self, position: usize) -> (&[f32], &[f32]) {
		let row = position * self.half..(position + 1) * self.half;
		(&self.cos[row.clone()], &self.sin[row])
	}

	/// The SHA-256 of the cosines' and then the sines' bits, little-endian.
	pub fn hash(&self) -> [u8; 32] {
		let mut hasher = Sha256::new();
		for value in self.cos.iter().chain(&self.sin) {
			hasher.update(value.to_bits().to_le_bytes());
		}
		hasher.finalize().into()
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn scaled_angles_should_be_those_of_the_plain_formula() {
		let (positions, dimension, base) = (300, 32, 10_000.0_f64);
		let factors: Vec<f64> = (0..16).map(|i| 1.0 + f64::from(i) * 0.75).collect();
		let scalings = [
			RopeScaling::default(),
			RopeScaling { factor: 2.5, ..RopeScaling::default() },
			RopeScaling { factors: factors.clone(), ..RopeScaling::default() },
			RopeScaling { factor: 4.0, factors, amplitude: 1.19 },
		];
		for scaling in scalings {
			let tables = RopeTables::scaled(positions, dimension, base, &scaling);
			for position in 0..positions {
				let (cos, sin) = tables.at(position);
				for i in 0..dimension / 2 {
					let frequency = base.powf(-2.0 * i as f64 / dimension as f64);
					let factor = scaling.factors.get(i).unwrap_or(&1.0);
					let angle = position as f64 * frequency / (factor * scaling.factor);
					let expected = [angle.cos() * scaling.amplitude, angle.sin() * scaling.amplitude];
					for (actual, expected) in [cos[i], sin[i]].into_iter().zip(expected) {
						assert!((f64::from(actual) - expected).abs() < 1e-7, "{scaling:?}: {position}, {i}");
					}
				}
			}
		}
	}

	#[test]
	fn yarn_should_slow_the_frequencies_that_its_publishers_formula_slows() {
		let (dimension, base) = (128, 1_000_000.0_f64);
		let yarn = Yarn { factor: 4.0, original: 32_768.0, fast: 32.0, slow: 1.0 };
		let correction =
			|turns: f64| 128.0 * (32_768.0 / (turns * 2.0 * std::f64::consts::PI)).ln() / (2.0 * base.ln());
		let (low, high) = (correction(32.0).floor(), correction(1.0).ceil());
		assert_eq!([low, high], [23.0, 40.0]);
		for (i, factor) in yarn.factors(dimension, base).into_iter().enumerate() {
			let extrapolated = 1.0 - ((i as f64 - low) / (high - low)).clamp(0.0, 1.0);
			let frequency = 1.0 / 4.0 * (1.0 - extrapolated) + extrapolated;
			assert!((1.0 / factor - frequency).abs() < 1e-12, "{i}");
		}
		assert!((yarn.amplitude() - (0.1 * 4.0_f64.ln() + 1.0)).abs() < 1e-12);
		assert_eq!(Yarn { factor: 0.5, ..yarn.clone() }.amplitude(), 1.0);
		// Both ends beyond the frequencies that there are.
		let all = Yarn { original: 4.0, ..yarn.clone() }.factors(dimension, base);
		assert!(all[0] == 1.0 && all[1..].iter().all(|factor| *factor == 4.0), "{all:?}");
		let none = Yarn { original: 1e30, ..yarn }.factors(dimension, base);
		assert!(none.iter().all(|factor| *factor == 1.0), "{none:?}");
	}

	#[test]
	fn a_scaling_by_one_should_change_no_bit() {
		let plain = RopeTables::new(100, 64, 500_000.0);
		let ones = RopeScaling { factors: vec![1.0; 32], ..RopeScaling::default() };
		assert_eq!(RopeTables::scaled(100, 64, 500_000.0, &ones).hash(), plain.hash());
	}
}
