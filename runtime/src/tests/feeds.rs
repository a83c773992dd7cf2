//! Feeds over the inference pallet, in real blocks.

use super::inference::{block, chain};
use crate::{
	configs::consumers::{Consumers, FEEDS},
	constants::SIB,
	models, Balance, BlockNumber, Feeds, Inference, Runtime, RuntimeCall, RuntimeEvent, RuntimeHoldReason,
	RuntimeOrigin, System,
};
use frame_support::{
	assert_ok,
	traits::fungible::{Inspect, InspectHold},
	weights::Weight,
};
use pallet_feeds::{EndReason, Event};
use sibyl_primitives::{
	consumer::OnResult,
	feed::{FeedId, FeedView},
	job::{JobId, JobOptions},
};
use sp_keyring::Sr25519Keyring::{Alice, Ferdie};
use sp_runtime::traits::Dispatchable;

const INTERVAL: BlockNumber = 5;
const FUNDS: Balance = 6 * SIB / 100;
const MAX_FEE: Balance = 5 * SIB / 100;

fn create() {
	let call = RuntimeCall::Feeds(pallet_feeds::Call::create_feed {
		model: models::common_lingua().revision.id(),
		input: "Which language is this?".into(),
		options: JobOptions::default(),
		interval: INTERVAL,
		max_fee: MAX_FEE,
		funds: FUNDS,
	});
	assert_ok!(call.dispatch(RuntimeOrigin::signed(Ferdie.to_account_id())));
}

fn cancel(job: JobId) {
	assert_ok!(Inference::cancel(RuntimeOrigin::root(), job));
}

fn feed(id: FeedId) -> FeedView {
	Feeds::feed_view(id).expect("the feed is there")
}

fn price(job: JobId) -> Balance {
	pallet_inference::Jobs::<Runtime>::get(job).expect("the job is kept").quote.total
}

fn check() {
	assert_ok!(Feeds::check_invariants());
	assert_ok!(Inference::check_invariants());
}

fn held(reason: impl Into<RuntimeHoldReason>) -> Balance {
	crate::Balances::balance_on_hold(&reason.into(), &Ferdie.to_account_id())
}

#[test]
fn a_feed_asks_by_jobs_that_its_owner_pays_and_hears_of_them_in_the_block_after_their_end() {
	chain(|| {
		block(1, Alice, create);
		let job = pallet_inference::Jobs::<Runtime>::get(0).expect("it is asked at once");
		assert_eq!(job.requester, Ferdie.to_account_id());
		assert_eq!(held(pallet_inference::HoldReason::JobFee), price(0));
		assert_eq!(held(pallet_feeds::HoldReason::Feed), FUNDS - price(0) + feed(0).deposit);
		check();
		block(2, Alice, || cancel(0));
		assert_eq!(feed(0).open_job, Some(0));
		block(3, Alice, || {});
		assert_eq!((feed(0).open_job, feed(0).funds), (None, FUNDS), "the refund is the feed's again");
		check();
		for number in 4..=1 + INTERVAL {
			block(number, Alice, || {});
		}
		let view = feed(0);
		assert_eq!((view.open_job, view.asked, view.next_at), (Some(1), 2, 1 + 2 * INTERVAL));
		assert_eq!(view.funds, FUNDS - price(1) - view.round_fee);
		check();
	});
}

#[test]
fn a_feed_without_funds_ends_and_its_owner_has_all_that_was_not_spent() {
	chain(|| {
		let before = crate::Balances::total_balance(&Ferdie.to_account_id());
		block(1, Alice, create);
		let round_fee = feed(0).round_fee;
		let (mut number, mut job) = (1, 0);
		while Feeds::feed_view(0).is_some() {
			// Each job costs nothing, so that the fees of the rounds end the feed.
			number += 1;
			block(number, Alice, || {
				if Feeds::feed_view(0).is_some_and(|feed| feed.open_job == Some(job)) {
					cancel(job);
					job += 1;
				}
			});
			check();
		}
		let rounds = (FUNDS - MAX_FEE) / round_fee;
		assert_eq!(job, JobId::try_from(rounds).expect("there are few") + 1);
		let spent = before - crate::Balances::total_balance(&Ferdie.to_account_id());
		assert_eq!(spent, rounds * round_fee);
		assert_eq!(held(pallet_feeds::HoldReason::Feed), 0);
		let is_ended = |event: &RuntimeEvent| {
			matches!(event, RuntimeEvent::Feeds(Event::FeedEnded { reason: EndReason::OutOfFunds, .. }))
		};
		assert!(System::events().iter().any(|record| is_ended(&record.event)));
	});
}

#[test]
fn a_result_of_no_pallet_is_not_delivered_and_the_feeds_pay_for_theirs() {
	chain(|| {
		assert_eq!(Consumers::weight(FEEDS + 1), Weight::zero());
		assert!(Consumers::weight(FEEDS).ref_time() > 0);
		assert_eq!(Consumers::max_weight(), Consumers::weight(FEEDS));
	});
}
