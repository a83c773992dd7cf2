//! Weights of `pallet_inference`.
//!
//! THIS FILE WAS WRITTEN BY `make weights PALLETS='pallet_inference'`.
//! DATE: 2026-11-26, CPU: `AMD EPYC`, STEPS: `50`, REPEAT: `20`, WASM: compiled, STATE: the preset `development`, in memory.

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
		// Minimum execution time: 323_894_000 picoseconds.
		Weight::from_parts(381_154_588, 0)
			.saturating_add(Weight::from_parts(6_137, 0).saturating_mul(b.into()))
			.saturating_add(T::DbWeight::get().reads(29_u64))
			.saturating_add(T::DbWeight::get().writes(8_u64))
	}
	/// Estimated by hand: `make weights PALLETS='pallet_inference'` measures it.
	fn reuse(b: u32, s: u32) -> Weight {
		Weight::from_parts(500_000_000, 0)
			.saturating_add(Weight::from_parts(6_137, 0).saturating_mul(b.into()))
			.saturating_add(Weight::from_parts(60_000_000, 0).saturating_mul(s.into()))
			.saturating_add(T::DbWeight::get().reads(20_u64))
			.saturating_add(T::DbWeight::get().reads((2_u64).saturating_mul(s.into())))
			.saturating_add(T::DbWeight::get().writes(12_u64))
			.saturating_add(T::DbWeight::get().writes((2_u64).saturating_mul(s.into())))
	}
	fn include() -> Weight {
		// Minimum execution time: 5_398_000 picoseconds.
		Weight::from_parts(5_588_000, 0)
			.saturating_add(T::DbWeight::get().reads(1_u64))
	}
	/// The range of component `v` is `[1, 256]`.
	fn ballot(v: u32) -> Weight {
		// Minimum execution time: 62_934_000 picoseconds.
		Weight::from_parts(69_914_294, 0)
			.saturating_add(Weight::from_parts(817_060, 0).saturating_mul(v.into()))
			.saturating_add(T::DbWeight::get().reads(1_u64))
	}
	/// The range of component `v` is `[1, 32]`.
	fn vote(v: u32) -> Weight {
		// Minimum execution time: 16_214_000 picoseconds.
		Weight::from_parts(21_715_373, 0)
			.saturating_add(Weight::from_parts(4_810_122, 0).saturating_mul(v.into()))
	}
	fn job() -> Weight {
		// Minimum execution time: 84_396_000 picoseconds.
		Weight::from_parts(95_102_000, 0)
			.saturating_add(T::DbWeight::get().reads(5_u64))
			.saturating_add(T::DbWeight::get().writes(2_u64))
	}
	/// The range of component `b` is `[16, 8192]`.
	fn output(b: u32) -> Weight {
		// Minimum execution time: 8_433_000 picoseconds.
		Weight::from_parts(12_675_432, 0)
			.saturating_add(Weight::from_parts(1_774, 0).saturating_mul(b.into()))
			.saturating_add(T::DbWeight::get().writes(1_u64))
	}
	fn attestation() -> Weight {
		// Minimum execution time: 185_086_000 picoseconds.
		Weight::from_parts(199_768_000, 0)
			.saturating_add(T::DbWeight::get().reads(6_u64))
			.saturating_add(T::DbWeight::get().writes(3_u64))
	}
	fn end_block() -> Weight {
		// Minimum execution time: 661_547_000 picoseconds.
		Weight::from_parts(674_807_000, 0)
			.saturating_add(T::DbWeight::get().reads(38_u64))
			.saturating_add(T::DbWeight::get().writes(26_u64))
	}
	fn pass_over() -> Weight {
		// Minimum execution time: 22_564_000 picoseconds.
		Weight::from_parts(26_139_000, 0)
			.saturating_add(T::DbWeight::get().reads(1_u64))
	}
	/// The range of component `s` is `[1, 32]`.
	fn draw(s: u32) -> Weight {
		// Minimum execution time: 80_750_000 picoseconds.
		Weight::from_parts(89_135_177, 0)
			.saturating_add(Weight::from_parts(2_230_849, 0).saturating_mul(s.into()))
			.saturating_add(T::DbWeight::get().reads(3_u64))
			.saturating_add(T::DbWeight::get().writes(2_u64))
	}
	fn draw_again() -> Weight {
		// Minimum execution time: 459_395_000 picoseconds.
		Weight::from_parts(470_011_000, 0)
			.saturating_add(T::DbWeight::get().reads(5_u64))
			.saturating_add(T::DbWeight::get().writes(2_u64))
	}
	/// The range of component `s` is `[2, 63]`.
	fn end(s: u32) -> Weight {
		// Minimum execution time: 197_955_000 picoseconds.
		Weight::from_parts(219_951_102, 0)
			.saturating_add(Weight::from_parts(3_665_525, 0).saturating_mul(s.into()))
			.saturating_add(T::DbWeight::get().reads(9_u64))
			.saturating_add(T::DbWeight::get().writes(10_u64))
	}
	fn charge() -> Weight {
		// Minimum execution time: 61_412_000 picoseconds.
		Weight::from_parts(70_465_000, 0)
			.saturating_add(T::DbWeight::get().reads(2_u64))
			.saturating_add(T::DbWeight::get().writes(2_u64))
	}
	fn ledger() -> Weight {
		// Minimum execution time: 64_776_000 picoseconds.
		Weight::from_parts(72_107_000, 0)
			.saturating_add(T::DbWeight::get().reads(2_u64))
			.saturating_add(T::DbWeight::get().writes(2_u64))
	}
	fn prune() -> Weight {
		// Minimum execution time: 39_319_000 picoseconds.
		Weight::from_parts(40_961_000, 0)
			.saturating_add(T::DbWeight::get().reads(6_u64))
			.saturating_add(T::DbWeight::get().writes(9_u64))
	}
	fn bond_service() -> Weight {
		// Minimum execution time: 60_010_000 picoseconds.
		Weight::from_parts(63_385_000, 0)
			.saturating_add(T::DbWeight::get().reads(3_u64))
			.saturating_add(T::DbWeight::get().writes(3_u64))
	}
	fn unbond_service() -> Weight {
		// Minimum execution time: 55_252_000 picoseconds.
		Weight::from_parts(58_357_000, 0)
			.saturating_add(T::DbWeight::get().reads(3_u64))
			.saturating_add(T::DbWeight::get().writes(3_u64))
	}
	fn report_equivocation() -> Weight {
		// Minimum execution time: 2_963_030_000 picoseconds.
		Weight::from_parts(3_002_889_000, 0)
			.saturating_add(T::DbWeight::get().reads(13_u64))
			.saturating_add(T::DbWeight::get().writes(3_u64))
	}
	fn cancel() -> Weight {
		// Minimum execution time: 845_090_000 picoseconds.
		Weight::from_parts(918_360_000, 0)
			.saturating_add(T::DbWeight::get().reads(74_u64))
			.saturating_add(T::DbWeight::get().writes(72_u64))
	}
	/// The range of component `b` is `[1, 6144]`.
	fn request(b: u32) -> Weight {
		// Minimum execution time: 306_097_000 picoseconds.
		Weight::from_parts(385_139_556, 0)
			.saturating_add(Weight::from_parts(2_280, 0).saturating_mul(b.into()))
			.saturating_add(T::DbWeight::get().reads(32_u64))
			.saturating_add(T::DbWeight::get().writes(10_u64))
	}
	fn deliver() -> Weight {
		// Minimum execution time: 61_331_000 picoseconds.
		Weight::from_parts(68_522_000, 0)
			.saturating_add(T::DbWeight::get().reads(6_u64))
			.saturating_add(T::DbWeight::get().writes(4_u64))
	}
}
