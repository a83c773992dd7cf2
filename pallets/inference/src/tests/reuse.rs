use crate::{mock::*, *};
use frame_support::{assert_noop, assert_ok, dispatch::Pays};
use sibyl_primitives::{
	api::{Lookup, ResultView},
	consumer::{Asker, Inference as Asks},
	job::{Sampling, Seats, FIRST_ROUND},
	model::ModelRevision,
	output::output_hash,
	price::ModelPrice,
};
use sp_runtime::Percent;

/// What a seat gets for "hello", computed and taken again.
const SEAT: Balance = 1_050;
const PART: Balance = 105;

fn reusable(seats: u16) -> JobOptions {
	JobOptions { reuse: true, ..fixed(seats) }
}

fn someone() -> AccountId {
	account(201)
}

/// Has the committee agree on this; its members.
fn agreed(options: JobOptions, output: &OutputBytes) -> (JobId, Vec<u8>) {
	let id = drawn(options);
	let seats = seated(id);
	say(id, &seats.iter().map(|number| (*number, output)).collect::<Vec<_>>());
	assert!(matches!(verdict(id), Some(Verdict::Agreed | Verdict::Failed(_))));
	// Whether it is audited is known then.
	next_block();
	next_block();
	(id, seats)
}

/// Asks "hello" once more, as another account; the job's number, and the one whose answer was taken.
fn ask_again(options: JobOptions) -> (JobId, Option<JobId>) {
	let id = NextJob::<Test>::get();
	let origin = RuntimeOrigin::signed(someone());
	assert_ok!(Inference::submit(origin, model().id(), "hello".into(), options, Balance::MAX));
	(id, job(id).reused)
}

#[test]
fn an_answer_that_was_agreed_on_is_given_at_once_and_its_seats_get_a_part_of_the_price() {
	Chain::default().run(|| {
		let output = answer("eng");
		let (source, seats) = agreed(reusable(3), &output);
		let now = System::block_number() as u32;
		let before = Wealth::now();
		let (id, reused) = ask_again(reusable(3));
		assert_eq!((reused, ended(id)), (Some(source), Some((Verdict::Agreed, now))));
		assert_eq!(before.gains(&seats), [PART as i128; 3]);
		assert_eq!(before.gain(&Inference::protocol_account()), 16);
		assert_eq!(before.gain(&someone()), -(3 * PART as i128 + 16));
		let support = job(source).agreed.expect("it is agreed").support;
		let output_hash = output_hash(&output);
		let Lookup::Found(ResultView::Agreed { output: shown, .. }) = Inference::result_view(source) else {
			panic!("the source has an answer")
		};
		assert_eq!(
			Inference::result_view(id),
			Lookup::Found(ResultView::Agreed {
				output: shown.clone(),
				output_hash,
				at: now,
				support,
				audit: AuditView::None,
				settled: true,
				reused: Some(source),
			})
		);
		assert!(has_event(Event::AnswerReused { job: id, source }));
		assert!(has_event(Event::Agreed { job: id, output_hash, output: shown, support }));
		assert_eq!((OpenJobs::<Test>::count(), ExpectedTime::<Test>::get()), (0, 0));
		assert_eq!(Requesters::<Test>::get(someone()), Requester { submitted: 1, open: 0, kept: 1 });
		assert_eq!(seats.iter().map(|number| ledger(*number).record.earned).sum::<Balance>(), 3 * (SEAT + PART));
	});
}

#[test]
fn an_answer_is_neither_taken_nor_given_where_the_requester_does_not_allow_it() {
	Chain::default().run(|| {
		agreed(fixed(3), &answer("eng"));
		assert_eq!(ask_again(reusable(3)).1, None, "who was asked first did not allow it");
		agreed(reusable(3), &answer("eng"));
		assert_eq!(ask_again(fixed(3)).1, None, "who asks again does not allow it");
		assert!(ask_again(reusable(3)).1.is_some());
	});
}

#[test]
fn what_more_seats_are_asked_for_is_computed_anew_and_then_known_by_more() {
	Chain::default().run(|| {
		let output = answer("eng");
		let (weak, _) = agreed(reusable(1), &output);
		assert_eq!(ask_again(reusable(1)).1, Some(weak));
		let (strong, _) = agreed(reusable(3), &output);
		assert_eq!(job(strong).reused, None);
		assert_eq!(ask_again(reusable(3)).1, Some(strong));
		assert_eq!(ask_again(reusable(1)).1, Some(strong));
		assert_eq!(ask_again(JobOptions { seats: Seats::All, ..reusable(1) }).1, None, "four serve the model");
	});
}

#[test]
fn an_answer_by_fewer_seats_takes_no_place_of_one_by_more() {
	Chain::default().run(|| {
		let output = answer("eng");
		// Both are open at a time, so that neither is known to the other.
		let few = drawn(reusable(1));
		let many = drawn(reusable(3));
		for id in [many, few] {
			say(id, &seated(id).iter().map(|number| (*number, &output)).collect::<Vec<_>>());
		}
		next_block();
		next_block();
		assert_eq!(ask_again(reusable(3)).1, Some(many));
	});
}

#[test]
fn an_answer_is_taken_from_the_block_on_in_which_it_is_known_whether_it_is_audited() {
	Chain::default().run(|| {
		let output = answer("eng");
		let source = drawn(reusable(3));
		say(source, &seated(source).iter().map(|number| (*number, &output)).collect::<Vec<_>>());
		assert!(job(source).outcome.is_some());
		let taken = (0..3).map(|_| {
			let taken = ask_again(reusable(3)).1;
			next_block();
			taken
		});
		assert_eq!(taken.collect::<Vec<_>>(), [None, None, Some(source)]);
	});
}

#[test]
fn of_two_answers_that_differ_neither_is_taken() {
	Chain::default().run(|| {
		let (one, other) = (drawn(reusable(1)), drawn(reusable(1)));
		for (id, label) in [(one, "eng"), (other, "fra")] {
			say(id, &[(seated(id)[0], &answer(label))]);
			assert_eq!(verdict(id), Some(Verdict::Agreed));
		}
		next_block();
		next_block();
		assert_eq!(ask_again(reusable(1)).1, None);
	});
}

#[test]
fn what_fewer_seats_say_otherwise_does_no_harm_to_what_more_have_said() {
	Chain::default().run(|| {
		let (few, many) = (drawn(reusable(1)), drawn(reusable(3)));
		for (id, label) in [(many, "eng"), (few, "fra")] {
			let output = answer(label);
			say(id, &seated(id).iter().map(|number| (*number, &output)).collect::<Vec<_>>());
		}
		next_block();
		next_block();
		assert_eq!(ask_again(reusable(1)).1, Some(many));
	});
}

#[test]
fn what_more_seats_say_stands_where_fewer_said_otherwise() {
	Chain::default().run(|| {
		agreed(reusable(1), &answer("fra"));
		let (many, _) = agreed(reusable(3), &answer("eng"));
		assert_eq!(ask_again(reusable(1)).1, Some(many));
	});
}

#[test]
fn an_answer_that_was_overturned_makes_room_for_the_next_one() {
	Chain::default().validators(10).run(|| {
		set_audit_odds(1);
		let (wrong, _) = agreed(reusable(3), &answer("fra"));
		set_audit_odds(u32::MAX);
		let (auditors, right) = (second_round(wrong), answer("eng"));
		say(wrong, &auditors.iter().map(|number| (*number, &right)).collect::<Vec<_>>());
		assert!(matches!(job(wrong).audit, AuditView::Overturned { .. }));
		let (next, _) = agreed(reusable(3), &right);
		assert_eq!(ask_again(reusable(3)).1, Some(next));
	});
}

#[test]
fn another_question_is_not_answered() {
	Chain::default().run(|| {
		let (source, _) = agreed(reusable(3), &answer("eng"));
		assert_eq!(ask_again(JobOptions { max_output_units: 5, ..reusable(3) }).1, None);
		let id = NextJob::<Test>::get();
		let origin = RuntimeOrigin::signed(someone());
		assert_ok!(Inference::submit(origin, model().id(), "hallo".into(), reusable(3), Balance::MAX));
		assert_eq!(job(id).reused, None);
		assert_eq!(ask_again(JobOptions { draw_delay: 2, ..reusable(3) }).1, Some(source));
	});
}

#[test]
fn what_is_sampled_is_the_same_question_only_with_the_same_seed() {
	Chain::default().run(|| {
		let warm = Sampling { temperature: 700, ..Default::default() };
		let sampled = |seed| JobOptions { sampling: warm, seed, ..reusable(1) };
		agreed(sampled(None), &answer("eng"));
		assert_eq!(ask_again(sampled(None)).1, None, "the fingerprint is another");
		let (source, _) = agreed(sampled(Some(7)), &answer("eng"));
		assert_eq!(ask_again(sampled(Some(8))).1, None);
		assert_eq!(ask_again(sampled(Some(7))).1, Some(source));
		// Without a temperature nothing is drawn.
		let (source, _) = agreed(reusable(1), &answer("eng"));
		assert_eq!(ask_again(JobOptions { seed: Some(8), ..reusable(1) }).1, Some(source));
	});
}

#[test]
fn an_answer_that_an_audit_puts_in_doubt_is_not_taken() {
	for (said, is_taken) in [("eng", true), ("fra", false)] {
		Chain::default().validators(10).run(|| {
			set_audit_odds(1);
			let (source, _) = agreed(reusable(3), &answer("eng"));
			assert_eq!(job(source).audit, AuditView::Open);
			set_audit_odds(u32::MAX);
			assert_eq!(ask_again(reusable(3)).1, None, "the audit is not over");
			let auditors = second_round(source);
			let output = answer(said);
			say(source, &auditors.iter().map(|number| (*number, &output)).collect::<Vec<_>>());
			assert_ne!(job(source).audit, AuditView::Open);
			next_block();
			next_block();
			assert_eq!(ask_again(reusable(3)).1.is_some(), is_taken, "{said}");
		});
	}
}

#[test]
fn a_refusal_is_not_taken_for_an_answer() {
	Chain::default().run(|| {
		agreed(reusable(3), &refusal());
		assert_eq!(ask_again(reusable(3)).1, None);
	});
}

#[test]
fn an_answer_is_forgotten_with_the_job_that_had_it_and_the_jobs_that_took_it_stay() {
	Chain::default().run(|| {
		let (source, _) = agreed(reusable(3), &answer("eng"));
		let at = job(source).outcome.expect("it has ended").at;
		advance_to(at + RETENTION - 1);
		let (id, reused) = ask_again(reusable(3));
		assert_eq!(reused, Some(source));
		next_block();
		assert_eq!(Inference::result_view(source), Lookup::Pruned);
		assert_eq!(KnownAnswers::<Test>::iter().count(), 0);
		assert!(matches!(Inference::result_view(id), Lookup::Found(ResultView::Agreed { .. })));
		advance_to(at + 2 * RETENTION);
		assert_eq!(Inference::result_view(id), Lookup::Pruned);
		assert_eq!(ask_again(reusable(3)).1, None);
	});
}

#[test]
fn who_has_taken_its_bond_back_is_paid_no_more_and_the_others_get_its_part() {
	Chain::default().run(|| {
		let (_, seats) = agreed(reusable(3), &answer("eng"));
		assert_ok!(Inference::unbond_service(RuntimeOrigin::signed(account(seats[0])), BOND));
		let before = Wealth::now();
		assert!(ask_again(reusable(3)).1.is_some());
		let part = (3 * PART / 2) as i128;
		assert_eq!(before.gains(&seats), [0, part, part]);
	});
}

#[test]
fn nobody_is_paid_where_all_have_left() {
	Chain::default().run(|| {
		let (_, seats) = agreed(reusable(3), &answer("eng"));
		for number in &seats {
			assert_ok!(Inference::unbond_service(RuntimeOrigin::signed(account(*number)), BOND));
		}
		let before = Wealth::now();
		assert!(ask_again(reusable(3)).1.is_some());
		assert_eq!((before.gains(&seats), before.gain(&someone())), (vec![0; 3], 0));
	});
}

#[test]
fn the_models_author_gets_its_share_of_what_the_seats_get() {
	Chain::default().run(|| {
		let price = ModelPrice { author_share: Percent::from_percent(20), ..PRICE };
		let model = add_model(ModelRevision { semantics: 2, ..crate::mock::model() }, price);
		let ask = |who| {
			let id = NextJob::<Test>::get();
			let origin = RuntimeOrigin::signed(who);
			assert_ok!(Inference::submit(origin, model, "hello".into(), reusable(3), Balance::MAX));
			id
		};
		let source = ask(requester());
		next_block();
		next_block();
		let output = answer("eng");
		say(source, &seated(source).iter().map(|number| (*number, &output)).collect::<Vec<_>>());
		next_block();
		next_block();
		let before = Wealth::now();
		let id = ask(someone());
		assert_eq!(job(id).reused, Some(source));
		assert_eq!(before.gain(&author()), 3 * PART as i128 / 5);
	});
}

#[test]
fn what_is_refused_anew_is_refused_with_a_known_answer_and_nothing_changes() {
	Chain::default().run(|| {
		agreed(reusable(3), &answer("eng"));
		let total = 3 * SEAT + 158;
		let ask = |options, max_fee| {
			Inference::submit(RuntimeOrigin::signed(someone()), model().id(), "hello".into(), options, max_fee)
		};
		assert_noop!(ask(reusable(3), total - 1), Error::<Test>::FeeAboveLimit);
		assert_noop!(ask(JobOptions { draw_delay: 0, ..reusable(3) }, total), Error::<Test>::DrawDelayInvalid);
		let poor = RuntimeOrigin::signed(account(250));
		let hello = || "hello".into();
		assert_noop!(Inference::submit(poor, model().id(), hello(), reusable(3), total), Error::<Test>::BalanceTooLow);
		assert_ok!(Models::suspend(RuntimeOrigin::root(), model().id()));
		assert_noop!(ask(reusable(3), total), Error::<Test>::ModelSuspended);
		assert_ok!(Models::resume(RuntimeOrigin::root(), model().id()));
		assert_ok!(ask(reusable(3), total));
	});
}

#[test]
fn pallets_ask_anew() {
	Chain::default().run(|| {
		let (source, _) = agreed(reusable(3), &answer("eng"));
		let asker = Asker { consumer: WILLING, reference: 0 };
		let request = |input: Input| {
			<Inference as Asks>::request(asker, &someone(), model().id(), input, reusable(3), Balance::MAX)
		};
		let id = request("hello".into()).expect("it is right").job;
		assert_eq!((job(id).reused, job(id).phase), (None, Phase::Pending));
		assert_eq!(ask_again(reusable(3)).1, Some(source));
	});
}

#[test]
fn submit_weighs_what_was_done() {
	Chain::default().run(|| {
		let submit = |options| {
			let origin = RuntimeOrigin::signed(requester());
			let done = Inference::submit(origin, model().id(), "hello".into(), options, Balance::MAX);
			done.expect("it is right")
		};
		let (anew, again) = (<() as WeightInfo>::submit(5), <() as WeightInfo>::reuse(5, 3));
		assert_eq!(submit(reusable(3)), Some(anew).into());
		agreed(reusable(3), &answer("eng"));
		let done = submit(reusable(3));
		assert_eq!((done.actual_weight, done.pays_fee), (Some(again), Pays::Yes));
		let most = Inference::weight_of_submit(&"hello".into(), &reusable(3));
		assert!(most.all_gte(anew) && most.all_gte(again));
		assert_eq!(Inference::weight_of_submit(&"hello".into(), &fixed(3)), anew);
		assert_eq!(committee_of(0, FIRST_ROUND).seats.len(), 3);
	});
}
