use super::*;
use crate::testing::*;
use crate::{Bounds, HashedBallot};

fn pool() -> Pool {
	Pool::new(Bounds::default())
}

fn all(pool: &Pool) -> Vec<SignedBallot> {
	pool.for_block(usize::MAX)
}

/// The validators and heights of the ballots for a block.
fn order(pool: &Pool) -> Vec<(u32, BlockNumber)> {
	order_within(pool, usize::MAX)
}

fn order_within(pool: &Pool, max_bytes: usize) -> Vec<(u32, BlockNumber)> {
	let offered = pool.for_block(max_bytes);
	offered.iter().map(|signed| (signed.ballot.authority_index, signed.ballot.at_block)).collect()
}

#[test]
fn only_what_is_wanted_is_offered() {
	let mut pool = pool();
	insert_judged(&mut pool, ballot(0, 5), wanted(9));
	insert_judged(&mut pool, ballot(1, 5), EARLY);
	insert_judged(&mut pool, ballot(2, 5), BallotStanding::Useless);
	assert_eq!(all(&pool), [ballot(0, 5)]);
}

#[test]
fn junk_ahead_of_the_chain_does_not_keep_an_honest_commit_out() {
	let mut pool = pool();
	let (best, room) = (100, 4 * 1024 * 1024);
	pool.follow(block(best), best);
	// The attacker has keys of nine sessions, and invents jobs with the largest outputs.
	let mut n = 0;
	for session in SESSION..SESSION + 9 {
		for _ in 0..8 {
			n += 1;
			let outputs: Vec<_> = (0..60).map(|m| output(m + n, 8_000)).collect();
			let SignedBallot { ballot, outputs, .. } = ballot_with_outputs(7, best + 16, &outputs, &outputs);
			let junk = SignedBallot { outputs, ..signed(7, sibyl_primitives::vote::Ballot { session, ..ballot }) };
			insert_judged(&mut pool, junk, EARLY);
		}
	}
	let honest = ballot(0, best);
	insert_judged(&mut pool, honest.clone(), wanted(best + 12));
	assert_eq!(pool.for_block(room), [honest]);
}

#[test]
fn a_block_gets_everyones_most_urgent_ballot_before_anyones_second() {
	let mut pool = pool();
	for (validator, at_block, deadline) in [(0, 1, 50), (0, 2, 40), (0, 3, 50), (1, 1, 60), (2, 2, 60)] {
		insert_judged(&mut pool, ballot(validator, at_block), wanted(deadline));
	}
	assert_eq!(order(&pool), [(0, 2), (2, 2), (1, 1), (0, 3), (0, 1)]);
	let room_for_three = 3 * HashedBallot::new(ballot(0, 1)).bare_bytes();
	assert_eq!(pool.for_block(room_for_three).len(), 3);
}

#[test]
fn who_fills_its_ballot_takes_no_bytes_that_others_need_for_theirs() {
	let mut pool = pool();
	let full: Vec<_> = (0..200).map(commit).collect();
	for liar in 0..3 {
		insert_judged(&mut pool, with_commits(liar, 9, &full), wanted(40));
	}
	for honest in 3..8 {
		insert_judged(&mut pool, ballot(honest, 5), wanted(50));
	}
	let room = 3 * HashedBallot::new(with_commits(0, 9, &full)).bare_bytes();
	let offered: Vec<_> = order_within(&pool, room).into_iter().map(|(validator, _)| validator).collect();
	assert_eq!(offered, [7, 6, 5, 4, 3, 2, 1]);
}

#[test]
fn the_places_of_an_accounts_sessions_are_the_accounts() {
	let mut pool = pool();
	for session in [SESSION - 1, SESSION] {
		insert_judged(&mut pool, ballot_of(0, session, 9), wanted(50));
	}
	insert_judged(&mut pool, ballot(1, 1), wanted(50));
	assert_eq!(order(&pool), [(0, 9), (1, 1), (0, 9)]);
}

#[test]
fn a_newer_ballot_of_another_fork_does_not_hide_what_is_wanted_here() {
	let mut pool = pool();
	pool.follow(block(105), 105);
	insert_judged(&mut pool, ballot(0, 104), wanted(110));
	for at_block in 106..120 {
		insert_judged(&mut pool, ballot(0, at_block), EARLY);
	}
	assert_eq!(all(&pool), [ballot(0, 104)]);
}

#[test]
fn what_has_not_been_judged_comes_after_votes_that_are_wanted_and_before_models() {
	let mut pool = pool();
	insert_judged(
		&mut pool,
		attesting(0, 9),
		BallotStanding::Wanted { deadline: None, outputs: Vec::new(), has_early_reveals: false },
	);
	insert(&mut pool, ballot(1, 9));
	insert_judged(&mut pool, ballot(2, 5), wanted(50));
	assert_eq!(order(&pool), [(2, 5), (1, 9), (0, 9)]);
}

#[test]
fn somebodys_first_comes_before_anybodys_second_though_it_has_not_been_judged() {
	let mut pool = pool();
	for at_block in [8, 9] {
		insert_judged(&mut pool, ballot(0, at_block), wanted(50));
	}
	insert(&mut pool, ballot(1, 9));
	assert_eq!(order(&pool), [(0, 9), (1, 9), (0, 8)]);
}

#[test]
fn what_was_early_at_the_block_before_is_offered_until_it_is_judged_again() {
	let mut pool = pool();
	insert_judged(&mut pool, ballot(0, 5), EARLY);
	insert_judged(&mut pool, ballot(1, 5), BallotStanding::Useless);
	assert!(all(&pool).is_empty());
	pool.follow(block(6), 6);
	assert_eq!(all(&pool), [ballot(0, 5)]);
	pool.answer(block(6), &[ballot(0, 5).id()], vec![EARLY]);
	assert!(all(&pool).is_empty());
}

#[test]
fn an_output_comes_once_and_only_if_the_chain_lacks_it() {
	let mut pool = pool();
	let outputs = [output(1, 100), output(2, 200)];
	for validator in 0..3 {
		let ballot = ballot_with_outputs(validator, 5, &outputs, &outputs);
		insert_judged(&mut pool, ballot, wanting(50, &outputs[1..]));
	}
	let brought: Vec<_> = all(&pool).into_iter().flat_map(|signed| signed.outputs).collect();
	assert_eq!(brought, outputs[1..]);
	assert_eq!(all(&pool).len(), 3);
}

#[test]
fn an_output_that_two_jobs_have_comes_once_for_each() {
	let mut pool = pool();
	let same = [output(1, 100)];
	let one = ballot_with_outputs(0, 5, &same, &same);
	let mut other = ballot_with_outputs(1, 5, &same, &[]).ballot;
	other.reveals[0].target = target(9);
	let other = SignedBallot { outputs: one.outputs.clone(), ..signed(1, other) };
	for ballot in [one, other] {
		insert_judged(&mut pool, ballot, wanting(50, &same));
	}
	assert!(all(&pool).iter().all(|signed| signed.outputs.len() == 1));
}

#[test]
fn ballots_come_before_outputs() {
	let mut pool = pool();
	let large = [output(1, 8_000)];
	insert_judged(&mut pool, ballot_with_outputs(0, 9, &large, &large), wanting(40, &large));
	insert_judged(&mut pool, ballot(1, 5), wanted(50));
	let offered = pool.for_block(1_000);
	assert_eq!(offered.len(), 2);
	assert!(offered.iter().all(|signed| signed.outputs.is_empty()));
	assert_eq!(pool.for_block(10_000)[0].outputs.to_vec(), large);
}

#[test]
fn what_does_not_fit_is_skipped_for_what_does() {
	let mut pool = pool();
	let commits: Vec<_> = (0..20).map(commit).collect();
	insert_judged(&mut pool, with_commits(0, 9, &commits), wanted(40));
	insert_judged(&mut pool, ballot(1, 5), wanted(50));
	assert_eq!(pool.for_block(1_000), [ballot(1, 5)]);
}

#[test]
fn outputs_come_as_far_as_there_is_room() {
	let mut pool = pool();
	let large = [1, 2, 3].map(|n| output(n, 8_000));
	for (validator, output) in (0..).zip(&large) {
		let one = std::slice::from_ref(output);
		insert_judged(&mut pool, ballot_with_outputs(validator, 9, one, one), wanting(40, one));
	}
	let bare = HashedBallot::new(ballot_with_outputs(0, 9, &large[..1], &[])).bare_bytes();
	let room = 3 * bare + 2 * large[0].encoded_size();
	let outputs = |room| pool.for_block(room).iter().map(|signed| signed.outputs.len()).sum::<usize>();
	assert_eq!((outputs(room), outputs(room - 1)), (2, 1));
}

#[test]
fn a_long_ballot_that_is_wanted_comes_before_a_short_one_that_nobody_has_judged() {
	let mut pool = pool();
	let outputs: Vec<_> = (0..60).map(|n| output(n, 8)).collect();
	let long = ballot_with_outputs(0, 5, &outputs, &[]);
	let short = ballot(1, 5);
	let room = [&long, &short].map(|signed| HashedBallot::new(signed.clone()).bare_bytes()).iter().sum();
	insert_judged(&mut pool, long, wanted(9));
	insert(&mut pool, short);
	assert_eq!(order_within(&pool, room), [(0, 5), (1, 5)]);
}
