//! What becomes of rounds' results.

use crate::{mock::*, *};
use frame_support::{
	assert_ok,
	traits::{fungible::Mutate, tokens::Preservation},
};
use sibyl_primitives::{feed::FeedReader, output::Output};

#[test]
fn the_latest_answer_is_read_with_its_block_and_its_support() {
	chain(|| {
		let id = feed(2);
		assert_eq!(latest(id), None);
		next_block();
		answer(job_of(id), "eng");
		let read = <FeedsPallet as FeedReader>::latest(id).expect("there is an answer");
		assert_eq!((Output::Answer(read.answer), read.at, read.job, read.support.agreed), (said("eng"), 2, 0, 3));
		assert_eq!(events().last(), Some(&Event::Answered { feed: id, job: 0, at: 2 }));
		advance_to(1 + INTERVAL);
		assert_eq!(latest(id), Some((said("eng"), 2)), "until the next one is there");
		answer(job_of(id), "deu");
		assert_eq!(latest(id), Some((said("deu"), 1 + INTERVAL)));
	});
}

#[test]
fn no_failure_overwrites_the_last_answer() {
	chain(|| {
		let id = feed(6);
		answer(job_of(id), "eng");
		let (refused, refusal) = refusal();
		for (verdict, output) in [
			(refused, Some(refusal)),
			(Verdict::NoQuorum, None),
			(Verdict::Expired, None),
			(Verdict::Cancelled, None),
			// Agreed on, and cancelled before it was settled.
			(Verdict::Cancelled, Some(said("doubtful"))),
		] {
			advance_to(now() + INTERVAL);
			let job = job_of(id);
			tell(job, verdict, output, 0);
			assert_eq!(latest(id), Some((said("eng"), 1)));
			assert_eq!(events().last(), Some(&Event::RoundFailed { feed: id, job, verdict }));
			assert_eq!(stored(id).open_job, None);
		}
	});
}

#[test]
fn what_a_round_did_not_use_goes_back_to_its_feed() {
	chain(|| {
		let id = feed(1);
		let (funds, spendable) = (stored(id).funds, free(&owner()));
		tell(job_of(id), Verdict::Agreed, Some(said("eng")), 1_234);
		assert_eq!(stored(id).funds, funds + 1_234);
		assert_eq!(free(&owner()), spendable);
	});
}

#[test]
fn an_owner_who_has_spent_a_refund_has_spent_the_feeds_and_nobody_elses() {
	chain(|| {
		let id = feed(1);
		let funds = stored(id).funds;
		let ended = end_job(job_of(id), Verdict::Agreed, Some(said("eng")), PRICE);
		let all = free(&owner()) - ED;
		assert_ok!(Balances::transfer(&owner(), &other(), all, Preservation::Preserve));
		assert_ok!(FeedsPallet::on_result(ended));
		assert_eq!((stored(id).funds, free(&owner())), (funds, ED));
		assert_eq!(latest(id), Some((said("eng"), 1)), "the answer is taken all the same");
	});
}

#[test]
fn a_result_of_a_feed_that_has_ended_leaves_nothing() {
	chain(|| {
		let id = feed(1);
		let job = job_of(id);
		assert_ok!(FeedsPallet::close(RuntimeOrigin::signed(owner()), id));
		answer(job, "eng");
		assert_eq!(latest(id), None);
		assert_eq!(Answers::<Test>::iter().count(), 0);
	});
}
