//! Messages of every kind from a peer, up to the data of a block.

use super::*;
use crate::inference::{
	inherent::VotesProvider,
	mock::{
		ballot_by, ballot_with_outputs, key_sets, metrics, output, shared_pool, wanted, MockChain, EARLY, GENESIS,
		SESSION,
	},
};
use codec::Encode;
use futures::executor::block_on;
use parking_lot::Mutex;
use sc_network::{ObservedRole, PeerId, ReputationChange};
use sc_network_gossip::{ValidationResult, Validator, ValidatorContext};
use sibyl_fuzzing::{fuzz, Random};
use sibyl_primitives::{
	api::BallotStanding,
	vote::{InherentVotes, SignedBallot, INHERENT_IDENTIFIER},
};
use sp_inherents::InherentDataProvider;

/// What was sent on.
#[derive(Default)]
struct Sent(Vec<(PeerId, Vec<u8>)>);

impl ValidatorContext<Block> for Sent {
	fn broadcast_topic(&mut self, _: Hash, _: bool) {}
	fn broadcast_message(&mut self, _: Hash, _: Vec<u8>, _: bool) {}
	fn send_message(&mut self, peer: &PeerId, message: Vec<u8>) {
		self.0.push((*peer, message));
	}
	fn send_topic(&mut self, _: &PeerId, _: Hash, _: bool) {}
}

fn honest(random: &mut Random) -> SignedBallot {
	let (validator, at) = (random.below(3) as u32, 8 + random.below(5) as u32);
	match random.one_in(2) {
		true => ballot_by(validator, SESSION, at),
		false => {
			let outputs = [output(random.below(4) as u8, 1 + random.below(40))];
			ballot_with_outputs(validator, at, &outputs, &outputs[..random.below(2)])
		}
	}
}

#[test]
fn what_a_peer_sends_is_passed_on_if_it_is_good_and_comes_to_a_block_as_it_was() {
	let (mut kept, mut blamed) = (0, 0);
	let ran = fuzz(100, |case| {
		let (chain, pool, reports) = (Arc::new(MockChain::new()), shared_pool(), Arc::new(Mutex::new(0)));
		let reported = reports.clone();
		let report = Box::new(move |_, change: ReputationChange| *reported.lock() += i64::from(change.value));
		let validator = VoteValidator::new(GENESIS, pool.clone(), metrics(), report);
		validator.follow(10, key_sets(3), None);
		validator.finalise(SESSION);
		let (sender, other) = (PeerId::random(), PeerId::random());
		let mut sent = Sent::default();
		for peer in [sender, other] {
			validator.new_peer(&mut sent, &peer, ObservedRole::Full);
		}
		for _ in 0..30 {
			let random = &mut case.random;
			let ballot = honest(random);
			let standing = [wanted(), EARLY, BallotStanding::Useless][random.below(3)].clone();
			chain.set_standing(&ballot, standing);
			let mut data = VersionedBallot::V1(ballot).encode();
			let is_honest = !random.one_in(2);
			match random.below(4) {
				_ if is_honest => {}
				0 => {
					let length = random.length();
					data = random.bytes(length);
				}
				_ => random.mutate(&mut data),
			}
			case.tries(&data);
			let before = *reports.lock();
			match validator.validate(&mut sent, &sender, &data) {
				ValidationResult::ProcessAndKeep(id) => {
					let read = HashedBallot::decode(&data).expect("it was read");
					assert!(read.id() == id && pool.read(|pool| pool.contains(&id)));
					kept += 1;
				}
				ValidationResult::ProcessAndDiscard(_) | ValidationResult::Discard => {}
			}
			assert!(*reports.lock() <= before);
			blamed += i32::from(*reports.lock() < before);
			let mut expired = validator.message_expired();
			for (peer, message) in sent.0.drain(..) {
				assert!(peer == other && message == data);
				expired(Hash::zero(), &message);
			}
		}
		let provider = VotesProvider::new(chain.clone(), pool.clone(), chain.info().best_hash);
		let data = block_on(provider.create_inherent_data()).expect("there is no other data");
		let votes = data.get_data::<InherentVotes>(&INHERENT_IDENTIFIER).expect("it can be read");
		let Some(InherentVotes::V1(ballots)) = votes else { return };
		for VersionedBallot::V1(ballot) in ballots {
			assert!(pool.read(|pool| pool.contains(&ballot.id())));
		}
	});
	assert!(ran == 1 || (kept > 200 && blamed > 100), "{kept} {blamed}");
}
