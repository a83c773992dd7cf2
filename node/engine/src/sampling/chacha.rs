/// Rows of ChaCha's state that one step mixes: the four columns, then the four diagonals.
const QUARTERS: [[usize; 4]; 8] = [
	[0, 4, 8, 12],
	[1, 5, 9, 13],
	[2, 6, 10, 14],
	[3, 7, 11, 15],
	[0, 5, 10, 15],
	[1, 6, 11, 12],
	[2, 7, 8, 13],
	[3, 4, 9, 14],
];

/// The ChaCha20 block function of RFC 8439.
fn block(key: &[u8; 32], counter: u32, nonce: &[u8; 12]) -> [u8; 64] {
	let mut state = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574, 0, 0, 0, 0, 0, 0, 0, 0, counter, 0, 0, 0];
	for (word, bytes) in state[4..12].iter_mut().zip(key.as_chunks().0) {
		*word = u32::from_le_bytes(*bytes);
	}
	for (word, bytes) in state[13..].iter_mut().zip(nonce.as_chunks().0) {
		*word = u32::from_le_bytes(*bytes);
	}
	let mut mixed = state;
	for _ in 0..10 {
		for [a, b, c, d] in QUARTERS {
			for (x, y, z, distance) in [(a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)] {
				mixed[x] = u32::wrapping_add(mixed[x], mixed[y]);
				mixed[z] = (mixed[z] ^ mixed[x]).rotate_left(distance);
			}
		}
	}
	let mut bytes = [0; 64];
	for (out, (mixed, start)) in bytes.as_chunks_mut().0.iter_mut().zip(mixed.iter().zip(state)) {
		*out = mixed.wrapping_add(start).to_le_bytes();
	}
	bytes
}

/// Random numbers from a seed.
pub(super) struct KeyStream {
	seed: [u8; 32],
	/// How many numbers were read.
	read: u64,
	block: [u8; 64],
}

impl KeyStream {
	pub fn new(seed: [u8; 32]) -> Self {
		Self { seed, read: 0, block: [0; 64] }
	}

	pub fn next_u64(&mut self) -> u64 {
		const PER_BLOCK: u64 = 8;
		let (block_number, within) = (self.read / PER_BLOCK, (self.read % PER_BLOCK) as usize);
		if within == 0 {
			// 2³² blocks are more than any answer's.
			self.block = block(&self.seed, block_number as u32, &[0; 12]);
		}
		self.read += 1;
		u64::from_le_bytes(self.block.as_chunks().0[within])
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn hex(bytes: &[u8]) -> String {
		bytes.iter().map(|byte| format!("{byte:02x}")).collect()
	}

	#[test]
	fn blocks_should_be_those_of_rfc_8439() {
		// Section 2.3.2.
		let mut key = [0; 32];
		(0..32_u8).for_each(|byte| key[usize::from(byte)] = byte);
		let nonce = [0, 0, 0, 9, 0, 0, 0, 0x4a, 0, 0, 0, 0];
		assert_eq!(
			hex(&block(&key, 1, &nonce)),
			"10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e\
			d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e"
		);
		// Appendix A.1, vectors 1 and 2.
		assert_eq!(
			hex(&block(&[0; 32], 0, &[0; 12])),
			"76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7\
			da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586"
		);
		assert_eq!(
			hex(&block(&[0; 32], 1, &[0; 12])),
			"9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed\
			29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f"
		);
	}

	#[test]
	fn numbers_should_be_the_blocks_in_order() {
		let mut stream = KeyStream::new([0; 32]);
		let bytes: Vec<u8> = (0..16).flat_map(|_| stream.next_u64().to_le_bytes()).collect();
		assert_eq!(bytes[..64], block(&[0; 32], 0, &[0; 12]));
		assert_eq!(bytes[64..], block(&[0; 32], 1, &[0; 12]));
	}
}
