//! The bytes of a tensor.

use crate::store::{StoreError, VerifiedFile};
use std::ops::Range;

/// Where a tensor's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TensorData<'a> {
	/// In memory, at any address.
	Memory(&'a [u8]),
	/// In a file.
	File {
		/// The file.
		file: &'a VerifiedFile,
		/// The first byte's place in it.
		start: u64,
		/// How many bytes these are.
		length: usize,
	},
}

impl<'a> TensorData<'a> {
	/// How many bytes these are.
	pub fn len(&self) -> usize {
		match self {
			Self::Memory(bytes) => bytes.len(),
			Self::File { length, .. } => *length,
		}
	}

	/// Whether there are none.
	pub fn is_empty(&self) -> bool {
		self.len() == 0
	}

	/// All bytes, if they are in memory.
	pub fn in_memory(&self) -> Option<&'a [u8]> {
		match self {
			Self::Memory(bytes) => Some(bytes),
			Self::File { .. } => None,
		}
	}

	/// Some of the bytes, by way of a buffer if they are in a file; nothing if they are not all among the tensor's.
	pub fn read<'b>(&'b self, range: Range<usize>, buffer: &'b mut Vec<u8>) -> Result<&'b [u8], StoreError> {
		match *self {
			Self::Memory(bytes) => Ok(bytes.get(range).unwrap_or_default()),
			Self::File { length, .. } if range.start > range.end || range.end > length => Ok(&[]),
			Self::File { file, start, .. } => file.read(start + range.start as u64..start + range.end as u64, buffer),
		}
	}
}
