//! What a node gives at most in some time, to each peer and to all together.

use sc_network::PeerId;
use std::{
	collections::HashMap,
	time::{Duration, Instant},
};

/// Peers that are remembered at most. A node is connected to far fewer; who comes back under another name is one more.
const MAX_PEERS: usize = 512;

/// So much a second, and so much at once after a pause.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
	/// Units a second.
	pub per_second: u64,
	/// Units at once.
	pub burst: u64,
}

/// What is left of a rate.
#[derive(Clone, Copy, Debug)]
struct Bucket {
	left: f64,
	at: Instant,
}

impl Bucket {
	fn full(rate: Rate, now: Instant) -> Self {
		Self { left: rate.burst as f64, at: now }
	}

	/// What has flowed in by now.
	fn at(self, rate: Rate, now: Instant) -> Self {
		let since = now.saturating_duration_since(self.at).as_secs_f64();
		Self { left: (self.left + since * rate.per_second as f64).min(rate.burst as f64), at: now }
	}

	/// How long until there is this much; none where there never is.
	fn lacks(&self, rate: Rate, cost: u64) -> Option<Duration> {
		let lacking = (cost as f64 - self.left).max(0.0);
		match lacking {
			0.0 => Some(Duration::ZERO),
			_ if rate.per_second == 0 || cost > rate.burst => None,
			lacking => Some(Duration::from_secs_f64(lacking / rate.per_second as f64)),
		}
	}
}

/// Why something is not given now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
	/// The peer has had its share: there is more after this time.
	Peer(Duration),
	/// All together have had theirs.
	All(Duration),
	/// There never is as much.
	Never,
}

/// A rate for each peer, and one for all together.
#[derive(Debug)]
pub struct Budget {
	each: Rate,
	all: Rate,
	peers: HashMap<PeerId, Bucket>,
	together: Bucket,
}

impl Budget {
	/// Nothing is spent yet.
	pub fn new(each: Rate, all: Rate, now: Instant) -> Self {
		Self { each, all, peers: HashMap::new(), together: Bucket::full(all, now) }
	}

	/// Takes this much for a peer, or nothing.
	pub fn take(&mut self, peer: PeerId, cost: u64, now: Instant) -> Result<(), Spent> {
		let together = self.together.at(self.all, now);
		match together.lacks(self.all, cost) {
			Some(Duration::ZERO) => {}
			Some(after) => return Err(Spent::All(after)),
			None => return Err(Spent::Never),
		}
		if !self.peers.contains_key(&peer) && self.peers.len() >= MAX_PEERS {
			self.forget_idle(now);
			if self.peers.len() >= MAX_PEERS {
				return Err(Spent::All(Duration::from_secs(1)));
			}
		}
		let each = self.each;
		let bucket = self.peers.entry(peer).or_insert_with(|| Bucket::full(each, now));
		*bucket = bucket.at(each, now);
		match bucket.lacks(each, cost) {
			Some(Duration::ZERO) => {}
			Some(after) => return Err(Spent::Peer(after)),
			None => return Err(Spent::Never),
		}
		bucket.left -= cost as f64;
		self.together = Bucket { left: together.left - cost as f64, ..together };
		Ok(())
	}

	/// Forgets peers that have all of their share again.
	fn forget_idle(&mut self, now: Instant) {
		let each = self.each;
		self.peers.retain(|_, bucket| bucket.at(each, now).left < each.burst as f64);
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	const SECOND: Duration = Duration::from_secs(1);

	fn budget(now: Instant) -> Budget {
		Budget::new(Rate { per_second: 10, burst: 20 }, Rate { per_second: 15, burst: 30 }, now)
	}

	#[test]
	fn a_peer_gets_its_share_and_more_as_time_goes_on() {
		let (start, peer) = (Instant::now(), PeerId::random());
		let mut budget = budget(start);
		assert_eq!(budget.take(peer, 20, start), Ok(()));
		assert_eq!(budget.take(peer, 5, start), Err(Spent::Peer(SECOND / 2)));
		assert_eq!(budget.take(peer, 5, start + SECOND / 2), Ok(()));
		assert_eq!(budget.take(peer, 21, start + 100 * SECOND), Err(Spent::Never));
	}

	#[test]
	fn all_together_get_no_more_than_there_is_however_many_they_are() {
		let start = Instant::now();
		let mut budget = budget(start);
		assert_eq!(budget.take(PeerId::random(), 20, start), Ok(()));
		assert_eq!(budget.take(PeerId::random(), 10, start), Ok(()));
		assert_eq!(budget.take(PeerId::random(), 15, start), Err(Spent::All(SECOND)));
		assert_eq!(budget.take(PeerId::random(), 15, start + SECOND), Ok(()));
	}

	#[test]
	fn what_one_is_refused_is_nobodys_expense() {
		let (start, greedy) = (Instant::now(), PeerId::random());
		let mut budget = budget(start);
		assert_eq!(budget.take(greedy, 20, start), Ok(()));
		for _ in 0..1_000 {
			assert!(matches!(budget.take(greedy, 10, start), Err(Spent::Peer(_))));
		}
		assert_eq!(budget.take(PeerId::random(), 10, start), Ok(()));
	}

	#[test]
	fn no_more_peers_are_remembered_than_there_is_room_for_and_idle_ones_make_room() {
		let start = Instant::now();
		let rate = |burst| Rate { per_second: 1, burst };
		let mut budget = Budget::new(rate(2), rate(1_000_000), start);
		for _ in 0..MAX_PEERS {
			assert_eq!(budget.take(PeerId::random(), 1, start), Ok(()));
		}
		assert_eq!(budget.take(PeerId::random(), 1, start), Err(Spent::All(SECOND)));
		assert_eq!(budget.take(PeerId::random(), 1, start + SECOND), Ok(()));
		assert_eq!(budget.peers.len(), 1);
	}

	#[test]
	fn where_nothing_is_given_nobody_waits_for_it() {
		let now = Instant::now();
		let none = Rate { per_second: 0, burst: 0 };
		assert_eq!(Budget::new(none, none, now).take(PeerId::random(), 1, now), Err(Spent::Never));
	}
}
