//! Models, as JSON.

use crate::addresses;
use serde::{Deserialize, Serialize};
use sibyl_primitives::{
	api::ModelView,
	model::{ModelFile, ModelId, ModelLimits, Task},
	BlockNumber,
};

/// A model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
	/// Inputs whose outputs validators must reproduce.
	pub goldens: usize,
	/// Whether it takes no jobs for now.
	pub is_suspended: bool,
	/// Validators of the current session that serve it.
	pub served_by: Vec<String>,
}

/// What a seat's work costs, in the smallest unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
	/// For each job.
	pub base: String,
	/// For each unit of input and of output.
	pub unit: String,
}

impl From<ModelView> for Model {
	fn from(ModelView { id, revision, is_suspended, served_by }: ModelView) -> Self {
		Self {
			id,
			name: revision.name.to_string_lossy(),
			task: revision.task,
			architecture: revision.architecture.to_string_lossy(),
			files: revision.files.into_inner(),
			limits: revision.limits,
			commit_window: revision.commit_window,
			price: Price { base: revision.price.base.to_string(), unit: revision.price.unit.to_string() },
			goldens: revision.goldens.len(),
			is_suspended,
			served_by: addresses(&served_by),
		}
	}
}
