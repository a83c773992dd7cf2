use super::*;
use crate::testing::*;
use crate::Relay;
use sibyl_primitives::vote::SignedBallot;

const BOUNDS: Bounds = Bounds { ballots_of_account: 3, bytes_of_account: 50_000, ballots: 8, bytes: 100_000 };

fn pool() -> Pool {
	Pool::new(BOUNDS)
}

fn has(pool: &Pool, ballot: SignedBallot) -> bool {
	pool.contains(&ballot.id())
}

fn news(pool: &Pool, ballot: &SignedBallot) -> News {
	pool.news(&HashedBallot::new(ballot.clone()))
}

fn of_size(validator: u32, at_block: BlockNumber, outputs: u8) -> SignedBallot {
	let outputs: Vec<_> = (0..outputs).map(|n| output(n, 8_000)).collect();
	ballot_with_outputs(validator, at_block, &outputs, &outputs)
}

/// The sums are what a recount says, and within the bounds.
fn assert_sums(pool: &Pool) {
	let bytes: usize = pool.ballots.values().map(|pooled| pooled.ballot.encode().len()).sum();
	assert_eq!(pool.bytes, bytes);
	assert_eq!(pool.shares.values().map(|share| share.bytes).sum::<usize>(), bytes);
	assert_eq!(pool.shares.values().map(|share| share.by_age.len()).sum::<usize>(), pool.ballots.len());
	assert!(pool.shares.values().all(|share| share.by_age.len() <= pool.bounds.ballots_of_account));
	assert!(pool.bytes <= pool.bounds.bytes && pool.len() <= pool.bounds.ballots);
}

#[test]
fn a_ballot_is_added_once() {
	let mut pool = pool();
	assert_eq!(news(&pool, &ballot(0, 5)), News::Ballot);
	assert_eq!(insert(&mut pool, ballot(0, 5)), Insertion::Added);
	assert_eq!(news(&pool, &ballot(0, 5)), News::Known);
	assert_eq!(insert(&mut pool, ballot(0, 5)), Insertion::Known);
	assert_eq!(pool.ids(), [ballot(0, 5).id()]);
	assert_sums(&pool);
}

#[test]
fn the_oldest_of_a_validator_leaves_for_a_newer_one_and_others_are_left_alone() {
	let mut pool = pool();
	insert(&mut pool, ballot(1, 1));
	for at_block in [7, 5, 6] {
		assert_eq!(insert(&mut pool, ballot(0, at_block)), Insertion::Added);
	}
	assert_eq!(insert(&mut pool, ballot(0, 4)), Insertion::Crowded);
	assert_eq!(insert(&mut pool, ballot(0, 8)), Insertion::Added);
	assert!(!has(&pool, ballot(0, 5)) && has(&pool, ballot(1, 1)));
	assert_sums(&pool);
}

#[test]
fn of_ballots_of_one_height_the_last_to_come_stays() {
	let mut pool = pool();
	for seat in 0..4 {
		assert_eq!(insert(&mut pool, ballot_with_seat(0, 5, seat)), Insertion::Added);
	}
	assert!(!has(&pool, ballot_with_seat(0, 5, 0)) && has(&pool, ballot_with_seat(0, 5, 3)));
	assert_sums(&pool);
}

#[test]
fn a_validators_room_is_one_for_all_its_sessions() {
	let mut pool = pool();
	for session in SESSION..SESSION + 9 {
		insert(&mut pool, ballot_of(0, session, 5));
	}
	assert_eq!(pool.len(), BOUNDS.ballots_of_account);
	assert_sums(&pool);
}

#[test]
fn what_is_useless_leaves_first() {
	let mut pool = pool();
	insert_judged(&mut pool, ballot(0, 5), wanted(9));
	insert_judged(&mut pool, ballot(0, 6), BallotStanding::Useless);
	insert_judged(&mut pool, ballot(0, 7), wanted(9));
	insert(&mut pool, ballot(0, 8));
	assert!(!has(&pool, ballot(0, 6)) && has(&pool, ballot(0, 5)));
	assert_sums(&pool);
}

#[test]
fn newer_ballots_of_another_fork_do_not_drive_out_what_is_wanted_here() {
	let mut pool = pool();
	insert_judged(&mut pool, ballot(0, 5), wanted(9));
	for at_block in 6..20 {
		insert_judged(&mut pool, ballot(0, at_block), EARLY);
	}
	assert!(has(&pool, ballot(0, 5)) && has(&pool, ballot(0, 19)));
	assert_sums(&pool);
}

#[test]
fn newer_wanted_ballots_do_not_drive_out_one_of_the_next_session() {
	let mut pool = pool();
	insert_judged(&mut pool, ballot_of(0, SESSION + 1, 5), EARLY);
	for at_block in 6..20 {
		insert_judged(&mut pool, ballot(0, at_block), wanted(30));
	}
	assert!(has(&pool, ballot_of(0, SESSION + 1, 5)) && has(&pool, ballot(0, 19)));
	assert_sums(&pool);
}

#[test]
fn a_validators_bytes_are_bounded() {
	let mut pool = pool();
	for at_block in 1..=3 {
		assert_eq!(insert(&mut pool, of_size(0, at_block, 4)), Insertion::Added);
	}
	assert_eq!(pool.ids(), [of_size(0, 3, 4).id()]);
	assert_sums(&pool);
}

#[test]
fn one_ballot_of_a_validator_is_kept_however_large() {
	let mut pool = Pool::new(Bounds { bytes_of_account: 1, ..BOUNDS });
	assert_eq!(insert(&mut pool, of_size(0, 5, 4)), Insertion::Added);
	assert!(has(&pool, of_size(0, 5, 4)));
}

#[test]
fn what_fills_the_bounds_to_the_last_byte_stays() {
	let bytes = HashedBallot::new(of_size(0, 1, 2)).bytes();
	let bounds = Bounds { ballots_of_account: 2, bytes_of_account: 2 * bytes, ballots: 4, bytes: 4 * bytes };
	let mut pool = Pool::new(bounds);
	for (validator, at_block) in [(0, 1), (0, 2), (1, 1), (1, 2)] {
		assert_eq!(insert(&mut pool, of_size(validator, at_block, 2)), Insertion::Added);
	}
	assert_eq!(pool.len(), 4);
	assert_sums(&pool);
}

#[test]
fn who_takes_most_room_gives_way() {
	let mut pool = pool();
	insert(&mut pool, ballot(1, 1));
	for validator in 2..5 {
		insert(&mut pool, of_size(validator, 5, if validator == 3 { 5 } else { 4 }));
	}
	assert!(has(&pool, ballot(1, 1)) && !has(&pool, of_size(3, 5, 5)));
	assert_sums(&pool);

	let mut pool = Pool::new(BOUNDS);
	for validator in 0..4 {
		for at_block in 1..=if validator == 2 { 3 } else { 2 } {
			insert(&mut pool, ballot(validator, at_block));
		}
	}
	assert!(!has(&pool, ballot(2, 1)) && has(&pool, ballot(0, 1)));
	assert_sums(&pool);
}

#[test]
fn outputs_that_were_left_out_are_merged_in() {
	let mut pool = pool();
	let outputs = [output(1, 10), output(2, 20)];
	let with = |there: &[_]| ballot_with_outputs(0, 5, &outputs, there);
	assert_eq!(insert(&mut pool, with(&[])), Insertion::Added);
	assert_eq!(insert(&mut pool, with(&outputs[..1])), Insertion::Merged);
	assert_eq!(news(&pool, &with(&outputs[..1])), News::Known);
	assert_eq!(news(&pool, &with(&[])), News::Known);
	let bytes = HashedBallot::new(with(&outputs)).bytes();
	assert!(matches!(news(&pool, &with(&outputs)), News::Outputs { bytes: said, .. } if said + 2 >= bytes));
	assert_eq!(insert(&mut pool, with(&outputs[1..])), Insertion::Merged);
	assert_eq!(pool.get(&with(&[]).id()).map(HashedBallot::bytes), Some(bytes));
	assert_eq!(insert(&mut pool, with(&[])), Insertion::Known);
	assert_sums(&pool);
}

#[test]
fn outputs_are_news_as_far_as_the_chain_lacks_them() {
	let mut pool = pool();
	let outputs = [output(1, 10), output(2, 20)];
	let with = |there: &[_]| ballot_with_outputs(0, 5, &outputs, there);
	let are_wanted = |pool: &Pool, there: &[_]| match news(pool, &with(there)) {
		News::Outputs { are_wanted, .. } => Some(are_wanted),
		News::Known => None,
		News::Ballot => panic!("it is known"),
	};
	insert(&mut pool, with(&[]));
	assert_eq!(are_wanted(&pool, &outputs), Some(false), "nobody knows yet");
	for (standing, of_both, of_the_first) in [
		(EARLY, Some(false), Some(false)),
		(wanting(9, &outputs[1..]), Some(true), None),
		(wanted(9), None, None),
		(BallotStanding::Useless, None, None),
	] {
		pool.answer(pool.best, &[with(&[]).id()], vec![standing]);
		assert_eq!((are_wanted(&pool, &outputs), are_wanted(&pool, &outputs[..1])), (of_both, of_the_first));
	}
}

#[test]
fn each_ballot_is_asked_about_once_at_each_best_block() {
	let mut pool = Pool::new(Bounds::default());
	for validator in 0..100 {
		insert(&mut pool, ballot(validator, 5));
	}
	let mut asked = Vec::new();
	for _ in 0..2 {
		let Questions { at, ids, ballots } = pool.questions();
		assert!(ids.len() == ballots.len() && ids.len() <= MAX_JUDGED_BALLOTS as usize);
		pool.answer(at, &ids, vec![EARLY; ids.len()]);
		asked.extend(ids);
	}
	asked.sort();
	assert_eq!(asked, pool.ids());
	assert!(pool.questions().ids.is_empty());
	pool.follow(block(6), 6);
	assert_eq!(pool.questions().ids.len(), MAX_JUDGED_BALLOTS as usize);
	assert_eq!(pool.questions().at, block(6));
}

#[test]
fn the_votes_that_one_call_looks_at_are_bounded() {
	let mut pool = Pool::new(Bounds::default());
	let commits: Vec<_> = (0..256).map(commit).collect();
	for validator in 0..64 {
		insert(&mut pool, with_commits(validator, 5, &commits));
	}
	assert_eq!(pool.questions().ids.len(), MAX_JUDGED_VOTES / 256);
}

#[test]
fn new_ballots_are_asked_about_first_and_everyones_newest_before_anyones_second() {
	let mut pool = pool();
	insert_judged(&mut pool, ballot(0, 1), wanted(9));
	insert_judged(&mut pool, ballot(0, 2), EARLY);
	pool.follow(block(6), 6);
	for (validator, at_block) in [(1, 3), (1, 4), (2, 3)] {
		insert(&mut pool, ballot(validator, at_block));
	}
	let order: Vec<_> =
		pool.questions().ballots.iter().map(|ballot| (ballot.authority_index, ballot.at_block)).collect();
	assert_eq!(order, [(1, 4), (2, 3), (1, 3), (0, 2), (0, 1)]);
}

#[test]
fn an_answer_for_another_block_than_the_best_is_none() {
	let mut pool = pool();
	insert(&mut pool, ballot(0, 5));
	let Questions { at, ids, .. } = pool.questions();
	pool.follow(block(6), 6);
	pool.answer(at, &ids, vec![BallotStanding::Useless]);
	assert_eq!(pool.standing(&ids[0]), None);
}

#[test]
fn what_was_to_be_passed_on_later_is_due_once_it_is_wanted_and_the_newest_of_a_validator_alone() {
	let mut pool = pool();
	for (seat, relay) in [(0, Relay::Now), (1, Relay::Later), (2, Relay::Later)] {
		pool.insert(account(0), HashedBallot::new(ballot_with_seat(0, 5, seat)), relay);
	}
	assert!(pool.take_due().is_empty());
	let Questions { at, ids, .. } = pool.questions();
	pool.answer(at, &ids, vec![wanted(9); 3]);
	let mut due = || pool.take_due().into_iter().map(|ballot| ballot.id()).collect::<Vec<_>>();
	assert_eq!(due(), [ballot_with_seat(0, 5, 2).id()]);
	assert_eq!(due(), [ballot_with_seat(0, 5, 1).id()]);
	assert!(due().is_empty());
}

#[test]
fn old_ballots_leave_by_the_best_height_even_if_nothing_is_finalised() {
	let mut pool = pool();
	insert(&mut pool, ballot(0, 9));
	insert(&mut pool, ballot(0, 10));
	pool.follow(block(10 + BALLOT_LONGEVITY), 10 + BALLOT_LONGEVITY);
	assert_eq!(pool.ids(), [ballot(0, 10).id()]);
	pool.remove(&ballot(0, 10).id());
	assert!(pool.is_empty() && pool.shares.is_empty());
	assert_sums(&pool);
}

#[test]
fn the_runtime_can_be_asked_about_the_useless_ones_at_another_block() {
	let mut pool = Pool::new(Bounds::default());
	for validator in 0..100 {
		let standing = if validator % 4 == 0 { EARLY } else { BallotStanding::Useless };
		insert_judged(&mut pool, ballot(validator, 5), standing);
	}
	let useless = pool.useless();
	assert_eq!(useless.len(), 75);
	let (first, left) = pool.questions_about(&useless, block(3));
	assert_eq!((first.at, first.ids.len(), left.len()), (block(3), 64, 11));
	let (second, left) = pool.questions_about(&left, block(3));
	assert_eq!((second.ids.len(), left.len()), (11, 0));
}

#[test]
fn ten_thousand_ballots_of_all_kinds_stay_within_the_bounds() {
	let mut pool = pool();
	// A linear congruential generator: the same numbers in every run.
	let mut state = 1u64;
	let mut random = |below: u64| {
		state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
		(state >> 33) % below
	};
	for n in 0..10_000u32 {
		let (validator, at_block) = (random(6) as u32, n / 100 + random(4) as u32);
		let signed = match random(3) {
			0 => of_size(validator, at_block, random(4) as u8 + 1),
			_ => ballot_with_seat(validator, at_block, random(50) as u16),
		};
		let standing = match random(4) {
			0 => BallotStanding::Useless,
			1 => EARLY,
			_ => wanted(at_block + 5),
		};
		insert_judged(&mut pool, signed, standing);
		if n % 100 == 0 {
			pool.follow(block(n / 100), n / 100);
			assert_sums(&pool);
		}
	}
}

impl Pool {
	pub(crate) fn evidence(&self) -> &Evidence {
		&self.evidence
	}
}

#[test]
fn a_ballot_stands_as_the_runtime_has_said() {
	let mut pool = pool();
	assert!(pool.is_empty());
	insert(&mut pool, ballot(0, 5));
	assert!(!pool.is_empty());
	assert_eq!(pool.standing(&ballot(0, 5).id()), None);
	insert_judged(&mut pool, ballot(1, 5), wanted(9));
	assert_eq!(pool.standing(&ballot(1, 5).id()), Some(&wanted(9)));
}

#[test]
fn a_ballot_whose_outputs_came_by_way_of_one_to_be_passed_on_later_is_due_like_that_one() {
	let outputs = [output(1, 10), output(2, 20)];
	let with = |there: &[_]| HashedBallot::new(ballot_with_outputs(0, 5, &outputs, there));
	for (first, second, is_due) in [
		(Relay::Now, Relay::Now, false),
		(Relay::Now, Relay::Later, true),
		(Relay::Later, Relay::Now, true),
		(Relay::Later, Relay::Later, true),
	] {
		let mut pool = pool();
		pool.insert(account(0), with(&[]), first);
		assert_eq!(pool.insert(account(0), with(&outputs), second), Insertion::Merged);
		let Questions { at, ids, .. } = pool.questions();
		pool.answer(at, &ids, vec![wanted(9)]);
		assert_eq!(pool.take_due().len(), usize::from(is_due), "{first:?}, then {second:?}");
	}
}
