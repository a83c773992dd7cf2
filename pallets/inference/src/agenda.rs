//! When jobs are looked at: each open job has one entry, and each block a bounded number of them.

use super::*;
use frame_support::{defensive, traits::Get};

impl<T: Config> Pallet<T> {
	/// How many blocks an entry may come after the one it was wanted for. There are no more entries than open jobs, so
	/// one of so many blocks has room.
	pub(crate) fn max_spill() -> BlockNumber {
		T::MaxOpenJobs::get() / T::MaxDuePerBlock::get().max(1) + 1
	}

	/// Enters the job for the wanted block or the first one after it with room; returns which.
	pub(crate) fn enter(job: JobId, wanted: BlockNumber) -> BlockNumber {
		let last = wanted.saturating_add(Self::max_spill());
		for block in wanted..=last {
			if Agenda::<T>::try_append(block, job).is_ok() {
				return block;
			}
		}
		defensive!("inference: the agenda has no room for an open job");
		last
	}

	/// Moves the job's entry to the wanted block, or the first one after it with room.
	pub(crate) fn reenter(id: JobId, job: &mut Job, wanted: BlockNumber) {
		Self::leave(id, job);
		job.deadline = Self::enter(id, wanted);
	}

	/// Takes the job's entry out, where it has one: at a block's end the block's entries are gone already.
	pub(crate) fn leave(id: JobId, job: &Job) {
		Agenda::<T>::mutate_exists(job.deadline, |due| {
			if let Some(jobs) = due {
				jobs.retain(|entry| *entry != id);
				if jobs.is_empty() {
					*due = None;
				}
			}
		});
	}

	/// Keeps the ended job for lookups until its retention is over.
	pub(crate) fn retain(job: JobId, ended_at: BlockNumber) {
		RetainedRange::<T>::mutate(|(_, next)| {
			Retained::<T>::insert(*next, (job, ended_at.saturating_add(T::Retention::get())));
			*next = next.saturating_add(1);
		});
	}

	/// Forgets jobs whose retention is over; at most twice as many as can end in a block by their deadlines, so that the
	/// queue does not grow without bounds. Returns how many.
	pub(crate) fn prune_retained() -> u64 {
		let now = Self::now();
		let limit = u64::from(T::MaxDuePerBlock::get()).saturating_mul(2);
		let (first, next) = RetainedRange::<T>::get();
		let mut place = first;
		while place < next && place - first < limit {
			match Retained::<T>::get(place) {
				Some((_, until)) if until > now => break,
				Some((job, _)) => Self::forget(job),
				None => {
					defensive!("inference: a place among the retained jobs is empty");
				}
			}
			Retained::<T>::remove(place);
			place += 1;
		}
		if place > first {
			RetainedRange::<T>::put((place, next));
		}
		place - first
	}

	fn forget(id: JobId) {
		if let Some(job) = Jobs::<T>::take(id) {
			JobIds::<T>::remove(job.fingerprint);
		}
		Inputs::<T>::remove(id);
		Committees::<T>::remove(id);
		Outputs::<T>::remove(id);
		Self::deposit_event(Event::Pruned { job: id });
	}
}
