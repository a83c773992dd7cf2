//! What this pallet's work weighs.

use frame_support::weights::Weight;

/// The weights of the pallet's calls and of its rounds.
pub trait WeightInfo {
	/// `create_feed` with a question of so many bytes, without its first request.
	fn create_feed(bytes: u32) -> Weight;
	/// `top_up`.
	fn top_up() -> Weight;
	/// `close`, out of the fullest block of the agenda.
	fn close() -> Weight;
	/// A block of the agenda, and a look at the first of its feeds that waits.
	fn pass_over() -> Weight;
	/// A round of a question of so many bytes, without its request.
	fn round(bytes: u32) -> Weight;
	/// Taking a round's result.
	fn on_result() -> Weight;
}

/// Made-up weights for tests: as many picoseconds as make a round's fee a round number.
impl WeightInfo for () {
	fn create_feed(_: u32) -> Weight {
		Weight::from_parts(10_000, 0)
	}
	fn top_up() -> Weight {
		Weight::from_parts(10_000, 0)
	}
	fn close() -> Weight {
		Weight::from_parts(10_000, 0)
	}
	fn pass_over() -> Weight {
		Weight::from_parts(1, 0)
	}
	fn round(_: u32) -> Weight {
		Weight::from_parts(900, 0)
	}
	fn on_result() -> Weight {
		Weight::from_parts(10_000, 0)
	}
}
