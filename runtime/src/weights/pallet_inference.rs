//! Weights of `pallet_inference`.
//!
//! THIS FILE WAS WRITTEN BY `make weights PALLETS='pallet_inference'`.
//! DATE: 2026-11-25, CPU: `AMD EPYC`, STEPS: `50`, REPEAT: `20`, WASM: compiled, STATE: the preset `development`, in memory.

#![cfg_attr(rustfmt, rustfmt_skip)]
#![allow(unused_parens)]
#![allow(unused_imports)]
#![allow(missing_docs)]

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Weight functions for `pallet_inference`.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_inference::WeightInfo for WeightInfo<T> {
	/// The range of component `b` is `[1, 8192]`.
	fn submit(b: u32) -> Weight {
		// Minimum execution time: 272_877_000 picoseconds.
		Weight::from_parts(343_501_813, 0)
			.saturating_add(Weight::from_parts(4_967, 0).saturating_mul(b.into()))
			.saturating_add(T::DbWeight::get().reads(26_u64))
			.saturating_add(T::DbWeight::get().writes(7_u64))
	}
	fn include() -> Weight {
		// Minimum execution time: 5_498_000 picoseconds.
		Weight::from_parts(5_679_000, 0)
			.saturating_add(T::DbWeight::get().reads(1_u64))
	}
	/// The range of component `v` is `[1, 256]`.
	fn ballot(v: u32) -> Weight {
		// Minimum execution time: 74_681_000 picoseconds.
		Weight::from_parts(90_239_964, 0)
			.saturating_add(Weight::from_parts(971_034, 0).saturating_mul(v.into()))
			.saturating_add(T::DbWeight::get().reads(1_u64))
	}
	fn vote(v: u32) -> Weight {
		// One vote was measured: 35_052_000 picoseconds at least.
		Weight::from_parts(49_955_000, 0)
			.saturating_mul(v.into())
	}
	fn job() -> Weight {
		// Minimum execution time: 117_345_000 picoseconds.
		Weight::from_parts(137_194_000, 0)
			.saturating_add(T::DbWeight::get().reads(4_u64))
			.saturating_add(T::DbWeight::get().writes(2_u64))
	}
	/// The range of component `b` is `[16, 8192]`.
	fn output(b: u32) -> Weight {
		// Minimum execution time: 24_616_000 picoseconds.
		Weight::from_parts(29_472_126, 0)
			.saturating_add(Weight::from_parts(2_538, 0).saturating_mul(b.into()))
			.saturating_add(T::DbWeight::get().writes(1_u64))
	}
	fn attestation() -> Weight {
		// Minimum execution time: 3_197_168_000 picoseconds.
		Weight::from_parts(7_553_326_000, 0)
			.saturating_add(T::DbWeight::get().reads(905_u64))
			.saturating_add(T::DbWeight::get().writes(3_u64))
	}
	fn end_block() -> Weight {
		// Minimum execution time: 1_037_297_000 picoseconds.
		Weight::from_parts(1_114_141_000, 0)
			.saturating_add(T::DbWeight::get().reads(82_u64))
			.saturating_add(T::DbWeight::get().writes(56_u64))
	}
	fn pass_over() -> Weight {
		// Minimum execution time: 37_046_000 picoseconds.
		Weight::from_parts(41_963_000, 0)
			.saturating_add(T::DbWeight::get().reads(1_u64))
	}
	/// The range of component `s` is `[1, 32]`.
	fn draw(s: u32) -> Weight {
		// Minimum execution time: 80_440_000 picoseconds.
		Weight::from_parts(104_464_413, 0)
			.saturating_add(Weight::from_parts(2_537_194, 0).saturating_mul(s.into()))
			.saturating_add(T::DbWeight::get().reads(1_u64))
			.saturating_add(T::DbWeight::get().writes(2_u64))
	}
	fn draw_again() -> Weight {
		// Minimum execution time: 558_012_000 picoseconds.
		Weight::from_parts(589_129_000, 0)
			.saturating_add(T::DbWeight::get().reads(3_u64))
			.saturating_add(T::DbWeight::get().writes(2_u64))
	}
	/// The range of component `s` is `[2, 63]`.
	fn end(s: u32) -> Weight {
		// Minimum execution time: 233_739_000 picoseconds.
		Weight::from_parts(262_681_379, 0)
			.saturating_add(Weight::from_parts(3_256_954, 0).saturating_mul(s.into()))
			.saturating_add(T::DbWeight::get().reads(6_u64))
			.saturating_add(T::DbWeight::get().writes(7_u64))
	}
	fn charge() -> Weight {
		// Minimum execution time: 75_532_000 picoseconds.
		Weight::from_parts(82_092_000, 0)
			.saturating_add(T::DbWeight::get().reads(2_u64))
			.saturating_add(T::DbWeight::get().writes(2_u64))
	}
	fn ledger() -> Weight {
		// Minimum execution time: 88_432_000 picoseconds.
		Weight::from_parts(94_311_000, 0)
			.saturating_add(T::DbWeight::get().reads(2_u64))
			.saturating_add(T::DbWeight::get().writes(2_u64))
	}
	fn prune() -> Weight {
		// Minimum execution time: 50_996_000 picoseconds.
		Weight::from_parts(57_996_000, 0)
			.saturating_add(T::DbWeight::get().reads(4_u64))
			.saturating_add(T::DbWeight::get().writes(8_u64))
	}
	fn bond_service() -> Weight {
		// Minimum execution time: 101_452_000 picoseconds.
		Weight::from_parts(114_471_000, 0)
			.saturating_add(T::DbWeight::get().reads(3_u64))
			.saturating_add(T::DbWeight::get().writes(3_u64))
	}
	fn unbond_service() -> Weight {
		// Minimum execution time: 91_186_000 picoseconds.
		Weight::from_parts(106_839_000, 0)
			.saturating_add(T::DbWeight::get().reads(3_u64))
			.saturating_add(T::DbWeight::get().writes(3_u64))
	}
	fn report_equivocation() -> Weight {
		// Minimum execution time: 3_151_240_000 picoseconds.
		Weight::from_parts(3_281_755_000, 0)
			.saturating_add(T::DbWeight::get().reads(13_u64))
			.saturating_add(T::DbWeight::get().writes(3_u64))
	}
	fn cancel() -> Weight {
		// Minimum execution time: 1_119_560_000 picoseconds.
		Weight::from_parts(1_195_733_000, 0)
			.saturating_add(T::DbWeight::get().reads(73_u64))
			.saturating_add(T::DbWeight::get().writes(72_u64))
	}
}
