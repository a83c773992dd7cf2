//! The judge, as the gossip engine asks it.

use super::judge::{Judge, Rejection};
use crate::inference::{metrics::Metrics, pool::SharedPool};
use parking_lot::Mutex;
use sc_network::{PeerId, ReputationChange};
use sc_network_gossip::{MessageIntent, ValidationResult, Validator, ValidatorContext};
use sibyl_primitives::{api::KeySetView, BlockNumber, Hash};
use sibyl_runtime::opaque::Block;
use std::sync::atomic::{AtomicBool, Ordering};

const LOG_TARGET: &str = "inference::gossip";

/// Tells the network what a peer did.
pub type Report = Box<dyn Fn(PeerId, ReputationChange) + Send + Sync>;

/// Takes ballots into the pool and passes them on. A message's topic is its ballot's id.
pub struct VoteValidator {
	judge: Mutex<Judge>,
	pool: SharedPool,
	metrics: Metrics,
	report: Report,
	/// Whom the message that is being passed on came from: it need not have it back.
	sender: Mutex<Option<PeerId>>,
	has_told_of_newer_version: AtomicBool,
}

impl VoteValidator {
	/// One that fills the pool, for the chain of this genesis.
	pub fn new(genesis: Hash, pool: SharedPool, metrics: Metrics, report: Report) -> Self {
		Self {
			judge: Mutex::new(Judge::new(genesis)),
			pool,
			metrics,
			report,
			sender: Mutex::new(None),
			has_told_of_newer_version: AtomicBool::new(false),
		}
	}

	/// Judges by this best block from now on.
	pub fn follow(&self, best: BlockNumber, key_sets: Vec<KeySetView>) {
		self.judge.lock().follow(best, key_sets);
	}

	fn reject(&self, peer: &PeerId, rejection: Rejection) {
		if let Some(cost) = rejection.cost() {
			log::debug!(target: LOG_TARGET, "{peer} sent a ballot that is refused: {}", rejection.name());
			(self.report)(*peer, cost);
		}
		if rejection == Rejection::UnknownVersion && !self.has_told_of_newer_version.swap(true, Ordering::Relaxed) {
			log::warn!(target: LOG_TARGET, "Other nodes send votes of a newer version, which this node ignores: update it");
		}
	}
}

impl Validator<Block> for VoteValidator {
	fn validate(
		&self,
		context: &mut dyn ValidatorContext<Block>,
		sender: &PeerId,
		data: &[u8],
	) -> ValidationResult<Hash> {
		let verdict = self.judge.lock().judge(data, &self.pool);
		let name = verdict.as_ref().err().map_or("accepted", |rejection| rejection.name());
		self.metrics.ballots_received.with_label_values(&[name]).inc();
		match verdict {
			Ok(ballot) => {
				let id = ballot.id();
				self.pool.insert(ballot);
				// Keeping it alone would pass it on only at the engine's next tick, up to a second later.
				*self.sender.lock() = Some(*sender);
				context.broadcast_message(id, data.to_vec(), false);
				*self.sender.lock() = None;
				ValidationResult::ProcessAndKeep(id)
			}
			Err(rejection) => {
				self.reject(sender, rejection);
				ValidationResult::Discard
			}
		}
	}

	fn message_expired<'a>(&'a self) -> Box<dyn FnMut(Hash, &[u8]) -> bool + 'a> {
		Box::new(move |id, _| !self.pool.read(|pool| pool.contains(&id)))
	}

	fn message_allowed<'a>(&'a self) -> Box<dyn FnMut(&PeerId, MessageIntent, &Hash, &[u8]) -> bool + 'a> {
		let sender = *self.sender.lock();
		// The engine would send all it keeps to everybody at each tick, known or not.
		Box::new(move |peer, intent, _, _| intent != MessageIntent::PeriodicRebroadcast && Some(*peer) != sender)
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::inference::mock::{ballot_by, key_sets, metrics, shared_pool, GENESIS, SESSION};
	use codec::Encode;
	use sibyl_primitives::vote::{SignedBallot, VersionedBallot};
	use std::sync::Arc;

	/// What the validator did.
	#[derive(Default)]
	struct Network {
		broadcast: Vec<(Hash, Vec<u8>)>,
	}

	impl ValidatorContext<Block> for Network {
		fn broadcast_topic(&mut self, _: Hash, _: bool) {}

		fn broadcast_message(&mut self, topic: Hash, message: Vec<u8>, _: bool) {
			self.broadcast.push((topic, message));
		}

		fn send_message(&mut self, _: &PeerId, _: Vec<u8>) {}

		fn send_topic(&mut self, _: &PeerId, _: Hash, _: bool) {}
	}

	struct Test {
		validator: VoteValidator,
		pool: SharedPool,
		reports: Arc<Mutex<Vec<i32>>>,
		network: Network,
		peer: PeerId,
	}

	impl Test {
		fn new() -> Self {
			let (pool, reports) = (shared_pool(), Arc::new(Mutex::new(Vec::new())));
			let reported = reports.clone();
			let report = Box::new(move |_, change: ReputationChange| reported.lock().push(change.value));
			let validator = VoteValidator::new(GENESIS, pool.clone(), metrics(), report);
			validator.follow(10, key_sets(3));
			Self { validator, pool, reports, network: Network::default(), peer: PeerId::random() }
		}

		/// Whether it is kept.
		fn receive(&mut self, ballot: &SignedBallot) -> bool {
			let bytes = VersionedBallot::V1(ballot.clone()).encode();
			let result = self.validator.validate(&mut self.network, &self.peer, &bytes);
			matches!(result, ValidationResult::ProcessAndKeep(topic) if topic == ballot.id())
		}
	}

	#[test]
	fn a_good_ballot_is_pooled_and_passed_on_at_once() {
		let mut test = Test::new();
		let ballot = ballot_by(0, SESSION, 10);
		assert!(test.receive(&ballot));
		assert_eq!(test.network.broadcast, [(ballot.id(), VersionedBallot::V1(ballot.clone()).encode())]);
		assert!(test.pool.read(|pool| pool.contains(&ballot.id())));
		assert!(test.reports.lock().is_empty());
		assert!(!test.receive(&ballot), "a second time it is known");
		assert_eq!(test.network.broadcast.len(), 1);
		assert!(test.reports.lock().is_empty());
	}

	#[test]
	fn a_forged_ballot_costs_its_sender_and_goes_nowhere() {
		let mut test = Test::new();
		let mut forged = ballot_by(0, SESSION, 10);
		forged.ballot.authority_index = 1;
		assert!(!test.receive(&forged));
		assert!(test.network.broadcast.is_empty() && test.pool.read(|pool| pool.ids().is_empty()));
		assert!(matches!(test.reports.lock()[..], [cost] if cost < -1_000_000));
		assert_eq!(test.validator.metrics.ballots_received.with_label_values(&["bad_signature"]).get(), 1);
	}

	#[test]
	fn a_message_expires_when_its_ballot_leaves_the_pool() {
		let mut test = Test::new();
		let ballot = ballot_by(0, SESSION, 10);
		test.receive(&ballot);
		assert!(!(test.validator.message_expired())(ballot.id(), &[]));
		test.pool.change(|pool| pool.remove(&ballot.id()));
		assert!((test.validator.message_expired())(ballot.id(), &[]));
	}

	#[test]
	fn nobody_is_sent_what_it_has() {
		let test = Test::new();
		let other = PeerId::random();
		let allowed = |peer, intent| (test.validator.message_allowed())(peer, intent, &Hash::zero(), &[]);
		assert!(allowed(&other, MessageIntent::Broadcast));
		assert!(!allowed(&other, MessageIntent::PeriodicRebroadcast));
		*test.validator.sender.lock() = Some(test.peer);
		assert!(allowed(&other, MessageIntent::Broadcast));
		assert!(!allowed(&test.peer, MessageIntent::Broadcast));
	}
}
