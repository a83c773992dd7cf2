//! What happened in a block.

use codec::Decode;
use frame_support::storage::storage_prefix;
use sc_client_api::{Backend, StorageProvider};
use sibyl_primitives::Hash;
use sibyl_runtime::{opaque::Block, RuntimeEvent};
use sp_core::storage::StorageKey;

type EventRecord = frame_system::EventRecord<RuntimeEvent, Hash>;

/// A block's events; none where the node does not keep its state, or where its runtime is newer than this program.
pub fn of<Database: Backend<Block>>(client: &impl StorageProvider<Block, Database>, block: Hash) -> Vec<RuntimeEvent> {
	let key = StorageKey(storage_prefix(b"System", b"Events").to_vec());
	let events = client.storage(block, &key).ok().flatten();
	let events = events.and_then(|events| Vec::<EventRecord>::decode(&mut &events.0[..]).ok());
	events.into_iter().flatten().map(|record| record.event).collect()
}
