//! What validators say of the models that they serve, and the rosters that committees are drawn from.

use super::*;
use alloc::collections::{BTreeMap, BTreeSet};
use frame_support::{defensive, traits::Get, BoundedVec};
use sibyl_primitives::{model::Availability, vote::Attestation};

/// Attestations that a block notes: those that its ballots bring, and those of validators that it finds unresponsive.
pub const MAX_INCOMING: u32 = (MAX_BALLOTS + 512) * MAX_MODELS;

/// Of the time of a commit window, what is left to jobs that take less than [`SHORT_JOB`]: this part in a hundred.
const KEPT_FOR_SHORT_JOBS_PERCENT: u64 = 25;

/// A job that takes less of a block's time than this part is a short one.
const SHORT_JOB: u64 = 6;

/// Blocks of a commit window that are not for computing: the votes have to get into one.
const BLOCKS_FOR_VOTES: BlockNumber = 2;

impl<T: Config> Pallet<T> {
	/// Microseconds that a validator's open seats may take once a job of that time is among them, where seats have so many
	/// blocks for their commits.
	pub(crate) fn time_limit(commit_window: BlockNumber, time: u64) -> u64 {
		let usable = u64::from(commit_window.saturating_sub(BLOCKS_FOR_VOTES)).saturating_mul(T::BlockTime::get());
		if time < T::BlockTime::get() / SHORT_JOB {
			usable
		} else {
			usable / 100 * (100 - KEPT_FOR_SHORT_JOBS_PERCENT)
		}
	}

	/// Whether the attestation, made at that height by a validator of the current session, says anything new that the chain
	/// takes: a validator must be able to do the model's largest job.
	pub(crate) fn is_news(validator: &AccountId, attestation: &Attestation, made_at: BlockNumber) -> bool {
		let Some(revision) = pallet_models::Pallet::<T>::revision(&attestation.model) else { return false };
		if let Availability::Serves(pace) = attestation.availability {
			let longest = pace.time(revision.limits.input_bytes, revision.limits.output_units);
			if longest > Self::time_limit(Self::commit_window(revision.commit_window), longest) {
				log::debug!(target: LOG_TARGET, "{validator:?} is too slow for the largest jobs of {:?}", attestation.model);
				return false;
			}
		}
		match Attestations::<T>::get(attestation.model, validator) {
			Some(known) => known.availability != attestation.availability && known.made_at < made_at,
			None => attestation.availability != Availability::Withdrawn,
		}
	}

	/// Notes the attestation, where it is news; it takes effect at the block's end.
	pub(crate) fn attest(validator: &AccountId, attestation: &Attestation, made_at: BlockNumber) {
		if Self::is_news(validator, attestation, made_at) {
			let record = AttestationRecord { availability: attestation.availability, made_at };
			Self::note_attestation(validator, attestation.model, record);
		}
	}

	pub(crate) fn note_attestation(validator: &AccountId, model: ModelId, record: AttestationRecord) {
		if Incoming::<T>::try_append((validator.clone(), model, record)).is_err() {
			defensive!("inference: a block has more attestations than ballots can bring");
		}
	}

	/// Lets what the block's votes said about models take effect; the newest word of a validator counts, whatever order they
	/// came in.
	pub(crate) fn apply_incoming() {
		let mut changed = BTreeSet::new();
		for (validator, model, record) in Incoming::<T>::take() {
			let known = Attestations::<T>::get(model, &validator);
			if known.is_some_and(|known| known.made_at > record.made_at) {
				continue;
			}
			Attestations::<T>::insert(model, &validator, record);
			changed.insert(model);
			Self::deposit_event(match record.availability {
				Availability::Serves(pace) => Event::Attested { validator, model, pace },
				Availability::Withdrawn => Event::Withdrawn { validator, model },
			});
		}
		if changed.is_empty() {
			return;
		}
		let members = Self::members(T::CurrentSession::get());
		for model in changed {
			Self::make_roster(&model, &members);
		}
	}

	/// Begins a session of these validators: forgets what others said, and makes all rosters again.
	pub(crate) fn rebuild_rosters(members: &[Member]) {
		let accounts: BTreeSet<_> = members.iter().map(|member| &member.validator).collect();
		let mut gone = Vec::new();
		let mut models = BTreeSet::new();
		for (model, validator) in Attestations::<T>::iter_keys() {
			models.insert(model);
			if !accounts.contains(&validator) {
				gone.push((model, validator));
			}
		}
		for (model, validator) in gone {
			Attestations::<T>::remove(model, validator);
		}
		for model in models {
			Self::make_roster(&model, members);
		}
	}

	fn make_roster(model: &ModelId, members: &[Member]) {
		let said: BTreeMap<_, _> = Attestations::<T>::iter_prefix(model).collect();
		let servers: Vec<_> = (0..)
			.zip(members)
			.filter_map(|(authority_index, Member { validator, .. }): (AuthorityIndex, _)| {
				match said.get(validator)?.availability {
					Availability::Serves(pace) => {
						let stake = T::Stake::stake_of(validator);
						Some(Server { validator: validator.clone(), authority_index, stake, pace })
					}
					Availability::Withdrawn => None,
				}
			})
			.collect();
		if servers.is_empty() {
			Rosters::<T>::remove(model);
		} else {
			Rosters::<T>::insert(model, BoundedVec::truncate_from(servers));
		}
	}
}
