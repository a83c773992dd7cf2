//! What padded ballots take from a block, by the weights that are measured.

use super::{
	inference::{block, serve, submit},
	network,
};
use crate::{
	configs::inference::MaxIncludeWeight, genesis, AccountId, Hash, Inference, Runtime, RuntimeOrigin, System,
};
use frame_support::pallet_prelude::ProvideInherent;
use pallet_inference::{Call, Committees, Jobs, Member, Members, Seat, SeatVote};
use sibyl_primitives::{
	inference_key::InferencePair,
	job::{AbstainReason, Seats},
	model::Availability,
	vote::{
		Abstention, Attestation, Ballot, Commit, InherentVotes, Reveal, SignedBallot, VersionedBallot, VoteTarget,
		INHERENT_IDENTIFIER, MAX_ATTESTATIONS, MAX_VOTES,
	},
};
use sp_core::Pair;
use sp_inherents::InherentData;
use sp_keyring::Sr25519Keyring;

/// Seats of a job: each is another validator's.
const SEATS: u32 = 20;

fn bytes(number: u32) -> [u8; 32] {
	let mut bytes = [7; 32];
	bytes[..4].copy_from_slice(&number.to_le_bytes());
	bytes
}

fn key(validator: u32) -> InferencePair {
	InferencePair::from_seed(&bytes(validator))
}

/// Runs the test in a block before which each of so many validators has one seat and has not committed.
fn with_seats(validators: u32, test: impl FnOnce(&[VoteTarget])) {
	network(genesis::LOCAL_TESTNET).execute_with(|| {
		serve();
		block(1, Sr25519Keyring::Alice, || (0..validators / SEATS).for_each(|_| submit(Seats::All)));
		block(2, Sr25519Keyring::Bob, || {});
		for number in 0..validators {
			let member = Member { validator: AccountId::new(bytes(number)), key: key(number).public() };
			Members::<Runtime>::insert(0, number, member);
		}
		let targets: Vec<_> = (0..validators / SEATS).map(|job| seat_validators_of(job.into())).collect();
		block(3, Sr25519Keyring::Charlie, || test(&targets));
	});
}

/// Gives the seats of a job to as many validators; what its votes name.
fn seat_validators_of(job: u64) -> VoteTarget {
	let mut committee = Committees::<Runtime>::get((job, 0)).expect("it is drawn");
	let seat = committee.seats[0].clone();
	let seats = (job as u32 * SEATS..).take(SEATS as usize).map(|number| Seat {
		validator: AccountId::new(bytes(number)),
		authority_index: number,
		..seat.clone()
	});
	committee.seats = seats.collect::<Vec<_>>().try_into().expect("they fit");
	Committees::<Runtime>::insert((job, 0), &committee);
	committee.target(Jobs::<Runtime>::get(job).expect("it is open").fingerprint)
}

/// The validator's commit, and what it adds to it.
fn ballot(validator: u32, targets: &[VoteTarget], pad: impl FnOnce(&mut Ballot)) -> VersionedBallot {
	let mut ballot = Ballot::new(0, validator, 3);
	let (target, seat) = (targets[(validator / SEATS) as usize], (validator % SEATS) as u16);
	let commit = Commit { target, seat, commitment: Hash::repeat_byte(1) };
	ballot.commits.try_push(commit).expect("it is the first");
	pad(&mut ballot);
	let signature = key(validator).sign(&ballot.signing_payload(&System::block_hash(0)));
	VersionedBallot::V1(SignedBallot { ballot, outputs: Default::default(), signature })
}

/// As many votes as fit, each for a job that nobody has submitted.
fn invent(ballot: &mut Ballot, of: u32) {
	let validator = ballot.authority_index;
	let target = |number: u32| {
		let fingerprint = sp_io::hashing::blake2_256(&[bytes(validator), bytes(of), bytes(number)].concat());
		VoteTarget { fingerprint: fingerprint.into(), draw: Hash::zero(), round: 0 }
	};
	let (seat, zero, reason) = (0, Hash::zero(), AbstainReason::TooSlow);
	for vote in 0..MAX_VOTES {
		let [commit, abstention, reveal] = [0, 1, 2].map(|kind| target(3 * vote + kind));
		// One commit is there already, so that the last one has no room.
		let _ = ballot.commits.try_push(Commit { target: commit, seat, commitment: zero });
		ballot.abstentions.try_push(Abstention { target: abstention, seat, reason }).expect("it has room");
		let reveal = Reveal { target: reveal, seat, output_hash: zero, work: zero, salt: zero };
		ballot.reveals.try_push(reveal).expect("it has room");
	}
	assert_eq!(ballot.len() as u32, 3 * MAX_VOTES);
}

/// So many words of models that there are not.
fn speak(ballot: &mut Ballot, words: u32) {
	for model in 0..words {
		let said = Attestation { model: bytes(model).into(), availability: Availability::Withdrawn };
		ballot.attestations.try_push(said).expect("they fit");
	}
}

/// Of so many validators the first ones pad so many ballots each, and all of these come before the honest ones': how many
/// honest ones and liars then have committed, and what part of its weight the block needed for that, in thousandths.
fn committed(validators: u32, liars: u32, ballots: u32, pad: impl Fn(&mut Ballot, u32)) -> (usize, usize, u64) {
	let mut come = (0, 0, 0);
	with_seats(validators, |targets| {
		let padded = (0..ballots)
			.flat_map(|of| (0..liars).map(move |liar| (of, liar)))
			.map(|(of, liar)| ballot(liar, targets, |ballot| pad(ballot, of)));
		let honest = (liars..validators).map(|number| ballot(number, targets, |_| {}));
		let mut data = InherentData::new();
		let votes = InherentVotes::V1(padded.chain(honest).collect());
		data.put_data(INHERENT_IDENTIFIER, &votes).expect("votes encode");
		let Some(Call::include { ballots }) = Inference::create_inherent(&data) else { panic!("votes are wanted") };
		let weight = Inference::include(RuntimeOrigin::none(), ballots).expect("it is the first").actual_weight;
		let weight = weight.expect("the call says what it weighs").ref_time();
		let has_committed = |number: &u32| {
			let committee = Committees::<Runtime>::get((u64::from(number / SEATS), 0)).expect("it is drawn");
			committee.seats[(number % SEATS) as usize].vote != SeatVote::Missing
		};
		come = (
			(liars..validators).filter(has_committed).count(),
			(0..liars).filter(has_committed).count(),
			weight * 1_000 / MaxIncludeWeight::get().ref_time(),
		);
	});
	come
}

#[test]
fn no_honest_vote_is_left_out_for_ballots_that_a_third_of_the_validators_pad() {
	for (validators, liars, ballots) in [(20, 3, 8), (20, 8, 8), (300, 100, 2)] {
		for (kind, pad) in [
			("invented jobs", &invent as &dyn Fn(&mut Ballot, u32)),
			("words of models", &|ballot, _| speak(ballot, MAX_ATTESTATIONS)),
			("few words of models", &|ballot, _| speak(ballot, 4)),
		] {
			let (honest, lying, weight) = committed(validators, liars, ballots, pad);
			println!("{liars} of {validators}, {kind}: {honest} honest and {lying} of theirs, {weight} thousandths");
			assert_eq!(honest as u32, validators - liars, "{liars} of {validators}, {kind}");
		}
	}
}

#[test]
fn where_all_pad_a_block_takes_what_it_has_weight_for() {
	let (_, lying, weight) = committed(20, 20, 1, invent);
	println!("{lying} of 20, {weight} thousandths");
	assert!((1..20).contains(&lying) && weight <= 1_000, "{lying} {weight}");
}
