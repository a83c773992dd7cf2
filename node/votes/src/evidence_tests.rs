use super::*;
use crate::testing::{
	account, ballot_of, ballot_with_seat, block, commit, insert, insert_judged, wanted, with_commits,
};
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
	assert!(pool.evidence().witnesses.is_empty() && pool.evidence().bytes == 0);
	insert(&mut pool, with_commits(0, 6, &[other(commit(0))]));
	assert!(pool.take_equivocations().is_empty());
}

#[test]
fn the_witnesses_of_all_are_bounded_and_who_has_most_gives_way() {
	let mut evidence = Evidence::default();
	let mut note = |validator, batch: u16| {
		let commits: Vec<_> = (0..256).map(|n| commit(256 * batch + n)).collect();
		evidence.note(&account(validator), &HashedBallot::new(with_commits(validator, 5, &commits)));
	};
	for batch in 0..11 {
		note(0, batch);
	}
	for (validator, batch) in (1..140).flat_map(|validator| (0..10).map(move |batch| (validator, batch))) {
		note(validator, batch);
	}
	let of_all = evidence.witnesses.values();
	assert!(of_all.clone().all(|witnesses| (9..=10).contains(&witnesses.ballots.len())), "ten ballots are 254 kB");
	assert!(of_all.clone().map(|witnesses| witnesses.ballots.len()).sum::<usize>() > 1_300, "these are 33 MB");
	let bytes: usize = of_all.flat_map(|witnesses| witnesses.ballots.values()).map(|witness| witness.bytes).sum();
	assert_eq!(evidence.bytes, bytes);
	assert!(bytes <= BYTES);
}

#[test]
fn no_more_proofs_wait_than_so_many() {
	let mut pool = pool();
	for (validator, seat) in (0..20).flat_map(|validator| (0..4).map(move |seat| (validator, seat))) {
		insert(&mut pool, ballot_with_seat(validator, 5, seat));
		insert(&mut pool, with_commits(validator, 6, &[other(commit(seat))]));
	}
	assert_eq!(pool.take_equivocations().len(), MAX_WAITING);
}

#[test]
fn the_reports_of_the_oldest_session_are_forgotten_first() {
	let mut pool = pool();
	for session in 0..=REMEMBERED_REPORTS as SessionIndex {
		let mut second = ballot_of(0, session, 6);
		second.ballot.commits[0] = other(commit(0));
		insert(&mut pool, ballot_of(0, session, 5));
		insert(&mut pool, second);
	}
	let reported = &pool.evidence().reported;
	assert_eq!((reported.len(), reported.contains_key(&(0, 0))), (REMEMBERED_REPORTS, false));
}

impl Pool {
	fn evidence_of(&self, account: &AccountId) -> &Witnesses {
		&self.evidence().witnesses[account]
	}
}
