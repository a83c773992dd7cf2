//! # Timing
//!
//! Lengths of time that differ between networks but not between runtimes: how long an epoch is and how many sessions
//! make an era. They are values of the genesis, so that a test network and a laptop's development chain run the same
//! wasm, with epochs of ten minutes there and of one minute here.
//!
//! Nothing changes them afterwards. BABE computes the epoch of a slot as `slot / epoch_duration` from genesis on, so
//! another epoch length in a running chain would move every epoch's boundaries: nodes would reject all blocks.
//!
//! ## Invariants
//!
//! Checked by `try_state`:
//!
//! 1. The epoch's length is at least [`MIN_EPOCH_DURATION`] slots.
//! 2. An era has at least one session.

#![cfg_attr(not(feature = "std"), no_std)]

#[cfg(test)]
mod tests;

use core::marker::PhantomData;
use frame_support::traits::Get;

pub use pallet::*;

/// The shortest epoch, in slots. GRANDPA finalises some two blocks behind the head, and BABE needs the block that
/// announces an epoch before that epoch begins.
pub const MIN_EPOCH_DURATION: u64 = 4;

#[frame_support::pallet]
pub mod pallet {
	use super::MIN_EPOCH_DURATION;
	use frame_support::pallet_prelude::*;
	use frame_system::pallet_prelude::*;

	const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

	/// The pallet.
	#[pallet::pallet]
	#[pallet::storage_version(STORAGE_VERSION)]
	pub struct Pallet<T>(_);

	/// The pallet needs nothing from the runtime.
	#[pallet::config]
	pub trait Config: frame_system::Config {}

	/// Ten minutes in slots of three seconds.
	#[pallet::type_value]
	pub fn DefaultEpochDuration() -> u64 {
		200
	}

	/// An hour in sessions of ten minutes.
	#[pallet::type_value]
	pub fn DefaultSessionsPerEra() -> u32 {
		6
	}

	/// How many slots an epoch, and so a session, lasts.
	#[pallet::storage]
	pub type EpochDurationInSlots<T> = StorageValue<_, u64, ValueQuery, DefaultEpochDuration>;

	/// How many sessions an era of staking lasts.
	#[pallet::storage]
	pub type SessionsInEra<T> = StorageValue<_, u32, ValueQuery, DefaultSessionsPerEra>;

	/// The lengths of time this network starts with, and keeps.
	#[pallet::genesis_config]
	#[derive(frame_support::DefaultNoBound)]
	pub struct GenesisConfig<T: Config> {
		/// Slots in an epoch; the default of 200 where absent.
		pub epoch_duration: Option<u64>,
		/// Sessions in an era; the default of 6 where absent.
		pub sessions_per_era: Option<u32>,
		#[serde(skip)]
		#[doc(hidden)]
		pub _config: core::marker::PhantomData<T>,
	}

	#[pallet::genesis_build]
	impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
		fn build(&self) {
			EpochDurationInSlots::<T>::put(self.epoch_duration.unwrap_or_else(DefaultEpochDuration::get));
			SessionsInEra::<T>::put(self.sessions_per_era.unwrap_or_else(DefaultSessionsPerEra::get));
			Pallet::<T>::ensure_usable().expect("the genesis names lengths of time that a chain can run on");
		}
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		#[cfg(feature = "try-runtime")]
		fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::ensure_usable().map_err(Into::into)
		}
	}

	impl<T: Config> Pallet<T> {
		/// Whether the invariants hold; else which does not.
		pub(super) fn ensure_usable() -> Result<(), &'static str> {
			ensure!(
				EpochDurationInSlots::<T>::get() >= MIN_EPOCH_DURATION,
				"timing: the epoch is shorter than four slots"
			);
			ensure!(SessionsInEra::<T>::get() > 0, "timing: an era has no session");
			Ok(())
		}
	}
}

/// The length of an epoch in slots, for BABE's `Config`.
pub struct EpochDuration<T>(PhantomData<T>);

impl<T: Config> Get<u64> for EpochDuration<T> {
	fn get() -> u64 {
		EpochDurationInSlots::<T>::get()
	}
}

/// The number of sessions in an era, for staking's `Config`.
pub struct SessionsPerEra<T>(PhantomData<T>);

impl<T: Config> Get<u32> for SessionsPerEra<T> {
	fn get() -> u32 {
		SessionsInEra::<T>::get()
	}
}
