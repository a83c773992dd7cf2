//! The folder that files are read from and put into.

use crate::{
	merkle::{chunk_length, chunk_offset},
	partial::{Partial, PARTIAL},
	FileId,
};
use rustix::fs::statvfs;
use sibyl_engine::store::{ModelStore, Sha256Hash};
use sibyl_primitives::Hash;
use std::{
	fs::File,
	io,
	os::unix::fs::{FileExt, MetadataExt},
	path::{Path, PathBuf},
	sync::Arc,
	time::SystemTime,
};

/// What fetched files leave of a disk. The node itself stops at 1 GiB where its database is on the same one.
const RESERVE: u64 = 2 << 30;

/// What files are written to.
pub trait Disk: Send + Sync {
	/// How many bytes there is room for in a folder.
	fn free(&self, folder: &Path) -> io::Result<u64>;

	/// Writes at an offset of a file.
	fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()>;
}

/// The machine's own.
struct SystemDisk;

impl Disk for SystemDisk {
	fn free(&self, folder: &Path) -> io::Result<u64> {
		let stat = statvfs(folder)?;
		Ok(stat.f_bavail.saturating_mul(stat.f_frsize).saturating_sub(RESERVE))
	}

	fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
		file.write_all_at(bytes, offset)
	}
}

/// What tells a file from the one that was there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
	size: u64,
	written: Option<SystemTime>,
	inode: u64,
}

/// A store of model files, and the files in it that are not complete. Clones are one.
#[derive(Clone)]
pub struct Shelf {
	store: ModelStore,
	disk: Arc<dyn Disk>,
}

impl Shelf {
	/// The store in this folder.
	pub fn new(folder: impl Into<PathBuf>) -> Self {
		Self::on(folder, Arc::new(SystemDisk))
	}

	/// The same on another disk.
	pub(crate) fn on(folder: impl Into<PathBuf>, disk: Arc<dyn Disk>) -> Self {
		Self { store: ModelStore::new(folder), disk }
	}

	/// The folder.
	pub fn folder(&self) -> &Path {
		self.store.folder()
	}

	/// Whether the whole file is there, by its size. Its bytes are not looked at.
	pub fn has(&self, file: &FileId) -> bool {
		self.stamp(&file.sha256).is_some_and(|stamp| stamp.size == file.size)
	}

	/// How many bytes the complete files have together, as far as the folder can be read.
	pub fn total(&self) -> u64 {
		let files = self.store.list().unwrap_or_default();
		files.iter().fold(0, |total, file| total.saturating_add(file.size))
	}

	/// What tells the whole file from others of its name; none where there is no such file.
	pub(crate) fn stamp(&self, sha256: &Hash) -> Option<Stamp> {
		let metadata = std::fs::metadata(self.store.path(&name(sha256))).ok().filter(std::fs::Metadata::is_file)?;
		Some(Stamp { size: metadata.len(), written: metadata.modified().ok(), inode: metadata.ino() })
	}

	/// Opens a whole file.
	pub(crate) fn open(&self, sha256: &Hash) -> io::Result<File> {
		self.store.open(&name(sha256)).map_err(io::Error::other)
	}

	/// Reads a chunk of a whole file.
	pub(crate) fn chunk(&self, file: &FileId, index: u32) -> io::Result<Vec<u8>> {
		let length = chunk_length(file.size, index).ok_or(io::ErrorKind::UnexpectedEof)?;
		let mut chunk = vec![0; length];
		self.open(&file.sha256)?.read_exact_at(&mut chunk, chunk_offset(index))?;
		Ok(chunk)
	}

	/// Begins a file, or goes on with what there is of it. Reads all of that.
	pub(crate) fn resume(&self, file: &FileId) -> io::Result<Partial> {
		self.store.make_folder().map_err(io::Error::other)?;
		Partial::open(self.store.clone(), self.disk.clone(), *file)
	}

	/// How many bytes there is room for, beside what is left alone.
	pub(crate) fn free(&self) -> io::Result<u64> {
		self.disk.free(self.folder())
	}

	/// Deletes incomplete files that nobody wants any more, unless another process writes to them.
	pub(crate) fn sweep(&self, wanted: &[FileId]) {
		let Ok(entries) = std::fs::read_dir(self.folder()) else { return };
		let kept: Vec<_> = wanted.iter().map(Partial::name).collect();
		for entry in entries.flatten() {
			let file_name = entry.file_name();
			let Some(file_name) = file_name.to_str().filter(|name| name.starts_with(PARTIAL)) else { continue };
			if !kept.iter().any(|kept| file_name.starts_with(kept.as_str())) {
				Partial::remove(&entry.path());
			}
		}
	}
}

/// A hash, as the store takes it.
pub fn name(sha256: &Hash) -> Sha256Hash {
	Sha256Hash(sha256.0)
}
