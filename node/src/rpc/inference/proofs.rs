//! What a stranger needs to see by himself that a final block's state holds a result.

use super::{error::Error, number::JobNumber, places::Places};
use crate::{
	error::in_one_line,
	inference::IsSyncing,
	receipt::{self, Prover, WarpProofs},
};
use codec::Encode;
use jsonrpsee::{
	core::{async_trait, RpcResult},
	proc_macros::rpc,
};
use sc_client_api::{HeaderBackend, ProofProvider};
use sibyl_primitives::{
	api::{InferenceApi as InferenceRuntimeApi, JobView, Lookup, PhaseView},
	job::JobId,
	model::ModelId,
	Hash,
};
use sibyl_rpc_types::{Receipt, ResultProof, RECEIPT_VERSION};
use sibyl_runtime::{opaque::Block, Runtime};
use sp_api::ProvideRuntimeApi;
use sp_core::Bytes;
use sp_runtime::traits::Header as _;
use std::sync::Arc;

/// Proofs of results.
#[rpc(server, namespace = "inference")]
pub trait InferenceProofsApi {
	/// A proof, against a block's header, of what the chain has of a job and of its output. `at` is the last final block where
	/// none is given.
	#[method(name = "getResultProof", blocking)]
	fn get_result_proof(&self, id: JobNumber, at: Option<Hash>) -> RpcResult<ResultProof>;

	/// A receipt of a job that has ended in a final block: what shows, from the chain's genesis on, what was agreed on. It
	/// grows by each change of the validators.
	#[method(name = "getReceipt", blocking)]
	fn get_receipt(&self, id: JobNumber) -> RpcResult<Receipt>;
}

/// Proves from a chain.
pub struct InferenceProofs<Client> {
	client: Arc<Client>,
	finality: Prover,
	receipts: Places,
	is_syncing: IsSyncing,
}

impl<Client> InferenceProofs<Client> {
	/// Proves from this chain.
	pub fn new(client: Arc<Client>, warp_proofs: WarpProofs, is_syncing: IsSyncing) -> Self {
		Self { client, finality: Prover::new(warp_proofs), receipts: Places::for_receipts(), is_syncing }
	}
}

impl<Client> InferenceProofs<Client>
where
	Client: ProvideRuntimeApi<Block>,
	Client::Api: InferenceRuntimeApi<Block>,
{
	fn job(&self, block: Hash, id: JobId) -> Result<Lookup<JobView>, Error> {
		Ok(self.client.runtime_api().job(block, id)?)
	}

	/// The model of a job that has ended in this final block.
	fn model_of_ended(&self, block: Hash, id: JobId) -> Result<ModelId, Error> {
		match self.job(block, id)? {
			Lookup::Found(JobView { phase: PhaseView::Ended { .. }, model, .. }) => Ok(model),
			Lookup::Found(_) | Lookup::Unknown => Err(Error::NotFinal(id)),
			Lookup::Pruned => Err(Error::PrunedJob(id)),
		}
	}
}

#[async_trait]
impl<Client> InferenceProofsApiServer for InferenceProofs<Client>
where
	Client: HeaderBackend<Block> + ProofProvider<Block> + ProvideRuntimeApi<Block> + Send + Sync + 'static,
	Client::Api: InferenceRuntimeApi<Block>,
{
	fn get_result_proof(&self, JobNumber(id): JobNumber, at: Option<Hash>) -> RpcResult<ResultProof> {
		let info = self.client.info();
		let block_hash = at.unwrap_or(info.finalized_hash);
		// An older final block than the chain's would be proven, without a word.
		if (self.is_syncing)() {
			return Err(Error::Syncing { at: info.best_number }.into());
		}
		let header = self.client.header(block_hash).map_err(Error::from)?.ok_or(Error::UnknownBlock(block_hash))?;
		let keys = [
			pallet_inference::Jobs::<Runtime>::hashed_key_for(id),
			pallet_inference::Outputs::<Runtime>::hashed_key_for(id),
		];
		let proof = self.client.read_proof(block_hash, &mut keys.iter().map(Vec::as_slice)).map_err(Error::from)?;
		let block_number = *header.number();
		let on_best_chain = self.client.hash(block_number).map_err(Error::from)? == Some(block_hash);
		Ok(ResultProof {
			block_hash,
			block_number,
			finalized: on_best_chain && block_number <= info.finalized_number,
			header: header.encode().into(),
			keys: keys.map(Bytes::from).to_vec(),
			proof: proof.into_iter_nodes().map(Bytes::from).collect(),
		})
	}

	fn get_receipt(&self, JobNumber(id): JobNumber) -> RpcResult<Receipt> {
		let _place = self.receipts.take()?;
		let info = self.client.info();
		if (self.is_syncing)() {
			return Err(Error::Syncing { at: info.best_number }.into());
		}
		// A job that there is none of costs no proof.
		self.model_of_ended(info.finalized_hash, id).or_else(|error| match self.job(info.best_hash, id)? {
			Lookup::Unknown => Err(Error::UnknownJob(id)),
			_ => Err(error),
		})?;
		let proven = self.finality.prove(info.genesis_hash, info.finalized_hash);
		let proven = proven.map_err(|error| Error::NoFinalityProof(in_one_line(&error)))?;
		let model = self.model_of_ended(proven.block, id)?;
		let keys = receipt::keys(id, &model);
		let state = self.client.read_proof(proven.block, &mut keys.iter().map(Vec::as_slice)).map_err(Error::from)?;
		Ok(Receipt {
			version: RECEIPT_VERSION,
			genesis: info.genesis_hash,
			job: id,
			finality: proven.proof.clone().into(),
			state: state.into_iter_nodes().map(Bytes::from).collect(),
		})
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{
		inference::mock::MockChain,
		rpc::inference::tests::{call, error},
	};
	use sc_client_api::{ChildInfo, CompactProof, StorageProof};
	use sc_network_sync::strategy::warp::{EncodedProof, Verifier, WarpSyncProvider};
	use serde_json::json;
	use sp_blockchain::Result;
	use sp_state_machine::{KeyValueStates, KeyValueStorageLevel};

	const NOT_ASKED: &str = "nothing is proven while the node syncs";

	impl ProofProvider<Block> for MockChain {
		fn read_proof(&self, _: Hash, _: &mut dyn Iterator<Item = &[u8]>) -> Result<StorageProof> {
			unreachable!("{NOT_ASKED}")
		}

		fn read_child_proof(&self, _: Hash, _: &ChildInfo, _: &mut dyn Iterator<Item = &[u8]>) -> Result<StorageProof> {
			unreachable!("{NOT_ASKED}")
		}

		fn execution_proof(&self, _: Hash, _: &str, _: &[u8]) -> Result<(Vec<u8>, StorageProof)> {
			unreachable!("{NOT_ASKED}")
		}

		fn read_proof_collection(&self, _: Hash, _: &[Vec<u8>], _: usize) -> Result<(CompactProof, u32)> {
			unreachable!("{NOT_ASKED}")
		}

		fn storage_collection(&self, _: Hash, _: &[Vec<u8>], _: usize) -> Result<Vec<(KeyValueStorageLevel, bool)>> {
			unreachable!("{NOT_ASKED}")
		}

		fn verify_range_proof(&self, _: Hash, _: CompactProof, _: &[Vec<u8>]) -> Result<(KeyValueStates, usize)> {
			unreachable!("{NOT_ASKED}")
		}
	}

	struct NoProofs;

	impl WarpSyncProvider<Block> for NoProofs {
		fn generate(&self, _: Hash) -> core::result::Result<EncodedProof, Box<dyn std::error::Error + Send + Sync>> {
			unreachable!("{NOT_ASKED}")
		}

		fn create_verifier(&self) -> Box<dyn Verifier<Block>> {
			unreachable!("{NOT_ASKED}")
		}
	}

	#[test]
	fn nothing_is_proven_while_the_node_syncs_also_of_a_block_that_it_has() {
		let chain = Arc::new(MockChain::new());
		chain.extend_silently(10);
		let block = chain.hash(7).expect("the mock always answers").expect("the chain is long enough");
		let module = InferenceProofs::new(chain, Arc::new(NoProofs), Arc::new(|| true)).into_rpc();
		for (method, params) in
			[("getResultProof", json!([7])), ("getResultProof", json!([7, block])), ("getReceipt", json!([7]))]
		{
			assert_eq!(error(call(&module, method, params)), (10018, "Syncing".into()), "{method}");
		}
	}
}
