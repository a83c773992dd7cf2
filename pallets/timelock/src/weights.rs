//! What this pallet's calls weigh.

use frame_support::weights::Weight;

/// The weights of the pallet's calls.
pub trait WeightInfo {
	/// `schedule` of a call of so many bytes.
	fn schedule(bytes: u32) -> Weight;
	/// `cancel`.
	fn cancel() -> Weight;
	/// `make_urgent_call`, the call itself not counted.
	fn make_urgent_call() -> Weight;
}

/// Made-up weights for tests.
impl WeightInfo for () {
	fn schedule(bytes: u32) -> Weight {
		Weight::from_parts(10_000 + u64::from(bytes), 0)
	}
	fn cancel() -> Weight {
		Weight::from_parts(10_000, 0)
	}
	fn make_urgent_call() -> Weight {
		Weight::from_parts(10_000, 0)
	}
}
