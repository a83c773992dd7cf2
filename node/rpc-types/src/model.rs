//! Models, as JSON.

use crate::addresses;
use serde::{Deserialize, Serialize};
use sibyl_primitives::{
	api::ModelView,
	model::{ModelFile, ModelId, ModelLimits, ModelState, Task},
	BlockNumber,
};

/// A model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Model {
	/// What identifies it.
	pub id: ModelId,
	/// The name that users know it by.
	pub name: String,
	/// What it does.
	pub task: Task,
	/// The program that runs it.
	pub architecture: String,
	/// Its files.
	pub files: Vec<ModelFile>,
	/// What it takes and gives at most.
	pub limits: ModelLimits,
	/// Blocks that validators have for their commits.
	pub commit_window: BlockNumber,
	/// What a seat's work costs.
	pub price: Price,
	/// Who registered it, and gets its share; none for those that the chain began with.
	pub author: Option<String>,
	/// What may be done with its files.
	pub licence: String,
	/// Inputs whose outputs validators must reproduce.
	pub goldens: usize,
	/// Whether it may be asked.
	pub state: ModelState,
	/// Whether it takes jobs: it is listed, and validators with enough of the stake serve it.
	pub is_active: bool,
	/// Of a hundred parts of the stake, those of the validators that serve it.
	pub stake_share: f64,
	/// Validators of the current session that serve it.
	pub served_by: Vec<String>,
}

/// What a seat's work costs, in the smallest unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Price {
	/// For each job.
	pub base: String,
	/// For each unit of input and of output.
	pub unit: String,
	/// What the author gets beside, in a hundred of what seats are paid.
	pub author_share: u8,
}

impl From<ModelView> for Model {
	fn from(ModelView { id, revision, registration, served_by, stake_share, is_active }: ModelView) -> Self {
		let price = registration.price;
		Self {
			id,
			name: revision.name.to_string_lossy(),
			task: revision.task,
			architecture: revision.architecture.to_string_lossy(),
			files: revision.files.into_inner(),
			limits: revision.limits,
			commit_window: revision.commit_window,
			price: Price {
				base: price.base.to_string(),
				unit: price.unit.to_string(),
				author_share: price.author_share.deconstruct(),
			},
			author: registration.author.as_ref().map(crate::address),
			licence: revision.licence.to_string_lossy(),
			goldens: revision.goldens.len(),
			state: registration.state,
			is_active,
			stake_share: f64::from(stake_share.deconstruct()) / 10_000_000.0,
			served_by: addresses(&served_by),
		}
	}
}
