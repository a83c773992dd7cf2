//! Service bonds: what covers a validator's seats.

use super::*;
use frame_support::{
	ensure,
	pallet_prelude::DispatchResult,
	traits::{fungible::MutateHold, tokens::Precision},
};

impl<T: Config> Pallet<T> {
	pub(crate) fn do_bond(validator: &AccountId, amount: Balance) -> DispatchResult {
		T::Currency::hold(&HoldReason::ServiceBond.into(), validator, amount).map_err(|_| Error::<T>::BondTooHigh)?;
		let bond = ServiceLedgers::<T>::mutate(validator, |ledger| {
			ledger.bond = ledger.bond.saturating_add(amount);
			ledger.bond
		});
		Self::deposit_event(Event::ServiceBonded { validator: validator.clone(), amount, bond });
		Self::note_bond(validator, bond);
		Ok(())
	}

	pub(crate) fn do_unbond(validator: &AccountId, amount: Balance) -> DispatchResult {
		let mut ledger = ServiceLedgers::<T>::get(validator);
		ensure!(amount <= ledger.free_bond(), Error::<T>::BondReserved);
		T::Currency::release(&HoldReason::ServiceBond.into(), validator, amount, Precision::Exact)?;
		ledger.bond = ledger.bond.saturating_sub(amount);
		let bond = ledger.bond;
		if ledger.is_empty() {
			ServiceLedgers::<T>::remove(validator);
		} else {
			ServiceLedgers::<T>::insert(validator, ledger);
		}
		Self::deposit_event(Event::ServiceUnbonded { validator: validator.clone(), amount, bond });
		Self::note_bond(validator, bond);
		Ok(())
	}
}
