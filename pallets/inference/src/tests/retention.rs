use crate::{mock::*, *};
use frame_support::assert_ok;
use sibyl_primitives::api::{JobFilter, JobPage, Lookup, PhaseView, ResultView};

#[test]
fn an_ended_job_can_be_looked_up_until_its_retention_is_over_and_then_leaves_nothing() {
	Chain::default().run(|| {
		let output = answer("eng");
		let id = revealing(all_seats(), &output);
		reveal_by(0..4, id, &output);
		let fingerprint = job(id).fingerprint;
		advance_to(4 + RETENTION - 1);
		assert!(matches!(Inference::job_view(id), Lookup::Found(_)));
		next_block();
		assert_eq!(Inference::job_view(id), Lookup::Pruned);
		assert_eq!(Inference::result_view(id), Lookup::Pruned);
		assert!(has_event(Event::Pruned { job: id }));
		assert!(!Inputs::<Test>::contains_key(id) && !Outputs::<Test>::contains_key(id));
		assert!(!Committees::<Test>::contains_key((id, 0)) && !JobIds::<Test>::contains_key(fingerprint));
		assert_eq!(Retained::<Test>::iter().count(), 0);
		next_block();
	});
}

#[test]
fn a_number_not_yet_given_is_unknown_and_not_pruned() {
	Chain::default().run(|| {
		assert_eq!(Inference::job_view(0), Lookup::Unknown);
		let id = submit(all_seats());
		assert!(matches!(Inference::job_view(id), Lookup::Found(_)));
		assert_eq!(Inference::job_view(id + 1), Lookup::Unknown);
	});
}

#[test]
fn many_jobs_that_end_at_once_are_all_forgotten_in_time() {
	Chain::default().run(|| {
		for _ in 0..MAX_OPEN_PER_ACCOUNT {
			submit(all_seats());
		}
		let last = job(0).ends_by + RETENTION + 5;
		advance_to(last);
		assert_eq!(Jobs::<Test>::iter().count(), 0);
		assert_eq!(free(&requester()), FUNDS);
	});
}

#[test]
fn a_result_is_open_then_agreed_then_settled() {
	Chain::default().run(|| {
		let output = answer("eng");
		let id = drawn(all_seats());
		let deadline = job(id).deadline;
		assert_eq!(
			Inference::result_view(id),
			Lookup::Found(ResultView::Open { phase: PhaseView::Committing, deadline })
		);
		commit_by(0..4, id, &output);
		next_block();
		reveal_by(0..3, id, &output);
		assert!(matches!(Inference::result_view(id), Lookup::Found(ResultView::Agreed { at: 4, settled: false, .. })));
		next_block();
		reveal_by(3..4, id, &output);
		assert!(matches!(Inference::result_view(id), Lookup::Found(ResultView::Agreed { at: 4, settled: true, .. })));
	});
}

#[test]
fn open_jobs_are_listed_oldest_first_in_pages() {
	Chain::default().run(|| {
		for _ in 0..5 {
			submit(all_seats());
		}
		let ids =
			|from, limit| -> Vec<_> { Inference::open_jobs_view(from, limit).into_iter().map(|job| job.id).collect() };
		assert_eq!(ids(0, 3), [0, 1, 2]);
		assert_eq!(ids(3, 100), [3, 4]);
		assert_eq!(ids(9, 100), [] as [u64; 0]);
	});
}

#[test]
fn jobs_are_listed_newest_first_by_requester_model_and_state_in_pages() {
	Chain::default().run(|| {
		let output = answer("eng");
		let ended = revealing(all_seats(), &output);
		reveal_by(0..4, ended, &output);
		for who in [requester(), account(201), requester(), account(201)] {
			let submitted =
				Inference::submit(RuntimeOrigin::signed(who), model().id(), "hello".into(), all_seats(), Balance::MAX);
			assert!(submitted.is_ok());
		}
		let list = |filter: &JobFilter, before, limit| {
			let page = Inference::jobs_view(filter, before, limit);
			(page.jobs.iter().map(|job| job.id).collect::<Vec<_>>(), page.next)
		};
		let all = JobFilter::default();
		assert_eq!(list(&all, None, 100), (vec![4, 3, 2, 1, 0], None));
		assert_eq!(list(&all, None, 2), (vec![4, 3], Some(3)));
		assert_eq!(list(&all, Some(3), 2), (vec![2, 1], Some(1)));
		assert_eq!(list(&all, Some(1), 2), (vec![0], None));
		assert_eq!(list(&all, Some(JobId::MAX), 1), (vec![4], Some(4)));
		assert_eq!(list(&JobFilter { requester: Some(account(201)), ..all.clone() }, None, 9), (vec![4, 2], None));
		assert_eq!(list(&JobFilter { is_open: Some(false), ..all.clone() }, None, 9), (vec![0], None));
		assert_eq!(list(&JobFilter { is_open: Some(true), ..all.clone() }, Some(3), 9), (vec![2, 1], None));
		assert_eq!(list(&JobFilter { model: Some(Hash::zero()), ..all.clone() }, None, 9), (vec![], None));
		let page = Inference::jobs_view(&all, Some(1), 9);
		let summary = page.jobs.first().expect("there is one");
		assert_eq!((summary.requester.clone(), summary.total), (requester(), job(0).quote.total));
		assert!(matches!(summary.phase, PhaseView::Ended { .. }));
	});
}

#[test]
fn a_list_goes_on_behind_numbers_that_are_gone_and_ends_where_all_are() {
	Chain::default().run(|| {
		let oldest = submit(all_seats());
		let template = job(oldest);
		let last = 3_000;
		Jobs::<Test>::insert(last, Job { fingerprint: Hash::repeat_byte(9), ..template });
		NextJob::<Test>::put(last + 1);
		let page = |before| {
			let JobPage { jobs, next } = Inference::jobs_view(&JobFilter::default(), before, 9);
			(jobs.iter().map(|job| job.id).collect::<Vec<_>>(), next)
		};
		assert_eq!(page(None), (vec![last], Some(last + 1 - 1_024)));
		assert_eq!(page(Some(last + 1 - 1_024)), (vec![], None), "so many in a row are gone");
		assert_eq!(page(Some(1_024)), (vec![oldest], None));
		Jobs::<Test>::remove(last);
	});
}

#[test]
fn jobs_are_forgotten_on_a_chain_that_has_forgotten_many_and_each_is_paid_for_by_what_was_kept_for_it() {
	type Weights = <Test as Config>::WeightInfo;
	Chain::default().validators(8).run(|| {
		let many = 1_000_000;
		RetainedRange::<Test>::put((many, many));
		let (truth, lie) = (answer("eng"), answer("fra"));
		let say_all = |id, seats: Vec<u8>| say(id, &seats.iter().map(|number| (*number, &truth)).collect::<Vec<_>>());
		let answered = |options| {
			let id = drawn(options);
			say_all(id, seated(id));
		};
		answered(fixed(3));
		answered(fixed(3));
		answered(JobOptions { reuse: true, ..fixed(3) });
		let (disputed, _) = disputed(all_seats(), &lie, &truth);
		say_all(disputed, second_round(disputed));
		let refused = requested(STUBBORN, 0);
		assert_ok!(Inference::cancel(RuntimeOrigin::root(), refused));
		next_block();
		System::set_block_number(System::block_number() + u64::from(RETENTION));

		let plain = Weights::prune_plain().saturating_mul(2);
		assert_eq!(Inference::prune_retained(), plain.saturating_add(Weights::prune().saturating_mul(3)));
		assert_eq!(RetainedRange::<Test>::get(), (many + 5, many + 5));
		assert_eq!(Committees::<Test>::iter().count() + KnownAnswers::<Test>::iter().count(), 0);
		assert_eq!(Inference::prune_retained(), frame_support::weights::Weight::zero());
	});
}
