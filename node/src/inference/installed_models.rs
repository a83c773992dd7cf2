//! The files of models that this node has, and the engine that they are loaded into.

use super::panics;
use crate::models::memory;
use parking_lot::Mutex;
use sibyl_engine::{
	gguf::GgufFile,
	store::{known, ModelStore, Sha256Hash, StoreError, VerifiedFile},
	Architecture, CheckedFile, Engine, EngineError, LanguageModel, LocalEngine, ModelDescription, Task, COMMON_LINGUA,
};
use sibyl_primitives::{model::ModelRevision, Hash};
use std::{io::ErrorKind, path::PathBuf, sync::Arc, time::Instant};

const LOG_TARGET: &str = "inference";

/// Why a model whose files are there can't be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
	/// Another release may know it.
	#[error("this release has no architecture '{0}'")]
	Architecture(String),
	/// A file is damaged or can't be read.
	#[error(transparent)]
	Store(#[from] StoreError),
	/// There is not enough memory.
	#[error(transparent)]
	Memory(#[from] memory::OutOfMemory),
	/// The system gives no thread to load it in.
	#[error("no thread can be started: {0}")]
	Thread(#[source] std::io::Error),
	/// The files are none of a model that the engine can run.
	#[error(transparent)]
	Engine(#[from] EngineError),
	/// The loader has a fault, or the files one that it does not expect.
	#[error("its loader panicked: {0}")]
	Panicked(String),
}

impl LoadError {
	/// Whether it may be otherwise some minutes later, without the operator: what the system is short of or does not
	/// allow may change, and a damaged file stays damaged.
	pub fn may_pass(&self) -> bool {
		match self {
			Self::Memory(_) | Self::Thread(_) => true,
			Self::Store(StoreError::Io { source, .. }) => source.kind() != ErrorKind::InvalidData,
			Self::Store(_) | Self::Architecture(_) | Self::Engine(_) | Self::Panicked(_) => false,
		}
	}
}

/// What has models' files, and loads models from them.
pub trait ModelSource: Send + Sync {
	/// Whether the file is there; it may be damaged.
	fn has(&self, file: &Hash) -> bool;

	/// Loads the model that a revision describes, which may take seconds, and says what it is. One that is loaded already
	/// stays as it is.
	fn load(&self, revision: &ModelRevision) -> Result<ModelDescription, LoadError>;

	/// Gives back the memory of the model that is named by this file.
	fn unload(&self, file: &Hash);
}

/// Loads a model; a panic of the loader's is an error.
pub fn load_guarded(source: &dyn ModelSource, revision: &ModelRevision) -> Result<ModelDescription, LoadError> {
	panics::catch(|| source.load(revision)).unwrap_or_else(|message| Err(LoadError::Panicked(message)))
}

/// The model that is compiled in, and those in a store.
pub struct InstalledModels {
	engine: Arc<LocalEngine>,
	store: ModelStore,
	/// One model at a time: the memory that is available is only known when the one before has taken its own.
	loading: Mutex<()>,
}

impl InstalledModels {
	/// Loads into this engine from the store in this folder.
	pub fn new(engine: Arc<LocalEngine>, folder: PathBuf) -> Self {
		Self { engine, store: ModelStore::new(folder), loading: Mutex::new(()) }
	}

	/// The names of the models that this release knows, whether they are installed or not.
	pub fn known_names(&self) -> Vec<String> {
		let compiled_in = self.engine.models().into_iter().map(|model| model.name);
		compiled_in.chain(known::ALL.map(|model| model.name.into())).collect()
	}

	fn find(&self, file: &Hash) -> Option<ModelDescription> {
		self.engine.models().into_iter().find(|model| model.is(&file.0))
	}
}

impl ModelSource for InstalledModels {
	fn has(&self, file: &Hash) -> bool {
		file.0 == COMMON_LINGUA || self.store.contains(&Sha256Hash(file.0))
	}

	fn load(&self, revision: &ModelRevision) -> Result<ModelDescription, LoadError> {
		let _one_at_a_time = self.loading.lock();
		if let Some(loaded) = revision.files.first().and_then(|file| self.find(&file.sha256)) {
			return Ok(loaded);
		}
		let (name, architecture) = (revision.name.to_string_lossy(), revision.architecture.to_string_lossy());
		let architecture = Architecture::find(&architecture).ok_or(LoadError::Architecture(architecture))?;
		let start = Instant::now();
		let open = |sha256: Hash| self.store.open_verified(&Sha256Hash(sha256.0), &mut |_, _| ());
		let files = revision.files.iter().map(|file| open(file.sha256)).collect::<Result<Vec<VerifiedFile>, _>>()?;
		let needed = match (architecture.task(), &files[..]) {
			(Task::Generation, [file]) => {
				let file = GgufFile::parse(file).map_err(|error| EngineError::InvalidModel(error.to_string()))?;
				LanguageModel::memory_needed(&file, revision.limits.context_units as usize)?
			}
			// The weights are repacked, beside what is mapped.
			(Task::Embedding, files) => files.iter().map(|file| 2 * file.len() as u64).sum(),
			(_, files) => files.iter().map(|file| file.len() as u64).sum(),
		};
		memory::check(&name, needed)?;
		let checked: Vec<CheckedFile<'_>> = files.iter().map(Into::into).collect();
		let loaded = self.engine.load(&name, architecture, &checked)?;
		log::info!(target: LOG_TARGET, "🔮 Model {name}: loaded in {} ms", start.elapsed().as_millis());
		Ok(loaded)
	}

	fn unload(&self, file: &Hash) {
		if file.0 != COMMON_LINGUA {
			self.engine.unload(&file.0);
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn source(folder: &tempfile::TempDir) -> InstalledModels {
		let engine = LocalEngine::embedded(1).expect("the compiled-in model loads");
		InstalledModels::new(Arc::new(engine), folder.path().join("models"))
	}

	/// A revision of a file that is put into the store.
	fn added(folder: &tempfile::TempDir, source: &InstalledModels, content: &str) -> ModelRevision {
		let path = folder.path().join("file");
		std::fs::write(&path, content).expect("the file can be written");
		let sha256 = source.store.add(&path, &mut |_, _| ()).expect("it can be added");
		let mut revision = sibyl_runtime::models::smollm2();
		revision.files[0].sha256 = sha256.0.into();
		revision
	}

	#[test]
	fn the_compiled_in_model_is_always_there_and_takes_no_folder() {
		let folder = tempfile::tempdir().expect("a folder can be made");
		let source = source(&folder);
		let revision = sibyl_runtime::models::common_lingua();
		source.unload(&COMMON_LINGUA.into());
		assert!(source.has(&COMMON_LINGUA.into()));
		let loaded = source.load(&revision).expect("it is loaded from the start");
		assert_eq!(loaded.name, "common-lingua");
		assert!(!source.has(&Hash::zero()));
		assert_eq!(source.known_names(), ["common-lingua", "smollm2", "minilm"]);
		assert!(!folder.path().join("models").exists());
	}

	#[test]
	fn a_file_that_is_no_model_is_refused_by_what_is_wrong_with_it() {
		let folder = tempfile::tempdir().expect("a folder can be made");
		let source = source(&folder);
		let mut revision = added(&folder, &source, "{} is no GGUF file");
		let error = |revision: &ModelRevision| source.load(revision).expect_err("it is no model").to_string();
		assert!(error(&revision).contains("GGUF"), "{}", error(&revision));
		revision.architecture = "mamba".try_into().expect("it is short");
		assert_eq!(error(&revision), "this release has no architecture 'mamba'");
		assert_eq!(source.engine.models().len(), 1);
	}

	#[test]
	fn what_the_system_is_short_of_may_pass_and_what_is_wrong_with_the_files_stays() {
		let refused = |kind: ErrorKind| {
			LoadError::from(StoreError::Io { attempt: "open", path: PathBuf::from("file"), source: kind.into() })
		};
		let memory = memory::check_against("x", 2, Some(1)).expect_err("it does not fit");
		let thread = LoadError::Thread(ErrorKind::WouldBlock.into());
		for passing in [refused(ErrorKind::PermissionDenied), LoadError::from(memory), thread] {
			assert!(passing.may_pass(), "{passing}");
		}
		let invalid = LoadError::from(EngineError::InvalidModel("x".into()));
		for staying in [invalid, LoadError::Panicked("x".into()), LoadError::Architecture("x".into())] {
			assert!(!staying.may_pass(), "{staying}");
		}
	}

	#[test]
	fn a_file_that_was_changed_is_not_read() {
		let folder = tempfile::tempdir().expect("a folder can be made");
		let source = source(&folder);
		let revision = added(&folder, &source, "{} and some bytes");
		let path = source.store.path(&Sha256Hash(revision.files[0].sha256.0));
		std::fs::remove_file(&path).expect("it can be removed");
		std::fs::write(&path, "other bytes").expect("it can be written");
		let error = source.load(&revision).expect_err("its hash differs");
		assert!(matches!(error, LoadError::Store(StoreError::Hash { .. })) && !error.may_pass(), "{error}");
	}
}
