//! Weights of `pallet_inference`.
//!
//! THIS FILE WAS WRITTEN BY `make weights PALLETS='pallet_inference'`.
//! DATE: 2026-11-28, CPU: `AMD EPYC`, STEPS: `50`, REPEAT: `20`, WASM: compiled, STATE: the preset `development`, in memory.

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
		// Minimum execution time: 398_182_000 picoseconds.
		Weight::from_parts(470_038_745, 0)
			.saturating_add(Weight::from_parts(3_761, 0).saturating_mul(b.into()))
			.saturating_add(T::DbWeight::get().reads(29_u64))
			.saturating_add(T::DbWeight::get().writes(8_u64))
	}
	/// The range of component `b` is `[1, 6144]`.
	/// The range of component `s` is `[1, 32]`.
	fn reuse(b: u32, s: u32) -> Weight {
		// Minimum execution time: 665_661_000 picoseconds.
		Weight::from_parts(582_678_755, 0)
			.saturating_add(Weight::from_parts(1_965, 0).saturating_mul(b.into()))
			.saturating_add(Weight::from_parts(72_233_077, 0).saturating_mul(s.into()))
			.saturating_add(T::DbWeight::get().reads(11_u64))
			.saturating_add(T::DbWeight::get().reads((2_u64).saturating_mul(s.into())))
			.saturating_add(T::DbWeight::get().writes(10_u64))
			.saturating_add(T::DbWeight::get().writes((2_u64).saturating_mul(s.into())))
	}
	fn include() -> Weight {
		// Minimum execution time: 7_121_000 picoseconds.
		Weight::from_parts(7_491_000, 0)
			.saturating_add(T::DbWeight::get().reads(1_u64))
	}
	/// The range of component `v` is `[1, 256]`.
	fn ballot(v: u32) -> Weight {
		// Minimum execution time: 58_717_000 picoseconds.
		Weight::from_parts(65_250_216, 0)
			.saturating_add(Weight::from_parts(1_354_359, 0).saturating_mul(v.into()))
			.saturating_add(T::DbWeight::get().reads(1_u64))
	}
	/// The range of component `v` is `[1, 32]`.
	fn vote(v: u32) -> Weight {
		// Minimum execution time: 29_814_000 picoseconds.
		Weight::from_parts(35_444_847, 0)
			.saturating_add(Weight::from_parts(6_606_746, 0).saturating_mul(v.into()))
	}
	fn job() -> Weight {
		// Minimum execution time: 118_927_000 picoseconds.
		Weight::from_parts(128_912_000, 0)
			.saturating_add(T::DbWeight::get().reads(5_u64))
			.saturating_add(T::DbWeight::get().writes(2_u64))
	}
	/// The range of component `b` is `[16, 8192]`.
	fn output(b: u32) -> Weight {
		// Minimum execution time: 16_805_000 picoseconds.
		Weight::from_parts(23_805_047, 0)
			.saturating_add(Weight::from_parts(1_653, 0).saturating_mul(b.into()))
			.saturating_add(T::DbWeight::get().writes(1_u64))
	}
	fn attestation() -> Weight {
		// Minimum execution time: 286_747_000 picoseconds.
		Weight::from_parts(322_339_000, 0)
			.saturating_add(T::DbWeight::get().reads(6_u64))
			.saturating_add(T::DbWeight::get().writes(3_u64))
	}
	fn end_block() -> Weight {
		// Minimum execution time: 947_610_000 picoseconds.
		Weight::from_parts(1_050_884_000, 0)
			.saturating_add(T::DbWeight::get().reads(38_u64))
			.saturating_add(T::DbWeight::get().writes(26_u64))
	}
	fn pass_over() -> Weight {
		// Minimum execution time: 35_744_000 picoseconds.
		Weight::from_parts(40_240_000, 0)
			.saturating_add(T::DbWeight::get().reads(1_u64))
	}
	/// The range of component `s` is `[1, 32]`.
	fn draw(s: u32) -> Weight {
		// Minimum execution time: 144_014_000 picoseconds.
		Weight::from_parts(184_150_223, 0)
			.saturating_add(Weight::from_parts(3_071_014, 0).saturating_mul(s.into()))
			.saturating_add(T::DbWeight::get().reads(3_u64))
			.saturating_add(T::DbWeight::get().writes(2_u64))
	}
	/// The range of component `s` is `[1, 32]`.
	fn draw_substitutes(s: u32) -> Weight {
		// Minimum execution time: 191_835_000 picoseconds.
		Weight::from_parts(199_512_799, 0)
			.saturating_add(Weight::from_parts(10_900_785, 0).saturating_mul(s.into()))
			.saturating_add(T::DbWeight::get().reads(5_u64))
			.saturating_add(T::DbWeight::get().writes(2_u64))
	}
	fn draw_again() -> Weight {
		// Minimum execution time: 661_024_000 picoseconds.
		Weight::from_parts(714_543_000, 0)
			.saturating_add(T::DbWeight::get().reads(5_u64))
			.saturating_add(T::DbWeight::get().writes(2_u64))
	}
	/// The range of component `s` is `[2, 63]`.
	fn end(s: u32) -> Weight {
		// Minimum execution time: 307_217_000 picoseconds.
		Weight::from_parts(363_016_752, 0)
			.saturating_add(Weight::from_parts(3_862_249, 0).saturating_mul(s.into()))
			.saturating_add(T::DbWeight::get().reads(12_u64))
			.saturating_add(T::DbWeight::get().writes(11_u64))
	}
	fn charge() -> Weight {
		// Minimum execution time: 81_482_000 picoseconds.
		Weight::from_parts(89_052_000, 0)
			.saturating_add(T::DbWeight::get().reads(2_u64))
			.saturating_add(T::DbWeight::get().writes(2_u64))
	}
	fn ledger() -> Weight {
		// Minimum execution time: 97_044_000 picoseconds.
		Weight::from_parts(107_520_000, 0)
			.saturating_add(T::DbWeight::get().reads(2_u64))
			.saturating_add(T::DbWeight::get().writes(2_u64))
	}
	fn prune() -> Weight {
		// Minimum execution time: 94_261_000 picoseconds.
		Weight::from_parts(114_620_000, 0)
			.saturating_add(T::DbWeight::get().reads(9_u64))
			.saturating_add(T::DbWeight::get().writes(12_u64))
	}
	fn prune_plain() -> Weight {
		// Minimum execution time: 70_485_000 picoseconds.
		Weight::from_parts(76_874_000, 0)
			.saturating_add(T::DbWeight::get().reads(6_u64))
			.saturating_add(T::DbWeight::get().writes(8_u64))
	}
	fn bond_service() -> Weight {
		// Minimum execution time: 160_569_000 picoseconds.
		Weight::from_parts(181_731_000, 0)
			.saturating_add(T::DbWeight::get().reads(4_u64))
			.saturating_add(T::DbWeight::get().writes(4_u64))
	}
	fn unbond_service() -> Weight {
		// Minimum execution time: 159_247_000 picoseconds.
		Weight::from_parts(192_907_000, 0)
			.saturating_add(T::DbWeight::get().reads(5_u64))
			.saturating_add(T::DbWeight::get().writes(4_u64))
	}
	fn report_equivocation() -> Weight {
		// Minimum execution time: 4_255_964_000 picoseconds.
		Weight::from_parts(4_316_815_000, 0)
			.saturating_add(T::DbWeight::get().reads(13_u64))
			.saturating_add(T::DbWeight::get().writes(3_u64))
	}
	fn cancel() -> Weight {
		// Minimum execution time: 1_506_061_000 picoseconds.
		Weight::from_parts(1_599_340_000, 0)
			.saturating_add(T::DbWeight::get().reads(74_u64))
			.saturating_add(T::DbWeight::get().writes(72_u64))
	}
	/// The range of component `b` is `[1, 6144]`.
	fn request(_b: u32) -> Weight {
		// Minimum execution time: 512_392_000 picoseconds.
		Weight::from_parts(614_374_753, 0)
			.saturating_add(T::DbWeight::get().reads(31_u64))
			.saturating_add(T::DbWeight::get().writes(10_u64))
	}
	fn deliver() -> Weight {
		// Minimum execution time: 89_463_000 picoseconds.
		Weight::from_parts(107_860_000, 0)
			.saturating_add(T::DbWeight::get().reads(6_u64))
			.saturating_add(T::DbWeight::get().writes(4_u64))
	}
}
