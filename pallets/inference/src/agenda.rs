//! When jobs are looked at: draws and deadlines, each within its share of a block's weight.

use super::*;
use codec::{Decode, Encode, MaxEncodedLen};
use frame_support::{defensive, traits::Get, weights::Weight};
use ledgers::Ledgers;
use pallet_models::WeightInfo as _;
use scale_info::TypeInfo;
use sibyl_primitives::job::{FIRST_ROUND, MAX_SECOND_ROUND_SEATS, SECOND_ROUND};

/// Entries of one block and duty; what finds it full goes to the next.
pub const MAX_ENTRIES: u32 = 4_096;

/// Jobs that a block forgets at most: more than it can end.
const MAX_PRUNED: u64 = 1_024;

/// What is to be done about a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub enum Duty {
	/// Its committee, or substitutes for it, are to be drawn.
	Draw,
	/// Its phase is over.
	Deadline,
}

impl<T: Config> Pallet<T> {
	/// Blocks by which a draw or a deadline may come late: there are no more entries than open jobs and what these left
	/// behind, and each block does its share.
	pub fn max_delay() -> BlockNumber {
		// A job has one entry, and leaves up to four behind that it did not wait for: the ends of three commit windows and of
		// one for reveals.
		let jobs = u64::from(T::MaxOpenJobs::get());
		let left_behind = <T as Config>::WeightInfo::pass_over().saturating_mul(jobs.saturating_mul(4));
		let blocks = |budget: Weight, each: Weight| {
			let all = each.saturating_mul(jobs).saturating_add(left_behind);
			all.ref_time() / budget.ref_time().max(1)
		};
		let draws = blocks(T::MaxDrawWeight::get(), Self::weight_of_largest_draw());
		let deadlines = blocks(T::MaxDeadlineWeight::get(), Self::weight_of_largest_end());
		BlockNumber::try_from(draws.max(deadlines).saturating_add(1)).unwrap_or(BlockNumber::MAX)
	}

	/// Enters the job for the wanted block or the first one after it with room; returns which.
	pub(crate) fn enter(duty: Duty, job: JobId, wanted: BlockNumber) -> BlockNumber {
		let last = wanted.saturating_add(Self::max_delay());
		for block in wanted..=last {
			if Agenda::<T>::try_append(duty, block, job).is_ok() {
				return block;
			}
		}
		defensive!("inference: the agenda has no room for an open job", job);
		last
	}

	/// The weight of what this block's end does at most, and of finding that out. What happens in the block adds nothing to it:
	/// entries are made for later blocks, and what is due only comes to weigh less.
	pub(crate) fn weight_of_the_blocks_end() -> Weight {
		let (at_most, looked_at) = Self::what_is_due();
		at_most.saturating_add(<T as Config>::WeightInfo::pass_over().saturating_mul(looked_at))
	}

	/// What this block's end weighs at most, and how many entries were looked at for that.
	pub(crate) fn what_is_due() -> (Weight, u64) {
		let now = Self::now();
		let (mut weight, mut jobs, mut looked_at) = (<T as Config>::WeightInfo::end_block(), 0_u64, 0_u64);
		for duty in [Duty::Draw, Duty::Deadline] {
			let mut due = Due::<T>::new(duty, now);
			while due.find().is_some() {
				jobs = jobs.saturating_add(1);
			}
			looked_at = looked_at.saturating_add(due.looked_at);
			weight = weight.saturating_add(due.spent);
			if due.block <= now {
				// What comes to weigh less makes room for entries behind the last one that fits.
				weight = weight.saturating_add(due.limit.saturating_sub(due.spent));
				jobs = T::MaxValidators::get().into();
			}
		}
		let seats = jobs.saturating_mul(MAX_SEATS.saturating_add(MAX_SECOND_ROUND_SEATS).into());
		let ledgers = seats.min(T::MaxValidators::get().into());
		(weight.saturating_add(<T as Config>::WeightInfo::ledger().saturating_mul(ledgers)), looked_at)
	}

	/// What a block does at its end.
	pub(crate) fn end_block() {
		Included::<T>::kill();
		Self::note_vrf();
		let now = Self::now();
		let mut ledgers = Ledgers::<T>::default();
		let mut rosters = committee::Rostered::<T>::default();
		let mut draws = Due::<T>::new(Duty::Draw, now);
		while let Some((id, job)) = draws.next() {
			Self::draw(id, job, now, &mut rosters, &mut ledgers);
		}
		let mut deadlines = Due::<T>::new(Duty::Deadline, now);
		while let Some((id, job)) = deadlines.next() {
			Self::on_deadline(id, job, &mut ledgers);
		}
		Self::begin_audits();
		ledgers.store();
		Self::apply_incoming();
	}

	/// What a job's duty weighs.
	fn weight_of_duty(duty: Duty, job: &Job) -> Weight {
		let seats = job.quote.seats.into();
		match (duty, job.round) {
			(Duty::Draw, FIRST_ROUND) if job.has_substitutes => weight_of_substitutes::<T>(seats),
			(Duty::Draw, FIRST_ROUND) => <T as Config>::WeightInfo::draw(seats),
			(Duty::Draw, _) => <T as Config>::WeightInfo::draw_again(),
			(Duty::Deadline, FIRST_ROUND) => weight_of_end_with_charges::<T>(seats),
			(Duty::Deadline, _) => weight_of_end_with_charges::<T>(seats.saturating_add(MAX_SECOND_ROUND_SEATS)),
		}
	}

	/// What a draw weighs at most.
	fn weight_of_largest_draw() -> Weight {
		<T as Config>::WeightInfo::draw(MAX_SEATS)
			.max(weight_of_substitutes::<T>(MAX_SEATS))
			.max(<T as Config>::WeightInfo::draw_again())
	}

	/// What a job's end weighs at most: two rounds, and everyone in them at fault.
	pub(crate) fn weight_of_largest_end() -> Weight {
		weight_of_end_with_charges::<T>(MAX_SEATS.saturating_add(MAX_SECOND_ROUND_SEATS))
	}

	/// Keeps the ended job for lookups until its retention is over.
	pub(crate) fn retain(job: JobId, ended_at: BlockNumber) {
		RetainedRange::<T>::mutate(|(_, next)| {
			Retained::<T>::insert(*next, (job, ended_at.saturating_add(T::Retention::get())));
			*next = next.saturating_add(1);
		});
	}

	/// Forgets jobs whose retention is over, and retired models with their last ones. Returns what that weighs.
	pub(crate) fn prune_retained() -> Weight {
		let now = Self::now();
		let (first, next) = RetainedRange::<T>::get();
		let (mut place, mut plain, mut models) = (first, 0, 0);
		while place < next && place - first < MAX_PRUNED {
			match Retained::<T>::get(place) {
				Some((_, until)) if until > now => break,
				// An audit that is not over keeps its job, and those behind it, a little longer.
				Some((job, _)) if OpenJobs::<T>::contains_key(job) => break,
				Some((job, _)) => {
					let forgotten = Self::forget(job);
					plain += u64::from(forgotten.is_plain);
					models += u64::from(forgotten.is_last_of_model);
				}
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
		let of_plain = <T as Config>::WeightInfo::prune_plain().saturating_mul(plain);
		let of_others = <T as Config>::WeightInfo::prune().saturating_mul(place - first - plain);
		let of_models = <T as pallet_models::Config>::WeightInfo::forget().saturating_mul(models);
		// The place that it stops at, and whether its job is open.
		let of_next = T::DbWeight::get().reads(2);
		of_plain.saturating_add(of_others).saturating_add(of_models).saturating_add(of_next)
	}

	/// Forgets the job, and all that is kept for it.
	fn forget(id: JobId) -> Forgotten {
		let (mut is_last_of_model, mut was_known, mut rounds) = (false, false, SECOND_ROUND);
		if let Some(job) = Jobs::<T>::take(id) {
			rounds = job.round;
			is_last_of_model = pallet_models::Pallet::<T>::remove_job(&job.model);
			JobIds::<T>::remove(job.fingerprint);
			was_known = Self::forget_answer(id, &job);
			Requesters::<T>::mutate_exists(&job.requester, |requester| {
				*requester = requester
					.map(|requester| Requester { kept: requester.kept.saturating_sub(1), ..requester })
					.filter(|requester| requester.kept > 0);
			});
		}
		Inputs::<T>::remove(id);
		for round in FIRST_ROUND..=rounds {
			Committees::<T>::remove((id, round));
		}
		Outputs::<T>::remove(id);
		let was_awaited = Self::forget_request(id);
		Self::deposit_event(Event::Pruned { job: id });
		Forgotten { is_plain: rounds == FIRST_ROUND && !was_known && !was_awaited, is_last_of_model }
	}
}

/// A job that was forgotten.
struct Forgotten {
	/// It had one round, its answer was not kept for others, and no pallet waited for it: so most jobs are.
	is_plain: bool,
	/// Its model is forgotten with it.
	is_last_of_model: bool,
}

/// The jobs of which something is due, as far as there is weight for it.
pub(crate) struct Due<T> {
	duty: Duty,
	now: BlockNumber,
	limit: Weight,
	/// What those that were found so far weigh, and the entries that were passed over.
	spent: Weight,
	/// How many entries that were.
	looked_at: u64,
	/// The first block whose entries have not all been looked at before.
	front: BlockNumber,
	/// The block whose entries these are, and how many of them have been looked at.
	block: BlockNumber,
	place: u32,
	entries: Vec<JobId>,
	_runtime: core::marker::PhantomData<T>,
}

impl<T: Config> Due<T> {
	pub(crate) fn new(duty: Duty, now: BlockNumber) -> Self {
		let (front, place) = AgendaFront::<T>::get(duty);
		let entries = Agenda::<T>::get(duty, front).into_inner();
		let limit = match duty {
			Duty::Draw => T::MaxDrawWeight::get(),
			Duty::Deadline => T::MaxDeadlineWeight::get(),
		};
		let (spent, looked_at) = (Weight::zero(), 0);
		Self { duty, now, limit, spent, looked_at, front, block: front, place, entries, _runtime: Default::default() }
	}

	/// The next job; entries that their jobs have left behind are passed over. Where there is none, or no weight, the rest is
	/// left to the next block, and what has been looked at is forgotten.
	pub(crate) fn next(&mut self) -> Option<(JobId, Job)> {
		let found = self.find();
		if found.is_none() {
			for block in self.front..self.block {
				Agenda::<T>::remove(self.duty, block);
			}
			AgendaFront::<T>::insert(self.duty, (self.block, self.place));
		}
		found
	}

	/// The same, of what is stored, which stays.
	fn find(&mut self) -> Option<(JobId, Job)> {
		while self.block <= self.now {
			let Some(id) = self.entries.get(self.place as usize).copied() else {
				self.block = self.block.saturating_add(1);
				self.place = 0;
				self.entries = Agenda::<T>::get(self.duty, self.block).into_inner();
				continue;
			};
			let job = Jobs::<T>::get(id).filter(|job| is_due(self.duty, job, self.block));
			let weight = match &job {
				Some(job) => Pallet::<T>::weight_of_duty(self.duty, job),
				None => <T as Config>::WeightInfo::pass_over(),
			};
			let spent = self.spent.saturating_add(weight);
			// One entry a block is always looked at, whatever it weighs.
			if self.looked_at > 0 && spent.any_gt(self.limit) {
				return None;
			}
			self.spent = spent;
			self.looked_at = self.looked_at.saturating_add(1);
			self.place = self.place.saturating_add(1);
			if let Some(job) = job {
				return Some((id, job));
			}
		}
		None
	}
}

/// The draw of substitutes, or the end of the job where there are none.
fn weight_of_substitutes<T: Config>(seats: u32) -> Weight {
	<T as Config>::WeightInfo::draw_substitutes(seats).max(<T as Config>::WeightInfo::end(seats))
}

fn weight_of_end_with_charges<T: Config>(seats: u32) -> Weight {
	let charges = <T as Config>::WeightInfo::charge().saturating_mul(seats.into());
	<T as Config>::WeightInfo::end(seats).saturating_add(charges)
}

/// Whether that is the job's entry, and not one that it has left behind.
pub(crate) fn is_due(duty: Duty, job: &Job, block: BlockNumber) -> bool {
	job.is_open() && job.deadline == block && (job.phase == Phase::Pending) == (duty == Duty::Draw)
}
