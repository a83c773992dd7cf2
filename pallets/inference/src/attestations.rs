//! What validators say of the models that they serve, and the rosters that committees are drawn from.

use super::*;
use alloc::collections::BTreeMap;
use frame_support::{defensive, traits::Get, BoundedBTreeMap, BoundedVec};
use sibyl_primitives::{
	model::{Availability, ModelState},
	vote::{Attestation, MAX_ATTESTATIONS},
};

/// Attestations that a block's ballots bring at most.
pub const MAX_INCOMING: u32 = MAX_BALLOTS * MAX_ATTESTATIONS;

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
			let state = pallet_models::Pallet::<T>::registration(&attestation.model).map(|known| known.state);
			if state == Some(ModelState::Retired) {
				return false;
			}
		}
		let Some(elector) = Self::elector(validator) else { return false };
		let absence = OutOfService::<T>::get().get(validator).copied();
		let roster = Rosters::<T>::get(attestation.model);
		let known = roster.iter().find(|known| known.validator == *validator && known.session >= elector.since);
		let withdraws = attestation.availability == Availability::Withdrawn;
		match (known, absence) {
			(Some(known), _) if known.made_at >= made_at => false,
			(Some(known), Some(_)) if withdraws => known.availability != Availability::Withdrawn,
			(_, Some(absence)) => absence.ends_with(attestation.availability, made_at),
			(Some(known), None) => known.availability != attestation.availability,
			(None, None) => !withdraws,
		}
	}

	fn elector(validator: &AccountId) -> Option<Elector> {
		Electorate::<T>::get().into_iter().find(|elector| elector.validator == *validator)
	}

	/// Notes the attestation, where it is news; it takes effect at the block's end.
	pub(crate) fn attest(validator: &AccountId, attestation: &Attestation, made_at: BlockNumber) {
		if !Self::is_news(validator, attestation, made_at) {
			return;
		}
		let Attestation { model, availability } = *attestation;
		let session = T::CurrentSession::get();
		let attested = Attested { validator: validator.clone(), availability, made_at, session };
		if Incoming::<T>::try_append((model, attested)).is_err() {
			defensive!("inference: a block has more attestations than ballots can bring");
		}
	}

	/// Takes a validator out of service that missed too many seats in a row.
	pub(crate) fn note_unresponsive(validator: &AccountId) {
		if Self::take_out_of_service(validator, false) {
			Self::deposit_event(Event::Unresponsive { validator: validator.clone() });
		}
	}

	/// Takes a validator out of service that has left less than the least of its bond: it might have too little for a seat,
	/// and no job of `All` seats would be taken. One that has bonded enough again may return.
	pub(crate) fn note_bond(validator: &AccountId, bond: Balance) {
		if bond >= T::LeastServiceBond::get() {
			OutOfService::<T>::mutate(|out| {
				if let Some(absence) = out.get_mut(validator) {
					absence.is_underbonded = false;
				}
			});
		} else if Self::take_out_of_service(validator, true) {
			Self::deposit_event(Event::Underbonded { validator: validator.clone() });
		}
	}

	/// Takes those of the session out of service that have less than the least service bond.
	pub(crate) fn note_bonds() {
		let (now, least) = (Self::now(), T::LeastServiceBond::get());
		OutOfService::<T>::mutate(|out| {
			for Elector { validator, .. } in Electorate::<T>::get() {
				if ServiceLedgers::<T>::get(&validator).bond < least && note_absence(out, &validator, now, true) {
					Self::deposit_event(Event::Underbonded { validator });
				}
			}
		});
	}

	/// Lets a validator of the session serve no model until it attests one again. Returns whether that is news.
	fn take_out_of_service(validator: &AccountId, is_underbonded: bool) -> bool {
		let now = Self::now();
		Self::elector(validator).is_some()
			&& OutOfService::<T>::mutate(|out| note_absence(out, validator, now, is_underbonded))
	}

	/// Lets what the block's votes said about models take effect; the newest word of a validator counts, whatever order they
	/// came in.
	pub(crate) fn apply_incoming() {
		let incoming = Incoming::<T>::take();
		if incoming.is_empty() {
			return;
		}
		let mut of_models = BTreeMap::<ModelId, Vec<Attested>>::new();
		for (model, attested) in incoming {
			of_models.entry(model).or_default().push(attested);
		}
		let since: BTreeMap<_, _> =
			Electorate::<T>::get().into_iter().map(|elector| (elector.validator, elector.since)).collect();
		let mut out_of_service = OutOfService::<T>::get();
		for (model, news) in of_models {
			// Those who have left make room.
			let still_counts =
				|known: &Attested| since.get(&known.validator).is_some_and(|since| known.session >= *since);
			let mut roster: BTreeMap<_, _> = Rosters::<T>::get(model)
				.into_iter()
				.filter(still_counts)
				.map(|known| (known.validator.clone(), known))
				.collect();
			for attested in news {
				let validator = attested.validator.clone();
				if roster.get(&validator).is_some_and(|known| known.made_at > attested.made_at) {
					continue;
				}
				let Attested { availability, made_at, .. } = attested;
				if out_of_service.get(&validator).is_some_and(|absence| absence.ends_with(availability, made_at)) {
					out_of_service.remove(&validator);
				}
				roster.insert(validator.clone(), attested);
				Self::deposit_event(match availability {
					Availability::Serves(pace) => Event::Attested { validator, model, pace },
					Availability::Withdrawn => Event::Withdrawn { validator, model },
				});
			}
			Rosters::<T>::insert(model, BoundedVec::truncate_from(roster.into_values().collect()));
		}
		OutOfService::<T>::put(out_of_service);
	}
}

/// Notes that a validator is out of service. Returns whether that, or why, is news.
fn note_absence<Max: Get<u32>>(
	out: &mut BoundedBTreeMap<AccountId, Absence, Max>,
	validator: &AccountId,
	now: BlockNumber,
	is_underbonded: bool,
) -> bool {
	match out.get_mut(validator) {
		// Who is out already stays so since then: seats that it had before may end later, and a new block would let it into
		// the draws of that block.
		Some(absence) => {
			let is_news = is_underbonded && !absence.is_underbonded;
			absence.is_underbonded |= is_underbonded;
			is_news
		}
		None => out.try_insert(validator.clone(), Absence { since: now, is_underbonded }).is_ok(),
	}
}

impl<T: Config> pallet_models::OnForgotten for Pallet<T> {
	fn on_forgotten(model: &ModelId) {
		Rosters::<T>::remove(model);
	}
}
