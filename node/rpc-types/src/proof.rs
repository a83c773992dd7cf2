//! What shows that a block's state holds a result, as JSON.

use serde::{Deserialize, Serialize};
use sibyl_primitives::{BlockNumber, Hash};
use sp_core::Bytes;

/// A proof: the trie's nodes from the state's root to the entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResultProof {
	/// The block.
	pub block_hash: Hash,
	/// Its height.
	pub block_number: BlockNumber,
	/// Whether this node has it as final: only a justification shows that to who does not trust the node.
	pub finalized: bool,
	/// Its header, SCALE-encoded; its BLAKE2b-256 is the block's hash.
	pub header: Bytes,
	/// The keys of the storage's entries: the job's and its output's.
	pub keys: Vec<Bytes>,
	/// The nodes that hold them, or show that one is not there.
	pub proof: Vec<Bytes>,
}
