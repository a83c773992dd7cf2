//! The digest of the rows that chose an answer.

use blake2b_simd::{Params, State};
use std::fmt;

/// The trace of what needed no row, refusals among it: the BLAKE2b-256 of nothing.
pub const NO_ROWS: [u8; 32] = [
	0x0e, 0x57, 0x51, 0xc0, 0x26, 0xe5, 0x43, 0xb2, 0xe8, 0xab, 0x2e, 0xb0, 0x60, 0x99, 0xda, 0xa1, 0xd1, 0xe5, 0xdf,
	0x47, 0x77, 0x8f, 0x77, 0x87, 0xfa, 0xab, 0x45, 0xcd, 0xf1, 0x2f, 0xe3, 0xa8,
];

/// How many floats become bytes at once.
const PART: usize = 256;

/// Hashes rows as they come.
#[derive(Clone)]
pub(crate) struct Tracer(State);

impl Tracer {
	/// No rows yet.
	pub fn new() -> Self {
		Self(Params::new().hash_length(32).to_state())
	}

	/// Adds a row: its floats' bits, little-endian.
	pub fn add(&mut self, row: &[f32]) {
		let mut bytes = [[0; 4]; PART];
		for part in row.chunks(PART) {
			let bytes = &mut bytes[..part.len()];
			bytes.iter_mut().zip(part).for_each(|(bytes, value)| *bytes = value.to_le_bytes());
			self.0.update(bytes.as_flattened());
		}
	}

	/// The BLAKE2b-256 of the rows.
	pub fn finish(&self) -> [u8; 32] {
		digest(&self.0)
	}
}

impl fmt::Debug for Tracer {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.debug_struct("Tracer").field("bytes", &self.0.count()).finish()
	}
}

/// The BLAKE2b-256 of some bytes, one part after the other.
pub(crate) fn blake2b_256(parts: &[&[u8]]) -> [u8; 32] {
	let mut state = Tracer::new().0;
	for part in parts {
		state.update(part);
	}
	digest(&state)
}

fn digest(state: &State) -> [u8; 32] {
	let mut digest = [0; 32];
	// The state was made for this length.
	digest.copy_from_slice(state.finalize().as_bytes());
	digest
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::tests::hex;

	#[test]
	fn no_rows_should_have_the_hash_of_nothing() {
		assert_eq!(Tracer::new().finish(), NO_ROWS);
		assert_eq!(blake2b_256(&[]), NO_ROWS);
	}

	#[test]
	fn a_hash_should_be_blake2b_of_32_bytes_and_no_longer_one_cut_off() {
		assert_eq!(
			hex(blake2b_256(&[b"a", b"bc"])),
			"bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319"
		);
	}

	#[test]
	fn rows_should_be_hashed_as_their_bits_in_order_wherever_they_are_divided() {
		let row: Vec<f32> = (0..1_000_u16).map(|at| f32::from(at) / 7.0).collect();
		let bytes: Vec<u8> = row.iter().flat_map(|value| value.to_bits().to_le_bytes()).collect();
		for at in [0, 1, 255, 256, 257, 512, 999, 1_000] {
			let mut tracer = Tracer::new();
			tracer.add(&row[..at]);
			tracer.add(&row[at..]);
			assert_eq!(tracer.finish(), blake2b_256(&[&bytes]), "divided at {at}");
		}
	}

	#[test]
	fn zeros_of_different_signs_should_be_different_rows() {
		let trace = |row: &[f32]| {
			let mut tracer = Tracer::new();
			tracer.add(row);
			tracer.finish()
		};
		assert_ne!(trace(&[0.0]), trace(&[-0.0]));
		assert_ne!(trace(&[0.0, 1.0]), trace(&[1.0, 0.0]));
		assert_ne!(trace(&[0.0]), trace(&[0.0, 0.0]));
	}
}
