//! The inference side of the running node: what [`crate::inference`] is made of, put together.

use super::{files::FilePlan, full::Node, FullBackend};
use crate::{
	cli::InferenceParams,
	error::Error,
	inference::{
		engine_service::{Capacity, EngineService},
		gossip::{self, OwnBallots, VoteValidator},
		insight::Insight,
		installed_models::InstalledModels,
		journal::Journal,
		mailbox::{Mailbox, NotifyingStorage},
		metrics::Metrics,
		models::{Choice, Models},
		pace::Times,
		pool::SharedPool,
		reports::report_equivocations,
		wake::{self, Waker, Wakes, WakingEvents},
		IsSyncing,
	},
};
use async_channel::Receiver;
use futures::FutureExt;
use sc_client_api::{Backend, HeaderBackend};
use sc_network::{
	config::FullNetworkConfiguration,
	service::{
		traits::{NetworkBackend, NetworkPeers},
		NotificationMetrics,
	},
	NotificationService, ProtocolName,
};
use sc_network_gossip::GossipEngine;
use sc_service::{Configuration, TaskManager};
use sc_transaction_pool_api::{OffchainTransactionPoolFactory, TransactionPool, TransactionSource};
use sibyl_engine_process::EngineProcess;
use sibyl_primitives::{mailbox::InferenceRequest, vote::VersionedBallot};
use sibyl_runtime::{opaque::Block, Hash};
use sibyl_votes::Bounds;
use sp_consensus::SyncOracle;
use std::{path::PathBuf, sync::Arc, time::Duration};
use substrate_prometheus_endpoint::Registry;

const LOG_TARGET: &str = "inference";

/// The tasks' group in the metrics.
const GROUP: &str = "inference";

/// Ballots that wait to be passed on: one of each validator.
const DUE_BALLOTS: usize = 256;

type OffchainStorage = <FullBackend as Backend<Block>>::OffchainStorage;

/// What the command line makes of the engine.
pub struct EnginePlan {
	engine: Arc<EngineProcess>,
	models: Models,
	capacity: Capacity,
	insight: Insight,
	files: FilePlan,
}

impl EnginePlan {
	/// An engine whose models are loaded when the chain names them, from files in `folder`. Checks the command line against
	/// what there may be.
	pub fn new(params: &InferenceParams, folder: PathBuf) -> Result<Self, Error> {
		let timeout = Duration::from_millis(params.inference_job_timeout);
		let engine = params.engine.engine(timeout).map_err(Error::EngineThreads)?;
		let source = InstalledModels::new(engine.clone(), folder.clone());
		let choice = Choice::new(&params.models, &source.known_names())?;
		let times = Times::of_this_chain();
		let insight = Insight::new(Some(engine.clone()));
		let files = FilePlan::new(params, folder, choice.clone(), insight.files().clone());
		let models = Models::new(Arc::new(source), choice, times);
		let capacity = Capacity {
			places: params.engine.inference_places.into(),
			queue: params.inference_queue,
			timeout,
			block: times.block,
			short_jobs_apart: true,
		};
		Ok(Self { engine, models, capacity, insight, files })
	}

	/// What the operator is told of the engine.
	pub fn insight(&self) -> Insight {
		self.insight.clone()
	}

	/// Models' files, from other nodes and for them.
	pub fn files(&self) -> FilePlan {
		self.files.clone()
	}
}

/// The protocol that votes travel by, before there is a network.
pub struct VoteProtocol {
	name: ProtocolName,
	notifications: Box<dyn NotificationService>,
}

impl VoteProtocol {
	/// Adds it to the network that is to be built.
	pub fn add_to<Network: NetworkBackend<Block, Hash>>(
		network: &mut FullNetworkConfiguration<Block, Hash, Network>,
		config: &Configuration,
		genesis: &Hash,
		metrics: NotificationMetrics,
	) -> Self {
		let name = gossip::protocol_name(genesis, config.chain_spec.fork_id());
		let (protocol, notifications) =
			gossip::protocol_config::<Network>(name.clone(), metrics, network.peer_store_handle());
		network.add_notification_protocol(protocol);
		Self { name, notifications }
	}

	/// Puts something between the network and what carries votes.
	pub fn wrapped(self, wrap: impl FnOnce(Box<dyn NotificationService>) -> Box<dyn NotificationService>) -> Self {
		Self { notifications: wrap(self.notifications), ..self }
	}
}

/// Votes, as the block author and gossip share them.
#[derive(Clone)]
pub struct Votes {
	/// The pool.
	pub pool: SharedPool,
	metrics: Metrics,
}

impl Votes {
	/// An empty pool, whose metrics go into the registry.
	pub fn new(registry: Option<&Registry>) -> Result<Self, Error> {
		let metrics = Metrics::new(registry).map_err(sc_service::Error::from)?;
		Ok(Self { pool: SharedPool::new(Bounds::default(), metrics.clone()), metrics })
	}
}

/// Which parts this node takes.
#[derive(Clone, Copy)]
pub struct Parts {
	/// Makes blocks, and so votes.
	pub is_authority: bool,
	/// Runs offchain workers, without which nothing is voted.
	pub runs_offchain_workers: bool,
}

/// Starts what carries votes, and what makes them where this node does.
pub fn spawn(
	task_manager: &TaskManager,
	node: &Node,
	parts: Parts,
	plan: EnginePlan,
	votes: Votes,
	protocol: VoteProtocol,
) -> Result<(), Error> {
	let storage = node
		.backend
		.offchain_storage()
		.ok_or_else(|| sc_service::Error::Other("the database has no offchain storage".into()))?;
	let (heard_storage, notices) = NotifyingStorage::new(storage.clone(), votes.metrics.clone());
	spawn_gossip(task_manager, node, &votes, protocol, notices.ballots);
	if parts.is_authority {
		spawn_reports(task_manager, node, &votes);
		spawn_journal(task_manager, node, &votes, plan.insight());
	}
	if !parts.runs_offchain_workers {
		if parts.is_authority {
			log::warn!(
				target: LOG_TARGET,
				"Offchain workers are off, so this validator answers no job: leave out --offchain-worker",
			);
		}
		return Ok(());
	}
	let (waker, wakes) = wake::waker(votes.metrics.clone());
	spawn_offchain_workers(task_manager, node, parts.is_authority, heard_storage, wakes)?;
	if parts.is_authority {
		spawn_engine(task_manager, node, plan, Mailbox::new(storage), waker, votes.metrics, notices.requests)?;
	}
	Ok(())
}

fn spawn_journal(task_manager: &TaskManager, node: &Node, votes: &Votes, insight: Insight) {
	let (client, keystore, metrics) = (node.client.clone(), node.keystore.clone(), votes.metrics.clone());
	let journal = Journal::<_, FullBackend>::new(client, keystore, metrics, is_syncing(node), insight);
	task_manager.spawn_handle().spawn("inference-journal", GROUP, journal.run());
}

/// Tells whether the node is far from the newest block.
pub fn is_syncing(node: &Node) -> IsSyncing {
	let sync = node.sync.clone();
	Arc::new(move || sync.is_major_syncing())
}

fn spawn_gossip(
	task_manager: &TaskManager,
	node: &Node,
	votes: &Votes,
	protocol: VoteProtocol,
	written: Receiver<VersionedBallot>,
) {
	let network = node.network.clone();
	let report = Box::new(move |peer, change| network.report_peer(peer, change));
	let validator = Arc::new(VoteValidator::new(node.genesis, votes.pool.clone(), votes.metrics.clone(), report));
	let engine = GossipEngine::new(
		node.network.clone(),
		node.sync.clone(),
		protocol.notifications,
		protocol.name,
		validator.clone(),
		node.registry.as_ref(),
	);
	let sync = node.sync.clone();
	let is_syncing = Box::new(move || sync.is_major_syncing());
	let own =
		OwnBallots::new(node.client.clone(), validator.clone(), votes.pool.clone(), votes.metrics.clone(), is_syncing);
	let (due_sender, due) = async_channel::bounded(DUE_BALLOTS);
	let spawner = task_manager.spawn_handle();
	spawner.spawn_blocking("inference-gossip", GROUP, gossip::run(engine, written, due, own));
	spawner.spawn_blocking("inference-keys", GROUP, gossip::follow_keys(node.client.clone(), validator));
	spawner.spawn_blocking(
		"inference-standings",
		GROUP,
		gossip::follow_standings(node.client.clone(), votes.pool.clone(), due_sender),
	);
}

/// Reports go into this node's own blocks, so they are an author's to make.
fn spawn_reports(task_manager: &TaskManager, node: &Node, votes: &Votes) {
	let (client, pool) = (node.client.clone(), node.pool.clone());
	let submit = move |report| {
		let (pool, best) = (pool.clone(), client.info().best_hash);
		async move { pool.submit_one(best, TransactionSource::Local, report).await.map(|_| ()) }
	};
	let reports = report_equivocations(votes.pool.equivocations(), votes.metrics.clone(), submit);
	task_manager.spawn_handle().spawn("inference-equivocation-reports", GROUP, reports);
}

fn spawn_offchain_workers(
	task_manager: &TaskManager,
	node: &Node,
	is_validator: bool,
	storage: NotifyingStorage<OffchainStorage>,
	wakes: Wakes,
) -> Result<(), Error> {
	let workers = sc_offchain::OffchainWorkers::new(sc_offchain::OffchainWorkerOptions {
		runtime_api_provider: node.client.clone(),
		keystore: Some(node.keystore.clone()),
		offchain_db: Some(storage),
		transaction_pool: Some(OffchainTransactionPoolFactory::new(node.pool.clone())),
		network_provider: Arc::new(node.network.clone()),
		is_validator,
		enable_http_requests: false,
		custom_extensions: |_| Vec::new(),
	})
	.map_err(|error| sc_service::Error::Other(format!("the offchain workers can't start: {error}")))?;
	let spawner = task_manager.spawn_handle();
	let events = WakingEvents::new(node.client.clone(), wakes, is_syncing(node), move |forwarding| {
		spawner.spawn("offchain-workers-wake", "offchain-worker", forwarding)
	});
	task_manager.spawn_handle().spawn(
		"offchain-workers-runner",
		"offchain-worker",
		workers.run(Arc::new(events), task_manager.spawn_handle()).boxed(),
	);
	Ok(())
}

fn spawn_engine(
	task_manager: &TaskManager,
	node: &Node,
	plan: EnginePlan,
	mailbox: Mailbox<OffchainStorage>,
	waker: Waker,
	metrics: Metrics,
	requests: Receiver<InferenceRequest>,
) -> Result<(), Error> {
	let EnginePlan { engine, models, capacity, insight, .. } = plan;
	let (client, is_syncing) = (node.client.clone(), is_syncing(node));
	let service = EngineService::new(client, mailbox, waker, engine, models, capacity, is_syncing, metrics, insight)
		.map_err(Error::EngineThreads)?;
	task_manager.spawn_handle().spawn_blocking("inference-engine", GROUP, service.run(requests));
	Ok(())
}
