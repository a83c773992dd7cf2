//! Reports validators that make two blocks in one slot.
//!
//! sc-consensus-babe 0.60.0 reports them too, but from headers that its verifier has stripped of their seals, so the
//! runtime refuses each of its reports (`InvalidEquivocationProof`) and nobody is punished. Its block import is therefore
//! given a pool that takes nothing, and this task, which sees the headers as they were sealed, reports instead.

use super::FullClient;
use futures::StreamExt;
use sc_client_api::{BlockImportNotification, BlockchainEvents, HeaderBackend};
use sc_transaction_pool_api::OffchainTransactionPoolFactory;
use sibyl_runtime::opaque::{Block, Header};
use sp_api::{ApiError, ApiExt, ProvideRuntimeApi};
use sp_consensus::BlockOrigin;
use sp_consensus_babe::{AuthorityId, AuthorityIndex, BabeApi, EquivocationProof, Slot};
use sp_runtime::traits::Header as _;
use std::{
	collections::{btree_map::Entry, BTreeMap},
	sync::Arc,
};
use substrate_prometheus_endpoint::{register, Counter, PrometheusError, Registry, U64};

const LOG_TARGET: &str = "babe-equivocation";

/// How many slots behind the newest one a second block is still noticed: 50 minutes. BABE's own memory is as long.
const REMEMBERED_SLOTS: u64 = 1_000;

/// The first block seen of each slot and author.
#[derive(Default)]
struct SeenBlocks {
	by_slot: BTreeMap<(Slot, AuthorityIndex), Header>,
}

impl SeenBlocks {
	/// Remembers the block, or returns the other one that its author made in the slot.
	fn note(&mut self, slot: Slot, author: AuthorityIndex, header: Header) -> Option<(Header, Header)> {
		let newest = self.by_slot.last_key_value().map_or(slot, |((newest, _), _)| slot.max(*newest));
		let oldest = newest.saturating_sub(REMEMBERED_SLOTS);
		self.by_slot = self.by_slot.split_off(&(oldest, 0));
		if slot < oldest {
			return None;
		}
		match self.by_slot.entry((slot, author)) {
			Entry::Vacant(vacant) => {
				vacant.insert(header);
				None
			}
			Entry::Occupied(first) if first.get().hash() == header.hash() => None,
			Entry::Occupied(first) => Some((first.get().clone(), header)),
		}
	}
}

/// Why a report was not made.
#[derive(Debug, thiserror::Error)]
enum ReportError {
	#[error("the runtime could not be asked: {0}")]
	Runtime(#[from] ApiError),
	#[error("block {0} has no readable BABE digest")]
	NoDigest(String),
	#[error("authority {0} is not in the epoch's set")]
	UnknownAuthority(AuthorityIndex),
	#[error("the session's keys are no longer known to the chain")]
	NoOwnershipProof,
	#[error("the pool did not take it; it may hold the report already")]
	NotTaken,
}

/// Watches imported blocks and reports equivocations until the node stops.
pub async fn report_equivocations(
	client: Arc<FullClient>,
	pool: OffchainTransactionPoolFactory<Block>,
	registry: Option<Registry>,
) {
	let reported = registry.as_ref().and_then(|registry| reports_metric(registry).ok());
	let mut seen = SeenBlocks::default();
	let mut imports = client.every_import_notification_stream();
	while let Some(import) = imports.next().await {
		match report_if_second(&client, &pool, &mut seen, &import) {
			Ok(false) => {}
			Ok(true) => {
				if let Some(reported) = &reported {
					reported.inc();
				}
			}
			Err(error) => log::warn!(
				target: LOG_TARGET,
				"An equivocation at block #{} ({}) could not be reported: {error}",
				import.header.number(),
				import.hash,
			),
		}
	}
}

fn reports_metric(registry: &Registry) -> Result<Counter<U64>, PrometheusError> {
	register(
		Counter::new("sibyl_babe_equivocation_reports_total", "Reports of a validator's second block in one slot")?,
		registry,
	)
}

fn report_if_second(
	client: &FullClient,
	pool: &OffchainTransactionPoolFactory<Block>,
	seen: &mut SeenBlocks,
	import: &BlockImportNotification<Block>,
) -> Result<bool, ReportError> {
	// What happened long before this node came is not its to report.
	if import.origin == BlockOrigin::NetworkInitialSync {
		return Ok(false);
	}
	let header = &import.header;
	let digest = sc_consensus_babe::find_pre_digest::<Block>(header)
		.map_err(|_| ReportError::NoDigest(header.hash().to_string()))?;
	let (slot, author) = (digest.slot(), digest.authority_index());
	let Some((first, second)) = seen.note(slot, author, header.clone()) else {
		return Ok(false);
	};
	let offender = authority(client, &second, author)?;
	log::info!(
		target: LOG_TARGET,
		"Validator {offender} made two blocks in slot {slot}: {} and {}; reporting it",
		first.hash(),
		second.hash(),
	);
	report(client, pool, EquivocationProof { slot, offender, first_header: first, second_header: second })?;
	Ok(true)
}

/// The author's key, in the epoch of the block.
fn authority(client: &FullClient, header: &Header, index: AuthorityIndex) -> Result<AuthorityId, ReportError> {
	let epoch = client.runtime_api().current_epoch(header.hash())?;
	let (authority, _) = epoch.authorities.get(index as usize).ok_or(ReportError::UnknownAuthority(index))?;
	Ok(authority.clone())
}

fn report(
	client: &FullClient,
	pool: &OffchainTransactionPoolFactory<Block>,
	equivocation: EquivocationProof<Header>,
) -> Result<(), ReportError> {
	let best = client.info().best_hash;
	let ownership_at = |block| {
		client.runtime_api().generate_key_ownership_proof(block, equivocation.slot, equivocation.offender.clone())
	};
	// The session's keys are surely known at the block's parent, unless the block is the first of its session.
	let ownership = match ownership_at(*equivocation.second_header.parent_hash())? {
		Some(proof) => proof,
		None => ownership_at(best)?.ok_or(ReportError::NoOwnershipProof)?,
	};
	let mut api = client.runtime_api();
	api.register_extension(pool.offchain_transaction_pool(best));
	api.submit_report_equivocation_unsigned_extrinsic(best, equivocation, ownership)?.ok_or(ReportError::NotTaken)
}

#[cfg(test)]
mod tests {
	use super::*;

	fn header(number: u32) -> Header {
		Header::new(number, Default::default(), Default::default(), Default::default(), Default::default())
	}

	#[test]
	fn two_different_blocks_of_one_author_in_one_slot_are_an_equivocation() {
		let mut seen = SeenBlocks::default();
		assert!(seen.note(5.into(), 0, header(1)).is_none());
		assert_eq!(seen.note(5.into(), 0, header(2)), Some((header(1), header(2))));
	}

	#[test]
	fn the_same_block_twice_or_blocks_of_other_authors_and_slots_are_none() {
		let mut seen = SeenBlocks::default();
		assert!(seen.note(5.into(), 0, header(1)).is_none());
		assert!(seen.note(5.into(), 0, header(1)).is_none());
		assert!(seen.note(5.into(), 1, header(2)).is_none());
		assert!(seen.note(6.into(), 0, header(3)).is_none());
	}

	#[test]
	fn old_slots_are_forgotten_and_do_not_come_back() {
		let mut seen = SeenBlocks::default();
		assert!(seen.note(5.into(), 0, header(1)).is_none());
		assert!(seen.note((6 + REMEMBERED_SLOTS).into(), 0, header(2)).is_none());
		assert_eq!(seen.by_slot.len(), 1);
		assert!(seen.note(5.into(), 0, header(3)).is_none());
		assert_eq!(seen.by_slot.len(), 1);
	}
}
