//! Feeds as pallets and the runtime API read them.

use super::*;
use alloc::vec::Vec;
use sibyl_primitives::feed::{FeedPage, FeedReader, FeedView, MAX_LISTED_FEEDS};

impl<T: Config> FeedReader for Pallet<T> {
	fn latest(feed: FeedId) -> Option<Latest> {
		Answers::<T>::get(feed)
	}
}

impl<T: Config> Pallet<T> {
	/// A feed with its latest answer.
	pub fn feed_view(id: FeedId) -> Option<FeedView> {
		let feed = Feeds::<T>::get(id)?;
		let Question { input, options } = Questions::<T>::get(id)?;
		Some(FeedView {
			id,
			owner: feed.owner,
			model: feed.model,
			input,
			options,
			interval: feed.interval,
			max_fee: feed.max_fee,
			round_fee: Self::round_fee(feed.bytes),
			funds: feed.funds,
			deposit: feed.deposit,
			created_at: feed.created_at,
			next_at: feed.next_at,
			asked: feed.asked,
			open_job: feed.open_job,
			latest: Answers::<T>::get(id),
		})
	}

	/// Feeds by their numbers, from this one on.
	pub fn feeds_view(from: FeedId, limit: u32) -> FeedPage {
		let mut ids: Vec<_> = Feeds::<T>::iter_keys().filter(|id| *id >= from).collect();
		ids.sort_unstable();
		let limit = limit.min(MAX_LISTED_FEEDS) as usize;
		let next = ids.get(limit).copied();
		FeedPage { feeds: ids.into_iter().take(limit).filter_map(Self::feed_view).collect(), next }
	}
}
