//! The pallet's state as the runtime API shows it.

use super::*;
use alloc::vec::Vec;
use cells::Cells;
use frame_support::traits::Get;
use sibyl_primitives::{
	api::{
		BallotStanding, CommitteeView, JobFilter, JobPage, JobSummary, JobView, KeySetView, Lookup, ModelView, OpenJob,
		PhaseView, QuoteError, ResultView, SeatView, SeatVoteView, ValidatorView, MAX_JUDGED_BALLOTS, MAX_LISTED_JOBS,
		MAX_LISTED_MODELS, MAX_LISTED_OPEN_JOBS, MAX_SCANNED_JOBS,
	},
	format::Format,
	job::Seats,
	model::{ModelName, ModelRevision, ModelState},
	vote::Ballot,
};

impl<T: Config> Pallet<T> {
	/// A job, with all that is known of its committees.
	pub fn job_view(id: JobId) -> Lookup<JobView> {
		Self::look_up(id, |job| JobView {
			id,
			fingerprint: job.fingerprint,
			model: job.model,
			input: Inputs::<T>::get(id).unwrap_or_default(),
			options: job.options.clone(),
			quote: job.quote,
			submitted_at: job.submitted_at,
			phase: job.phase_view(),
			deadline: job.is_unsettled().then_some(job.deadline),
			ends_by: job.ends_by,
			committees: Self::committees(id, &job).into_iter().map(CommitteeView::from).collect(),
			has_substitutes: job.has_substitutes,
			agreed: job.agreed.map(|agreed| agreed.view()),
			audit: job.audit,
			settlement: job.outcome.map(|outcome| outcome.settlement),
			reused: job.reused,
			requester: job.requester,
		})
	}

	/// A job's end and its output.
	pub fn result_view(id: JobId) -> Lookup<ResultView> {
		Self::look_up(id, |job| match (job.agreed, Self::output(id), job.outcome) {
			(Some(Agreement { value, at, support }), Some(output), outcome) => ResultView::Agreed {
				output,
				output_hash: value.output_hash,
				at,
				support,
				audit: job.audit,
				settled: outcome.is_some(),
				reused: job.reused,
			},
			(_, _, Some(Outcome { verdict, at, .. })) => ResultView::WithoutOutput { verdict, at },
			(_, _, None) => ResultView::Open { phase: job.phase_view(), deadline: job.deadline },
		})
	}

	/// Jobs that have not ended, the oldest first, from this number on.
	pub fn open_jobs_view(from: JobId, limit: u32) -> Vec<OpenJob> {
		Self::open_jobs()
			.into_iter()
			.filter(|id| *id >= from)
			.take(limit.min(MAX_LISTED_OPEN_JOBS) as usize)
			.filter_map(|id| {
				let job = Jobs::<T>::get(id)?;
				let phase = match job.phase {
					Phase::Pending | Phase::Ended => PhaseView::Pending,
					Phase::Committing => PhaseView::Committing,
					Phase::Revealing => PhaseView::Revealing,
				};
				Some(OpenJob { id, round: job.round, fingerprint: job.fingerprint, phase, deadline: job.deadline })
			})
			.collect()
	}

	/// Jobs that the chain still knows, the newest first, those before this number.
	pub fn jobs_view(filter: &JobFilter, before: Option<JobId>, limit: u32) -> JobPage {
		let end = before.unwrap_or(JobId::MAX).min(NextJob::<T>::get());
		let first = end.saturating_sub(MAX_SCANNED_JOBS.into());
		let limit = limit.min(MAX_LISTED_JOBS) as usize;
		let (mut jobs, mut is_any_known) = (Vec::new(), false);
		for id in (first..end).rev() {
			if jobs.len() == limit {
				return JobPage { jobs, next: Some(id.saturating_add(1)) };
			}
			let Some(job) = Jobs::<T>::get(id) else { continue };
			is_any_known = true;
			let phase = job.phase_view();
			let is_open = !matches!(phase, PhaseView::Ended { .. });
			let is_wanted = filter.requester.as_ref().is_none_or(|requester| *requester == job.requester)
				&& filter.model.is_none_or(|model| model == job.model)
				&& filter.is_open.is_none_or(|wanted| wanted == is_open);
			if is_wanted {
				jobs.push(JobSummary {
					id,
					fingerprint: job.fingerprint,
					requester: job.requester,
					model: job.model,
					submitted_at: job.submitted_at,
					total: job.quote.total,
					phase,
				});
			}
		}
		// Jobs are pruned about in the order of their numbers: where so many are gone in a row, all before them are.
		JobPage { jobs, next: (is_any_known && first > 0).then_some(first) }
	}

	/// The models after this one in the order of their ids, with who serves them.
	pub fn models_view(after: Option<ModelId>, limit: u32) -> Vec<ModelView> {
		let models = match after {
			Some(after) => pallet_models::Models::<T>::iter_from(pallet_models::Models::<T>::hashed_key_for(after)),
			None => pallet_models::Models::<T>::iter(),
		};
		models
			.take(limit.min(MAX_LISTED_MODELS) as usize)
			.filter_map(|(id, revision)| Self::view_of(id, revision))
			.collect()
	}

	/// The model of that name.
	pub fn model_named(name: &ModelName) -> Option<ModelId> {
		pallet_models::Names::<T>::get(name)
	}

	/// A model, with who serves it.
	pub fn model_view(id: ModelId) -> Option<ModelView> {
		Self::view_of(id, pallet_models::Pallet::<T>::revision(&id)?)
	}

	fn view_of(id: ModelId, revision: ModelRevision) -> Option<ModelView> {
		let registration = pallet_models::Pallet::<T>::registration(&id)?;
		let (servers, stake_share) = Self::serving_and_share(&id);
		let is_active = registration.state == ModelState::Listed && stake_share >= T::ActiveStake::get();
		let served_by = servers.into_iter().map(|server| server.validator).collect();
		Some(ModelView { id, revision, registration, served_by, stake_share, is_active })
	}

	/// What a job costs now.
	pub fn quote(
		model: ModelId,
		seats: Seats,
		input_units: u32,
		max_output_units: u32,
		format: Format,
	) -> Result<Quote, QuoteError> {
		let seed = frame_system::Pallet::<T>::parent_hash();
		let terms = Self::terms(&model, seats, input_units, max_output_units, &format)?;
		Self::find_room(&terms, seed)?;
		Ok(terms.quote)
	}

	/// The inference keys of the sessions whose votes are taken, the newest first.
	pub fn key_sets_view() -> Vec<KeySetView> {
		Self::voting_sessions()
			.filter_map(|session| {
				let members: Vec<_> =
					Self::members(session).into_iter().map(|member| (member.validator, member.key)).collect();
				(!members.is_empty()).then_some(KeySetView { session, members })
			})
			.collect()
	}

	/// The inference keys of the next session.
	pub fn next_key_set_view() -> Option<KeySetView> {
		let members = T::NextKeys::get();
		let session = T::CurrentSession::get().saturating_add(1);
		(!members.is_empty()).then_some(KeySetView { session, members })
	}

	/// What the block after this one would do with each ballot, as far as a call answers.
	pub fn ballot_standings(ballots: Vec<Ballot>) -> Vec<BallotStanding> {
		let mut cells = Cells::<T>::default();
		let next = Self::now();
		ballots
			.iter()
			.take(MAX_JUDGED_BALLOTS as usize)
			.map(|ballot| Self::standing(ballot, next, &mut cells))
			.collect()
	}

	/// A validator's service bond, its seats and what it has done.
	pub fn validator_view(validator: AccountId) -> ValidatorView {
		let ledger = ServiceLedgers::<T>::get(validator);
		ValidatorView {
			bond: ledger.bond,
			reserved: ledger.reserved,
			open_seats: ledger.open_seats.len() as u32,
			open_time: ledger.open_time,
			missed_in_a_row: ledger.missed_in_a_row.into(),
			record: ledger.record,
		}
	}

	/// The numbers of the jobs that have not ended, the oldest first.
	pub(crate) fn open_jobs() -> Vec<JobId> {
		let mut jobs: Vec<_> = OpenJobs::<T>::iter_keys().collect();
		jobs.sort_unstable();
		jobs
	}

	fn look_up<V>(id: JobId, view: impl FnOnce(Job) -> V) -> Lookup<V> {
		match Jobs::<T>::get(id) {
			Some(job) => Lookup::Found(view(job)),
			None if id < NextJob::<T>::get() => Lookup::Pruned,
			None => Lookup::Unknown,
		}
	}
}

impl From<Committee> for CommitteeView {
	fn from(committee: Committee) -> Self {
		let Committee { draw, round, session, drawn_at, serving, seats, .. } = committee;
		let seats =
			seats.into_iter().map(|seat| SeatView { validator: seat.validator, vote: seat.vote.into() }).collect();
		Self { draw, round, session, drawn_at, serving, seats }
	}
}

impl From<SeatVote> for SeatVoteView {
	fn from(vote: SeatVote) -> Self {
		match vote {
			SeatVote::Missing => Self::Missing,
			SeatVote::Abstained(reason) => Self::Abstained(reason),
			SeatVote::Committed(_) => Self::Committed,
			SeatVote::Revealed(value) => Self::Revealed(value.output_hash),
		}
	}
}
