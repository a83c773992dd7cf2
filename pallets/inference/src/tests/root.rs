//! The way out: what root can end, and what then becomes of money and seats.

use crate::{mock::*, *};
use codec::Encode;
use frame_support::{assert_noop, assert_ok};
use sibyl_primitives::{api::KeySetView, format::Format};
use sp_core::Pair;
use sp_runtime::DispatchError;

fn cancel(id: JobId) -> frame_support::dispatch::DispatchResult {
	Inference::cancel(RuntimeOrigin::root(), id)
}

/// Brings a job into some phase.
type Stage = fn(JobId);

#[test]
fn root_ends_a_job_of_any_phase_with_a_full_refund_and_no_fault_of_anyone() {
	let stages: [Stage; 5] = [
		|_| {},
		|_| {
			next_block();
			next_block();
		},
		|id| {
			next_block();
			next_block();
			commit_by(0..2, id, &answer("eng"));
		},
		|id| {
			next_block();
			next_block();
			commit_by(0..4, id, &answer("eng"));
			next_block();
			reveal_by(0..3, id, &answer("eng"));
		},
		|id| {
			next_block();
			next_block();
			let (truth, lie) = (answer("eng"), answer("fra"));
			say(id, &[(0, &truth), (1, &truth), (2, &lie), (3, &lie)]);
			second_round(id);
			commit_by(0..1, id, &truth);
		},
	];
	for reach in stages {
		Chain::default().run(|| {
			let before = Wealth::now();
			let id = submit(all_seats());
			reach(id);
			assert_noop!(Inference::cancel(RuntimeOrigin::signed(requester()), id), DispatchError::BadOrigin);
			assert_ok!(cancel(id));
			assert_eq!(verdict(id), Some(Verdict::Cancelled));
			assert_eq!(before.gain(&requester()), 0);
			assert!((0..4).all(|number| before.gain(&account(number)) == 0));
			assert!((0..4).all(|number| ledger(number).open_seats.is_empty() && ledger(number).record.missed == 0));
			assert_noop!(cancel(id), Error::<Test>::NoOpenJob);
		});
	}
}

#[test]
fn there_is_no_job_to_cancel_that_was_never_submitted() {
	Chain::default().run(|| {
		assert_noop!(cancel(0), Error::<Test>::NoOpenJob);
	});
}

#[test]
fn a_job_that_can_not_be_read_stops_no_block_and_its_money_can_be_had_back() {
	Chain::default().run(|| {
		let broken = drawn(all_seats());
		let (other, output) = (submit(all_seats()), answer("eng"));
		let price = job(broken).quote.total;
		let reclaim = |id| Inference::reclaim(RuntimeOrigin::root(), id, requester(), model().id(), price);
		assert_noop!(reclaim(broken), Error::<Test>::JobIsReadable);
		assert_noop!(reclaim(99), Error::<Test>::NoOpenJob);
		frame_support::storage::unhashed::put_raw(&Jobs::<Test>::hashed_key_for(broken), &[1, 2, 3]);
		assert_noop!(
			Inference::reclaim(RuntimeOrigin::signed(requester()), broken, requester(), model().id(), price),
			DispatchError::BadOrigin
		);
		assert_ok!(reclaim(broken));
		assert!(has_event(Event::Reclaimed { job: broken, requester: requester(), amount: price }));
		assert_noop!(reclaim(broken), Error::<Test>::JobIsReadable);
		// Nothing is left of it, seats and their bonds included; `next_block` counts again, its model's jobs too.
		assert_eq!((held(), ledger(0).reserved), (price, 0));
		assert!(!Inputs::<Test>::contains_key(broken) && !Committees::<Test>::contains_key((broken, 0)));
		next_block();
		next_block();
		say(other, &[0, 1, 2, 3].map(|number| (number, &output)));
		assert_eq!(verdict(other), Some(Verdict::Agreed));
		advance_to(40);
		assert_eq!(held(), 0);
	});
}

#[test]
fn a_block_passes_over_a_job_that_can_not_be_read() {
	use frame_support::traits::Hooks;
	Chain::default().run(|| {
		let (broken, other) = (submit(all_seats()), submit(all_seats()));
		let sound = job(broken);
		frame_support::storage::unhashed::put_raw(&Jobs::<Test>::hashed_key_for(broken), &[1, 2, 3]);
		// Without the check of invariants, which is right to complain.
		for now in 1..=2 {
			Inference::on_finalize(now);
			System::set_block_number(now + 1);
			Inference::on_initialize(now + 1);
		}
		assert_eq!(job(other).phase, Phase::Committing);
		// What it was expected to take would make every model busier for ever.
		assert_eq!(ExpectedTime::<Test>::get(), sound.expected_time);
		assert!(sound.expected_time > 0);
		assert_ok!(Inference::reclaim(RuntimeOrigin::root(), broken, requester(), model().id(), sound.quote.total));
	});
}

#[test]
fn a_suspended_model_takes_no_jobs_and_its_open_ones_are_refunded() {
	Chain::default().run(|| {
		let before = Wealth::now();
		let committing = drawn(all_seats());
		commit_by(0..1, committing, &answer("eng"));
		let pending = submit(all_seats());
		assert_ok!(Models::suspend(RuntimeOrigin::root(), model().id()));
		next_block();
		next_block();
		assert_eq!((verdict(pending), verdict(committing)), (Some(Verdict::Cancelled), None));
		commit_by(1..2, committing, &answer("eng"));
		assert_eq!(verdict(committing), Some(Verdict::Cancelled));
		assert_eq!(before.gain(&requester()), 0);
		let refused = Inference::quote(model().id(), all_seats().seats, 5, 0, Format::default());
		assert_eq!(refused, Err(sibyl_primitives::api::QuoteError::Suspended));
		assert_ok!(Models::resume(RuntimeOrigin::root(), model().id()));
		submit(all_seats());
	});
}

#[test]
fn the_next_sessions_keys_are_shown_under_its_number() {
	Chain::default().run(|| {
		let members = vec![(account(0), key(50).public())];
		assert_eq!(Inference::next_key_set_view(), Some(KeySetView { session: 1, members: members.clone() }));
		begin_session(1, &[(0, 0), (1, 1), (2, 2), (3, 3)]);
		assert_eq!(Inference::next_key_set_view(), Some(KeySetView { session: 2, members }));
	});
}

#[test]
fn the_parameters_of_the_mock_fit_together() {
	use frame_support::traits::Hooks;
	Chain::default().run(|| {
		set_audit_odds(1);
		Inference::integrity_test();
		assert!(Event::<Test>::Pruned { job: 1 }.encode().len() > 8);
	});
}

/// Checks the parameters of a pallet with so many blocks of grace and for reveals.
fn check_phases(grace: u32, reveals: u32) {
	use frame_support::traits::Hooks;
	Chain::default().run(|| {
		set_phases(grace, reveals);
		Inference::integrity_test();
	});
}

#[test]
#[should_panic(expected = "a phase would have no block")]
fn no_block_of_grace_is_no_parameter() {
	check_phases(0, REVEAL_WINDOW);
}

#[test]
#[should_panic(expected = "a phase would have no block")]
fn no_block_for_reveals_is_no_parameter() {
	check_phases(GRACE, 0);
}

#[test]
#[should_panic(expected = "commits would be over before their grace")]
fn a_grace_as_long_as_the_window_is_no_parameter() {
	check_phases(COMMIT_WINDOW, REVEAL_WINDOW);
}

#[test]
fn a_cancelled_jobs_seats_are_remembered_for_what_they_did_alone() {
	Chain::default().run(|| {
		let id = drawn(all_seats());
		commit_by(0..1, id, &answer("eng"));
		assert_ok!(cancel(id));
		let did =
			|number| (ledger(number).record.committed, ledger(number).record.missed, ledger(number).missed_in_a_row);
		assert_eq!([0, 1].map(did), [(1, 0, 0), (0, 0, 0)]);
	});
}
