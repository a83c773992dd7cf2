//! How a feed begins, gets more, and is closed.

use crate::{mock::*, *};
use frame_support::{assert_noop, assert_ok};
use sp_runtime::{traits::BadOrigin, DispatchError, TokenError};

const FUNDS: Balance = 20_000;

#[test]
fn a_feed_holds_its_funds_and_its_deposit_and_asks_at_once() {
	chain(|| {
		assert_ok!(create_by(owner(), INTERVAL, MAX_FEE, FUNDS));
		let feed = stored(0);
		assert_eq!((feed.funds, feed.deposit, feed.asked), (FUNDS - PRICE, DEPOSIT, 1));
		assert_eq!((feed.created_at, feed.next_at), (1, 1 + INTERVAL));
		assert_eq!(held(&owner()), FUNDS - PRICE + DEPOSIT);
		assert_eq!(free(&owner()), WEALTH - FUNDS - DEPOSIT, "the first round has no fee beside the transaction's");
		assert_eq!(open_jobs(), [0]);
		assert_eq!(
			events(),
			[
				Event::FeedCreated {
					feed: 0,
					owner: owner(),
					model: ModelId::zero(),
					interval: INTERVAL,
					funds: FUNDS,
					deposit: DEPOSIT
				},
				Event::RoundAsked { feed: 0, job: 0, price: PRICE },
			]
		);
	});
}

#[test]
fn what_the_chain_would_not_answer_is_refused_to_the_creator_and_holds_nothing() {
	chain(|| {
		offer(Err(DispatchError::Unavailable));
		assert_noop!(create_by(owner(), INTERVAL, MAX_FEE, FUNDS), DispatchError::Unavailable);
		offer(Ok(MAX_FEE + 1));
		assert_noop!(create_by(owner(), INTERVAL, MAX_FEE, FUNDS), DispatchError::Exhausted);
	});
}

#[test]
fn an_interval_out_of_bounds_and_funds_below_a_round_are_refused() {
	chain(|| {
		for interval in [0, 1, 1_001, BlockNumber::MAX] {
			assert_noop!(create_by(owner(), interval, MAX_FEE, FUNDS), Error::<Test>::IntervalInvalid);
		}
		assert_noop!(create_by(owner(), INTERVAL, MAX_FEE, MAX_FEE - 1), Error::<Test>::FundsTooLow);
		assert_ok!(create_by(owner(), 1_000, MAX_FEE, MAX_FEE));
		assert_ok!(create_by(owner(), 2, MAX_FEE, MAX_FEE));
	});
}

#[test]
fn who_can_not_pay_has_no_feed() {
	chain(|| {
		for funds in [WEALTH - DEPOSIT - ED + 1, WEALTH, Balance::MAX] {
			assert_noop!(create_by(owner(), INTERVAL, MAX_FEE, funds), Error::<Test>::BalanceTooLow);
		}
		assert_ok!(create_by(owner(), INTERVAL, MAX_FEE, WEALTH - DEPOSIT - ED));
		assert_eq!(free(&owner()), ED);
	});
}

#[test]
fn an_account_and_the_chain_have_only_so_many_feeds() {
	chain(|| {
		for _ in 0..MAX_FEEDS_PER_ACCOUNT {
			feed(1);
		}
		assert_noop!(create_by(owner(), INTERVAL, MAX_FEE, FUNDS), Error::<Test>::TooManyFeedsOfAccount);
		for _ in MAX_FEEDS_PER_ACCOUNT..MAX_FEEDS {
			assert_ok!(create_by(other(), INTERVAL, MAX_FEE, FUNDS));
		}
		assert_noop!(create_by(other(), INTERVAL, MAX_FEE, FUNDS), Error::<Test>::TooManyFeeds);
		assert_ok!(FeedsPallet::close(RuntimeOrigin::signed(owner()), 0));
		assert_ok!(create_by(other(), INTERVAL, MAX_FEE, FUNDS));
		assert_eq!(NextFeed::<Test>::get(), MAX_FEEDS + 1, "a number is given once");
	});
}

#[test]
fn an_owner_tops_up_and_nobody_else_does() {
	chain(|| {
		let id = feed(1);
		let funds = stored(id).funds;
		assert_noop!(FeedsPallet::top_up(RuntimeOrigin::signed(other()), id, 1), Error::<Test>::NotOwner);
		assert_noop!(FeedsPallet::top_up(RuntimeOrigin::signed(owner()), 9, 1), Error::<Test>::UnknownFeed);
		assert_noop!(FeedsPallet::top_up(RuntimeOrigin::signed(owner()), id, WEALTH), Error::<Test>::BalanceTooLow);
		assert_ok!(FeedsPallet::top_up(RuntimeOrigin::signed(owner()), id, 700));
		assert_eq!(stored(id).funds, funds + 700);
		assert_eq!(events().last(), Some(&Event::ToppedUp { feed: id, amount: 700, funds: funds + 700 }));
	});
}

#[test]
fn a_closed_feed_gives_the_rest_and_the_deposit_back_and_is_forgotten() {
	chain(|| {
		let id = feed(3);
		answer(job_of(id), "eng");
		assert_noop!(FeedsPallet::close(RuntimeOrigin::signed(other()), id), Error::<Test>::NotOwner);
		assert_noop!(FeedsPallet::close(RuntimeOrigin::none(), id), BadOrigin);
		let returned = stored(id).held();
		assert_ok!(FeedsPallet::close(RuntimeOrigin::signed(owner()), id));
		let reason = EndReason::Closed;
		assert_eq!(events().last(), Some(&Event::FeedEnded { feed: id, owner: owner(), reason, returned }));
		assert_eq!((free(&owner()), held(&owner())), (WEALTH - PRICE, 0));
		assert_eq!((latest(id), FeedsPallet::feed_view(id)), (None, None));
		assert_eq!(Agenda::<Test>::iter().count() + Questions::<Test>::iter().count(), 0);
		assert_noop!(FeedsPallet::close(RuntimeOrigin::signed(owner()), id), Error::<Test>::UnknownFeed);
	});
}

#[test]
fn root_closes_any_feed_and_its_owner_gets_the_rest() {
	chain(|| {
		let id = feed(3);
		assert_ok!(FeedsPallet::close(RuntimeOrigin::root(), id));
		assert_eq!(free(&owner()), WEALTH - PRICE);
	});
}

#[test]
fn what_is_held_for_a_feed_can_not_be_spent() {
	use frame_support::traits::{fungible::Mutate, tokens::Preservation};
	chain(|| {
		assert_ok!(create_by(owner(), INTERVAL, MAX_FEE, WEALTH / 2));
		let all = free(&owner()) + 1;
		let spent = Balances::transfer(&owner(), &other(), all, Preservation::Expendable);
		assert_eq!(spent, Err(DispatchError::from(TokenError::FundsUnavailable)));
	});
}

#[test]
fn feeds_are_listed_by_their_numbers_in_pages() {
	chain(|| {
		for _ in 0..5 {
			feed(1);
		}
		assert_ok!(FeedsPallet::close(RuntimeOrigin::root(), 1));
		let list = |from, limit| {
			let page = FeedsPallet::feeds_view(from, limit);
			(page.feeds.iter().map(|feed| feed.id).collect::<Vec<_>>(), page.next)
		};
		assert_eq!(list(0, 2), (vec![0, 2], Some(3)));
		assert_eq!(list(3, 2), (vec![3, 4], None));
		assert_eq!(list(1, 100), (vec![2, 3, 4], None));
		assert_eq!(list(5, 100), (vec![], None));
		let view = FeedsPallet::feed_view(2).expect("it is there");
		assert_eq!((view.input, view.round_fee, view.open_job), ("hello".into(), ROUND_FEE, Some(2)));
	});
}

#[test]
fn the_parameters_of_the_mock_fit_together() {
	use frame_support::traits::Hooks;
	chain(FeedsPallet::integrity_test);
}
