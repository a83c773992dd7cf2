//! Runs the offchain worker again when there is something new for it.
//!
//! The SDK runs the worker once per best block. An answer that comes between two blocks would wait for the second, so
//! the worker is given block notifications of its own: the chain's, and the best block's again at each wake.
//!
//! A wake runs the worker only at a best block that the SDK told of. While the node catches up, blocks become best that
//! nobody is told of: their jobs are long over, and what the worker would vote there is of no use. Such a wake is dropped,
//! as the worker runs at the next block that counts anyway.

use super::{metrics::Metrics, IsSyncing};
use async_channel::{Receiver, Sender};
use futures::{
	future::{BoxFuture, Fuse, FusedFuture},
	FutureExt, StreamExt,
};
use futures_timer::Delay;
use sc_client_api::{
	BlockImportNotification, BlockchainEvents, FinalityNotifications, HeaderBackend, ImportNotifications,
	StorageEventStream,
};
use sc_utils::mpsc::{tracing_unbounded, TracingUnboundedSender};
use sibyl_runtime::{opaque::Block, Hash};
use sp_core::storage::StorageKey;
use std::{sync::Arc, time::Duration};

/// Notifications that wait before a line is logged; the worker's manager takes them at once.
const QUEUE_WARNING: usize = 1000;

/// Asks for a run of the worker.
#[derive(Clone)]
pub struct Waker {
	wakes: Sender<()>,
	metrics: Metrics,
}

impl Waker {
	/// Asks for one more run. Several that are asked for before it begins are one.
	pub fn wake(&self) {
		// A full channel holds the wake that this one would be.
		if self.wakes.try_send(()).is_ok() {
			self.metrics.wakes.inc();
		}
	}
}

/// What runs the worker when a [`Waker`] says so.
pub struct Wakes(Receiver<()>);

#[cfg(test)]
impl Wakes {
	/// Takes a wake that waits.
	pub fn take(&self) -> bool {
		self.0.try_recv().is_ok()
	}
}

/// A waker and what it wakes.
pub fn waker(metrics: Metrics) -> (Waker, Wakes) {
	let (wakes, heard) = async_channel::bounded(1);
	(Waker { wakes, metrics }, Wakes(heard))
}

/// The least time between two runs that wakes ask for. The first answer of a burst is voted on at once; those that follow
/// within this time share a run and a ballot, since other nodes take only so many ballots of a validator in a block.
const PAUSE: Duration = Duration::from_millis(300);

type Spawn = Box<dyn Fn(BoxFuture<'static, ()>) + Send + Sync>;

/// The chain's events, for one that is to be woken between blocks.
pub struct WakingEvents<Client> {
	client: Arc<Client>,
	wakes: Receiver<()>,
	is_syncing: IsSyncing,
	pause: Duration,
	spawn: Spawn,
}

impl<Client> WakingEvents<Client> {
	/// Events of the chain and wakes, which are dropped while the node is syncing; `spawn` runs what joins the two.
	pub fn new(
		client: Arc<Client>,
		wakes: Wakes,
		is_syncing: IsSyncing,
		spawn: impl Fn(BoxFuture<'static, ()>) + Send + Sync + 'static,
	) -> Self {
		Self { client, wakes: wakes.0, is_syncing, pause: PAUSE, spawn: Box::new(spawn) }
	}
}

impl<Client> BlockchainEvents<Block> for WakingEvents<Client>
where
	Client: BlockchainEvents<Block> + HeaderBackend<Block> + 'static,
{
	fn import_notification_stream(&self) -> ImportNotifications<Block> {
		let (sender, receiver) = tracing_unbounded("mpsc_inference_worker_runs", QUEUE_WARNING);
		let imports = self.client.import_notification_stream();
		let (client, wakes) = (self.client.clone(), self.wakes.clone());
		(self.spawn)(Box::pin(forward(client, imports, wakes, self.is_syncing.clone(), self.pause, sender)));
		receiver
	}

	fn every_import_notification_stream(&self) -> ImportNotifications<Block> {
		self.client.every_import_notification_stream()
	}

	fn finality_notification_stream(&self) -> FinalityNotifications<Block> {
		self.client.finality_notification_stream()
	}

	fn storage_changes_notification_stream(
		&self,
		filter_keys: Option<&[StorageKey]>,
		child_filter_keys: Option<&[(StorageKey, Option<Vec<StorageKey>>)]>,
	) -> sp_blockchain::Result<StorageEventStream<Hash>> {
		self.client.storage_changes_notification_stream(filter_keys, child_filter_keys)
	}
}

/// Passes imports on at once, and the best block again at wakes, until the chain or the worker is gone.
async fn forward<Client: HeaderBackend<Block>>(
	client: Arc<Client>,
	imports: ImportNotifications<Block>,
	wakes: Receiver<()>,
	is_syncing: IsSyncing,
	pause: Duration,
	runs: TracingUnboundedSender<BlockImportNotification<Block>>,
) {
	// The notification keeps its block's state from being pruned: one block's at a time.
	let mut best: Option<BlockImportNotification<Block>> = None;
	let mut imports = imports.fuse();
	let mut wakes = wakes.fuse();
	let mut paused = Fuse::terminated();
	loop {
		let import = if paused.is_terminated() {
			futures::select_biased! {
				import = imports.next() => Some(import),
				() = wakes.select_next_some() => None,
			}
		} else {
			futures::select_biased! {
				import = imports.next() => Some(import),
				() = paused => continue,
			}
		};
		let run = match import {
			Some(Some(import)) => {
				if import.is_new_best {
					best = Some(import.clone());
				}
				Some(import)
			}
			Some(None) => return,
			None => {
				if !pause.is_zero() {
					paused = Delay::new(pause).fuse();
				}
				// The best block, where it was told of and others know no newer one.
				let hash = client.info().best_hash;
				best.clone().filter(|best| best.hash == hash && !is_syncing())
			}
		};
		if run.is_some_and(|run| runs.unbounded_send(run).is_err()) {
			return;
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::inference::mock::{metrics, MockChain};
	use futures::{executor::LocalPool, task::LocalSpawnExt};
	use sp_runtime::traits::Header as _;
	use std::sync::atomic::{AtomicBool, Ordering};

	/// The worker's runs, by the heights they are at.
	struct Runs {
		pool: LocalPool,
		runs: ImportNotifications<Block>,
		is_syncing: Arc<AtomicBool>,
	}

	impl Runs {
		fn of(chain: &Arc<MockChain>, wakes: Wakes) -> Self {
			Self::with_pause(chain, wakes, Duration::ZERO)
		}

		fn with_pause(chain: &Arc<MockChain>, wakes: Wakes, pause: Duration) -> Self {
			let pool = LocalPool::new();
			let (futures, spawned) = async_channel::unbounded();
			let is_syncing = Arc::new(AtomicBool::new(false));
			let syncing = is_syncing.clone();
			let asked: IsSyncing = Arc::new(move || syncing.load(Ordering::Relaxed));
			let mut events = WakingEvents::new(chain.clone(), wakes, asked, move |future| {
				futures.try_send(future).expect("the test takes the future");
			});
			events.pause = pause;
			let runs = events.import_notification_stream();
			pool.spawner()
				.spawn_local(spawned.try_recv().expect("the forwarding is spawned at once"))
				.expect("the pool is there");
			Self { pool, runs, is_syncing }
		}

		fn heights(&mut self) -> Vec<u32> {
			self.pool.run_until_stalled();
			std::iter::from_fn(|| self.runs.try_recv().ok()).map(|run| *run.header.number()).collect()
		}
	}

	#[test]
	fn imports_are_passed_on() {
		let chain = Arc::new(MockChain::new());
		let (_waker, wakes) = waker(metrics());
		let mut runs = Runs::of(&chain, wakes);
		chain.import_best(1);
		chain.import_best(2);
		assert_eq!(runs.heights(), [1, 2]);
	}

	#[test]
	fn a_wake_runs_the_worker_at_the_best_block_again() {
		let chain = Arc::new(MockChain::new());
		let (waker, wakes) = waker(metrics());
		let mut runs = Runs::of(&chain, wakes);
		chain.import_best(1);
		assert_eq!(runs.heights(), [1]);
		waker.wake();
		assert_eq!(runs.heights(), [1]);
	}

	#[test]
	fn a_wake_at_a_block_that_nobody_was_told_of_is_dropped() {
		let chain = Arc::new(MockChain::new());
		let (waker, wakes) = waker(metrics());
		let mut runs = Runs::of(&chain, wakes);
		waker.wake();
		assert!(runs.heights().is_empty(), "the head of the last start is old");
		chain.import_best(1);
		assert_eq!(runs.heights(), [1]);
		// During a sync, blocks become best without a notification.
		chain.extend_silently(5);
		waker.wake();
		assert!(runs.heights().is_empty());
	}

	#[test]
	fn a_wake_while_the_node_is_syncing_is_dropped() {
		let chain = Arc::new(MockChain::new());
		let (waker, wakes) = waker(metrics());
		let mut runs = Runs::of(&chain, wakes);
		chain.import_best(1);
		assert_eq!(runs.heights(), [1]);
		runs.is_syncing.store(true, Ordering::Relaxed);
		waker.wake();
		assert!(runs.heights().is_empty());
		runs.is_syncing.store(false, Ordering::Relaxed);
		waker.wake();
		assert_eq!(runs.heights(), [1]);
	}

	#[test]
	fn wakes_that_wait_are_one() {
		let chain = Arc::new(MockChain::new());
		let metrics = metrics();
		let (waker, wakes) = waker(metrics.clone());
		let mut runs = Runs::of(&chain, wakes);
		chain.import_best(1);
		assert_eq!(runs.heights(), [1]);
		for _ in 0..5 {
			waker.wake();
		}
		assert_eq!(runs.heights(), [1]);
		assert_eq!(metrics.wakes.get(), 1);
	}

	#[test]
	fn a_wake_soon_after_another_waits_and_an_import_does_not() {
		let chain = Arc::new(MockChain::new());
		let (waker, wakes) = waker(metrics());
		let mut runs = Runs::with_pause(&chain, wakes, Duration::from_secs(3600));
		chain.import_best(1);
		assert_eq!(runs.heights(), [1]);
		waker.wake();
		assert_eq!(runs.heights(), [1]);
		waker.wake();
		assert!(runs.heights().is_empty());
		chain.import_best(2);
		assert_eq!(runs.heights(), [2]);
	}

	#[test]
	fn without_anyone_to_wake_it_the_worker_runs_at_imports() {
		let chain = Arc::new(MockChain::new());
		let (waker, wakes) = waker(metrics());
		let mut runs = Runs::of(&chain, wakes);
		drop(waker);
		assert!(runs.heights().is_empty());
		chain.import_best(1);
		assert_eq!(runs.heights(), [1]);
	}

	#[test]
	fn the_forwarding_ends_with_the_worker() {
		let chain = Arc::new(MockChain::new());
		let (waker, wakes) = waker(metrics());
		let Runs { mut pool, runs, .. } = Runs::of(&chain, wakes);
		drop(runs);
		chain.import_best(1);
		waker.wake();
		pool.run();
	}
}
