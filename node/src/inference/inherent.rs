//! Hands the pool's votes to the block that this node makes.

use super::{gossip::judge_new, pool::SharedPool};
use sc_client_api::HeaderBackend;
use sibyl_primitives::{
	api::InferenceApi,
	vote::{InherentVotes, VersionedBallot, INHERENT_IDENTIFIER},
};
use sibyl_runtime::{opaque::Block, Hash};
use sp_api::ProvideRuntimeApi;
use sp_inherents::{Error, InherentData, InherentDataProvider, InherentIdentifier};
use std::sync::Arc;

/// Bytes of votes that a block's author hands to the runtime, which takes what fits into the block.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// The votes for the block after this parent.
pub struct VotesProvider<Client> {
	client: Arc<Client>,
	pool: SharedPool,
	parent: Hash,
}

impl<Client> VotesProvider<Client> {
	/// Votes of this pool, as they are when the slot has been claimed.
	pub fn new(client: Arc<Client>, pool: SharedPool, parent: Hash) -> Self {
		Self { client, pool, parent }
	}
}

#[async_trait::async_trait]
impl<Client> InherentDataProvider for VotesProvider<Client>
where
	Client: ProvideRuntimeApi<Block> + HeaderBackend<Block>,
	Client::Api: InferenceApi<Block>,
{
	async fn provide_inherent_data(&self, inherent_data: &mut InherentData) -> Result<(), Error> {
		// The ballots that came with the last import, or since, may not have been judged yet.
		judge_new(&*self.client, &self.pool, self.parent);
		let ballots: Vec<_> =
			self.pool.read(|pool| pool.for_block(MAX_BYTES)).into_iter().map(VersionedBallot::V1).collect();
		if ballots.is_empty() {
			return Ok(());
		}
		inherent_data.put_data(INHERENT_IDENTIFIER, &InherentVotes::V1(ballots))
	}

	async fn try_handle_error(&self, _: &InherentIdentifier, _: &[u8]) -> Option<Result<(), Error>> {
		// The runtime refuses no block for its votes.
		None
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::inference::mock::{account, ballot, shared_pool, wanted, MockChain};
	use futures::executor::block_on;
	use sibyl_primitives::{api::BallotStanding, vote::SignedBallot};
	use sibyl_votes::{HashedBallot, Relay};

	fn votes(chain: &Arc<MockChain>, pool: &SharedPool) -> Option<InherentVotes> {
		let provider = VotesProvider::new(chain.clone(), pool.clone(), chain.info().best_hash);
		let data = block_on(provider.create_inherent_data()).expect("there is no other data");
		data.get_data(&INHERENT_IDENTIFIER).expect("the data can be read")
	}

	fn insert(pool: &SharedPool, ballot: SignedBallot) {
		pool.insert(account(ballot.ballot.authority_index as u8), HashedBallot::new(ballot), Relay::Now);
	}

	#[test]
	fn no_votes_are_no_data() {
		assert_eq!(votes(&Arc::new(MockChain::new()), &shared_pool()), None);
	}

	#[test]
	fn the_votes_are_those_that_the_parents_state_wants_when_the_block_is_made() {
		let (chain, pool) = (Arc::new(MockChain::new()), shared_pool());
		for (validator, standing) in [(0, wanted()), (1, BallotStanding::Useless), (2, wanted())] {
			chain.set_standing(&ballot(validator, 5), standing);
			insert(&pool, ballot(validator, 5));
		}
		let Some(InherentVotes::V1(votes)) = votes(&chain, &pool) else { panic!("there are votes") };
		let validators: Vec<_> =
			votes.iter().map(|VersionedBallot::V1(signed)| signed.ballot.authority_index).collect();
		assert_eq!(validators.len(), 2);
		assert!(validators.contains(&0) && validators.contains(&2));
	}

	#[test]
	fn votes_that_nobody_can_judge_are_not_lost() {
		let (chain, pool) = (Arc::new(MockChain::new()), shared_pool());
		chain.state().fails = true;
		insert(&pool, ballot(1, 5));
		assert_eq!(votes(&chain, &pool), Some(InherentVotes::V1(vec![VersionedBallot::V1(ballot(1, 5))])));
	}
}
