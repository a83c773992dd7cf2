//! A validator's offchain database.

use parking_lot::Mutex;
use sibyl_primitives::mailbox::OUTBOX;
use sp_core::offchain::{DbExternalities, StorageKind};
use std::{collections::BTreeMap, sync::Arc};

#[derive(Default)]
struct Entries {
	map: BTreeMap<Vec<u8>, Vec<u8>>,
	sent: Vec<Vec<u8>>,
}

/// The database: the worker's on one side, the node's on the other.
#[derive(Clone, Default)]
pub(crate) struct Mailbox(Arc<Mutex<Entries>>);

impl Mailbox {
	/// The entry of this key.
	pub fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
		self.0.lock().map.get(key).cloned()
	}

	/// Writes the entry.
	pub fn set(&self, key: &[u8], value: Vec<u8>) {
		let mut entries = self.0.lock();
		if key == OUTBOX {
			entries.sent.push(value.clone());
		}
		entries.map.insert(key.to_vec(), value);
	}

	/// What was put into the outbox since this was last called.
	pub fn take_sent(&self) -> Vec<Vec<u8>> {
		std::mem::take(&mut self.0.lock().sent)
	}

	/// The entries whose keys begin so.
	pub fn with_prefix(&self, prefix: &[u8]) -> Vec<Vec<u8>> {
		let entries = self.0.lock();
		entries
			.map
			.range(prefix.to_vec()..)
			.take_while(|(key, _)| key.starts_with(prefix))
			.map(|(_, value)| value.clone())
			.collect()
	}
}

impl DbExternalities for Mailbox {
	fn local_storage_set(&mut self, _: StorageKind, key: &[u8], value: &[u8]) {
		self.set(key, value.to_vec());
	}

	fn local_storage_clear(&mut self, _: StorageKind, key: &[u8]) {
		self.0.lock().map.remove(key);
	}

	fn local_storage_compare_and_set(&mut self, _: StorageKind, key: &[u8], old: Option<&[u8]>, new: &[u8]) -> bool {
		let mut entries = self.0.lock();
		let is_as_expected = entries.map.get(key).map(|value| &value[..]) == old;
		if is_as_expected {
			entries.map.insert(key.to_vec(), new.to_vec());
		}
		is_as_expected
	}

	fn local_storage_get(&mut self, _: StorageKind, key: &[u8]) -> Option<Vec<u8>> {
		self.get(key)
	}
}
