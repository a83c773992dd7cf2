use super::error::Attempt;
use super::{Progress, StoreError};
use sha2::{Digest, Sha256};
use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::Path;
use std::str::FromStr;

/// How many bytes are hashed between two reports of progress.
const CHUNK: usize = 1 << 20;

/// A SHA-256, shown and read as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256Hash(pub [u8; 32]);

/// What does not have 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 is written as 64 lower-case hexadecimal digits")]
pub struct NotAHash;

impl Sha256Hash {
	/// The hash with the given digits, for constants.
	///
	/// # Panics
	///
	/// If these are not 64 lower-case hexadecimal digits.
	pub const fn from_hex(digits: &str) -> Self {
		match Self::read(digits.as_bytes()) {
			Some(hash) => hash,
			None => panic!("a SHA-256 is written as 64 lower-case hexadecimal digits"),
		}
	}

	const fn read(digits: &[u8]) -> Option<Self> {
		if digits.len() != 64 {
			return None;
		}
		let mut hash = [0; 32];
		let mut at = 0;
		while at < 64 {
			let value = match digits[at] {
				digit @ b'0'..=b'9' => digit - b'0',
				digit @ b'a'..=b'f' => digit - b'a' + 10,
				_ => return None,
			};
			hash[at / 2] = hash[at / 2] << 4 | value;
			at += 1;
		}
		Some(Self(hash))
	}
}

impl FromStr for Sha256Hash {
	type Err = NotAHash;

	fn from_str(digits: &str) -> Result<Self, NotAHash> {
		Self::read(digits.as_bytes()).ok_or(NotAHash)
	}
}

impl fmt::Display for Sha256Hash {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
	}
}

impl fmt::Debug for Sha256Hash {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		fmt::Display::fmt(self, f)
	}
}

/// Reads to the end: the hash and the number of the bytes. They are written to `copy` if there is one.
pub(super) fn copy_and_hash(
	source: &mut impl Read,
	origin: &Path,
	mut copy: Option<(&mut File, &Path)>,
	size: u64,
	progress: Progress<'_>,
) -> Result<(Sha256Hash, u64), StoreError> {
	let mut buffer = vec![0; CHUNK];
	let mut hasher = Sha256::new();
	let mut done = 0;
	progress(0, size);
	loop {
		let read = match source.read(&mut buffer) {
			Ok(0) => return Ok((Sha256Hash(hasher.finalize().into()), done)),
			Ok(read) => read,
			Err(error) if error.kind() == ErrorKind::Interrupted => continue,
			Err(error) => return Err(error).attempt("read", origin),
		};
		hasher.update(&buffer[..read]);
		if let Some((file, path)) = &mut copy {
			file.write_all(&buffer[..read]).attempt("write to", path)?;
		}
		done += read as u64;
		progress(done.min(size), size);
	}
}
