//! Nodes of one machine measure one after the other: each would find the machine slower than it is while another measures.

use crate::inference::installed_models::ModelSource;
use sibyl_primitives::{model::ModelRevision, BlockNumber};
use std::{
	fs::{File, TryLockError},
	path::Path,
};

/// Blocks after which a node waits no longer, two minutes: whoever has the turn may have been stopped.
pub const LONGEST_WAIT: BlockNumber = 40;

/// The right to measure, until it is dropped or its process ends.
#[derive(Debug, Default)]
pub struct Turn {
	_lock: Option<File>,
}

impl Turn {
	/// That of the nodes that have their models in this folder; none while another has it. Nobody waits for a folder that
	/// can't be read, or on a file system without locks.
	pub fn take(folder: &Path) -> Option<Self> {
		let Ok(file) = File::open(folder) else { return Some(Self::default()) };
		match file.try_lock() {
			Ok(()) => Some(Self { _lock: Some(file) }),
			Err(TryLockError::WouldBlock) => None,
			Err(TryLockError::Error(_)) => Some(Self::default()),
		}
	}
}

/// This node's place among them.
#[derive(Default)]
pub struct Turns {
	taken: Option<Turn>,
	waits_since: Option<BlockNumber>,
}

impl Turns {
	/// Lets other nodes measure, and asks for a turn for the next model, if there is one.
	pub fn pass(&mut self, source: &dyn ModelSource, next: Option<&ModelRevision>, now: BlockNumber) {
		self.taken = None;
		let Some(next) = next else { return self.waits_since = None };
		let since = *self.waits_since.get_or_insert(now);
		let is_over = now.saturating_sub(since) >= LONGEST_WAIT;
		self.taken = source.turn(next).or_else(|| is_over.then(Turn::default));
		if self.has_come() {
			self.waits_since = None;
		}
	}

	/// Whether this node may measure.
	pub fn has_come(&self) -> bool {
		self.taken.is_some()
	}
}
