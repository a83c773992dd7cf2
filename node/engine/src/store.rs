//! A folder of model files that are named by their SHA-256.
//!
//! Nothing is in the store that was not hashed on its way in, and nothing is given out that was not hashed again:
//! [`ModelStore::open_verified`] hashes a file, and what a [`VerifiedFile`] reads of it later is compared with what was
//! hashed. So whatever becomes of the file meanwhile, what is loaded is what was hashed.
//!
//! The store knows no network. [`known`] says which models there are and in which packages; what fetches a package is
//! the caller's.

mod error;
mod hashing;
mod kind;
pub mod known;
mod verified;
mod wheel;

pub use error::StoreError;
pub use hashing::Sha256Hash;
pub use verified::VerifiedFile;

use error::Attempt;
use hashing::copy_and_hash;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use tempfile::{Builder, NamedTempFile};

/// What is told how many bytes of how many are done.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64);

/// A file of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StoredFile {
	/// Its hash, which is its name.
	pub sha256: Sha256Hash,
	/// Its size in bytes.
	pub size: u64,
}

/// A folder of model files.
#[derive(Clone, Debug)]
pub struct ModelStore {
	folder: PathBuf,
}

impl ModelStore {
	/// The store in a folder, which is made when the first file is added.
	pub fn new(folder: impl Into<PathBuf>) -> Self {
		Self { folder: folder.into() }
	}

	/// Makes the folder if it is not there, so that whoever fetches a file knows before that there is a place for it.
	pub fn make_folder(&self) -> Result<(), StoreError> {
		fs::create_dir_all(&self.folder).attempt("make the folder", &self.folder)
	}

	/// The store's folder.
	pub fn folder(&self) -> &Path {
		&self.folder
	}

	/// Where a file is, or would be.
	pub fn path(&self, sha256: &Sha256Hash) -> PathBuf {
		self.folder.join(sha256.to_string())
	}

	/// Copies a file into the store and returns its hash. It must begin as a model's files do: GGUF, whose header is checked,
	/// safetensors, or JSON.
	///
	/// The copy appears in the store when it is complete, at once. A file that is there already is replaced by its like.
	pub fn add(&self, path: impl AsRef<Path>, progress: Progress<'_>) -> Result<Sha256Hash, StoreError> {
		let (mut source, size) = open(path.as_ref())?;
		kind::check(&mut source, path.as_ref(), size)?;
		self.receive(&mut source, path.as_ref(), size, None, progress)
	}

	/// Copies from a reader of the given size. If a hash is expected, nothing else enters the store.
	fn receive(
		&self,
		source: &mut impl Read,
		origin: &Path,
		size: u64,
		expected: Option<Sha256Hash>,
		progress: Progress<'_>,
	) -> Result<Sha256Hash, StoreError> {
		let prefix = ".incoming-";
		self.make_folder()?;
		let mut copy = Builder::new().prefix(prefix).tempfile_in(&self.folder).attempt("write to", &self.folder)?;
		// One byte more than announced is enough to see that there is more.
		let mut source = source.take(size.saturating_add(1));
		let (sha256, copied) =
			copy_and_hash(&mut source, origin, Some((copy.as_file_mut(), &self.folder)), size, progress)?;
		if copied != size {
			return Err(StoreError::Size { path: origin.into(), expected: size, actual: copied });
		}
		match expected {
			Some(expected) if expected != sha256 => {
				Err(StoreError::Hash { path: origin.into(), expected, actual: sha256 })
			}
			_ => self.keep(copy, sha256),
		}
	}

	fn keep(&self, copy: NamedTempFile, sha256: Sha256Hash) -> Result<Sha256Hash, StoreError> {
		let path = self.path(&sha256);
		settle(copy.as_file(), copy.path())?;
		copy.persist(&path).map_err(|error| error.error).attempt("write to", &path)?;
		Ok(sha256)
	}

	/// Takes over a file that lies on the store's disk already, as one that was fetched in parts: where it is a model's and
	/// has this hash, it gets its place in the store at once, and is no longer where it was.
	pub fn adopt(&self, path: &Path, sha256: &Sha256Hash, progress: Progress<'_>) -> Result<(), StoreError> {
		let (mut file, size) = open(path)?;
		kind::check(&mut file, path, size)?;
		let (actual, _) = copy_and_hash(&mut file, path, None, size, progress)?;
		expect(path.into(), *sha256, actual)?;
		settle(&file, path)?;
		let place = self.path(sha256);
		fs::rename(path, &place).attempt("write to", &place)
	}

	/// The files of the store, in the order of their hashes. What has no hash for a name is none of them.
	pub fn list(&self) -> Result<Vec<StoredFile>, StoreError> {
		let mut files = Vec::new();
		if !self.folder.exists() {
			return Ok(files);
		}
		for entry in fs::read_dir(&self.folder).attempt("list", &self.folder)? {
			let entry = entry.attempt("list", &self.folder)?;
			let Some(sha256) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
			let metadata = fs::metadata(entry.path()).attempt("read", &entry.path())?;
			if metadata.is_file() {
				files.push(StoredFile { sha256, size: metadata.len() });
			}
		}
		files.sort_unstable();
		Ok(files)
	}

	/// Whether the store has a file of that name. It may be damaged.
	pub fn contains(&self, sha256: &Sha256Hash) -> bool {
		self.path(sha256).is_file()
	}

	/// Hashes a file of the store and compares.
	pub fn verify(&self, sha256: &Sha256Hash, progress: Progress<'_>) -> Result<(), StoreError> {
		let (mut file, size, path) = self.open_stored(sha256)?;
		let (actual, _) = copy_and_hash(&mut file, &path, None, size, progress)?;
		expect(path, *sha256, actual)
	}

	/// Opens a file whose bytes are those of its hash.
	pub fn open_verified(&self, sha256: &Sha256Hash, progress: Progress<'_>) -> Result<VerifiedFile, StoreError> {
		let (file, size, path) = self.open_stored(sha256)?;
		VerifiedFile::hash(file, path, size, progress)?.expected(*sha256)
	}

	/// Opens a file as it is, for [`VerifiedFile::hashed`], which may be called in another process.
	pub fn open(&self, sha256: &Sha256Hash) -> Result<File, StoreError> {
		Ok(self.open_stored(sha256)?.0)
	}

	fn open_stored(&self, sha256: &Sha256Hash) -> Result<(File, u64, PathBuf), StoreError> {
		let path = self.path(sha256);
		if !self.contains(sha256) {
			return Err(StoreError::Absent { sha256: *sha256, folder: self.folder.clone() });
		}
		let (file, size) = open(&path)?;
		Ok((file, size, path))
	}

	/// Removes a file from the store.
	pub fn remove(&self, sha256: &Sha256Hash) -> Result<(), StoreError> {
		let path = self.path(sha256);
		match fs::remove_file(&path) {
			Err(error) if error.kind() == io::ErrorKind::NotFound => {
				Err(StoreError::Absent { sha256: *sha256, folder: self.folder.clone() })
			}
			removed => removed.attempt("remove", &path),
		}
	}
}

/// Protects a complete file from being written to, and has it on the disk.
fn settle(file: &File, path: &Path) -> Result<(), StoreError> {
	let mut permissions = file.metadata().attempt("read", path)?.permissions();
	permissions.set_readonly(true);
	file.set_permissions(permissions).attempt("protect", path)?;
	file.sync_all().attempt("write to", path)
}

/// Opens a regular file for reading.
fn open(path: &Path) -> Result<(File, u64), StoreError> {
	let metadata = fs::metadata(path).attempt("read", path)?;
	if !metadata.is_file() {
		// Opening a pipe would wait.
		return Err(StoreError::NotAFile(path.into()));
	}
	let file = File::open(path).attempt("read", path)?;
	let size = file.metadata().attempt("read", path)?.len();
	Ok((file, size))
}

fn expect(path: PathBuf, expected: Sha256Hash, actual: Sha256Hash) -> Result<(), StoreError> {
	match actual == expected {
		true => Ok(()),
		false => Err(StoreError::Hash { path, expected, actual }),
	}
}

#[cfg(test)]
mod tests;
