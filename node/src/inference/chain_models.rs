//! The chain's list of models, read in one place.

use sibyl_primitives::{
	api::{InferenceApi, ModelView, MAX_LISTED_MODELS},
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
		let (mut models, mut after) = (Vec::new(), None);
		loop {
			let page = self.runtime_api().models(at, after, MAX_LISTED_MODELS)?;
			let Some(last) = page.last().map(|view| view.id) else { return Ok(models) };
			after = Some(last);
			models.extend(page);
		}
	}
}
