use crate::{mock::*, *};
use frame_support::{
	assert_ok,
	traits::{
		fungible::{Inspect, Mutate},
		tokens::{Fortitude, Preservation},
	},
};
use sibyl_primitives::price::ModelPrice;

/// What a seat gets for "hello": the base and five bytes of input.
const SEAT: Balance = 1_000 + 5 * 10;

fn settlement(id: JobId) -> SettlementView {
	job(id).outcome.expect("the job has ended").settlement
}

#[test]
fn agreeing_seats_are_paid_the_protocol_gets_its_share_and_nothing_is_left_on_hold() {
	Chain::default().run(|| {
		let output = answer("eng");
		let id = revealing(all_seats(), &output);
		reveal_by(0..4, id, &output);
		for number in 0..4 {
			assert_eq!(free(&account(number)), FUNDS + SEAT);
		}
		assert_eq!(free(&Inference::protocol_account()), FUNDS + 210);
		assert_eq!((free(&requester()), held()), (FUNDS - 4 * SEAT - 210, 0));
		assert_eq!(
			settlement(id),
			SettlementView { paid: 4 * SEAT, refunded: 0, author_share: 0, protocol_share: 210 }
		);
	});
}

#[test]
fn output_that_was_not_used_and_seats_that_did_not_agree_are_refunded_in_the_settling_block() {
	Chain::default().run(|| {
		let output = answer("eng");
		let id = revealing(JobOptions { max_output_units: 50, ..all_seats() }, &output);
		let total = job(id).quote.total;
		assert_eq!(total, 4 * (SEAT + 500) + 310);
		reveal_by(0..3, id, &output);
		advance_to(job(id).deadline + 1);
		let SettlementView { paid, refunded, protocol_share, .. } = settlement(id);
		assert_eq!((paid, protocol_share), (3 * SEAT, 158));
		assert_eq!(paid + refunded + protocol_share, total);
		assert_eq!(free(&requester()), FUNDS - paid - protocol_share);
	});
}

#[test]
fn an_agreed_refusal_costs_the_base_only() {
	Chain::default().run(|| {
		let id = revealing(all_seats(), &refusal());
		reveal_by(0..4, id, &refusal());
		assert_eq!(settlement(id).paid, 4 * 1_000);
		assert_eq!(free(&account(0)), FUNDS + 1_000);
	});
}

#[test]
fn a_validator_that_has_spent_all_that_it_may_is_paid_less_than_an_account_must_have() {
	Chain::default().run(|| {
		let output = answer("eng");
		// Less than the existential deposit.
		set_price(ModelPrice { base: 1, unit: 1, ..PRICE });
		let id = submit(all_seats());
		next_block();
		next_block();
		commit_by(0..4, id, &output);
		next_block();
		// The bond of its open seat keeps the account.
		let spendable = Balances::reducible_balance(&account(0), Preservation::Expendable, Fortitude::Polite);
		assert_ok!(Balances::transfer(&account(0), &account(1), spendable, Preservation::Expendable));
		let before = free(&account(0));
		reveal_by(0..4, id, &output);
		assert_eq!(verdict(id), Some(Verdict::Agreed));
		assert_eq!(free(&account(0)), before + 6);
		assert_eq!(settlement(id).paid, 4 * 6);
	});
}

#[test]
fn the_price_is_the_one_at_submission() {
	Chain::default().run(|| {
		let output = answer("eng");
		let id = revealing(all_seats(), &output);
		set_price(ModelPrice { base: 1_000_000, unit: 0, ..PRICE });
		reveal_by(0..4, id, &output);
		assert_eq!(settlement(id).paid, 4 * SEAT);
	});
}

#[test]
fn a_job_that_is_cancelled_says_nothing_of_who_missed_seats_before() {
	Chain::default().run(|| {
		ServiceLedgers::<Test>::mutate(account(0), |ledger| ledger.missed_in_a_row = 2);
		let id = drawn(all_seats());
		assert_ok!(Inference::cancel(RuntimeOrigin::root(), id));
		assert_eq!(verdict(id), Some(Verdict::Cancelled));
		assert_eq!(ledger(0).missed_in_a_row, 2);
	});
}
