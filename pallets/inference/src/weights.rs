//! What this pallet's work weighs.

use frame_support::weights::Weight;

/// The weights of the pallet's calls, and of the pieces that `include` and the hooks are made of.
///
/// What all jobs of a block share, as counters and the model, is read and written once a block: `end_block` counts it, and
/// the pieces do not.
pub trait WeightInfo {
	/// `submit` with an input of so many bytes.
	fn submit(bytes: u32) -> Weight;
	/// `submit` with an input of so many bytes whose answer so many seats had given before.
	fn reuse(bytes: u32, seats: u32) -> Weight;
	/// `include` without a ballot.
	fn include() -> Weight;
	/// A ballot's checks and its signature, over so many votes.
	fn ballot(votes: u32) -> Weight;
	/// So many votes of a ballot, their jobs not counted.
	fn vote(votes: u32) -> Weight;
	/// A job that has votes: reading it, writing it and entering the next phase.
	fn job() -> Weight;
	/// An output of so many bytes.
	fn output(bytes: u32) -> Weight;
	/// An attestation, and its effect at the block's end.
	fn attestation() -> Weight;
	/// What a block's end does in any case.
	fn end_block() -> Weight;
	/// An entry of the agenda that its job has left behind.
	fn pass_over() -> Weight;
	/// The draw of a job's first committee, of so many seats.
	fn draw(seats: u32) -> Weight;
	/// The draw of substitutes for all seats but one of a job's first committee, which has so many.
	fn draw_substitutes(seats: u32) -> Weight;
	/// The draw of a job's second committee.
	fn draw_again() -> Weight;
	/// A job's end, with so many seats of all of its committees; their validators' ledgers and charges not counted.
	fn end(seats: u32) -> Weight;
	/// A charge of a seat for its fault.
	fn charge() -> Weight;
	/// A validator's ledger, read and written, and its pay: once a call or block's end, whatever its seats.
	fn ledger() -> Weight;
	/// Forgetting a job, whatever is kept for it.
	fn prune() -> Weight;
	/// Forgetting a job of one round whose answer is not kept for others, and for which no pallet waits.
	fn prune_plain() -> Weight;
	/// `bond_service`.
	fn bond_service() -> Weight;
	/// `unbond_service`.
	fn unbond_service() -> Weight;
	/// `report_equivocation`, of the largest ballots.
	fn report_equivocation() -> Weight;
	/// `cancel`, and what `reclaim` does with its job, which is less.
	fn cancel() -> Weight;
	/// A pallet's request with an input of so many bytes.
	fn request(bytes: u32) -> Weight;
	/// The delivery of a result, without what the pallet that asked does with it.
	fn deliver() -> Weight;
}

/// Made-up weights for tests: as many picoseconds as make the tests' budgets round numbers.
impl WeightInfo for () {
	fn submit(_: u32) -> Weight {
		Weight::from_parts(100_000, 0)
	}
	fn reuse(_: u32, seats: u32) -> Weight {
		Weight::from_parts(110_000 + u64::from(seats) * 1_000, 0)
	}
	fn include() -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn ballot(votes: u32) -> Weight {
		Weight::from_parts(10_000 + u64::from(votes) * 100, 0)
	}
	fn vote(votes: u32) -> Weight {
		Weight::from_parts(u64::from(votes) * 1_000, 0)
	}
	fn job() -> Weight {
		Weight::from_parts(10_000, 0)
	}
	fn output(_: u32) -> Weight {
		Weight::from_parts(10_000, 0)
	}
	fn attestation() -> Weight {
		Weight::from_parts(10_000, 0)
	}
	fn end_block() -> Weight {
		Weight::from_parts(10_000, 0)
	}
	fn pass_over() -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn draw(seats: u32) -> Weight {
		Weight::from_parts(100_000 + u64::from(seats) * 1_000, 0)
	}
	fn draw_substitutes(_: u32) -> Weight {
		Weight::from_parts(132_000, 0)
	}
	fn draw_again() -> Weight {
		Weight::from_parts(131_000, 0)
	}
	fn end(seats: u32) -> Weight {
		Weight::from_parts(100_000 + u64::from(seats) * 1_000, 0)
	}
	fn charge() -> Weight {
		Weight::zero()
	}
	fn ledger() -> Weight {
		Weight::zero()
	}
	fn prune() -> Weight {
		Weight::from_parts(10_000, 0)
	}
	fn prune_plain() -> Weight {
		Weight::from_parts(7_000, 0)
	}
	fn bond_service() -> Weight {
		Weight::from_parts(10_000, 0)
	}
	fn unbond_service() -> Weight {
		Weight::from_parts(10_000, 0)
	}
	fn report_equivocation() -> Weight {
		Weight::from_parts(100_000, 0)
	}
	fn cancel() -> Weight {
		Weight::from_parts(100_000, 0)
	}
	fn request(_: u32) -> Weight {
		Weight::from_parts(110_000, 0)
	}
	fn deliver() -> Weight {
		Weight::from_parts(10_000, 0)
	}
}
