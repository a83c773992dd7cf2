//! The pallet's state as the runtime API shows it.

use super::*;
use alloc::vec::Vec;
use frame_support::traits::Get;
use sibyl_primitives::{
	api::{
		AgreementView, BundleStanding, CommitteeView, JobView, KeySetView, Lookup, ModelView, OpenJob, QuoteError,
		ResultView, SeatView, SeatVoteView, MAX_LISTED_JOBS,
	},
	job::Seats,
};

impl<T: Config> Pallet<T> {
	/// A job, with all that is known of its committee.
	pub fn job_view(id: JobId) -> Lookup<JobView> {
		Self::look_up(id, |job| JobView {
			id,
			fingerprint: job.fingerprint,
			model: job.model,
			input: Inputs::<T>::get(id).unwrap_or_default().into_inner(),
			options: job.options,
			quote: job.quote,
			submitted_at: job.submitted_at,
			phase: job.phase.view(),
			deadline: job.is_open().then_some(job.deadline),
			ends_by: job.ends_by,
			committee: Committees::<T>::get(id).map(CommitteeView::from),
			agreed: job.agreed.map(|Agreement { output_hash, at }| AgreementView { output_hash, at }),
			settlement: match job.phase {
				Phase::Ended { settlement, .. } => Some(settlement),
				_ => None,
			},
			requester: job.requester,
		})
	}

	/// A job's end and its output.
	pub fn result_view(id: JobId) -> Lookup<ResultView> {
		Self::look_up(id, |job| match (job.agreed, Self::output(id), job.phase) {
			(Some(Agreement { output_hash, at }), Some(output), phase) => {
				ResultView::Agreed { output, output_hash, at, settled: matches!(phase, Phase::Ended { .. }) }
			}
			(_, _, Phase::Ended { verdict, at, .. }) => ResultView::WithoutOutput { verdict, at },
			(_, _, phase) => ResultView::Open { phase: phase.view(), deadline: job.deadline },
		})
	}

	/// Jobs that have not ended, the oldest first, from this number on.
	pub fn open_jobs_view(from: JobId, limit: u32) -> Vec<OpenJob> {
		Self::open_jobs()
			.into_iter()
			.filter(|id| *id >= from)
			.take(limit.min(MAX_LISTED_JOBS) as usize)
			.filter_map(|id| {
				let job = Jobs::<T>::get(id)?;
				Some(OpenJob { id, fingerprint: job.fingerprint, phase: job.phase.view(), deadline: job.deadline })
			})
			.collect()
	}

	/// The models, with who serves them.
	pub fn models_view() -> Vec<ModelView> {
		let validators: Vec<_> = KeySets::<T>::get(T::CurrentSession::get())
			.into_iter()
			.flat_map(|set| set.members)
			.map(|member| member.validator)
			.collect();
		pallet_models::Models::<T>::iter()
			.map(|(id, revision)| {
				let served_by = validators
					.iter()
					.filter(|validator| pallet_models::Pallet::<T>::capacity(&id, validator).is_some())
					.cloned()
					.collect();
				ModelView { id, revision, served_by }
			})
			.collect()
	}

	/// What a job costs now.
	pub fn quote(model: ModelId, seats: Seats, input_bytes: u32, max_output_units: u32) -> Result<Quote, QuoteError> {
		Self::quote_of(&model, seats, input_bytes, max_output_units).map(|(_, quote)| quote)
	}

	/// The inference keys of the sessions whose votes are taken, the newest first.
	pub fn key_sets_view() -> Vec<KeySetView> {
		Self::voting_sessions()
			.filter_map(|session| {
				let set = KeySets::<T>::get(session)?;
				let members = set.members.into_iter().map(|member| (member.validator, member.key)).collect();
				Some(KeySetView { session, members })
			})
			.collect()
	}

	/// What a block after this one would do with each bundle.
	pub fn bundle_standings(bundles: Vec<VoteBundle>) -> Vec<BundleStanding> {
		bundles.iter().map(Self::standing).collect()
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
		let Committee { draw, round, session, drawn_at, seats } = committee;
		let seats =
			seats.into_iter().map(|seat| SeatView { validator: seat.validator, vote: seat.vote.into() }).collect();
		Self { draw, round, session, drawn_at, seats }
	}
}

impl From<SeatVote> for SeatVoteView {
	fn from(vote: SeatVote) -> Self {
		match vote {
			SeatVote::Missing => Self::Missing,
			SeatVote::Abstained(reason) => Self::Abstained(reason),
			SeatVote::Committed(_) => Self::Committed,
			SeatVote::Revealed { output_hash } => Self::Revealed(output_hash),
		}
	}
}
