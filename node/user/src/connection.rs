//! A node, asked over JSON-RPC.

use crate::{show::printable, Error};
use jsonrpsee::{
	core::{
		client::{ClientT, Error as ClientError, Subscription, SubscriptionClientT},
		params::ArrayParams,
		traits::ToRpcParams,
	},
	rpc_params,
};
use jsonrpsee_ws_client::{PingConfig, WsClient, WsClientBuilder};
use serde::de::DeserializeOwned;
use sibyl_primitives::Hash;
use std::{ops::RangeInclusive, time::Duration};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a silent node is asked whether it is there.
const PING: Duration = Duration::from_secs(20);
/// After which silence it is not.
const DEAD: Duration = Duration::from_secs(50);
/// Digits that are shown of each end of a hash, `0x` counted.
const SHOWN: usize = 10;
/// JSON-RPC's number for a method that there is not.
const NO_METHOD: i32 = -32601;
/// The SDK's numbers for what its transaction pool does not take.
const POOL_ERRORS: RangeInclusive<i32> = 1010..=1020;

/// A connection to a node.
pub struct Connection {
	url: String,
	client: WsClient,
}

impl Connection {
	/// Connects to the node at this address.
	pub async fn open(url: &str) -> Result<Self, Error> {
		let scheme = url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
		if !matches!(scheme.as_deref(), Some("ws" | "wss")) {
			return Err(Error::NoWebSocket { url: url.into() });
		}
		let ping = PingConfig::new().ping_interval(PING).inactive_limit(DEAD);
		let client = WsClientBuilder::default().connection_timeout(CONNECT_TIMEOUT).enable_ws_ping(ping);
		let client = client.build(url).await;
		let client = client.map_err(|error| Error::NoNode { url: url.into(), reason: error.to_string() })?;
		Ok(Self { url: url.into(), client })
	}

	/// Whether it has not broken yet.
	pub fn is_open(&self) -> bool {
		self.client.is_connected()
	}

	/// The hash of the first block of the node's chain.
	pub async fn genesis(&self) -> Result<Hash, Error> {
		self.call("chain_getBlockHash", rpc_params![0]).await
	}

	/// Which chain it is, for who signs: its name, and the hash of its first block, shortened.
	pub async fn chain(&self) -> Result<String, Error> {
		let name: String = self.call("system_chain", rpc_params![]).await?;
		Ok(chain_in_words(&name, self.genesis().await?))
	}

	/// What a method answers.
	pub async fn call<T: DeserializeOwned>(&self, method: &'static str, params: ArrayParams) -> Result<T, Error> {
		self.client.request(method, params).await.map_err(|error| self.explain(method, error))
	}

	/// What a subscription tells.
	pub async fn subscribe<T: DeserializeOwned>(
		&self,
		[subscribe, unsubscribe]: [&'static str; 2],
		params: impl ToRpcParams + Send,
	) -> Result<Subscription<T>, Error> {
		let told = self.client.subscribe(subscribe, params, unsubscribe).await;
		told.map_err(|error| self.explain(subscribe, error))
	}

	/// The next thing that a subscription tells; an error where it tells no more.
	pub async fn next<T: DeserializeOwned>(&self, told: &mut Subscription<T>) -> Result<T, Error> {
		match told.next().await {
			Some(Ok(next)) => Ok(next),
			Some(Err(error)) => Err(Error::Unreadable { method: "a subscription", reason: error.to_string() }),
			None => Err(Error::Lost { url: self.url.clone(), reason: "it tells no more".into() }),
		}
	}

	fn explain(&self, method: &'static str, error: ClientError) -> Error {
		match error {
			ClientError::Call(error) => {
				// The pool says in its data what it means.
				// Ours is one word, the error's name.
				let data = error.data().map(|data| printable(data.get().trim_matches('"')));
				let (data, name) = match data {
					Some(data) if data.contains(' ') => (Some(data), None),
					name => (None, name),
				};
				let message = printable(error.message());
				if error.code() == NO_METHOD && message.contains("unsafe") {
					return Error::Unsafe;
				}
				if error.code() == NO_METHOD {
					return Error::NotOurs { method };
				}
				match data {
					Some(data) if POOL_ERRORS.contains(&error.code()) => Error::NotTaken(format!("{message}: {data}")),
					None if POOL_ERRORS.contains(&error.code()) => Error::NotTaken(message),
					_ => Error::Refused { message, name },
				}
			}
			ClientError::ParseError(error) => Error::Unreadable { method, reason: error.to_string() },
			error => Error::Lost { url: self.url.clone(), reason: error.to_string() },
		}
	}
}

/// A chain as who signs is told of it. Of its first block's hash there is so much that nobody makes another one that looks
/// the same.
fn chain_in_words(name: &str, genesis: Hash) -> String {
	let genesis = format!("{genesis:?}");
	let (begin, end) =
		(genesis.get(..SHOWN).unwrap_or_default(), genesis.get(genesis.len() - SHOWN..).unwrap_or_default());
	format!("{} (genesis {begin}…{end})", printable(name).replace('\n', " "))
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_chain_is_told_by_its_name_and_both_ends_of_its_genesis() {
		let genesis = Hash::from_low_u64_be(0xabcd);
		let said = chain_in_words("Sibyl\n\u{1b}[2J", genesis);
		assert_eq!(said, "Sibyl \u{fffd}[2J (genesis 0x00000000…000000abcd)");
	}
}
