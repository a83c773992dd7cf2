//! When a phase is over, and what follows.

use super::*;
use agenda::Duty;
use cells::Cell;
use codec::Decode;
use frame_support::{defensive, ensure, pallet_prelude::DispatchResult, traits::Get, weights::Weight};
use ledgers::Ledgers;
use sibyl_primitives::{
	committee::{is_quorum, quorum},
	job::{Seats, FIRST_ROUND, SECOND_ROUND},
	output::VersionedOutput,
};

impl<T: Config> Pallet<T> {
	/// Ends the job's phase, whose deadline has come.
	pub(crate) fn on_deadline(id: JobId, job: Job, ledgers: &mut Ledgers<T>) {
		let fallback = job.clone();
		let Some(mut cell) = Cell::load::<T>(id, job) else {
			defensive!("inference: a drawn job has no committee", id);
			return Self::give_up(id, fallback, ledgers);
		};
		if Self::end_if_suspended(&cell, ledgers) {
			return;
		}
		let tally = cell.committee.tally();
		match cell.job.phase {
			Phase::Committing if is_quorum(tally.committed, tally.seats) => {
				Self::begin_revealing(&mut cell, &tally);
				cell.store::<T>();
			}
			_ => Self::conclude(&mut cell, ledgers),
		}
	}

	/// Looks at the job after all of a block's votes have come in: enters the next phase when this one has nothing to wait
	/// for. Returns whether the job has ended.
	pub(crate) fn advance(cell: &mut Cell, now: BlockNumber, ledgers: &mut Ledgers<T>) -> bool {
		if Self::end_if_suspended(cell, ledgers) {
			return true;
		}
		let tally = cell.committee.tally();
		match cell.job.phase {
			Phase::Committing => {
				let has_time = tally.missing > 0 && cell.may_have_substitutes();
				if tally.committed + tally.missing < quorum(tally.seats) && !has_time {
					// Nothing can come of it any more: it ends, or calls substitutes, with the next block. Who has not said
					// anything keeps its time, or an abstention would take others' seats.
					Self::wait_until(cell, now.saturating_add(1));
				} else if tally.missing == 0 {
					Self::begin_revealing(cell, &tally);
				} else if is_quorum(tally.committed, tally.seats) {
					// The grace begins with the first quorum and is never put off: later commits find a nearer deadline.
					Self::wait_until(cell, now.saturating_add(T::CommitGrace::get()));
				}
			}
			Phase::Revealing => {
				Self::keep_best_output(cell);
				Self::agree(cell, &tally, now);
				let is_decided = cell.is_agreed() || Self::lacks_no_output(cell, &tally);
				if tally.committed == 0 && is_decided {
					Self::conclude(cell, ledgers);
					return true;
				}
			}
			Phase::Pending | Phase::Ended => {}
		}
		cell.store::<T>();
		false
	}

	/// Whether no seat's output could still make a quorum of its reveals an agreement.
	fn lacks_no_output(cell: &Cell, tally: &Tally) -> bool {
		tally.winner().is_none() || cell.job.audit == AuditView::Open
	}

	/// Notes the agreement, where a quorum has given one value and the bytes are here too. An audit looks at the value alone.
	fn agree(cell: &mut Cell, tally: &Tally, now: BlockNumber) {
		let Some(value) = tally.winner() else { return };
		if cell.job.agreed.is_some() || cell.stored_output::<T>() != Some(value.output_hash) {
			return;
		}
		let Some(output) = Self::output(cell.id) else { return };
		let support = Support {
			round: cell.job.round,
			seats: tally.seats as u16,
			agreed: tally.votes_of(&value) as u16,
			serving: cell.committee.serving,
		};
		cell.job.agreed = Some(Agreement { value, at: now, support });
		Self::deposit_event(Event::Agreed { job: cell.id, output_hash: value.output_hash, output, support });
	}

	/// What follows when nothing more is to come of the job's present committee.
	pub(crate) fn conclude(cell: &mut Cell, ledgers: &mut Ledgers<T>) {
		if cell.job.audit == AuditView::Open {
			return Self::end_audit(cell, ledgers);
		}
		if cell.is_agreed() {
			let verdict = match Self::output(cell.id) {
				Some(Output::Refusal(reason)) => Verdict::Failed(reason),
				_ => Verdict::Agreed,
			};
			return Self::end(cell, verdict, ledgers);
		}
		match (cell.job.round, cell.job.phase) {
			(FIRST_ROUND, Phase::Revealing) => {
				Self::begin_second_round(cell.id, &mut cell.job);
				Committees::<T>::insert((cell.id, FIRST_ROUND), &cell.committee);
				Jobs::<T>::insert(cell.id, &cell.job);
			}
			(FIRST_ROUND, _) if cell.may_have_substitutes() => {
				Self::call_substitutes(cell.id, &mut cell.job, cell.committee.tally().committed);
				cell.store::<T>();
			}
			(FIRST_ROUND, _) => Self::end(cell, Verdict::Expired, ledgers),
			_ => Self::end(cell, Verdict::NoQuorum, ledgers),
		}
	}

	/// Ends a job whose present committee can't be drawn.
	pub(crate) fn give_up(id: JobId, mut job: Job, ledgers: &mut Ledgers<T>) {
		job.phase = Phase::Ended;
		let committees = Self::committees(id, &job);
		if job.audit == AuditView::Open {
			return Self::settle_audit(id, job, committees, AuditView::Undecided, Verdict::NoQuorum, ledgers);
		}
		let verdict = if job.round == FIRST_ROUND { Verdict::Expired } else { Verdict::NoQuorum };
		Self::settle(id, job, committees, verdict, ledgers)
	}

	/// Ends a job with a full refund and no fault of anyone.
	pub(crate) fn cancel_job(id: JobId, job: Job, ledgers: &mut Ledgers<T>) {
		let committees = Self::committees(id, &job);
		if job.audit == AuditView::Open {
			return Self::settle_audit(id, job, committees, AuditView::Undecided, Verdict::Cancelled, ledgers);
		}
		Self::settle(id, job, committees, Verdict::Cancelled, ledgers)
	}

	fn end_if_suspended(cell: &Cell, ledgers: &mut Ledgers<T>) -> bool {
		let is_suspended = pallet_models::Pallet::<T>::is_suspended(&cell.job.model);
		if is_suspended {
			Committees::<T>::insert((cell.id, cell.job.round), &cell.committee);
			Self::cancel_job(cell.id, cell.job.clone(), ledgers);
		}
		is_suspended
	}

	/// The job's committees, in the order of their rounds.
	pub(crate) fn committees(id: JobId, job: &Job) -> Vec<Committee> {
		(FIRST_ROUND..=job.round).filter_map(|round| Committees::<T>::get((id, round))).collect()
	}

	fn end(cell: &Cell, verdict: Verdict, ledgers: &mut Ledgers<T>) {
		Committees::<T>::insert((cell.id, cell.job.round), &cell.committee);
		let committees = Self::committees(cell.id, &cell.job);
		Self::settle(cell.id, cell.job.clone(), committees, verdict, ledgers)
	}

	fn begin_revealing(cell: &mut Cell, tally: &Tally) {
		let deadline = Self::enter(Duty::Deadline, cell.id, Self::now().saturating_add(T::RevealWindow::get()));
		cell.job.phase = Phase::Revealing;
		cell.job.deadline = deadline;
		Self::deposit_event(Event::RevealingBegan {
			job: cell.id,
			round: cell.job.round,
			committed: tally.committed as u32,
			deadline,
		});
	}

	/// Brings the job's deadline forward to that block.
	fn wait_until(cell: &mut Cell, block: BlockNumber) {
		if block < cell.job.deadline {
			cell.job.deadline = Self::enter(Duty::Deadline, cell.id, block);
		}
	}

	/// The stored output, decoded. Only canonical encodings are stored.
	pub(crate) fn output(id: JobId) -> Option<Output> {
		let bytes = Outputs::<T>::get(id)?;
		let VersionedOutput::V1(output) = VersionedOutput::decode(&mut &bytes[..]).ok()?;
		Some(output)
	}

	pub(crate) fn do_cancel(id: JobId) -> DispatchResult {
		let job = Jobs::<T>::get(id).filter(Job::is_open).ok_or(Error::<T>::NoOpenJob)?;
		let mut ledgers = Ledgers::<T>::default();
		Self::cancel_job(id, job, &mut ledgers);
		ledgers.store();
		Ok(())
	}

	/// Checks what the pallet's constants must fulfil together.
	pub(crate) fn check_parameters() {
		assert!(T::MaxOpenJobs::get() > 0, "inference: no job would fit");
		assert!(
			T::MaxIncludeWeight::get().all_gte(Self::weight_of_smallest_include()),
			"inference: `include` has no room for a single vote that settles a job"
		);
		assert!(T::CommitGrace::get() > 0 && T::RevealWindow::get() > 0, "inference: a phase would have no block");
		assert!(T::CommitWindow::get() > T::CommitGrace::get(), "inference: commits would be over before their grace");
		assert!(T::AuditOdds::get() > 0, "inference: one of no jobs can't be audited");
		let options = JobOptions { draw_delay: MAX_DRAW_DELAY, ..Default::default() };
		let longest = Self::latest_end(0, &options, pallet_models::MAX_COMMIT_WINDOW);
		assert!(T::Retention::get() > longest, "inference: a job would be pruned during its audit");
		Self::check_delivery_parameters();
	}
}

impl Cell {
	/// Whether others may come to sit for those of the present committee that do not commit: once, and of the first one.
	/// `All` seats are as many as served at submission.
	pub(crate) fn may_have_substitutes(&self) -> bool {
		self.committee.is_first() && !self.job.has_substitutes && matches!(self.job.options.seats, Seats::Fixed(_))
	}

	/// Whether its present committee has agreed.
	fn is_agreed(&self) -> bool {
		self.job.agreed.is_some_and(|agreed| agreed.support.round == self.job.round)
	}
}

impl<T: Config> Pallet<T> {
	/// What all open jobs are expected to take, of which some may not be readable: counted anew.
	fn recount_expected_time() -> u64 {
		let jobs = OpenJobs::<T>::iter_keys().filter_map(Jobs::<T>::get);
		jobs.fold(0, |sum: u64, job| sum.saturating_add(job.expected_time))
	}

	/// The weight of giving back what was held for a job, and of looking at all open ones.
	pub(crate) fn weight_of_reclaim() -> Weight {
		let jobs = u64::from(T::MaxOpenJobs::get());
		let looks = <T as Config>::WeightInfo::pass_over().saturating_mul(jobs);
		let keys = <T as frame_system::Config>::DbWeight::get().reads(jobs);
		<T as Config>::WeightInfo::cancel().saturating_add(looks).saturating_add(keys)
	}

	/// Gives back what was held for a job that does not decode, and forgets the job.
	pub(crate) fn do_reclaim(id: JobId, requester: AccountId, model: &ModelId, amount: Balance) -> DispatchResult {
		use frame_support::traits::{fungible::MutateHold, tokens::Precision};
		ensure!(id < NextJob::<T>::get(), Error::<T>::NoOpenJob);
		ensure!(Jobs::<T>::get(id).is_none() && OpenJobs::<T>::contains_key(id), Error::<T>::JobIsReadable);
		let amount = T::Currency::release(&HoldReason::JobFee.into(), &requester, amount, Precision::BestEffort)?;
		let mut ledgers = Ledgers::<T>::default();
		for round in [FIRST_ROUND, SECOND_ROUND] {
			if let Some(committee) = Committees::<T>::take((id, round)) {
				for seat in &committee.seats {
					ledgers.close_seat(id, &committee, seat);
				}
			}
		}
		ledgers.store();
		Inputs::<T>::remove(id);
		Outputs::<T>::remove(id);
		Jobs::<T>::remove(id);
		OpenJobs::<T>::remove(id);
		ExpectedTime::<T>::put(Self::recount_expected_time());
		Self::forget_request(id);
		pallet_models::Pallet::<T>::remove_job(model);
		Requesters::<T>::mutate_exists(&requester, |account| {
			*account = account
				.map(|account| Requester {
					open: account.open.saturating_sub(1),
					kept: account.kept.saturating_sub(1),
					..account
				})
				.filter(|account| account.kept > 0);
		});
		Self::deposit_event(Event::Reclaimed { job: id, requester, amount });
		Ok(())
	}
}
