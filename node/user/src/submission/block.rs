//! What a block made of the transaction that it holds.

use super::refusal::named;
use crate::{connection::Connection, Error};
use codec::{Decode, Encode};
use frame_support::storage::storage_prefix;
use jsonrpsee::rpc_params;
use serde::Deserialize;
use sibyl_primitives::{
	job::{Fingerprint, JobId},
	Balance, BlockNumber, Hash,
};
use sibyl_runtime::{RuntimeEvent, UncheckedExtrinsic};
use sp_core::Bytes;

/// A job that a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Submitted {
	/// Its number on that block's chain.
	pub job: JobId,
	/// What identifies it on every chain.
	pub fingerprint: Fingerprint,
	/// The block's height.
	pub block: BlockNumber,
}

/// A transaction that a block holds.
pub struct Included {
	/// The block's height.
	pub block: BlockNumber,
	/// What came of the call.
	pub events: Vec<RuntimeEvent>,
}

/// What a block made of a job's submission.
pub struct Outcome {
	/// The transaction's fee, in the smallest unit.
	pub fee: Balance,
	/// The job, or why there is none.
	pub result: Result<Submitted, Error>,
}

#[derive(Deserialize)]
struct Header {
	number: String,
}

#[derive(Deserialize)]
struct SignedBlock {
	block: BlockBody,
}

#[derive(Deserialize)]
struct BlockBody {
	extrinsics: Vec<Bytes>,
}

type EventRecord = frame_system::EventRecord<RuntimeEvent, Hash>;

/// The height of a block.
pub async fn height(node: &Connection, block: Hash) -> Result<BlockNumber, Error> {
	let header: Header = node.call("chain_getHeader", rpc_params![block]).await?;
	let number = BlockNumber::from_str_radix(header.number.trim_start_matches("0x"), 16);
	number.map_err(|error| Error::Unreadable { method: "chain_getHeader", reason: error.to_string() })
}

/// What a block made of the transaction that it holds.
pub async fn included(node: &Connection, extrinsic: &UncheckedExtrinsic, block: Hash) -> Result<Included, Error> {
	let SignedBlock { block: BlockBody { extrinsics } } = node.call("chain_getBlock", rpc_params![block]).await?;
	let bytes = extrinsic.encode();
	let index = extrinsics.iter().position(|other| other.0 == bytes);
	let index = index.ok_or_else(|| Error::Dropped("the block does not hold it".into()))?;
	let key = Bytes(storage_prefix(b"System", b"Events").to_vec());
	let events: Option<Bytes> = node.call("state_getStorage", rpc_params![key, block]).await?;
	let events = Vec::<EventRecord>::decode(&mut &events.unwrap_or(Bytes(vec![0])).0[..])
		.map_err(|error| Error::Unreadable { method: "state_getStorage", reason: error.to_string() })?;
	let ours = |record: EventRecord| {
		(record.phase == frame_system::Phase::ApplyExtrinsic(index as u32)).then_some(record.event)
	};
	Ok(Included { block: height(node, block).await?, events: events.into_iter().filter_map(ours).collect() })
}

impl Included {
	/// The same, where the chain did what was called.
	pub fn succeeded(self) -> Result<Self, Error> {
		let refused = self.events.iter().find_map(|event| match event {
			RuntimeEvent::System(frame_system::Event::ExtrinsicFailed { dispatch_error, .. }) => Some(*dispatch_error),
			_ => None,
		});
		refused.map_or(Ok(self), |error| Err(named(error)))
	}

	/// What became of a job's submission.
	pub fn outcome(self) -> Outcome {
		let fee = self.events.iter().find_map(|event| match event {
			RuntimeEvent::TransactionPayment(pallet_transaction_payment::Event::TransactionFeePaid {
				actual_fee,
				..
			}) => Some(*actual_fee),
			_ => None,
		});
		let submitted = |included: Self| {
			let job = included.events.iter().find_map(|event| match event {
				RuntimeEvent::Inference(pallet_inference::Event::JobSubmitted { job, fingerprint, .. }) => {
					Some(Submitted { job: *job, fingerprint: *fingerprint, block: included.block })
				}
				_ => None,
			});
			job.ok_or_else(|| Error::Dropped("its block has no event of it".into()))
		};
		Outcome { fee: fee.unwrap_or_default(), result: self.succeeded().and_then(submitted) }
	}
}
