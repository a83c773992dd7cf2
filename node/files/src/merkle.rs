//! The tree over a file's chunks.
//!
//! The SDK's `binary-merkle-tree`: a leaf is the hash of a chunk, an inner node that of its two children, and an odd last
//! node goes up as it is. Leaves and inner nodes are hashed alike, so 64 bytes that are two children could pass for a chunk
//! higher up. They can't here: the size of the file fixes how long each chunk is and how long its proof is.

use crate::FileId;
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
pub fn sha256(bytes: &[u8]) -> Hash {
	Hash::from_slice(&Sha256::digest(bytes))
}

/// How many chunks a file of this size has; none where there are more than can be counted.
pub fn chunks(size: u64) -> Option<u32> {
	size.div_ceil(CHUNK_BYTES.into()).try_into().ok()
}

/// How many bytes a chunk has; none where the file has no such chunk.
pub fn chunk_length(size: u64, index: u32) -> Option<usize> {
	let rest = size.checked_sub(chunk_offset(index)).filter(|rest| *rest > 0)?;
	usize::try_from(rest.min(CHUNK_BYTES.into())).ok()
}

/// Where in its file a chunk begins.
pub fn chunk_offset(index: u32) -> u64 {
	u64::from(index) * u64::from(CHUNK_BYTES)
}

/// Hashes a file's chunks, from the first to the last.
pub fn leaves(mut file: impl Read) -> io::Result<Vec<Hash>> {
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

/// The root over chunks of these hashes.
pub fn root(leaves: &[Hash]) -> Hash {
	binary_merkle_tree::merkle_root_raw::<Sha256Hasher, _>(leaves.iter().copied())
}

/// The root that the chain names a file by, read to its end; an error where it can't be read. It is never in memory as a
/// whole.
pub fn chunk_root(file: impl Read) -> io::Result<Hash> {
	Ok(root(&leaves(file)?))
}

/// What shows that a chunk is where it is; none where there is no such chunk.
pub fn proof(leaves: &[Hash], index: u32) -> Option<Vec<Hash>> {
	leaves.get(usize::try_from(index).ok()?)?;
	let leaves = leaves.iter().copied();
	Some(binary_merkle_tree::merkle_proof_raw::<Sha256Hasher, _>(leaves, index).proof)
}

/// The hash of a chunk, if it is this one of the file's.
pub fn verified(file: &FileId, index: u32, chunk: &[u8], proof: &[Hash]) -> Option<Hash> {
	let chunks = chunks(file.size)?;
	if chunk_length(file.size, index)? != chunk.len() || proof.len() != proof_length(chunks, index) {
		return None;
	}
	let leaf = sha256(chunk);
	let proof = proof.iter().copied();
	let given = binary_merkle_tree::Leaf::Hash(leaf);
	binary_merkle_tree::verify_proof::<Sha256Hasher, _, _>(&file.chunk_root, proof, chunks, index, given)
		.then_some(leaf)
}

/// How many hashes prove a chunk: one for each row of the tree in which its node has a neighbour.
fn proof_length(chunks: u32, index: u32) -> usize {
	let (mut width, mut position, mut length) = (chunks, index, 0);
	while width > 1 {
		let is_alone = position.is_multiple_of(2) && position + 1 == width;
		length += usize::from(!is_alone);
		position /= 2;
		width = width.div_ceil(2);
	}
	length
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::testing::{bytes, file};

	const CHUNK: usize = CHUNK_BYTES as usize;

	/// A file's chunks and their hashes.
	fn cut(content: &[u8]) -> (Vec<&[u8]>, Vec<Hash>) {
		(content.chunks(CHUNK).collect(), leaves(content).expect("memory can be read"))
	}

	#[test]
	fn every_chunk_of_a_file_of_any_size_is_proved_and_no_other() {
		for size in [1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 7, 4 * CHUNK, 6 * CHUNK + 1] {
			let content = bytes(size);
			let file = file(&content);
			let (chunks, leaves) = cut(&content);
			assert_eq!(self::chunks(file.size), Some(chunks.len() as u32));
			for (index, chunk) in (0..).zip(&chunks) {
				let proof = proof(&leaves, index).expect("there is such a chunk");
				assert_eq!(verified(&file, index, chunk, &proof), Some(sha256(chunk)), "{size} {index}");
				for other in (0..=chunks.len() as u32).filter(|other| *other != index) {
					assert_eq!(verified(&file, other, chunk, &proof), None, "{size} {index} as {other}");
				}
				assert_eq!(verified(&file, index, &chunk[1..], &proof), None);
				let longer = [&proof[..], &[Hash::zero()]].concat();
				assert_eq!(verified(&file, index, chunk, &longer), None);
			}
			assert_eq!(proof(&leaves, chunks.len() as u32), None);
		}
	}

	#[test]
	fn one_chunk_is_its_own_root() {
		let content = bytes(1_000);
		assert_eq!(chunk_root(&content[..]).expect("memory can be read"), sha256(&content));
		assert!(proof(&cut(&content).1, 0).expect("there is one").is_empty());
	}

	#[test]
	fn two_children_do_not_pass_for_a_chunk() {
		// A file of two chunks, and one of 64 bytes that has the same root.
		let (one, other) = (sha256(&bytes(CHUNK)), sha256(&bytes(9)));
		let children = [one.as_bytes(), other.as_bytes()].concat();
		let two = FileId { sha256: one, size: CHUNK as u64 + 9, chunk_root: root(&[one, other]) };
		assert_eq!(two.chunk_root, sha256(&children));
		assert_eq!(verified(&two, 0, &children, &[]), None);
		// Nor where a chunk has just that length: the proof is too short.
		let last = FileId { size: CHUNK as u64 + 64, ..two };
		assert_eq!(verified(&last, 1, &children, &[]), None);
	}

	#[test]
	fn a_file_without_bytes_has_no_chunk() {
		let empty = file(&[]);
		assert_eq!((chunks(0), chunk_length(0, 0)), (Some(0), None));
		assert_eq!(verified(&empty, 0, &[], &[]), None);
		assert_eq!(chunks(u64::MAX), None);
	}

	#[test]
	fn the_root_is_the_one_that_another_program_finds() {
		// SHA-256 of the four chunks of "0", "1", "2" and "3", a mebibyte each.
		let content: Vec<_> = (b'0'..=b'3').flat_map(|digit| vec![digit; CHUNK]).collect();
		let root = chunk_root(&content[..]).expect("memory can be read");
		assert_eq!(format!("{root:?}"), "0x5b971f0aa967938790c23c8ae0661e6ecc871c70f331f5b8421eb4e14434b501");
	}
}
