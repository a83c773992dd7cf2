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

impl RopeTables {
	/// Builds the tables.
	pub fn new(positions: usize, dimension: usize, base: f64) -> Self {
		Self::slowed(positions, dimension, base, &[])
	}

	/// Builds the tables with the i-th frequency divided by the i-th factor, if there is one.
	pub fn slowed(positions: usize, dimension: usize, base: f64, factors: &[f32]) -> Self {
		let half = dimension / 2;
		let mut tables =
			Self { half, cos: Vec::with_capacity(positions * half), sin: Vec::with_capacity(positions * half) };
		let powers: Vec<f64> = (0..half).map(|i| libm::pow(base, (2 * i) as f64 / dimension as f64)).collect();
		for position in 0..positions {
			for (i, power) in powers.iter().enumerate() {
				let angle = position as f64 / power / factors.get(i).map_or(1.0, |factor| f64::from(*factor));
				tables.cos.push(libm::cos(angle) as f32);
				tables.sin.push(libm::sin(angle) as f32);
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
