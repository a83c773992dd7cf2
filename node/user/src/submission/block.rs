//! What a block made of the submission that it holds.

use crate::{connection::Connection, Error};
use codec::{Decode, Encode};
use frame_support::storage::storage_prefix;
use jsonrpsee::rpc_params;
use scale_info::{TypeDef, TypeInfo};
use serde::Deserialize;
use sibyl_primitives::{
	job::{Fingerprint, JobId},
	Balance, BlockNumber, Hash,
};
use sibyl_runtime::{Runtime, RuntimeEvent, UncheckedExtrinsic};
use sp_core::Bytes;
use sp_runtime::DispatchError;

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

/// What a block made of a submission.
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

/// What a block made of the submission that it holds.
pub async fn outcome(node: &Connection, extrinsic: &UncheckedExtrinsic, block: Hash) -> Result<Outcome, Error> {
	let SignedBlock { block: BlockBody { extrinsics } } = node.call("chain_getBlock", rpc_params![block]).await?;
	let bytes = extrinsic.encode();
	let index = extrinsics.iter().position(|other| other.0 == bytes);
	let index = index.ok_or_else(|| Error::Dropped("the block does not hold it".into()))?;
	let key = Bytes(storage_prefix(b"System", b"Events").to_vec());
	let events: Option<Bytes> = node.call("state_getStorage", rpc_params![key, block]).await?;
	let events = Vec::<EventRecord>::decode(&mut &events.unwrap_or(Bytes(vec![0])).0[..])
		.map_err(|error| Error::Unreadable { method: "state_getStorage", reason: error.to_string() })?;
	let height = height(node, block).await?;
	let (mut fee, mut result) = (0, Err(Error::Dropped("its block has no event of it".into())));
	for EventRecord { phase, event, .. } in events {
		if phase != frame_system::Phase::ApplyExtrinsic(index as u32) {
			continue;
		}
		match event {
			RuntimeEvent::Inference(pallet_inference::Event::JobSubmitted { job, fingerprint, .. }) => {
				result = Ok(Submitted { job, fingerprint, block: height });
			}
			RuntimeEvent::TransactionPayment(pallet_transaction_payment::Event::TransactionFeePaid {
				actual_fee,
				..
			}) => fee = actual_fee,
			RuntimeEvent::System(frame_system::Event::ExtrinsicFailed { dispatch_error, .. }) => {
				result = Err(named(dispatch_error));
			}
			_ => {}
		}
	}
	Ok(Outcome { fee, result })
}

/// A dispatch error by its name, with what its documentation says.
fn named(error: DispatchError) -> Error {
	let inference = <<Runtime as frame_system::Config>::PalletInfo as frame_support::traits::PalletInfo>::index::<
		sibyl_runtime::Inference,
	>();
	let DispatchError::Module(module) = error else {
		return Error::Dispatch { name: format!("{error:?}"), docs: "see the account's balance and nonce".into() };
	};
	let variant = match <pallet_inference::Error<Runtime> as TypeInfo>::type_info().type_def {
		TypeDef::Variant(errors) if inference == Some(module.index.into()) => {
			errors.variants.into_iter().find(|variant| variant.index == module.error[0])
		}
		_ => None,
	};
	match variant {
		Some(variant) => Error::Dispatch { name: variant.name.into(), docs: variant.docs.join(" ").trim().into() },
		None => Error::Dispatch {
			name: format!("error {:?} of pallet {}", module.error, module.index),
			docs: String::new(),
		},
	}
}
