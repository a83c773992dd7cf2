use crate::{
	cells::{Cells, Found},
	mock::*,
	*,
};
use sibyl_primitives::{
	api::BallotStanding,
	vote::{SignedBallot, BALLOT_LONGEVITY},
};

fn committed(id: JobId) -> usize {
	committee(id).tally().committed
}

#[test]
fn forged_commits_are_dropped_without_harm_to_the_honest_one() {
	Chain::default().validators(5).serving(4).run(|| {
		let (id, output) = (drawn(all_seats()), answer("eng"));
		let forged = [
			("a foreign signature", Votes::of(0).commit(id, &output).signed_by(1).sign()),
			(
				"another validator's place",
				Votes::of(1).commit(id, &output).change(|ballot| ballot.authority_index = 0).sign(),
			),
			(
				"a place beyond the set",
				Votes::of(0).commit(id, &output).change(|ballot| ballot.authority_index = 99).sign(),
			),
			("another seat", Votes::of(0).commit(id, &output).change(|ballot| ballot.commits[0].seat ^= 1).sign()),
			(
				"a seat beyond the committee",
				Votes::of(0).commit(id, &output).change(|ballot| ballot.commits[0].seat = 9).sign(),
			),
			(
				"another draw",
				Votes::of(0).commit(id, &output).change(|ballot| ballot.commits[0].target.draw = Hash::zero()).sign(),
			),
			(
				"another round",
				Votes::of(0).commit(id, &output).change(|ballot| ballot.commits[0].target.round = 1).sign(),
			),
			(
				"an unknown job",
				Votes::of(0)
					.commit(id, &output)
					.change(|ballot| ballot.commits[0].target.fingerprint = Hash::zero())
					.sign(),
			),
			("a session yet to come", Votes::of(0).commit(id, &output).session(1).sign()),
			("a later block", Votes::of(0).commit(id, &output).made_at(1_000).sign()),
		];
		for (what, ballot) in forged {
			include([ballot]);
			assert_eq!(committed(id), 0, "{what} was taken");
			next_block();
		}
		include([Votes::of(0).commit(id, &output).sign()]);
		assert_eq!(committed(id), 1);
	});
}

#[test]
fn a_ballot_made_too_many_blocks_ago_is_dropped() {
	Chain::default().run(|| {
		System::set_block_number(u64::from(BALLOT_LONGEVITY) + 10);
		let (id, output) = (drawn(all_seats()), answer("eng"));
		let now = System::block_number() as u32;
		let old = Votes::of(0).commit(id, &output).made_at(now - BALLOT_LONGEVITY - 1).sign();
		assert_eq!(standing(&old), BallotStanding::Useless);
		include([old]);
		assert_eq!(committed(id), 0);
		next_block();
		include([Votes::of(0).commit(id, &output).made_at(now - BALLOT_LONGEVITY + 1).sign()]);
		assert_eq!(committed(id), 1);
	});
}

#[test]
fn a_second_commit_of_a_seat_changes_nothing() {
	Chain::default().run(|| {
		let id = drawn(all_seats());
		include([Votes::of(0).commit(id, &answer("eng")).sign()]);
		let first = committee(id);
		next_block();
		let second = Votes::of(0).commit(id, &answer("fra")).sign();
		assert_eq!(standing(&second), BallotStanding::Useless);
		include([second]);
		assert_eq!(committee(id), first);
	});
}

#[test]
fn a_call_judges_as_many_ballots_as_it_says_and_no_more() {
	use sibyl_primitives::{api::MAX_JUDGED_BALLOTS, vote::Ballot};
	Chain::default().run(|| {
		let ballots = vec![Ballot::new(0, 0, 1); MAX_JUDGED_BALLOTS as usize + 1];
		assert_eq!(Inference::ballot_standings(ballots).len(), MAX_JUDGED_BALLOTS as usize);
	});
}

#[test]
fn who_has_committed_can_not_abstain_and_who_has_abstained_can_not_commit() {
	Chain::default().run(|| {
		let (id, output) = (drawn(all_seats()), answer("eng"));
		include([Votes::of(0).commit(id, &output).sign(), Votes::of(1).abstain(id).sign()]);
		let first = committee(id);
		next_block();
		for second in [Votes::of(0).abstain(id).sign(), Votes::of(1).commit(id, &output).sign()] {
			assert_eq!(standing(&second), BallotStanding::Useless);
			include([second]);
			assert_eq!(committee(id), first);
		}
	});
}

#[test]
fn no_commit_is_taken_once_a_reveal_can_be_seen() {
	Chain::default().run(|| {
		let (id, output) = (drawn(all_seats()), answer("eng"));
		commit_by(0..3, id, &output);
		advance_to(job(id).deadline + 1);
		assert_eq!(job(id).phase, Phase::Revealing);
		let late = Votes::of(3).commit(id, &output).sign();
		assert_eq!(standing(&late), BallotStanding::Useless);
		include([late]);
		assert_eq!(committee(id).tally().missing, 1);
	});
}

#[test]
fn a_reveal_before_its_time_is_early_and_not_taken() {
	Chain::default().run(|| {
		let (id, output) = (drawn(all_seats()), answer("eng"));
		commit_by(0..2, id, &output);
		next_block();
		let early = Votes::of(0).reveal(id, &output).sign();
		assert_eq!(standing(&early), BallotStanding::Early { has_early_reveals: true });
		include([early]);
		assert_eq!((committed(id), committee(id).tally().revealed), (2, 0));
	});
}

#[test]
fn a_ballot_is_wanted_for_its_commit_though_the_reveal_beside_it_is_early() {
	Chain::default().run(|| {
		let (first, second, output) = (drawn(all_seats()), drawn(all_seats()), answer("eng"));
		let mixed = Votes::of(0).commit(first, &output).reveal(second, &output).sign();
		let deadline = Some(job(first).deadline);
		assert_eq!(standing(&mixed), BallotStanding::Wanted { deadline, outputs: vec![], has_early_reveals: true });
		include([mixed]);
		assert_eq!((committed(first), committed(second)), (1, 0));
	});
}

#[test]
fn a_reveal_of_another_output_or_salt_than_was_committed_to_is_dropped() {
	Chain::default().run(|| {
		let output = answer("eng");
		let id = revealing(all_seats(), &output);
		let wrong = [
			Votes::of(0).reveal(id, &answer("fra")).sign(),
			Votes::of(0).reveal(id, &output).change(|ballot| ballot.reveals[0].salt = Hash::zero()).sign(),
			Votes::of(0).reveal(id, &output).change(|ballot| ballot.reveals[0].work = Hash::repeat_byte(1)).sign(),
		];
		for ballot in wrong {
			assert_eq!(standing(&ballot), BallotStanding::Useless);
			include([ballot]);
			assert_eq!(committee(id).tally().revealed, 0);
			next_block();
		}
	});
}

#[test]
fn a_copied_commitment_cannot_be_revealed_by_who_copied_it() {
	Chain::default().run(|| {
		let (id, output) = (drawn(all_seats()), answer("eng"));
		let honest = Votes::of(0).commit(id, &output).sign();
		let VersionedBallot::V1(signed) = &honest;
		let copied = signed.ballot.commits[0].commitment;
		let copy = Votes::of(1).commit(id, &output).change(|ballot| ballot.commits[0].commitment = copied).sign();
		include([honest, copy, Votes::of(2).commit(id, &output).sign(), Votes::of(3).commit(id, &output).sign()]);
		next_block();
		reveal_by(0..4, id, &output);
		let tally = committee(id).tally();
		assert_eq!((tally.revealed, tally.committed), (3, 1));
	});
}

#[test]
fn bytes_that_no_reveal_names_are_not_stored() {
	Chain::default().run(|| {
		let output = answer("eng");
		let id = revealing(all_seats(), &output);
		include([Votes::of(0).reveal_without_output(id, &output).output(answer("fra")).sign()]);
		assert_eq!(Outputs::<Test>::get(id), None);
	});
}

#[test]
fn bytes_that_are_no_output_are_not_stored() {
	Chain::default().run(|| {
		let junk: OutputBytes = vec![0xff; 40].try_into().expect("junk fits");
		let id = revealing(all_seats(), &junk);
		reveal_by(0..4, id, &junk);
		assert_eq!((Outputs::<Test>::get(id), verdict(id)), (None, None));
		advance_to(job(id).deadline + 1);
		assert_eq!((verdict(id), job(id).round), (None, 1));
	});
}

#[test]
fn votes_for_an_ended_or_pruned_job_do_no_harm() {
	Chain::default().run(|| {
		let output = answer("eng");
		let id = revealing(all_seats(), &output);
		let votes = || (0..4).map(|number| Votes::of(number).reveal(id, &output)).collect::<Vec<_>>();
		let (again, late) = (votes(), votes());
		reveal_by(0..4, id, &output);
		next_block();
		let again: Vec<_> = again.into_iter().map(Votes::sign).collect();
		assert!(again.iter().all(|ballot| standing(ballot) == BallotStanding::Useless));
		let settled = job(id);
		include(again);
		assert_eq!(job(id), settled);

		advance_to(4 + RETENTION + 2);
		assert!(!Jobs::<Test>::contains_key(id));
		let now = System::block_number() as u32;
		let late: Vec<_> = late.into_iter().map(|votes| votes.made_at(now).sign()).collect();
		// For all that the chain still knows, the job may be one that this fork does not have yet.
		let early = BallotStanding::Early { has_early_reveals: true };
		assert!(late.iter().all(|ballot| standing(ballot) == early));
		let before = Wealth::now();
		include(late);
		next_block();
		assert_eq!((Jobs::<Test>::iter().count(), Committees::<Test>::iter().count()), (0, 0));
		assert_eq!((Outputs::<Test>::iter().count(), before.gains(&[0, 1, 2, 3])), (0, vec![0; 4]));
	});
}

/// Why the ballot's vote would come to nothing in this block.
fn why_nothing(votes: Votes) -> Option<&'static str> {
	let VersionedBallot::V1(SignedBallot { ballot, .. }) = votes.sign();
	let now = System::block_number() as u32;
	let member = Inference::look_at(&ballot, now).expect("the ballot is in order");
	let vote = standing::votes(&ballot).next().expect("it has a vote");
	match Cells::<Test>::default().find(vote.target()) {
		Found::Cell(cell) => Inference::why_nothing(cell, &ballot, &member, vote, now),
		_ => panic!("the job is open"),
	}
}

#[test]
fn a_vote_that_comes_to_nothing_has_a_reason_unless_the_chain_has_it() {
	Chain::default().run(|| {
		let (id, output, other) = (drawn(all_seats()), answer("eng"), answer("fra"));
		let commit = |number: u8, output| Votes::of(number).commit(id, output);
		let reveal = |number: u8, output| Votes::of(number).reveal(id, output);
		commit_by(0..3, id, &output);
		let has_another = Some("the seat has said something else before");
		assert_eq!(why_nothing(commit(0, &output)), None);
		assert_eq!(why_nothing(commit(0, &other)), has_another);
		assert_eq!(why_nothing(reveal(0, &output)), Some("it is too early, since seats still commit"));
		let foreign = commit(1, &output).change(|ballot| ballot.commits[0].seat ^= 1);
		assert_eq!(why_nothing(foreign), Some("the seat of the present draw is not the voter's"));
		advance_to(job(id).deadline + 1);
		assert_eq!(job(id).phase, Phase::Revealing);
		assert_eq!(why_nothing(commit(3, &output)), Some("it is too late, since commits are over"));
		assert_eq!(why_nothing(reveal(3, &output)), Some("the seat has no commit that it could open"));
		assert_eq!(why_nothing(reveal(0, &other)), Some("it does not open the seat's commit"));
		reveal_by(0..1, id, &output);
		assert_eq!(why_nothing(commit(0, &output)), None);
		assert_eq!(why_nothing(reveal(0, &output)), None);
		assert_eq!(why_nothing(reveal(0, &other)), has_another);
	});
}

#[test]
fn a_ballot_of_a_block_to_come_is_early_to_who_asks_and_to_include() {
	Chain::default().run(|| {
		let (id, output) = (drawn(all_seats()), answer("eng"));
		let now = System::block_number() as u32;
		for ahead in [1, 2, 16] {
			let future = Votes::of(0).commit(id, &output).made_at(now + ahead).sign();
			assert_eq!(standing(&future), BallotStanding::Early { has_early_reveals: false });
			include([future]);
			assert_eq!(committed(id), 0);
		}
		let future = Votes::of(0).commit(id, &output).made_at(now + 1).sign();
		next_block();
		assert!(matches!(standing(&future), BallotStanding::Wanted { .. }));
		include([future]);
		assert_eq!(committed(id), 1);
	});
}

#[test]
fn a_ballot_is_wanted_by_the_nearest_deadline_of_its_jobs_and_for_the_outputs_that_lack() {
	Chain::default().run(|| {
		let output = answer("eng");
		let first = revealing(all_seats(), &output);
		let second = drawn(all_seats());
		assert!(job(first).deadline < job(second).deadline);
		let ballot = Votes::of(0).commit(second, &output).reveal(first, &output).sign();
		let hash = sibyl_primitives::output::output_hash(&output);
		assert_eq!(
			standing(&ballot),
			BallotStanding::Wanted {
				deadline: Some(job(first).deadline),
				outputs: vec![hash],
				has_early_reveals: false
			}
		);
		include([Votes::of(1).reveal(first, &output).sign()]);
		next_block();
		assert!(matches!(standing(&ballot), BallotStanding::Wanted { outputs, .. } if outputs.is_empty()));
	});
}

#[test]
fn the_winners_bytes_are_kept_though_the_liars_are_stored_already() {
	Chain::default().run(|| {
		let (id, truth, lie) = (drawn(all_seats()), answer("eng"), answer("fra"));
		let said = |number: u8| if number == 3 { &lie } else { &truth };
		include((0..4).map(|number| Votes::of(number).commit(id, said(number)).sign()));
		next_block();
		reveal_by(3..4, id, &lie);
		assert_eq!(Outputs::<Test>::get(id), Some(lie.clone()));
		next_block();
		// One of them brings the bytes, before there is a quorum, and last among its ballots.
		let silent = |number: u8| Votes::of(number).reveal_without_output(id, &truth).sign();
		include([silent(0), silent(1), Votes::of(2).reveal(id, &truth).sign()]);
		assert_eq!((verdict(id), Outputs::<Test>::get(id)), (Some(Verdict::Agreed), Some(truth.clone())));
	});
}

#[test]
fn one_seat_can_not_put_its_own_bytes_in_the_place_of_those_that_more_say() {
	Chain::default().run(|| {
		let (id, truth, lie) = (drawn(all_seats()), answer("eng"), answer("fra"));
		let said = |number: u8| if number == 3 { &lie } else { &truth };
		include((0..4).map(|number| Votes::of(number).commit(id, said(number)).sign()));
		next_block();
		reveal_by(0..2, id, &truth);
		next_block();
		reveal_by(3..4, id, &lie);
		assert_eq!(Outputs::<Test>::get(id), Some(truth));
	});
}

#[test]
fn a_vote_for_a_chain_of_another_genesis_is_dropped() {
	Chain::default().run(|| {
		let (id, output) = (drawn(all_seats()), answer("eng"));
		let elsewhere = Votes::of(0).commit(id, &output).sign();
		frame_system::BlockHash::<Test>::insert(0, Hash::repeat_byte(9));
		include([elsewhere, Votes::of(1).commit(id, &output).sign()]);
		assert_eq!(committed(id), 1);
	});
}

#[test]
fn the_bytes_of_an_output_that_does_not_win_are_not_wanted_again() {
	Chain::default().run(|| {
		let (id, truth, lie) = (drawn(all_seats()), answer("eng"), answer("fra"));
		let said = |number: u8| if number < 2 { &truth } else { &lie };
		include((0..4).map(|number| Votes::of(number).commit(id, said(number)).sign()));
		next_block();
		include((0..3).map(|number| Votes::of(number).reveal_without_output(id, said(number)).sign()));
		assert_eq!(committee(id).tally().winner(), None);
		for number in 0..3 {
			assert_eq!(
				standing(&Votes::of(number).reveal(id, said(number)).sign()),
				BallotStanding::Useless,
				"{number}"
			);
		}
	});
}

#[test]
fn a_reveal_after_the_last_block_for_it_is_too_late() {
	Chain::default().run(|| {
		let (output, other) = (answer("eng"), answer("fra"));
		let id = revealing(all_seats(), &output);
		let deadline = job(id).deadline;
		while System::block_number() < u64::from(deadline) {
			next_block();
		}
		assert_eq!(why_nothing(Votes::of(0).reveal(id, &other)), Some("it does not open the seat's commit"));
		System::set_block_number(u64::from(deadline) + 1);
		assert_eq!(why_nothing(Votes::of(0).reveal(id, &other)), Some("it is too late"));
	});
}
