//! The invariants of the pallet's docs.

#![cfg(any(test, feature = "try-runtime"))]

use super::*;
use alloc::collections::BTreeMap;
use frame_support::{
	ensure,
	traits::{fungible::InspectHold, Get},
};

impl<T: Config> Pallet<T> {
	/// Checks the invariants; says which does not hold.
	pub fn check_invariants() -> Result<(), &'static str> {
		let mut owners = BTreeMap::<AccountId, (u32, Balance)>::new();
		let mut entries = BTreeMap::<FeedId, BlockNumber>::new();
		for (block, feeds) in Agenda::<T>::iter() {
			ensure!(block >= AgendaFront::<T>::get(), "feeds 2: the agenda passed over a block");
			ensure!(!feeds.is_empty(), "feeds 2: an empty block is kept");
			for id in feeds {
				ensure!(entries.insert(id, block).is_none(), "feeds 2: a feed has two entries");
			}
		}
		for (id, feed) in Feeds::<T>::iter() {
			ensure!(entries.remove(&id) == Some(feed.next_at), "feeds 2: a feed has no entry at its next round");
			ensure!(Questions::<T>::contains_key(id), "feeds 4: a feed asks nothing");
			let (feeds, held) = owners.entry(feed.owner.clone()).or_default();
			*feeds += 1;
			*held += feed.held();
		}
		ensure!(entries.is_empty(), "feeds 2: an entry of no feed");
		ensure!(
			Questions::<T>::iter_keys().chain(Answers::<T>::iter_keys()).all(Feeds::<T>::contains_key),
			"feeds 4: a question or an answer outlived its feed"
		);
		let counts: BTreeMap<_, _> = Owners::<T>::iter().collect();
		let counted: BTreeMap<_, _> = owners.iter().map(|(owner, (feeds, _))| (owner.clone(), *feeds)).collect();
		ensure!(counts == counted, "feeds 3: an account's count is wrong");
		ensure!(
			counts.values().all(|feeds| *feeds <= T::MaxFeedsPerAccount::get()),
			"feeds 3: an account has too many feeds"
		);
		ensure!(Feeds::<T>::count() == counts.values().sum::<u32>(), "feeds 3: the count of feeds is wrong");
		ensure!(Feeds::<T>::count() <= T::MaxFeeds::get(), "feeds 3: there are too many feeds");
		for (owner, (_, held)) in owners {
			ensure!(
				T::Currency::balance_on_hold(&HoldReason::Feed.into(), &owner) == held,
				"feeds 1: what is held is not the sum of the feeds' funds and deposits"
			);
		}
		Ok(())
	}
}
