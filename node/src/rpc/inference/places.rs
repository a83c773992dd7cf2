//! How many clients are told of jobs and results.

use super::error::Error;
use std::sync::{
	atomic::{AtomicUsize, Ordering},
	Arc,
};

/// Subscriptions of all clients together, each of which asks the runtime at each block.
const MAX_SUBSCRIPTIONS: usize = 256;

/// Places for subscriptions. Clones share them.
#[derive(Clone, Default)]
pub struct Places(Arc<AtomicUsize>);

/// A subscription's place, free again when this is dropped.
pub struct Place(Arc<AtomicUsize>);

impl Places {
	/// A place, if one is free.
	pub fn take(&self) -> Result<Place, Error> {
		let one_more = |taken| (taken < MAX_SUBSCRIPTIONS).then_some(taken + 1);
		match self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more) {
			Ok(_) => Ok(Place(self.0.clone())),
			Err(_) => Err(Error::TooManySubscriptions),
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
		let jobs = Places::default();
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
}
