use crate::{mock::*, *};
use sibyl_primitives::model::{Availability, Pace};
use std::collections::BTreeSet;

fn drawn_validators(id: JobId) -> BTreeSet<AccountId> {
	committee(id).seats.into_iter().map(|seat| seat.validator).collect()
}

#[test]
fn a_committee_is_drawn_at_the_end_of_the_block_after_the_submission() {
	Chain::default().run(|| {
		let id = submit(fixed(3));
		next_block();
		assert_eq!(job(id).phase, Phase::Pending);
		next_block();
		assert_eq!(job(id).phase, Phase::Committing);
		let committee = committee(id);
		assert_eq!((committee.seats.len(), committee.drawn_at, committee.session), (3, 2, 0));
		assert_eq!(job(id).deadline, 2 + COMMIT_WINDOW);
	});
}

#[test]
fn the_draw_takes_the_vrf_of_the_block_after_the_submission_and_not_the_submissions() {
	let draw = |at_submission: u8, after: u8| {
		let mut drawn = Hash::zero();
		Chain::default().run(|| {
			set_vrf(Some([at_submission; 32]));
			let id = submit(fixed(3));
			next_block();
			set_vrf(Some([after; 32]));
			next_block();
			drawn = committee(id).draw;
		});
		drawn
	};
	assert_eq!(draw(1, 2), draw(9, 2));
	assert_ne!(draw(1, 2), draw(1, 3));
}

#[test]
fn a_longer_delay_mixes_the_vrfs_of_more_blocks() {
	let draw = |vrfs: [u8; 3]| {
		let mut drawn = Hash::zero();
		Chain::default().run(|| {
			let id = submit(JobOptions { draw_delay: 3, ..fixed(3) });
			next_block();
			for vrf in vrfs {
				assert_eq!(job(id).phase, Phase::Pending);
				set_vrf(Some([vrf; 32]));
				next_block();
			}
			drawn = committee(id).draw;
		});
		drawn
	};
	let base = draw([1, 2, 3]);
	for other in [[9, 2, 3], [1, 9, 3], [1, 2, 9]] {
		assert_ne!(draw(other), base);
	}
}

#[test]
fn a_job_waits_for_a_vrf_and_expires_with_a_refund_when_none_comes() {
	Chain::default().run(|| {
		let patient = submit(fixed(3));
		set_vrf(None);
		advance_to(4);
		assert_eq!(job(patient).phase, Phase::Pending);
		set_vrf(Some([1; 32]));
		next_block();
		assert_eq!(job(patient).phase, Phase::Committing);

		set_vrf(None);
		let before = free(&requester());
		let forsaken = submit(fixed(3));
		let ends_by = job(forsaken).ends_by;
		advance_to(ends_by);
		assert_eq!(verdict(forsaken), Some(Verdict::Expired));
		assert_eq!(free(&requester()), before + job(patient).quote.total);
	});
}

#[test]
fn all_seats_are_everyone_who_serves() {
	Chain::default().validators(6).serving(4).run(|| {
		let id = drawn(all_seats());
		assert_eq!(drawn_validators(id), (0..4).map(account).collect());
	});
}

#[test]
fn who_begins_to_serve_after_the_submission_is_drawn_from_and_adds_no_seat() {
	Chain::default().serving(3).run(|| {
		let id = submit(all_seats());
		include([Votes::of(3).attest(Availability::Serves(PACE)).sign()]);
		next_block();
		next_block();
		let committee = committee(id);
		assert_eq!((committee.seats.len(), committee.serving), (3, 4));
	});
}

#[test]
fn a_disabled_validator_gets_no_seat() {
	Chain::default().run(|| {
		disable(&[2]);
		let id = drawn(all_seats());
		assert_eq!(drawn_validators(id), [0, 1, 3].map(account).into());
	});
}

#[test]
fn a_validator_without_time_for_another_seat_gets_none() {
	// Of the 22.5 seconds of a window one such job leaves too little for a second.
	let slow = Pace { job: 12_000_000, ..PACE };
	// So many validators that the busy ones never hold a third of the stake.
	Chain::default().validators(20).paces(&[slow; 20]).run(|| {
		let busy = drawn_validators(drawn(fixed(3)));
		for _ in 0..2 {
			assert!(drawn_validators(drawn(fixed(1))).is_disjoint(&busy));
		}
	});
}

#[test]
fn a_job_expires_with_a_refund_when_too_few_are_left_at_the_draw() {
	Chain::default().run(|| {
		let id = submit(fixed(3));
		include([0, 1].map(|number| Votes::of(number).attest(Availability::Withdrawn).sign()));
		next_block();
		next_block();
		assert_eq!(verdict(id), Some(Verdict::Expired));
		assert_eq!(free(&requester()), FUNDS);
	});
}

#[test]
fn what_the_draws_own_block_says_of_models_does_not_change_the_draw() {
	Chain::default().run(|| {
		let id = submit(all_seats());
		next_block();
		include([Votes::of(0).attest(Availability::Withdrawn).sign()]);
		next_block();
		assert_eq!(committee(id).seats.len(), 4);
		assert_eq!(serving(), 3);
	});
}

#[test]
fn more_jobs_than_a_block_draws_are_drawn_in_the_next_with_room() {
	Chain::default().run(|| {
		let jobs: Vec<_> = (0..DUE_PER_BLOCK * 2 + 1).map(|_| submit(fixed(1))).collect();
		let drawn = || jobs.iter().filter(|id| job(**id).phase == Phase::Committing).count() as u32;
		next_block();
		for expected in [DUE_PER_BLOCK, DUE_PER_BLOCK * 2, DUE_PER_BLOCK * 2 + 1] {
			next_block();
			assert_eq!(drawn(), expected);
		}
	});
}

#[test]
fn a_draw_that_mixes_vrfs_waits_until_as_many_blocks_after_the_submission_had_one() {
	Chain::default().run(|| {
		let id = submit(JobOptions { draw_delay: 2, ..fixed(3) });
		next_block();
		set_vrf(None);
		next_block();
		set_vrf(Some([1; 32]));
		next_block();
		assert_eq!(job(id).phase, Phase::Pending, "the submission's own does not count");
		set_vrf(Some([2; 32]));
		next_block();
		assert_eq!(job(id).phase, Phase::Committing);
	});
}
