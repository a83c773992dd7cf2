//! What validators say of models.

use crate::{mock::*, *};
use frame_support::BoundedVec;
use sibyl_primitives::{
	api::BallotStanding,
	model::{Availability, Pace},
};

const FASTER: Availability = Availability::Serves(Pace { job: 500, ..PACE });

fn said(number: u8) -> Option<Availability> {
	let roster = Rosters::<Test>::get(model().id());
	roster.into_iter().find(|attested| attested.validator == account(number)).map(|attested| attested.availability)
}

#[test]
fn the_newest_word_of_a_block_counts_whatever_order_ballots_come_in() {
	for newest_first in [false, true] {
		Chain::default().run(|| {
			advance_to(9);
			let mut ballots = vec![
				Votes::of(0).made_at(7).attest(FASTER).sign(),
				Votes::of(0).made_at(8).attest(Availability::Withdrawn).sign(),
			];
			if newest_first {
				ballots.reverse();
			}
			include(ballots);
			next_block();
			assert_eq!((said(0), serving()), (Some(Availability::Withdrawn), 3));
		});
	}
}

#[test]
fn an_older_ballot_that_comes_later_changes_nothing() {
	Chain::default().run(|| {
		advance_to(9);
		include([Votes::of(0).made_at(8).attest(Availability::Withdrawn).sign()]);
		next_block();
		let older = Votes::of(0).made_at(7).attest(FASTER).sign();
		assert_eq!(standing(&older), BallotStanding::Useless);
		include([older]);
		next_block();
		assert_eq!(said(0), Some(Availability::Withdrawn));
	});
}

#[test]
fn an_attestation_takes_effect_at_the_blocks_end() {
	Chain::default().run(|| {
		include([Votes::of(0).attest(Availability::Withdrawn).sign()]);
		assert_eq!(serving(), 4);
		next_block();
		assert_eq!(serving(), 3);
		assert!(has_event(Event::Withdrawn { validator: account(0), model: model().id() }));
	});
}

#[test]
fn who_is_too_slow_for_the_models_largest_job_does_not_serve_it() {
	// Three quarters of ten blocks of three seconds.
	for (job, expected) in [(22_500_000, 4), (22_500_001, 3)] {
		Chain::default().serving(3).run(|| {
			include([Votes::of(3).attest(Availability::Serves(Pace { job, ..PACE })).sign()]);
			next_block();
			assert_eq!(serving(), expected);
		});
	}
}

#[test]
fn what_is_said_of_an_unknown_model_or_from_another_session_is_no_news() {
	Chain::default().run(|| {
		let unknown =
			Votes::of(0).attest(Availability::Withdrawn).change(|ballot| ballot.attestations[0].model = Hash::zero());
		assert_eq!(standing(&unknown.sign()), BallotStanding::Useless);
		begin_session(1, &[(0, 0), (1, 1), (2, 2), (3, 3)]);
		let old = Votes::of(0).session(0).attest(Availability::Withdrawn).sign();
		assert_eq!(standing(&old), BallotStanding::Useless);
		include([old]);
		next_block();
		assert_eq!(serving(), 4);
	});
}

#[test]
fn who_leaves_the_set_is_forgotten_and_who_stays_serves_from_its_new_place() {
	Chain::default().run(|| {
		begin_session(1, &[(3, 3), (1, 1)]);
		let roster: Vec<_> = Inference::serving(&model().id())
			.into_iter()
			.map(|server| (server.validator, server.authority_index))
			.collect();
		assert_eq!(roster, [(account(3), 0), (account(1), 1)]);
		begin_session(2, &[(0, 0), (1, 1)]);
		assert_eq!(serving(), 1);
		include([Votes::at_place(1, 1).attest(FASTER).sign()]);
		next_block();
		assert_eq!((said(0), said(2), said(3)), (None, None, None));
	});
}

#[test]
fn who_comes_back_must_say_again_what_it_serves_in_whatever_words() {
	Chain::default().run(|| {
		advance_to(3);
		begin_session(1, &[(1, 1), (2, 2), (3, 3)]);
		begin_session(2, &[(0, 0), (1, 1), (2, 2), (3, 3)]);
		assert_eq!(serving(), 3);
		include([Votes::of(0).attest(Availability::Serves(PACE)).sign()]);
		next_block();
		assert_eq!(serving(), 4);
	});
}

#[test]
fn a_roster_has_no_more_entries_than_the_session_has_validators_whoever_comes_and_goes() {
	Chain::default().run(|| {
		for session in 1..60 {
			let newcomer = session as u8 + 10;
			endow(newcomer, BOND);
			begin_session(session, &[(newcomer, newcomer), (1, 1)]);
			include([Votes::at_place(newcomer, 0).attest(FASTER).sign()]);
			next_block();
			assert_eq!((serving(), Rosters::<Test>::get(model().id()).len()), (2, 2));
		}
	});
}

/// Has validator 3 do nothing, or abstain, in so many jobs which the others answer.
fn missed(jobs: u32, abstains: bool) {
	revealed(&committed(jobs, abstains));
	next_block();
}

/// So many jobs to which all but validator 3 have committed, and whose reveals are waited for.
fn committed(jobs: u32, abstains: bool) -> Vec<JobId> {
	let output = answer("eng");
	let jobs: Vec<_> = (0..jobs).map(|_| submit(all_seats())).collect();
	while jobs.iter().any(|id| job(*id).phase == Phase::Pending) {
		next_block();
	}
	let of = |number: u8, cast: fn(Votes, JobId, &OutputBytes) -> Votes| {
		jobs.iter().fold(Votes::of(number), |votes, id| cast(votes, *id, &output)).sign()
	};
	let mut commits: Vec<_> = (0..3).map(|number| of(number, |votes, id, output| votes.commit(id, output))).collect();
	if abstains {
		commits.push(of(3, |votes, id, _| votes.abstain(id)));
	}
	include(commits);
	while jobs.iter().any(|id| job(*id).phase == Phase::Committing) {
		next_block();
	}
	jobs
}

/// Has all but validator 3 reveal in these jobs, which ends them.
fn revealed(jobs: &[JobId]) {
	let output = answer("eng");
	include((0..3).map(|number| {
		let reveal = |votes: Votes, id: &JobId| votes.reveal_without_output(*id, &output).output(output.clone());
		jobs.iter().fold(Votes::of(number), reveal).sign()
	}));
	assert!(jobs.iter().all(|id| verdict(*id) == Some(Verdict::Agreed)));
}

#[test]
fn who_misses_five_seats_in_a_row_serves_no_model_until_it_attests_again() {
	Chain::default().run(|| {
		missed(4, false);
		assert_eq!((ledger(3).missed_in_a_row, serving()), (4, 4));
		missed(1, false);
		assert_eq!(serving(), 3);
		assert!(has_event(Event::Unresponsive { validator: account(3) }));
		assert_eq!((ledger(3).record.missed, ledger(3).missed_in_a_row), (5, 0));
		let said_before = Votes::of(3).made_at(OutOfService::<Test>::get()[&account(3)].since).attest(FASTER).sign();
		assert_eq!(standing(&said_before), BallotStanding::Useless);
		include([Votes::of(3).attest(Availability::Serves(PACE)).sign()]);
		next_block();
		assert_eq!(serving(), 4);
	});
}

#[test]
fn who_is_silent_and_misses_more_of_its_seats_is_drawn_in_no_block() {
	Chain::default().run(|| {
		let jobs = committed(10, false);
		revealed(&jobs[..5]);
		next_block();
		assert_eq!(serving(), 3);
		revealed(&jobs[5..]);
		assert_eq!(ledger(3).record.missed, 10);
		assert_eq!(serving(), 3, "in the block in which the last five end");
		let asked = submit(all_seats());
		next_block();
		next_block();
		assert!(committee(asked).seats.iter().all(|seat| seat.validator != account(3)));
	});
}

#[test]
fn what_was_said_before_the_last_missed_seat_ends_no_silence() {
	Chain::default().run(|| {
		missed(5, false);
		let since = OutOfService::<Test>::get()[&account(3)].since;
		// As where one block brings it and the votes that end the job.
		for (availability, made_at, serving_after) in
			[(FASTER, since, 3), (Availability::Withdrawn, since + 1, 3), (Availability::Serves(PACE), since + 2, 4)]
		{
			let attested = Attested { validator: account(3), availability, made_at, session: 0 };
			Incoming::<Test>::put(BoundedVec::truncate_from(vec![(model().id(), attested)]));
			next_block();
			assert_eq!(serving(), serving_after, "{availability:?} of block {made_at}");
		}
	});
}

#[test]
fn abstaining_is_not_missing_and_ends_a_row_of_missed_seats() {
	Chain::default().run(|| {
		missed(4, false);
		missed(2, true);
		missed(4, false);
		assert_eq!((serving(), ledger(3).missed_in_a_row), (4, 4));
		assert_eq!((ledger(3).record.missed, ledger(3).record.abstained), (8, 2));
		missed(6, true);
		assert_eq!(serving(), 4);
	});
}
