//! The bundles that this node's own offchain worker writes.

use super::LOG_TARGET;
use crate::inference::{metrics::Metrics, pool::SharedPool};
use sc_client_api::HeaderBackend;
use sibyl_primitives::{
	api::{BundleStanding, InferenceApi},
	vote::{SignedBallot, VoteBundle},
};
use sibyl_runtime::opaque::Block;
use sp_api::{ApiError, ProvideRuntimeApi};
use std::sync::Arc;

/// Decides which of the worker's bundles leave this node.
pub struct OwnBundles<Client> {
	client: Arc<Client>,
	pool: SharedPool,
	metrics: Metrics,
}

impl<Client> OwnBundles<Client>
where
	Client: ProvideRuntimeApi<Block> + HeaderBackend<Block>,
	Client::Api: InferenceApi<Block>,
{
	/// Bundles for this pool, of a worker on this chain.
	pub fn new(client: Arc<Client>, pool: SharedPool, metrics: Metrics) -> Self {
		Self { client, pool, metrics }
	}

	/// Takes a bundle into the pool, and returns what is to be sent of it.
	pub fn take(&self, bundle: VoteBundle) -> Option<SignedBallot> {
		let standing = self.standing(&bundle);
		let VoteBundle::V1(ballot) = bundle;
		let held_back = match standing {
			Ok(Some(BundleStanding::Useless)) => Some("useless"),
			// The worker's run was late, or on another fork: on this chain others could still copy what it reveals.
			Ok(Some(BundleStanding::Early)) if !ballot.ballot.reveals.is_empty() => Some("early_reveal"),
			Ok(Some(_)) => None,
			Ok(None) => Some("not_judged"),
			Err(error) => {
				log::warn!(target: LOG_TARGET, "The runtime can't judge this node's own votes, so they are not sent: {error}");
				Some("not_judged")
			}
		};
		self.metrics.bundles_sent.with_label_values(&[held_back.unwrap_or("sent")]).inc();
		if let Some(why) = held_back {
			log::debug!(target: LOG_TARGET, "A bundle made at #{} is not sent: {why}", ballot.ballot.at_block);
			return None;
		}
		log::debug!(
			target: LOG_TARGET,
			"Sending a bundle made at #{}: {} commits, {} abstentions, {} reveals, {} attestations",
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
	fn standing(&self, bundle: &VoteBundle) -> Result<Option<BundleStanding>, ApiError> {
		let best = self.client.info().best_hash;
		Ok(self.client.runtime_api().bundle_standings(best, vec![bundle.clone()])?.first().copied())
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::inference::mock::{ballot, ballot_with_outputs, metrics, output, shared_pool, MockChain};

	fn take(ballot: &SignedBallot, standing: Option<BundleStanding>) -> Option<SignedBallot> {
		let chain = Arc::new(MockChain::new());
		if let Some(standing) = standing {
			chain.state().standings.insert(ballot.id(), standing);
		} else {
			chain.state().fails = true;
		}
		let pool = shared_pool();
		let sent = OwnBundles::new(chain, pool.clone(), metrics()).take(VoteBundle::V1(ballot.clone()));
		assert_eq!(pool.read(|pool| pool.contains(&ballot.id())), sent.is_some());
		sent
	}

	fn revealing() -> SignedBallot {
		let outputs = [output(1, 8)];
		ballot_with_outputs(0, 5, &outputs, &outputs)
	}

	#[test]
	fn wanted_bundles_are_pooled_and_sent_whole() {
		for ballot in [ballot(0, 5), revealing()] {
			let wanted = BundleStanding::Wanted { deadline: 9 };
			assert_eq!(take(&ballot, Some(wanted)), Some(ballot));
		}
	}

	#[test]
	fn useless_bundles_are_not_sent() {
		assert_eq!(take(&ballot(0, 5), Some(BundleStanding::Useless)), None);
	}

	#[test]
	fn an_early_reveal_is_held_back_and_an_early_commit_is_not() {
		assert_eq!(take(&revealing(), Some(BundleStanding::Early)), None);
		assert_eq!(take(&ballot(0, 5), Some(BundleStanding::Early)), Some(ballot(0, 5)));
	}

	#[test]
	fn what_cannot_be_judged_is_held_back() {
		assert_eq!(take(&revealing(), None), None);
		assert_eq!(take(&ballot(0, 5), None), None);
	}
}
