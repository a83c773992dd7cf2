//! Rounds: when they begin, what they cost, and when there are no more.

use crate::{mock::*, *};
use frame_support::{assert_ok, weights::Weight};
use sp_runtime::DispatchError;

/// The rounds that this feed asked, and the jobs.
fn asked(id: FeedId) -> Vec<JobId> {
	let of = |event| match event {
		Event::RoundAsked { feed, job, .. } if feed == id => Some(job),
		_ => None,
	};
	events().into_iter().filter_map(of).collect()
}

fn skipped(id: FeedId) -> Vec<SkipReason> {
	let of = |event| match event {
		Event::RoundSkipped { feed, reason } if feed == id => Some(reason),
		_ => None,
	};
	events().into_iter().filter_map(of).collect()
}

#[test]
fn a_feed_asks_every_interval_and_pays_the_fee_and_the_price_of_its_funds() {
	chain(|| {
		let id = feed(3);
		for round in 1..=3 {
			answer(job_of(id), "eng");
			let (before, fees) = (stored(id).funds, free(&Recipient::get()));
			advance_to(1 + round * INTERVAL - 1);
			assert_eq!(asked(id).len() as u32, round);
			next_block();
			assert_eq!(asked(id).len() as u32, round + 1);
			assert_eq!(stored(id).funds, before - PRICE - ROUND_FEE);
			assert_eq!(free(&Recipient::get()), fees + ROUND_FEE);
		}
	});
}

#[test]
fn a_feed_whose_funds_are_out_ends_and_the_rest_and_the_deposit_go_back() {
	chain(|| {
		let id = feed(2);
		for _ in 0..3 {
			answer(job_of(id), "eng");
			advance_to(now() + INTERVAL);
		}
		assert!(!is_there(id));
		assert_eq!(asked(id).len(), 3);
		let returned = MAX_FEE - PRICE + DEPOSIT;
		let reason = EndReason::OutOfFunds;
		assert_eq!(events().last(), Some(&Event::FeedEnded { feed: id, owner: owner(), reason, returned }));
		assert_eq!((free(&owner()), held(&owner())), (WEALTH - 3 * PRICE - 2 * ROUND_FEE, 0));
		assert_eq!(latest(id), None);
		assert_eq!(Agenda::<Test>::iter().count(), 0);
		advance_to(now() + 2 * INTERVAL);
		assert_eq!(asked(id).len(), 3);
	});
}

#[test]
fn a_round_whose_price_is_above_the_limit_is_skipped_pays_its_fee_and_is_tried_again() {
	chain(|| {
		let id = feed(5);
		answer(job_of(id), "eng");
		let funds = stored(id).funds;
		offer(Ok(MAX_FEE + 1));
		advance_to(1 + 2 * INTERVAL);
		assert_eq!(skipped(id), [SkipReason::Refused { error: DispatchError::Exhausted }; 2]);
		assert_eq!((stored(id).funds, stored(id).open_job), (funds - 2 * ROUND_FEE, None));
		offer(Ok(MAX_FEE));
		advance_to(1 + 3 * INTERVAL);
		assert_eq!(asked(id).len(), 2);
		assert_eq!(stored(id).funds, funds - 3 * ROUND_FEE - MAX_FEE);
	});
}

#[test]
fn a_feed_that_is_always_refused_ends_by_its_fees() {
	chain(|| {
		let id = feed(2);
		answer(job_of(id), "eng");
		offer(Err(DispatchError::Unavailable));
		let rounds = (stored(id).funds - MAX_FEE) / ROUND_FEE;
		advance_to(1 + (rounds as u32) * INTERVAL);
		assert!(is_there(id));
		advance_to(now() + INTERVAL);
		assert!(!is_there(id));
		assert_eq!(free(&owner()), WEALTH - PRICE - rounds * ROUND_FEE);
	});
}

#[test]
fn a_round_waits_for_the_one_before_and_does_not_end_the_feed_whose_refund_is_to_come() {
	chain(|| {
		let id = feed(0);
		assert_ok!(FeedsPallet::top_up(RuntimeOrigin::signed(owner()), id, 2 * ROUND_FEE));
		let job = job_of(id);
		advance_to(1 + 3 * INTERVAL);
		assert_eq!(skipped(id), [SkipReason::StillOpen { job }; 3]);
		assert_eq!(stored(id).funds, 0);
		tell(job, Verdict::Expired, None, PRICE);
		assert_ok!(FeedsPallet::top_up(RuntimeOrigin::signed(owner()), id, MAX_FEE));
		advance_to(1 + 4 * INTERVAL);
		assert_eq!(asked(id), [job, job + 1]);
	});
}

#[test]
fn who_can_not_even_pay_the_fee_of_waiting_ends() {
	chain(|| {
		let id = feed(0);
		let job = job_of(id);
		let rest = stored(id).funds;
		advance_to(1 + INTERVAL);
		assert_eq!(stored(id).funds, rest - ROUND_FEE);
		advance_to(1 + 2 * INTERVAL);
		assert!(!is_there(id));
		let before = free(&owner());
		tell(job, Verdict::Expired, None, PRICE);
		assert_eq!((free(&owner()), held(&owner())), (before + PRICE, 0));
	});
}

#[test]
fn a_result_that_never_came_does_not_stop_a_feed() {
	chain(|| {
		let id = feed(3);
		let lost = end_job(job_of(id), Verdict::Agreed, Some(said("lost")), 0);
		advance_to(1 + INTERVAL);
		assert_eq!(asked(id), [0, 1]);
		answer(1, "new");
		assert_ok!(FeedsPallet::on_result(lost));
		assert_eq!(latest(id).map(|(output, _)| output), Some(said("new")), "what comes late is older");
		assert_eq!(stored(id).open_job, None);
	});
}

#[test]
fn rounds_that_a_block_has_no_weight_for_begin_in_the_next_ones_in_their_order() {
	chain(|| {
		let count = 2 * ROUNDS as u32 + 1;
		let owners = |id| if id < MAX_FEEDS_PER_ACCOUNT { owner() } else { other() };
		for id in 0..count {
			assert_ok!(create_by(owners(id), INTERVAL, MAX_FEE, 100_000));
			answer(job_of(id), "eng");
		}
		advance_to(INTERVAL);
		let begun = || (0..count).filter(|id| asked(*id).len() == 2).collect::<Vec<_>>();
		assert!(begun().is_empty());
		for blocks in 1..=3 {
			let weight = next_block();
			assert!(MaxRoundsWeight::get().all_gte(weight), "{weight:?}");
			assert_eq!(begun(), (0..count.min(blocks * ROUNDS as u32)).collect::<Vec<_>>());
		}
		// From then on they are spread.
		assert_eq!(stored(0).next_at + 2, stored(count - 1).next_at);
		assert_eq!(next_block(), Weight::from_parts(1, 0), "nothing is due");
	});
}

#[test]
fn a_feed_that_waits_for_its_turn_can_be_closed_and_topped_up() {
	chain(|| {
		for _ in 0..=ROUNDS {
			let id = feed(3);
			answer(job_of(id), "eng");
		}
		advance_to(1 + INTERVAL);
		let waiting = ROUNDS as u32;
		assert_eq!((asked(waiting).len(), stored(waiting).next_at), (1, 1 + INTERVAL));
		assert_ok!(FeedsPallet::top_up(RuntimeOrigin::signed(owner()), waiting, 1));
		check();
		assert_ok!(FeedsPallet::close(RuntimeOrigin::signed(owner()), waiting));
		next_block();
		assert_eq!(asked(waiting).len(), 1);
	});
}

#[test]
fn one_owners_feeds_are_paid_by_that_owner_alone() {
	chain(|| {
		let id = feed(4);
		assert_ok!(create_by(other(), INTERVAL, MAX_FEE, MAX_FEE));
		let others = free(&other()) + held(&other());
		for _ in 0..3 {
			answer(job_of(id), "eng");
			advance_to(now() + INTERVAL);
		}
		assert_eq!(free(&other()) + held(&other()), others - ROUND_FEE);
	});
}

#[test]
fn a_pallet_that_comes_late_to_a_chain_catches_up_within_its_weight() {
	chain(|| {
		frame_system::Pallet::<Test>::set_block_number(9_000);
		let id = feed(3);
		answer(job_of(id), "eng");
		let weight = next_block();
		assert!(MaxRoundsWeight::get().all_gte(weight));
		assert!(AgendaFront::<Test>::get() > 4_000);
		advance_to(9_000 + INTERVAL);
		assert_eq!(asked(id).len(), 2);
	});
}
