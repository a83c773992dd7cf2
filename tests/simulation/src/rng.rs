//! Numbers that follow from the seed.

use sibyl_fuzzing::Random;

/// The numbers of one part of a run.
#[derive(Clone, Debug)]
pub(crate) struct Rng(Random);

impl Rng {
	/// One for the seed and the purpose: what one part of a run draws does not shift what another one does.
	pub fn new(seed: u64, purpose: &str) -> Self {
		let mix = |seed, byte| Random::new(seed).word() ^ u64::from(byte);
		Self(Random::new(purpose.bytes().fold(seed, mix)))
	}

	/// The next number.
	pub fn next(&mut self) -> u64 {
		self.0.word()
	}

	/// A number below the bound, which is above zero.
	pub fn below(&mut self, bound: u64) -> u64 {
		self.next() % bound.max(1)
	}

	/// A number of the range, both ends included.
	pub fn between(&mut self, least: u64, most: u64) -> u64 {
		least + self.below(most - least + 1)
	}

	/// True that often in a thousand.
	pub fn chance(&mut self, per_mille: u64) -> bool {
		self.below(1_000) < per_mille
	}

	/// One of these.
	pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
		self.0.pick(of)
	}

	/// 32 bytes.
	pub fn bytes(&mut self) -> [u8; 32] {
		let mut bytes = [0; 32];
		for part in bytes.chunks_mut(8) {
			part.copy_from_slice(&self.next().to_le_bytes());
		}
		bytes
	}
}
