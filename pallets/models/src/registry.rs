//! How models come, change and go.

use super::*;
use frame_support::{
	defensive,
	dispatch::DispatchResult,
	ensure,
	traits::{fungible::MutateHold, tokens::Precision, Get},
};

impl<T: Config> Pallet<T> {
	/// The model's revision, where the chain knows it.
	pub fn revision(model: &ModelId) -> Option<ModelRevision> {
		Models::<T>::get(model)
	}

	/// What the chain knows of the model beside.
	pub fn registration(model: &ModelId) -> Option<Registration> {
		Registrations::<T>::get(model)
	}

	/// Whether the model's jobs are not to be run.
	pub fn is_suspended(model: &ModelId) -> bool {
		Registrations::<T>::get(model).is_some_and(|registration| registration.state == ModelState::Suspended)
	}

	/// Lets the model take no jobs until the council resumes it. A retired one takes none anyway.
	pub fn do_suspend(model: &ModelId) {
		let _is_known_and_not_retired = Self::change_state(model, ModelState::Suspended);
	}

	/// Counts a job of the model that the chain knows from now on.
	pub fn add_job(model: &ModelId) {
		Registrations::<T>::mutate_extant(model, |registration| {
			registration.jobs = registration.jobs.saturating_add(1)
		});
	}

	/// The chain has forgotten a job of the model. Returns whether it has forgotten the model with it.
	pub fn remove_job(model: &ModelId) -> bool {
		let Some(mut registration) = Registrations::<T>::get(model) else { return false };
		registration.jobs = registration.jobs.saturating_sub(1);
		let is_last = registration.jobs == 0 && registration.state == ModelState::Retired;
		if is_last {
			Self::forget(model, registration);
		} else {
			Registrations::<T>::insert(model, registration);
		}
		is_last
	}

	/// Enters a model. Without an author it is of the genesis, and needs no deposit.
	pub(crate) fn enter(author: Option<AccountId>, manifest: ModelManifest) -> DispatchResult {
		Self::ensure_usable(&manifest)?;
		let model = manifest.revision.id();
		ensure!(!Models::<T>::contains_key(model), Error::<T>::AlreadyRegistered);
		ensure!(Models::<T>::count() < T::MaxModels::get(), Error::<T>::TooManyModels);
		let name = manifest.revision.name.clone();
		ensure!(!Names::<T>::contains_key(&name), Error::<T>::NameTaken);

		let mut deposit = 0;
		if let Some(author) = author.clone() {
			deposit = Self::deposit(&manifest);
			T::Deposits::hold(&HoldReason::ModelDeposit.into(), &author, deposit)
				.map_err(|_| Error::<T>::DepositTooHigh)?;
			Self::deposit_event(Event::ModelRegistered { model, name: name.clone(), author, deposit });
		}
		let ModelManifest { revision, price } = manifest;
		Self::note_change();
		Names::<T>::insert(name, model);
		Models::<T>::insert(model, revision);
		Registrations::<T>::insert(model, Registration { author, deposit, price, state: ModelState::Listed, jobs: 0 });
		Ok(())
	}

	pub(crate) fn do_update_price(author: &AccountId, model: ModelId, price: ModelPrice) -> DispatchResult {
		let registration = Self::registration_of(author, &model)?;
		Self::ensure_price(&price)?;
		Registrations::<T>::insert(model, Registration { price, ..registration });
		Self::note_change();
		Self::deposit_event(Event::PriceUpdated { model, price });
		Ok(())
	}

	pub(crate) fn do_retire(author: &AccountId, model: ModelId) -> DispatchResult {
		let registration = Self::registration_of(author, &model)?;
		let registration = Registration { state: ModelState::Retired, ..registration };
		Registrations::<T>::insert(model, &registration);
		Self::note_change();
		Self::deposit_event(Event::ModelRetired { model });
		if registration.jobs == 0 {
			Self::forget(&model, registration);
		}
		Ok(())
	}

	/// Lets a model be listed or suspended. Twice is once.
	pub(crate) fn change_state(model: &ModelId, state: ModelState) -> DispatchResult {
		let registration = Registrations::<T>::get(model).ok_or(Error::<T>::UnknownModel)?;
		ensure!(registration.state != ModelState::Retired, Error::<T>::ModelRetired);
		if registration.state != state {
			Registrations::<T>::insert(model, Registration { state, ..registration });
			Self::note_change();
			Self::deposit_event(match state {
				ModelState::Suspended => Event::ModelSuspended { model: *model },
				ModelState::Listed | ModelState::Retired => Event::ModelResumed { model: *model },
			});
		}
		Ok(())
	}

	fn note_change() {
		Changes::<T>::mutate(|changes| *changes = changes.wrapping_add(1));
	}

	/// What is registered of a model that is the author's and not retired.
	fn registration_of(author: &AccountId, model: &ModelId) -> Result<Registration, Error<T>> {
		let registration = Registrations::<T>::get(model).ok_or(Error::<T>::UnknownModel)?;
		ensure!(registration.author.as_ref() == Some(author), Error::<T>::NotItsAuthor);
		ensure!(registration.state != ModelState::Retired, Error::<T>::ModelRetired);
		Ok(registration)
	}

	fn forget(model: &ModelId, registration: Registration) {
		if let Some(revision) = Models::<T>::take(model) {
			Names::<T>::remove(revision.name);
		}
		Registrations::<T>::remove(model);
		Self::note_change();
		T::OnForgotten::on_forgotten(model);
		let Registration { author, deposit, .. } = registration;
		if let Some(author) = author {
			let reason = HoldReason::ModelDeposit.into();
			if T::Deposits::release(&reason, &author, deposit, Precision::BestEffort) != Ok(deposit) {
				defensive!("models: a deposit was not held in full", model);
			}
		}
		Self::deposit_event(Event::ModelForgotten { model: *model, deposit });
	}
}
