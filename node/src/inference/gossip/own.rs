//! The ballots that this node's own offchain worker writes.

use super::LOG_TARGET;
use crate::inference::{metrics::Metrics, pool::SharedPool};
use sc_client_api::HeaderBackend;
use sibyl_primitives::{
	api::{BallotStanding, InferenceApi},
	vote::{SignedBallot, VersionedBallot},
};
use sibyl_runtime::opaque::Block;
use sp_api::{ApiError, ProvideRuntimeApi};
use std::sync::Arc;

/// Decides which of the worker's ballots leave this node.
pub struct OwnBallots<Client> {
	client: Arc<Client>,
	pool: SharedPool,
	metrics: Metrics,
}

impl<Client> OwnBallots<Client>
where
	Client: ProvideRuntimeApi<Block> + HeaderBackend<Block>,
	Client::Api: InferenceApi<Block>,
{
	/// Ballots for this pool, of a worker on this chain.
	pub fn new(client: Arc<Client>, pool: SharedPool, metrics: Metrics) -> Self {
		Self { client, pool, metrics }
	}

	/// Takes a ballot into the pool, and returns what is to be sent of it.
	pub fn take(&self, ballot: VersionedBallot) -> Option<SignedBallot> {
		let standing = self.standing(&ballot);
		let VersionedBallot::V1(ballot) = ballot;
		let held_back = match standing {
			Ok(Some(BallotStanding::Useless)) => Some("useless"),
			// The worker's run was late, or on another fork: on this chain others could still copy what it reveals.
			Ok(Some(BallotStanding::Early)) if !ballot.ballot.reveals.is_empty() => Some("early_reveal"),
			Ok(Some(_)) => None,
			Ok(None) => Some("not_judged"),
			Err(error) => {
				log::warn!(target: LOG_TARGET, "The runtime can't judge this node's own votes, so they are not sent: {error}");
				Some("not_judged")
			}
		};
		self.metrics.ballots_sent.with_label_values(&[held_back.unwrap_or("sent")]).inc();
		if let Some(why) = held_back {
			log::debug!(target: LOG_TARGET, "A ballot made at #{} is not sent: {why}", ballot.ballot.at_block);
			return None;
		}
		log::debug!(
			target: LOG_TARGET,
			"Sending a ballot made at #{}: {} commits, {} abstentions, {} reveals, {} attestations",
			ballot.ballot.at_block,
			ballot.ballot.commits.len(),
			ballot.ballot.abstentions.len(),
			ballot.ballot.reveals.len(),
			ballot.ballot.attestations.len(),
		);
		self.pool.insert(ballot.clone());
		Some(ballot)
	}

	/// What the block after the best one would do with it; the worker's own block may be another by now.
	fn standing(&self, ballot: &VersionedBallot) -> Result<Option<BallotStanding>, ApiError> {
		let best = self.client.info().best_hash;
		Ok(self.client.runtime_api().ballot_standings(best, vec![ballot.clone()])?.first().copied())
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::inference::mock::{ballot, ballot_with_outputs, metrics, output, shared_pool, MockChain};

	fn take(ballot: &SignedBallot, standing: Option<BallotStanding>) -> Option<SignedBallot> {
		let chain = Arc::new(MockChain::new());
		if let Some(standing) = standing {
			chain.state().standings.insert(ballot.id(), standing);
		} else {
			chain.state().fails = true;
		}
		let pool = shared_pool();
		let sent = OwnBallots::new(chain, pool.clone(), metrics()).take(VersionedBallot::V1(ballot.clone()));
		assert_eq!(pool.read(|pool| pool.contains(&ballot.id())), sent.is_some());
		sent
	}

	fn revealing() -> SignedBallot {
		let outputs = [output(1, 8)];
		ballot_with_outputs(0, 5, &outputs, &outputs)
	}

	#[test]
	fn wanted_ballots_are_pooled_and_sent_whole() {
		for ballot in [ballot(0, 5), revealing()] {
			let wanted = BallotStanding::Wanted { deadline: 9 };
			assert_eq!(take(&ballot, Some(wanted)), Some(ballot));
		}
	}

	#[test]
	fn useless_ballots_are_not_sent() {
		assert_eq!(take(&ballot(0, 5), Some(BallotStanding::Useless)), None);
	}

	#[test]
	fn an_early_reveal_is_held_back_and_an_early_commit_is_not() {
		assert_eq!(take(&revealing(), Some(BallotStanding::Early)), None);
		assert_eq!(take(&ballot(0, 5), Some(BallotStanding::Early)), Some(ballot(0, 5)));
	}

	#[test]
	fn what_cannot_be_judged_is_held_back() {
		assert_eq!(take(&revealing(), None), None);
		assert_eq!(take(&ballot(0, 5), None), None);
	}
}
