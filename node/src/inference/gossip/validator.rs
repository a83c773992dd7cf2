//! The judge, as the gossip engine asks it.

use super::LOG_TARGET;
use crate::inference::{metrics::Metrics, pool::SharedPool};
use parking_lot::Mutex;
use sc_network::{ObservedRole, PeerId, ReputationChange};
use sc_network_gossip::{MessageIntent, ValidationResult, Validator, ValidatorContext};
use sibyl_primitives::{api::KeySetView, AccountId, AuthorityIndex, BlockNumber, Hash, SessionIndex};
use sibyl_runtime::opaque::Block;
use sibyl_votes::{Accepted, HashedBallot, Insertion, Judge, Refusal, Rejection, Relay};
use std::{
	collections::BTreeSet,
	sync::atomic::{AtomicBool, Ordering},
};

/// Tells the network what a peer did.
pub type Report = Box<dyn Fn(PeerId, ReputationChange) + Send + Sync>;

/// Takes ballots into the pool and passes on what is new there. A message's topic is its ballot's id.
pub struct VoteValidator {
	judge: Mutex<Judge<PeerId>>,
	pool: SharedPool,
	metrics: Metrics,
	report: Report,
	peers: Mutex<BTreeSet<PeerId>>,
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
			peers: Mutex::default(),
			has_told_of_newer_version: AtomicBool::new(false),
		}
	}

	/// See [`Judge::follow`].
	pub fn follow(&self, best: BlockNumber, key_sets: Vec<KeySetView>, next: Option<KeySetView>) {
		self.judge.lock().follow(best, key_sets, next);
	}

	/// See [`Judge::finalise`].
	pub fn finalise(&self, session: SessionIndex) {
		self.judge.lock().finalise(session);
	}

	/// See [`Judge::account`].
	pub fn account(&self, session: SessionIndex, index: AuthorityIndex) -> Option<AccountId> {
		self.judge.lock().account(session, index).cloned()
	}

	/// Pools a ballot and passes it on, if that is its turn.
	fn take(
		&self,
		context: &mut dyn ValidatorContext<Block>,
		sender: &PeerId,
		data: &[u8],
		Accepted { account, ballot, relay }: Accepted,
	) -> ValidationResult<Hash> {
		let id = ballot.id();
		let insertion = self.pool.insert(account, ballot, relay);
		self.count(match (insertion, relay) {
			(Insertion::Added, Relay::Now) => "accepted",
			(Insertion::Merged, Relay::Now) => "merged",
			(Insertion::Added | Insertion::Merged, Relay::Later) => "deferred",
			(Insertion::Known, _) => Rejection::Known.name(),
			(Insertion::Crowded, _) => "crowded",
		});
		// The engine passes on what it keeps. It does not keep what is only to be passed on later, or not at all.
		match (insertion, relay) {
			(Insertion::Added, Relay::Now) => {
				// The engine alone would do so at its next tick, up to a second later.
				for peer in self.peers.lock().iter().filter(|peer| *peer != sender) {
					context.send_message(peer, data.to_vec());
				}
				ValidationResult::ProcessAndKeep(id)
			}
			(Insertion::Merged, Relay::Now) => {
				// What the pool has by now may be more than what was sent; what it had before expires.
				if let Some(whole) = self.pool.read(|pool| pool.get(&id).map(HashedBallot::encode)) {
					context.broadcast_message(id, whole, false);
				}
				ValidationResult::Discard
			}
			_ => ValidationResult::Discard,
		}
	}

	fn refuse(&self, sender: &PeerId, Refusal { why, cost }: Refusal) {
		self.count(why.name());
		if cost.reputation() != 0 {
			log::debug!(target: LOG_TARGET, "{sender} sent a ballot that is refused: {why}");
			(self.report)(*sender, ReputationChange::new(cost.reputation(), why.name()));
		}
		if why == Rejection::UnknownVersion && !self.has_told_of_newer_version.swap(true, Ordering::Relaxed) {
			log::warn!(target: LOG_TARGET, "Other nodes send votes of a newer version, which this node ignores: update it");
		}
	}

	fn count(&self, verdict: &str) {
		self.metrics.ballots_received.with_label_values(&[verdict]).inc();
	}
}

impl Validator<Block> for VoteValidator {
	fn new_peer(&self, _: &mut dyn ValidatorContext<Block>, peer: &PeerId, _: ObservedRole) {
		self.peers.lock().insert(*peer);
	}

	fn peer_disconnected(&self, _: &mut dyn ValidatorContext<Block>, peer: &PeerId) {
		self.peers.lock().remove(peer);
	}

	fn validate(
		&self,
		context: &mut dyn ValidatorContext<Block>,
		sender: &PeerId,
		data: &[u8],
	) -> ValidationResult<Hash> {
		let verdict = self.judge.lock().judge(sender, data, |ballot| self.pool.read(|pool| pool.news(ballot)));
		match verdict {
			Ok(accepted) => self.take(context, sender, data, accepted),
			Err(refusal) => {
				self.refuse(sender, refusal);
				ValidationResult::Discard
			}
		}
	}

	fn message_expired<'a>(&'a self) -> Box<dyn FnMut(Hash, &[u8]) -> bool + 'a> {
		// Of a ballot whose outputs came one after another, the whole one is kept.
		Box::new(move |id, data| self.pool.read(|pool| pool.get(&id).is_none_or(|ballot| ballot.bytes() > data.len())))
	}

	fn message_allowed<'a>(&'a self) -> Box<dyn FnMut(&PeerId, MessageIntent, &Hash, &[u8]) -> bool + 'a> {
		// The engine would send all it keeps to everybody at each tick, known or not.
		Box::new(|_, intent, _, _| intent != MessageIntent::PeriodicRebroadcast)
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::inference::mock::{
		ballot_by, ballot_with_outputs, key_sets, output, registry_with_metrics, shared_pool, value, wanted, GENESIS,
		SESSION,
	};
	use codec::Encode;
	use sibyl_primitives::{
		api::BallotStanding,
		output::output_hash,
		vote::{SignedBallot, VersionedBallot},
	};
	use sibyl_votes::BALLOTS_PER_HEIGHT;
	use std::sync::Arc;
	use substrate_prometheus_endpoint::Registry;

	/// What the validator did.
	#[derive(Default)]
	struct Network {
		broadcast: Vec<(Hash, Vec<u8>)>,
		sent: Vec<(PeerId, Vec<u8>)>,
	}

	impl ValidatorContext<Block> for Network {
		fn broadcast_topic(&mut self, _: Hash, _: bool) {}

		fn broadcast_message(&mut self, topic: Hash, message: Vec<u8>, _: bool) {
			self.broadcast.push((topic, message));
		}

		fn send_message(&mut self, peer: &PeerId, message: Vec<u8>) {
			self.sent.push((*peer, message));
		}

		fn send_topic(&mut self, _: &PeerId, _: Hash, _: bool) {}
	}

	struct Test {
		validator: VoteValidator,
		registry: Registry,
		pool: SharedPool,
		reports: Arc<Mutex<Vec<i32>>>,
		network: Network,
		sender: PeerId,
		other: PeerId,
	}

	impl Test {
		/// The sender and one other are peers.
		fn new() -> Self {
			let (pool, reports) = (shared_pool(), Arc::new(Mutex::new(Vec::new())));
			let (registry, metrics) = registry_with_metrics();
			let reported = reports.clone();
			let report = Box::new(move |_, change: ReputationChange| reported.lock().push(change.value));
			let validator = VoteValidator::new(GENESIS, pool.clone(), metrics, report);
			validator.follow(10, key_sets(3), None);
			validator.finalise(SESSION);
			let (sender, other) = (PeerId::random(), PeerId::random());
			let mut network = Network::default();
			for peer in [sender, other] {
				validator.new_peer(&mut network, &peer, ObservedRole::Full);
			}
			Self { validator, registry, pool, reports, network, sender, other }
		}

		/// Whether it is kept.
		fn receive(&mut self, ballot: &SignedBallot) -> bool {
			let result = self.validator.validate(&mut self.network, &self.sender, &bytes(ballot));
			matches!(result, ValidationResult::ProcessAndKeep(topic) if topic == ballot.id())
		}

		fn received(&self, verdict: &str) -> u64 {
			value(&self.registry, "inference_ballots_received_total", Some(verdict))
		}

		fn has(&self, ballot: &SignedBallot) -> bool {
			self.pool.read(|pool| pool.contains(&ballot.id()))
		}
	}

	fn bytes(ballot: &SignedBallot) -> Vec<u8> {
		VersionedBallot::V1(ballot.clone()).encode()
	}

	#[test]
	fn a_good_ballot_is_pooled_and_passed_on_at_once_to_all_but_its_sender() {
		let mut test = Test::new();
		let ballot = ballot_by(0, SESSION, 10);
		assert!(test.receive(&ballot));
		assert_eq!(test.network.sent, [(test.other, bytes(&ballot))]);
		assert!(test.has(&ballot));
		assert!(!test.receive(&ballot), "a second time it is known");
		assert_eq!(test.network.sent.len(), 1);
		assert!(test.reports.lock().is_empty());
		assert_eq!([test.received("accepted"), test.received("known")], [1, 1]);
	}

	#[test]
	fn nothing_is_sent_to_who_has_left() {
		let mut test = Test::new();
		test.validator.peer_disconnected(&mut test.network, &test.other);
		assert!(test.receive(&ballot_by(0, SESSION, 10)));
		assert!(test.network.sent.is_empty());
	}

	#[test]
	fn a_forged_ballot_costs_its_sender_and_goes_nowhere() {
		let mut test = Test::new();
		let mut forged = ballot_by(0, SESSION, 10);
		forged.ballot.authority_index = 1;
		assert!(!test.receive(&forged));
		assert!(test.network.sent.is_empty() && !test.has(&forged));
		assert!(matches!(test.reports.lock()[..], [cost] if cost < -1_000_000));
		assert_eq!(test.received("bad_signature"), 1);
	}

	#[test]
	fn a_ballot_of_a_newer_version_goes_nowhere_and_is_not_held_against_its_sender() {
		let mut test = Test::new();
		let ballot = ballot_by(0, SESSION, 10);
		let mut newer = bytes(&ballot);
		newer[0] += 1;
		let result = test.validator.validate(&mut test.network, &test.sender, &newer);
		assert!(matches!(result, ValidationResult::Discard));
		assert!(test.network.sent.is_empty() && test.network.broadcast.is_empty() && !test.has(&ballot));
		assert!(test.reports.lock().is_empty());
		assert_eq!(test.received("unknown_version"), 1);
		assert!(test.receive(&ballot), "what the same peer says in a known version is taken");
	}

	#[test]
	fn what_finds_no_room_in_the_pool_is_not_passed_on() {
		let mut test = Test::new();
		for at_block in 3..=10 {
			assert!(test.receive(&ballot_by(0, SESSION, at_block)));
		}
		test.network.sent.clear();
		assert!(!test.receive(&ballot_by(0, SESSION, 2)));
		assert!(test.network.sent.is_empty());
		assert_eq!(test.received("crowded"), 1);
	}

	#[test]
	fn what_a_validator_says_beyond_its_quota_is_pooled_and_not_passed_on_yet() {
		let mut test = Test::new();
		for n in 0..BALLOTS_PER_HEIGHT {
			let outputs = [output(n as u8, 8)];
			test.receive(&ballot_with_outputs(0, 10, &outputs, &[]));
		}
		test.network.sent.clear();
		let newest = ballot_by(0, SESSION, 10);
		assert!(!test.receive(&newest) && test.has(&newest));
		assert!(test.network.sent.is_empty());
		assert_eq!(test.received("deferred"), 1);
	}

	#[test]
	fn outputs_that_the_chain_lacks_are_passed_on_with_all_that_the_pool_has_of_the_ballot() {
		let mut test = Test::new();
		let outputs = [output(1, 8), output(2, 8)];
		let with = |there: &[_]| ballot_with_outputs(0, 10, &outputs, there);
		test.receive(&with(&outputs[..1]));
		let lacking = BallotStanding::Wanted {
			deadline: Some(20),
			outputs: vec![output_hash(&outputs[1])],
			has_early_reveals: false,
		};
		let id = with(&[]).id();
		test.pool.change(|pool| pool.answer(Hash::zero(), &[id], vec![lacking]));
		assert!(!test.receive(&with(&outputs[1..])));
		assert_eq!(test.network.broadcast, [(id, bytes(&with(&outputs)))]);
		assert_eq!(test.received("merged"), 1);
		// The message with one output makes room for that with both.
		assert!((test.validator.message_expired())(id, &bytes(&with(&outputs[..1]))));
		assert!(!(test.validator.message_expired())(id, &bytes(&with(&outputs))));
		// What the chain has is not worth a message.
		test.pool.change(|pool| pool.answer(Hash::zero(), &[id], vec![wanted()]));
		assert!(!test.receive(&with(&outputs[1..])));
		assert_eq!(test.network.broadcast.len(), 1);
	}

	#[test]
	fn a_message_expires_when_its_ballot_leaves_the_pool() {
		let mut test = Test::new();
		let ballot = ballot_by(0, SESSION, 10);
		test.receive(&ballot);
		assert!(!(test.validator.message_expired())(ballot.id(), &bytes(&ballot)));
		test.pool.change(|pool| pool.remove(&ballot.id()));
		assert!((test.validator.message_expired())(ballot.id(), &bytes(&ballot)));
	}

	#[test]
	fn nothing_is_sent_again_and_again() {
		let test = Test::new();
		let allowed = |intent| (test.validator.message_allowed())(&test.other, intent, &Hash::zero(), &[]);
		assert!(allowed(MessageIntent::Broadcast));
		assert!(!allowed(MessageIntent::PeriodicRebroadcast));
	}
}
