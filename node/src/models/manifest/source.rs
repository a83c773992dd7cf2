//! Files that are nowhere near a store, for what measures a model as a node does.

use super::files::AuthorFiles;
use crate::inference::installed_models::{LoadError, ModelSource, Stamp};
use crate::models::memory;
use sibyl_engine::store::StoreError;
use sibyl_engine::{Architecture, ModelDescription};
use sibyl_engine_process::{EngineProcess, LoadError as ProcessLoadError, ModelFiles, NamedFile};
use sibyl_primitives::{model::ModelRevision, Hash};
use std::sync::Arc;

/// The one model, and the engine that it is loaded into.
pub struct AuthorSource {
	engine: Arc<EngineProcess>,
	files: Vec<NamedFile>,
	architecture: Architecture,
}

impl AuthorSource {
	/// Of these files.
	pub fn new(engine: Arc<EngineProcess>, files: &AuthorFiles) -> Self {
		let named = files.paths.iter().zip(&files.described);
		let named = named.map(|(path, file)| NamedFile { path: path.clone(), sha256: file.sha256.0 });
		Self { engine, files: named.collect(), architecture: files.architecture }
	}
}

impl ModelSource for AuthorSource {
	fn has(&self, file: &Hash) -> bool {
		self.files.iter().any(|own| own.sha256 == file.0)
	}

	fn stamp(&self, _: &Hash) -> Option<Stamp> {
		None
	}

	fn load(&self, revision: &ModelRevision) -> Result<ModelDescription, LoadError> {
		let name = revision.name.to_string_lossy();
		let context = revision.limits.context_units;
		let model =
			ModelFiles { name: name.clone(), architecture: self.architecture, files: self.files.clone(), context };
		self.engine.load(&model).map_err(|error| match error {
			ProcessLoadError::Memory { needed, available } => memory::lacking(&name, needed, available).into(),
			ProcessLoadError::File { path, source } => StoreError::Io { attempt: "read", path, source }.into(),
			ProcessLoadError::Engine(error) => error.into(),
		})
	}

	fn unload(&self, file: &Hash) {
		self.engine.unload(&file.0);
	}
}
