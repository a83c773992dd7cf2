//! The pallets that ask models, each by its own number. A number that is given is never another pallet's: jobs on their way name
//! it.

use crate::{weights, Feeds, Runtime};
use frame_support::weights::Weight;
use pallet_feeds::WeightInfo;
use sibyl_primitives::consumer::{ConsumerId, Ended, OnResult};
use sp_runtime::{DispatchError, DispatchResult};

/// The number of the feeds.
pub const FEEDS: ConsumerId = 1;

/// Brings each result to the pallet that asked.
pub struct Consumers;

impl OnResult for Consumers {
	fn weight(consumer: ConsumerId) -> Weight {
		match consumer {
			FEEDS => weights::pallet_feeds::WeightInfo::<Runtime>::on_result(),
			_ => Weight::zero(),
		}
	}

	fn on_result(consumer: ConsumerId, ended: Ended) -> DispatchResult {
		match consumer {
			FEEDS => Feeds::on_result(ended),
			_ => Err(DispatchError::Unavailable),
		}
	}
}
