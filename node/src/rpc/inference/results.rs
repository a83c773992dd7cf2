//! Results, told block by block.

use super::{account, error::Error, places::Places};
use crate::inference::{events, IsSyncing};
use futures::{
	future::{poll_fn, ready},
	stream, Stream, StreamExt,
};
use jsonrpsee::{proc_macros::rpc, PendingSubscriptionSink};
use parking_lot::Mutex;
use sc_client_api::{Backend, BlockchainEvents, HeaderBackend, StorageProvider};
use sc_rpc::{
	utils::{spawn_subscription_task, BoundedVecDeque, PendingSubscription},
	SubscriptionTaskExecutor,
};
use serde::Deserialize;
use sibyl_primitives::{
	api::{InferenceApi as InferenceRuntimeApi, JobView, Lookup, PhaseView},
	job::{JobId, Verdict},
	model::ModelId,
	BlockNumber, Hash,
};
use sibyl_rpc_types::{address, BlockState, ResultChange, ResultsUpdate, Status};
use sibyl_runtime::{opaque::Block, RuntimeEvent};
use sp_api::ProvideRuntimeApi;
use sp_blockchain::{HashAndNumber, TreeRoute};
use sp_runtime::traits::Header as _;
use std::{collections::VecDeque, marker::PhantomData, sync::Arc, task::Poll};

/// Blocks whose results are kept for other subscriptions: each is told when it is best and when it is final.
const KEPT_BLOCKS: usize = 64;

/// Results as they come.
#[rpc(server, namespace = "inference")]
pub trait InferenceResultsApi {
	/// The results of each block from now on that has any: when it is on the best chain, when it is taken back, and when it is
	/// final.
	#[subscription(name = "subscribeResults" => "results", unsubscribe = "unsubscribeResults", item = ResultsUpdate)]
	fn subscribe_results(&self, filter: Option<Filter>);
}

/// Which results are told; all where nothing is said.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Filter {
	/// Those of this account's jobs, an SS58 address or `0x` and its key.
	requester: Option<String>,
	/// Those of this model.
	model: Option<ModelId>,
}

impl Filter {
	/// The same with the address as the node writes addresses.
	fn checked(self) -> Result<Self, Error> {
		let requester = self.requester.map(|requester| account("requester", &requester)).transpose()?;
		Ok(Self { requester: requester.as_ref().map(address), ..self })
	}

	fn takes(&self, result: &ResultChange) -> bool {
		self.requester.as_ref().is_none_or(|requester| *requester == result.requester)
			&& self.model.is_none_or(|model| model == result.model)
	}
}

type Results = Arc<Vec<ResultChange>>;

/// Tells of the results of a chain.
pub struct InferenceResults<Client, Database> {
	chain: Arc<Chain<Client, Database>>,
	executor: SubscriptionTaskExecutor,
	places: Places,
}

impl<Client, Database> InferenceResults<Client, Database> {
	/// Tells of this chain's.
	pub fn new(client: Arc<Client>, is_syncing: IsSyncing, executor: SubscriptionTaskExecutor, places: Places) -> Self {
		let chain = Arc::new(Chain { client, is_syncing, kept: Mutex::default(), _database: PhantomData });
		Self { chain, executor, places }
	}
}

impl<Client, Database> InferenceResultsApiServer for InferenceResults<Client, Database>
where
	Database: Backend<Block> + 'static,
	Client: ProvideRuntimeApi<Block>
		+ HeaderBackend<Block>
		+ BlockchainEvents<Block>
		+ StorageProvider<Block, Database>
		+ 'static,
	Client::Api: InferenceRuntimeApi<Block>,
{
	fn subscribe_results(&self, pending: PendingSubscriptionSink, filter: Option<Filter>) {
		let accepted = filter.unwrap_or_default().checked().and_then(|filter| Ok((filter, self.places.take()?)));
		let (filter, place) = match accepted {
			Ok(accepted) => accepted,
			Err(error) => {
				return spawn_subscription_task(&self.executor, async move { pending.reject(error).await });
			}
		};
		let chain = self.chain.clone();
		let updates = blocks(self.chain.client.as_ref())
			.then(turn)
			.filter_map(move |block| ready(chain.update(block, &filter)))
			// The place is free again when nobody is told any more.
			.map(move |update| {
				let _place = &place;
				update
			})
			.boxed();
		let told = PendingSubscription::from(pending).pipe_from_stream(updates, BoundedVecDeque::default());
		spawn_subscription_task(&self.executor, told);
	}
}

/// The same, once others have had their turn: after a long wait for finality many blocks come at once.
async fn turn<T>(what: T) -> T {
	let mut waited = false;
	poll_fn(|context| {
		if std::mem::replace(&mut waited, true) {
			return Poll::Ready(());
		}
		context.waker().wake_by_ref();
		Poll::Pending
	})
	.await;
	what
}

/// A block, its height where it is known, and what is new about it.
type Told = (Hash, Option<BlockNumber>, BlockState);

/// Blocks as they come, are taken back and become final.
fn blocks<Client: BlockchainEvents<Block>>(client: &Client) -> impl Stream<Item = Told> + Send {
	let imported = client.import_notification_stream().filter(|block| ready(block.is_new_best));
	let imported = imported.map(|block| of_new_best(block.tree_route.as_deref(), (block.hash, *block.header.number())));
	let finalised = client.finality_notification_stream().map(|block| {
		let before = block.tree_route.iter().map(|hash| (*hash, None, BlockState::Final));
		before.chain([(block.hash, Some(*block.header.number()), BlockState::Final)]).collect()
	});
	stream::select(imported, finalised).flat_map(stream::iter)
}

/// What a new best block makes of it and of those before, on the route to it from the best block so far.
fn of_new_best(route: Option<&TreeRoute<Block>>, (hash, number): (Hash, BlockNumber)) -> Vec<Told> {
	let (retracted, enacted) = route.map_or((&[][..], &[][..]), |route| (route.retracted(), route.enacted()));
	let told = |blocks: &[HashAndNumber<Block>], state| {
		blocks.iter().map(|block| (block.hash, Some(block.number), state)).collect::<Vec<_>>()
	};
	let mut blocks = told(retracted, BlockState::Retracted);
	blocks.extend(told(enacted, BlockState::Best));
	// The SDK's route ends before the new block.
	blocks.retain(|block| block.0 != hash);
	blocks.push((hash, Some(number), BlockState::Best));
	blocks
}

/// A chain's results, by its blocks.
struct Chain<Client, Database> {
	client: Arc<Client>,
	is_syncing: IsSyncing,
	/// The newest last.
	kept: Mutex<VecDeque<(Hash, Results)>>,
	_database: PhantomData<fn() -> Database>,
}

impl<Client, Database> Chain<Client, Database>
where
	Database: Backend<Block>,
	Client: ProvideRuntimeApi<Block> + HeaderBackend<Block> + StorageProvider<Block, Database>,
	Client::Api: InferenceRuntimeApi<Block>,
{
	fn update(&self, (block_hash, number, state): Told, filter: &Filter) -> Option<ResultsUpdate> {
		if (self.is_syncing)() {
			return None;
		}
		let results: Vec<_> = self.results(block_hash).iter().filter(|result| filter.takes(result)).cloned().collect();
		if results.is_empty() {
			return None;
		}
		let block_number = number.or_else(|| self.client.number(block_hash).ok().flatten())?;
		Some(ResultsUpdate { block_hash, block_number, state, results })
	}

	/// The results that a block brought. The first subscription that asks pays for all.
	fn results(&self, block: Hash) -> Results {
		let mut kept = self.kept.lock();
		if let Some((_, results)) = kept.iter().find(|(hash, _)| *hash == block) {
			return results.clone();
		}
		let mut jobs: Vec<_> =
			events::of(self.client.as_ref(), block).into_iter().filter_map(job_with_result).collect();
		jobs.sort_unstable();
		jobs.dedup();
		let found = |id| match self.client.runtime_api().job(block, id) {
			Ok(Lookup::Found(job)) => change(job),
			_ => None,
		};
		let results: Results = Arc::new(jobs.into_iter().filter_map(found).collect());
		if kept.len() == KEPT_BLOCKS {
			kept.pop_front();
		}
		kept.push_back((block, results.clone()));
		results
	}
}

/// The job of which this is news.
fn job_with_result(event: RuntimeEvent) -> Option<JobId> {
	use pallet_inference::Event::{Agreed, Audited, Settled};
	match event {
		RuntimeEvent::Inference(Agreed { job, .. } | Audited { job, .. }) => Some(job),
		// An agreement was told before.
		RuntimeEvent::Inference(Settled { job, verdict, .. }) => {
			(!matches!(verdict, Verdict::Agreed | Verdict::Failed(_))).then_some(job)
		}
		_ => None,
	}
}

fn change(job: JobView) -> Option<ResultChange> {
	let status = match (&job.phase, &job.agreed) {
		(PhaseView::Ended { verdict, .. }, _) => (*verdict).into(),
		(_, Some(_)) => Status::Agreed,
		(_, None) => return None,
	};
	Some(ResultChange {
		id: job.id,
		fingerprint: job.fingerprint,
		requester: address(&job.requester),
		model: job.model,
		status,
		output_hash: job.agreed.map(|agreed| agreed.output_hash),
		audit: job.audit.into(),
	})
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::inference::mock::account as numbered;
	use crate::rpc::inference::tests::{ended_job, job, ID};
	use pallet_inference::Event;
	use sibyl_primitives::api::{AgreementView, AuditView, Support};

	#[test]
	fn a_reorg_should_take_back_the_old_blocks_before_it_tells_the_new_ones() {
		let block = |number: u64, fork: u8| HashAndNumber { hash: Hash::repeat_byte(fork), number: number as u32 };
		let route = vec![block(12, 0x12), block(11, 0x11), block(10, 0x10), block(11, 0x21)];
		let route = TreeRoute::new(route, 2).expect("the third is in it");
		let new = (Hash::repeat_byte(0x22), 12);
		let told = of_new_best(Some(&route), new);
		let told: Vec<_> = told.into_iter().map(|(hash, number, state)| (hash.0[0], number, state)).collect();
		let expected = [
			(0x12, Some(12), BlockState::Retracted),
			(0x11, Some(11), BlockState::Retracted),
			(0x21, Some(11), BlockState::Best),
			(0x22, Some(12), BlockState::Best),
		];
		assert_eq!(told, expected);
		assert_eq!(of_new_best(None, new), [(new.0, Some(12), BlockState::Best)]);
	}

	#[test]
	fn each_result_should_be_told_once_and_its_audit_when_that_is_over() {
		let settled = |verdict| {
			RuntimeEvent::Inference(Event::Settled {
				job: ID,
				verdict,
				paid: 1,
				refunded: 0,
				author_share: 0,
				protocol_share: 0,
			})
		};
		for verdict in [Verdict::NoQuorum, Verdict::Expired, Verdict::Cancelled] {
			assert_eq!(job_with_result(settled(verdict)), Some(ID));
		}
		let refused = Verdict::Failed(sibyl_primitives::job::Refusal::ContextExceeded);
		for verdict in [Verdict::Agreed, refused] {
			assert_eq!(job_with_result(settled(verdict)), None, "its agreement was told");
		}
		let audited = Event::Audited { job: ID, audit: AuditView::Confirmed };
		assert_eq!(job_with_result(RuntimeEvent::Inference(audited)), Some(ID));
		assert_eq!(job_with_result(RuntimeEvent::Inference(Event::Pruned { job: ID })), None);
	}

	#[test]
	fn a_result_should_say_whose_it_is_and_which() {
		assert_eq!(change(job()), None, "it is open");
		let agreement = AgreementView {
			output_hash: Hash::repeat_byte(5),
			at: 8,
			support: Support { round: 0, seats: 5, agreed: 4, serving: 9 },
		};
		let agreed = change(JobView { agreed: Some(agreement), ..job() }).expect("it is agreed, and not settled");
		assert_eq!((agreed.status, agreed.output_hash), (Status::Agreed, Some(Hash::repeat_byte(5))));
		let expired = PhaseView::Ended { verdict: Verdict::Expired, at: 8 };
		let expired = change(JobView { phase: expired, ..ended_job() }).expect("it has ended");
		assert_eq!((expired.status, expired.output_hash), (Status::Expired, None));
		assert_eq!((expired.id, expired.requester), (ID, address(&numbered(9))));
	}

	#[test]
	fn a_filter_should_take_an_account_however_it_is_written_and_refuse_what_is_none() {
		let result = change(ended_job()).expect("it has ended");
		let filter = |requester: Option<String>, model| Filter { requester, model }.checked();
		let key = format!("0x{}", sp_core::hexdisplay::HexDisplay::from(AsRef::<[u8; 32]>::as_ref(&numbered(9))));
		for requester in [address(&numbered(9)), key] {
			assert!(filter(Some(requester), None).expect("it is an account").takes(&result));
		}
		assert!(!filter(Some(address(&numbered(8))), None).expect("it is an account").takes(&result));
		assert!(filter(None, Some(result.model)).expect("it is empty").takes(&result));
		assert!(!filter(None, Some(Hash::zero())).expect("it is empty").takes(&result));
		assert!(matches!(filter(Some("me".into()), None), Err(Error::InvalidParameter { parameter: "requester", .. })));
	}
}
