//! A file that was hashed, and is read again without being trusted.
//!
//! A model's file is read twice: once from front to back for its hash, before anything parses it, then in parts, by as many
//! threads as pack its weights. It is never in memory as a whole. SHA-256 is a chain: what it has come to before a part,
//! the part, and what it has come to behind it. So the states between parts, kept from the first reading, tell of each
//! part alone whether it is still what was hashed. Other bytes that pass would be a collision of SHA-256.

use super::error::Attempt;
use super::{expect, open, Progress, Sha256Hash, StoreError};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// How many bytes are checked at once when they are read again. A state takes less than a hundredth of that.
const PART: u64 = 16 << 10;
/// How many bytes are hashed between two reports of progress: a multiple of a part.
const CHUNK: u64 = 1 << 20;
/// How many bytes of a head are read at first. Each time that they are not enough, twice as many are.
const FIRST_HEAD: u64 = 1 << 20;

/// A file that was hashed. Whatever becomes of it meanwhile, what is read of it is what was hashed, or an error.
#[derive(Debug)]
pub struct VerifiedFile {
	file: File,
	path: PathBuf,
	size: u64,
	sha256: Sha256Hash,
	/// What the hash has come to before each part, and at the end.
	states: Vec<Sha256>,
	head: OnceLock<Vec<u8>>,
}

impl VerifiedFile {
	/// Hashes a file of any hash.
	pub fn open(path: impl AsRef<Path>, progress: Progress<'_>) -> Result<Self, StoreError> {
		let (file, size) = open(path.as_ref())?;
		Self::hash(file, path.as_ref().into(), size, progress)
	}

	/// Hashes a file that [`ModelStore::open`](super::ModelStore::open) opened, whose bytes must be those of the hash.
	pub fn hashed(file: File, sha256: Sha256Hash) -> Result<Self, StoreError> {
		let path = PathBuf::from(sha256.to_string());
		let size = file.metadata().attempt("read", &path)?.len();
		Self::hash(file, path, size, &mut |_, _| ())?.expected(sha256)
	}

	/// Hashes a file of this size. It is an error if it has more bytes or fewer.
	pub(super) fn hash(mut file: File, path: PathBuf, size: u64, progress: Progress<'_>) -> Result<Self, StoreError> {
		let other_size = |actual| StoreError::Size { path: path.clone(), expected: size, actual };
		let mut states = Vec::new();
		let mut hasher = Sha256::new();
		let mut chunk = Vec::new();
		let mut done = 0;
		progress(0, size);
		while done < size {
			chunk.clear();
			file.by_ref().take(CHUNK.min(size - done)).read_to_end(&mut chunk).attempt("read", &path)?;
			done += chunk.len() as u64;
			if done < size && chunk.len() as u64 != CHUNK {
				return Err(other_size(done));
			}
			for part in chunk.chunks(PART as usize) {
				states.push(hasher.clone());
				hasher.update(part);
			}
			progress(done, size);
		}
		if file.by_ref().take(1).read_to_end(&mut chunk).attempt("read", &path)? > 0 {
			return Err(other_size(size.saturating_add(1)));
		}
		states.push(hasher.clone());
		let sha256 = Sha256Hash(hasher.finalize().into());
		Ok(Self { file, path, size, sha256, states, head: OnceLock::new() })
	}

	/// The file, if it has this hash.
	pub(super) fn expected(self, sha256: Sha256Hash) -> Result<Self, StoreError> {
		expect(self.path.clone(), sha256, self.sha256)?;
		Ok(self)
	}

	/// The hash that the file was found to have.
	pub fn sha256(&self) -> Sha256Hash {
		self.sha256
	}

	/// Its size in bytes.
	pub fn size(&self) -> u64 {
		self.size
	}

	/// How many bytes of memory it takes.
	pub fn held_bytes(&self) -> u64 {
		let head = self.head.get().map_or(0, Vec::capacity);
		(self.states.capacity() * size_of::<Sha256>() + head) as u64
	}

	/// Reads some of its bytes into a buffer, together with those around them that are checked with them. It is an error if
	/// they are not what was hashed, or not all within the file.
	pub fn read<'b>(&self, range: Range<u64>, buffer: &'b mut Vec<u8>) -> Result<&'b [u8], StoreError> {
		let changed = || StoreError::Changed { path: self.path.clone() };
		let Range { start, end } = range;
		if start >= end || end > self.size {
			buffer.clear();
			return if start == end && end <= self.size { Ok(buffer) } else { Err(changed()) };
		}
		let first = start / PART;
		let (from, to) = (first * PART, end.next_multiple_of(PART).min(self.size));
		let length = |from: u64, to: u64| usize::try_from(to - from).map_err(|_| changed());
		buffer.resize(length(from, to)?, 0);
		match self.file.read_exact_at(buffer, from) {
			Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Err(changed()),
			read => read.attempt("read", &self.path)?,
		}
		let states = self.states[length(0, first)?..].windows(2);
		for (part, states) in buffer.chunks(PART as usize).zip(states) {
			if states[0].clone().chain_update(part).finalize() != states[1].clone().finalize() {
				return Err(changed());
			}
		}
		Ok(&buffer[length(from, start)?..][..length(start, end)?])
	}

	/// All of its bytes, as [`VerifiedFile::read`] reads them.
	pub fn contents(&self) -> Result<Vec<u8>, StoreError> {
		let mut contents = Vec::new();
		self.read(0..self.size, &mut contents)?;
		Ok(contents)
	}

	/// So many of its first bytes that they are enough, or all; they stay in memory.
	pub(crate) fn head(&self, are_enough: impl Fn(&[u8]) -> bool) -> Result<&[u8], StoreError> {
		if let Some(head) = self.head.get().filter(|head| are_enough(head)) {
			return Ok(head);
		}
		let mut wanted = FIRST_HEAD;
		loop {
			let mut head = Vec::new();
			self.read(0..wanted.min(self.size), &mut head)?;
			head.truncate(usize::try_from(wanted).unwrap_or(usize::MAX));
			if wanted >= self.size || are_enough(&head) {
				return Ok(self.head.get_or_init(|| head));
			}
			wanted = wanted.saturating_mul(2);
		}
	}
}

/// Files of the same hash are the same.
impl PartialEq for VerifiedFile {
	fn eq(&self, other: &Self) -> bool {
		self.sha256 == other.sha256
	}
}

impl Eq for VerifiedFile {}
