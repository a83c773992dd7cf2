//! Jobs, told block by block.

use super::{error::Error, number::JobNumber, places::Places};
use crate::inference::IsSyncing;
use futures::{future::ready, stream, Stream, StreamExt};
use jsonrpsee::{proc_macros::rpc, PendingSubscriptionSink};
use sc_client_api::{BlockchainEvents, HeaderBackend};
use sc_rpc::{
	utils::{spawn_subscription_task, BoundedVecDeque, PendingSubscription},
	SubscriptionTaskExecutor,
};
use sibyl_primitives::{
	api::{InferenceApi as InferenceRuntimeApi, Lookup},
	job::JobId,
};
use sibyl_rpc_types::{Job, JobUpdate};
use sibyl_runtime::opaque::Block;
use sp_api::ProvideRuntimeApi;
use sp_runtime::traits::Header as _;
use std::sync::Arc;

/// What is told as it changes.
#[rpc(server, namespace = "inference")]
pub trait InferenceSubscriptionsApi {
	/// A job, now and at each best block that changes it, until it has ended in a final block. After a reorg it is told as
	/// the new best chain knows it, which may be not at all.
	#[subscription(name = "subscribeJob" => "job", unsubscribe = "unsubscribeJob", item = JobUpdate)]
	fn subscribe_job(&self, id: JobNumber);
}

/// Tells of the jobs of a chain.
pub struct InferenceSubscriptions<Client> {
	client: Arc<Client>,
	is_syncing: IsSyncing,
	executor: SubscriptionTaskExecutor,
	places: Places,
}

impl<Client> InferenceSubscriptions<Client> {
	/// Tells of this chain's.
	pub fn new(client: Arc<Client>, is_syncing: IsSyncing, executor: SubscriptionTaskExecutor, places: Places) -> Self {
		Self { client, is_syncing, executor, places }
	}
}

impl<Client> InferenceSubscriptionsApiServer for InferenceSubscriptions<Client>
where
	Client: ProvideRuntimeApi<Block> + HeaderBackend<Block> + BlockchainEvents<Block> + 'static,
	Client::Api: InferenceRuntimeApi<Block>,
{
	fn subscribe_job(&self, pending: PendingSubscriptionSink, JobNumber(id): JobNumber) {
		let job = self.client.runtime_api().job(self.client.info().finalized_hash, id);
		let accepted = match job {
			Ok(Lookup::Pruned) => Err(Error::PrunedJob(id)),
			_ => self.places.take(),
		};
		let place = match accepted {
			Ok(place) => place,
			Err(error) => {
				return spawn_subscription_task(&self.executor, async move { pending.reject(error).await });
			}
		};
		let updates = updates(self.client.clone(), self.is_syncing.clone(), id);
		// The place is free again when nobody is told any more.
		let updates = updates.map(move |update| {
			let _place = &place;
			update
		});
		let updates = updates.boxed();
		let told = PendingSubscription::from(pending).pipe_from_stream(updates, BoundedVecDeque::default());
		spawn_subscription_task(&self.executor, told);
	}
}

/// What was told last.
#[derive(Default)]
struct Told {
	job: Option<Option<Job>>,
	has_ended: bool,
}

fn updates<Client>(client: Arc<Client>, is_syncing: IsSyncing, id: JobId) -> impl Stream<Item = JobUpdate> + Send
where
	Client: ProvideRuntimeApi<Block> + HeaderBackend<Block> + BlockchainEvents<Block> + 'static,
	Client::Api: InferenceRuntimeApi<Block>,
{
	// The streams before the first look, so that no block is missed between.
	let imported = client.import_notification_stream().filter(|block| ready(block.is_new_best));
	let imported = imported.map(|block| (block.hash, *block.header.number(), false));
	let finalised = client.finality_notification_stream().map(|block| (block.hash, *block.header.number(), true));
	let info = client.info();
	let now = [(info.best_hash, info.best_number, false), (info.finalized_hash, info.finalized_number, true)];
	stream::iter(now)
		.chain(stream::select(imported, finalised))
		.scan(Told::default(), move |told, (block_hash, block_number, finalized)| {
			if told.has_ended {
				return ready(None);
			}
			let job = match client.runtime_api().job(block_hash, id) {
				Ok(Lookup::Found(job)) => Some(Job::from(job)),
				Ok(Lookup::Pruned) if finalized => {
					told.has_ended = true;
					return ready(Some(Some(JobUpdate { block_hash, block_number, finalized, job: None })));
				}
				// What a node knows that syncs, it may not know yet.
				Ok(_) if !is_syncing() => None,
				_ => return ready(Some(None)),
			};
			let has_ended = job.as_ref().is_some_and(|job| job.ended_at.is_some());
			let is_news = match finalized {
				true => has_ended,
				false => told.job.as_ref() != Some(&job),
			};
			if !is_news {
				return ready(Some(None));
			}
			told.has_ended = finalized;
			told.job = Some(job.clone());
			ready(Some(Some(JobUpdate { block_hash, block_number, finalized, job })))
		})
		.filter_map(ready)
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::inference::mock::MockChain;
	use crate::rpc::inference::tests::{ended_job, job, ID};
	use futures::FutureExt;
	use sibyl_primitives::{api::PhaseView, BlockNumber};

	struct Test {
		chain: Arc<MockChain>,
		updates: std::pin::Pin<Box<dyn Stream<Item = JobUpdate> + Send>>,
	}

	impl Test {
		/// At block 10, of which seven are final; the job is not there yet.
		fn new() -> Self {
			let chain = Arc::new(MockChain::new());
			chain.extend_silently(10);
			chain.state().finalised = 7;
			let updates = updates(chain.clone(), Arc::new(|| false), ID).boxed();
			Self { chain, updates }
		}

		fn next(&mut self) -> Option<(BlockNumber, bool, Option<String>)> {
			let update = self.updates.next().now_or_never()??;
			let phase = update.job.map(|job| serde_json::to_value(job.phase).expect("it is JSON").to_string());
			Some((update.block_number, update.finalized, phase))
		}

		fn known(&self, job: sibyl_primitives::api::JobView) {
			self.chain.state().jobs.insert(ID, Lookup::Found(job));
		}
	}

	#[test]
	fn each_change_is_told_once_and_the_end_again_when_it_is_final() {
		let mut test = Test::new();
		assert_eq!(test.next(), Some((10, false, None)), "no block knows it yet");
		assert_eq!(test.next(), None);
		test.known(job());
		test.chain.import_best(11);
		assert_eq!(test.next(), Some((11, false, Some("\"revealing\"".into()))));
		test.chain.import_best(12);
		assert_eq!(test.next(), None, "nothing has changed");
		test.known(ended_job());
		test.chain.import_best(13);
		assert_eq!(test.next(), Some((13, false, Some("\"ended\"".into()))));
		test.chain.finalise(13);
		assert_eq!(test.next(), Some((13, true, Some("\"ended\"".into()))));
		test.chain.import_best(14);
		assert_eq!(test.updates.next().now_or_never(), Some(None), "that was the last");
	}

	#[test]
	fn a_job_whose_retention_is_over_is_told_as_gone_for_good() {
		let mut test = Test::new();
		test.chain.state().jobs.insert(ID, Lookup::Pruned);
		assert_eq!(test.next(), Some((10, false, None)));
		assert_eq!(test.next(), Some((7, true, None)));
		test.chain.import_best(11);
		assert_eq!(test.updates.next().now_or_never(), Some(None), "that was the last");
	}

	#[test]
	fn a_job_that_a_reorg_takes_back_is_told_as_gone() {
		let mut test = Test::new();
		test.known(job());
		assert!(matches!(test.next(), Some((10, false, Some(_)))));
		test.chain.state().jobs.remove(&ID);
		test.chain.import_best(11);
		assert_eq!(test.next(), Some((11, false, None)));
		test.known(JobViewAt::pending());
		test.chain.import_best(12);
		assert_eq!(test.next(), Some((12, false, Some("\"pending\"".into()))));
	}

	struct JobViewAt;

	impl JobViewAt {
		fn pending() -> sibyl_primitives::api::JobView {
			sibyl_primitives::api::JobView { phase: PhaseView::Pending, ..job() }
		}
	}
}
