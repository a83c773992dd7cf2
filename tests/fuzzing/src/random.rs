//! Numbers and bytes that follow from a seed.

/// A small generator (SplitMix64): the same numbers from the same seed, on every machine and in every version.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
	/// One for the seed.
	pub fn new(seed: u64) -> Self {
		Self(seed)
	}

	/// The next 64 bits.
	pub fn word(&mut self) -> u64 {
		self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
		let mut mixed = self.0;
		mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
		mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
		mixed ^ (mixed >> 31)
	}

	/// A number below the bound; 0 where that is 0.
	pub fn below(&mut self, bound: usize) -> usize {
		(self.word() % (bound as u64).max(1)) as usize
	}

	/// True once in so many times.
	pub fn one_in(&mut self, times: usize) -> bool {
		self.below(times) == 0
	}

	/// One of these, which are not none.
	pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
		&of[self.below(of.len())]
	}

	/// So many bytes.
	pub fn bytes(&mut self, length: usize) -> Vec<u8> {
		let mut bytes: Vec<u8> = (0..length.div_ceil(8)).flat_map(|_| self.word().to_le_bytes()).collect();
		bytes.truncate(length);
		bytes
	}

	/// A number of so many bits, often one at which something changes: 0, 1, a power of two, the greatest, or next to one.
	pub fn number(&mut self, bits: u32) -> u128 {
		let greatest = u128::MAX >> (128 - bits.clamp(1, 128));
		let number = match self.below(8) {
			0 => 0,
			1 => 1,
			2 => greatest,
			3 => greatest - self.below(3) as u128,
			4 => (1u128 << self.below(bits as usize)).wrapping_sub(self.below(2) as u128),
			5 => self.below(10) as u128,
			6 => self.below(300) as u128,
			_ => u128::from(self.word()) << 64 | u128::from(self.word()),
		};
		number & greatest
	}

	/// How many there are of something: mostly few, seldom as many as the bounds of many lists, or one more or fewer.
	pub fn length(&mut self) -> usize {
		match self.below(16) {
			0..4 => 0,
			4..12 => 1 + self.below(3),
			12..15 => self.below(24),
			_ => (1usize << self.below(10)).saturating_add(self.below(3)).saturating_sub(1),
		}
	}

	/// Once in so many times other bytes, and as often bytes that are nearly these.
	pub fn spoil(&mut self, bytes: &mut Vec<u8>, times: usize) {
		match self.below(times) {
			0 => {
				let length = self.below(100);
				*bytes = self.bytes(length);
			}
			1 => self.mutate(bytes),
			_ => {}
		}
	}

	/// Changes a few bytes, takes some away, or puts some in: what is nearly what it was.
	pub fn mutate(&mut self, bytes: &mut Vec<u8>) {
		for _ in 0..1 + self.below(3) {
			let at = self.below(bytes.len() + 1);
			let end = (at + 1 + self.below(8)).min(bytes.len());
			match self.below(7) {
				0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
				1 if at < bytes.len() => bytes[at] = *self.pick(&[0, 1, 2, 3, 4, 0x7f, 0x80, 0xfc, 0xfd, 0xfe, 0xff]),
				2 if at < bytes.len() => bytes[at] = self.word() as u8,
				3 => bytes.truncate(at),
				4 => drop(bytes.drain(at.min(end)..end)),
				5 => {
					let length = 1 + self.below(8);
					let more = self.bytes(length);
					bytes.splice(at..at, more);
				}
				_ => {
					let again = bytes[at.min(end)..end].to_vec();
					let to = self.below(bytes.len() + 1);
					bytes.splice(to..to, again);
				}
			}
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_seed_gives_the_same_each_time_and_another_one_something_else() {
		let of = |seed| Random::new(seed).bytes(20);
		assert_eq!(of(7), of(7));
		assert_ne!(of(7), of(8));
		assert_eq!(of(7).len(), 20);
	}

	#[test]
	fn numbers_have_as_many_bits_as_are_wanted_and_meet_both_ends() {
		let mut random = Random::new(1);
		for (bits, greatest) in [(1, 1), (8, 255), (64, u128::from(u64::MAX)), (128, u128::MAX)] {
			let numbers: Vec<_> = (0..200).map(|_| random.number(bits)).collect();
			assert!(numbers.iter().all(|number| *number <= greatest));
			assert!(numbers.contains(&0) && numbers.contains(&greatest));
		}
	}

	#[test]
	fn bytes_are_changed_whatever_there_is_of_them() {
		let mut random = Random::new(1);
		let (mut changed, mut empty) = (0, Vec::new());
		for _ in 0..1_000 {
			let mut bytes = b"twelve bytes".to_vec();
			random.mutate(&mut bytes);
			random.mutate(&mut empty);
			empty.truncate(4);
			changed += usize::from(bytes != b"twelve bytes");
		}
		assert!(changed > 800, "{changed}");
	}
}
