//! The models that the chain has listed, read again only when their list has changed.

use sibyl_primitives::Hash;
use sibyl_primitives::{
	api::{InferenceApi, MAX_LISTED_MODELS},
	model::{ModelId, ModelRevision, ModelState},
};
use sibyl_runtime::opaque::Block;
use sp_api::{ApiError, ProvideRuntimeApi};
use sp_blockchain::HeaderBackend;

/// A model that the chain has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedModel {
	/// What identifies it.
	pub id: ModelId,
	/// What it is.
	pub revision: ModelRevision,
}

/// The chain's models, as they were read last.
#[derive(Default)]
pub struct ListedModels {
	models: Vec<ListedModel>,
	/// The block that they were read at or found the same, and how often the list had changed by then.
	known: Option<(Hash, u64)>,
}

impl ListedModels {
	/// The models at this block: those that take jobs, or may take them again.
	pub fn read<Client>(&mut self, client: &Client, at: Hash) -> Result<&[ListedModel], ApiError>
	where
		Client: ProvideRuntimeApi<Block> + HeaderBackend<Block>,
		Client::Api: InferenceApi<Block>,
	{
		let changes = client.runtime_api().models_changes(at)?;
		// On another fork as many changes may have been others.
		let parent = client.header(at).ok().flatten().map(|header| header.parent_hash);
		let is_same =
			self.known.is_some_and(|(block, before)| changes == before && (block == at || Some(block) == parent));
		if !is_same {
			self.models = all(client, at)?;
		}
		self.known = Some((at, changes));
		Ok(&self.models)
	}
}

fn all<Client>(client: &Client, at: Hash) -> Result<Vec<ListedModel>, ApiError>
where
	Client: ProvideRuntimeApi<Block>,
	Client::Api: InferenceApi<Block>,
{
	let (mut models, mut after) = (Vec::new(), None);
	loop {
		let page = client.runtime_api().models(at, after, MAX_LISTED_MODELS)?;
		let Some(last) = page.last().map(|view| view.id) else { return Ok(models) };
		after = Some(last);
		let may_be_asked = page.into_iter().filter(|view| view.registration.state != ModelState::Retired);
		models.extend(may_be_asked.map(|view| ListedModel { id: view.id, revision: view.revision }));
	}
}
