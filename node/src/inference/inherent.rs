//! Hands the pool's votes to the block that this node makes.

use super::pool::SharedPool;
use sibyl_primitives::vote::{InherentVotes, VersionedBallot, INHERENT_IDENTIFIER};
use sp_inherents::{Error, InherentData, InherentDataProvider, InherentIdentifier};

/// Bytes of votes that a block's author hands to the runtime, which takes what fits into the block.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// The votes for the next block.
pub struct VotesProvider(SharedPool);

impl VotesProvider {
	/// Votes of this pool, as they are when the slot has been claimed.
	pub fn new(pool: SharedPool) -> Self {
		Self(pool)
	}
}

#[async_trait::async_trait]
impl InherentDataProvider for VotesProvider {
	async fn provide_inherent_data(&self, inherent_data: &mut InherentData) -> Result<(), Error> {
		let ballots: Vec<_> = self.0.for_block(MAX_BYTES).into_iter().map(VersionedBallot::V1).collect();
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
	use crate::inference::mock::{ballot, shared_pool};
	use futures::executor::block_on;

	fn votes(pool: &SharedPool) -> Option<InherentVotes> {
		let data = block_on(VotesProvider::new(pool.clone()).create_inherent_data()).expect("there is no other data");
		data.get_data(&INHERENT_IDENTIFIER).expect("the data can be read")
	}

	#[test]
	fn no_votes_are_no_data() {
		assert_eq!(votes(&shared_pool()), None);
	}

	#[test]
	fn the_votes_are_those_of_the_pool_when_the_block_is_made() {
		let pool = shared_pool();
		let provider = VotesProvider::new(pool.clone());
		pool.insert(ballot(1, 5));
		let data = block_on(provider.create_inherent_data()).expect("there is no other data");
		let votes = data.get_data(&INHERENT_IDENTIFIER).expect("the data can be read");
		assert_eq!(votes, Some(InherentVotes::V1(vec![VersionedBallot::V1(ballot(1, 5))])));
	}
}
