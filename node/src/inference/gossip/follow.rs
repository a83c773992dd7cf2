//! Keeps the judge's keys up with the chain.
//!
//! This is a task of its own, apart from what asks about the pool's ballots: a judge that lags refuses good ballots.

use super::{validator::VoteValidator, LOG_TARGET};
use futures::StreamExt;
use sc_client_api::{BlockchainEvents, HeaderBackend};
use sibyl_primitives::{
	api::{InferenceApi, KeySetView},
	BlockNumber,
};
use sibyl_runtime::{opaque::Block, Hash};
use sp_api::{ApiError, ProvideRuntimeApi};
use sp_runtime::traits::Header as _;
use std::sync::Arc;

/// Follows the best block and the finalised one until the chain is gone.
pub async fn follow_keys<Client>(client: Arc<Client>, validator: Arc<VoteValidator>)
where
	Client: ProvideRuntimeApi<Block> + HeaderBackend<Block> + BlockchainEvents<Block>,
	Client::Api: InferenceApi<Block>,
{
	let mut imports = client.import_notification_stream().fuse();
	let mut finalised = client.finality_notification_stream().fuse();
	let info = client.info();
	update_keys(&*client, &validator, info.best_hash, info.best_number);
	update_finalised(&*client, &validator, info.finalized_hash);
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
					update_finalised(&*client, &validator, finality.hash);
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
	match keys(client, best) {
		Ok((key_sets, next)) => validator.follow(number, key_sets, next),
		Err(error) => log::warn!(target: LOG_TARGET, "The validators' keys can't be read at #{number}: {error}"),
	}
}

fn keys<Client>(client: &Client, at: Hash) -> Result<(Vec<KeySetView>, Option<KeySetView>), ApiError>
where
	Client: ProvideRuntimeApi<Block>,
	Client::Api: InferenceApi<Block>,
{
	let api = client.runtime_api();
	Ok((api.key_sets(at)?, api.next_key_set(at)?))
}

fn update_finalised<Client>(client: &Client, validator: &VoteValidator, finalised: Hash)
where
	Client: ProvideRuntimeApi<Block>,
	Client::Api: InferenceApi<Block>,
{
	match client.runtime_api().key_sets(finalised) {
		// The newest comes first.
		Ok(key_sets) => {
			if let Some(set) = key_sets.first() {
				validator.finalise(set.session);
			}
		}
		Err(error) => log::warn!(target: LOG_TARGET, "The finalised session can't be read at {finalised}: {error}"),
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::inference::mock::{account, key_set, key_sets, metrics, shared_pool, MockChain, GENESIS, SESSION};
	use futures::{executor::LocalPool, task::LocalSpawnExt};

	#[test]
	fn the_judge_knows_the_keys_of_the_best_block_and_of_the_session_after() {
		let chain = Arc::new(MockChain::new());
		chain.state().key_sets = key_sets(2);
		chain.state().next_key_set = Some(key_set(SESSION + 1, 3));
		let validator = Arc::new(VoteValidator::new(GENESIS, shared_pool(), metrics(), Box::new(|_, _| {})));
		let mut executor = LocalPool::new();
		let task = follow_keys(chain.clone(), validator.clone());
		executor.spawner().spawn_local(task).expect("the executor is there");
		executor.run_until_stalled();
		assert_eq!(validator.account(SESSION, 1), Some(account(1)));
		assert_eq!(validator.account(SESSION + 1, 2), Some(account(2)));
		assert_eq!(validator.account(SESSION + 2, 0), None);

		chain.state().next_key_set = Some(key_set(SESSION + 2, 1));
		chain.import_best(1);
		executor.run_until_stalled();
		assert_eq!(validator.account(SESSION + 2, 0), Some(account(0)));
	}
}
