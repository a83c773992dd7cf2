//! Weights of `pallet_feeds`.
//!
//! THIS FILE WAS WRITTEN BY `make weights PALLETS='pallet_feeds'`.
//! DATE: 2026-11-26, CPU: `AMD EPYC`, STEPS: `50`, REPEAT: `20`, WASM: compiled, STATE: the preset `development`, in memory.

#![cfg_attr(rustfmt, rustfmt_skip)]
#![allow(unused_parens)]
#![allow(unused_imports)]
#![allow(missing_docs)]

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Weight functions for `pallet_feeds`.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_feeds::WeightInfo for WeightInfo<T> {
	/// The range of component `b` is `[1, 8192]`.
	fn create_feed(b: u32) -> Weight {
		// Minimum execution time: 51_747_000 picoseconds.
		Weight::from_parts(53_852_588, 0)
			.saturating_add(Weight::from_parts(251, 0).saturating_mul(b.into()))
			.saturating_add(T::DbWeight::get().reads(7_u64))
			.saturating_add(T::DbWeight::get().writes(8_u64))
	}
	fn top_up() -> Weight {
		// Minimum execution time: 75_132_000 picoseconds.
		Weight::from_parts(76_824_000, 0)
			.saturating_add(T::DbWeight::get().reads(4_u64))
			.saturating_add(T::DbWeight::get().writes(3_u64))
	}
	fn close() -> Weight {
		// Minimum execution time: 87_210_000 picoseconds.
		Weight::from_parts(88_712_000, 0)
			.saturating_add(T::DbWeight::get().reads(7_u64))
			.saturating_add(T::DbWeight::get().writes(8_u64))
	}
	fn pass_over() -> Weight {
		// Minimum execution time: 14_041_000 picoseconds.
		Weight::from_parts(14_492_000, 0)
			.saturating_add(T::DbWeight::get().reads(2_u64))
			.saturating_add(T::DbWeight::get().writes(2_u64))
	}
	/// The range of component `b` is `[1, 8192]`.
	fn round(b: u32) -> Weight {
		// Minimum execution time: 98_146_000 picoseconds.
		Weight::from_parts(101_507_657, 0)
			.saturating_add(Weight::from_parts(1_612, 0).saturating_mul(b.into()))
			.saturating_add(T::DbWeight::get().reads(14_u64))
			.saturating_add(T::DbWeight::get().writes(7_u64))
	}
	fn on_result() -> Weight {
		// Minimum execution time: 54_902_000 picoseconds.
		Weight::from_parts(56_224_000, 0)
			.saturating_add(T::DbWeight::get().reads(4_u64))
			.saturating_add(T::DbWeight::get().writes(4_u64))
	}
}
