//! What holds after every block.

use super::*;
use alloc::collections::BTreeMap;
use frame_support::{ensure, traits::fungible::InspectHold};

impl<T: Config> Pallet<T> {
	/// Checks the invariants of the pallet's docs; says which does not hold.
	pub fn check_invariants() -> Result<(), &'static str> {
		let mut held = BTreeMap::<AccountId, Balance>::new();
		for (id, revision) in Models::<T>::iter() {
			ensure!(id == revision.id(), "models 1: an id is not the hash of its revision");
			let registration = Registrations::<T>::get(id).ok_or("models 2: a model has no registration")?;
			ensure!(Names::<T>::get(&revision.name) == Some(id), "models 2: a name is not its model's");
			let manifest = ModelManifest { revision, price: registration.price };
			ensure!(Self::ensure_usable(&manifest).is_ok(), "models 1: a model could not be registered");
			ensure!(
				registration.state != ModelState::Retired || registration.jobs > 0,
				"models 4: a retired model without jobs was not forgotten"
			);
			match registration.author {
				Some(author) => *held.entry(author).or_default() += registration.deposit,
				None => ensure!(registration.deposit == 0, "models 3: a deposit of nobody"),
			}
		}
		let models = Models::<T>::count() as usize;
		ensure!(Models::<T>::iter_keys().count() == models, "models 2: the count of models is another");
		ensure!(Registrations::<T>::iter_keys().count() == models, "models 2: a registration has no model");
		ensure!(Names::<T>::iter_keys().count() == models, "models 2: a name has no model");
		for (author, deposits) in held {
			ensure!(
				T::Deposits::balance_on_hold(&HoldReason::ModelDeposit.into(), &author) == deposits,
				"models 3: what is held of an author is not the sum of its deposits"
			);
		}
		Ok(())
	}
}
