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
	/// The i-th frequency is divided by the i-th, if there is one (Llama 3, LongRoPE).
	pub factors: Vec<f32>,
	/// Cosines and sines are multiplied by it (LongRoPE).
	pub amplitude: f64,
}

impl Default for RopeScaling {
	fn default() -> Self {
		Self { factor: 1.0, factors: Vec::new(), amplitude: 1.0 }
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
				let factor = scaling.factors.get(i).map_or(1.0, |factor| f64::from(*factor));
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
		let factors: Vec<f32> = (0..16).map(|i| 1.0 + i as f32 * 0.75).collect();
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
					let factor = f64::from(*scaling.factors.get(i).unwrap_or(&1.0));
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
	fn a_scaling_by_one_should_change_no_bit() {
		let plain = RopeTables::new(100, 64, 500_000.0);
		let ones = RopeScaling { factors: vec![1.0; 32], ..RopeScaling::default() };
		assert_eq!(RopeTables::scaled(100, 64, 500_000.0, &ones).hash(), plain.hash());
	}
}
