//! How nodes give each other the files of the chain's models.
//!
//! The chain names each file by its size, its SHA-256 and the root of a Merkle tree over its chunks. So a chunk from
//! anybody can be checked as soon as it comes, and a file can be put together from many peers, none of which is trusted.
//!
//! ```text
//!        chain: files that it lists              chain: files that this node lacks
//!                   │                                         │
//! peer ──request──▶ Server ◀──reads── Shelf ◀──keeps chunks── Fetcher ──requests──▶ peers
//!      ◀──chunk──────┘               (folder)                    ◀──chunks and proofs──┘
//! ```
//!
//! # What others can make a node do
//!
//! - Whoever *asks* names a file, and a chunk by its index. Only files that the chain lists are given, under their hashes in
//!   one folder. Requests, bytes and reads at once are budgeted, for each peer and together: see [`Limits`].
//! - Whoever *answers* can send what it likes, or nothing. A chunk counts once it and its proof lead to the root that the
//!   chain names; who sends another loses reputation and is not asked again. Nobody else can be blamed for it: a request
//!   names the root and the size too, so a node whose file of that hash has others says that it lacks the file.
//! - Whoever *registers* a model can name a root or a size that is not the file's. Then nobody has that file, or it is given
//!   up once all of it is there. What is fetched at all is bounded by the operator.

mod budget;
mod fetcher;
mod leaves;
mod merkle;
mod message;
mod metrics;
mod network;
mod partial;
mod progress;
mod server;
mod shelf;
#[cfg(test)]
mod testing;

pub use fetcher::{Fetcher, Patience};
pub use merkle::chunk_root;
pub use message::{protocol_config, protocol_name};
pub use metrics::Metrics;
pub use network::{Network, NodeNetwork, Unanswered};
pub use progress::{Fetching, Progress};
pub use server::{Limits, Listed, Server};
pub use shelf::Shelf;

use codec::{Decode, Encode, MaxEncodedLen};
use sibyl_primitives::{model::ModelFile, Hash};

const LOG_TARGET: &str = "files";

/// A file, as the chain names it. Files that differ in any of this are different ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, MaxEncodedLen)]
pub struct FileId {
	/// The SHA-256 of all of it.
	pub sha256: Hash,
	/// Its size in bytes.
	pub size: u64,
	/// The root of the Merkle tree over its chunks.
	pub chunk_root: Hash,
}

impl From<&ModelFile> for FileId {
	fn from(ModelFile { sha256, size, chunk_root, .. }: &ModelFile) -> Self {
		Self { sha256: *sha256, size: *size, chunk_root: *chunk_root }
	}
}

/// A file that this node lacks, and what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
	/// The file.
	pub file: FileId,
	/// The name of its model, for the log.
	pub model: String,
}
