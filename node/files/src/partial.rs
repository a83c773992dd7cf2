//! A file of which not all is there.
//!
//! It is two files: one has the bytes, each chunk at its place, the other the hash of each chunk that is there. A hash is
//! written after its chunk, and believed only if the chunk still has it: so a node that ends in the middle of a write, or
//! loses power, fetches again what it lost and nothing else.

use crate::{
	merkle::{chunk_length, chunk_offset, chunks, sha256},
	shelf::{name, Disk},
	FileId, LOG_TARGET,
};
use parking_lot::Mutex;
use sibyl_engine::store::{ModelStore, StoreError};
use sibyl_primitives::Hash;
use std::{
	fs::{File, OpenOptions, TryLockError},
	io::{self, ErrorKind},
	os::unix::fs::FileExt,
	path::{Path, PathBuf},
	sync::Arc,
};

/// How the names of incomplete files begin; the store takes them for none of its own.
pub const PARTIAL: &str = ".partial-";

/// How the name of the file of hashes ends.
const HASHES: &str = ".chunks";

/// Bytes of a hash.
const HASH_BYTES: usize = 32;

/// Why a file whose chunks are all there does not get into the store.
#[derive(Debug, thiserror::Error)]
pub enum Unfinished {
	/// Chunks were damaged on the disk, and are fetched again.
	#[error("{0} of its chunks were damaged on the disk")]
	Damaged(usize),
	/// It never will.
	#[error("{0}")]
	Refused(String),
	/// The disk fails.
	#[error(transparent)]
	Disk(io::Error),
}

/// The file.
pub struct Partial {
	store: ModelStore,
	disk: Arc<dyn Disk>,
	file: FileId,
	path: PathBuf,
	bytes: File,
	hashes: File,
	/// The hash of each chunk, where it is there.
	there: Mutex<Vec<Option<Hash>>>,
}

impl Partial {
	/// How it is called: another root or size is another file.
	pub fn name(FileId { sha256, size, chunk_root }: &FileId) -> String {
		format!("{PARTIAL}{}-{size}-{:.16}", name(sha256), name(chunk_root).to_string())
	}

	/// Opens what there is of it, or makes it. It is an error of kind `WouldBlock` if another process has it.
	pub fn open(store: ModelStore, disk: Arc<dyn Disk>, file: FileId) -> io::Result<Self> {
		let count = chunks(file.size).filter(|count| *count > 0).ok_or(ErrorKind::InvalidInput)?;
		let path = store.folder().join(Self::name(&file));
		let open = |path: &Path| OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
		let bytes = open(&path)?;
		bytes.try_lock().map_err(|error| match error {
			TryLockError::WouldBlock => ErrorKind::WouldBlock.into(),
			TryLockError::Error(error) => error,
		})?;
		let hashes = open(&hashes_of(&path))?;
		let there = Mutex::new(vec![None; count as usize]);
		let partial = Self { store, disk, file, path, bytes, hashes, there };
		partial.look()?;
		Ok(partial)
	}

	/// Finds out which chunks are there.
	fn look(&self) -> io::Result<usize> {
		let mut lost = 0;
		let count = self.there.lock().len() as u32;
		for index in 0..count {
			let noted = self.noted(index)?;
			let found = match noted {
				Some(_) => self.chunk(index)?.as_deref().map(sha256),
				None => None,
			};
			lost += usize::from(noted != found);
			self.there.lock()[index as usize] = found.filter(|_| noted == found);
		}
		Ok(lost)
	}

	/// The hash that was written down for a chunk.
	fn noted(&self, index: u32) -> io::Result<Option<Hash>> {
		let mut hash = [0; HASH_BYTES];
		match self.hashes.read_exact_at(&mut hash, u64::from(index) * HASH_BYTES as u64) {
			Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
			read => read.map(|()| Some(Hash::from(hash)).filter(|hash| !hash.is_zero())),
		}
	}

	/// The bytes at a chunk's place; none where the file is too short.
	fn chunk(&self, index: u32) -> io::Result<Option<Vec<u8>>> {
		let Some(length) = chunk_length(self.file.size, index) else { return Ok(None) };
		let mut chunk = vec![0; length];
		match self.bytes.read_exact_at(&mut chunk, chunk_offset(index)) {
			Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
			read => read.map(|()| Some(chunk)),
		}
	}

	/// The chunks that are not there, in order.
	pub fn missing(&self) -> Vec<u32> {
		(0..).zip(&*self.there.lock()).filter(|(_, hash)| hash.is_none()).map(|(index, _)| index).collect()
	}

	/// Bytes that are not there.
	pub fn missing_bytes(&self) -> u64 {
		self.missing().iter().filter_map(|index| chunk_length(self.file.size, *index)).map(|length| length as u64).sum()
	}

	/// Writes a chunk that was verified and has this hash. A disk without room is an error of kind `StorageFull`.
	pub fn keep(&self, index: u32, chunk: &[u8], hash: Hash) -> io::Result<()> {
		if self.disk.free(self.store.folder())? < chunk.len() as u64 {
			return Err(ErrorKind::StorageFull.into());
		}
		self.disk.write(&self.bytes, chunk, chunk_offset(index))?;
		self.disk.write(&self.hashes, hash.as_bytes(), u64::from(index) * HASH_BYTES as u64)?;
		if let Some(there) = self.there.lock().get_mut(index as usize) {
			*there = Some(hash);
		}
		Ok(())
	}

	/// Hashes the whole, and puts it into the store if it is what the chain names.
	pub fn finish(&self) -> Result<(), Unfinished> {
		match self.store.adopt(&self.path, &name(&self.file.sha256), &mut |_, _| ()) {
			Ok(()) => {
				self.forget_hashes();
				Ok(())
			}
			Err(StoreError::Io { source, .. }) => Err(Unfinished::Disk(source)),
			Err(error) => match self.look().map_err(Unfinished::Disk)? {
				// Each chunk is what the root says, so it is the chain that says two things, or the file is no model's.
				0 => {
					self.discard();
					Err(Unfinished::Refused(error.to_string()))
				}
				lost => Err(Unfinished::Damaged(lost)),
			},
		}
	}

	/// Deletes what there is.
	fn discard(&self) {
		if let Err(error) = std::fs::remove_file(&self.path) {
			log::warn!(target: LOG_TARGET, "{} can't be deleted: {error}", self.path.display());
		}
		self.forget_hashes();
	}

	fn forget_hashes(&self) {
		let path = hashes_of(&self.path);
		if let Err(error) = std::fs::remove_file(&path) {
			log::warn!(target: LOG_TARGET, "{} can't be deleted: {error}", path.display());
		}
	}

	/// Deletes one of the two files of an incomplete one by its path, unless another process has it.
	pub fn remove(path: &Path) {
		let bytes = path.to_str().and_then(|path| path.strip_suffix(HASHES)).map_or(path, Path::new);
		let is_used = File::open(bytes).is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)));
		if is_used {
			return;
		}
		match std::fs::remove_file(path) {
			Ok(()) if bytes != path => {}
			Ok(()) => log::info!(target: LOG_TARGET, "📦 Deleted {}: it is not wanted any more", path.display()),
			Err(error) => log::warn!(target: LOG_TARGET, "{} can't be deleted: {error}", path.display()),
		}
	}
}

fn hashes_of(path: &Path) -> PathBuf {
	let mut path = path.as_os_str().to_owned();
	path.push(HASHES);
	path.into()
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{
		testing::{bytes, file, FullDisk},
		Shelf,
	};

	const SIZE: usize = 2_500_000;

	struct Test {
		_folder: tempfile::TempDir,
		shelf: Shelf,
		content: Vec<u8>,
		file: FileId,
	}

	impl Test {
		fn new() -> Self {
			let folder = tempfile::tempdir().expect("a folder can be made");
			let content = bytes(SIZE);
			Self { shelf: Shelf::new(folder.path().join("models")), _folder: folder, file: file(&content), content }
		}

		fn resume(&self) -> Partial {
			self.shelf.resume(&self.file).expect("it can be opened")
		}

		fn keep(&self, partial: &Partial, indices: &[u32]) {
			for index in indices {
				let start = chunk_offset(*index) as usize;
				let chunk = &self.content[start..start + chunk_length(self.file.size, *index).expect("it is one")];
				partial.keep(*index, chunk, sha256(chunk)).expect("there is room");
			}
		}

		fn entries(&self) -> Vec<String> {
			let entries = std::fs::read_dir(self.shelf.folder()).expect("it is there");
			entries.map(|entry| entry.expect("it can be read").file_name().into_string().expect("it is text")).collect()
		}
	}

	#[test]
	fn a_file_is_in_the_store_once_all_its_chunks_are_there_in_whatever_order_and_not_before() {
		let test = Test::new();
		let partial = test.resume();
		assert_eq!((partial.missing(), partial.missing_bytes()), (vec![0, 1, 2], SIZE as u64));
		test.keep(&partial, &[2, 0]);
		assert!(!test.shelf.has(&test.file) && test.shelf.total() == 0);
		test.keep(&partial, &[1]);
		partial.finish().expect("it is whole");
		assert!(test.shelf.has(&test.file));
		assert_eq!(test.shelf.chunk(&test.file, 2).expect("it is there"), test.content[2 << 20..]);
		assert_eq!(test.entries(), [name(&test.file.sha256).to_string()], "nothing else is left");
	}

	#[test]
	fn what_is_there_stays_over_a_restart_and_what_was_damaged_meanwhile_is_missing() {
		let test = Test::new();
		test.keep(&test.resume(), &[0, 2]);
		assert_eq!(test.resume().missing(), [1]);
		let path = test.shelf.folder().join(Partial::name(&test.file));
		OpenOptions::new().write(true).open(path).expect("it is there").write_all_at(b"x", 7).expect("it is written");
		assert_eq!(test.resume().missing(), [0, 1]);
	}

	#[test]
	fn a_chunk_that_was_damaged_before_the_end_is_missing_again() {
		let test = Test::new();
		let partial = test.resume();
		test.keep(&partial, &[0, 1, 2]);
		partial.bytes.write_all_at(b"x", 1 << 20).expect("it is written");
		assert!(matches!(partial.finish(), Err(Unfinished::Damaged(1))));
		assert_eq!(partial.missing(), [1]);
		test.keep(&partial, &[1]);
		partial.finish().expect("it is whole");
	}

	#[test]
	fn a_file_that_the_chain_names_by_two_hashes_of_different_files_is_given_up_and_deleted() {
		let mut test = Test::new();
		test.file.sha256 = Hash::repeat_byte(7);
		let partial = test.resume();
		test.keep(&partial, &[0, 1, 2]);
		let Err(Unfinished::Refused(why)) = partial.finish() else { panic!("its hash differs") };
		assert!(why.contains("expected 0707"), "{why}");
		assert!(test.entries().is_empty());
	}

	#[test]
	fn two_processes_do_not_write_to_one_file() {
		let test = Test::new();
		let first = test.resume();
		let second = test.shelf.resume(&test.file).err().expect("it is in use");
		assert_eq!(second.kind(), ErrorKind::WouldBlock);
		test.shelf.sweep(&[]);
		assert_eq!(test.entries().len(), 2, "nor is it deleted");
		drop(first);
		test.resume();
	}

	#[test]
	fn what_nobody_wants_any_more_is_deleted_and_the_rest_stays() {
		let test = Test::new();
		test.keep(&test.resume(), &[1]);
		std::fs::write(test.shelf.folder().join("README"), "mine").expect("there is room");
		test.shelf.sweep(&[test.file]);
		assert_eq!(test.entries().len(), 3);
		test.shelf.sweep(&[FileId { size: 1, ..test.file }]);
		assert_eq!(test.entries(), ["README"]);
	}

	#[test]
	fn a_full_disk_is_an_error_of_its_kind_and_the_chunk_is_missing() {
		let mut test = Test::new();
		let disk = FullDisk::with_room(1 << 20);
		test.shelf = Shelf::on(test.shelf.folder(), disk.clone());
		let partial = test.resume();
		test.keep(&partial, &[0]);
		let full = partial.keep(1, &test.content[1 << 20..2 << 20], Hash::zero()).expect_err("there is no room");
		assert_eq!((full.kind(), partial.missing()), (ErrorKind::StorageFull, vec![1, 2]));
	}

	#[test]
	fn a_file_without_bytes_is_not_begun() {
		let mut test = Test::new();
		test.file.size = 0;
		assert_eq!(test.shelf.resume(&test.file).err().expect("there is none").kind(), ErrorKind::InvalidInput);
	}
}
