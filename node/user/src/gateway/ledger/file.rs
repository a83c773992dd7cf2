//! The ledger's file: whole at any time, and its owner's alone.

use super::State;
use std::{
	fs::{self, File, OpenOptions, TryLockError},
	io::{self, ErrorKind, Write},
	os::unix::fs::OpenOptionsExt,
	path::{Path, PathBuf},
};

/// Nobody else's.
const MODE: u32 = 0o600;

/// Why a state file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
	/// It can't be read or written.
	#[error("can't keep what is spent in {} ({source}): name a file that can be written with --state", path.display())]
	Unusable {
		/// The file.
		path: PathBuf,
		/// What the system says.
		source: io::Error,
	},
	/// Another gateway uses it.
	#[error("another gateway keeps what it spends in {}: stop it, or name another file with --state", path.display())]
	InUse {
		/// The file.
		path: PathBuf,
	},
	/// It is none.
	#[error(
		"{} does not hold what this gateway has spent ({reason}): name another file with --state, or put the right one back",
		path.display()
	)]
	Wrong {
		/// The file.
		path: PathBuf,
		/// What is wrong.
		reason: String,
	},
}

/// The file, which is this program's as long as this lives.
pub struct StateFile {
	path: PathBuf,
	_lock: File,
}

impl StateFile {
	/// The file and what it holds; nothing where it is new.
	pub fn open(path: &Path) -> Result<(Self, Option<State>), StateError> {
		let unusable = |source| StateError::Unusable { path: path.into(), source };
		// The file itself is another one after each write, so another is locked.
		let lock = beside(path, "lock");
		let lock = OpenOptions::new().create(true).truncate(false).write(true).mode(MODE).open(lock);
		let lock = lock.map_err(unusable)?;
		lock.try_lock().map_err(|error| match error {
			TryLockError::WouldBlock => StateError::InUse { path: path.into() },
			TryLockError::Error(source) => unusable(source),
		})?;
		let file = Self { path: path.into(), _lock: lock };
		match fs::read(path) {
			Ok(bytes) => match serde_json::from_slice(&bytes) {
				Ok(state) => Ok((file, Some(state))),
				Err(error) => Err(file.wrong(&error.to_string())),
			},
			Err(error) if error.kind() == ErrorKind::NotFound => Ok((file, None)),
			Err(error) => Err(unusable(error)),
		}
	}

	/// Replaces what the file holds: after a crash it is the old or the new.
	pub fn write(&self, state: &State) -> Result<(), StateError> {
		self.replace(state).map_err(|source| StateError::Unusable { path: self.path.clone(), source })
	}

	/// That it is not what it should be.
	pub fn wrong(&self, reason: &str) -> StateError {
		StateError::Wrong { path: self.path.clone(), reason: reason.into() }
	}

	fn replace(&self, state: &State) -> io::Result<()> {
		let new = beside(&self.path, "new");
		let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(MODE).open(&new)?;
		file.write_all(&serde_json::to_vec_pretty(state)?)?;
		file.sync_all()?;
		fs::rename(&new, &self.path)?;
		// The name is in the folder.
		let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
		File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
	}
}

/// The path of a file of this kind beside another.
fn beside(path: &Path, kind: &str) -> PathBuf {
	let mut name = path.as_os_str().to_owned();
	name.push(".");
	name.push(kind);
	name.into()
}
