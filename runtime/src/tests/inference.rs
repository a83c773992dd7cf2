//! Jobs in real blocks: with BABE's own VRFs, and full of votes.

use super::{changed, network};
use crate::{
	configs::{
		inference::{KeySetHistory, MaxIncludeWeight, MaxOpenJobs, ReportedOffences, RevealWindow},
		payment::TargetBlockFullness,
		system::RuntimeBlockWeights,
	},
	genesis, models, AccountId, AllPalletsWithSystem, Babe, Balances, BlockNumber, Executive, Hash, Header, Inference,
	Runtime, RuntimeCall, RuntimeOrigin, System, UncheckedExtrinsic,
};
use codec::{Decode, Encode};
use frame_support::{
	assert_noop, assert_ok,
	dispatch::{DispatchClass, GetDispatchInfo},
	traits::{
		fungible::{Inspect, Mutate},
		Hooks, TryState, TryStateSelect,
	},
	BoundedVec,
};
use pallet_inference::{Attested, Offences as _};
use sibyl_primitives::{
	api::MAX_LISTED_OPEN_JOBS,
	job::{JobOptions, Seats, MAX_DRAW_DELAY},
	model::{Availability, Pace},
	vote::{Ballot, Commit, SignedBallot, VersionedBallot, VoteTarget, MAX_BALLOTS, MAX_VOTES},
};
use sp_consensus_babe::{
	digests::{CompatibleDigestItem, PreDigest, SecondaryVRFPreDigest},
	make_vrf_sign_data, Slot,
};
use sp_core::crypto::VrfSecret;
use sp_io::TestExternalities;
use sp_keyring::Sr25519Keyring;
use sp_runtime::{
	traits::{Dispatchable, Header as _},
	transaction_validity::InvalidTransaction,
	Digest, DigestItem, Perquintill, TokenError,
};

pub(super) const FIRST_SLOT: u64 = 1_000;

/// A chain of four validators that all serve the model. At the test's end the state of all pallets is checked.
pub(super) fn chain(test: impl FnOnce()) {
	network(genesis::LOCAL_TESTNET).execute_with(|| {
		serve();
		test();
		AllPalletsWithSystem::try_state(System::block_number(), TryStateSelect::All).expect("all invariants hold");
	});
}

/// Has all validators serve the model.
pub(super) fn serve() {
	let pace = Pace { job: 1_000, input_unit: 1, output_unit: 0 };
	let model = models::common_lingua().revision.id();
	let members = pallet_inference::Members::<Runtime>::iter_prefix_values(0).map(|member| member.validator);
	let attestations = members.map(|validator| {
		(model, Attested { validator, availability: Availability::Serves(pace), made_at: 0, session: 0 })
	});
	pallet_inference::Incoming::<Runtime>::put(BoundedVec::truncate_from(attestations.collect()));
	Inference::on_finalize(0);
}

pub(super) fn account(who: Sr25519Keyring) -> AccountId {
	who.to_account_id()
}

/// The digest by which the author claims the slot, with its VRF.
pub(super) fn claim(author: Sr25519Keyring, slot: Slot) -> DigestItem {
	let authorities = pallet_babe::Authorities::<Runtime>::get();
	let place = authorities.iter().position(|(key, _)| key.as_ref() as &[u8] == author.public().as_ref() as &[u8]);
	let data = make_vrf_sign_data(&pallet_babe::Randomness::<Runtime>::get(), slot, Babe::current_epoch().epoch_index);
	DigestItem::babe_pre_digest(PreDigest::SecondaryVRF(SecondaryVRFPreDigest {
		authority_index: place.expect("the author is an authority") as u32,
		slot,
		vrf_signature: author.pair().vrf_sign(&data),
	}))
}

/// Makes a block of these calls, as its author would.
pub(super) fn block(number: BlockNumber, author: Sr25519Keyring, calls: impl FnOnce()) {
	let slot = Slot::from(FIRST_SLOT + u64::from(number));
	let digest = Digest { logs: vec![claim(author, slot)] };
	let parent = if number == 1 { System::block_hash(0) } else { System::parent_hash() };
	Executive::initialize_block(&Header::new(number, Hash::zero(), Hash::zero(), parent, digest));
	let now = *slot * crate::constants::SLOT_DURATION;
	apply(pallet_timestamp::Call::set { now }.into());
	calls();
	Executive::finalize_block();
}

/// Applies the call as an extrinsic that nobody signs.
pub(super) fn apply(call: RuntimeCall) {
	let applied = Executive::apply_extrinsic(UncheckedExtrinsic::new_bare(call)).expect("the extrinsic is valid");
	assert_ok!(applied);
}

pub(super) fn submit(seats: Seats) {
	let call = RuntimeCall::Inference(pallet_inference::Call::submit {
		model: models::common_lingua().revision.id(),
		input: "Which language is this?".into(),
		options: JobOptions { seats, ..Default::default() },
		max_fee: u128::MAX,
	});
	assert_ok!(call.dispatch(RuntimeOrigin::signed(account(Sr25519Keyring::Ferdie))));
}

/// The draw of a job submitted in block 1, given the authors of blocks 1 and 2.
fn draw_of(first: Sr25519Keyring, second: Sr25519Keyring) -> Hash {
	let mut draw = Hash::zero();
	chain(|| {
		block(1, first, || submit(Seats::Fixed(3)));
		assert!(pallet_inference::Committees::<Runtime>::get((0, 0)).is_none());
		block(2, second, || {});
		draw = pallet_inference::Committees::<Runtime>::get((0, 0))
			.expect("it is drawn at the end of the block after")
			.draw;
	});
	draw
}

#[test]
fn a_committee_is_drawn_from_the_vrf_of_the_block_after_the_submission_and_not_of_the_submissions() {
	use Sr25519Keyring::{Alice, Bob, Charlie};
	assert_ne!(draw_of(Alice, Bob), draw_of(Alice, Charlie));
	assert_eq!(draw_of(Alice, Bob), draw_of(Charlie, Bob));
}

#[test]
fn seats_know_the_stake_of_their_validators_from_genesis_on() {
	chain(|| {
		let electorate = pallet_inference::Electorate::<Runtime>::get();
		assert_eq!(electorate.len(), 4);
		assert!(electorate.iter().all(|elector| elector.stake == 100_000 * crate::constants::SIB));
	});
}

#[test]
fn validators_of_every_preset_have_a_service_bond() {
	chain(|| {
		for elector in pallet_inference::Electorate::<Runtime>::get() {
			assert_eq!(Inference::validator_view(elector.validator).bond, 1_000 * crate::constants::SIB);
		}
		assert!(
			pallet_inference::OutOfService::<Runtime>::get().is_empty(),
			"bonds are placed after the first session"
		);
	});
}

#[test]
fn who_has_no_service_bond_at_genesis_is_out_of_service() {
	let unbonded = serde_json::json!({ "inference": { "serviceBonds": [] } });
	TestExternalities::from(changed(genesis::LOCAL_TESTNET, unbonded)).execute_with(|| {
		assert_eq!(pallet_inference::OutOfService::<Runtime>::get().len(), 4);
	});
}

#[test]
fn a_third_session_still_takes_the_votes_of_the_first() {
	chain(|| {
		for number in 1..=45 {
			block(number, Sr25519Keyring::Alice, || {});
		}
		let session = pallet_session::CurrentIndex::<Runtime>::get();
		assert_eq!(session, 2);
		for voting in 0..=session {
			assert!(pallet_inference::Members::<Runtime>::contains_key(voting, 0), "{voting}");
		}
	});
}

#[test]
fn on_the_test_network_keys_vote_longer_than_a_round_takes_however_late_the_agenda_is() {
	network(genesis::TESTNET).execute_with(|| {
		let slots = KeySetHistory::get() * Babe::current_epoch().duration as BlockNumber;
		let round = pallet_models::MAX_COMMIT_WINDOW + RevealWindow::get();
		let late = Inference::max_delay();
		println!("{slots} slots; a round of {round} blocks, by {late} late for each of its ends");
		// Where every slot has a block.
		assert!(slots > round + 2 * late);
	});
}

#[test]
fn the_keys_of_the_next_session_are_those_that_it_has_when_it_begins() {
	chain(|| {
		block(1, Sr25519Keyring::Alice, || {});
		let next = Inference::next_key_set_view().expect("the next session is known");
		assert_eq!(next.session, 1);
		for number in 2..=21 {
			block(number, Sr25519Keyring::Alice, || {});
		}
		assert_eq!(pallet_session::CurrentIndex::<Runtime>::get(), 1);
		assert_eq!(Inference::key_sets_view().first(), Some(&next));
	});
}

#[test]
fn who_equivocates_and_who_is_contradicted_is_slashed_once() {
	chain(|| {
		for number in 1..=3 {
			block(number, Sr25519Keyring::Alice, || {});
		}
		let bob = account(Sr25519Keyring::Bob);
		let unapplied = || pallet_staking::UnappliedSlashes::<Runtime>::iter().flat_map(|(_, slashes)| slashes).count();
		ReportedOffences::contradicted(vec![bob.clone()], 0, (7, 0));
		ReportedOffences::contradicted(vec![bob.clone()], 0, (7, 0));
		assert_eq!(unapplied(), 1, "one offence for a seat");
		let seat = Hash::repeat_byte(1);
		assert!(!ReportedOffences::is_known_equivocation(&bob, &seat));
		assert!(ReportedOffences::equivocated(None, bob.clone(), 0, seat));
		assert!(ReportedOffences::is_known_equivocation(&bob, &seat));
		assert!(!ReportedOffences::equivocated(None, bob, 0, seat));
		assert_eq!(unapplied(), 2, "ten percent are more than two");
	});
}

/// Ballots as full as can be of commits that no job knows.
fn junk(ballots: u32) -> Vec<VersionedBallot> {
	let commit = Commit {
		target: VoteTarget { fingerprint: Hash::repeat_byte(1), draw: Hash::zero(), round: 0 },
		seat: 0,
		commitment: Hash::zero(),
	};
	(0..ballots)
		.map(|index| {
			let mut ballot = Ballot::new(0, index % 4, 1);
			ballot.commits = vec![commit; MAX_VOTES as usize].try_into().expect("as many as fit");
			let signature = [index as u8; 64].to_vec();
			let signature = Decode::decode(&mut &signature[..]).expect("64 bytes are a signature");
			VersionedBallot::V1(SignedBallot { ballot, outputs: Default::default(), signature })
		})
		.collect()
}

#[test]
fn an_include_full_of_junk_stays_within_its_weight() {
	chain(|| {
		block(1, Sr25519Keyring::Alice, || submit(Seats::All));
		block(2, Sr25519Keyring::Bob, || {
			let before = System::block_weight().get(DispatchClass::Mandatory).ref_time();
			// As many as a block's length takes.
			let ballots = junk(180).try_into().expect("as many as fit");
			apply(pallet_inference::Call::include { ballots }.into());
			let weight = System::block_weight().get(DispatchClass::Mandatory).ref_time() - before;
			let base = crate::configs::system::RuntimeBlockWeights::get().get(DispatchClass::Mandatory).base_extrinsic;
			let bound = MaxIncludeWeight::get().ref_time() + 2 * base.ref_time();
			assert!(weight <= bound, "the call weighs {weight}, more than {bound}");
			assert!(4 * weight > bound, "the junk is a good part of what it may weigh: {weight} of {bound}");
		});
		assert!(pallet_inference::Committees::<Runtime>::get((0, 0)).is_some());
	});
}

#[test]
fn who_would_hold_all_places_of_open_jobs_must_keep_blocks_so_full_that_fees_rise() {
	chain(|| {
		// A job that is open for long, and as cheap as any.
		let smallest = pallet_inference::Call::<Runtime>::submit {
			model: models::common_lingua().revision.id(),
			input: "x".into(),
			options: JobOptions { seats: Seats::Fixed(1), draw_delay: MAX_DRAW_DELAY, ..Default::default() },
			max_fee: 1,
		};
		let weights = RuntimeBlockWeights::get();
		let base = weights.get(DispatchClass::Normal).base_extrinsic;
		let job = smallest.get_dispatch_info().call_weight.saturating_add(base).ref_time();
		let blocks_open = u64::from(MAX_DRAW_DELAY) + 3;
		let jobs_a_block = u64::from(MaxOpenJobs::get()) / blocks_open;
		let normal = weights.get(DispatchClass::Normal).max_total.expect("it has a limit").ref_time();
		let fullness = Perquintill::from_rational(jobs_a_block * job, normal);
		println!("{jobs_a_block} jobs a block, {fullness:?} of what users may fill");
		assert!(fullness > TargetBlockFullness::get());
	});
}

#[test]
fn one_answer_lists_all_jobs_that_can_be_open() {
	assert!(MaxOpenJobs::get() <= MAX_LISTED_OPEN_JOBS);
}

#[test]
fn a_second_include_makes_a_block_invalid() {
	chain(|| {
		block(1, Sr25519Keyring::Alice, || {
			let call =
				|| UncheckedExtrinsic::new_bare(pallet_inference::Call::include { ballots: Default::default() }.into());
			assert_ok!(Executive::apply_extrinsic(call()).expect("the first is valid"));
			assert_eq!(Executive::apply_extrinsic(call()), Err(InvalidTransaction::BadMandatory.into()));
		});
	});
}

#[test]
fn ballots_beyond_their_bounds_and_bytes_that_are_none_do_not_decode_as_an_extrinsic() {
	let mut ballots = junk(MAX_BALLOTS);
	ballots.push(ballots[0].clone());
	let index = |call: &[u8]| call[..2].to_vec();
	let call = RuntimeCall::Inference(pallet_inference::Call::include { ballots: Default::default() }).encode();
	for arguments in [ballots.encode(), vec![0xff; 4_000]] {
		let call = [index(&call), arguments].concat();
		let extrinsic = [vec![0x05], call].concat().encode();
		assert!(UncheckedExtrinsic::decode(&mut &extrinsic[..]).is_err());
	}
}

#[test]
fn the_protocols_account_can_take_a_share_below_the_existential_deposit() {
	use frame_support::traits::tokens::Preservation::Preserve;
	chain(|| {
		let protocol = Inference::protocol_account();
		let before = Balances::balance(&protocol);
		let give = |to: &AccountId| Balances::transfer(&account(Sr25519Keyring::Ferdie), to, 1, Preserve);
		assert_ok!(give(&protocol));
		assert_eq!(Balances::balance(&protocol), before + 1);
		// Nobody else gets so little who has nothing.
		assert_noop!(give(&AccountId::new([77; 32])), TokenError::BelowMinimum);
	});
}
