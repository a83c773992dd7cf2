//! What sub-commands need too: the database, the client, the import queue.

use super::{
	inherents, spawner::PatientSpawner, BabeBlockImport, Executor, FullBackend, FullClient, FullPool, FullSelectChain,
	GrandpaLink,
};
use crate::error::Error;
use sc_chain_spec::{construct_genesis_block, resolve_state_version_from_wasm, ChainType, GenesisBlockBuilder};
use sc_client_api::HeaderBackend;
use sc_consensus_babe::{BabeLink, BabeWorkerHandle};
use sc_executor::{HeapAllocStrategy, DEFAULT_HEAP_ALLOC_STRATEGY};
use sc_service::{Configuration, KeystoreContainer, TaskManager};
use sc_telemetry::{Telemetry, TelemetryWorker};
use sc_transaction_pool_api::{OffchainTransactionPoolFactory, RejectAllTxPool};
use sibyl_runtime::{opaque::Block, BlockNumber, Hash, RuntimeApi};
use sp_core::storage::{StateVersion, Storage};
use sp_runtime::traits::{BlakeTwo256, Block as _, Hash as _, HashingFor};
use std::sync::Arc;

/// GRANDPA makes and keeps a justification at least every so many blocks: proofs for light clients start from one.
pub const JUSTIFICATION_PERIOD: u32 = 512;

/// The folder of compiled runtimes in a base path. Whoever removes it loses nothing.
const COMPILED_RUNTIMES: &str = "compiled-runtimes";

/// A node that is not yet running.
pub struct Partial {
	/// The chain.
	pub client: Arc<FullClient>,
	/// Its database.
	pub backend: Arc<FullBackend>,
	/// Runs and ends the node's tasks.
	pub task_manager: TaskManager,
	/// The node's secret keys.
	pub keystore: KeystoreContainer,
	/// The rule for the best chain.
	pub select_chain: FullSelectChain,
	/// Verifies blocks and takes them into the chain.
	pub import_queue: sc_consensus::DefaultImportQueue<Block>,
	/// The pending transactions.
	pub pool: Arc<FullPool>,
	/// Takes our own blocks into the chain.
	pub block_import: BabeBlockImport,
	/// Joins BABE's block import to its authorship.
	pub babe_link: BabeLink<Block>,
	/// Answers questions on epochs.
	pub babe_worker: BabeWorkerHandle<Block>,
	/// Joins GRANDPA's block import to its voter.
	pub grandpa_link: GrandpaLink,
	/// Tells a telemetry server of the node, where one is set.
	pub telemetry: Option<Telemetry>,
}

/// Opens the database, or makes it, and sets up everything that imports blocks.
pub fn new_partial(config: &Configuration) -> Result<Partial, Error> {
	let telemetry = new_telemetry(config)?;
	let telemetry_handle = telemetry.as_ref().map(|(_, telemetry)| telemetry.handle());

	let (client, backend, keystore, task_manager) = open_database(config, telemetry_handle.clone())?;
	let telemetry = telemetry.map(|(worker, telemetry)| {
		task_manager.spawn_handle().spawn("telemetry", None, worker.run());
		telemetry
	});

	let select_chain = sc_consensus::LongestChain::new(backend.clone());
	let pool = Arc::from(
		sc_transaction_pool::Builder::new(
			PatientSpawner(task_manager.spawn_essential_handle()),
			client.clone(),
			config.role.is_authority().into(),
		)
		.with_options(config.transaction_pool.clone())
		.with_prometheus(config.prometheus_registry())
		.build(),
	);

	let (grandpa_block_import, grandpa_link) = sc_consensus_grandpa::block_import(
		client.clone(),
		JUSTIFICATION_PERIOD,
		&client,
		select_chain.clone(),
		telemetry_handle.clone(),
	)?;
	let babe_config = sc_consensus_babe::configuration(&*client)?;
	let slot_duration = babe_config.slot_duration();
	let (block_import, babe_link) = sc_consensus_babe::block_import(
		babe_config,
		grandpa_block_import.clone(),
		client.clone(),
		inherents::for_import(slot_duration),
		select_chain.clone(),
		// Its own reports of equivocations are wrong: see `equivocation`.
		OffchainTransactionPoolFactory::new(RejectAllTxPool::default()),
	)?;
	let (import_queue, babe_worker) = sc_consensus_babe::import_queue(sc_consensus_babe::ImportQueueParams {
		link: babe_link.clone(),
		block_import: block_import.clone(),
		justification_import: Some(Box::new(grandpa_block_import)),
		client: client.clone(),
		slot_duration,
		spawner: &PatientSpawner(task_manager.spawn_essential_handle()),
		registry: config.prometheus_registry(),
		telemetry: telemetry_handle,
	})?;
	let mut task_manager = task_manager;
	// BABE's essential worker ends, and the node with it, when no handle is left.
	task_manager.keep_alive(babe_worker.clone());

	Ok(Partial {
		client,
		backend,
		task_manager,
		keystore,
		select_chain,
		import_queue,
		pool,
		block_import,
		babe_link,
		babe_worker,
		grandpa_link,
		telemetry,
	})
}

/// Takes back what consensus noted of the newest blocks, before the blocks themselves are reverted.
pub fn revert_consensus(client: Arc<FullClient>, backend: Arc<FullBackend>, blocks: BlockNumber) -> sc_cli::Result<()> {
	sc_consensus_babe::revert(client.clone(), backend, blocks)?;
	Ok(sc_consensus_grandpa::revert(client, blocks)?)
}

fn new_telemetry(config: &Configuration) -> Result<Option<(TelemetryWorker, Telemetry)>, Error> {
	let Some(endpoints) = config.telemetry_endpoints.clone().filter(|endpoints| !endpoints.is_empty()) else {
		return Ok(None);
	};
	let worker = TelemetryWorker::new(16).map_err(sc_service::Error::from)?;
	let telemetry = worker.handle().new_telemetry(endpoints);
	Ok(Some((worker, telemetry)))
}

type Opened = (Arc<FullClient>, Arc<FullBackend>, KeystoreContainer, TaskManager);

fn open_database(config: &Configuration, telemetry: Option<sc_telemetry::TelemetryHandle>) -> Result<Opened, Error> {
	let executor = new_executor(config);
	if matches!(config.chain_spec.chain_type(), ChainType::Development | ChainType::Local) {
		log::info!(
			"🔨 Making the genesis of {}: some seconds where the runtime is compiled for it",
			config.chain_spec.name()
		);
	}
	let genesis = config.chain_spec.as_storage_builder().build_storage().map_err(sp_blockchain::Error::Storage)?;
	let expected = genesis_hash(&genesis, &executor)?;
	let backend = sc_service::new_db_backend(config.db_config())?;
	let builder =
		GenesisBlockBuilder::new_with_storage(genesis, !config.no_genesis(), backend.clone(), executor.clone())?;
	let (client, backend, keystore, task_manager) =
		sc_service::new_full_parts_with_genesis_builder::<Block, RuntimeApi, Executor, _>(
			config, telemetry, executor, backend, builder, false,
		)?;

	let found = client.info().genesis_hash;
	if found != expected {
		return Err(Error::OtherGenesis {
			path: config.database.path().unwrap_or(&config.data_path).into(),
			chain: config.chain_spec.name().into(),
			expected: format!("{expected:?}"),
			found: format!("{found:?}"),
		});
	}
	Ok((Arc::new(client), backend, keystore, task_manager))
}

/// As the SDK makes it, but that what is compiled stays in the base path: a node that starts again compiles nothing, which
/// takes seconds in which it misses its seats.
fn new_executor(config: &Configuration) -> Executor {
	let executor = &config.executor;
	let heap = executor.default_heap_pages.map_or(DEFAULT_HEAP_ALLOC_STRATEGY, |pages| HeapAllocStrategy::Static {
		extra_pages: u32::try_from(pages).unwrap_or(u32::MAX),
	});
	let builder = Executor::builder()
		.with_execution_method(executor.wasm_method)
		.with_onchain_heap_alloc_strategy(heap)
		.with_offchain_heap_alloc_strategy(heap)
		.with_max_runtime_instances(executor.max_runtime_instances)
		.with_runtime_cache_size(executor.runtime_cache_size);
	// The compiler takes absolute paths only.
	match std::path::absolute(config.base_path.path().join(COMPILED_RUNTIMES)) {
		Ok(folder) => builder.with_cache_path(folder).build(),
		Err(_) => builder.build(),
	}
}

/// The hash of the chain's first block, whose state this is: as the SDK makes it, which takes a database of any genesis.
fn genesis_hash(genesis: &Storage, executor: &Executor) -> Result<Hash, Error> {
	Ok(first_block_hash(genesis, resolve_state_version_from_wasm::<_, HashingFor<Block>>(genesis, executor)?))
}

/// The hash of the first block of a chain whose runtime lays its state out like this. There are no child tries at genesis.
pub fn first_block_hash(genesis: &Storage, version: StateVersion) -> Hash {
	let state_root = BlakeTwo256::trie_root(genesis.top.clone().into_iter().collect(), version);
	construct_genesis_block::<Block>(state_root, version).hash()
}
