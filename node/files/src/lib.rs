//! How nodes give each other the files of the chain's models.
//!
//! The chain names each file by its size, its SHA-256 and the root of a Merkle tree over its chunks. So a chunk from
//! anybody can be checked as soon as it comes.

mod merkle;

pub use merkle::chunk_root;
