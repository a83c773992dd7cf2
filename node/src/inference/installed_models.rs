//! Models that were installed with `sibyl-node models install`.

use sibyl_engine::{
	store::{
		known::{self, KnownModel},
		ModelStore, StoreError, VerifiedFile,
	},
	CheckedFile, EngineError, LocalEngine,
};
use std::time::Instant;

const LOG_TARGET: &str = "inference";

/// Why a model that is in the store can't be used.
#[derive(Debug, thiserror::Error)]
enum LoadError {
	#[error(transparent)]
	Store(#[from] StoreError),
	#[error(transparent)]
	Engine(#[from] EngineError),
}

/// Loads the models whose files are all in the store. One that can't be loaded is left out, and the operator is told.
pub fn load(engine: &mut LocalEngine, store: &ModelStore) {
	for model in known::ALL {
		if !model.files().all(|file| store.contains(&file.sha256)) {
			let folder = store.folder().display();
			log::debug!(target: LOG_TARGET, "Model {} is not installed in {folder}", model.name);
			continue;
		}
		let start = Instant::now();
		match load_one(engine, store, model) {
			Ok(()) => {
				let milliseconds = start.elapsed().as_millis();
				log::info!(target: LOG_TARGET, "🔮 Model {}: loaded in {milliseconds} ms", model.name);
			}
			Err(error) => log::error!(
				target: LOG_TARGET,
				"Model {} can't be loaded, so it is not served: {error}; install it again with 'models install {0}'",
				model.name,
			),
		}
	}
}

fn load_one(engine: &mut LocalEngine, store: &ModelStore, model: &KnownModel) -> Result<(), LoadError> {
	let open = |sha256| store.open_verified(sha256, &mut |_, _| ());
	let files = model.files().map(|file| open(&file.sha256)).collect::<Result<Vec<VerifiedFile>, _>>()?;
	let files: Vec<CheckedFile<'_>> = files.iter().map(Into::into).collect();
	Ok(engine.load(model.name, model.architecture, &files)?)
}
