//! Others sit for those of a first committee that do not commit.

use crate::{mock::*, *};
use frame_support::assert_ok;
use sibyl_primitives::{api::BallotStanding, model::Availability};
use std::collections::BTreeSet;

/// A job for three seats, of which the last did not commit.
struct Stalled {
	id: JobId,
	committed: [u8; 2],
	silent: u8,
	before: Committee,
}

/// Has two of three seats commit, and ends blocks until their window is over.
fn stalled() -> Stalled {
	let id = drawn(fixed(3));
	let [first, second, silent] = seated(id).try_into().expect("there are three seats");
	commit_by([first, second], id, &answer("eng"));
	let before = committee(id);
	advance_to(job(id).deadline + 1);
	assert_eq!((job(id).round, job(id).phase), (0, Phase::Pending));
	Stalled { id, committed: [first, second], silent, before }
}

/// The same, and ends the block that draws substitutes; returns who has the third seat now.
fn substituted() -> (Stalled, u8) {
	let stalled = stalled();
	next_block();
	assert_eq!((job(stalled.id).round, job(stalled.id).phase), (0, Phase::Committing));
	let [first, second, substitute] = seated(stalled.id).try_into().expect("there are three seats");
	assert_eq!([first, second], stalled.committed);
	(stalled, substitute)
}

fn with_six(test: impl FnOnce()) {
	Chain::default().validators(6).run(test)
}

fn all_say(id: JobId, output: &OutputBytes) {
	say(id, &seated(id).iter().map(|number| (*number, output)).collect::<Vec<_>>());
}

#[test]
fn a_silent_seat_of_three_is_given_to_another_and_the_job_is_answered_at_its_price() {
	with_six(|| {
		let wealth = Wealth::now();
		let (Stalled { id, committed: [first, second], silent, before }, substitute) = substituted();
		assert!(has_event(Event::SubstitutesCalled { job: id, committed: 2 }));
		assert!(![first, second, silent].contains(&substitute));
		assert_ne!(committee(id).draw, before.draw);
		all_say(id, &answer("eng"));
		assert_eq!(verdict(id), Some(Verdict::Agreed));
		assert_eq!(
			job(id).agreed.map(|agreed| agreed.support),
			Some(Support { round: 0, seats: 3, agreed: 3, serving: 6 })
		);
		next_block();
		let paid = wealth.gain(&account(first));
		assert!(paid > 0);
		assert_eq!(wealth.gains(&[second, substitute, silent]), [paid, paid, 0]);
		assert_eq!(-wealth.gain(&requester()), job(id).quote.total as i128);
	});
}

#[test]
fn where_all_others_have_committed_an_abstention_calls_a_substitute_with_the_next_block() {
	with_six(|| {
		let (id, output) = (drawn(fixed(3)), answer("eng"));
		let seats = seated(id);
		include([Votes::of(seats[1]).abstain(id).sign()]);
		next_block();
		commit_by([seats[0], seats[2]], id, &output);
		let called = System::block_number() as u32 + 1;
		advance_to(called + 2);
		assert_eq!((committee(id).drawn_at, job(id).phase), (called + 1, Phase::Committing));
		let after = seated(id);
		assert_eq!((after[0], after[2], after.contains(&seats[1])), (seats[0], seats[2], false));
		assert_eq!((ledger(seats[1]).record.abstained, ledger(seats[1]).missed_in_a_row), (1, 0));
	});
}

#[test]
fn an_abstention_does_not_take_the_time_of_those_who_still_compute() {
	with_six(|| {
		let (id, output) = (drawn(fixed(3)), answer("eng"));
		let seats = seated(id);
		let deadline = job(id).deadline;
		include([Votes::of(seats[1]).abstain(id).sign()]);
		advance_to(deadline);
		assert_eq!((job(id).phase, job(id).deadline), (Phase::Committing, deadline));
		commit_by([seats[0], seats[2]], id, &output);
		advance_to(deadline + 2);
		let after = seated(id);
		assert_eq!((after[0], after[2], after.contains(&seats[1])), (seats[0], seats[2], false));
	});
}

#[test]
fn where_a_quorum_commits_nobody_is_replaced() {
	with_six(|| {
		let (id, output) = (drawn(fixed(5)), answer("eng"));
		let seats = seated(id);
		commit_by(seats[..4].to_vec(), id, &output);
		advance_to(job(id).deadline + 1);
		assert_eq!((job(id).phase, job(id).has_substitutes, seated(id)), (Phase::Revealing, false, seats));
	});
}

#[test]
fn of_all_seats_there_are_no_others() {
	Chain::default().run(|| {
		let id = drawn(all_seats());
		commit_by(0..2, id, &answer("eng"));
		let deadline = job(id).deadline;
		advance_to(deadline + 1);
		assert_eq!(ended(id), Some((Verdict::Expired, deadline)));
	});
}

#[test]
fn what_was_said_under_the_first_draw_counts_nothing_under_the_second() {
	with_six(|| {
		let (id, output) = (drawn(fixed(3)), answer("eng"));
		let seats = seated(id);
		commit_by(seats[..1].to_vec(), id, &output);
		let late = |number| Votes::of(number).made_at(2).commit(id, &output).sign();
		let [of_first, of_silent] = [late(seats[0]), late(seats[2])];
		advance_to(job(id).deadline + 2);
		assert_eq!(job(id).phase, Phase::Committing);
		for ballot in [of_first, of_silent] {
			assert_eq!(standing(&ballot), BallotStanding::Useless);
			include([ballot]);
		}
		assert_eq!(committee(id).tally().committed, 0);
	});
}

#[test]
fn while_substitutes_are_to_be_drawn_no_vote_is_taken() {
	with_six(|| {
		let Stalled { id, silent, .. } = stalled();
		let late = Votes::of(silent).commit(id, &answer("eng")).sign();
		assert!(matches!(standing(&late), BallotStanding::Early { .. }));
		include([late]);
		assert_eq!((committee(id).tally().committed, committee(id).tally().missing), (2, 1));
	});
}

#[test]
fn a_seat_given_to_another_covers_and_counts_no_more() {
	with_six(|| {
		let (Stalled { id, committed: [first, _], silent, .. }, substitute) = substituted();
		let (before, after) = (ledger(silent), ledger(substitute));
		assert_eq!((before.reserved, before.open_time, before.open_seats.len()), (0, 0, 0));
		assert_eq!((before.record.drawn, before.record.missed, before.missed_in_a_row), (1, 1, 1));
		assert_eq!((after.reserved, after.record.drawn), (committee(id).charge, 1));
		assert_eq!((ledger(first).record.drawn, ledger(first).record.committed), (1, 0));
		all_say(id, &answer("eng"));
		assert_eq!((ledger(first).record.committed, ledger(first).record.revealed), (1, 1));
		assert_eq!(ledger(silent).record.missed, 1);
	});
}

#[test]
fn who_is_silent_in_many_jobs_gets_no_more_seats() {
	with_six(|| {
		let silent = 0;
		while serving() == 6 {
			let id = drawn(fixed(3));
			commit_by(seated(id).into_iter().filter(|number| *number != silent), id, &answer("eng"));
			while job(id).phase == Phase::Committing && !job(id).has_substitutes {
				next_block();
			}
			if job(id).has_substitutes {
				next_block();
				all_say(id, &answer("eng"));
			} else {
				next_block();
				reveal_by(seated(id), id, &answer("eng"));
			}
			assert_eq!(verdict(id), Some(Verdict::Agreed));
			next_block();
		}
		assert_eq!(ledger(silent).record.missed, 5);
	});
}

#[test]
fn seats_are_given_to_others_once() {
	with_six(|| {
		let wealth = Wealth::now();
		let (Stalled { id, committed, silent, .. }, substitute) = substituted();
		commit_by([substitute], id, &answer("eng"));
		let deadline = job(id).deadline;
		advance_to(deadline + 1);
		assert_eq!(ended(id), Some((Verdict::Expired, deadline)));
		assert!(deadline <= job(id).ends_by);
		assert_eq!(wealth.gain(&requester()), 0);
		assert_eq!(wealth.gains(&(0..6).collect::<Vec<_>>()), [0; 6]);
		assert_eq!([committed[0], committed[1], silent].map(|number| ledger(number).record.missed), [1; 3]);
		assert_eq!(ledger(substitute).record.committed, 1);
	});
}

#[test]
fn draws_of_substitutes_weigh_more_than_others_and_leave_room_for_fewer() {
	// A block has room for eight first draws of three seats, and for six of substitutes.
	Chain::default().validators(12).run(|| {
		let jobs: Vec<_> = (0..8).map(|_| submit(fixed(3))).collect();
		advance_to(3);
		for id in &jobs {
			assert_eq!(committee(*id).drawn_at, 2);
			commit_by(seated(*id)[..2].to_vec(), *id, &answer("eng"));
		}
		let called = 2 + COMMIT_WINDOW;
		advance_to(called + 3);
		let drawn = |at| jobs.iter().filter(|id| committee(**id).drawn_at == at).count();
		assert_eq!((drawn(called + 1), drawn(called + 2)), (6, 2));
	});
}

#[test]
fn where_nobody_else_serves_the_model_the_job_ends_with_a_refund() {
	Chain::default().validators(3).run(|| {
		let wealth = Wealth::now();
		let Stalled { id, silent, .. } = stalled();
		let now = System::block_number() as u32;
		next_block();
		assert_eq!(ended(id), Some((Verdict::Expired, now)));
		assert_eq!(wealth.gain(&requester()), 0);
		assert_eq!((ledger(silent).record.missed, ledger(silent).reserved), (1, 0));
	});
}

#[test]
fn others_without_a_free_bond_are_no_substitutes() {
	with_six(|| {
		let Stalled { id, .. } = stalled();
		for number in (0..6).filter(|number| !seated(id).contains(number)) {
			let bond = ledger(number).free_bond();
			assert_ok!(Inference::unbond_service(RuntimeOrigin::signed(account(number)), bond));
		}
		next_block();
		assert_eq!(verdict(id), Some(Verdict::Expired));
	});
}

#[test]
fn who_committed_and_serves_no_more_is_replaced_too_and_has_missed_nothing() {
	with_six(|| {
		let id = drawn(fixed(3));
		let [gone, kept, silent] = seated(id).try_into().expect("there are three seats");
		let output = answer("eng");
		include([
			Votes::of(gone).commit(id, &output).attest(Availability::Withdrawn).sign(),
			Votes::of(kept).commit(id, &output).sign(),
		]);
		advance_to(job(id).deadline + 2);
		let after = seated(id);
		assert_eq!((after[1], after.contains(&gone), after.contains(&silent)), (kept, false, false));
		assert_eq!((ledger(gone).record.missed, ledger(gone).record.committed, ledger(gone).reserved), (0, 1, 0));
		all_say(id, &output);
		assert_eq!(verdict(id), Some(Verdict::Agreed));
	});
}

#[test]
fn kept_seats_are_of_the_session_that_substitutes_are_drawn_in() {
	with_six(|| {
		let Stalled { id, committed: [first, second], .. } = stalled();
		// All change their places.
		begin_session(1, &(0..6).rev().map(|number| (number, number)).collect::<Vec<_>>());
		next_block();
		assert_eq!(committee(id).session, 1);
		let (seats, output) = (seated(id), answer("eng"));
		assert_eq!((seats[0], seats[1]), (first, second));
		let of = |number: u8| Votes::at_place(number, u32::from(5 - number));
		include(seats.iter().map(|number| of(*number).commit(id, &output).sign()).collect::<Vec<_>>());
		assert_eq!(job(id).phase, Phase::Revealing);
		next_block();
		include(seats.iter().map(|number| of(*number).reveal(id, &output).sign()).collect::<Vec<_>>());
		assert_eq!(verdict(id), Some(Verdict::Agreed));
	});
}

#[test]
fn substitutes_are_drawn_by_the_vrf_of_the_block_after_the_call() {
	let substitute = |vrf| {
		let mut substitute = 0;
		Chain::default().validators(20).run(|| {
			let Stalled { .. } = stalled();
			set_vrf(Some(vrf));
			next_block();
			substitute = seated(NextJob::<Test>::get() - 1)[2];
		});
		substitute
	};
	let substitutes: BTreeSet<u8> = (0..8).map(|byte| substitute([byte; 32])).collect();
	assert!(substitutes.len() > 2, "{substitutes:?}");
}

#[test]
fn without_a_vrf_for_them_the_job_ends_with_a_refund() {
	with_six(|| {
		let Stalled { id, .. } = stalled();
		set_vrf(None);
		next_block();
		assert_eq!(verdict(id), Some(Verdict::Expired));
	});
}

#[test]
fn a_model_suspended_meanwhile_ends_the_job_without_a_fault() {
	with_six(|| {
		let Stalled { id, silent, .. } = stalled();
		assert_ok!(Models::suspend(RuntimeOrigin::root(), model().id()));
		next_block();
		assert_eq!(verdict(id), Some(Verdict::Cancelled));
		assert_eq!((ledger(silent).record.missed, ledger(silent).reserved), (0, 0));
	});
}

#[test]
fn a_committee_with_substitutes_that_disagrees_has_a_second_round_without_those_that_sit_in_it() {
	Chain::default().validators(8).run(|| {
		let (Stalled { id, .. }, _) = substituted();
		let (seats, truth, lie) = (seated(id), answer("eng"), answer("fra"));
		say(id, &[(seats[0], &lie), (seats[1], &truth), (seats[2], &truth)]);
		let second = second_round(id);
		assert!(second.iter().all(|number| !seats.contains(number)));
		say(id, &second.iter().map(|number| (*number, &truth)).collect::<Vec<_>>());
		assert_eq!(verdict(id), Some(Verdict::Agreed));
	});
}

#[test]
fn votes_under_a_draw_that_may_come_are_early_and_not_useless() {
	with_six(|| {
		let (Stalled { id, .. }, _) = substituted();
		let (output, drawn) = (answer("eng"), committee(id));
		let vote = Votes::of(seated(id)[0]).commit(id, &output).sign();
		let before = |job: &mut Option<Job>| {
			if let Some(job) = job {
				job.has_substitutes = false;
			}
		};
		// As a fork has it on which substitutes are not drawn yet.
		Jobs::<Test>::mutate(id, before);
		Committees::<Test>::insert((id, 0), Committee { draw: Hash::repeat_byte(1), ..drawn.clone() });
		assert_eq!(standing(&vote), BallotStanding::Early { has_early_reveals: false });
		Jobs::<Test>::mutate(id, |job| job.as_mut().map(|job| job.has_substitutes = true));
		assert_eq!(standing(&vote), BallotStanding::Useless);
		Committees::<Test>::insert((id, 0), drawn);
		assert!(matches!(standing(&vote), BallotStanding::Wanted { .. }));
	});
}

#[test]
fn a_job_that_waits_for_substitutes_can_be_cancelled_and_nobody_has_missed_anything() {
	with_six(|| {
		let wealth = Wealth::now();
		let Stalled { id, committed, silent, .. } = stalled();
		assert_ok!(Inference::cancel(RuntimeOrigin::root(), id));
		assert_eq!(verdict(id), Some(Verdict::Cancelled));
		for number in committed.into_iter().chain([silent]) {
			assert_eq!((ledger(number).reserved, ledger(number).record.missed), (0, 0));
		}
		assert_eq!(wealth.gain(&requester()), 0);
	});
}

#[test]
fn a_kept_seat_that_does_not_commit_again_has_missed_it_and_the_others_go_on() {
	with_six(|| {
		let id = drawn(fixed(5));
		let seats = seated(id);
		let output = answer("eng");
		commit_by(seats[..3].to_vec(), id, &output);
		include([Votes::of(seats[3]).abstain(id).sign()]);
		advance_to(job(id).deadline + 1);
		// There is one other for two seats.
		next_block();
		assert_eq!(verdict(id), Some(Verdict::Expired));

		let (Stalled { committed: [kept, other], .. }, substitute) = substituted();
		let id = NextJob::<Test>::get() - 1;
		commit_by([other, substitute], id, &output);
		advance_to(job(id).deadline + 1);
		assert_eq!(verdict(id), Some(Verdict::Expired));
		assert_eq!(ledger(kept).record.missed, 1);
	});
}

#[test]
fn who_is_disabled_or_leaves_the_set_meanwhile_is_no_substitute_and_keeps_no_seat() {
	with_six(|| {
		let Stalled { id, committed: [first, second], silent, .. } = stalled();
		let others: Vec<u8> = (0..6).filter(|number| ![first, second, silent].contains(number)).collect();
		// The first leaves; one of the others is disabled.
		let members: Vec<_> = (0..6).filter(|number| *number != first).map(|number| (number, number)).collect();
		begin_session(1, &members);
		let place = members.iter().position(|(number, _)| *number == others[0]).expect("it is a member");
		disable(&[place as u32]);
		next_block();
		let after: BTreeSet<u8> = seated(id).into_iter().collect();
		assert_eq!(after, [second, others[1], others[2]].into());
		disable(&[]);
	});
}

#[test]
fn the_last_block_of_a_job_counts_in_every_wait() {
	Chain::default().run(|| {
		let options = fixed(3);
		let (delay, window, reveals) = (Inference::max_delay(), COMMIT_WINDOW, REVEAL_WINDOW);
		// The draw, commits, the substitutes' draw and commits, reveals, the second draw, commits, reveals.
		let waits = [u32::from(options.draw_delay) + DRAW_PATIENCE, window, 2, window, reveals, 2, window, reveals];
		let longest: u32 = waits.iter().map(|wait| wait + delay).sum();
		assert_eq!(Inference::latest_end(7, &options, window), 7 + longest);
	});
}
