//! What the invariants of the pallet's docs find in a broken state.

use crate::{mock::*, *};

/// Breaks the state of a chain on which this job has ended.
type Break = fn(JobId);

#[test]
fn a_wrong_verdict_what_outlived_its_job_and_a_session_without_keys_are_found() {
	let breaks: [(&str, Break); 8] = [
		("inference 6", |id| {
			Jobs::<Test>::mutate_extant(id, |job| {
				job.outcome = job.outcome.map(|outcome| Outcome { verdict: Verdict::NoQuorum, ..outcome });
			})
		}),
		("inference 15", |_| Inputs::<Test>::insert(99, Input::from("x"))),
		("inference 15", |_| Outputs::<Test>::insert(99, answer("eng"))),
		("inference 15", |id| Committees::<Test>::insert((99, 0), committee(id))),
		("inference 15", |id| Retained::<Test>::insert(99, (id, 1))),
		("inference 8", |_| Members::<Test>::remove(0, 0)),
		("inference 11", |_| {
			let absence = Absence { since: 1, is_underbonded: true };
			OutOfService::<Test>::mutate(|out| out.try_insert(account(0), absence)).map(drop).expect("there is room")
		}),
		("inference 11", |_| {
			OutOfService::<Test>::mutate(|out| out.try_insert(account(99), Absence { since: 1, is_underbonded: false }))
				.map(drop)
				.expect("there is room")
		}),
	];
	for (number, breaks_it) in breaks {
		Chain::default().run(|| {
			let output = answer("eng");
			let id = revealing(all_seats(), &output);
			reveal_by(0..4, id, &output);
			assert_eq!(verdict(id), Some(Verdict::Agreed));
			begin_session(1, &[(0, 0), (1, 1), (2, 2), (3, 3)]);
			next_block();
			let found = frame_support::storage::with_transaction(|| {
				breaks_it(id);
				let found = Inference::check_invariants().err().unwrap_or("nothing");
				sp_runtime::TransactionOutcome::Rollback(Ok::<_, sp_runtime::DispatchError>(found))
			});
			assert!(found.is_ok_and(|found| found.starts_with(number)), "{number}: {found:?}");
		});
	}
}
