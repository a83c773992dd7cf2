//! Audits: which jobs have one, what comes of it, and who pays.

use crate::{mock::*, *};
use frame_support::{
	assert_ok,
	traits::{fungible::Mutate, tokens::Preservation},
};
use sibyl_primitives::{
	api::{Lookup, PhaseView, ResultView},
	output::output_hash,
};

const CHECK: i128 = 1_050;

fn all_say(id: JobId, validators: &[u8], output: &OutputBytes) {
	say(id, &validators.iter().map(|number| (*number, output)).collect::<Vec<_>>());
}

/// Has a job agreed by three, and every such job audited.
fn agreed(output: &OutputBytes) -> (JobId, Vec<u8>) {
	let id = drawn(fixed(3));
	let first = seated(id);
	all_say(id, &first, output);
	assert_eq!(verdict(id), Some(Verdict::Agreed));
	(id, first)
}

fn audited(output: &OutputBytes) -> (JobId, Vec<u8>, Vec<u8>) {
	set_audit_odds(1);
	let (id, first) = agreed(output);
	next_block();
	assert_eq!(job(id).audit, AuditView::None, "the settling block's VRF does not say");
	next_block();
	assert_eq!(job(id).audit, AuditView::Open);
	let second = second_round(id);
	set_audit_odds(u32::MAX);
	(id, first, second)
}

fn shown(id: JobId) -> AuditView {
	match Inference::result_view(id) {
		Lookup::Found(ResultView::Agreed { audit, settled: true, .. }) => audit,
		other => panic!("the answer is gone: {other:?}"),
	}
}

#[test]
fn an_audit_that_says_the_same_confirms_the_answer_and_is_paid_by_the_protocol() {
	Chain::default().validators(10).run(|| {
		let truth = answer("eng");
		let (id, first, second) = audited(&truth);
		assert!(second.len() == 7 && second.iter().all(|number| !first.contains(number)));
		assert!(has_event(Event::SecondRoundBegan { job: id, is_audit: true }));
		assert!(
			matches!(Inference::job_view(id), Lookup::Found(view) if matches!(view.phase, PhaseView::Ended { .. }))
		);
		let (before, agreed) = (Wealth::now(), job(id).agreed);
		all_say(id, &second, &truth);
		assert_eq!((shown(id), job(id).agreed), (AuditView::Confirmed, agreed));
		assert_eq!((before.gains(&second), before.gains(&first)), (vec![CHECK; 7], vec![0; 3]));
		assert_eq!(before.gain(&Inference::protocol_account()), -7 * CHECK);
		assert_eq!(before.gain(&requester()), 0);
		assert_eq!((OpenJobs::<Test>::count(), offences().len()), (0, 0));
		assert!(has_event(Event::Audited { job: id, audit: AuditView::Confirmed }));
	});
}

#[test]
fn an_audit_that_says_otherwise_leaves_the_answer_and_reports_who_gave_it() {
	Chain::default().validators(10).run(|| {
		let (lie, truth) = (answer("fra"), answer("eng"));
		let (id, first, second) = audited(&lie);
		let (before, agreed) = (Wealth::now(), job(id).agreed);
		all_say(id, &second, &truth);
		assert_eq!(shown(id), AuditView::Overturned { output_hash: output_hash(&truth) });
		assert_eq!((job(id).agreed, Outputs::<Test>::get(id)), (agreed, Some(lie)));
		let validators = first.iter().map(|number| account(*number)).collect();
		assert_eq!(offences(), [Offence::Contradicted { validators, session: 0, case: (id, 0) }]);
		assert_eq!(before.gains(&second), [CHECK; 7]);
		assert_eq!(before.gains(&first), [0; 3], "their job is settled, and their bonds are free");
	});
}

#[test]
fn an_audit_that_too_many_lose_suspends_the_model_instead() {
	Chain::default().validators(8).run(|| {
		let (id, ..) = audited(&answer("fra"));
		let second = seated(id);
		all_say(id, &second, &answer("eng"));
		assert!(matches!(shown(id), AuditView::Overturned { .. }));
		// Three of eight are more than a third.
		assert!(offences().is_empty());
		assert!(pallet_models::Pallet::<Test>::is_suspended(&model().id()));
	});
}

#[test]
fn an_audit_without_a_quorum_changes_nothing_and_pays_nobody() {
	Chain::default().validators(10).run(|| {
		let (truth, lie) = (answer("eng"), answer("fra"));
		let (id, first, second) = audited(&truth);
		let before = Wealth::now();
		let said: Vec<_> = second.iter().zip([&truth, &lie].into_iter().cycle()).map(|(n, said)| (*n, said)).collect();
		say(id, &said);
		assert_eq!(shown(id), AuditView::Undecided);
		assert!((0..10).all(|number| before.gain(&account(number)) == 0), "{first:?}");
		assert!(offences().is_empty());
	});
}

#[test]
fn an_audit_that_nobody_takes_part_in_ends_in_time() {
	Chain::default().validators(10).run(|| {
		let (id, ..) = audited(&answer("eng"));
		let deadline = job(id).deadline;
		advance_to(deadline);
		assert_eq!(shown(id), AuditView::Open);
		next_block();
		assert_eq!(shown(id), AuditView::Undecided);
		assert!((0..10).all(|number| ledger(number).open_seats.is_empty()));
	});
}

#[test]
fn who_withholds_in_an_audit_is_charged_and_who_lies_in_it_is_an_offender() {
	Chain::default().validators(10).run(|| {
		let (truth, lie) = (answer("eng"), answer("fra"));
		let (id, _, second) = audited(&truth);
		let before = Wealth::now();
		let said = |number: u8| if number == second[1] { &lie } else { &truth };
		include(second.iter().map(|number| Votes::of(*number).commit(id, said(*number)).sign()));
		next_block();
		include(second[1..].iter().map(|number| Votes::of(*number).reveal(id, said(*number)).sign()));
		advance_to(job(id).deadline + 1);
		assert_eq!(shown(id), AuditView::Confirmed);
		assert_eq!(before.gains(&second[..3]), [-3 * CHECK, -3 * CHECK, CHECK]);
		let validators = vec![account(second[1])];
		assert_eq!(offences(), [Offence::Contradicted { validators, session: 0, case: (id, 1) }]);
		assert_eq!(before.gain(&Inference::protocol_account()), 2 * 3 * CHECK - 5 * CHECK);
	});
}

/// Leaves the protocol's account so much beside the existential deposit.
fn leave(amount: Balance) {
	let protocol = Inference::protocol_account();
	let surplus = free(&protocol) - 10 - amount;
	assert_ok!(Balances::transfer(&protocol, &account(201), surplus, Preservation::Preserve));
}

#[test]
fn a_protocol_that_has_too_little_pays_each_auditor_its_part() {
	Chain::default().validators(10).run(|| {
		let truth = answer("eng");
		let (id, _, second) = audited(&truth);
		leave(3_500);
		let before = Wealth::now();
		all_say(id, &second, &truth);
		assert_eq!((shown(id), before.gains(&second)), (AuditView::Confirmed, vec![500; 7]));
	});
}

#[test]
fn no_audit_begins_that_the_protocol_could_not_pay() {
	for (has, expected) in [(31 * 1_050 - 1, AuditView::None), (31 * 1_050, AuditView::Open)] {
		Chain::default().validators(10).run(|| {
			set_audit_odds(1);
			let (id, _) = agreed(&answer("eng"));
			leave(has);
			next_block();
			next_block();
			assert_eq!(job(id).audit, expected, "{has}");
		});
	}
}

#[test]
fn the_next_blocks_vrf_says_which_jobs_are_audited() {
	let is_audited = |of_settlement: u8, after: u8| {
		let mut audit = AuditView::None;
		Chain::default().validators(10).run(|| {
			set_audit_odds(2);
			let (id, _) = agreed(&answer("eng"));
			set_vrf(Some([of_settlement; 32]));
			next_block();
			set_vrf(Some([after; 32]));
			next_block();
			audit = job(id).audit;
			set_audit_odds(u32::MAX);
		});
		audit == AuditView::Open
	};
	let said: Vec<_> = (0..12).map(|vrf| is_audited(1, vrf)).collect();
	assert!(said.contains(&true) && said.contains(&false), "{said:?}");
	assert_eq!(said, (0..12).map(|vrf| is_audited(2, vrf)).collect::<Vec<_>>());
}

#[test]
fn a_job_that_all_answered_or_that_a_second_round_decided_is_not_audited() {
	Chain::default().validators(8).run(|| {
		set_audit_odds(1);
		let truth = answer("eng");
		let by_all = drawn(all_seats());
		all_say(by_all, &seated(by_all), &truth);
		let (decided, _) = disputed(all_seats(), &answer("fra"), &truth);
		let second = second_round(decided);
		all_say(decided, &second, &truth);
		for _ in 0..4 {
			next_block();
		}
		assert_eq!((job(by_all).audit, job(decided).audit), (AuditView::None, AuditView::None));
	});
}

#[test]
fn a_suspended_models_audit_ends_undecided_and_the_answer_stays() {
	Chain::default().validators(10).run(|| {
		let (id, _, second) = audited(&answer("eng"));
		pallet_models::Pallet::<Test>::do_suspend(&model().id());
		commit_by(second[..1].to_vec(), id, &answer("eng"));
		assert_eq!(shown(id), AuditView::Undecided);
	});
}

#[test]
fn an_audit_that_is_stopped_is_nobodys_fault() {
	let stops: [fn(JobId, u8); 2] = [
		|id, _| {
			assert_ok!(Inference::cancel(RuntimeOrigin::root(), id));
		},
		|id, number| {
			pallet_models::Pallet::<Test>::do_suspend(&model().id());
			reveal_by([number], id, &answer("eng"));
		},
	];
	for stop in stops {
		Chain::default().validators(10).run(|| {
			let truth = answer("eng");
			let (id, _, second) = audited(&truth);
			let before = Wealth::now();
			// Six of seven are bound, and some of them have revealed.
			commit_by(second[1..].to_vec(), id, &truth);
			advance_to(job(id).deadline + 1);
			assert_eq!(job(id).phase, Phase::Revealing);
			reveal_by(second[1..3].to_vec(), id, &truth);
			stop(id, second[3]);
			assert_eq!(shown(id), AuditView::Undecided);
			assert_eq!(before.gains(&second), [0; 7]);
			assert!((0..10).all(|number| ledger(number).record.missed == 0 && ledger(number).record.charged == 0));
		});
	}
}

#[test]
fn an_audit_is_stopped_before_its_draw_without_a_trace_in_anybodys_ledger() {
	Chain::default().validators(10).run(|| {
		set_audit_odds(1);
		let (id, _) = agreed(&answer("eng"));
		next_block();
		next_block();
		assert_eq!((job(id).audit, job(id).phase), (AuditView::Open, Phase::Pending));
		let ledgers: Vec<_> = (0..10).map(ledger).collect();
		assert_ok!(Inference::cancel(RuntimeOrigin::root(), id));
		assert_eq!((shown(id), job(id).phase), (AuditView::Undecided, Phase::Ended));
		assert_eq!((0..10).map(ledger).collect::<Vec<_>>(), ledgers);
		next_block();
		next_block();
		assert!(!Committees::<Test>::contains_key((id, 1)));
	});
}

#[test]
fn a_job_that_is_open_is_not_audited() {
	Chain::default().validators(10).run(|| {
		let id = drawn(fixed(3));
		Inference::begin_audit(id);
		assert_eq!((job(id).audit, job(id).round), (AuditView::None, 0));
	});
}
