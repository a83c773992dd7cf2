use crate::{mock::*, *};
use sibyl_primitives::api::{Lookup, PhaseView, ResultView};

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
