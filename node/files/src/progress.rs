//! How far the files are that are being fetched.

use crate::FileId;
use parking_lot::Mutex;
use std::{collections::BTreeMap, sync::Arc};

/// How far a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetching {
	/// Of its chunks so many are there, and so many peers give it.
	Going {
		/// Bytes that are there.
		bytes: u64,
		/// Peers that have the file.
		peers: usize,
	},
	/// It waits, for this reason.
	Waits(String),
}

/// How far each file is. Clones are one.
#[derive(Clone, Default)]
pub struct Progress(Arc<Mutex<BTreeMap<FileId, Fetching>>>);

impl Progress {
	/// How far a file is; none where it is not fetched.
	pub fn of(&self, file: &FileId) -> Option<Fetching> {
		self.0.lock().get(file).cloned()
	}

	pub(crate) fn set(&self, file: FileId, fetching: Fetching) {
		self.0.lock().insert(file, fetching);
	}

	pub(crate) fn retain(&self, keep: impl Fn(&FileId) -> bool) {
		self.0.lock().retain(|file, _| keep(file));
	}
}
