//! The invariants of the pallet's docs.

#![cfg(any(test, feature = "try-runtime"))]

use super::*;
use agenda::is_due;
use alloc::collections::{BTreeMap, BTreeSet};
use frame_support::{
	ensure,
	traits::{fungible::InspectHold, Get},
};
use sibyl_primitives::{
	committee::is_quorum,
	job::{Seats, FIRST_ROUND, SECOND_ROUND},
	output::output_hash,
};

/// What a recount comes to.
#[derive(Default)]
struct Recount {
	held: BTreeMap<AccountId, Balance>,
	requesters: BTreeMap<AccountId, (u32, u32)>,
	open_seats: BTreeMap<AccountId, Vec<(JobId, Round)>>,
	reserved: BTreeMap<AccountId, Balance>,
	open_time: BTreeMap<AccountId, u64>,
	jobs: BTreeMap<ModelId, u32>,
	open: u32,
	expected_time: u64,
}

impl<T: Config> Pallet<T> {
	/// Checks the invariants; says which does not hold.
	pub fn check_invariants() -> Result<(), &'static str> {
		let mut recount = Recount::default();
		for (id, job) in Jobs::<T>::iter() {
			ensure!(
				JobIds::<T>::get(job.fingerprint) == Some(id),
				"inference 7: a job is not found by its fingerprint"
			);
			ensure!(
				OpenJobs::<T>::contains_key(id) == job.is_open(),
				"inference 7: the open jobs are not those of which something is to come"
			);
			let committees = Self::committees(id, &job);
			Self::check_job(id, &job, &committees)?;
			recount.add(id, &job, &committees);
		}
		Self::check_recount(&recount)?;
		Self::check_leftovers()?;
		Self::check_agenda()?;
		Self::check_rosters()?;
		Self::check_requests()?;
		Self::check_known_answers()?;
		Self::check_key_sets()
	}

	fn check_recount(recount: &Recount) -> Result<(), &'static str> {
		let held = |account: &AccountId| T::Currency::balance_on_hold(&HoldReason::JobFee.into(), account);
		for (account, Requester { open, .. }) in Requesters::<T>::iter() {
			// Where an upgrade lowers the bound, its checks fail here until nobody has more.
			ensure!(open <= T::MaxOpenJobsPerAccount::get(), "inference 7: an account has more open jobs than it may");
			ensure!(
				held(&account) == recount.held.get(&account).copied().unwrap_or(0),
				"inference 1: what is held is not the sum of the unsettled jobs' prices"
			);
		}
		let counts: BTreeMap<_, _> =
			Requesters::<T>::iter().map(|(account, Requester { open, kept, .. })| (account, (open, kept))).collect();
		ensure!(counts == recount.requesters, "inference 7: an account's counts are wrong");
		for (model, registration) in pallet_models::Registrations::<T>::iter() {
			let counted = recount.jobs.get(&model).copied().unwrap_or(0);
			ensure!(registration.jobs == counted, "inference 7: the count of a model's jobs is wrong");
		}
		ensure!(
			recount.jobs.keys().all(pallet_models::Registrations::<T>::contains_key),
			"inference 7: a job outlived its model"
		);
		ensure!(OpenJobs::<T>::count() == recount.open, "inference 7: the count of open jobs is wrong");
		ensure!(ExpectedTime::<T>::get() == recount.expected_time, "inference 12: the expected time is wrong");
		for (validator, ledger) in ServiceLedgers::<T>::iter() {
			let mut open_seats = ledger.open_seats.to_vec();
			open_seats.sort();
			let counted = recount.open_seats.get(&validator).cloned().unwrap_or_default();
			ensure!(open_seats == counted, "inference 9: a validator's open seats are not those of its ledger");
			let of = |sums: &BTreeMap<AccountId, Balance>| sums.get(&validator).copied().unwrap_or(0);
			ensure!(ledger.reserved == of(&recount.reserved), "inference 9: what open seats reserve is wrong");
			ensure!(
				ledger.open_time == recount.open_time.get(&validator).copied().unwrap_or(0),
				"inference 9: the time of open seats is wrong"
			);
			ensure!(
				ledger.bond == T::Currency::balance_on_hold(&HoldReason::ServiceBond.into(), &validator),
				"inference 9: a service bond is not what is held"
			);
			ensure!(ledger.reserved <= ledger.bond, "inference 9: more is reserved than bonded");
		}
		ensure!(
			recount.open_seats.keys().all(ServiceLedgers::<T>::contains_key),
			"inference 9: a seat's validator has no ledger"
		);
		Ok(())
	}

	fn check_job(id: JobId, job: &Job, committees: &[Committee]) -> Result<(), &'static str> {
		ensure!(
			job.outcome.is_some() || job.deadline <= job.ends_by.saturating_add(Self::max_delay()),
			"inference 2: a deadline is after the job's last block"
		);
		ensure!(job.is_open() || job.outcome.is_some(), "inference 1: an ended job is not settled");
		ensure!(
			job.outcome.is_none() || !job.is_open() || job.audit == AuditView::Open,
			"inference 10: a settled job is open and not audited"
		);
		if let Some(Outcome { settlement, verdict, .. }) = job.outcome {
			let has_answer = matches!(verdict, Verdict::Agreed | Verdict::Failed(_));
			ensure!(
				verdict == Verdict::Cancelled || has_answer == job.agreed.is_some(),
				"inference 6: a job ended as agreed without an agreement, or otherwise with one"
			);
			let SettlementView { paid, refunded, author_share, protocol_share } = settlement;
			ensure!(
				paid + refunded + author_share + protocol_share == job.quote.total,
				"inference 1: a job's money was not settled to the last unit"
			);
		}
		match job.phase {
			Phase::Pending => {
				let waits_for_substitutes = job.has_substitutes && job.round == FIRST_ROUND;
				ensure!(
					committees.len() == usize::from(job.round) + usize::from(waits_for_substitutes),
					"inference 3: a pending job has the committee that it waits for, or lacks one before"
				);
				let is_stalled = |committee: &Committee| {
					let tally = committee.tally();
					tally.revealed == 0 && !is_quorum(tally.committed, tally.seats)
				};
				ensure!(
					!waits_for_substitutes || committees.iter().all(is_stalled),
					"inference 3: substitutes are called although a quorum has committed"
				)
			}
			Phase::Committing | Phase::Revealing => {
				ensure!(committees.len() == usize::from(job.round) + 1, "inference 3: a drawn job has no committee")
			}
			Phase::Ended => {}
		}
		ensure!(
			!job.has_substitutes || matches!(job.options.seats, Seats::Fixed(_)),
			"inference 3: substitutes for all that serve"
		);
		for committee in committees {
			Self::check_committee(job, committee)?;
		}
		if job.round == SECOND_ROUND {
			let first = committees.first().ok_or("inference 10: a second round without a first")?;
			let is_audit = job.audit != AuditView::None;
			let agreed_first = job.agreed.is_some_and(|agreed| agreed.support.round == FIRST_ROUND);
			ensure!(is_audit == agreed_first, "inference 10: a second round without its cause");
			let stored = Outputs::<T>::get(id).map(|bytes| output_hash(&bytes));
			// The second committee may bring the bytes that the first lacked.
			let is_brought_now = |hash: &Hash| committees.get(1).is_some_and(|second| second.tally().saying(hash) > 0);
			let had_agreed = |value: Value| stored == Some(value.output_hash) && !is_brought_now(&value.output_hash);
			ensure!(
				is_audit || !first.tally().winner().is_some_and(had_agreed),
				"inference 10: a second round although the first agreed"
			);
		}
		if let Some(agreed) = job.agreed {
			ensure!(
				Outputs::<T>::get(id).is_some_and(|bytes| output_hash(&bytes) == agreed.value.output_hash),
				"inference 6: the stored output is not the one agreed on"
			);
		}
		if job.reused.is_some() {
			ensure!(committees.is_empty(), "inference 3: a job that was answered before has a committee");
			ensure!(job.agreed.is_some(), "inference 6: a job that was answered before has no answer");
		} else if let Some(agreed) = job.agreed {
			let committee = committees
				.iter()
				.find(|committee| committee.round == agreed.support.round)
				.ok_or("inference 6: an agreement without its committee")?;
			let tally = committee.tally();
			let votes = tally.votes_of(&agreed.value);
			ensure!(is_quorum(votes, tally.seats), "inference 6: an agreement without a quorum");
			ensure!(
				usize::from(agreed.support.seats) == tally.seats && usize::from(agreed.support.agreed) <= votes,
				"inference 6: an agreement says otherwise how many agreed"
			);
		}
		Ok(())
	}

	fn check_committee(job: &Job, committee: &Committee) -> Result<(), &'static str> {
		let seats = committee.seats.len();
		if committee.is_first() {
			ensure!(seats == usize::from(job.quote.seats), "inference 4: not as many seats as were paid for");
		} else {
			let bounds = sibyl_primitives::job::MIN_SECOND_ROUND_SEATS as usize
				..=sibyl_primitives::job::MAX_SECOND_ROUND_SEATS as usize;
			ensure!(bounds.contains(&seats), "inference 4: a second round out of bounds");
		}
		let mut validators: Vec<_> = committee.seats.iter().map(|seat| &seat.validator).collect();
		validators.sort();
		validators.dedup();
		ensure!(validators.len() == seats, "inference 4: a validator has two seats");
		let is_before_reveals = committee.round == job.round && matches!(job.phase, Phase::Pending | Phase::Committing);
		ensure!(
			committee.tally().revealed == 0 || !is_before_reveals,
			"inference 5: a seat has revealed while others commit"
		);
		Ok(())
	}

	fn check_leftovers() -> Result<(), &'static str> {
		ensure!(
			Inputs::<T>::iter_keys().chain(Outputs::<T>::iter_keys()).all(Jobs::<T>::contains_key)
				&& Committees::<T>::iter_keys().all(|(id, _)| Jobs::<T>::contains_key(id)),
			"inference 15: an input, an output or a committee outlived its job"
		);
		let (jobs, next_job) = (Jobs::<T>::iter().collect::<BTreeMap<_, _>>(), NextJob::<T>::get());
		for (fingerprint, id) in JobIds::<T>::iter() {
			ensure!(id < next_job, "inference 15: a job has a number that is not given yet");
			// Not that there is a job: one that could not be read and was given back has left its fingerprint.
			ensure!(
				jobs.get(&id).is_none_or(|job| job.fingerprint == fingerprint),
				"inference 15: a fingerprint leads to another's job"
			);
		}
		let (first, next) = RetainedRange::<T>::get();
		ensure!(
			Retained::<T>::iter_keys().count() as u64 == next - first,
			"inference 15: the queue of ended jobs is longer or shorter than it says"
		);
		let mut retained = BTreeSet::new();
		for place in first..next {
			let (id, _) = Retained::<T>::get(place).ok_or("inference 15: the queue of ended jobs has a gap")?;
			ensure!(retained.insert(id), "inference 15: an ended job is in the queue twice");
			// It may be gone, where it could not be read and was given back during its audit.
			ensure!(
				jobs.get(&id).is_none_or(|job| !job.is_unsettled()),
				"inference 15: a job is in the queue of ended ones before its end"
			);
		}
		ensure!(
			jobs.iter().all(|(id, job)| job.is_unsettled() || retained.contains(id)),
			"inference 15: a settled job is never forgotten"
		);
		Ok(())
	}

	fn check_agenda() -> Result<(), &'static str> {
		let mut due = BTreeMap::<JobId, u32>::new();
		for (duty, block, jobs) in Agenda::<T>::iter() {
			let (first, looked_at) = AgendaFront::<T>::get(duty);
			ensure!(block >= first, "inference 2: the agenda passed over a block");
			let done = if block == first { looked_at as usize } else { 0 };
			for id in jobs.into_iter().skip(done) {
				if Jobs::<T>::get(id).is_some_and(|job| is_due(duty, &job, block)) {
					*due.entry(id).or_default() += 1;
				}
			}
		}
		// A phase may have entered a job twice for one block; the second entry finds it gone on.
		ensure!(
			OpenJobs::<T>::iter_keys().all(|id| Jobs::<T>::get(id).is_none() || due.contains_key(&id)),
			"inference 2: an open job has no entry in the agenda"
		);
		Ok(())
	}

	fn check_rosters() -> Result<(), &'static str> {
		let members = Self::members(T::CurrentSession::get());
		let electorate = Electorate::<T>::get();
		ensure!(
			members.iter().map(|member| &member.validator).eq(electorate.iter().map(|elector| &elector.validator)),
			"inference 11: the electorate is not the current session's"
		);
		for (model, roster) in Rosters::<T>::iter() {
			ensure!(pallet_models::Models::<T>::contains_key(model), "inference 11: a roster of an unknown model");
			let validators: BTreeSet<_> = roster.iter().map(|attested| &attested.validator).collect();
			ensure!(validators.len() == roster.len(), "inference 11: a validator is in a roster twice");
		}
		let out_of_service = OutOfService::<T>::get();
		ensure!(
			out_of_service.keys().all(|one| electorate.iter().any(|elector| elector.validator == *one)),
			"inference 11: a validator that is out of service is not of the session"
		);
		// Not the other way round: charges are looked at when a session begins.
		ensure!(
			out_of_service.iter().all(|(validator, absence)| {
				!absence.is_underbonded || ServiceLedgers::<T>::get(validator).bond < T::LeastServiceBond::get()
			}),
			"inference 11: a validator is out of service for a bond that it has"
		);
		ensure!(!Incoming::<T>::exists(), "inference 11: an attestation outlived its block");
		Ok(())
	}

	fn check_key_sets() -> Result<(), &'static str> {
		let voting: Vec<_> = Self::voting_sessions().collect();
		ensure!(
			Members::<T>::iter_keys().all(|(session, _)| voting.contains(&session)),
			"inference 8: keys outlived their sessions"
		);
		ensure!(
			voting.iter().all(|session| Members::<T>::contains_key(session, 0)),
			"inference 8: a session whose votes are taken has no keys"
		);
		for session in voting {
			for (index, member) in (0 as AuthorityIndex..).zip(Self::members(session)) {
				ensure!(
					Places::<T>::get(&member.key, session) == Some(index),
					"inference 8: a key does not lead to its place"
				);
			}
		}
		Ok(())
	}
}

impl Recount {
	fn add(&mut self, id: JobId, job: &Job, committees: &[Committee]) {
		let counts = self.requesters.entry(job.requester.clone()).or_default();
		counts.1 += 1;
		*self.jobs.entry(job.model).or_default() += 1;
		if job.is_unsettled() {
			counts.0 += 1;
			*self.held.entry(job.requester.clone()).or_default() += job.quote.total;
		}
		self.expected_time += job.expected_time;
		if !job.is_open() {
			return;
		}
		self.open += 1;
		// Of an audited job the first committee was closed when the job was settled.
		for committee in committees.iter().filter(|committee| job.is_unsettled() || !committee.is_first()) {
			for seat in &committee.seats {
				let seats = self.open_seats.entry(seat.validator.clone()).or_default();
				seats.push((id, committee.round));
				seats.sort();
				*self.reserved.entry(seat.validator.clone()).or_default() += committee.charge;
				*self.open_time.entry(seat.validator.clone()).or_default() += seat.time;
			}
		}
	}
}
