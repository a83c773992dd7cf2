//! The running node, put together in two steps: what is there before anything is done, and what does something.

use super::{
	clock::WatchedQueue,
	equivocation, farewell,
	files::{self, FileProtocol},
	inference::{self, EnginePlan, VoteProtocol, Votes},
	inherents, lonely,
	partial::{new_partial, Partial, JUSTIFICATION_PERIOD},
	session_keys,
	warp::WarpSync,
	BabeBlockImport, FullBackend, FullClient, FullPool, FullSelectChain, GrandpaLink,
};
use crate::{
	cli::InferenceParams,
	error::Error,
	inference::{insight::Insight, pool::SharedPool},
	receipt::WarpProofs,
	rpc,
};
use futures::StreamExt;
use sc_chain_spec::ChainType;
use sc_client_api::BlockBackend;
use sc_consensus_babe::{BabeWorkerHandle, SlotProportion};
use sc_consensus_grandpa::SharedVoterState;
use sc_network::{
	config::{FullNetworkConfiguration, NetworkBackendType},
	service::traits::{NetworkBackend, NetworkPeers, NetworkService},
	Event, NotificationService,
};
use sc_network_sync::SyncingService;
use sc_rpc::SubscriptionTaskExecutor;
use sc_service::{Configuration, SpawnTaskHandle, TaskManager, WarpSyncConfig};
use sc_storage_monitor::{StorageMonitorParams, StorageMonitorService};
use sc_telemetry::TelemetryHandle;
use sc_transaction_pool_api::OffchainTransactionPoolFactory;
use sibyl_runtime::{opaque::Block, Hash};
use sp_consensus::{Environment, Proposer};
use sp_keystore::KeystorePtr;
use std::{
	path::{Path, PathBuf},
	sync::Arc,
	time::Duration,
};
use substrate_prometheus_endpoint::Registry;

/// The share of a slot in which a block is made: the rest is for it to travel and be imported.
const PROPOSAL_SLOT_PORTION: f32 = 0.5;

/// How long a GRANDPA message takes through the network, at most. A round waits for two such times before its prevotes
/// and for four before its precommits.
const GOSSIP_DURATION: Duration = Duration::from_millis(333);

/// Makes what goes into this node's blocks, of its pending transactions and its votes.
pub type UsualEnvironment = sc_basic_authorship::ProposerFactory<FullPool, FullClient>;

/// Puts the node together on the network library that the command line chose.
pub fn assemble(
	config: Configuration,
	inference: &InferenceParams,
	models: PathBuf,
	storage_monitor: StorageMonitorParams,
) -> Result<Assembly, Error> {
	// A signal that comes while the node starts is obeyed once it has started.
	farewell::say_why();
	let plan = EnginePlan::new(inference, models)?;
	let database = config.database.path().map(Path::to_path_buf);
	let assembly = match config.network.network_backend {
		NetworkBackendType::Libp2p => assemble_on::<sc_network::NetworkWorker<Block, Hash>>(config, plan)?,
		NetworkBackendType::Litep2p => assemble_on::<sc_network::Litep2pNetworkBackend>(config, plan)?,
	};
	if let Some(path) = database {
		StorageMonitorService::try_spawn(storage_monitor, path, &assembly.task_manager.spawn_essential_handle())?;
	}
	Ok(assembly)
}

/// What the parts of a running node share.
pub struct Node {
	/// The chain.
	pub client: Arc<FullClient>,
	/// Its database.
	pub backend: Arc<FullBackend>,
	/// The pending transactions.
	pub pool: Arc<FullPool>,
	pub(super) select_chain: FullSelectChain,
	/// The node's secret keys.
	pub keystore: KeystorePtr,
	/// The network.
	pub network: Arc<dyn NetworkService>,
	pub(super) sync: Arc<SyncingService<Block>>,
	/// The chain's first block.
	pub genesis: Hash,
	pub(super) warp_proofs: WarpProofs,
	pub(super) registry: Option<Registry>,
	pub(super) telemetry: Option<TelemetryHandle>,
}

/// A node that is put together: it syncs and answers RPC, and carries no votes, makes none and makes no blocks yet.
pub struct Assembly {
	task_manager: TaskManager,
	node: Node,
	parts: inference::Parts,
	plan: EnginePlan,
	votes: Votes,
	vote_protocol: VoteProtocol,
	file_protocol: FileProtocol,
	authorship: Authorship,
	discovery: sc_authority_discovery::WorkerConfig,
	finality: Option<Finality>,
}

/// What makes blocks, beside what they are made of.
struct Authorship {
	block_import: BabeBlockImport,
	babe_link: sc_consensus_babe::BabeLink<Block>,
	force: bool,
}

/// What votes on finality.
struct Finality {
	config: sc_consensus_grandpa::Config,
	link: GrandpaLink,
	notifications: Box<dyn NotificationService>,
	voter_state: SharedVoterState,
}

impl Assembly {
	/// What its parts share.
	pub fn node(&self) -> &Node {
		&self.node
	}

	/// Runs tasks beside the node's own, which end with it.
	pub fn spawn_handle(&self) -> SpawnTaskHandle {
		self.task_manager.spawn_handle()
	}

	/// Puts something between the network and what carries votes.
	pub fn with_vote_notifications(
		self,
		wrap: impl FnOnce(Box<dyn NotificationService>) -> Box<dyn NotificationService>,
	) -> Self {
		Self { vote_protocol: self.vote_protocol.wrapped(wrap), ..self }
	}

	/// What this node's blocks are made of, if nothing else is said.
	pub fn usual_environment(&self) -> UsualEnvironment {
		sc_basic_authorship::ProposerFactory::new(
			self.task_manager.spawn_handle(),
			self.node.client.clone(),
			self.node.pool.clone(),
			self.node.registry.as_ref(),
			self.node.telemetry.clone(),
		)
	}

	/// Starts all that the command line asks for.
	pub fn start(self) -> Result<TaskManager, Error> {
		let environment = self.usual_environment();
		self.start_with(environment)
	}

	/// The same, and this makes what goes into blocks.
	pub fn start_with<E>(self, environment: E) -> Result<TaskManager, Error>
	where
		E: Environment<Block, Error = sp_blockchain::Error> + Send + Sync + 'static,
		E::Proposer: Proposer<Block, Error = sp_blockchain::Error>,
	{
		let Self {
			task_manager,
			node,
			parts,
			plan,
			votes,
			vote_protocol,
			file_protocol,
			authorship,
			discovery,
			finality,
		} = self;
		let runs_models = parts.is_authority && parts.runs_offchain_workers;
		files::spawn(&task_manager, &node, runs_models, plan.files(), file_protocol)?;
		inference::spawn(&task_manager, &node, parts, plan, votes.clone(), vote_protocol)?;
		spawn_equivocation_reports(&task_manager, &node);
		if parts.is_authority {
			spawn_block_authoring(&task_manager, &node, environment, votes.pool, authorship)?;
			spawn_authority_discovery(&task_manager, &node, discovery);
		}
		if let Some(finality) = finality {
			spawn_grandpa(&task_manager, &node, finality)?;
		}
		Ok(task_manager)
	}
}

fn assemble_on<Network: NetworkBackend<Block, Hash>>(
	config: Configuration,
	plan: EnginePlan,
) -> Result<Assembly, Error> {
	let Partial {
		client,
		backend,
		mut task_manager,
		keystore,
		select_chain,
		import_queue,
		pool,
		block_import,
		babe_link,
		babe_worker,
		grandpa_link,
		mut telemetry,
	} = new_partial(&config)?;

	let registry = config.prometheus_registry().cloned();
	let metrics = Network::register_notification_metrics(registry.as_ref());
	let mut network_config = FullNetworkConfiguration::<Block, Hash, Network>::new(&config.network, registry.clone());
	let genesis =
		client.block_hash(0)?.ok_or_else(|| sc_service::Error::Other("the database has no genesis".into()))?;
	let grandpa_protocol = sc_consensus_grandpa::protocol_standard_name(&genesis, &config.chain_spec);
	// litep2p serves no peer when a protocol that it was given has nobody behind it.
	let grandpa_notifications = (!config.disable_grandpa).then(|| {
		let (protocol, notifications) = sc_consensus_grandpa::grandpa_peers_set_config::<_, Network>(
			grandpa_protocol.clone(),
			metrics.clone(),
			network_config.peer_store_handle(),
		);
		network_config.add_notification_protocol(protocol);
		notifications
	});
	let vote_protocol = VoteProtocol::add_to(&mut network_config, &config, &genesis, metrics.clone());
	let file_protocol = FileProtocol::add_to(&mut network_config, &config, &genesis);
	let votes = Votes::new(registry.as_ref())?;
	let warp_proofs: WarpProofs = Arc::new(WarpSync::new(backend.clone(), grandpa_link.shared_authority_set().clone()));
	let (network, system_rpc_tx, tx_handler_controller, sync, _bitswap) =
		sc_service::build_network(sc_service::BuildNetworkParams {
			config: &config,
			net_config: network_config,
			client: client.clone(),
			transaction_pool: pool.clone(),
			spawn_handle: task_manager.spawn_handle(),
			spawn_essential_handle: task_manager.spawn_essential_handle(),
			import_queue: WatchedQueue::new(import_queue, client.clone()),
			block_announce_validator_builder: None,
			warp_sync_config: Some(WarpSyncConfig::WithProvider(warp_proofs.clone())),
			block_relay: None,
			metrics,
			gap_sync_body_policy: None,
		})?;

	let node = Node {
		client: client.clone(),
		backend: backend.clone(),
		pool: pool.clone(),
		select_chain,
		keystore: keystore.keystore(),
		network: network.clone(),
		sync: sync.clone(),
		genesis,
		warp_proofs,
		registry,
		telemetry: telemetry.as_ref().map(|telemetry| telemetry.handle()),
	};

	let is_authority = config.role.is_authority();
	let parts = inference::Parts { is_authority, runs_offchain_workers: config.offchain_worker.enabled };
	let authorship = Authorship { block_import, babe_link, force: config.force_authoring };
	let discovery = sc_authority_discovery::WorkerConfig {
		publish_non_global_ips: config.network.allow_non_globals_in_dht,
		public_addresses: config.network.public_addresses.clone(),
		persisted_cache_directory: config.network.net_config_path.clone(),
		..Default::default()
	};
	let voter = sc_consensus_grandpa::Config {
		gossip_duration: GOSSIP_DURATION,
		justification_generation_period: JUSTIFICATION_PERIOD,
		name: Some(config.network.node_name.clone()),
		observer_enabled: false,
		keystore: is_authority.then(|| node.keystore.clone()),
		local_role: config.role,
		telemetry: node.telemetry.clone(),
		protocol_name: grandpa_protocol,
	};
	let bootnodes = config.network.boot_nodes.iter().map(ToString::to_string).collect();
	let expects_peers = config.chain_spec.chain_type() != ChainType::Development;

	let voter_state = SharedVoterState::empty();
	let rpc_builder = rpc_builder(&node, &config, &grandpa_link, babe_worker, voter_state.clone(), plan.insight());
	sc_service::spawn_tasks(sc_service::SpawnTasksParams {
		config,
		client: client.clone(),
		backend,
		task_manager: &mut task_manager,
		keystore: keystore.keystore(),
		transaction_pool: pool.clone(),
		rpc_builder,
		network,
		system_rpc_tx,
		tx_handler_controller,
		sync_service: sync,
		telemetry: telemetry.as_mut(),
		tracing_execute_block: None,
	})?;
	if expects_peers {
		let network = node.network.clone();
		let peers = move || network.sync_num_connected();
		task_manager.spawn_handle().spawn("lonely", Some("networking"), lonely::warn(peers, bootnodes, node.genesis));
	}
	session_keys::log_session_keys(&client, &*node.keystore, is_authority);

	let finality = grandpa_notifications.map(|notifications| Finality {
		config: voter,
		link: grandpa_link,
		notifications,
		voter_state,
	});
	Ok(Assembly {
		task_manager,
		node,
		parts,
		plan,
		votes,
		vote_protocol,
		file_protocol,
		authorship,
		discovery,
		finality,
	})
}

type RpcBuilder = Box<dyn Fn(SubscriptionTaskExecutor) -> Result<jsonrpsee::RpcModule<()>, sc_service::Error>>;

fn rpc_builder(
	node: &Node,
	config: &Configuration,
	grandpa_link: &GrandpaLink,
	worker: BabeWorkerHandle<Block>,
	voter_state: SharedVoterState,
	insight: Insight,
) -> RpcBuilder {
	let authority_set = grandpa_link.shared_authority_set().clone();
	let grandpa = rpc::GrandpaDeps {
		voter_state,
		authority_set: authority_set.clone(),
		justifications: grandpa_link.justification_stream(),
		finality_proofs: sc_consensus_grandpa::FinalityProofProvider::new_for_service(
			node.backend.clone(),
			Some(authority_set),
		),
	};
	let babe = rpc::BabeDeps { worker, keystore: node.keystore.clone() };
	let (client, pool, select_chain) = (node.client.clone(), node.pool.clone(), node.select_chain.clone());
	let chain_spec = config.chain_spec.cloned_box();
	let (warp_proofs, is_syncing) = (node.warp_proofs.clone(), inference::is_syncing(node));
	let network = node.network.clone();
	let started = rpc::inference::Started {
		chain: chain_spec.name().into(),
		is_validator: config.role.is_authority(),
		keystore: node.keystore.clone(),
		peers: Arc::new(move || network.sync_num_connected()),
		insight,
	};
	Box::new(move |executor| {
		rpc::module(rpc::Deps {
			client: client.clone(),
			pool: pool.clone(),
			select_chain: select_chain.clone(),
			chain_spec: chain_spec.cloned_box(),
			babe: babe.clone(),
			grandpa: grandpa.clone(),
			warp_proofs: warp_proofs.clone(),
			is_syncing: is_syncing.clone(),
			started: started.clone(),
			executor,
		})
	})
}

fn spawn_equivocation_reports(task_manager: &TaskManager, node: &Node) {
	let pool = OffchainTransactionPoolFactory::new(node.pool.clone());
	let reports = equivocation::report_equivocations(node.client.clone(), pool, node.registry.clone());
	task_manager.spawn_handle().spawn("babe-equivocation-reports", Some("babe"), reports);
}

fn spawn_block_authoring<E>(
	task_manager: &TaskManager,
	node: &Node,
	environment: E,
	votes: SharedPool,
	Authorship { block_import, babe_link, force }: Authorship,
) -> Result<(), Error>
where
	E: Environment<Block, Error = sp_blockchain::Error> + Send + Sync + 'static,
	E::Proposer: Proposer<Block, Error = sp_blockchain::Error>,
{
	let slot_duration = babe_link.config().slot_duration();
	let client = node.client.clone();
	let worker = sc_consensus_babe::start_babe(sc_consensus_babe::BabeParams {
		keystore: node.keystore.clone(),
		client: node.client.clone(),
		select_chain: node.select_chain.clone(),
		env: environment,
		block_import,
		sync_oracle: node.sync.clone(),
		justification_sync_link: node.sync.clone(),
		create_inherent_data_providers: move |parent, ()| {
			let (client, votes) = (client.clone(), votes.clone());
			async move { Ok(inherents::for_authoring(slot_duration, client, votes, parent)) }
		},
		force_authoring: force,
		backoff_authoring_blocks: None::<()>,
		babe_link,
		block_proposal_slot_portion: SlotProportion::new(PROPOSAL_SLOT_PORTION),
		max_block_proposal_slot_portion: None,
		telemetry: node.telemetry.clone(),
	})
	.map_err(sc_service::Error::from)?;
	task_manager.spawn_essential_handle().spawn_blocking("babe-proposer", Some("block-authoring"), worker);
	Ok(())
}

fn spawn_authority_discovery(task_manager: &TaskManager, node: &Node, config: sc_authority_discovery::WorkerConfig) {
	let dht_events = node.network.event_stream("authority-discovery").filter_map(|event| async move {
		match event {
			Event::Dht(event) => Some(event),
			_ => None,
		}
	});
	let (worker, _service) = sc_authority_discovery::new_worker_and_service_with_config(
		config,
		node.client.clone(),
		Arc::new(node.network.clone()),
		Box::pin(dht_events),
		sc_authority_discovery::Role::PublishAndDiscover(node.keystore.clone()),
		node.registry.clone(),
		task_manager.spawn_handle(),
	);
	task_manager.spawn_handle().spawn("authority-discovery-worker", Some("networking"), worker.run());
}

fn spawn_grandpa(task_manager: &TaskManager, node: &Node, finality: Finality) -> Result<(), Error> {
	let Finality { config, link, notifications, voter_state } = finality;
	let voter = sc_consensus_grandpa::run_grandpa_voter(sc_consensus_grandpa::GrandpaParams {
		config,
		link,
		network: node.network.clone(),
		sync: node.sync.clone(),
		notification_service: notifications,
		voting_rule: sc_consensus_grandpa::VotingRulesBuilder::default().build(),
		prometheus_registry: node.registry.clone(),
		shared_voter_state: voter_state,
		telemetry: node.telemetry.clone(),
		offchain_tx_pool_factory: OffchainTransactionPoolFactory::new(node.pool.clone()),
	})?;
	task_manager.spawn_essential_handle().spawn_blocking("grandpa-voter", None, voter);
	Ok(())
}
