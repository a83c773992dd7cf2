//! The draw.

use super::*;
use alloc::vec::Vec;
use frame_support::traits::{DisabledValidators, Get};
use sibyl_primitives::{
	committee::{draw_seats, draw_seed},
	job::Seats,
	AuthorityIndex,
};

impl<T: Config> Pallet<T> {
	/// Keeps this block's VRF for the draws at its end and at those of the next blocks.
	pub(crate) fn note_vrf() {
		let Some(vrf) = T::BlockVrf::get() else { return };
		RecentVrfs::<T>::mutate(|vrfs| {
			if vrfs.is_full() {
				vrfs.remove(0);
			}
			let _has_room = vrfs.try_push((Self::now(), vrf));
		});
	}

	/// Draws the pending job's committee, or lets it wait for a VRF, or ends it where too few validators are left.
	pub(crate) fn draw(id: JobId, mut job: Job, now: BlockNumber) {
		let Some(vrfs) = Self::vrfs_since(job.submitted_at, job.options.draw_delay) else {
			let patience = BlockNumber::from(job.options.draw_delay).saturating_add(DRAW_PATIENCE);
			if now >= job.submitted_at.saturating_add(patience) {
				return Self::end(id, job, Verdict::Expired);
			}
			job.deadline = Self::enter(id, now.saturating_add(1));
			return Jobs::<T>::insert(id, job);
		};
		let draw = draw_seed(&vrfs, id, FIRST_ROUND);
		let Some(seats) = Self::seat(&job, &draw) else {
			return Self::end(id, job, Verdict::Expired);
		};
		for seat in &seats {
			OpenSeats::<T>::mutate(&seat.validator, |open| *open = open.saturating_add(1));
		}
		let model_window =
			pallet_models::Pallet::<T>::revision(&job.model).map_or(0, |revision| revision.commit_window);
		job.phase = Phase::Committing;
		job.deadline = Self::enter(id, now.saturating_add(Self::commit_window(model_window)));
		let session = T::CurrentSession::get();
		Self::deposit_event(Event::CommitteeDrawn {
			job: id,
			round: FIRST_ROUND,
			draw,
			session,
			seats: seats.iter().map(|seat| seat.validator.clone()).collect(),
			commit_deadline: job.deadline,
		});
		Committees::<T>::insert(id, Committee { draw, round: FIRST_ROUND, session, drawn_at: now, seats });
		Jobs::<T>::insert(id, job);
	}

	/// The VRFs of the first `count` blocks after that one; `None` while there are fewer.
	fn vrfs_since(block: BlockNumber, count: u8) -> Option<Vec<[u8; 32]>> {
		let vrfs: Vec<_> = RecentVrfs::<T>::get()
			.into_iter()
			.filter(|(height, _)| *height > block)
			.map(|(_, vrf)| vrf)
			.take(count.into())
			.collect();
		(vrfs.len() == usize::from(count)).then_some(vrfs)
	}

	/// The committee; `None` where fewer validators are eligible than the job needs.
	fn seat(
		job: &Job,
		draw: &Hash,
	) -> Option<frame_support::BoundedVec<Seat, frame_support::traits::ConstU32<MAX_SEATS>>> {
		let eligible = Self::eligible(&job.model);
		let needed = match job.options.seats {
			Seats::Fixed(count) => count,
			// Everyone who serves by now, however many that were at submission.
			Seats::All => 1,
		};
		if eligible.len() < usize::from(needed) {
			return None;
		}
		let stakes: Vec<_> = eligible.iter().map(|(_, member)| member.stake).collect();
		let seats: Vec<_> = draw_seats(draw, &stakes, job.quote.seats.into())
			.into_iter()
			.filter_map(|place| eligible.get(place))
			.map(|(authority_index, member)| Seat {
				validator: member.validator.clone(),
				authority_index: *authority_index,
				vote: SeatVote::Missing,
			})
			.collect();
		Some(frame_support::BoundedVec::truncate_from(seats))
	}

	/// Validators of the current session that serve the model, are not disabled, and have room for another job.
	pub(crate) fn eligible(model: &ModelId) -> Vec<(AuthorityIndex, Member)> {
		let Some(set) = KeySets::<T>::get(T::CurrentSession::get()) else { return Vec::new() };
		(0..)
			.zip(set.members)
			.filter(|(index, member)| {
				pallet_models::Pallet::<T>::capacity(model, &member.validator)
					.is_some_and(|capacity| OpenSeats::<T>::get(&member.validator) < capacity.into())
					&& !T::DisabledValidators::is_disabled(*index)
			})
			.collect()
	}
}

/// The number of a job's first committee. Second ones come with resolution.
const FIRST_ROUND: u8 = 0;
