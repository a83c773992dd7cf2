//! Weights of `pallet_inference`.
//!
//! THIS FILE WAS WRITTEN BY `make weights PALLETS='pallet_inference'`.
//! DATE: 2026-11-26, CPU: `AMD EPYC`, STEPS: `50`, REPEAT: `20`, WASM: compiled, STATE: the preset `development`, in memory.
//! `prune`, `prune_plain`, `bond_service` and `unbond_service`: DATE: 2026-11-27, on a slower machine (`AMD EPYC` of family 23).

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
	fn submit(_b: u32) -> Weight {
		// Minimum execution time: 294_990_000 picoseconds.
		Weight::from_parts(441_159_643, 0)
			.saturating_add(T::DbWeight::get().reads(29_u64))
			.saturating_add(T::DbWeight::get().writes(8_u64))
	}
	/// The range of component `b` is `[1, 6144]`.
	/// The range of component `s` is `[1, 32]`.
	fn reuse(b: u32, s: u32) -> Weight {
		// Minimum execution time: 551_492_000 picoseconds.
		Weight::from_parts(488_351_142, 0)
			.saturating_add(Weight::from_parts(2_284, 0).saturating_mul(b.into()))
			.saturating_add(Weight::from_parts(53_788_305, 0).saturating_mul(s.into()))
			.saturating_add(T::DbWeight::get().reads(11_u64))
			.saturating_add(T::DbWeight::get().reads((2_u64).saturating_mul(s.into())))
			.saturating_add(T::DbWeight::get().writes(10_u64))
			.saturating_add(T::DbWeight::get().writes((2_u64).saturating_mul(s.into())))
	}
	fn include() -> Weight {
		// Minimum execution time: 5_368_000 picoseconds.
		Weight::from_parts(5_518_000, 0)
			.saturating_add(T::DbWeight::get().reads(1_u64))
	}
	/// The range of component `v` is `[1, 256]`.
	fn ballot(v: u32) -> Weight {
		// Minimum execution time: 66_480_000 picoseconds.
		Weight::from_parts(76_371_867, 0)
			.saturating_add(Weight::from_parts(822_105, 0).saturating_mul(v.into()))
			.saturating_add(T::DbWeight::get().reads(1_u64))
	}
	/// The range of component `v` is `[1, 32]`.
	fn vote(v: u32) -> Weight {
		// Minimum execution time: 22_464_000 picoseconds.
		Weight::from_parts(27_834_262, 0)
			.saturating_add(Weight::from_parts(5_069_648, 0).saturating_mul(v.into()))
	}
	fn job() -> Weight {
		// Minimum execution time: 100_851_000 picoseconds.
		Weight::from_parts(121_091_000, 0)
			.saturating_add(T::DbWeight::get().reads(5_u64))
			.saturating_add(T::DbWeight::get().writes(2_u64))
	}
	/// The range of component `b` is `[16, 8192]`.
	fn output(b: u32) -> Weight {
		// Minimum execution time: 8_613_000 picoseconds.
		Weight::from_parts(16_952_244, 0)
			.saturating_add(Weight::from_parts(2_027, 0).saturating_mul(b.into()))
			.saturating_add(T::DbWeight::get().writes(1_u64))
	}
	fn attestation() -> Weight {
		// Minimum execution time: 188_241_000 picoseconds.
		Weight::from_parts(197_314_000, 0)
			.saturating_add(T::DbWeight::get().reads(6_u64))
			.saturating_add(T::DbWeight::get().writes(3_u64))
	}
	fn end_block() -> Weight {
		// Minimum execution time: 674_486_000 picoseconds.
		Weight::from_parts(704_150_000, 0)
			.saturating_add(T::DbWeight::get().reads(38_u64))
			.saturating_add(T::DbWeight::get().writes(26_u64))
	}
	fn pass_over() -> Weight {
		// Minimum execution time: 27_070_000 picoseconds.
		Weight::from_parts(30_365_000, 0)
			.saturating_add(T::DbWeight::get().reads(1_u64))
	}
	/// The range of component `s` is `[1, 32]`.
	fn draw(s: u32) -> Weight {
		// Minimum execution time: 103_945_000 picoseconds.
		Weight::from_parts(123_778_488, 0)
			.saturating_add(Weight::from_parts(3_113_530, 0).saturating_mul(s.into()))
			.saturating_add(T::DbWeight::get().reads(3_u64))
			.saturating_add(T::DbWeight::get().writes(2_u64))
	}
	/// The range of component `s` is `[1, 32]`.
	fn draw_substitutes(s: u32) -> Weight {
		// Minimum execution time: 143_444_000 picoseconds.
		Weight::from_parts(160_631_950, 0)
			.saturating_add(Weight::from_parts(9_094_748, 0).saturating_mul(s.into()))
			.saturating_add(T::DbWeight::get().reads(5_u64))
			.saturating_add(T::DbWeight::get().writes(2_u64))
	}
	fn draw_again() -> Weight {
		// Minimum execution time: 533_395_000 picoseconds.
		Weight::from_parts(563_681_000, 0)
			.saturating_add(T::DbWeight::get().reads(5_u64))
			.saturating_add(T::DbWeight::get().writes(2_u64))
	}
	/// The range of component `s` is `[2, 63]`.
	fn end(s: u32) -> Weight {
		// Minimum execution time: 280_338_000 picoseconds.
		Weight::from_parts(297_990_831, 0)
			.saturating_add(Weight::from_parts(4_337_272, 0).saturating_mul(s.into()))
			.saturating_add(T::DbWeight::get().reads(12_u64))
			.saturating_add(T::DbWeight::get().writes(11_u64))
	}
	fn charge() -> Weight {
		// Minimum execution time: 71_356_000 picoseconds.
		Weight::from_parts(75_523_000, 0)
			.saturating_add(T::DbWeight::get().reads(2_u64))
			.saturating_add(T::DbWeight::get().writes(2_u64))
	}
	fn ledger() -> Weight {
		// Minimum execution time: 80_740_000 picoseconds.
		Weight::from_parts(84_696_000, 0)
			.saturating_add(T::DbWeight::get().reads(2_u64))
			.saturating_add(T::DbWeight::get().writes(2_u64))
	}
	fn prune() -> Weight {
		// Minimum execution time: 206_718_000 picoseconds.
		Weight::from_parts(221_476_000, 0)
			.saturating_add(T::DbWeight::get().reads(9_u64))
			.saturating_add(T::DbWeight::get().writes(12_u64))
	}
	fn prune_plain() -> Weight {
		// Minimum execution time: 154_220_000 picoseconds.
		Weight::from_parts(162_114_000, 0)
			.saturating_add(T::DbWeight::get().reads(6_u64))
			.saturating_add(T::DbWeight::get().writes(8_u64))
	}
	fn bond_service() -> Weight {
		// Minimum execution time: 241_202_000 picoseconds.
		Weight::from_parts(281_027_000, 0)
			.saturating_add(T::DbWeight::get().reads(4_u64))
			.saturating_add(T::DbWeight::get().writes(4_u64))
	}
	fn unbond_service() -> Weight {
		// Minimum execution time: 248_626_000 picoseconds.
		Weight::from_parts(299_151_000, 0)
			.saturating_add(T::DbWeight::get().reads(5_u64))
			.saturating_add(T::DbWeight::get().writes(4_u64))
	}
	fn report_equivocation() -> Weight {
		// Minimum execution time: 3_074_145_000 picoseconds.
		Weight::from_parts(3_108_997_000, 0)
			.saturating_add(T::DbWeight::get().reads(13_u64))
			.saturating_add(T::DbWeight::get().writes(3_u64))
	}
	fn cancel() -> Weight {
		// Minimum execution time: 1_022_665_000 picoseconds.
		Weight::from_parts(1_082_915_000, 0)
			.saturating_add(T::DbWeight::get().reads(74_u64))
			.saturating_add(T::DbWeight::get().writes(72_u64))
	}
	/// The range of component `b` is `[1, 6144]`.
	fn request(_b: u32) -> Weight {
		// Minimum execution time: 343_522_000 picoseconds.
		Weight::from_parts(458_069_935, 0)
			.saturating_add(T::DbWeight::get().reads(31_u64))
			.saturating_add(T::DbWeight::get().writes(10_u64))
	}
	fn deliver() -> Weight {
		// Minimum execution time: 64_847_000 picoseconds.
		Weight::from_parts(73_770_000, 0)
			.saturating_add(T::DbWeight::get().reads(6_u64))
			.saturating_add(T::DbWeight::get().writes(4_u64))
	}
}
