//! Pallets that ask, in tests.

use super::*;
use frame_support::{dispatch::DispatchResult, storage::unhashed};
use sibyl_primitives::consumer::{Asked, Asker, ConsumerId, Ended, Inference as Asks, OnResult};
use sp_runtime::DispatchError;

/// Takes what it gets.
pub const WILLING: ConsumerId = 1;
/// Fails after it has changed something, until told otherwise.
pub const STUBBORN: ConsumerId = 2;
/// Takes what it gets, and all the weight that a block has for it.
pub const HEAVY: ConsumerId = 3;
/// Asks again for each result.
pub const CURIOUS: ConsumerId = 4;

/// The example of the docs.
pub const MODERATION: ConsumerId = 5;

/// Results that each may wait for.
pub const MAX_REQUESTS: u32 = 12;
/// Deliveries to a usual consumer that a block has weight for.
pub const DELIVERIES: usize = 4;

pub const REFUSED: DispatchError = DispatchError::Exhausted;

thread_local! {
	static IS_STUBBORN: Cell<bool> = const { Cell::new(true) };
}

pub fn be_stubborn(is_stubborn: bool) {
	IS_STUBBORN.set(is_stubborn);
}

pub struct TestConsumers;
impl OnResult for TestConsumers {
	fn weight(consumer: ConsumerId) -> Weight {
		let of_heavy = MaxDeliveryWeight::get().saturating_sub(<() as WeightInfo>::deliver());
		match consumer {
			HEAVY => of_heavy,
			MODERATION => Moderation::weight_of_result().min(of_heavy),
			_ => Weight::from_parts(10_000, 0),
		}
	}

	fn on_result(consumer: ConsumerId, ended: Ended) -> DispatchResult {
		if consumer == MODERATION {
			return Moderation::on_result(ended);
		}
		let Ended { job, fingerprint, reference, verdict, said, settlement } = ended;
		assert_eq!(fingerprint, super::job(job).fingerprint);
		let said = said.map(|said| said.output);
		unhashed::put(&key(consumer, job), &(reference, verdict, said, settlement.refunded));
		if consumer == CURIOUS {
			request_by(CURIOUS, reference + 1)?;
		}
		if consumer == STUBBORN && IS_STUBBORN.get() {
			return Err(REFUSED);
		}
		Ok(())
	}
}

fn key(consumer: ConsumerId, job: JobId) -> Vec<u8> {
	(b"heard", consumer, job).encode()
}

/// What the consumer has kept of the job: its reference, how the job ended, what was said and what was refunded.
pub fn heard(consumer: ConsumerId, job: JobId) -> Option<(u64, Verdict, Option<Output>, Balance)> {
	unhashed::get(&key(consumer, job))
}

/// The consumer asks "hello", and the requester pays.
pub fn request_by(consumer: ConsumerId, reference: u64) -> Result<Asked, DispatchError> {
	let asker = Asker { consumer, reference };
	<Inference as Asks>::request(asker, &requester(), model().id(), "hello".into(), all_seats(), Balance::MAX)
}

/// As `request_by`, of what must be taken.
pub fn requested(consumer: ConsumerId, reference: u64) -> JobId {
	request_by(consumer, reference).expect("the request is taken").job
}
