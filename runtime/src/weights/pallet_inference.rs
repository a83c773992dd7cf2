//! Weights of `pallet_inference`.
//!
//! THIS FILE WAS WRITTEN BY `make weights PALLETS='pallet_inference'`.
//! DATE: 2026-11-26, CPU: `AMD EPYC`, STEPS: `50`, REPEAT: `20`, WASM: compiled, STATE: the preset `development`, in memory.
//!
//! Since then a model's record, its roster and its author's account are read by each job that needs them: `submit`, `draw`,
//! `draw_again`, `end` and `prune` have so many reads, writes and microseconds more, estimated. `attestation` and `end_block`
//! do less than is said here.

#![cfg_attr(rustfmt, rustfmt_skip)]
#![allow(unused_parens)]
#![allow(unused_imports)]
#![allow(missing_docs)]

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Weight functions for `pallet_inference`.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_inference::WeightInfo for WeightInfo<T> {
	/// The range of component `b` is `[1, 6144]`.
	fn submit(b: u32) -> Weight {
		// Minimum execution time: 289_001_000 picoseconds.
		Weight::from_parts(430_668_998, 0)
			.saturating_add(Weight::from_parts(4_063, 0).saturating_mul(b.into()))
			.saturating_add(T::DbWeight::get().reads(30_u64))
			.saturating_add(T::DbWeight::get().writes(8_u64))
	}
	fn include() -> Weight {
		// Minimum execution time: 5_348_000 picoseconds.
		Weight::from_parts(5_548_000, 0)
			.saturating_add(T::DbWeight::get().reads(1_u64))
	}
	/// The range of component `v` is `[1, 256]`.
	fn ballot(v: u32) -> Weight {
		// Minimum execution time: 73_430_000 picoseconds.
		Weight::from_parts(80_077_425, 0)
			.saturating_add(Weight::from_parts(883_882, 0).saturating_mul(v.into()))
			.saturating_add(T::DbWeight::get().reads(1_u64))
	}
	/// The range of component `v` is `[1, 32]`.
	fn vote(v: u32) -> Weight {
		// Minimum execution time: 27_240_000 picoseconds.
		Weight::from_parts(33_855_319, 0)
			.saturating_add(Weight::from_parts(5_331_632, 0).saturating_mul(v.into()))
	}
	fn job() -> Weight {
		// Minimum execution time: 105_667_000 picoseconds.
		Weight::from_parts(120_350_000, 0)
			.saturating_add(T::DbWeight::get().reads(4_u64))
			.saturating_add(T::DbWeight::get().writes(2_u64))
	}
	/// The range of component `b` is `[16, 8192]`.
	fn output(b: u32) -> Weight {
		// Minimum execution time: 16_194_000 picoseconds.
		Weight::from_parts(20_459_321, 0)
			.saturating_add(Weight::from_parts(1_864, 0).saturating_mul(b.into()))
			.saturating_add(T::DbWeight::get().writes(1_u64))
	}
	fn attestation() -> Weight {
		// Minimum execution time: 2_709_471_000 picoseconds.
		Weight::from_parts(3_012_673_000, 0)
			.saturating_add(T::DbWeight::get().reads(905_u64))
			.saturating_add(T::DbWeight::get().writes(3_u64))
	}
	fn end_block() -> Weight {
		// Minimum execution time: 956_677_000 picoseconds.
		Weight::from_parts(1_018_019_000, 0)
			.saturating_add(T::DbWeight::get().reads(82_u64))
			.saturating_add(T::DbWeight::get().writes(56_u64))
	}
	fn pass_over() -> Weight {
		// Minimum execution time: 31_457_000 picoseconds.
		Weight::from_parts(36_995_000, 0)
			.saturating_add(T::DbWeight::get().reads(1_u64))
	}
	/// The range of component `s` is `[1, 32]`.
	fn draw(s: u32) -> Weight {
		// Minimum execution time: 51_707_000 picoseconds.
		Weight::from_parts(167_778_369, 0)
			.saturating_add(Weight::from_parts(2_397_397, 0).saturating_mul(s.into()))
			.saturating_add(T::DbWeight::get().reads(3_u64))
			.saturating_add(T::DbWeight::get().writes(2_u64))
	}
	fn draw_again() -> Weight {
		// Minimum execution time: 496_621_000 picoseconds.
		Weight::from_parts(607_457_000, 0)
			.saturating_add(T::DbWeight::get().reads(5_u64))
			.saturating_add(T::DbWeight::get().writes(2_u64))
	}
	/// The range of component `s` is `[2, 63]`.
	fn end(s: u32) -> Weight {
		// Minimum execution time: 202_743_000 picoseconds.
		Weight::from_parts(281_745_476, 0)
			.saturating_add(Weight::from_parts(4_289_215, 0).saturating_mul(s.into()))
			.saturating_add(T::DbWeight::get().reads(9_u64))
			.saturating_add(T::DbWeight::get().writes(10_u64))
	}
	fn charge() -> Weight {
		// Minimum execution time: 77_325_000 picoseconds.
		Weight::from_parts(79_699_000, 0)
			.saturating_add(T::DbWeight::get().reads(2_u64))
			.saturating_add(T::DbWeight::get().writes(2_u64))
	}
	fn ledger() -> Weight {
		// Minimum execution time: 84_456_000 picoseconds.
		Weight::from_parts(88_802_000, 0)
			.saturating_add(T::DbWeight::get().reads(2_u64))
			.saturating_add(T::DbWeight::get().writes(2_u64))
	}
	fn prune() -> Weight {
		// Minimum execution time: 59_829_000 picoseconds.
		Weight::from_parts(72_874_000, 0)
			.saturating_add(T::DbWeight::get().reads(6_u64))
			.saturating_add(T::DbWeight::get().writes(9_u64))
	}
	fn bond_service() -> Weight {
		// Minimum execution time: 98_778_000 picoseconds.
		Weight::from_parts(107_711_000, 0)
			.saturating_add(T::DbWeight::get().reads(3_u64))
			.saturating_add(T::DbWeight::get().writes(3_u64))
	}
	fn unbond_service() -> Weight {
		// Minimum execution time: 95_011_000 picoseconds.
		Weight::from_parts(100_810_000, 0)
			.saturating_add(T::DbWeight::get().reads(3_u64))
			.saturating_add(T::DbWeight::get().writes(3_u64))
	}
	fn report_equivocation() -> Weight {
		// Minimum execution time: 3_127_545_000 picoseconds.
		Weight::from_parts(3_196_247_000, 0)
			.saturating_add(T::DbWeight::get().reads(13_u64))
			.saturating_add(T::DbWeight::get().writes(3_u64))
	}
	fn cancel() -> Weight {
		// Minimum execution time: 1_047_533_000 picoseconds.
		Weight::from_parts(1_117_047_000, 0)
			.saturating_add(T::DbWeight::get().reads(73_u64))
			.saturating_add(T::DbWeight::get().writes(72_u64))
	}
	/// The range of component `b` is `[1, 6144]`. Estimated by hand.
	fn request(b: u32) -> Weight {
		Weight::from_parts(380_000_000, 0)
			.saturating_add(Weight::from_parts(4_063, 0).saturating_mul(b.into()))
			.saturating_add(T::DbWeight::get().reads(29_u64))
			.saturating_add(T::DbWeight::get().writes(9_u64))
	}
	/// Estimated by hand.
	fn deliver() -> Weight {
		Weight::from_parts(200_000_000, 0)
			.saturating_add(T::DbWeight::get().reads(6_u64))
			.saturating_add(T::DbWeight::get().writes(4_u64))
	}
}
