//! The validators' ledgers, each read once and written once however many of its seats a block touches.

use super::*;
use alloc::collections::BTreeMap;
use frame_support::{
	defensive,
	traits::{
		fungible::{Mutate, MutateHold},
		tokens::{Fortitude, Precision, Preservation, Restriction},
	},
	weights::Weight,
};

/// The ledgers that a call or a hook has looked at.
pub(crate) struct Ledgers<T> {
	entries: BTreeMap<AccountId, Entry>,
	/// Charges that were made.
	charges: u64,
	_runtime: core::marker::PhantomData<T>,
}

impl<T> Default for Ledgers<T> {
	fn default() -> Self {
		Self { entries: BTreeMap::new(), charges: 0, _runtime: Default::default() }
	}
}

struct Entry {
	ledger: Ledger,
	/// What the protocol's account has of the validator's pay.
	due: Balance,
	is_changed: bool,
}

impl<T: Config> Ledgers<T> {
	fn entry(&mut self, validator: &AccountId) -> &mut Entry {
		self.entries.entry(validator.clone()).or_insert_with(|| Entry {
			ledger: ServiceLedgers::<T>::get(validator),
			due: 0,
			is_changed: false,
		})
	}

	/// What reading and writing them weighs, and the charges that were made.
	pub fn weight(&self) -> Weight {
		let ledgers = <T as Config>::WeightInfo::ledger().saturating_mul(self.entries.len() as u64);
		ledgers.saturating_add(<T as Config>::WeightInfo::charge().saturating_mul(self.charges))
	}

	/// The validator's ledger.
	pub fn get(&mut self, validator: &AccountId) -> &Ledger {
		&self.entry(validator).ledger
	}

	/// The validator's ledger, to be changed.
	pub fn change(&mut self, validator: &AccountId) -> &mut Ledger {
		let entry = self.entry(validator);
		entry.is_changed = true;
		&mut entry.ledger
	}

	/// Pays the validator, out of the protocol's account, which has got it before: once for all of its seats.
	pub fn pay(&mut self, validator: &AccountId, amount: Balance) {
		let entry = self.entry(validator);
		entry.is_changed = true;
		entry.due = entry.due.saturating_add(amount);
		entry.ledger.record.earned = entry.ledger.record.earned.saturating_add(amount);
	}

	/// Takes the charge out of the validator's bond, to the protocol's account; returns what there was.
	pub fn charge(&mut self, validator: &AccountId, charge: Balance) -> Balance {
		let taken = T::Currency::transfer_on_hold(
			&HoldReason::ServiceBond.into(),
			validator,
			&Pallet::<T>::protocol_account(),
			charge.min(self.get(validator).bond),
			Precision::BestEffort,
			Restriction::Free,
			Fortitude::Force,
		)
		.unwrap_or(0);
		self.charges = self.charges.saturating_add(1);
		let ledger = self.change(validator);
		ledger.bond = ledger.bond.saturating_sub(taken);
		ledger.record.charged = ledger.record.charged.saturating_add(taken);
		taken
	}

	/// Opens a seat of the committee.
	pub fn open_seat(&mut self, job: JobId, round: Round, seat: &Seat, charge: Balance) {
		let ledger = self.change(&seat.validator);
		ledger.reserved = ledger.reserved.saturating_add(charge);
		ledger.open_time = ledger.open_time.saturating_add(seat.time);
		ledger.record.drawn = ledger.record.drawn.saturating_add(1);
		if ledger.open_seats.try_push((job, round)).is_err() {
			defensive!("inference: a validator got a seat without room for it", seat.validator);
		}
	}

	/// Closes the seat of the committee.
	pub fn close_seat(&mut self, job: JobId, committee: &Committee, seat: &Seat) {
		let ledger = self.change(&seat.validator);
		// Those of an audited job's first committee are closed already.
		let Some(place) = ledger.open_seats.iter().position(|open| *open == (job, committee.round)) else { return };
		ledger.open_seats.swap_remove(place);
		ledger.reserved = ledger.reserved.saturating_sub(committee.charge);
		ledger.open_time = ledger.open_time.saturating_sub(seat.time);
	}

	/// Writes what was changed, and pays what is due.
	pub fn store(self) {
		for (validator, Entry { mut ledger, due, is_changed }) in self.entries {
			if !is_changed {
				continue;
			}
			if due > 0 {
				let protocol = Pallet::<T>::protocol_account();
				// A validator with a bond has an account, so this can't fail; it would be the protocol's then.
				if T::Currency::transfer(&protocol, &validator, due, Preservation::Preserve).is_err() {
					defensive!("inference: a seat could not be paid", validator);
				}
			}
			if ledger.missed_in_a_row >= MAX_MISSED_IN_A_ROW {
				ledger.missed_in_a_row = 0;
				Pallet::<T>::note_unresponsive(&validator);
			}
			if ledger.is_empty() {
				ServiceLedgers::<T>::remove(&validator);
			} else {
				ServiceLedgers::<T>::insert(&validator, ledger);
			}
		}
	}
}
