use crate::{mock::*, *};
use sibyl_primitives::api::BallotStanding;
use sp_core::Pair;

#[test]
fn a_member_that_leaves_and_one_that_rotates_its_key_are_paid_across_the_sessions_edge() {
	Chain::default().run(|| {
		let (id, output) = (drawn(all_seats()), answer("eng"));
		let commits: Vec<_> = (0..4).map(|number| Votes::of(number).commit(id, &output).sign()).collect();
		// Validator 0 leaves, 1 has a new key, and 2 and 3 change their places.
		begin_session(1, &[(1, 50), (3, 3), (2, 2)]);
		include(commits);
		assert_eq!(job(id).phase, Phase::Revealing);
		next_block();
		include((0..4).map(|number| Votes::of(number).session(0).reveal(id, &output).sign()));
		assert_eq!(verdict(id), Some(Verdict::Agreed));
		assert!((0..4).all(|number| free(&account(number)) > FUNDS));
		next_block();
	});
}

#[test]
fn a_new_key_does_not_sign_for_a_seat_of_an_older_session() {
	Chain::default().run(|| {
		let (id, output) = (drawn(all_seats()), answer("eng"));
		begin_session(1, &[(0, 50), (1, 1), (2, 2), (3, 3)]);
		include([Votes::of(0).session(0).commit(id, &output).signed_by(50).sign()]);
		assert_eq!(committee(id).tally().committed, 0);
		next_block();
		include([Votes::of(0).session(0).commit(id, &output).sign()]);
		assert_eq!(committee(id).tally().committed, 1);
	});
}

#[test]
fn votes_of_a_session_too_old_are_dropped_and_its_keys_forgotten() {
	Chain::default().run(|| {
		let (id, output) = (drawn(all_seats()), answer("eng"));
		let vote = |number| Votes::of(number).session(0).commit(id, &output).sign();
		let members: Vec<_> = (0..4).map(|number| (number, number)).collect();
		for session in 1..=KEY_SET_HISTORY {
			begin_session(session, &members);
		}
		include([vote(0)]);
		assert_eq!(committee(id).tally().committed, 1);
		next_block();
		begin_session(KEY_SET_HISTORY + 1, &members);
		assert_eq!(standing(&vote(1)), BallotStanding::Useless);
		include([vote(1)]);
		assert_eq!(committee(id).tally().committed, 1);
		assert!(Members::<Test>::iter_prefix(0).next().is_none());
		next_block();
	});
}

#[test]
fn a_ballot_of_the_next_session_is_early() {
	Chain::default().run(|| {
		let (id, output) = (drawn(all_seats()), answer("eng"));
		let commit = Votes::of(0).commit(id, &output).session(1).sign();
		assert_eq!(standing(&commit), BallotStanding::Early { has_early_reveals: false });
		let both = Votes::of(0).commit(id, &output).reveal(id, &output).session(1).sign();
		assert_eq!(standing(&both), BallotStanding::Early { has_early_reveals: true });
	});
}

#[test]
fn a_job_submitted_in_one_session_gets_its_seats_from_the_next_ones_validators() {
	Chain::default().validators(5).run(|| {
		let id = submit(fixed(3));
		next_block();
		begin_session(1, &[(2, 2), (3, 3), (4, 4)]);
		next_block();
		let committee = committee(id);
		assert_eq!(committee.session, 1);
		assert!(committee.seats.iter().all(|seat| [2, 3, 4].map(account).contains(&seat.validator)));
	});
}

#[test]
fn key_sets_are_shown_newest_first() {
	Chain::default().run(|| {
		begin_session(1, &[(1, 50)]);
		let sets = Inference::key_sets_view();
		assert_eq!(sets.iter().map(|set| set.session).collect::<Vec<_>>(), [1, 0]);
		assert_eq!(sets[0].members.len(), 1);
	});
}

#[test]
fn members_and_their_places_are_forgotten_when_their_votes_are_not_taken_any_more() {
	Chain::default().run(|| {
		for session in 1..=KEY_SET_HISTORY + 1 {
			begin_session(session, &[(0, 50), (1, 1)]);
		}
		let sessions = 1..=KEY_SET_HISTORY + 1;
		assert!(Members::<Test>::iter_keys().all(|(session, _)| sessions.contains(&session)));
		assert!(Places::<Test>::iter_keys().all(|(_, session)| sessions.contains(&session)));
		assert_eq!((Members::<Test>::iter().count(), Places::<Test>::iter().count()), (6, 6));
		// Keys that have left have no place at all.
		assert_eq!(Places::<Test>::iter_prefix(key(0).public()).count(), 0);
		assert_eq!(Places::<Test>::iter_prefix(key(50).public()).count(), 3);
	});
}

#[test]
fn a_seat_of_a_validator_that_has_left_keeps_its_bond_until_the_job_ends() {
	Chain::default().run(|| {
		let id = drawn(all_seats());
		begin_session(1, &[(1, 1), (2, 2), (3, 3)]);
		let unbond = |amount| Inference::unbond_service(RuntimeOrigin::signed(account(0)), amount);
		assert_eq!(unbond(BOND), Err(Error::<Test>::BondReserved.into()));
		advance_to(job(id).deadline + 1);
		assert_eq!((verdict(id), unbond(BOND)), (Some(Verdict::Expired), Ok(())));
	});
}

#[test]
#[should_panic(expected = "more validators than are drawn from")]
fn a_session_of_more_validators_than_the_runtime_says_is_told_of() {
	Chain::default().run(|| begin_session(1, &(0..101).map(|number| (number, number)).collect::<Vec<_>>()));
}
