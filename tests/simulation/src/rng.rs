//! Numbers that follow from the seed.

/// A small generator: the same numbers from the same seed, on every machine and in every version.
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
	/// One for the seed and the purpose: what one part of a run draws does not shift what another one does.
	pub fn new(seed: u64, purpose: &str) -> Self {
		let mut rng = Self(seed);
		for byte in purpose.bytes() {
			rng.0 = rng.next() ^ u64::from(byte);
		}
		rng
	}

	/// The next number.
	pub fn next(&mut self) -> u64 {
		self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
		let mut mixed = self.0;
		mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
		mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
		mixed ^ (mixed >> 31)
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
		&of[self.below(of.len() as u64) as usize]
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
