//! Weights of `pallet_timelock`.
//!
//! THIS FILE WAS WRITTEN BY `make weights PALLETS='pallet_timelock'`.
//! DATE: 2026-11-26, CPU: `AMD EPYC`, STEPS: `50`, REPEAT: `20`, WASM: compiled, STATE: the preset `development`, in memory.

#![cfg_attr(rustfmt, rustfmt_skip)]
#![allow(unused_parens)]
#![allow(unused_imports)]
#![allow(missing_docs)]

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Weight functions for `pallet_timelock`.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_timelock::WeightInfo for WeightInfo<T> {
	/// The range of component `b` is `[200, 1048576]`.
	fn schedule(b: u32) -> Weight {
		// Minimum execution time: 41_161_000 picoseconds.
		Weight::from_parts(51_336_595, 0)
			.saturating_add(Weight::from_parts(3_041, 0).saturating_mul(b.into()))
			.saturating_add(T::DbWeight::get().reads(5_u64))
			.saturating_add(T::DbWeight::get().writes(4_u64))
	}
	fn cancel() -> Weight {
		// Minimum execution time: 52_628_000 picoseconds.
		Weight::from_parts(53_350_000, 0)
			.saturating_add(T::DbWeight::get().reads(4_u64))
			.saturating_add(T::DbWeight::get().writes(5_u64))
	}
	fn make_urgent_call() -> Weight {
		// Minimum execution time: 12_268_000 picoseconds.
		Weight::from_parts(12_518_000, 0)
			.saturating_add(T::DbWeight::get().reads(1_u64))
			.saturating_add(T::DbWeight::get().writes(1_u64))
	}
}
