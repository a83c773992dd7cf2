//! What the invariants of the pallet's docs find in a broken state.

use crate::{mock::*, *};

/// Breaks the state of a chain on which this job has ended.
type Break = fn(JobId);

#[test]
fn a_wrong_verdict_what_outlived_its_job_and_a_session_without_keys_are_found() {
	let breaks: [(&str, Break); 15] = [
		("inference 6", |id| {
			Jobs::<Test>::mutate_extant(id, |job| {
				job.outcome = job.outcome.map(|outcome| Outcome { verdict: Verdict::NoQuorum, ..outcome });
			})
		}),
		("inference 15", |_| Inputs::<Test>::insert(99, Input::from("x"))),
		("inference 15", |_| Outputs::<Test>::insert(99, answer("eng"))),
		("inference 15", |id| Committees::<Test>::insert((99, 0), committee(id))),
		("inference 15: the queue of ended jobs is longer", |id| Retained::<Test>::insert(99, (id, 1))),
		("inference 15: the queue of ended jobs has a gap", |id| {
			Retained::<Test>::remove(0);
			Retained::<Test>::insert(99, (id, 1));
		}),
		("inference 15: an ended job is in the queue twice", |id| Inference::retain(id, 1)),
		("inference 15: a job is in the queue of ended ones before its end", |_| {
			Inference::retain(submit(all_seats()), 1);
		}),
		("inference 15: a settled job is never forgotten", |_| {
			Retained::<Test>::remove(0);
			RetainedRange::<Test>::put((1, 1));
		}),
		("inference 15: a fingerprint leads to another's job", |id| JobIds::<Test>::insert(Hash::zero(), id)),
		("inference 15: a job has a number that is not given yet", NextJob::<Test>::put),
		("inference 7: an account has more open jobs", |_| {
			Requesters::<Test>::mutate(requester(), |account| account.open = MAX_OPEN_PER_ACCOUNT + 1);
		}),
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
