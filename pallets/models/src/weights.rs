//! What this pallet's calls weigh.

use frame_support::weights::Weight;

/// The weights of the pallet's calls.
pub trait WeightInfo {
	/// `suspend`.
	fn suspend() -> Weight;
	/// `resume`.
	fn resume() -> Weight;
}

/// Made-up weights for tests.
impl WeightInfo for () {
	fn suspend() -> Weight {
		Weight::from_parts(10_000, 0)
	}
	fn resume() -> Weight {
		Weight::from_parts(10_000, 0)
	}
}
