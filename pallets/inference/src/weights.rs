//! What this pallet's work weighs.

use frame_support::weights::Weight;

/// The weights of the pallet's calls, and of the pieces that `include` and the hooks are made of.
pub trait WeightInfo {
	/// `submit` with an input of so many bytes.
	fn submit(bytes: u32) -> Weight;
	/// `include` without a bundle.
	fn include() -> Weight;
	/// A bundle's checks before its signature.
	fn glance() -> Weight;
	/// A bundle's signature.
	fn signature() -> Weight;
	/// A vote, and the look at its job afterwards.
	fn vote() -> Weight;
	/// An output of so many bytes.
	fn output(bytes: u32) -> Weight;
	/// An attestation, and its effect at the block's end.
	fn attestation() -> Weight;
	/// A job's draw, among so many validators.
	fn draw(validators: u32) -> Weight;
	/// A job's end, with so many seats to be paid.
	fn end(seats: u32) -> Weight;
	/// Forgetting a job.
	fn prune() -> Weight;
}

impl WeightInfo for () {
	fn submit(_: u32) -> Weight {
		Weight::from_parts(100_000, 0)
	}
	fn include() -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn glance() -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn signature() -> Weight {
		Weight::from_parts(10_000, 0)
	}
	fn vote() -> Weight {
		Weight::from_parts(10_000, 0)
	}
	fn output(_: u32) -> Weight {
		Weight::from_parts(10_000, 0)
	}
	fn attestation() -> Weight {
		Weight::from_parts(10_000, 0)
	}
	fn draw(_: u32) -> Weight {
		Weight::from_parts(100_000, 0)
	}
	fn end(_: u32) -> Weight {
		Weight::from_parts(100_000, 0)
	}
	fn prune() -> Weight {
		Weight::from_parts(10_000, 0)
	}
}
