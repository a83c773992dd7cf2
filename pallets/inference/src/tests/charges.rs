//! Who pays what: exact amounts, over all that accounts have, bonds and held prices included.

use crate::{mock::*, *};
use frame_support::assert_noop;

/// What a seat gets for "hello", without output.
const SEAT: i128 = 1_000 + 5 * 10;
/// What covers each of three such seats.
const CHARGE: i128 = 3 * SEAT;

fn all_say(id: JobId, validators: &[u8], output: &OutputBytes) {
	say(id, &validators.iter().map(|number| (*number, output)).collect::<Vec<_>>());
}

/// Has the first committee commit, and all but the first so many reveal; then the second one answer.
fn withheld_by(count: usize, output: &OutputBytes) -> (JobId, Vec<u8>, Vec<u8>) {
	let id = drawn(fixed(3));
	let first = seated(id);
	commit_by(first.clone(), id, output);
	next_block();
	reveal_by(first[count..].to_vec(), id, output);
	let second = second_round(id);
	all_say(id, &second, output);
	assert_eq!(verdict(id), Some(Verdict::Agreed));
	(id, first, second)
}

fn protocol() -> AccountId {
	Inference::protocol_account()
}

#[test]
fn a_liar_pays_for_the_second_round_and_the_held_price_for_what_that_lacks() {
	Chain::default().validators(8).run(|| {
		let (truth, before) = (answer("eng"), Wealth::now());
		let (id, first) = disputed(all_seats(), &answer("fra"), &truth);
		let second = second_round(id);
		all_say(id, &second, &truth);
		// The charge and the price are 6,300: two first seats are paid in full, and five second ones share the rest.
		assert_eq!(before.gains(&first), [-CHARGE, SEAT, SEAT]);
		assert_eq!(before.gains(&second), [840; 5]);
		let quote = job(id).quote;
		assert_eq!(before.gain(&requester()), -(quote.total as i128));
		assert_eq!(before.gain(&protocol()), quote.protocol_share as i128);
		let liar = vec![account(first[0])];
		assert_eq!(offences(), [Offence::Contradicted { validators: liar, session: 0, case: (id, 0) }]);
		let record = ledger(first[0]).record;
		assert_eq!((record.lost, record.charged, record.earned), (1, CHARGE as Balance, 0));
		assert_eq!(ledger(first[1]).record.earned, SEAT as Balance);
	});
}

#[test]
fn a_seat_that_withholds_is_charged_the_whole_jobs_price_and_is_no_offender() {
	Chain::default().validators(8).run(|| {
		let before = Wealth::now();
		let (id, first, second) = withheld_by(1, &answer("eng"));
		assert_eq!(before.gains(&first), [-CHARGE, SEAT, SEAT]);
		assert_eq!(before.gains(&second), [840; 5]);
		assert_eq!(before.gain(&requester()), -(job(id).quote.total as i128));
		assert!(offences().is_empty());
		assert!(has_event(Event::SeatCharged {
			job: id,
			round: 0,
			seat: 0,
			validator: account(first[0]),
			fault: Fault::Withheld,
			amount: CHARGE as Balance,
		}));
	});
}

#[test]
fn what_charges_bring_is_spent_before_the_requesters_price() {
	Chain::default().validators(8).run(|| {
		let before = Wealth::now();
		let (_, first, second) = withheld_by(2, &answer("eng"));
		// Two charges are exactly a first and five second seats.
		assert_eq!(before.gains(&first), [-CHARGE, -CHARGE, SEAT]);
		assert_eq!(before.gains(&second), [SEAT; 5]);
		assert_eq!((before.gain(&requester()), before.gain(&protocol())), (0, 0));
	});
}

#[test]
fn what_charges_bring_beyond_what_seats_get_is_the_protocols() {
	Chain::default().validators(8).run(|| {
		let before = Wealth::now();
		let (_, first, second) = withheld_by(3, &answer("eng"));
		assert_eq!(before.gains(&first), [-CHARGE; 3]);
		assert_eq!(before.gains(&second), [SEAT; 5]);
		assert_eq!((before.gain(&requester()), before.gain(&protocol())), (0, 3 * CHARGE - 5 * SEAT));
	});
}

#[test]
fn a_seat_that_withholds_in_an_agreed_round_is_charged_for_the_protocol() {
	Chain::default().run(|| {
		let (output, before) = (answer("eng"), Wealth::now());
		let id = revealing(all_seats(), &output);
		reveal_by(0..3, id, &output);
		advance_to(job(id).deadline + 1);
		assert_eq!(before.gains(&[0, 1, 2, 3]), [SEAT, SEAT, SEAT, -4 * SEAT]);
		assert_eq!(before.gain(&protocol()), 158 + 4 * SEAT);
		assert_eq!(before.gain(&requester()), -(3 * SEAT + 158));
	});
}

#[test]
fn a_seat_that_lost_to_its_own_committee_is_charged_one_seats_price_and_is_no_offender() {
	Chain::default().run(|| {
		let (truth, lie, before) = (answer("eng"), answer("fra"), Wealth::now());
		let id = drawn(all_seats());
		say(id, &[(0, &truth), (1, &truth), (2, &truth), (3, &lie)]);
		assert_eq!(before.gains(&[0, 1, 2, 3]), [SEAT, SEAT, SEAT, -SEAT]);
		assert_eq!(before.gain(&protocol()), 158 + SEAT);
		assert!(offences().is_empty());
		assert_eq!(ledger(3).record.lost, 1);
	});
}

#[test]
fn a_second_committee_that_checks_is_paid_for_the_input_alone() {
	Chain::default().validators(8).run(|| {
		let (truth, before) = (generation(20), Wealth::now());
		let options = JobOptions { max_output_units: 50, ..all_seats() };
		let (id, first) = disputed(options, &generation(3), &truth);
		let second = second_round(id);
		assert!(committee(id).checks);
		all_say(id, &second, &truth);
		let (full, charge) = (SEAT + 200, 3 * (SEAT + 500));
		assert_eq!(before.gains(&first), [-charge, full, full]);
		assert_eq!(before.gains(&second), [SEAT; 5]);
		// 7,750 are owed, and the liar's charge brings 4,650 of them.
		assert_eq!(before.gain(&requester()), -(3_100 + 155));
		assert_eq!(before.gain(&protocol()), 155);
	});
}

#[test]
fn a_second_committee_that_has_to_generate_is_paid_for_that_as_far_as_the_price_reaches() {
	Chain::default().validators(8).run(|| {
		let (truth, before) = (generation(20), Wealth::now());
		let id = drawn(JobOptions { max_output_units: 50, ..fixed(3) });
		let first = seated(id);
		commit_by(first.clone(), id, &truth);
		next_block();
		include(first.iter().map(|number| Votes::of(*number).reveal_without_output(id, &truth).sign()));
		let second = second_round(id);
		assert!(!committee(id).checks);
		all_say(id, &second, &truth);
		let held = 3 * (SEAT + 500);
		assert_eq!(before.gains(&first), [SEAT + 200; 3]);
		assert_eq!(before.gains(&second), [(held - 3 * (SEAT + 200)) / 5; 5]);
		assert_eq!(before.gain(&requester()), -(job(id).quote.total as i128));
	});
}

#[test]
fn validators_of_a_third_of_the_stake_may_lose_and_are_charged_and_reported_once() {
	Chain::default().validators(6).run(|| {
		let (truth, lie, before) = (answer("eng"), answer("fra"), Wealth::now());
		let id = drawn(fixed(3));
		let first = seated(id);
		say(id, &[(first[0], &lie), (first[1], &lie), (first[2], &truth)]);
		let second = second_round(id);
		assert_eq!(second.len(), 6);
		all_say(id, &second, &truth);
		// Both are seated again, say the truth this time, and are paid for that.
		assert_eq!(before.gains(&first), [SEAT - CHARGE, SEAT - CHARGE, 2 * SEAT]);
		assert_eq!(before.gain(&requester()), -(SEAT + 53));
		let validators = vec![account(first[0]), account(first[1])];
		assert_eq!(offences(), [Offence::Contradicted { validators, session: 0, case: (id, 0) }]);
		assert!(!pallet_models::Pallet::<Test>::is_suspended(&model().id()));
	});
}

#[test]
fn where_more_than_a_third_of_the_stake_loses_nobody_is_charged_and_the_model_is_suspended() {
	Chain::default().validators(8).run(|| {
		let (truth, lie) = (answer("eng"), answer("fra"));
		let waiting = drawn(all_seats());
		let pending = submit(JobOptions { draw_delay: 8, ..all_seats() });
		let before = Wealth::now();
		let id = drawn(fixed(7));
		let first = seated(id);
		let said: Vec<_> = first.iter().map(|number| (*number, if *number < 3 { &lie } else { &truth })).collect();
		say(id, &said);
		let second = second_round(id);
		assert_eq!(second.len(), 8);
		all_say(id, &second, &truth);
		assert_eq!(verdict(id), Some(Verdict::Agreed));
		let liars: Vec<_> = first.iter().copied().filter(|number| *number < 3).collect();
		assert_eq!(liars.len(), 3);
		// They are not charged, and paid for their second seats only.
		assert!(before.gains(&liars).iter().all(|gain| (0..=SEAT).contains(gain)));
		assert!(offences().is_empty());
		assert!(pallet_models::Pallet::<Test>::is_suspended(&model().id()));
		assert_noop!(
			Inference::submit(
				RuntimeOrigin::signed(requester()),
				model().id(),
				"hello".into(),
				all_seats(),
				Balance::MAX
			),
			Error::<Test>::ModelSuspended
		);

		advance_to(job(waiting).deadline.max(job(pending).deadline) + 1);
		for open in [waiting, pending] {
			assert_eq!(verdict(open), Some(Verdict::Cancelled));
			let SettlementView { refunded, .. } = job(open).outcome.expect("it has ended").settlement;
			assert_eq!(refunded, job(open).quote.total);
		}
		assert_eq!(held(), 0);
	});
}

#[test]
fn who_lies_in_the_second_round_is_an_offender_of_that_round() {
	Chain::default().validators(8).run(|| {
		let (truth, lie, before) = (answer("eng"), answer("fra"), Wealth::now());
		let (id, first) = disputed(all_seats(), &lie, &truth);
		let second = second_round(id);
		let mut said: Vec<_> = second.iter().map(|number| (*number, &truth)).collect();
		said[4].1 = &lie;
		say(id, &said);
		// Two of eight lose.
		assert_eq!(before.gains(&[first[0], second[4]]), [-CHARGE; 2]);
		let of =
			|number, round| Offence::Contradicted { validators: vec![account(number)], session: 0, case: (id, round) };
		assert_eq!(offences(), [of(first[0], 0), of(second[4], 1)]);
	});
}

#[test]
fn whose_output_was_right_and_whose_work_was_not_is_not_paid_in_the_second_round_either() {
	Chain::default().validators(8).run(|| {
		let (truth, before) = (answer("eng"), Wealth::now());
		let id = drawn(fixed(3));
		let first = seated(id);
		// The first has a copy; the others ran the model.
		let votes = |number: u8| {
			let votes = Votes::of(number);
			if number == first[0] {
				votes.trace(Hash::repeat_byte(9))
			} else {
				votes
			}
		};
		include(first.iter().map(|number| votes(*number).commit(id, &truth).sign()));
		next_block();
		include(first.iter().map(|number| votes(*number).reveal(id, &truth).sign()));
		let second = second_round(id);
		all_say(id, &second, &truth);
		assert_eq!(before.gains(&first), [0, SEAT, SEAT]);
		assert!(offences().is_empty());
	});
}

#[test]
fn a_bond_that_is_smaller_than_a_charge_never_covers_a_seat() {
	Chain::default().validators(8).bond(CHARGE as Balance + LEAST_BOND).run(|| {
		let (_, first, _) = withheld_by(1, &answer("eng"));
		assert_eq!((ledger(first[0]).bond, ledger(first[0]).reserved), (LEAST_BOND, 0));
		// The others are free again, and one of eight is not a third.
		assert!(!seated(drawn(fixed(3))).contains(&first[0]));
		next_block();
		assert_eq!(serving(), 8, "what is left is the least bond");
	});
}

#[test]
fn who_keeps_less_than_the_least_bond_after_a_charge_serves_no_model_from_the_next_session_on() {
	Chain::default().validators(8).bond(CHARGE as Balance + LEAST_BOND - 1).run(|| {
		let (_, first, _) = withheld_by(1, &answer("eng"));
		next_block();
		assert_eq!(serving(), 8, "charges take nobody out in the middle of a session");
		begin_session(1, &[0, 1, 2, 3, 4, 5, 6, 7].map(|number| (number, number)));
		assert!(has_event(Event::Underbonded { validator: account(first[0]) }));
		next_block();
		assert_eq!(serving(), 7);
	});
}

#[test]
fn a_second_committee_that_finds_no_quorum_is_paid_out_of_charges_alone() {
	Chain::default().validators(8).run(|| {
		let (truth, lie, before) = (answer("eng"), answer("fra"), Wealth::now());
		let id = drawn(fixed(3));
		let first = seated(id);
		commit_by(first.clone(), id, &truth);
		next_block();
		reveal_by(first[1..].to_vec(), id, &truth);
		let second = second_round(id);
		let said: Vec<_> = second.iter().zip([&truth, &lie].into_iter().cycle()).map(|(n, said)| (*n, said)).collect();
		say(id, &said);
		assert_eq!(verdict(id), Some(Verdict::NoQuorum));
		assert_eq!(before.gains(&first), [-CHARGE, 0, 0]);
		assert_eq!(before.gains(&second), [CHARGE / 5; 5]);
		assert_eq!((before.gain(&requester()), before.gain(&protocol())), (0, 0));
	});
}
