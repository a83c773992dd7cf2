//! Estimates from the code's storage accesses, to be replaced by `make weights`.

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Weights for `pallet_inference`.
pub struct WeightInfo<T>(PhantomData<T>);

fn of<T: frame_system::Config>(micros: u64, reads: u64, writes: u64) -> Weight {
	Weight::from_parts(micros.saturating_mul(1_000_000), 0)
		.saturating_add(T::DbWeight::get().reads_writes(reads, writes))
}

impl<T: frame_system::Config> pallet_inference::WeightInfo for WeightInfo<T> {
	fn submit(bytes: u32) -> Weight {
		of::<T>(600 + u64::from(bytes) / 100, 220, 12)
	}
	fn include() -> Weight {
		of::<T>(20, 1, 1)
	}
	fn glance() -> Weight {
		of::<T>(60, 2, 0)
	}
	fn signature() -> Weight {
		of::<T>(120, 1, 0)
	}
	fn vote() -> Weight {
		of::<T>(60, 8, 3)
	}
	fn output(bytes: u32) -> Weight {
		of::<T>(60 + u64::from(bytes) / 100, 5, 1)
	}
	fn attestation() -> Weight {
		of::<T>(40, 4, 3)
	}
	fn draw(validators: u32) -> Weight {
		of::<T>(200 + 8 * u64::from(validators), 10 + 2 * u64::from(validators), 6 + 32)
	}
	fn end(seats: u32) -> Weight {
		of::<T>(100 + 90 * u64::from(seats), 12 + 2 * u64::from(seats), 12 + 2 * u64::from(seats))
	}
	fn prune() -> Weight {
		of::<T>(60, 4, 7)
	}
}
