//! How many clients are served at a time where each costs the node something: who is told of jobs and results, and who gets
//! receipts.

use super::error::Error;
use std::sync::{
	atomic::{AtomicUsize, Ordering},
	Arc,
};

/// Subscriptions of all clients together, each of which asks the runtime at each block.
const MAX_SUBSCRIPTIONS: usize = 256;
/// Receipts that are made at a time: each has megabytes on an old chain, and the proof is made by one thread alone.
const MAX_RECEIPTS: usize = 2;

/// Places for what costs something. Clones share them.
#[derive(Clone)]
pub struct Places {
	taken: Arc<AtomicUsize>,
	count: usize,
	full: Error,
}

/// A place, free again when this is dropped.
pub struct Place(Arc<AtomicUsize>);

impl Places {
	/// For subscriptions.
	pub fn for_subscriptions() -> Self {
		Self { taken: Arc::default(), count: MAX_SUBSCRIPTIONS, full: Error::TooManySubscriptions }
	}

	/// For receipts.
	pub fn for_receipts() -> Self {
		Self { taken: Arc::default(), count: MAX_RECEIPTS, full: Error::TooManyReceipts }
	}

	/// A place, if one is free.
	pub fn take(&self) -> Result<Place, Error> {
		let one_more = |taken| (taken < self.count).then_some(taken + 1);
		match self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more) {
			Ok(_) => Ok(Place(self.taken.clone())),
			Err(_) => Err(self.full.clone()),
		}
	}
}

impl Drop for Place {
	fn drop(&mut self) {
		self.0.fetch_sub(1, Ordering::Relaxed);
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn there_should_be_so_many_places_and_one_again_when_one_is_left() {
		let jobs = Places::for_subscriptions();
		let results = jobs.clone();
		let mut taken = Vec::new();
		while let Ok(place) = if taken.len() < 100 { jobs.take() } else { results.take() } {
			taken.push(place);
		}
		assert_eq!(taken.len(), MAX_SUBSCRIPTIONS);
		assert!(matches!(jobs.take(), Err(Error::TooManySubscriptions)));
		taken.pop();
		assert!(results.take().is_ok());
	}

	#[test]
	fn receipts_should_have_places_of_their_own() {
		let places = Places::for_receipts();
		let taken: Vec<_> = (0..MAX_RECEIPTS).map(|_| places.take().expect("it is free")).collect();
		assert!(matches!(places.take(), Err(Error::TooManyReceipts)));
		drop(taken);
		assert!(places.take().is_ok());
	}
}
