//! What this pallet's calls weigh.

use frame_support::weights::Weight;

/// The weights of the pallet's calls.
pub trait WeightInfo {
	/// `suspend`.
	fn suspend() -> Weight;
	/// `resume`.
	fn resume() -> Weight;
	/// `register`, of a manifest of so many bytes.
	fn register(bytes: u32) -> Weight;
	/// `update_price`.
	fn update_price() -> Weight;
	/// `retire`, where the model is forgotten at once.
	fn retire() -> Weight;
	/// That a retired model is forgotten with its last job.
	fn forget() -> Weight;
}

/// Made-up weights for tests.
impl WeightInfo for () {
	fn suspend() -> Weight {
		Weight::from_parts(10_000, 0)
	}
	fn resume() -> Weight {
		Weight::from_parts(10_000, 0)
	}
	fn register(bytes: u32) -> Weight {
		Weight::from_parts(10_000 + u64::from(bytes), 0)
	}
	fn update_price() -> Weight {
		Weight::from_parts(10_000, 0)
	}
	fn retire() -> Weight {
		Weight::from_parts(10_000, 0)
	}
	fn forget() -> Weight {
		Weight::from_parts(10_000, 0)
	}
}
