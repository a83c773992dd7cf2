//! The inherent data of blocks: the slot, the time and the votes.

use super::FullClient;
use crate::inference::{inherent::VotesProvider, pool::SharedPool};
use sibyl_runtime::{opaque::Block, Hash};
use sp_consensus_babe::{inherents::InherentDataProvider as SlotProvider, SlotDuration};
use sp_inherents::CreateInherentDataProviders;
use sp_timestamp::InherentDataProvider as TimestampProvider;
use std::sync::Arc;

/// What BABE's block import checks blocks against.
pub type ImportInherents =
	Arc<dyn CreateInherentDataProviders<Block, (), InherentDataProviders = (SlotProvider, TimestampProvider)>>;

/// What a block of this node's is made with.
pub type AuthoringInherents = (SlotProvider, TimestampProvider, VotesProvider<FullClient>);

/// The slot that the clock says it is, and the time.
fn slot_and_time(slot_duration: SlotDuration) -> (SlotProvider, TimestampProvider) {
	let time = TimestampProvider::from_system_time();
	(SlotProvider::from_timestamp_and_slot_duration(*time, slot_duration), time)
}

/// The providers for imported blocks.
pub fn for_import(slot_duration: SlotDuration) -> ImportInherents {
	Arc::new(move |_parent, ()| async move { Ok(slot_and_time(slot_duration)) })
}

/// The providers for this node's own block after this parent, whose votes are those of the pool.
pub fn for_authoring(
	slot_duration: SlotDuration,
	client: Arc<FullClient>,
	pool: SharedPool,
	parent: Hash,
) -> AuthoringInherents {
	let (slot, time) = slot_and_time(slot_duration);
	(slot, time, VotesProvider::new(client, pool, parent))
}
