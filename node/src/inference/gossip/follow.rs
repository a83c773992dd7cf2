//! Keeps the judge's keys and the pool up with the chain.

use super::{validator::VoteValidator, LOG_TARGET};
use crate::inference::pool::SharedPool;
use futures::StreamExt;
use sc_client_api::{BlockchainEvents, HeaderBackend};
use sibyl_primitives::{
	api::{BallotStanding, InferenceApi},
	vote::VersionedBallot,
	BlockNumber,
};
use sibyl_runtime::{opaque::Block, Hash};
use sp_api::{ApiError, ProvideRuntimeApi};
use sp_runtime::traits::Header as _;
use std::sync::Arc;

/// Ballots that the runtime is asked about at a time.
const CHUNK: usize = 32;

/// Follows the best block and the finalised one until the chain is gone.
pub async fn follow_chain<Client>(client: Arc<Client>, validator: Arc<VoteValidator>, pool: SharedPool)
where
	Client: ProvideRuntimeApi<Block> + HeaderBackend<Block> + BlockchainEvents<Block>,
	Client::Api: InferenceApi<Block>,
{
	let mut imports = client.import_notification_stream().fuse();
	let mut finalised = client.finality_notification_stream().fuse();
	let info = client.info();
	update_keys(&*client, &validator, info.best_hash, info.best_number);
	loop {
		futures::select! {
			import = imports.next() => match import {
				Some(import) if import.is_new_best => {
					update_keys(&*client, &validator, import.hash, *import.header.number());
				},
				Some(_) => {},
				None => return,
			},
			finality = finalised.next() => match finality {
				Some(finality) => {
					// Blocks are finalised without notice of their import while the chain syncs.
					let info = client.info();
					update_keys(&*client, &validator, info.best_hash, info.best_number);
					prune(&*client, &pool, finality.hash, *finality.header.number());
				},
				None => return,
			},
		}
	}
}

fn update_keys<Client>(client: &Client, validator: &VoteValidator, best: Hash, number: BlockNumber)
where
	Client: ProvideRuntimeApi<Block>,
	Client::Api: InferenceApi<Block>,
{
	match client.runtime_api().key_sets(best) {
		Ok(key_sets) => validator.follow(number, key_sets),
		Err(error) => log::warn!(target: LOG_TARGET, "The validators' keys can't be read at #{number}: {error}"),
	}
}

/// Takes out what the finalised state has no use for.
fn prune<Client>(client: &Client, pool: &SharedPool, finalised: Hash, number: BlockNumber)
where
	Client: ProvideRuntimeApi<Block>,
	Client::Api: InferenceApi<Block>,
{
	pool.change(|pool| pool.drop_older(number));
	for ids in pool.read(|pool| pool.ids()).chunks(CHUNK) {
		match useless(client, pool, finalised, ids) {
			Ok(useless) => pool.change(|pool| useless.iter().for_each(|id| pool.remove(id))),
			Err(error) => {
				log::warn!(target: LOG_TARGET, "The runtime can't judge votes at #{number}, so they are kept: {error}");
				return;
			}
		}
	}
}

fn useless<Client>(client: &Client, pool: &SharedPool, at: Hash, ids: &[Hash]) -> Result<Vec<Hash>, ApiError>
where
	Client: ProvideRuntimeApi<Block>,
	Client::Api: InferenceApi<Block>,
{
	// The pool is not held during the runtime's call; what leaves it meanwhile is gone twice.
	let (ids, ballots): (Vec<_>, Vec<_>) = pool.read(|pool| {
		let ballot = |id: &Hash| pool.get(id).map(|ballot| (*id, VersionedBallot::V1(ballot.clone())));
		ids.iter().filter_map(ballot).unzip()
	});
	let standings = client.runtime_api().ballot_standings(at, ballots)?;
	let is_useless = |(_, standing): &(Hash, BallotStanding)| *standing == BallotStanding::Useless;
	Ok(ids.into_iter().zip(standings).filter(is_useless).map(|(id, _)| id).collect())
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::inference::mock::{ballot, shared_pool, MockChain};
	use sibyl_primitives::vote::BALLOT_LONGEVITY;

	#[test]
	fn what_the_finalised_state_has_recorded_leaves_and_the_rest_stays() {
		let (chain, pool) = (MockChain::new(), shared_pool());
		let wanted = BallotStanding::Wanted { deadline: 99 };
		for (validator, standing) in
			[BallotStanding::Useless, wanted, BallotStanding::Early].into_iter().cycle().take(3 * CHUNK).enumerate()
		{
			let ballot = ballot(validator as u32, 20);
			chain.state().standings.insert(ballot.id(), standing);
			pool.insert(ballot);
		}
		prune(&chain, &pool, chain.info().finalized_hash, 20);
		let left = pool.read(|pool| pool.ids());
		assert_eq!(left.len(), 2 * CHUNK);
		assert!(left.iter().all(|id| chain.state().standings[id] != BallotStanding::Useless));
	}

	#[test]
	fn old_ballots_leave_even_where_the_runtime_cannot_be_asked() {
		let (chain, pool) = (MockChain::new(), shared_pool());
		chain.state().fails = true;
		pool.insert(ballot(0, 5));
		pool.insert(ballot(1, 6));
		prune(&chain, &pool, chain.info().finalized_hash, 6 + BALLOT_LONGEVITY);
		assert_eq!(pool.read(|pool| pool.ids()), [ballot(1, 6).id()]);
	}
}
