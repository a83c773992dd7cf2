//! What a stranger needs to see by himself that a final block's state holds a result.

use super::{error::Error, number::Number};
use crate::inference::IsSyncing;
use codec::Encode;
use jsonrpsee::{
	core::{async_trait, RpcResult},
	proc_macros::rpc,
};
use sc_client_api::{HeaderBackend, ProofProvider};
use sibyl_primitives::Hash;
use sibyl_rpc_types::ResultProof;
use sibyl_runtime::{opaque::Block, Runtime};
use sp_core::Bytes;
use sp_runtime::traits::Header as _;
use std::sync::Arc;

/// Proofs of results.
#[rpc(server, namespace = "inference")]
pub trait InferenceProofsApi {
	/// A proof, against a block's header, of what the chain has of a job and of its output. `at` is the last final block where
	/// none is given.
	#[method(name = "getResultProof", blocking)]
	fn get_result_proof(&self, id: Number, at: Option<Hash>) -> RpcResult<ResultProof>;
}

/// Proves from a chain.
pub struct InferenceProofs<Client> {
	client: Arc<Client>,
	is_syncing: IsSyncing,
}

impl<Client> InferenceProofs<Client> {
	/// Proves from this chain.
	pub fn new(client: Arc<Client>, is_syncing: IsSyncing) -> Self {
		Self { client, is_syncing }
	}
}

#[async_trait]
impl<Client> InferenceProofsApiServer for InferenceProofs<Client>
where
	Client: HeaderBackend<Block> + ProofProvider<Block> + Send + Sync + 'static,
{
	fn get_result_proof(&self, Number(id): Number, at: Option<Hash>) -> RpcResult<ResultProof> {
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
}
