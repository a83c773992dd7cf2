//! The JSON-RPC methods beyond those that every SDK node has.

pub mod inference;

use crate::inference::IsSyncing;
use crate::receipt::WarpProofs;
use crate::service::{FullBackend, FullClient, FullPool, FullSelectChain};
use inference::{
	Inference, InferenceApiServer, InferenceFeeds, InferenceFeedsApiServer, InferenceNode, InferenceNodeApiServer,
	InferenceProofs, InferenceProofsApiServer, InferenceResults, InferenceResultsApiServer, InferenceSubscriptions,
	InferenceSubscriptionsApiServer, Places, Started,
};
use jsonrpsee::RpcModule;
use pallet_transaction_payment_rpc::{TransactionPayment, TransactionPaymentApiServer};
use sc_consensus_babe::BabeWorkerHandle;
use sc_consensus_babe_rpc::{Babe, BabeApiServer};
use sc_consensus_grandpa::{FinalityProofProvider, GrandpaJustificationStream, SharedAuthoritySet, SharedVoterState};
use sc_consensus_grandpa_rpc::{Grandpa, GrandpaApiServer};
use sc_rpc::SubscriptionTaskExecutor;
use sc_service::ChainSpec;
use sc_sync_state_rpc::{SyncState, SyncStateApiServer};
use sibyl_runtime::{opaque::Block, BlockNumber, Hash};
use sp_keystore::KeystorePtr;
use std::sync::Arc;
use substrate_frame_rpc_system::{System, SystemApiServer};

/// What BABE's methods answer from.
#[derive(Clone)]
pub struct BabeDeps {
	/// Knows the epochs.
	pub worker: BabeWorkerHandle<Block>,
	/// Knows which slots are ours.
	pub keystore: KeystorePtr,
}

/// What GRANDPA's methods answer from.
#[derive(Clone)]
pub struct GrandpaDeps {
	/// The rounds as this node sees them.
	pub voter_state: SharedVoterState,
	/// The current authorities.
	pub authority_set: SharedAuthoritySet<Hash, BlockNumber>,
	/// The justifications as they come.
	pub justifications: GrandpaJustificationStream<Block>,
	/// Proves the finality of old blocks.
	pub finality_proofs: Arc<FinalityProofProvider<FullBackend, Block>>,
}

/// What all methods answer from.
pub struct Deps {
	/// The chain.
	pub client: Arc<FullClient>,
	/// The pending transactions.
	pub pool: Arc<FullPool>,
	/// The rule for the best chain.
	pub select_chain: FullSelectChain,
	/// The chain's specification, given out to light clients.
	pub chain_spec: Box<dyn ChainSpec>,
	/// BABE's part.
	pub babe: BabeDeps,
	/// GRANDPA's part.
	pub grandpa: GrandpaDeps,
	/// Proves finality from genesis on.
	pub warp_proofs: WarpProofs,
	/// Whether the node is far from the newest block.
	pub is_syncing: IsSyncing,
	/// What the node was started as.
	pub started: Started,
	/// Runs subscriptions.
	pub executor: SubscriptionTaskExecutor,
}

/// All of this node's own methods.
pub fn module(deps: Deps) -> Result<RpcModule<()>, sc_service::Error> {
	let Deps { client, pool, select_chain, chain_spec, babe, grandpa, warp_proofs, is_syncing, started, executor } =
		deps;
	let sync_state = SyncState::new(chain_spec, client.clone(), grandpa.authority_set.clone(), babe.worker.clone())
		.map_err(|error| sc_service::Error::Other(error.to_string()))?;
	let mut module = RpcModule::new(());
	let merged = (|| {
		module.merge(System::new(client.clone(), pool).into_rpc())?;
		module.merge(TransactionPayment::new(client.clone()).into_rpc())?;
		module.merge(Inference::new(client.clone(), is_syncing.clone()).into_rpc())?;
		module.merge(InferenceFeeds::new(client.clone(), is_syncing.clone()).into_rpc())?;
		let places = Places::for_subscriptions();
		let jobs = InferenceSubscriptions::new(client.clone(), is_syncing.clone(), executor.clone(), places.clone());
		module.merge(jobs.into_rpc())?;
		let results =
			InferenceResults::<_, FullBackend>::new(client.clone(), is_syncing.clone(), executor.clone(), places);
		module.merge(results.into_rpc())?;
		module.merge(InferenceProofs::new(client.clone(), warp_proofs, is_syncing.clone()).into_rpc())?;
		module.merge(InferenceNode::new(client.clone(), is_syncing, started).into_rpc())?;
		module.merge(Babe::new(client, babe.worker, babe.keystore, select_chain).into_rpc())?;
		module.merge(
			Grandpa::new(
				executor,
				grandpa.authority_set,
				grandpa.voter_state,
				grandpa.justifications,
				grandpa.finality_proofs,
			)
			.into_rpc(),
		)?;
		module.merge(sync_state.into_rpc())
	})();
	merged.map_err(|error| sc_service::Error::Other(format!("two JSON-RPC methods have one name: {error}")))?;
	Ok(module)
}
