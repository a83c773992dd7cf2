//! A signed submission, and what the block that holds it made of it.

mod block;
mod nonces;
mod refusal;

pub use block::{Included, Submitted};
pub use refusal::named;

use crate::{connection::Connection, requester::Requester, show::printable, Error};
use block::{height, included, Outcome};
use codec::Encode;
use jsonrpsee::{core::client::Subscription, rpc_params};
use nonces::{Nonces, Place};
use serde::Deserialize;
use serde_json::Value;
use sibyl_primitives::{AccountId, Balance, BlockNumber, Hash};
use sibyl_runtime::{tx_extension, RuntimeCall, TxExtension, UncheckedExtrinsic, VERSION};
use sp_core::Bytes;
use sp_runtime::{
	generic::{Era, SignedPayload},
	MultiAddress,
};

/// Blocks in which a submission may be included.
const MORTAL: u64 = 64;
const WATCH: [&str; 2] = ["author_submitAndWatchExtrinsic", "author_unwatchExtrinsic"];

/// Submits for one account: several within a block, too.
pub struct Submitter {
	requester: Requester,
	nonces: Nonces,
}

/// A submission that a node has.
pub struct Pending {
	extrinsic: UncheckedExtrinsic,
	told: Subscription<Value>,
	place: Place,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RuntimeVersion {
	spec_version: u32,
	transaction_version: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FeeInfo {
	partial_fee: String,
}

impl Submitter {
	/// Submits for this requester.
	pub fn new(requester: Requester) -> Self {
		Self { requester, nonces: Nonces::default() }
	}

	/// Who pays.
	pub fn account(&self) -> AccountId {
		self.requester.account()
	}

	/// The fee of a transaction with this call now, in the smallest unit, beside what the call itself pays.
	pub async fn fee(&self, node: &Connection, call: RuntimeCall) -> Result<Balance, Error> {
		// The fee depends on the length alone, and a nonce makes that differ by some bytes.
		let extrinsic = sign(&self.requester, call, u32::MAX, Hash::zero(), (Hash::zero(), MORTAL as BlockNumber));
		let method = "payment_queryInfo";
		let FeeInfo { partial_fee } = node.call(method, rpc_params![Bytes(extrinsic.encode())]).await?;
		partial_fee
			.parse()
			.map_err(|_| Error::Unreadable { method, reason: format!("{} is no fee", printable(&partial_fee)) })
	}

	/// Signs a call and sends it.
	pub async fn submit(&self, node: &Connection, call: RuntimeCall) -> Result<Pending, Error> {
		let version: RuntimeVersion = node.call("state_getRuntimeVersion", rpc_params![]).await?;
		if (version.spec_version, version.transaction_version) != (VERSION.spec_version, VERSION.transaction_version) {
			return Err(Error::OtherRuntime { network: version.spec_version, own: VERSION.spec_version });
		}
		let genesis = node.genesis().await?;
		let finalized: Hash = node.call("chain_getFinalizedHead", rpc_params![]).await?;
		let height = height(node, finalized).await?;
		// One after another, so that the node knows the last one's nonce when it is asked for the next.
		let mut turn = self.nonces.turn().await;
		// The best block's own nonce, with what waits in the pool.
		let params = rpc_params![sibyl_rpc_types::address(&self.account())];
		let asked: u32 = node.call("system_accountNextIndex", params).await?;
		let place = turn.take(asked);
		let extrinsic = sign(&self.requester, call, place.nonce(), genesis, (finalized, height));
		let told = node.subscribe::<Value>(WATCH, rpc_params![Bytes(extrinsic.encode())]).await;
		match told {
			Ok(told) => Ok(Pending { extrinsic, told, place }),
			Err(error) => {
				place.give_back();
				Err(error)
			}
		}
	}
}

impl Pending {
	/// Waits until a best block holds the job, or a final one refuses it: what is refused on one fork may be taken on the
	/// next.
	pub async fn outcome(mut self, node: &Connection) -> Result<Outcome, Error> {
		let outcome = self.wait(node).await;
		match &outcome {
			Ok(_) => self.place.leave(),
			Err(_) => self.place.give_back(),
		}
		outcome
	}

	/// Waits until a final block holds it, and says so once, when a block does that may still be taken back.
	pub async fn finalized(mut self, node: &Connection, in_block: impl FnOnce()) -> Result<Included, Error> {
		let mut in_block = Some(in_block);
		let included = loop {
			match self.next(node).await {
				Ok(Now::InBlock(_)) => in_block.take().into_iter().for_each(|tell| tell()),
				Ok(Now::Final(block)) => break included(node, &self.extrinsic, block).await,
				Ok(Now::Waiting) => {}
				Err(error) => break Err(error),
			}
		};
		match &included {
			Ok(_) => self.place.leave(),
			Err(_) => self.place.give_back(),
		}
		included
	}

	async fn wait(&mut self, node: &Connection) -> Result<Outcome, Error> {
		loop {
			match self.next(node).await? {
				Now::InBlock(block) => {
					let outcome = included(node, &self.extrinsic, block).await?.outcome();
					if outcome.result.is_ok() {
						return Ok(outcome);
					}
				}
				Now::Final(block) => return Ok(included(node, &self.extrinsic, block).await?.outcome()),
				Now::Waiting => {}
			}
		}
	}

	/// What the node says next of it.
	async fn next(&mut self, node: &Connection) -> Result<Now, Error> {
		let now = node.next(&mut self.told).await?;
		if let Some(block) = block_of(&now, "inBlock")? {
			return Ok(Now::InBlock(block));
		}
		if let Some(block) = block_of(&now, "finalized")? {
			return Ok(Now::Final(block));
		}
		let is_waiting = ["ready", "future"].iter().any(|waiting| now == *waiting)
			|| ["broadcast", "retracted"].iter().any(|waiting| now.get(waiting).is_some());
		match is_waiting {
			true => Ok(Now::Waiting),
			false => Err(Error::Dropped(now.to_string())),
		}
	}
}

/// Where a transaction is.
enum Now {
	Waiting,
	InBlock(Hash),
	Final(Hash),
}

/// The block of a status of this name.
fn block_of(status: &Value, name: &str) -> Result<Option<Hash>, Error> {
	let hash = status.get(name).cloned().map(serde_json::from_value).transpose();
	hash.map_err(|error| Error::Unreadable { method: WATCH[0], reason: error.to_string() })
}

fn sign(
	requester: &Requester,
	call: RuntimeCall,
	nonce: u32,
	genesis: Hash,
	(birth_hash, birth): (Hash, BlockNumber),
) -> UncheckedExtrinsic {
	let era = Era::mortal(MORTAL, birth.into());
	let extension = tx_extension(era, nonce, 0);
	let implicit = ((), VERSION.spec_version, VERSION.transaction_version, genesis, birth_hash, (), (), (), None, ());
	let payload = SignedPayload::<RuntimeCall, TxExtension>::from_raw(call.clone(), extension.clone(), implicit);
	let signature = payload.using_encoded(|payload| requester.sign(payload));
	let account = MultiAddress::Id(requester.account());
	UncheckedExtrinsic::new_signed(call, account, signature, extension)
}
