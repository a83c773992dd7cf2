//! The pool of votes that gossip, the block author and what follows the chain share.

use super::metrics::Metrics;
use async_channel::{Receiver, Sender};
use parking_lot::Mutex;
use sibyl_primitives::AccountId;
use sibyl_votes::{Bounds, Equivocation, HashedBallot, Insertion, Pool, Relay};
use std::sync::Arc;

/// Proofs of equivocations that wait to be reported. What finds no room is reported by other nodes.
const WAITING_EQUIVOCATIONS: usize = 64;

/// Clones are one pool.
#[derive(Clone)]
pub struct SharedPool {
	pool: Arc<Mutex<Pool>>,
	metrics: Metrics,
	arrivals: (Sender<()>, Receiver<()>),
	equivocations: (Sender<Equivocation>, Receiver<Equivocation>),
}

impl SharedPool {
	/// An empty pool.
	pub fn new(bounds: Bounds, metrics: Metrics) -> Self {
		Self {
			pool: Arc::new(Mutex::new(Pool::new(bounds))),
			metrics,
			arrivals: async_channel::bounded(1),
			equivocations: async_channel::bounded(WAITING_EQUIVOCATIONS),
		}
	}

	/// See [`Pool::insert`]. Tells those who listen that there is something to judge, and of equivocations.
	pub fn insert(&self, account: AccountId, ballot: HashedBallot, relay: Relay) -> Insertion {
		let (insertion, equivocations) =
			self.change(|pool| (pool.insert(account, ballot, relay), pool.take_equivocations()));
		for equivocation in equivocations {
			if self.equivocations.0.try_send(equivocation).is_err() {
				log::debug!(target: "inference::gossip", "An equivocation is not reported: others wait to be");
			}
		}
		if insertion == Insertion::Added && self.arrivals.0.try_send(()).is_err() {
			log::trace!(target: "inference::gossip", "The arrival of a ballot was told already");
		}
		insertion
	}

	/// Hears that ballots have come which are not judged yet. Several that come meanwhile are told of once.
	pub fn arrivals(&self) -> Receiver<()> {
		self.arrivals.1.clone()
	}

	/// Hears of validators that committed twice.
	pub fn equivocations(&self) -> Receiver<Equivocation> {
		self.equivocations.1.clone()
	}

	/// Lets a reader see the pool as it is now. The reader must not take long, since gossip and authorship wait for it.
	pub fn read<R>(&self, reader: impl FnOnce(&Pool) -> R) -> R {
		reader(&self.pool.lock())
	}

	/// Lets a writer change the pool, under the same condition.
	pub fn change<R>(&self, writer: impl FnOnce(&mut Pool) -> R) -> R {
		let mut pool = self.pool.lock();
		let result = writer(&mut pool);
		self.metrics.pool_ballots.set(pool.len() as u64);
		self.metrics.pool_bytes.set(pool.bytes() as u64);
		result
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::inference::mock::{account, ballot, registry_with_metrics, signed, value};
	use sibyl_primitives::vote::SignedBallot;

	fn insert(pool: &SharedPool, ballot: SignedBallot) -> Insertion {
		pool.insert(account(0), HashedBallot::new(ballot), Relay::Now)
	}

	#[test]
	fn the_metrics_show_how_much_there_is() {
		let (registry, metrics) = registry_with_metrics();
		let pool = SharedPool::new(Bounds::default(), metrics);
		insert(&pool, ballot(0, 5));
		insert(&pool, ballot(0, 6));
		let bytes = 2 * HashedBallot::new(ballot(0, 5)).bytes() as u64;
		let shown =
			|| [value(&registry, "inference_pool_ballots", None), value(&registry, "inference_pool_bytes", None)];
		assert_eq!(shown(), [2, bytes]);
		pool.change(|pool| pool.remove(&ballot(0, 5).id()));
		assert_eq!(shown(), [1, bytes / 2]);
	}

	#[test]
	fn arrivals_are_told_of_until_they_are_heard() {
		let pool = SharedPool::new(Bounds::default(), registry_with_metrics().1);
		let arrivals = pool.arrivals();
		insert(&pool, ballot(0, 5));
		insert(&pool, ballot(0, 6));
		assert!(arrivals.try_recv().is_ok() && arrivals.try_recv().is_err());
		insert(&pool, ballot(0, 6));
		assert!(arrivals.try_recv().is_err(), "it is known");
	}

	#[test]
	fn an_equivocation_is_told_of_once() {
		let pool = SharedPool::new(Bounds::default(), registry_with_metrics().1);
		let first = ballot(0, 5);
		let mut second = ballot(0, 6).ballot;
		second.commits[0].commitment = Default::default();
		let second = signed(0, second);
		for ballot in [&first, &second, &first, &second] {
			insert(&pool, ballot.clone());
		}
		let equivocations = pool.equivocations();
		assert_eq!(equivocations.try_recv().ok(), Some(Equivocation { first, second }));
		assert!(equivocations.try_recv().is_err());
	}
}
