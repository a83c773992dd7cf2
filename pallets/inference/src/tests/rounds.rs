//! Second rounds: their causes, who sits in them, and how they end.

use crate::{mock::*, *};
use sibyl_primitives::api::{BallotStanding, Lookup, ResultView};
use std::collections::BTreeSet;

fn with_eight(test: impl FnOnce(OutputBytes, OutputBytes)) {
	Chain::default().validators(8).run(|| test(answer("eng"), answer("fra")));
}

fn all_say(id: JobId, validators: &[u8], output: &OutputBytes) {
	say(id, &validators.iter().map(|number| (*number, output)).collect::<Vec<_>>());
}

#[test]
fn a_disagreement_is_decided_by_all_those_that_did_not_sit_before() {
	with_eight(|truth, lie| {
		let (id, first) = disputed(all_seats(), &lie, &truth);
		let second = second_round(id);
		let everybody: BTreeSet<_> = first.iter().chain(&second).copied().collect();
		assert_eq!((second.len(), everybody), (5, (0..8).collect()));
		assert_eq!((committee(id).round, committee(id).drawn_at), (1, 5));
		assert_ne!(committee(id).draw, committee_of(id, 0).draw);

		all_say(id, &second, &truth);
		let support = Support { round: 1, seats: 5, agreed: 5, serving: 8 };
		assert_eq!(ended(id), Some((Verdict::Agreed, 7)));
		assert!(matches!(
			Inference::result_view(id),
			Lookup::Found(ResultView::Agreed { at: 7, support: shown, settled: true, .. }) if shown == support
		));
	});
}

#[test]
fn a_second_round_may_decide_for_the_minority_of_the_first() {
	with_eight(|truth, lie| {
		let (id, _) = disputed(all_seats(), &truth, &lie);
		let second = second_round(id);
		all_say(id, &second, &truth);
		assert_eq!(verdict(id), Some(Verdict::Agreed));
		assert_eq!(Outputs::<Test>::get(id), Some(truth));
	});
}

#[test]
fn a_seat_that_withholds_its_reveal_leads_to_a_second_round_that_answers() {
	with_eight(|truth, _| {
		let id = drawn(fixed(3));
		let first = seated(id);
		commit_by(first.clone(), id, &truth);
		next_block();
		reveal_by(first[1..].to_vec(), id, &truth);
		assert_eq!(job(id).round, 0);
		let second = second_round(id);
		assert!(second.iter().all(|number| !first.contains(number)));
		all_say(id, &second, &truth);
		assert_eq!(verdict(id), Some(Verdict::Agreed));
	});
}

#[test]
fn bytes_that_the_first_committee_did_not_bring_come_with_the_second() {
	with_eight(|truth, _| {
		let id = drawn(fixed(3));
		let first = seated(id);
		commit_by(first.clone(), id, &truth);
		next_block();
		include(first.iter().map(|number| Votes::of(*number).reveal_without_output(id, &truth).sign()));
		let second = second_round(id);
		assert!(!committee(id).checks);
		all_say(id, &second, &truth);
		assert_eq!((verdict(id), Outputs::<Test>::get(id)), (Some(Verdict::Agreed), Some(truth)));
		assert!(offences().is_empty());
	});
}

#[test]
fn a_second_committee_knows_whether_it_has_an_output_to_check() {
	with_eight(|truth, lie| {
		let (id, _) = disputed(all_seats(), &lie, &truth);
		second_round(id);
		assert!(committee(id).checks);
	});
}

#[test]
fn where_few_others_serve_those_who_sat_before_come_after_them() {
	Chain::default().validators(6).run(|| {
		let (id, first) = disputed(all_seats(), &answer("fra"), &answer("eng"));
		let second = second_round(id);
		assert_eq!(second.len(), 6);
		assert!(second[..3].iter().all(|number| !first.contains(number)));
	});
}

#[test]
fn four_others_are_enough_without_those_who_sat_before() {
	Chain::default().validators(7).run(|| {
		let (id, first) = disputed(all_seats(), &answer("fra"), &answer("eng"));
		let second = second_round(id);
		assert_eq!(second.len(), 4);
		assert!(second.iter().all(|number| !first.contains(number)));
	});
}

#[test]
fn with_fewer_than_three_validators_there_is_no_second_round_and_all_is_refunded() {
	Chain::default().validators(2).run(|| {
		let (truth, lie, before) = (answer("eng"), answer("fra"), Wealth::now());
		let id = drawn(all_seats());
		say(id, &[(0, &truth), (1, &lie)]);
		next_block();
		assert_eq!(verdict(id), None);
		next_block();
		assert_eq!(verdict(id), Some(Verdict::NoQuorum));
		assert_eq!((before.gain(&requester()), before.gains(&[0, 1])), (0, vec![0, 0]));
	});
}

#[test]
fn a_second_committee_has_thirty_one_seats_at_most() {
	Chain::default().validators(40).run(|| {
		let (id, _) = disputed(all_seats(), &answer("fra"), &answer("eng"));
		assert_eq!(second_round(id).len(), 31);
	});
}

#[test]
fn a_second_round_without_a_quorum_is_the_end_and_costs_the_requester_nothing() {
	with_eight(|truth, lie| {
		let before = Wealth::now();
		let (id, _) = disputed(all_seats(), &lie, &truth);
		let second = second_round(id);
		let said: Vec<_> =
			second.iter().zip([&truth, &truth, &truth, &lie, &lie]).map(|(n, said)| (*n, said)).collect();
		say(id, &said);
		assert_eq!((verdict(id), job(id).round), (Some(Verdict::NoQuorum), 1));
		assert_eq!(before.gain(&requester()), 0);
		assert!((0..8).all(|number| before.gain(&account(number)) == 0));
		assert!(offences().is_empty());
	});
}

#[test]
fn a_second_round_that_nobody_commits_in_is_the_end() {
	with_eight(|truth, lie| {
		let (id, _) = disputed(all_seats(), &lie, &truth);
		second_round(id);
		let deadline = job(id).deadline;
		advance_to(deadline + 1);
		assert_eq!(ended(id), Some((Verdict::NoQuorum, deadline)));
	});
}

#[test]
fn votes_for_the_first_committee_are_of_no_use_in_the_second_round() {
	with_eight(|truth, lie| {
		let id = drawn(fixed(3));
		let first = seated(id);
		let late = Votes::of(first[0]).reveal(id, &truth).sign();
		say(id, &[(first[0], &lie), (first[1], &truth), (first[2], &truth)]);
		assert_eq!(standing(&late), BallotStanding::Useless);
		second_round(id);
		assert_eq!(standing(&late), BallotStanding::Useless);
		let committees = (committee_of(id, 0), committee(id));
		include([late]);
		assert_eq!((committee_of(id, 0), committee(id)), committees);
	});
}

#[test]
fn a_vote_for_a_round_that_is_not_there_yet_is_early() {
	with_eight(|truth, _| {
		let id = drawn(fixed(3));
		let number = seated(id)[0];
		let early = Votes::of(number).commit(id, &truth).change(|ballot| ballot.commits[0].target.round = 1).sign();
		assert!(matches!(standing(&early), BallotStanding::Early { .. }));
	});
}

#[test]
fn the_first_committees_seats_stay_covered_until_the_job_has_ended() {
	with_eight(|truth, lie| {
		let (id, first) = disputed(all_seats(), &lie, &truth);
		let second = second_round(id);
		let charge = 3 * 1_050;
		for number in first.iter().chain(&second) {
			assert_eq!(ledger(*number).reserved, charge);
		}
		all_say(id, &second, &truth);
		for number in first.iter().chain(&second) {
			assert_eq!((ledger(*number).reserved, ledger(*number).open_seats.len()), (0, 0));
		}
	});
}

#[test]
fn a_copy_of_an_output_without_running_the_model_does_not_agree_and_loses() {
	Chain::default().run(|| {
		let (id, output) = (drawn(all_seats()), answer("eng"));
		let copied = |number| {
			let votes = Votes::of(number);
			if number == 3 {
				votes.trace(Hash::repeat_byte(9))
			} else {
				votes
			}
		};
		include((0..4).map(|number| copied(number).commit(id, &output).sign()));
		next_block();
		include((0..4).map(|number| copied(number).reveal(id, &output).sign()));
		assert_eq!(verdict(id), Some(Verdict::Agreed));
		let agreed = job(id).agreed.expect("three of four agree");
		assert_eq!((agreed.support.agreed, agreed.support.seats), (3, 4));
		assert_eq!((ledger(3).record.lost, ledger(0).record.lost), (1, 0));
		assert_eq!((ledger(3).bond, free(&account(3))), (BOND - 1_050, FUNDS));
	});
}

#[test]
fn the_same_output_with_two_works_is_a_disagreement() {
	Chain::default().run(|| {
		let (id, output) = (drawn(all_seats()), answer("eng"));
		let copied = |number: u8| Votes::of(number).trace(Hash::repeat_byte(number / 2));
		include((0..4).map(|number| copied(number).commit(id, &output).sign()));
		next_block();
		include((0..4).map(|number| copied(number).reveal(id, &output).sign()));
		assert_eq!((verdict(id), job(id).agreed, job(id).round), (None, None, 1));
	});
}

#[test]
fn the_work_of_another_committee_is_of_no_use() {
	with_eight(|truth, lie| {
		let (id, _) = disputed(all_seats(), &lie, &truth);
		let of_first: Vec<_> = committee_of(id, 0).seats.iter().map(|seat| seat.vote).collect();
		let second = second_round(id);
		all_say(id, &second, &truth);
		let SeatVote::Revealed(value) = committee(id).seats[0].vote else { panic!("the seat has revealed") };
		for vote in of_first {
			assert!(!matches!(vote, SeatVote::Revealed(other) if other.work == value.work));
		}
	});
}

#[test]
fn who_committed_in_a_second_round_that_fell_short_of_commits_is_charged_nothing() {
	with_eight(|truth, lie| {
		let (id, _) = disputed(all_seats(), &lie, &truth);
		let second = second_round(id);
		let before = Wealth::now();
		commit_by(second[..2].to_vec(), id, &truth);
		advance_to(job(id).deadline + 1);
		assert_eq!(verdict(id), Some(Verdict::NoQuorum));
		assert_eq!(before.gains(&second), vec![0; second.len()]);
		assert!(second.iter().all(|number| ledger(*number).record.charged == 0));
	});
}
