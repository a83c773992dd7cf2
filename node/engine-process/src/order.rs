//! What a model is loaded from, and why it may not be.

use sibyl_engine::{Architecture, EngineError};
use std::{fs::File, io, path::PathBuf};

/// A model, by its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFiles {
	/// What people call it.
	pub name: String,
	/// How its tensors become an answer.
	pub architecture: Architecture,
	/// The files; the first one's hash names the model.
	pub files: Vec<NamedFile>,
	/// The longest sequence that is asked of it, in its units.
	pub context: u32,
}

/// Where a file is, and what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFile {
	/// Where.
	pub path: PathBuf,
	/// The SHA-256 that its bytes must have. The child hashes what it loads.
	pub sha256: [u8; 32],
}

/// What the child is to load: [`ModelFiles`] whose files are open.
#[derive(Debug)]
pub struct LoadOrder {
	/// What people call it.
	pub name: String,
	/// How its tensors become an answer.
	pub architecture: Architecture,
	/// The files, not yet hashed, and the hashes that they must have.
	pub files: Vec<(File, [u8; 32])>,
	/// The longest sequence that is asked of it, in its units.
	pub context: u32,
	/// The bytes of memory that the system has, where it says so.
	pub available: Option<u64>,
}

/// Why a model can't be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
	/// A file can't be opened.
	#[error("cannot read {}: {source}", path.display())]
	File {
		/// Which.
		path: PathBuf,
		/// What the system said.
		source: io::Error,
	},
	/// There is not enough memory.
	#[error("the model needs {needed} bytes of memory, and {available} are left")]
	Memory {
		/// The bytes that it needs.
		needed: u64,
		/// Those that there are: the system's, or what is left of the child's limit.
		available: u64,
	},
	/// The files are none of a model that the engine can run, or the engine's process failed.
	#[error(transparent)]
	Engine(#[from] EngineError),
}
