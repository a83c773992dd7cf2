//! The invariants of the pallet's docs.

#![cfg(any(test, feature = "try-runtime"))]

use super::*;
use alloc::collections::BTreeMap;
use frame_support::{ensure, traits::fungible::InspectHold};
use sibyl_primitives::{committee::is_quorum, output::output_hash};

impl<T: Config> Pallet<T> {
	/// Checks the invariants; says which does not hold.
	pub fn check_invariants() -> Result<(), &'static str> {
		let mut held = BTreeMap::<AccountId, Balance>::new();
		let mut open_of = BTreeMap::<AccountId, u32>::new();
		let mut open_seats = BTreeMap::<AccountId, u32>::new();
		let mut open = 0;
		for (id, job) in Jobs::<T>::iter() {
			ensure!(
				JobIds::<T>::get(job.fingerprint) == Some(id),
				"inference 7: a job is not found by its fingerprint"
			);
			ensure!(
				OpenJobs::<T>::contains_key(id) == job.is_open(),
				"inference 7: the open jobs are not those that have not ended"
			);
			let committee = Committees::<T>::get(id);
			Self::check_job(id, &job, committee.as_ref())?;
			if job.is_open() {
				open += 1;
				*held.entry(job.requester.clone()).or_default() += job.quote.total;
				*open_of.entry(job.requester.clone()).or_default() += 1;
				for seat in committee.into_iter().flat_map(|committee| committee.seats) {
					*open_seats.entry(seat.validator).or_default() += 1;
				}
			}
		}
		for (account, amount) in &held {
			ensure!(
				T::Currency::balance_on_hold(&HoldReason::JobFee.into(), account) == *amount,
				"inference 1: what is held is not the sum of the open jobs' prices"
			);
		}
		ensure!(
			JobsSubmitted::<T>::iter_keys().all(|account| {
				held.contains_key(&account) || T::Currency::balance_on_hold(&HoldReason::JobFee.into(), &account) == 0
			}),
			"inference 1: something is held for an account without open jobs"
		);
		ensure!(OpenJobs::<T>::count() == open, "inference 7: the count of open jobs is wrong");
		ensure!(
			OpenJobsOf::<T>::iter().collect::<BTreeMap<_, _>>() == open_of,
			"inference 7: an account's count is wrong"
		);
		ensure!(
			OpenSeats::<T>::iter().collect::<BTreeMap<_, _>>() == open_seats,
			"inference 7: a seats' count is wrong"
		);
		Self::check_agenda(open)?;
		Self::check_key_sets()
	}

	fn check_job(id: JobId, job: &Job, committee: Option<&Committee>) -> Result<(), &'static str> {
		ensure!(job.deadline <= job.ends_by, "inference 2: a deadline is after the job's last block");
		match job.phase {
			Phase::Pending => ensure!(committee.is_none(), "inference 3: a pending job has a committee"),
			Phase::Committing | Phase::Revealing => {
				ensure!(committee.is_some(), "inference 3: a drawn job has no committee")
			}
			Phase::Ended { settlement, .. } => ensure!(
				settlement.paid + settlement.refunded + settlement.protocol_share == job.quote.total,
				"inference 1: a job's money was not settled to the last unit"
			),
		}
		let Some(committee) = committee else {
			ensure!(job.agreed.is_none(), "inference 6: a job without a committee is agreed");
			return Ok(());
		};
		ensure!(committee.seats.len() <= usize::from(job.quote.seats), "inference 4: more seats than were paid for");
		let mut validators: Vec<_> = committee.seats.iter().map(|seat| &seat.validator).collect();
		validators.sort();
		validators.dedup();
		ensure!(validators.len() == committee.seats.len(), "inference 4: a validator has two seats");
		let tally = committee.tally();
		ensure!(
			tally.revealed == 0 || !matches!(job.phase, Phase::Pending | Phase::Committing),
			"inference 5: a seat has revealed while others commit"
		);
		if let Some(agreed) = job.agreed {
			let votes = committee
				.seats
				.iter()
				.filter(|seat| seat.vote == (SeatVote::Revealed { output_hash: agreed.output_hash }))
				.count();
			ensure!(is_quorum(votes, tally.seats), "inference 6: an agreement without a quorum");
			ensure!(
				Outputs::<T>::get(id).is_some_and(|bytes| output_hash(&bytes) == agreed.output_hash),
				"inference 6: the stored output is not the one agreed on"
			);
		}
		Ok(())
	}

	fn check_agenda(open: u32) -> Result<(), &'static str> {
		let mut entries = 0;
		for (block, jobs) in Agenda::<T>::iter() {
			for id in jobs {
				entries += 1;
				ensure!(
					Jobs::<T>::get(id).is_some_and(|job| job.is_open() && job.deadline == block),
					"inference 2: an agenda entry is not that of an open job"
				);
				ensure!(block >= Self::now(), "inference 2: an agenda entry was passed over");
			}
		}
		ensure!(entries == open, "inference 2: an open job has no agenda entry, or two");
		Ok(())
	}

	fn check_key_sets() -> Result<(), &'static str> {
		let voting: Vec<_> = Self::voting_sessions().collect();
		ensure!(
			KeySets::<T>::iter_keys().all(|session| voting.contains(&session)),
			"inference 8: a key set outlived its sessions"
		);
		ensure!(
			voting.first().is_some_and(KeySets::<T>::contains_key),
			"inference 8: the current session has no key set"
		);
		Ok(())
	}
}
