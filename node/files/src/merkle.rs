//! The tree over a file's chunks.
//!
//! The SDK's `binary-merkle-tree`: a leaf is the hash of a chunk, an inner node that of its two children, and an odd last
//! node goes up as it is.

use hash_db::Hasher;
use sha2::{Digest, Sha256};
use sibyl_primitives::{model::CHUNK_BYTES, Hash};
use std::{
	collections::hash_map::DefaultHasher,
	io::{self, Read},
};

/// SHA-256, as the tree takes it.
struct Sha256Hasher;

impl Hasher for Sha256Hasher {
	type Out = Hash;
	type StdHasher = DefaultHasher;
	const LENGTH: usize = 32;

	fn hash(bytes: &[u8]) -> Hash {
		sha256(bytes)
	}
}

/// The SHA-256 of some bytes.
fn sha256(bytes: &[u8]) -> Hash {
	Hash::from_slice(&Sha256::digest(bytes))
}

/// Hashes a file's chunks, from the first to the last.
fn leaves(mut file: impl Read) -> io::Result<Vec<Hash>> {
	let mut leaves = Vec::new();
	let mut chunk = Vec::new();
	loop {
		chunk.clear();
		file.by_ref().take(CHUNK_BYTES.into()).read_to_end(&mut chunk)?;
		if chunk.is_empty() {
			return Ok(leaves);
		}
		leaves.push(sha256(&chunk));
		if chunk.len() < CHUNK_BYTES as usize {
			return Ok(leaves);
		}
	}
}

/// The root that the chain names a file by, read to its end; an error where it can't be read. It is never in memory as a
/// whole.
pub fn chunk_root(file: impl Read) -> io::Result<Hash> {
	Ok(binary_merkle_tree::merkle_root_raw::<Sha256Hasher, _>(leaves(file)?))
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn one_chunk_is_its_own_root() {
		let content = [7; 1_000];
		assert_eq!(chunk_root(&content[..]).expect("memory can be read"), sha256(&content));
	}

	#[test]
	fn the_root_is_the_one_that_another_program_finds() {
		// SHA-256 of the four chunks of "0", "1", "2" and "3", a mebibyte each.
		let content: Vec<_> = (b'0'..=b'3').flat_map(|digit| vec![digit; CHUNK_BYTES as usize]).collect();
		let root = chunk_root(&content[..]).expect("memory can be read");
		assert_eq!(format!("{root:?}"), "0x5b971f0aa967938790c23c8ae0661e6ecc871c70f331f5b8421eb4e14434b501");
	}
}
