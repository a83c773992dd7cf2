//! The state of a chain after a block, as a map in memory: cheap to copy, since many blocks' states exist at once.

use codec::{Compact, Decode, Encode};
use sp_core::storage::{ChildInfo, StateVersion, TrackedStorageKey};
use sp_externalities::{
	set_and_run_with_externalities, Error, Extension, ExtensionStore, Extensions, Externalities, MultiRemovalResults,
};
use std::{
	any::{Any, TypeId},
	collections::BTreeMap,
	ops::Bound,
	sync::Arc,
};

type Bytes = Arc<[u8]>;

/// The state after a block.
#[derive(Clone, Default)]
pub(crate) struct State(BTreeMap<Bytes, Bytes>);

impl State {
	/// A state of these entries.
	pub fn new(entries: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Self {
		Self(entries.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
	}

	/// Runs the function on the state, which may change it.
	pub fn execute<R>(&mut self, function: impl FnOnce() -> R) -> R {
		self.execute_with(Extensions::new(), function)
	}

	/// Runs the function on the state, with these extensions.
	pub fn execute_with<R>(&mut self, extensions: Extensions, function: impl FnOnce() -> R) -> R {
		let mut map = MapExternalities { map: std::mem::take(&mut self.0), layers: Vec::new(), extensions };
		let result = set_and_run_with_externalities(&mut map, function);
		self.0 = map.map;
		result
	}

	/// Runs the function on the state, and forgets what it changes.
	pub fn look<R>(&mut self, extensions: Extensions, function: impl FnOnce() -> R) -> R {
		let layers = vec![Vec::new()];
		let mut map = MapExternalities { map: std::mem::take(&mut self.0), layers, extensions };
		let result = set_and_run_with_externalities(&mut map, function);
		while !map.layers.is_empty() {
			// There is one.
			let _ = map.storage_rollback_transaction();
		}
		self.0 = map.map;
		result
	}

	/// How many entries there are.
	pub fn len(&self) -> usize {
		self.0.len()
	}
}

struct MapExternalities {
	map: BTreeMap<Bytes, Bytes>,
	/// What entries were before each open transaction changed them, the last one's last.
	layers: Vec<Vec<(Bytes, Option<Bytes>)>>,
	extensions: Extensions,
}

impl MapExternalities {
	fn put(&mut self, key: Bytes, value: Option<Bytes>) {
		let before = match value {
			Some(value) => self.map.insert(key.clone(), value),
			None => self.map.remove(&key),
		};
		if let Some(layer) = self.layers.last_mut() {
			layer.push((key, before));
		}
	}
}

impl ExtensionStore for MapExternalities {
	fn extension_by_type_id(&mut self, type_id: TypeId) -> Option<&mut dyn Any> {
		self.extensions.get_mut(type_id)
	}

	fn register_extension_with_type_id(&mut self, id: TypeId, extension: Box<dyn Extension>) -> Result<(), Error> {
		self.extensions.register_with_type_id(id, extension)
	}

	fn deregister_extension_by_type_id(&mut self, type_id: TypeId) -> Result<(), Error> {
		if self.extensions.deregister(type_id) {
			Ok(())
		} else {
			Err(Error::ExtensionIsNotRegistered(type_id))
		}
	}
}

const NO_CHILDREN: &str = "no pallet here has child tries";

impl Externalities for MapExternalities {
	fn set_offchain_storage(&mut self, _: &[u8], _: Option<&[u8]>) {}

	fn storage(&mut self, key: &[u8]) -> Option<Vec<u8>> {
		self.map.get(key).map(|value| value.to_vec())
	}

	fn storage_hash(&mut self, key: &[u8]) -> Option<Vec<u8>> {
		self.map.get(key).map(|value| sp_io::hashing::blake2_256(value).encode())
	}

	fn exists_storage(&mut self, key: &[u8]) -> bool {
		self.map.contains_key(key)
	}

	fn next_storage_key(&mut self, key: &[u8]) -> Option<Vec<u8>> {
		let after = (Bound::Excluded(key), Bound::Unbounded);
		self.map.range::<[u8], _>(after).next().map(|(key, _)| key.to_vec())
	}

	fn clear_prefix(&mut self, prefix: &[u8], limit: Option<u32>, _: Option<&[u8]>) -> MultiRemovalResults {
		let from = (Bound::Included(prefix), Bound::Unbounded);
		let keys: Vec<_> = self
			.map
			.range::<[u8], _>(from)
			.map(|(key, _)| key.clone())
			.take_while(|key| key.starts_with(prefix))
			.collect();
		let count = limit.map_or(keys.len(), |limit| keys.len().min(limit as usize));
		let maybe_cursor = keys.get(count).map(|key| key.to_vec());
		for key in keys.into_iter().take(count) {
			self.put(key, None);
		}
		let count = count as u32;
		MultiRemovalResults { maybe_cursor, backend: count, unique: count, loops: count }
	}

	fn place_storage(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
		self.put(key.into(), value.map(Into::into));
	}

	fn storage_append(&mut self, key: Vec<u8>, value: Vec<u8>) {
		let known = self.map.get(&key[..]).map(|known| &known[..]).unwrap_or(&[0]);
		let mut items = known;
		let count = Compact::<u32>::decode(&mut items).map_or(0, |count| count.0);
		let mut appended = Compact(count + 1).encode();
		if count > 0 {
			appended.extend_from_slice(items);
		}
		appended.extend(value);
		self.put(key.into(), Some(appended.into()));
	}

	fn storage_root(&mut self, _: StateVersion) -> Vec<u8> {
		[0; 32].encode()
	}

	fn storage_start_transaction(&mut self) {
		self.layers.push(Vec::new());
	}

	fn storage_rollback_transaction(&mut self) -> Result<(), ()> {
		for (key, before) in self.layers.pop().ok_or(())?.into_iter().rev() {
			match before {
				Some(value) => self.map.insert(key, value),
				None => self.map.remove(&key),
			};
		}
		Ok(())
	}

	fn storage_commit_transaction(&mut self) -> Result<(), ()> {
		let layer = self.layers.pop().ok_or(())?;
		if let Some(below) = self.layers.last_mut() {
			below.extend(layer);
		}
		Ok(())
	}

	fn wipe(&mut self) {}

	fn commit(&mut self) {}

	fn read_write_count(&self) -> (u32, u32, u32, u32) {
		(0, 0, 0, 0)
	}

	fn reset_read_write_count(&mut self) {}

	fn get_whitelist(&self) -> Vec<TrackedStorageKey> {
		Vec::new()
	}

	fn set_whitelist(&mut self, _: Vec<TrackedStorageKey>) {}

	fn get_read_and_written_keys(&self) -> Vec<(Vec<u8>, u32, u32, bool)> {
		Vec::new()
	}

	fn child_storage_hash(&mut self, _: &ChildInfo, _: &[u8]) -> Option<Vec<u8>> {
		unreachable!("{NO_CHILDREN}")
	}

	fn child_storage(&mut self, _: &ChildInfo, _: &[u8]) -> Option<Vec<u8>> {
		unreachable!("{NO_CHILDREN}")
	}

	fn next_child_storage_key(&mut self, _: &ChildInfo, _: &[u8]) -> Option<Vec<u8>> {
		unreachable!("{NO_CHILDREN}")
	}

	fn kill_child_storage(&mut self, _: &ChildInfo, _: Option<u32>, _: Option<&[u8]>) -> MultiRemovalResults {
		unreachable!("{NO_CHILDREN}")
	}

	fn clear_child_prefix(&mut self, _: &ChildInfo, _: &[u8], _: Option<u32>, _: Option<&[u8]>) -> MultiRemovalResults {
		unreachable!("{NO_CHILDREN}")
	}

	fn place_child_storage(&mut self, _: &ChildInfo, _: Vec<u8>, _: Option<Vec<u8>>) {
		unreachable!("{NO_CHILDREN}")
	}

	fn child_storage_root(&mut self, _: &ChildInfo, _: StateVersion) -> Vec<u8> {
		unreachable!("{NO_CHILDREN}")
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use sp_io::storage;

	#[test]
	fn transactions_roll_back_and_looking_changes_nothing() {
		let mut state = State::new([(vec![1], vec![1])]);
		state.execute(|| {
			storage::start_transaction();
			storage::set(&[1], &[2]);
			storage::start_transaction();
			storage::clear(&[1]);
			storage::set(&[2], &[3]);
			storage::commit_transaction();
			assert!(!storage::exists(&[1]));
			storage::rollback_transaction();
			assert_eq!((storage::exists(&[1]), storage::exists(&[2])), (true, false));
		});
		state.look(Extensions::new(), || storage::set(&[9], &[9]));
		assert_eq!(state.len(), 1);
	}

	#[test]
	fn appended_items_are_those_of_a_vector() {
		let mut state = State::default();
		state.execute(|| {
			for number in 0u32..200 {
				storage::append(b"list", number.encode());
			}
			let stored = storage::get(b"list").expect("it was appended to");
			assert_eq!(Vec::<u32>::decode(&mut &stored[..]), Ok((0..200).collect()));
		});
	}
}
