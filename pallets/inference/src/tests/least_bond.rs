//! Who has less than the least service bond serves no model.

use crate::{mock::*, *};
use frame_support::assert_ok;
use sibyl_primitives::{api::BallotStanding, model::Availability};

const SERVES: Availability = Availability::Serves(PACE);

fn unbond(validator: u8, amount: Balance) {
	assert_ok!(Inference::unbond_service(RuntimeOrigin::signed(account(validator)), amount));
}

fn bond(validator: u8, amount: Balance) {
	assert_ok!(Inference::bond_service(RuntimeOrigin::signed(account(validator)), amount));
}

#[test]
fn who_takes_its_bond_back_is_out_of_service_and_all_is_answered_by_the_others() {
	Chain::default().run(|| {
		unbond(3, BOND);
		assert!(has_event(Event::Underbonded { validator: account(3) }));
		assert_eq!(serving(), 4, "its author knows the VRF of the block's draws");
		next_block();
		assert_eq!(serving(), 3);
		assert_eq!(seated(drawn(all_seats())), [0, 1, 2]);
	});
}

#[test]
fn the_least_bond_is_enough() {
	for (left, serving_after) in [(LEAST_BOND, 4), (LEAST_BOND - 1, 3)] {
		Chain::default().run(|| {
			unbond(3, BOND - left);
			next_block();
			assert_eq!(serving(), serving_after);
		});
	}
}

#[test]
fn who_has_bonded_enough_again_serves_once_it_has_attested() {
	Chain::default().run(|| {
		unbond(3, BOND);
		next_block();
		bond(3, LEAST_BOND - 1);
		let attested = || Votes::of(3).attest(SERVES).sign();
		assert_eq!(standing(&attested()), BallotStanding::Useless, "a unit is lacking");
		include([attested()]);
		next_block();
		assert_eq!(serving(), 3);
		bond(3, 1);
		next_block();
		assert_eq!(serving(), 3, "it has not attested");
		include([attested()]);
		next_block();
		assert_eq!(serving(), 4);
	});
}

#[test]
fn an_attestation_of_the_block_that_takes_the_bond_keeps_nobody_in_service() {
	Chain::default().run(|| {
		include([Votes::of(3).attest(Availability::Serves(Pace { job: 500, ..PACE })).sign()]);
		unbond(3, BOND);
		bond(3, BOND);
		next_block();
		assert_eq!(serving(), 3);
	});
}

#[test]
fn a_newcomer_without_a_bond_is_out_of_service_from_the_sessions_first_block_on() {
	Chain::default().run(|| {
		endow(9, LEAST_BOND - 1);
		let session = [(0, 0), (1, 1), (2, 2), (9, 9)];
		begin_session(1, &session);
		assert!(has_event(Event::Underbonded { validator: account(9) }));
		include([Votes::at_place(9, 3).attest(SERVES).sign()]);
		next_block();
		assert_eq!(serving(), 3);
		System::reset_events();
		begin_session(2, &session);
		assert!(!has_event(Event::Underbonded { validator: account(9) }), "it is told of once");
		bond(9, 1);
		include([Votes::at_place(9, 3).attest(SERVES).sign()]);
		next_block();
		assert_eq!(serving(), 4);
	});
}

#[test]
fn what_somebody_withdraws_while_it_is_out_does_not_serve_when_another_model_brings_it_back() {
	Chain::default().run(|| {
		let other = add_model(model(), PRICE);
		unbond(3, BOND);
		next_block();
		let withdraws = || Votes::of(3).attest(Availability::Withdrawn).sign();
		assert!(matches!(standing(&withdraws()), BallotStanding::Wanted { .. }));
		include([withdraws()]);
		next_block();
		assert_eq!(standing(&withdraws()), BallotStanding::Useless, "it is known");
		bond(3, BOND);
		include([Votes::of(3).attest(SERVES).change(|ballot| ballot.attestations[0].model = other).sign()]);
		next_block();
		assert_eq!((serving(), Inference::serving(&other).len()), (3, 4));
	});
}

#[test]
fn who_is_out_for_missed_seats_and_takes_its_bond_back_is_told_of_that_too() {
	Chain::default().run(|| {
		Inference::note_unresponsive(&account(3));
		unbond(3, BOND);
		assert!(has_event(Event::Unresponsive { validator: account(3) }));
		assert!(has_event(Event::Underbonded { validator: account(3) }));
		let is_underbonded = || OutOfService::<Test>::get()[&account(3)].is_underbonded;
		assert!(is_underbonded());
		bond(3, BOND);
		assert!(!is_underbonded());
		next_block();
		assert_eq!(serving(), 3, "it has not attested");
	});
}

#[test]
fn who_bonds_enough_is_not_drawn_in_that_block() {
	Chain::default().run(|| {
		unbond(3, BOND);
		next_block();
		next_block();
		bond(3, BOND);
		assert_eq!(serving(), 3);
		next_block();
		assert_eq!(serving(), 3);
	});
}

#[test]
fn who_is_not_of_the_session_takes_its_bond_back_and_nothing_is_told() {
	Chain::default().run(|| {
		begin_session(1, &[(0, 0), (1, 1), (2, 2)]);
		unbond(3, BOND);
		assert!(!has_event(Event::Underbonded { validator: account(3) }));
		assert!(OutOfService::<Test>::get().is_empty());
	});
}

#[test]
fn who_has_the_least_bond_when_a_session_begins_serves() {
	Chain::default().bond(LEAST_BOND).run(|| {
		begin_session(1, &[(0, 0), (1, 1), (2, 2), (3, 3)]);
		next_block();
		assert!(OutOfService::<Test>::get().is_empty());
		assert_eq!(serving(), 4);
	});
}
