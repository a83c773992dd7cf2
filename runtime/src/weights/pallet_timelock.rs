//! Weights of `pallet_timelock`: estimates, until `make weights PALLETS='pallet_timelock'` measures them.

#![cfg_attr(rustfmt, rustfmt_skip)]
#![allow(missing_docs)]

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Weight functions for `pallet_timelock`.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_timelock::WeightInfo for WeightInfo<T> {
	fn schedule(bytes: u32, ) -> Weight {
		Weight::from_parts(60_000_000, 0)
			// Hashed twice, and written.
			.saturating_add(Weight::from_parts(4_000, 0).saturating_mul(bytes.into()))
			.saturating_add(T::DbWeight::get().reads(5_u64))
			.saturating_add(T::DbWeight::get().writes(4_u64))
	}
	fn cancel() -> Weight {
		Weight::from_parts(80_000_000, 0)
			.saturating_add(T::DbWeight::get().reads(4_u64))
			.saturating_add(T::DbWeight::get().writes(4_u64))
	}
	fn make_urgent_call() -> Weight {
		Weight::from_parts(15_000_000, 0)
	}
}
