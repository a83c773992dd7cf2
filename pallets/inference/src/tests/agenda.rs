//! Draws and deadlines: what a block does, and what it leaves to the next ones.

use crate::{agenda::Duty, mock::*, *};
use sibyl_primitives::committee::draw_seed;

fn drawn_at(id: JobId) -> Option<u32> {
	Committees::<Test>::get((id, 0)).map(|committee| committee.drawn_at)
}

#[test]
fn larger_committees_leave_room_for_fewer_draws() {
	// Eight draws of four seats weigh as much as six of thirty-one.
	Chain::default().validators(31).run(|| {
		let jobs: Vec<_> = (0..8).map(|_| submit(all_seats())).collect();
		advance_to(4);
		let drawn: Vec<_> = jobs.iter().map(|id| drawn_at(*id)).collect();
		assert_eq!(drawn, [[Some(2); 6].as_slice(), &[Some(3); 2]].concat());
	});
}

#[test]
fn a_block_full_of_draws_meets_all_its_deadlines() {
	Chain::default().run(|| {
		let silent: Vec<_> = (0..DUE_PER_BLOCK).map(|_| drawn_together()).collect();
		next_block();
		next_block();
		let deadline = 2 + COMMIT_WINDOW;
		advance_to(deadline - 1);
		let later: Vec<_> = (0..DUE_PER_BLOCK).map(|_| submit(all_seats())).collect();
		advance_to(deadline + 1);
		assert!(silent.iter().all(|id| ended(*id) == Some((Verdict::Expired, deadline))));
		assert!(later.iter().all(|id| drawn_at(*id) == Some(deadline)));
	});
}

fn drawn_together() -> JobId {
	submit(all_seats())
}

#[test]
fn more_deadlines_than_a_block_has_room_for_are_met_in_the_next_blocks() {
	Chain::default().run(|| {
		let jobs: Vec<_> = (0..DUE_PER_BLOCK).map(|_| submit(all_seats())).collect();
		next_block();
		let later: Vec<_> = (0..3).map(|_| submit(all_seats())).collect();
		next_block();
		next_block();
		// All of the eleven are now due in one block.
		for id in jobs.iter().chain(&later) {
			include([Votes::of(0).abstain(*id).sign(), Votes::of(1).abstain(*id).sign()]);
		}
		advance_to(6);
		let ends: Vec<_> = jobs.iter().chain(&later).map(|id| ended(*id).map(|(_, at)| at)).collect();
		assert_eq!(ends.iter().filter(|at| **at == Some(5)).count(), DUE_PER_BLOCK as usize);
		next_block();
		assert!(jobs.iter().chain(&later).all(|id| matches!(ended(*id), Some((Verdict::Expired, 5 | 6)))));
	});
}

#[test]
fn an_entry_that_its_job_has_left_behind_does_nothing() {
	Chain::default().run(|| {
		let (id, output) = (drawn(all_seats()), answer("eng"));
		let commits_until = job(id).deadline;
		advance_to(commits_until - 1);
		commit_by(0..4, id, &output);
		let reveals_until = job(id).deadline;
		assert!(reveals_until > commits_until);
		advance_to(commits_until + 1);
		assert_eq!((job(id).phase, job(id).deadline, job(id).round), (Phase::Revealing, reveals_until, 0));
		reveal_by(0..4, id, &output);
		let settled = job(id);
		advance_to(reveals_until + 2);
		assert_eq!(job(id), settled);
	});
}

#[test]
fn a_draw_that_had_to_wait_takes_the_vrf_of_the_block_that_draws() {
	Chain::default().run(|| {
		let jobs: Vec<_> = (0..=DUE_PER_BLOCK).map(|_| submit(fixed(3))).collect();
		next_block();
		set_vrf(Some([1; 32]));
		next_block();
		set_vrf(Some([2; 32]));
		next_block();
		let seed = |id, vrf: u8| draw_seed(&[[vrf; 32]], &job(id).fingerprint, 0);
		let (first, last) = (jobs[0], jobs[DUE_PER_BLOCK as usize]);
		assert_eq!((committee(first).draw, committee(first).drawn_at), (seed(first, 1), 2));
		assert_eq!((committee(last).draw, committee(last).drawn_at), (seed(last, 2), 3));
	});
}

#[test]
fn a_longer_delay_takes_the_last_vrfs_and_in_their_order() {
	Chain::default().run(|| {
		let options = JobOptions { draw_delay: 2, ..fixed(3) };
		let jobs: Vec<_> = (0..=DUE_PER_BLOCK).map(|_| submit(options.clone())).collect();
		next_block();
		for vrf in 1..=3 {
			set_vrf(Some([vrf; 32]));
			next_block();
		}
		let seed = |id, vrfs: [u8; 2]| draw_seed(&vrfs.map(|vrf| [vrf; 32]), &job(id).fingerprint, 0);
		let (first, last) = (jobs[0], jobs[DUE_PER_BLOCK as usize]);
		assert_eq!(committee(first).draw, seed(first, [1, 2]));
		assert_eq!(committee(last).draw, seed(last, [2, 3]));
	});
}

#[test]
fn a_draw_names_the_fingerprint_and_not_the_number() {
	let drawn_after = |others: u32| {
		let mut draw = Hash::zero();
		Chain::default().run(|| {
			for _ in 0..others {
				let submitted = Inference::submit(
					RuntimeOrigin::signed(account(201)),
					model().id(),
					"another".into(),
					fixed(1),
					Balance::MAX,
				);
				frame_support::assert_ok!(submitted);
			}
			draw = committee(drawn(fixed(3))).draw;
		});
		draw
	};
	assert_eq!(drawn_after(0), drawn_after(3));
}

#[test]
fn what_a_blocks_end_weighs_is_reserved_at_its_beginning() {
	use frame_support::traits::Hooks;
	type Weights = <Test as Config>::WeightInfo;
	Chain::default().run(|| {
		let empty = Inference::on_initialize(1);
		let reserved = |block| Inference::on_initialize(block).saturating_sub(empty);
		let jobs: Vec<_> = (0..3).map(|_| submit(all_seats())).collect();
		next_block();
		let each = Weights::draw(4).saturating_add(Weights::pass_over());
		assert_eq!(reserved(2), each.saturating_mul(3));

		next_block();
		let output = answer("eng");
		for id in &jobs[1..] {
			commit_by(0..4, *id, &output);
		}
		advance_to(job(jobs[0]).deadline);
		let end = Weights::end(4).saturating_add(Weights::charge().saturating_mul(4));
		let left_behind = Weights::pass_over().saturating_mul(2);
		let all = end.saturating_add(left_behind).saturating_add(Weights::pass_over().saturating_mul(3));
		assert_eq!(reserved(job(jobs[0]).deadline.into()), all);
	});
}

#[test]
fn no_more_is_reserved_for_a_blocks_end_than_it_may_weigh() {
	Chain::default().run(|| {
		for _ in 0..2 * DUE_PER_BLOCK {
			submit(all_seats());
		}
		next_block();
		let end = <Test as Config>::WeightInfo::end_block();
		let looking = <Test as Config>::WeightInfo::pass_over().saturating_mul(u64::from(DUE_PER_BLOCK));
		let reserved = Inference::weight_of_the_blocks_end().saturating_sub(end).saturating_sub(looking);
		assert_eq!(reserved.ref_time(), MaxDrawWeight::get().ref_time());
	});
}

#[test]
fn the_agendas_entries_are_gone_when_their_blocks_are_over() {
	Chain::default().run(|| {
		for _ in 0..5 {
			submit(all_seats());
		}
		advance_to(4 + COMMIT_WINDOW);
		assert_eq!(Agenda::<Test>::iter().count(), 0);
		let fronts = [Duty::Draw, Duty::Deadline].map(AgendaFront::<Test>::get);
		assert_eq!(fronts, [(4 + COMMIT_WINDOW, 0); 2]);
	});
}
