//! How many clients are told of jobs and results.

use super::error::Error;
use std::sync::Arc;

/// Subscriptions of all clients together, each of which asks the runtime at each block.
const MAX_SUBSCRIPTIONS: usize = 256;

/// Places for subscriptions.
#[derive(Clone, Default)]
pub struct Places(Arc<()>);

/// A subscription's place, free again when this is dropped.
pub struct Place {
	_counted: Arc<()>,
}

impl Places {
	/// A place, if one is free.
	pub fn take(&self) -> Result<Place, Error> {
		// The two that all places have in common, for jobs and for results, are counted too.
		match Arc::strong_count(&self.0) < MAX_SUBSCRIPTIONS + 2 {
			true => Ok(Place { _counted: self.0.clone() }),
			false => Err(Error::TooManySubscriptions),
		}
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
