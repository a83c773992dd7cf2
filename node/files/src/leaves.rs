//! The hashes of the chunks of whole files, which proofs are made from.

use crate::{
	merkle::{self, proof, root, sha256},
	shelf::{Shelf, Stamp},
	FileId,
};
use sibyl_primitives::Hash;
use std::{collections::HashMap, sync::Arc};

/// The tree over a whole file's chunks.
pub struct Tree {
	leaves: Vec<Hash>,
	root: Hash,
}

impl Tree {
	/// Reads the file. One that can't be read has the tree of none.
	pub fn grow(shelf: &Shelf, file: &Hash) -> Self {
		let leaves = shelf.open(file).and_then(merkle::leaves).unwrap_or_default();
		let root = root(&leaves);
		Self { leaves, root }
	}

	/// That of no file.
	pub fn none() -> Self {
		Self { leaves: Vec::new(), root: Hash::zero() }
	}

	/// Whether it is that of the file that the chain names.
	pub fn is_of(&self, file: &FileId) -> bool {
		self.root == file.chunk_root
	}

	/// Reads a chunk, and what proves it; none where the file is not any more what the tree was grown from.
	pub fn chunk(&self, shelf: &Shelf, file: &FileId, index: u32) -> Option<(Vec<u8>, Vec<Hash>)> {
		let proof = proof(&self.leaves, index)?;
		let chunk = shelf.chunk(file, index).ok()?;
		(self.leaves.get(index as usize) == Some(&sha256(&chunk))).then_some((chunk, proof))
	}
}

/// The trees of the files that were asked for: 32 bytes for each mebibyte of files that are in the store.
#[derive(Default)]
pub struct Trees(HashMap<Hash, (Stamp, Arc<Tree>)>);

impl Trees {
	/// The tree of a file that is still the one that it was grown from.
	pub fn of(&self, file: &Hash, stamp: Stamp) -> Option<Arc<Tree>> {
		self.0.get(file).filter(|(of, _)| *of == stamp).map(|(_, tree)| tree.clone())
	}

	/// Keeps a tree.
	pub fn keep(&mut self, file: Hash, stamp: Stamp, tree: Tree) {
		self.0.insert(file, (stamp, Arc::new(tree)));
	}

	/// Drops a tree, so that the file is read anew.
	pub fn drop(&mut self, file: &Hash) {
		self.0.remove(file);
	}
}
