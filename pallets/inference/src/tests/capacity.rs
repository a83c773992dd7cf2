//! Who has room for a seat: time and service bonds. A committee is never made of those alone that somebody left free.

use crate::{mock::*, *};
use frame_support::{assert_noop, assert_ok, traits::fungible::InspectHold};
use sibyl_primitives::{
	api::QuoteError,
	format::Format,
	job::Seats,
	model::{Availability, Pace},
};

/// What covers a seat of "hello" that all four answer.
const CHARGE: Balance = 4 * 1_050;

/// Fifty units of output take ten seconds, and none a millisecond.
const SLOW: Pace = Pace { job: 1_000, input_unit: 0, output_unit: 200_000 };

fn long() -> JobOptions {
	JobOptions { max_output_units: 50, ..all_seats() }
}

fn submitted_by(who: AccountId, options: JobOptions) -> frame_support::dispatch::DispatchResult {
	outcome(Inference::submit(RuntimeOrigin::signed(who), model().id(), "hello".into(), options, Balance::MAX))
}

fn try_submit(options: JobOptions) -> frame_support::dispatch::DispatchResult {
	submitted_by(requester(), options)
}

fn with_slow(test: impl FnOnce()) {
	Chain::default().paces(&[SLOW; 4]).run(test)
}

fn unbond(validator: u8, amount: Balance) {
	assert_ok!(Inference::unbond_service(RuntimeOrigin::signed(account(validator)), amount));
}

/// Leaves the validator in service, with too little for a seat.
fn keep_too_little_for_a_seat(validator: u8) {
	unbond(validator, BOND - LEAST_BOND);
}

#[test]
fn all_is_refused_while_anyone_lacks_a_bond() {
	Chain::default().run(|| {
		unbond(2, BOND - CHARGE + 1);
		assert_noop!(try_submit(all_seats()), Error::<Test>::Busy);
		let quoted = Inference::quote(model().id(), Seats::All, 5, 0, Format::default());
		assert_eq!(quoted, Err(QuoteError::Busy { serving: 4 }));
		assert_ok!(Inference::bond_service(RuntimeOrigin::signed(account(2)), 1));
		assert_ok!(try_submit(all_seats()));
	});
}

#[test]
fn all_is_refused_while_anyone_lacks_time() {
	Chain::default().paces(&[SLOW]).run(|| {
		for _ in 0..2 {
			assert_ok!(try_submit(long()));
			next_block();
			next_block();
		}
		assert_eq!(ledger(0).open_time, 2 * 10_001_000);
		assert_noop!(try_submit(long()), Error::<Test>::Busy);
	});
}

#[test]
fn all_never_shrinks_at_the_draw_either() {
	Chain::default().run(|| {
		let id = submit(all_seats());
		next_block();
		for number in [1, 2, 3] {
			keep_too_little_for_a_seat(number);
		}
		next_block();
		assert_eq!(verdict(id), Some(Verdict::Expired));
		assert!(!Committees::<Test>::contains_key((id, 0)));
		assert_eq!((free(&requester()), ledger(0).record.drawn), (FUNDS, 0));
	});
}

#[test]
fn a_committee_that_was_quoted_is_not_drawn_smaller_when_one_is_disabled_or_withdraws() {
	for leave in [false, true] {
		Chain::default().run(|| {
			let id = submit(all_seats());
			if leave {
				include([Votes::of(3).attest(Availability::Withdrawn).sign()]);
			}
			next_block();
			if !leave {
				disable(&[3]);
			}
			next_block();
			assert_eq!(verdict(id), Some(Verdict::Expired));
		});
	}
}

#[test]
fn no_committee_is_made_of_those_alone_that_were_left_free() {
	// The first has nearly all of the stake, so that it is met first, and no bond for a seat.
	Chain::default().stakes(&[(0, 1_000_000_000)]).run(|| {
		let waiting = submit(fixed(1));
		keep_too_little_for_a_seat(0);
		for seats in [1, 3] {
			assert_noop!(try_submit(fixed(seats)), Error::<Test>::Busy);
		}
		next_block();
		next_block();
		assert_eq!(verdict(waiting), Some(Verdict::Expired));
	});
}

#[test]
fn busy_validators_of_a_third_of_the_stake_keep_nobody_from_answering() {
	Chain::default().validators(9).run(|| {
		for number in 0..3 {
			keep_too_little_for_a_seat(number);
		}
		for _ in 0..5 {
			let id = drawn(fixed(5));
			assert!(seated(id).iter().all(|number| *number >= 3));
		}
	});
}

#[test]
fn jobs_without_a_committee_take_time_too() {
	with_slow(|| {
		assert_ok!(try_submit(long()));
		assert_ok!(try_submit(long()));
		assert_eq!(ExpectedTime::<Test>::get(), 2 * 10_001_000);
		// Thirty seconds are more than the three quarters of a window.
		assert_noop!(try_submit(long()), Error::<Test>::Busy);
		next_block();
		next_block();
		assert_eq!((ExpectedTime::<Test>::get(), ledger(0).open_time), (0, 2 * 10_001_000));
		assert_noop!(try_submit(long()), Error::<Test>::Busy);
	});
}

#[test]
fn a_job_of_few_seats_is_expected_to_take_its_part_of_everybodys_time() {
	with_slow(|| {
		assert_ok!(try_submit(JobOptions { seats: Seats::Fixed(1), ..long() }));
		assert_eq!(ExpectedTime::<Test>::get(), 10_001_000 / 4);
	});
}

#[test]
fn a_job_that_ends_gives_its_time_back() {
	with_slow(|| {
		let (id, output) = (submit(long()), answer("eng"));
		next_block();
		next_block();
		say(id, &[0, 1, 2, 3].map(|number| (number, &output)));
		assert_eq!((ledger(0).open_time, ledger(0).reserved), (0, 0));
	});
}

#[test]
fn short_jobs_fit_where_long_ones_have_filled_their_part() {
	// Three long jobs take the three quarters to the last microsecond.
	let third = Pace { job: 1_000, input_unit: 0, output_unit: 149_980 };
	Chain::default().paces(&[third; 4]).run(|| {
		for _ in 0..3 {
			assert_ok!(try_submit(long()));
		}
		assert_noop!(try_submit(long()), Error::<Test>::Busy);
		for _ in 0..10 {
			assert_ok!(try_submit(all_seats()));
		}
		// What takes a sixth of a block is not short any more.
		assert_noop!(try_submit(JobOptions { max_output_units: 4, ..all_seats() }), Error::<Test>::Busy);
		assert_ok!(try_submit(JobOptions { max_output_units: 3, ..all_seats() }));
	});
}

#[test]
fn a_job_is_short_below_a_sixth_of_a_block_and_has_the_whole_window_then() {
	Chain::default().run(|| {
		let limits = [499_999, 500_000].map(|time| Inference::time_limit(COMMIT_WINDOW, time));
		assert_eq!(limits, [30_000_000, 22_500_000]);
	});
}

#[test]
fn a_batch_of_long_jobs_is_refused_and_makes_nobody_elses_expire() {
	for seats in [Seats::All, Seats::Fixed(3), Seats::Fixed(1)] {
		with_slow(|| {
			let taken = (0..32).filter(|_| try_submit(JobOptions { seats, ..long() }).is_ok()).count();
			assert!((2..10).contains(&taken), "{taken} of {seats:?}");
			let first = NextJob::<Test>::get();
			for _ in 0..20 {
				assert_ok!(submitted_by(account(201), all_seats()));
			}
			advance_to(8);
			for id in first..NextJob::<Test>::get() {
				assert_eq!((verdict(id), committee(id).seats.len()), (None, 4), "{seats:?}");
			}
		});
	}
}

#[test]
fn a_bond_is_held_and_reserved_by_seats_and_given_back() {
	Chain::default().run(|| {
		let on_hold = || Balances::balance_on_hold(&HoldReason::ServiceBond.into(), &account(0));
		assert_eq!((on_hold(), ledger(0).bond, ledger(0).reserved), (BOND, BOND, 0));
		let (id, output) = (drawn(all_seats()), answer("eng"));
		assert_eq!(ledger(0).reserved, CHARGE);
		let unbond = |amount| Inference::unbond_service(RuntimeOrigin::signed(account(0)), amount);
		assert_noop!(unbond(BOND - CHARGE + 1), Error::<Test>::BondReserved);
		assert_ok!(unbond(BOND - CHARGE));
		assert!(has_event(Event::ServiceUnbonded { validator: account(0), amount: BOND - CHARGE, bond: CHARGE }));
		assert_noop!(unbond(1), Error::<Test>::BondReserved);
		say(id, &[0, 1, 2, 3].map(|number| (number, &output)));
		assert_ok!(unbond(CHARGE));
		assert_eq!((on_hold(), free(&account(0))), (0, FUNDS + BOND + 1_050));
	});
}

#[test]
fn nobody_bonds_more_than_it_has() {
	Chain::default().run(|| {
		let bond = |who: u8, amount| Inference::bond_service(RuntimeOrigin::signed(account(who)), amount);
		assert_noop!(bond(0, FUNDS), Error::<Test>::BondTooHigh);
		assert_noop!(bond(0, Balance::MAX), Error::<Test>::BondTooHigh);
		assert_noop!(bond(99, 1), Error::<Test>::BondTooHigh);
		assert_ok!(bond(0, FUNDS / 2));
		assert!(has_event(Event::ServiceBonded { validator: account(0), amount: FUNDS / 2, bond: BOND + FUNDS / 2 }));
	});
}

#[test]
fn a_ledger_without_a_bond_a_seat_or_a_past_is_forgotten() {
	Chain::default().run(|| {
		unbond(1, BOND);
		assert!(!ServiceLedgers::<Test>::contains_key(account(1)));
	});
}

#[test]
fn each_seat_needs_a_bond_of_its_own() {
	Chain::default().bond(2 * CHARGE).run(|| {
		drawn(all_seats());
		drawn(all_seats());
		assert_eq!(ledger(0).reserved, 2 * CHARGE);
		assert_noop!(try_submit(all_seats()), Error::<Test>::Busy);
	});
}

#[test]
fn a_validators_view_counts_its_seats_and_what_they_did() {
	Chain::default().run(|| {
		let (truth, lie) = (answer("eng"), answer("fra"));
		let open = Inference::validator_view(account(0));
		assert_eq!((open.bond, open.reserved, open.open_seats, open.open_time), (BOND, 0, 0, 0));
		let id = drawn(all_seats());
		let open = Inference::validator_view(account(0));
		assert_eq!((open.reserved, open.open_seats, open.open_time, open.record.drawn), (CHARGE, 1, 1_000, 1));
		say(id, &[(0, &truth), (1, &truth), (2, &truth), (3, &lie)]);
		let record = |number| Inference::validator_view(account(number)).record;
		let good = record(0);
		assert_eq!((good.committed, good.revealed, good.lost, good.earned), (1, 1, 0, 1_050));
		let bad = record(3);
		assert_eq!((bad.committed, bad.revealed, bad.lost, bad.charged, bad.earned), (1, 1, 1, 1_050, 0));

		let id = drawn(all_seats());
		commit_by(0..3, id, &truth);
		include([Votes::of(3).abstain(id).sign()]);
		next_block();
		reveal_by(0..2, id, &truth);
		advance_to(job(id).deadline + 1);
		second_round(id);
		advance_to(job(id).deadline + 1);
		assert_eq!((record(3).abstained, record(3).missed), (1, 1));
		// It withheld in the first round, and was silent in the second.
		let third = record(2);
		assert_eq!((third.committed, third.revealed, third.missed, third.charged), (2, 1, 1, CHARGE));
	});
}
