//! The chain's list of models, read in one place.

use sibyl_primitives::{
	api::{InferenceApi, ModelView},
	Hash,
};
use sibyl_runtime::opaque::Block;
use sp_api::{ApiError, ProvideRuntimeApi};

/// What can tell the chain's models.
pub trait ChainModels {
	/// All of them, at a block.
	fn chain_models(&self, at: Hash) -> Result<Vec<ModelView>, ApiError>;
}

impl<Client> ChainModels for Client
where
	Client: ProvideRuntimeApi<Block>,
	Client::Api: InferenceApi<Block>,
{
	fn chain_models(&self, at: Hash) -> Result<Vec<ModelView>, ApiError> {
		self.runtime_api().models(at)
	}
}
