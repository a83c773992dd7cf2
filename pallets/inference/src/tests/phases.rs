use crate::{mock::*, *};
use sibyl_primitives::job::Refusal;

#[test]
fn a_job_is_agreed_and_settled_three_blocks_after_its_submission() {
	Chain::default().run(|| {
		let output = answer("eng");
		let id = submit(all_seats());
		next_block();
		next_block();
		commit_by(0..4, id, &output);
		assert_eq!(job(id).phase, Phase::Revealing);
		next_block();
		reveal_by(0..4, id, &output);
		assert_eq!(job(id).agreed.map(|agreed| agreed.at), Some(4));
		assert_eq!(ended(id), Some((Verdict::Agreed, 4)));
		assert_eq!(Outputs::<Test>::get(id), Some(output));
		next_block();
	});
}

#[test]
fn nobody_acting_at_all_ends_a_job_at_its_commit_deadline_with_a_refund() {
	Chain::default().run(|| {
		let id = drawn(all_seats());
		let deadline = job(id).deadline;
		advance_to(deadline);
		assert_eq!(verdict(id), None);
		next_block();
		assert_eq!(ended(id), Some((Verdict::Expired, deadline)));
		assert_eq!((free(&requester()), held()), (FUNDS, 0));
	});
}

#[test]
fn no_job_outlives_the_block_named_at_its_submission() {
	Chain::default().run(|| {
		let silent = submit(all_seats());
		let committed = submit(all_seats());
		next_block();
		next_block();
		advance_to(job(committed).deadline);
		commit_by(0..3, committed, &answer("eng"));
		let last = job(silent).ends_by.max(job(committed).ends_by);
		advance_to(last + 1);
		assert_eq!(verdict(silent), Some(Verdict::Expired));
		// Its second round finds nobody either.
		assert_eq!(verdict(committed), Some(Verdict::NoQuorum));
		assert_eq!(free(&requester()), FUNDS);
	});
}

#[test]
fn a_quorum_of_commits_gives_the_rest_three_blocks_of_grace() {
	Chain::default().run(|| {
		let (id, output) = (drawn(all_seats()), answer("eng"));
		commit_by(0..2, id, &output);
		next_block();
		assert_eq!(job(id).deadline, 2 + COMMIT_WINDOW);
		commit_by(2..3, id, &output);
		let grace_ends = System::block_number() as u32 + GRACE;
		assert_eq!((job(id).phase, job(id).deadline), (Phase::Committing, grace_ends));
		advance_to(grace_ends);
		assert_eq!(job(id).phase, Phase::Committing);
		next_block();
		assert_eq!(job(id).phase, Phase::Revealing);
		reveal_by(0..3, id, &output);
		assert_eq!(verdict(id), Some(Verdict::Agreed));
	});
}

#[test]
fn a_commit_within_the_grace_does_not_put_its_end_off() {
	Chain::default().validators(7).run(|| {
		let (id, output) = (drawn(all_seats()), answer("eng"));
		commit_by(0..5, id, &output);
		let grace_ends = System::block_number() as u32 + GRACE;
		assert_eq!(job(id).deadline, grace_ends);
		next_block();
		commit_by(5..6, id, &output);
		assert_eq!((job(id).phase, job(id).deadline), (Phase::Committing, grace_ends));
		assert_eq!(committee(id).tally().committed, 6);
	});
}

#[test]
fn a_commit_in_the_last_block_of_grace_still_counts() {
	Chain::default().run(|| {
		let (id, output) = (drawn(all_seats()), answer("eng"));
		commit_by(0..3, id, &output);
		advance_to(job(id).deadline);
		commit_by(3..4, id, &output);
		assert_eq!(job(id).phase, Phase::Revealing);
		assert_eq!(committee(id).tally().committed, 4);
	});
}

#[test]
fn an_abstention_lets_the_commit_phase_close_at_once() {
	Chain::default().run(|| {
		let (id, output) = (drawn(all_seats()), answer("eng"));
		let commits = (0..3).map(|number| Votes::of(number).commit(id, &output).sign());
		include(commits.chain([Votes::of(3).abstain(id).sign()]));
		assert_eq!(job(id).phase, Phase::Revealing);
		next_block();
		reveal_by(0..3, id, &output);
		assert_eq!(verdict(id), Some(Verdict::Agreed));
		assert_eq!(free(&account(3)), FUNDS);
	});
}

#[test]
fn so_many_abstentions_that_no_quorum_is_left_end_a_job_with_the_next_block() {
	Chain::default().run(|| {
		let id = drawn(all_seats());
		include([Votes::of(0).abstain(id).sign()]);
		assert_eq!(verdict(id), None);
		next_block();
		include([Votes::of(1).abstain(id).sign()]);
		next_block();
		assert_eq!(verdict(id), None);
		next_block();
		assert_eq!(ended(id), Some((Verdict::Expired, 5)));
		assert_eq!(free(&requester()), FUNDS);
	});
}

#[test]
fn an_agreement_waits_for_late_reveals_before_the_money_is_settled() {
	Chain::default().run(|| {
		let output = answer("eng");
		let id = revealing(all_seats(), &output);
		reveal_by(0..3, id, &output);
		assert_eq!(verdict(id), None);
		assert!(job(id).agreed.is_some());
		assert!(System::events()
			.iter()
			.any(|record| matches!(record.event, RuntimeEvent::Inference(Event::Agreed { .. }))));
		next_block();
		next_block();
		reveal_by(3..4, id, &output);
		assert_eq!(verdict(id), Some(Verdict::Agreed));
		assert!(free(&account(3)) > FUNDS);
	});
}

#[test]
fn a_seat_that_never_reveals_is_not_paid_and_holds_nobody_up_beyond_the_deadline() {
	Chain::default().run(|| {
		let output = answer("eng");
		let id = revealing(all_seats(), &output);
		reveal_by(0..3, id, &output);
		let deadline = job(id).deadline;
		advance_to(deadline + 1);
		assert_eq!(ended(id), Some((Verdict::Agreed, deadline)));
		assert_eq!(free(&account(3)), FUNDS);
	});
}

#[test]
fn too_few_reveals_by_the_deadline_lead_to_a_second_round() {
	Chain::default().run(|| {
		let output = answer("eng");
		let id = revealing(all_seats(), &output);
		reveal_by(0..2, id, &output);
		let deadline = job(id).deadline;
		advance_to(deadline);
		assert_eq!((job(id).round, job(id).phase), (0, Phase::Revealing));
		next_block();
		assert_eq!((job(id).round, job(id).phase), (1, Phase::Pending));
		next_block();
		assert_eq!((job(id).phase, committee(id).drawn_at), (Phase::Committing, deadline + 1));
	});
}

#[test]
fn different_answers_without_a_quorum_lead_to_a_second_round_as_soon_as_that_is_certain() {
	Chain::default().run(|| {
		let id = drawn(all_seats());
		let (english, french) = (answer("eng"), answer("fra"));
		include((0..4).map(|number| {
			let output = if number < 2 { &english } else { &french };
			Votes::of(number).commit(id, output).sign()
		}));
		next_block();
		reveal_by(0..2, id, &english);
		assert_eq!(verdict(id), None);
		next_block();
		include([Votes::of(2).reveal(id, &french).sign(), Votes::of(3).reveal(id, &french).sign()]);
		assert_eq!((verdict(id), job(id).round, job(id).phase), (None, 1, Phase::Pending));
		assert!(has_event(Event::SecondRoundBegan { job: id, is_audit: false }));
		assert!((0..4).all(|number| free(&account(number)) == FUNDS));
	});
}

#[test]
fn a_quorum_on_a_hash_whose_bytes_never_come_leads_to_a_second_round() {
	Chain::default().run(|| {
		let output = answer("eng");
		let id = revealing(all_seats(), &output);
		include((0..4).map(|number| Votes::of(number).reveal_without_output(id, &output).sign()));
		assert_eq!((verdict(id), job(id).agreed), (None, None));
		advance_to(job(id).deadline + 1);
		assert_eq!((verdict(id), job(id).round, job(id).phase), (None, 1, Phase::Pending));
	});
}

#[test]
fn a_quorum_on_a_refusal_is_failed_with_the_models_reason() {
	Chain::default().run(|| {
		let id = revealing(all_seats(), &refusal());
		reveal_by(0..4, id, &refusal());
		assert_eq!(verdict(id), Some(Verdict::Failed(Refusal::ContextExceeded)));
	});
}

#[test]
fn one_wrong_seat_of_four_does_not_keep_the_others_from_agreeing() {
	Chain::default().run(|| {
		let (id, english, french) = (drawn(all_seats()), answer("eng"), answer("fra"));
		let commits = (0..3).map(|number| Votes::of(number).commit(id, &english).sign());
		include(commits.chain([Votes::of(3).commit(id, &french).sign()]));
		next_block();
		// The wrong output comes first, and with its bytes.
		let reveals = [Votes::of(3).reveal(id, &french).sign()].into_iter();
		include(reveals.chain((0..3).map(|number| Votes::of(number).reveal(id, &english).sign())));
		assert_eq!(verdict(id), Some(Verdict::Agreed));
		assert_eq!(Outputs::<Test>::get(id), Some(english));
		assert_eq!(free(&account(3)), FUNDS);
		assert!(free(&account(0)) > FUNDS);
	});
}

#[test]
fn a_single_seat_agrees_with_itself() {
	Chain::default().validators(1).run(|| {
		let (id, output) = (drawn(all_seats()), answer("eng"));
		commit_by(0..1, id, &output);
		next_block();
		reveal_by(0..1, id, &output);
		assert_eq!(verdict(id), Some(Verdict::Agreed));
	});
}
