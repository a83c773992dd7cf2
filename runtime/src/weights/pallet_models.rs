//! Weights of `pallet_models`.
//!
//! THIS FILE WAS WRITTEN BY `make weights PALLETS='pallet_models'`.
//! DATE: 2026-11-26, CPU: `AMD EPYC`, STEPS: `50`, REPEAT: `20`, WASM: compiled, STATE: the preset `development`, in memory.

#![cfg_attr(rustfmt, rustfmt_skip)]
#![allow(unused_parens)]
#![allow(unused_imports)]
#![allow(missing_docs)]

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Weight functions for `pallet_models`.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_models::WeightInfo for WeightInfo<T> {
	fn suspend() -> Weight {
		// Minimum execution time: 8_974_000 picoseconds.
		Weight::from_parts(9_574_000, 0)
			.saturating_add(T::DbWeight::get().reads(2_u64))
			.saturating_add(T::DbWeight::get().writes(2_u64))
	}
	fn resume() -> Weight {
		// Minimum execution time: 9_184_000 picoseconds.
		Weight::from_parts(9_464_000, 0)
			.saturating_add(T::DbWeight::get().reads(2_u64))
			.saturating_add(T::DbWeight::get().writes(2_u64))
	}
	/// The range of component `b` is `[8, 2048]`.
	fn register(b: u32) -> Weight {
		// Minimum execution time: 67_981_000 picoseconds.
		Weight::from_parts(69_225_690, 0)
			.saturating_add(Weight::from_parts(3_123, 0).saturating_mul(b.into()))
			.saturating_add(T::DbWeight::get().reads(5_u64))
			.saturating_add(T::DbWeight::get().writes(6_u64))
	}
	fn update_price() -> Weight {
		// Minimum execution time: 11_026_000 picoseconds.
		Weight::from_parts(11_517_000, 0)
			.saturating_add(T::DbWeight::get().reads(2_u64))
			.saturating_add(T::DbWeight::get().writes(2_u64))
	}
	fn retire() -> Weight {
		// Minimum execution time: 57_295_000 picoseconds.
		Weight::from_parts(58_537_000, 0)
			.saturating_add(T::DbWeight::get().reads(5_u64))
			.saturating_add(T::DbWeight::get().writes(7_u64))
	}
	fn forget() -> Weight {
		// Minimum execution time: 49_244_000 picoseconds.
		Weight::from_parts(50_195_000, 0)
			.saturating_add(T::DbWeight::get().reads(5_u64))
			.saturating_add(T::DbWeight::get().writes(7_u64))
	}
}
