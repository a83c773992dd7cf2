//! The node: the chain's database, consensus, network and RPC, put together.

mod clock;
mod equivocation;
mod farewell;
mod files;
mod full;
mod inference;
mod inherents;
mod lonely;
mod partial;
mod preflight;
mod session_keys;
mod spawner;
mod warp;

pub use full::{assemble, Assembly, Node, UsualEnvironment};
pub use partial::{first_block_hash, new_partial, revert_consensus};
pub use preflight::{check_base_path, check_files, check_keystore, check_node_key, check_ports, check_readable};

use sibyl_runtime::opaque::Block;

/// The host functions that every SDK node offers a runtime. The runtime must need no other, so that stock tools can
/// load it and its upgrades never wait for a node's.
type HostFunctions = sp_io::SubstrateHostFunctions;

/// Runs the runtime's wasm.
pub type Executor = sc_executor::WasmExecutor<HostFunctions>;
/// The chain, as the node sees it.
pub type FullClient = sc_service::TFullClient<Block, sibyl_runtime::RuntimeApi, Executor>;
/// The database.
pub type FullBackend = sc_service::TFullBackend<Block>;
/// The rule for the best chain: the longest one that holds what is finalised.
pub type FullSelectChain = sc_consensus::LongestChain<FullBackend, Block>;
/// The pending transactions.
pub type FullPool = sc_transaction_pool::TransactionPoolHandle<Block, FullClient>;

type GrandpaBlockImport = sc_consensus_grandpa::GrandpaBlockImport<FullBackend, Block, FullClient, FullSelectChain>;
type BabeBlockImport = sc_consensus_babe::BabeBlockImport<
	Block,
	FullClient,
	GrandpaBlockImport,
	inherents::ImportInherents,
	FullSelectChain,
>;
type GrandpaLink = sc_consensus_grandpa::LinkHalf<Block, FullClient, FullSelectChain>;
