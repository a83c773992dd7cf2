use super::*;
use crate::testing::{account, ballot_with_seat, block, commit, insert, insert_judged, wanted, with_commits};
use crate::{Bounds, Insertion, Pool};
use sibyl_primitives::vote::{Commit, BALLOT_LONGEVITY};

fn pool() -> Pool {
	Pool::new(Bounds::default())
}

fn other(mut commit: Commit) -> Commit {
	commit.commitment = Hash::repeat_byte(0xff);
	commit
}

#[test]
fn two_commits_of_one_seat_are_proven_once() {
	let mut pool = pool();
	let first = with_commits(0, 5, &[commit(0), commit(1)]);
	let second = with_commits(0, 6, &[commit(0), other(commit(1))]);
	insert(&mut pool, first.clone());
	assert!(pool.take_equivocations().is_empty());
	insert(&mut pool, second.clone());
	assert_eq!(pool.take_equivocations(), [Equivocation { first, second: second.clone() }]);
	assert!(pool.take_equivocations().is_empty());
	insert(&mut pool, with_commits(0, 7, &[other(commit(1))]));
	assert!(pool.take_equivocations().is_empty(), "the seat is reported");
}

#[test]
fn one_ballot_can_contradict_itself() {
	let mut pool = pool();
	let both = with_commits(0, 5, &[commit(0), other(commit(0))]);
	insert(&mut pool, both.clone());
	assert_eq!(pool.take_equivocations(), [Equivocation { first: both.clone(), second: both }]);
}

#[test]
fn commits_of_other_seats_draws_and_validators_do_not_contradict_each_other() {
	let mut pool = pool();
	let mut of_another_draw = other(commit(0));
	of_another_draw.target.draw = Hash::repeat_byte(9);
	insert(&mut pool, with_commits(0, 5, &[commit(0)]));
	insert(&mut pool, with_commits(0, 6, &[commit(0), commit(1), of_another_draw]));
	insert(&mut pool, with_commits(1, 6, &[other(commit(0))]));
	assert!(pool.take_equivocations().is_empty());
}

#[test]
fn a_ballot_that_has_left_the_pool_still_proves() {
	let mut pool = pool();
	let first = with_commits(0, 5, &[commit(0)]);
	insert_judged(&mut pool, first.clone(), wanted(9));
	pool.remove(&first.id());
	let second = with_commits(0, 6, &[other(commit(0))]);
	insert(&mut pool, second.clone());
	assert_eq!(pool.take_equivocations(), [Equivocation { first, second }]);
}

#[test]
fn a_ballot_that_finds_no_room_still_proves() {
	let mut pool = Pool::new(Bounds { ballots_of_account: 1, ..Bounds::default() });
	insert(&mut pool, with_commits(0, 6, &[commit(0)]));
	assert_eq!(insert(&mut pool, with_commits(0, 5, &[other(commit(0))])), Insertion::Crowded);
	assert_eq!(pool.take_equivocations().len(), 1);
}

#[test]
fn invented_commits_do_not_make_a_real_one_forgotten() {
	let mut pool = pool();
	let first = with_commits(0, 5, &[commit(0)]);
	insert_judged(&mut pool, first.clone(), wanted(9));
	for batch in 1..40 {
		let invented: Vec<_> = (0..200).map(|n| commit(200 * batch + n)).collect();
		insert(&mut pool, with_commits(0, 10, &invented));
	}
	let second = with_commits(0, 6, &[other(commit(0))]);
	insert(&mut pool, second.clone());
	assert_eq!(pool.take_equivocations(), [Equivocation { first, second }]);
	let bytes: usize = pool.evidence_of(&account(0)).ballots.values().map(|witness| witness.bytes).sum();
	assert!(bytes <= BYTES_OF_ACCOUNT);
	assert_eq!(bytes, pool.evidence_of(&account(0)).bytes);
}

#[test]
fn what_one_validator_makes_others_report_is_bounded() {
	let mut pool = pool();
	for seat in 0..100 {
		insert(&mut pool, ballot_with_seat(0, 5, seat));
		insert(&mut pool, with_commits(0, 6, &[other(commit(seat))]));
	}
	assert_eq!(pool.take_equivocations().len(), REPORTS_OF_VALIDATOR);
}

#[test]
fn witnesses_are_forgotten_when_no_ballot_can_contradict_them() {
	let mut pool = pool();
	insert(&mut pool, with_commits(0, 5, &[commit(0)]));
	pool.follow(block(1), 5 + 2 * BALLOT_LONGEVITY);
	assert!(!pool.evidence_of(&account(0)).ballots.is_empty());
	pool.follow(block(2), 6 + 2 * BALLOT_LONGEVITY);
	insert(&mut pool, with_commits(0, 6, &[other(commit(0))]));
	assert!(pool.take_equivocations().is_empty());
}

impl Pool {
	fn evidence_of(&self, account: &AccountId) -> &Witnesses {
		&self.evidence().witnesses[account]
	}
}
