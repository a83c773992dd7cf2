//! A block's state, read entry by entry.

use super::ValidatorError;
use crate::{connection::Connection, Error};
use codec::Decode;
use jsonrpsee::rpc_params;
use serde::Deserialize;
use sibyl_primitives::{AccountId, Balance, Hash};
use sibyl_runtime::Runtime;
use sp_core::Bytes;
use std::collections::HashMap;

/// Entries that are asked for at once.
const ENTRIES_AT_ONCE: usize = 256;

/// The state after a block.
pub struct State<'a> {
	node: &'a Connection,
	block: Hash,
}

#[derive(Deserialize)]
struct Changes {
	changes: Vec<(Bytes, Option<Bytes>)>,
}

impl<'a> State<'a> {
	/// The state after the last final block.
	pub async fn finalized(node: &'a Connection) -> Result<State<'a>, Error> {
		let block = node.call("chain_getFinalizedHead", rpc_params![]).await?;
		Ok(Self { node, block })
	}

	/// The state after the best block.
	pub async fn best(node: &'a Connection) -> Result<State<'a>, Error> {
		let block = node.call("chain_getBlockHash", rpc_params![]).await?;
		Ok(Self { node, block })
	}

	/// The entry of this key, where there is one.
	pub async fn get<T: Decode>(&self, name: &'static str, key: impl AsRef<[u8]>) -> Result<Option<T>, Error> {
		let params = rpc_params![Bytes(key.as_ref().to_vec()), self.block];
		let value: Option<Bytes> = self.node.call("state_getStorage", params).await?;
		value.map(|value| decode(name, &value)).transpose()
	}

	/// The entry of this key, which every state has.
	pub async fn known<T: Decode>(&self, name: &'static str, key: impl AsRef<[u8]>) -> Result<T, Error> {
		let absent = || Error::Unreadable { method: "state_getStorage", reason: format!("there is no {name}") };
		self.get(name, key).await?.ok_or_else(absent)
	}

	/// The entries of these keys, in their order.
	pub async fn get_all<T: Decode>(&self, name: &'static str, keys: &[Vec<u8>]) -> Result<Vec<Option<T>>, Error> {
		let mut found = HashMap::new();
		for some in keys.chunks(ENTRIES_AT_ONCE) {
			let some: Vec<_> = some.iter().cloned().map(Bytes).collect();
			let answer: Vec<Changes> = self.node.call("state_queryStorageAt", rpc_params![some, self.block]).await?;
			let entries = answer.into_iter().flat_map(|Changes { changes }| changes);
			found.extend(entries.filter_map(|(key, value)| Some((key.0, value?))));
		}
		keys.iter().map(|key| found.get(key).map(|value| decode(name, value)).transpose()).collect()
	}

	/// What an account has that is neither bonded nor held.
	pub async fn free_balance(&self, account: &AccountId) -> Result<Balance, Error> {
		type Account = frame_system::AccountInfo<u32, pallet_balances::AccountData<Balance>>;
		let key = frame_system::Account::<Runtime>::hashed_key_for(account);
		let account: Option<Account> = self.get("System.Account", key).await?;
		Ok(account.map_or(0, |account| account.data.free.saturating_sub(account.data.frozen)))
	}
}

fn decode<T: Decode>(name: &'static str, value: &Bytes) -> Result<T, Error> {
	T::decode(&mut &value.0[..]).map_err(|_| ValidatorError::State(name).into())
}
