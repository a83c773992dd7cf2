//! The files of models that this node has, and the engine that they are loaded into.

use super::{models::Turn, panics};
use crate::models::memory;
use parking_lot::Mutex;
use sibyl_engine::{
	store::{known, ModelStore, Sha256Hash, StoreError},
	Architecture, Engine, EngineError, ModelDescription, COMMON_LINGUA,
};
use sibyl_engine_process::{EngineProcess, LoadError as ProcessLoadError, ModelFiles, NamedFile};
use sibyl_primitives::{model::ModelRevision, Hash};
use std::{
	io::ErrorKind,
	os::unix::fs::MetadataExt,
	path::PathBuf,
	sync::Arc,
	time::{Instant, UNIX_EPOCH},
};

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
	/// The files are none of a model that the engine can run, or the engine's process ended.
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
			// The process may have been another model's victim.
			Self::Memory(_) | Self::Thread(_) | Self::Engine(EngineError::Process(_)) => true,
			Self::Store(StoreError::Io { source, .. }) => source.kind() != ErrorKind::InvalidData,
			Self::Store(_) | Self::Architecture(_) | Self::Engine(_) | Self::Panicked(_) => false,
		}
	}

	/// Whether a file is not what its hash says.
	pub fn is_damage(&self) -> bool {
		matches!(self, Self::Store(StoreError::Hash { .. } | StoreError::Size { .. }))
	}
}

/// What tells a file from the one that was there before, without reading it: its size, when it was written in nanoseconds
/// since 1970, and its number in the file system.
pub type Stamp = (u64, u128, u64);

/// What has models' files, and loads models from them.
pub trait ModelSource: Send + Sync {
	/// Whether the file is there; it may be damaged.
	fn has(&self, file: &Hash) -> bool;

	/// What tells the file from one that was there before; none where there is none.
	fn stamp(&self, file: &Hash) -> Option<Stamp>;

	/// Loads the model that a revision describes, which may take seconds, and says what it is. One that is loaded already
	/// stays as it is.
	fn load(&self, revision: &ModelRevision) -> Result<ModelDescription, LoadError>;

	/// Gives back the memory of the model that is named by this file.
	fn unload(&self, file: &Hash);

	/// The right to look at such a model and to measure it; none while another node of this machine has it.
	fn turn(&self, _revision: &ModelRevision) -> Option<Turn> {
		Some(Turn::default())
	}
}

/// Loads a model; a panic of the loader's is an error.
pub fn load_guarded(source: &dyn ModelSource, revision: &ModelRevision) -> Result<ModelDescription, LoadError> {
	panics::catch(|| source.load(revision)).unwrap_or_else(|message| Err(LoadError::Panicked(message)))
}

/// The model that is compiled in, and those in a store. Their files are opened here; what reads them is the engine's process.
pub struct InstalledModels {
	engine: Arc<EngineProcess>,
	store: ModelStore,
	/// One model at a time: the memory that is available is only known when the one before has taken its own.
	loading: Mutex<()>,
}

impl InstalledModels {
	/// Loads into this engine from the store in this folder.
	pub fn new(engine: Arc<EngineProcess>, folder: PathBuf) -> Self {
		Self { engine, store: ModelStore::new(folder), loading: Mutex::new(()) }
	}

	/// The names of the models that this release knows, whether they are installed or not.
	pub fn known_names(&self) -> Vec<String> {
		let compiled_in = Architecture::CommonLingua.to_string();
		std::iter::once(compiled_in).chain(known::ALL.map(|model| model.name.into())).collect()
	}

	fn find(&self, file: &Hash) -> Option<ModelDescription> {
		self.engine.models().into_iter().find(|model| model.is(&file.0))
	}

	/// What the engine's process has said, in the node's words.
	fn explain(&self, name: &str, error: ProcessLoadError) -> LoadError {
		match error {
			ProcessLoadError::File { path, source } => StoreError::Io { attempt: "read", path, source }.into(),
			ProcessLoadError::Memory { needed, available } => memory::lacking(name, needed, available).into(),
			ProcessLoadError::Engine(EngineError::HashMismatch { expected, actual }) => {
				let (expected, actual) = (Sha256Hash(expected), Sha256Hash(actual));
				StoreError::Hash { path: self.store.path(&expected), expected, actual }.into()
			}
			ProcessLoadError::Engine(error) => error.into(),
		}
	}
}

impl ModelSource for InstalledModels {
	fn has(&self, file: &Hash) -> bool {
		file.0 == COMMON_LINGUA || self.store.contains(&Sha256Hash(file.0))
	}

	fn stamp(&self, file: &Hash) -> Option<Stamp> {
		let metadata = std::fs::metadata(self.store.path(&Sha256Hash(file.0))).ok()?;
		let written = metadata.modified().ok()?.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
		Some((metadata.len(), written, metadata.ino()))
	}

	fn load(&self, revision: &ModelRevision) -> Result<ModelDescription, LoadError> {
		let _one_at_a_time = self.loading.lock();
		// It has the compiled-in model from its start.
		self.engine.start()?;
		if let Some(loaded) = revision.files.first().and_then(|file| self.find(&file.sha256)) {
			return Ok(loaded);
		}
		let (name, architecture) = (revision.name.to_string_lossy(), revision.architecture.to_string_lossy());
		let architecture = Architecture::find(&architecture).ok_or(LoadError::Architecture(architecture))?;
		let named = |file: Hash| NamedFile { path: self.store.path(&Sha256Hash(file.0)), sha256: file.0 };
		let model = ModelFiles {
			name: name.clone(),
			architecture,
			files: revision.files.iter().map(|file| named(file.sha256)).collect(),
			context: revision.limits.context_units,
		};
		let start = Instant::now();
		let loaded = self.engine.load(&model).map_err(|error| self.explain(&name, error))?;
		log::info!(target: LOG_TARGET, "🔮 Model {name}: loaded in {} ms", start.elapsed().as_millis());
		Ok(loaded)
	}

	fn unload(&self, file: &Hash) {
		if file.0 != COMMON_LINGUA {
			self.engine.unload(&file.0);
		}
	}

	/// The model that is compiled in takes no time worth waiting for.
	fn turn(&self, revision: &ModelRevision) -> Option<Turn> {
		match revision.files.first() {
			Some(file) if file.sha256.0 == COMMON_LINGUA => Some(Turn::default()),
			_ => Turn::take(self.store.folder()),
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::inference::test_engine::engine_process;

	fn source(folder: &tempfile::TempDir) -> InstalledModels {
		InstalledModels::new(engine_process(), folder.path().join("models"))
	}

	/// A revision of a file that is put into the store.
	fn added(folder: &tempfile::TempDir, source: &InstalledModels, content: &str) -> ModelRevision {
		let path = folder.path().join("file");
		std::fs::write(&path, content).expect("the file can be written");
		let sha256 = source.store.add(&path, &mut |_, _| ()).expect("it can be added");
		let mut revision = sibyl_runtime::models::smollm2().revision;
		revision.files[0].sha256 = sha256.0.into();
		revision
	}

	#[test]
	fn nodes_that_share_a_folder_take_turns_to_measure_but_for_the_compiled_in_model() {
		let folder = tempfile::tempdir().expect("a temporary folder can be made");
		let (one, other) = (source(&folder), source(&folder));
		let revision = sibyl_runtime::models::smollm2().revision;
		assert!(one.turn(&revision).is_some() && other.turn(&revision).is_some(), "there is no folder yet");
		added(&folder, &one, "{}");
		let turn = one.turn(&revision);
		assert!(turn.is_some());
		assert!(other.turn(&revision).is_none());
		assert!(other.turn(&sibyl_runtime::models::common_lingua().revision).is_some());
		drop(turn);
		assert!(other.turn(&revision).is_some());
	}

	#[test]
	fn the_compiled_in_model_is_always_there_and_takes_no_folder() {
		let folder = tempfile::tempdir().expect("a folder can be made");
		let source = source(&folder);
		let revision = sibyl_runtime::models::common_lingua().revision;
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
		assert!(LoadError::from(EngineError::Process("was killed by signal 9".into())).may_pass());
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
		let file = revision.files[0].sha256;
		let damaged = source.stamp(&file);
		let error = source.load(&revision).expect_err("its hash differs");
		assert!(error.is_damage() && !error.may_pass(), "{error}");
		std::fs::remove_file(&path).expect("it can be removed");
		assert_eq!(source.stamp(&file), None);
		std::fs::write(&path, "other bytes, again").expect("it can be written");
		assert!(damaged.is_some() && source.stamp(&file) != damaged);
	}
}
