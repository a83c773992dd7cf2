//! Places for jobs that are open: so many in all, of which no key has more than half.

use super::{
	error::{ApiError, Retry},
	keys::{Holder, ANYONE},
};
use hyper::StatusCode;
use std::{
	collections::HashMap,
	sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// After how many seconds a place may be free again: a job takes some blocks.
const RETRY: u32 = 5;

/// The places of a gateway.
pub struct Places {
	free: Arc<Semaphore>,
	count: u32,
	by_key: Mutex<HashMap<String, Arc<Semaphore>>>,
}

/// A place for one job, until it is dropped.
#[derive(Debug)]
pub struct Seat {
	_of_all: OwnedSemaphorePermit,
	_of_key: OwnedSemaphorePermit,
}

impl Places {
	/// So many.
	pub fn new(count: u32) -> Self {
		Self { free: Arc::new(Semaphore::new(count as usize)), count, by_key: Mutex::default() }
	}

	/// How many one holder may have: half of them, so that no key can keep all others out. Without keys there are no others.
	pub fn of(&self, holder: &Holder) -> u32 {
		match holder.name == ANYONE {
			true => self.count,
			false => (self.count / 2).max(1),
		}
	}

	/// Places for so many jobs of a holder, or none.
	pub fn take(&self, holder: &Holder, count: usize) -> Result<Vec<Seat>, ApiError> {
		let most = self.of(holder);
		let of_key = {
			let mut by_key = self.by_key.lock().unwrap_or_else(PoisonError::into_inner);
			let new = || Arc::new(Semaphore::new(most as usize));
			by_key.entry(holder.name.clone()).or_insert_with(new).clone()
		};
		let own =
			|| full(format!("This API key has as many jobs open as it may at a time, {most}: wait for one to end"));
		let all = || {
			let open = self.count;
			full(format!("As many jobs are open as the gateway takes at a time, {open}: wait for one to end"))
		};
		let take = |_| {
			let of_all = self.free.clone().try_acquire_owned().map_err(|_| all())?;
			let of_key = of_key.clone().try_acquire_owned().map_err(|_| own())?;
			Ok(Seat { _of_all: of_all, _of_key: of_key })
		};
		(0..count).map(take).collect()
	}

	/// Waits until all are free.
	pub async fn all_free(&self) {
		// It is never closed, so they are had.
		let _all = self.free.acquire_many(self.count).await;
	}
}

fn full(message: String) -> ApiError {
	ApiError::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_exceeded", message).retry(Retry::After(RETRY))
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::gateway::ledger::anyone;
	use futures::FutureExt;

	fn key(name: &str) -> Holder {
		Holder { name: name.into(), limit: None }
	}

	#[test]
	fn one_key_should_leave_places_for_others() {
		let places = Places::new(4);
		let seats = places.take(&key("greedy"), 2).expect("half of them");
		let error = places.take(&key("greedy"), 1).expect_err("it has half");
		assert_eq!((error.status.as_u16(), error.retry), (429, Retry::After(RETRY)));
		assert!(error.message.contains("This API key"));
		let others = places.take(&key("other"), 2).expect("the other half");
		assert!(places.take(&key("third"), 1).expect_err("none is left").message.contains("the gateway takes"));
		drop((seats, others));
		places.take(&key("greedy"), 2).expect("they are free again");
	}

	#[test]
	fn who_is_alone_should_have_all_places_and_each_key_one_at_least() {
		assert_eq!(Places::new(4).take(&anyone(), 4).expect("all of them").len(), 4);
		assert_eq!(Places::new(1).take(&key("web"), 1).expect("the only one").len(), 1);
	}

	#[test]
	fn jobs_that_are_asked_together_should_have_all_their_places_or_none() {
		let places = Places::new(4);
		let seat = places.take(&key("web"), 1).expect("it is free");
		places.take(&key("web"), 2).expect_err("one is taken");
		places.take(&key("web"), 1).expect("the refused ones were given back");
		assert!(places.all_free().now_or_never().is_none(), "one is taken");
		drop(seat);
		places.all_free().now_or_never().expect("all are free");
	}
}
