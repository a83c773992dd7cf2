//! A folder of model files that are named by their SHA-256.
//!
//! Nothing is in the store that was not hashed on its way in, and nothing is given out that was not hashed again:
//! [`ModelStore::open_verified`] opens a file once, hashes what it reads through the descriptor and maps the same
//! descriptor into memory. A store belongs to the user that the node runs as; whoever can write to its files can do
//! worse.
//!
//! The store knows no network. [`known`] says which models there are and in which packages; what fetches a package is
//! the caller's.

mod error;
mod hashing;
pub mod known;
mod wheel;

pub use error::StoreError;
pub use hashing::Sha256Hash;

use error::Attempt;
use hashing::copy_and_hash;
use memmap2::Mmap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::ops::Deref;
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

	/// Copies a file into the store and returns its hash.
	///
	/// The copy appears in the store when it is complete, at once. A file that is there already is replaced by its like.
	pub fn add(&self, path: impl AsRef<Path>, progress: Progress<'_>) -> Result<Sha256Hash, StoreError> {
		let (mut source, size) = open(path.as_ref())?;
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
		let file = copy.as_file();
		let mut permissions = file.metadata().attempt("read", copy.path())?.permissions();
		permissions.set_readonly(true);
		file.set_permissions(permissions).attempt("protect", copy.path())?;
		file.sync_all().attempt("write to", copy.path())?;
		copy.persist(&path).map_err(|error| error.error).attempt("write to", &path)?;
		Ok(sha256)
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
		self.open_and_hash(sha256, progress).map(|_| ())
	}

	/// Opens a file whose bytes are those of its hash.
	pub fn open_verified(&self, sha256: &Sha256Hash, progress: Progress<'_>) -> Result<VerifiedFile, StoreError> {
		let file = self.open_and_hash(sha256, progress)?;
		VerifiedFile::map(&file, *sha256, &self.path(sha256))
	}

	/// Opens a file as it is, for [`VerifiedFile::hashed`], which may be called in another process.
	pub fn open(&self, sha256: &Sha256Hash) -> Result<File, StoreError> {
		match self.contains(sha256) {
			true => Ok(open(&self.path(sha256))?.0),
			false => Err(StoreError::Absent { sha256: *sha256, folder: self.folder.clone() }),
		}
	}

	fn open_and_hash(&self, sha256: &Sha256Hash, progress: Progress<'_>) -> Result<File, StoreError> {
		let (path, mut file) = (self.path(sha256), self.open(sha256)?);
		hash(&mut file, *sha256, path, progress)?;
		Ok(file)
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

/// Reads a file to its end, and refuses any other hash.
fn hash(file: &mut File, expected: Sha256Hash, path: PathBuf, progress: Progress<'_>) -> Result<(), StoreError> {
	let size = file.metadata().attempt("read", &path)?.len();
	let (actual, _) = copy_and_hash(file, &path, None, size, progress)?;
	match actual == expected {
		true => Ok(()),
		false => Err(StoreError::Hash { path, expected, actual }),
	}
}

/// The bytes of a file that were hashed, mapped into memory and not to be written.
#[derive(Debug)]
pub struct VerifiedFile {
	map: Mmap,
	sha256: Sha256Hash,
}

impl VerifiedFile {
	/// Hashes what it reads from a file that [`ModelStore::open`] opened, and maps that file.
	pub fn hashed(mut file: File, sha256: Sha256Hash) -> Result<Self, StoreError> {
		let path = PathBuf::from(sha256.to_string());
		hash(&mut file, sha256, path.clone(), &mut |_, _| ())?;
		Self::map(&file, sha256, &path)
	}

	#[allow(unsafe_code)]
	fn map(file: &File, sha256: Sha256Hash, path: &Path) -> Result<Self, StoreError> {
		// SAFETY: the file must not change while it is mapped. It is the store's: written once, under another name,
		// complete and protected against writing before it got this one, and from then on only replaced or removed as
		// a whole, neither of which changes what is mapped.
		let map = unsafe { Mmap::map(file) }.attempt("map", path)?;
		Ok(Self { map, sha256 })
	}

	/// The hash that the file was found to have.
	pub fn sha256(&self) -> Sha256Hash {
		self.sha256
	}
}

impl Deref for VerifiedFile {
	type Target = [u8];

	fn deref(&self) -> &[u8] {
		&self.map
	}
}

#[cfg(test)]
mod tests;
