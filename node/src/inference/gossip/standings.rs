//! Asks the runtime what blocks want of the pool's ballots.
//!
//! The pool is never held while the runtime is asked, and outputs do not go there.

use super::LOG_TARGET;
use crate::inference::pool::SharedPool;
use async_channel::Sender;
use futures::StreamExt;
use sc_client_api::{BlockchainEvents, HeaderBackend};
use sibyl_primitives::api::{BallotStanding, InferenceApi};
use sibyl_runtime::{opaque::Block, Hash};
use sibyl_votes::{HashedBallot, Questions};
use sp_api::{ApiError, ProvideRuntimeApi};
use std::sync::Arc;

/// Why a ballot's standing is not known.
#[derive(Debug, thiserror::Error)]
pub(super) enum StandingError {
	#[error("the runtime can't be asked: {0}")]
	Runtime(#[from] ApiError),
	#[error("the runtime gave {answers} answers to {questions} questions")]
	Incomplete { questions: usize, answers: usize },
}

/// Keeps the standings of the pool's ballots up with the best block, takes out what the finalised state has no use for, and
/// sends on what has turned out to be wanted, until the chain is gone. It may lag: nothing waits for it.
pub async fn follow_standings<Client>(client: Arc<Client>, pool: SharedPool, due: Sender<HashedBallot>)
where
	Client: ProvideRuntimeApi<Block> + HeaderBackend<Block> + BlockchainEvents<Block>,
	Client::Api: InferenceApi<Block>,
{
	let mut imports = client.import_notification_stream().fuse();
	let mut finalised = client.finality_notification_stream().fuse();
	let mut arrivals = pool.arrivals().fuse();
	loop {
		futures::select! {
			import = imports.next() => match import {
				Some(import) if import.is_new_best => {
					judge_all(&*client, &pool);
					for ballot in pool.change(|pool| pool.take_due()) {
						if due.send(ballot).await.is_err() {
							return;
						}
					}
				},
				Some(_) => {},
				None => return,
			},
			finality = finalised.next() => match finality {
				Some(finality) => prune(&*client, &pool, finality.hash),
				None => return,
			},
			() = arrivals.select_next_some() => judge_all(&*client, &pool),
		}
	}
}

/// Judges the ballots that have not been judged after this block, as far as one call of the runtime goes.
pub fn judge_new<Client>(client: &Client, pool: &SharedPool, at: Hash)
where
	Client: ProvideRuntimeApi<Block> + HeaderBackend<Block>,
	Client::Api: InferenceApi<Block>,
{
	match client.number(at) {
		Ok(Some(number)) => pool.change(|pool| pool.follow(at, number)),
		Ok(None) => return,
		Err(error) => {
			log::warn!(target: LOG_TARGET, "The height of {at} can't be read, so new votes are not judged: {error}");
			return;
		}
	}
	judge_some(client, pool);
}

/// Judges all that is not judged at the best block. A block that comes meanwhile is the best one from then on.
fn judge_all<Client>(client: &Client, pool: &SharedPool)
where
	Client: ProvideRuntimeApi<Block> + HeaderBackend<Block>,
	Client::Api: InferenceApi<Block>,
{
	loop {
		let info = client.info();
		pool.change(|pool| pool.follow(info.best_hash, info.best_number));
		if !judge_some(client, pool) {
			return;
		}
	}
}

/// Puts one call to the runtime; whether there may be more to ask.
fn judge_some<Client>(client: &Client, pool: &SharedPool) -> bool
where
	Client: ProvideRuntimeApi<Block>,
	Client::Api: InferenceApi<Block>,
{
	let Questions { at, ids, ballots } = pool.read(|pool| pool.questions());
	if ids.is_empty() {
		return false;
	}
	match ask(client, at, ballots) {
		Ok(standings) => {
			pool.change(|pool| pool.answer(at, &ids, standings));
			true
		}
		Err(error) => {
			log::warn!(target: LOG_TARGET, "Votes can't be judged at {at}: {error}");
			false
		}
	}
}

/// Takes out what is useless at the best block and at the finalised one, too: no reorg brings its use back.
fn prune<Client>(client: &Client, pool: &SharedPool, finalised: Hash)
where
	Client: ProvideRuntimeApi<Block>,
	Client::Api: InferenceApi<Block>,
{
	let mut left = pool.read(|pool| pool.useless());
	while !left.is_empty() {
		let (Questions { at, ids, ballots }, rest) = pool.read(|pool| pool.questions_about(&left, finalised));
		left = rest;
		match ask(client, at, ballots) {
			Ok(standings) => pool.change(|pool| {
				for (id, standing) in ids.iter().zip(standings) {
					if standing == BallotStanding::Useless {
						pool.remove(id);
					}
				}
			}),
			Err(error) => {
				log::warn!(target: LOG_TARGET, "Votes can't be judged at {at}, so they are kept: {error}");
				return;
			}
		}
	}
}

/// What the block after this one would do with each ballot.
pub(super) fn ask<Client>(
	client: &Client,
	at: Hash,
	ballots: Vec<sibyl_primitives::vote::Ballot>,
) -> Result<Vec<BallotStanding>, StandingError>
where
	Client: ProvideRuntimeApi<Block>,
	Client::Api: InferenceApi<Block>,
{
	let questions = ballots.len();
	let standings = client.runtime_api().ballot_standings(at, ballots)?;
	match standings.len() == questions {
		true => Ok(standings),
		false => Err(StandingError::Incomplete { questions, answers: standings.len() }),
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::inference::mock::{account, ballot, shared_pool, wanted, MockChain, EARLY};
	use futures::{executor::LocalPool, task::LocalSpawnExt};
	use sibyl_primitives::{api::MAX_JUDGED_BALLOTS, vote::SignedBallot};
	use sibyl_votes::Relay;

	fn insert(pool: &SharedPool, ballot: SignedBallot, relay: Relay) {
		pool.insert(account(ballot.ballot.authority_index as u8), HashedBallot::new(ballot), relay);
	}

	#[test]
	fn everything_is_judged_with_as_many_calls_as_it_takes() {
		let (chain, pool) = (MockChain::new(), shared_pool());
		for validator in 0..200 {
			chain.set_standing(&ballot(validator, 5), wanted());
			insert(&pool, ballot(validator, 5), Relay::Now);
		}
		judge_all(&chain, &pool);
		assert!(
			(0..200).all(|validator| pool.read(|pool| pool.standing(&ballot(validator, 5).id()) == Some(&wanted())))
		);
		let calls = chain.state().judged.clone();
		assert_eq!(calls.iter().sum::<usize>(), 200);
		assert!(calls.iter().all(|ballots| *ballots <= MAX_JUDGED_BALLOTS as usize));
	}

	#[test]
	fn what_is_useless_at_the_finalised_block_leaves_and_the_rest_stays() {
		let (chain, pool) = (MockChain::new(), shared_pool());
		for (validator, standing) in
			[BallotStanding::Useless, wanted(), EARLY].into_iter().cycle().take(240).enumerate()
		{
			let ballot = ballot(validator as u32, 20);
			chain.set_standing(&ballot, standing);
			insert(&pool, ballot, Relay::Now);
		}
		judge_all(&chain, &pool);
		// A reorg may still bring this one's use back.
		chain.set_standing(&ballot(0, 20), EARLY);
		prune(&chain, &pool, chain.info().finalized_hash);
		assert_eq!(pool.read(|pool| pool.len()), 161);
		assert!(pool.read(|pool| pool.contains(&ballot(0, 20).id()) && !pool.contains(&ballot(3, 20).id())));
	}

	#[test]
	fn nothing_is_removed_where_the_runtime_cannot_be_asked() {
		let (chain, pool) = (MockChain::new(), shared_pool());
		chain.set_standing(&ballot(0, 5), BallotStanding::Useless);
		insert(&pool, ballot(0, 5), Relay::Now);
		judge_all(&chain, &pool);
		chain.state().fails = true;
		prune(&chain, &pool, chain.info().finalized_hash);
		judge_all(&chain, &pool);
		assert_eq!(pool.read(|pool| pool.len()), 1);
	}

	#[test]
	fn ballots_are_judged_when_they_come_and_sent_on_at_a_new_block_if_that_was_put_off() {
		let (chain, pool) = (Arc::new(MockChain::new()), shared_pool());
		let (sender, due) = async_channel::unbounded();
		let mut executor = LocalPool::new();
		let task = follow_standings(chain.clone(), pool.clone(), sender);
		executor.spawner().spawn_local(task).expect("the executor is there");
		executor.run_until_stalled();
		chain.set_standing(&ballot(0, 1), wanted());
		insert(&pool, ballot(0, 1), Relay::Later);
		executor.run_until_stalled();
		assert_eq!(pool.read(|pool| pool.standing(&ballot(0, 1).id()).cloned()), Some(wanted()));
		assert!(due.try_recv().is_err());
		chain.import_best(1);
		executor.run_until_stalled();
		assert_eq!(due.try_recv().map(|ballot| ballot.id()), Ok(ballot(0, 1).id()));
	}
}
