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

#[cfg(test)]
mod tests {
	use super::*;
	use crate::inference::mock::{fake_model, MockChain};

	fn chain(models: u8) -> MockChain {
		let chain = MockChain::new();
		chain.state().models = (0..models)
			.map(|number| {
				let mut model = fake_model();
				model.id = Hash::repeat_byte(number);
				model
			})
			.collect();
		chain
	}

	/// How many models are read at the block, and how many calls of the runtime that takes.
	fn read(models: &mut ListedModels, chain: &MockChain, at: Hash) -> (usize, u32) {
		let before = chain.state().models_read;
		let count = models.read(chain, at).expect("the runtime answers").len();
		(count, chain.state().models_read - before)
	}

	#[test]
	fn the_list_is_read_again_only_when_it_has_changed() {
		let chain = chain(70);
		let mut models = ListedModels::default();
		let best = |number| {
			chain.import_best(number);
			chain.hash(number).expect("the chain is there").expect("it has the block")
		};
		assert_eq!(read(&mut models, &chain, best(1)), (70, 4));
		assert_eq!(read(&mut models, &chain, best(2)), (70, 0));
		assert_eq!(read(&mut models, &chain, best(2)), (70, 0));
		chain.state().models.truncate(10);
		chain.state().models_changes += 1;
		assert_eq!(read(&mut models, &chain, best(3)), (10, 2));
	}

	#[test]
	fn on_another_fork_the_list_is_read_again_though_it_has_changed_as_often() {
		let chain = chain(3);
		let mut models = ListedModels::default();
		chain.import_best(2);
		let [first, second] = [1, 2].map(|number| chain.hash(number).expect("it is there").expect("it has it"));
		assert_eq!(read(&mut models, &chain, second), (3, 2));
		let other = chain.fork(first, 2);
		assert_eq!(read(&mut models, &chain, other), (3, 2));
	}

	#[test]
	fn a_retired_model_is_none_to_serve() {
		let chain = chain(2);
		chain.state().models[0].registration.state = ModelState::Retired;
		let mut models = ListedModels::default();
		let at = chain.info().best_hash;
		assert_eq!(read(&mut models, &chain, at).0, 1);
	}
}
