//! The ballots that this node's own offchain worker writes.

use super::{standings::ask, validator::VoteValidator, LOG_TARGET};
use crate::inference::{metrics::Metrics, pool::SharedPool};
use sc_client_api::HeaderBackend;
use sibyl_primitives::{
	api::{BallotStanding, InferenceApi},
	vote::{Ballot, VersionedBallot},
	AccountId,
};
use sibyl_runtime::{opaque::Block, Hash};
use sibyl_votes::{HashedBallot, Relay};
use sp_api::ProvideRuntimeApi;
use std::sync::Arc;

/// Says whether the chain is being synced.
pub type IsSyncing = Box<dyn Fn() -> bool + Send + Sync>;

/// Why a ballot of the worker does not leave this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum HeldBack {
	/// The worker ran at a block of long ago.
	#[error("the chain is being synced")]
	Syncing,
	/// The runtime can't be asked.
	#[error("it can't be judged")]
	NotJudged,
	/// The chain has it all, or takes none of it.
	#[error("it is of no use")]
	Useless,
	/// The worker's run was late, or on another fork: on this chain others could still copy what it reveals.
	#[error("it has reveals before their time")]
	EarlyReveal,
	/// No session has this validator here.
	#[error("its validator is not known at the best block")]
	NoSuchAuthority,
}

impl HeldBack {
	/// Its name in metrics.
	fn name(self) -> &'static str {
		match self {
			Self::Syncing => "syncing",
			Self::NotJudged => "not_judged",
			Self::Useless => "useless",
			Self::EarlyReveal => "early_reveal",
			Self::NoSuchAuthority => "no_such_authority",
		}
	}
}

/// Decides which of the worker's ballots leave this node.
pub struct OwnBallots<Client> {
	client: Arc<Client>,
	validator: Arc<VoteValidator>,
	pool: SharedPool,
	metrics: Metrics,
	is_syncing: IsSyncing,
}

impl<Client> OwnBallots<Client>
where
	Client: ProvideRuntimeApi<Block> + HeaderBackend<Block>,
	Client::Api: InferenceApi<Block>,
{
	/// Ballots for this pool, of a worker on this chain.
	pub fn new(
		client: Arc<Client>,
		validator: Arc<VoteValidator>,
		pool: SharedPool,
		metrics: Metrics,
		is_syncing: IsSyncing,
	) -> Self {
		Self { client, validator, pool, metrics, is_syncing }
	}

	/// Takes a ballot into the pool, and returns what is to be sent.
	pub fn take(&self, VersionedBallot::V1(signed): VersionedBallot) -> Option<HashedBallot> {
		let ballot = HashedBallot::new(signed);
		let votes = ballot.ballot();
		let (account, at, standing) = match self.examine(votes) {
			Ok(examined) => examined,
			Err(held_back) => {
				self.count(held_back.name());
				log::debug!(target: LOG_TARGET, "A ballot made at #{} is not sent: {held_back}", votes.at_block);
				return None;
			}
		};
		self.count("sent");
		log::debug!(
			target: LOG_TARGET,
			"Sending a ballot made at #{}: {} commits, {} abstentions, {} reveals, {} attestations",
			votes.at_block,
			votes.commits.len(),
			votes.abstentions.len(),
			votes.reveals.len(),
			votes.attestations.len(),
		);
		self.pool.insert(account, ballot.clone(), Relay::Now);
		self.pool.change(|pool| pool.answer(at, &[ballot.id()], vec![standing]));
		Some(ballot)
	}

	/// Whose it is, and what the block after the best one would do with it: the worker's own block may be another by now.
	fn examine(&self, ballot: &Ballot) -> Result<(AccountId, Hash, BallotStanding), HeldBack> {
		if (self.is_syncing)() {
			return Err(HeldBack::Syncing);
		}
		let best = self.client.info().best_hash;
		let standing = match ask(&*self.client, best, vec![ballot.clone()]) {
			Ok(mut standings) => standings.pop().ok_or(HeldBack::NotJudged)?,
			Err(error) => {
				log::warn!(target: LOG_TARGET, "This node's own votes can't be judged, so they are not sent: {error}");
				return Err(HeldBack::NotJudged);
			}
		};
		match standing {
			BallotStanding::Useless => return Err(HeldBack::Useless),
			BallotStanding::Early { has_early_reveals: true }
			| BallotStanding::Wanted { has_early_reveals: true, .. } => return Err(HeldBack::EarlyReveal),
			BallotStanding::Early { .. } | BallotStanding::Wanted { .. } => {}
		}
		let account =
			self.validator.account(ballot.session, ballot.authority_index).ok_or(HeldBack::NoSuchAuthority)?;
		Ok((account, best, standing))
	}

	fn count(&self, outcome: &str) {
		self.metrics.ballots_sent.with_label_values(&[outcome]).inc();
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::inference::mock::{
		ballot, ballot_by, ballot_with_outputs, key_sets, output, registry_with_metrics, shared_pool, value, wanted,
		MockChain, EARLY, GENESIS, SESSION,
	};
	use sibyl_primitives::vote::SignedBallot;

	struct Test {
		chain: Arc<MockChain>,
		is_syncing: bool,
	}

	impl Test {
		fn new() -> Self {
			Self { chain: Arc::new(MockChain::new()), is_syncing: false }
		}

		/// What becomes of the ballot, as the metrics say it.
		fn take(&self, ballot: &SignedBallot) -> &'static str {
			let (registry, metrics) = registry_with_metrics();
			let pool = shared_pool();
			let validator = Arc::new(VoteValidator::new(GENESIS, pool.clone(), metrics.clone(), Box::new(|_, _| {})));
			validator.follow(5, key_sets(3), None);
			let is_syncing = self.is_syncing;
			let own =
				OwnBallots::new(self.chain.clone(), validator, pool.clone(), metrics, Box::new(move || is_syncing));
			let sent = own.take(VersionedBallot::V1(ballot.clone()));
			assert_eq!(pool.read(|pool| pool.contains(&ballot.id())), sent.is_some());
			if let Some(sent) = &sent {
				assert_eq!(sent.signed(), ballot);
			}
			let outcomes = ["sent", "syncing", "not_judged", "useless", "early_reveal", "no_such_authority"];
			let counted = |outcome: &&str| value(&registry, "inference_ballots_sent_total", Some(outcome)) == 1;
			let outcome = outcomes.into_iter().find(counted).expect("it is counted");
			assert_eq!(outcome == "sent", sent.is_some());
			outcome
		}

		fn take_standing(ballot: &SignedBallot, standing: BallotStanding) -> &'static str {
			let test = Self::new();
			test.chain.set_standing(ballot, standing);
			test.take(ballot)
		}
	}

	fn revealing() -> SignedBallot {
		let outputs = [output(1, 8)];
		ballot_with_outputs(0, 5, &outputs, &outputs)
	}

	#[test]
	fn wanted_ballots_are_pooled_and_sent_whole() {
		assert_eq!(Test::take_standing(&ballot(0, 5), wanted()), "sent");
		assert_eq!(Test::take_standing(&revealing(), wanted()), "sent");
	}

	#[test]
	fn a_ballot_that_is_wanted_for_some_votes_and_reveals_too_early_is_held_back() {
		let mixed = BallotStanding::Wanted { deadline: Some(9), outputs: Vec::new(), has_early_reveals: true };
		assert_eq!(Test::take_standing(&revealing(), mixed), "early_reveal");
	}

	#[test]
	fn an_early_reveal_is_held_back_and_an_early_commit_is_not() {
		assert_eq!(
			Test::take_standing(&revealing(), BallotStanding::Early { has_early_reveals: true }),
			"early_reveal"
		);
		assert_eq!(Test::take_standing(&ballot(0, 5), EARLY), "sent");
	}

	#[test]
	fn useless_ballots_are_held_back() {
		assert_eq!(Test::take_standing(&ballot(0, 5), BallotStanding::Useless), "useless");
	}

	#[test]
	fn nothing_is_sent_while_the_chain_syncs() {
		let test = Test { is_syncing: true, ..Test::new() };
		test.chain.set_standing(&ballot(0, 5), wanted());
		assert_eq!(test.take(&ballot(0, 5)), "syncing");
		assert!(test.chain.state().judged.is_empty(), "nor is anything asked");
	}

	#[test]
	fn what_cannot_be_judged_is_held_back() {
		let test = Test::new();
		test.chain.state().fails = true;
		assert_eq!(test.take(&revealing()), "not_judged");
	}

	#[test]
	fn a_ballot_of_a_set_that_this_node_does_not_know_is_held_back() {
		assert_eq!(Test::take_standing(&ballot_by(0, SESSION + 1, 5), EARLY), "no_such_authority");
	}
}
