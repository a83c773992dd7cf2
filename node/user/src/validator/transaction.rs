//! Calls that are signed, sent, and waited for until a final block has them.

use super::{
	shared::{sign, Requester},
	state::State,
	ValidatorError,
};
use crate::{connection::Connection, Error};
use codec::{DecodeAll, Encode};
use frame_support::storage::storage_prefix;
use jsonrpsee::rpc_params;
use scale_info::{TypeDef, TypeInfo};
use serde::Deserialize;
use serde_json::Value;
use sibyl_primitives::{BlockNumber, Hash};
use sibyl_runtime::{RuntimeCall, RuntimeError, RuntimeEvent, VERSION};
use sp_core::Bytes;
use sp_runtime::DispatchError;

const SUBMIT: [&str; 2] = ["author_submitAndWatchExtrinsic", "author_unwatchExtrinsic"];

/// A transaction that a final block has.
pub struct Included {
	/// The block.
	pub block: BlockNumber,
	/// What came of the calls.
	pub events: Vec<RuntimeEvent>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RuntimeVersion {
	spec_version: u32,
	transaction_version: u32,
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

/// All of the calls, or none where one of them fails.
pub fn all_of(mut calls: Vec<RuntimeCall>) -> RuntimeCall {
	match calls.len() {
		1 => calls.remove(0),
		_ => pallet_utility::Call::batch_all { calls }.into(),
	}
}

/// Signs a call, sends it, and waits until a final block has it.
pub async fn submit(node: &Connection, requester: &Requester, call: RuntimeCall) -> Result<Included, Error> {
	let version: RuntimeVersion = node.call("state_getRuntimeVersion", rpc_params![]).await?;
	if (version.spec_version, version.transaction_version) != (VERSION.spec_version, VERSION.transaction_version) {
		return Err(Error::OtherRuntime { network: version.spec_version, own: VERSION.spec_version });
	}
	let genesis: Hash = node.call("chain_getBlockHash", rpc_params![0]).await?;
	let address = sibyl_rpc_types::address(&requester.account());
	let nonce: u32 = node.call("system_accountNextIndex", rpc_params![address]).await?;
	let finalized: Hash = node.call("chain_getFinalizedHead", rpc_params![]).await?;
	let height = height(node, finalized).await?;
	let extrinsic = sign(requester, call, nonce, genesis, (finalized, height)).encode();
	let mut status = node.subscribe::<Value>(SUBMIT, rpc_params![Bytes(extrinsic.clone())]).await?;
	loop {
		let now = node.next(&mut status).await?;
		if let Some(hash) = now.get("finalized") {
			let hash = serde_json::from_value(hash.clone());
			let hash = hash.map_err(|error| Error::Unreadable { method: SUBMIT[0], reason: error.to_string() })?;
			return included(node, &extrinsic, hash).await;
		}
		let is_waiting = ["ready", "future"].iter().any(|waiting| now == *waiting)
			|| ["broadcast", "inBlock", "retracted"].iter().any(|waiting| now.get(waiting).is_some());
		if !is_waiting {
			return Err(Error::Dropped(now.to_string()));
		}
		if now.get("inBlock").is_some() {
			eprintln!("it is in a block; waiting until that is final");
		}
	}
}

async fn height(node: &Connection, block: Hash) -> Result<BlockNumber, Error> {
	let header: Header = node.call("chain_getHeader", rpc_params![block]).await?;
	let number = BlockNumber::from_str_radix(header.number.trim_start_matches("0x"), 16);
	number.map_err(|error| Error::Unreadable { method: "chain_getHeader", reason: error.to_string() })
}

async fn included(node: &Connection, extrinsic: &[u8], block: Hash) -> Result<Included, Error> {
	let SignedBlock { block: BlockBody { extrinsics } } = node.call("chain_getBlock", rpc_params![block]).await?;
	let index = extrinsics.iter().position(|other| other.0 == extrinsic);
	let index = index.ok_or_else(|| Error::Dropped("the block does not hold it".into()))?;
	let key = storage_prefix(b"System", b"Events");
	let events = State::at(node, block).get::<Vec<EventRecord>>("System.Events", key).await?.unwrap_or_default();
	let ours = |record: EventRecord| match record.phase {
		frame_system::Phase::ApplyExtrinsic(place) if place as usize == index => Some(record.event),
		_ => None,
	};
	let events: Vec<_> = events.into_iter().filter_map(ours).collect();
	for event in &events {
		if let RuntimeEvent::System(frame_system::Event::ExtrinsicFailed { dispatch_error, .. }) = event {
			return Err(explain(dispatch_error).into());
		}
	}
	Ok(Included { block: height(node, block).await?, events })
}

/// A dispatch error by its pallet and name, with what its documentation says.
fn explain(error: &DispatchError) -> ValidatorError {
	let unknown = || ValidatorError::Refused {
		name: format!("{error:?}"),
		docs: "look at the account's balance and at what it has bonded".into(),
	};
	let DispatchError::Module(module) = error else { return unknown() };
	let bytes = [&[module.index][..], &module.error[..]].concat();
	// A pallet's error is its index, and what it says beside that is rare.
	let is_known = (1..=bytes.len()).any(|end| RuntimeError::decode_all(&mut &bytes[..end]).is_ok());
	let TypeDef::Variant(pallets) = RuntimeError::type_info().type_def else { return unknown() };
	let Some(pallet) = pallets.variants.into_iter().find(|pallet| is_known && pallet.index == module.index) else {
		return unknown();
	};
	let Some(TypeDef::Variant(errors)) = pallet.fields.first().map(|field| field.ty.type_info().type_def) else {
		return unknown();
	};
	match errors.variants.into_iter().find(|named| named.index == module.error[0]) {
		Some(named) => ValidatorError::Refused {
			name: format!("{}.{}", pallet.name.to_lowercase(), named.name),
			docs: named.docs.join(" ").trim().into(),
		},
		None => unknown(),
	}
}

/// The calls' pallet and name, for who reads what is signed.
pub fn names(calls: &[RuntimeCall]) -> String {
	use frame_support::traits::GetCallMetadata;
	let name = |call: &RuntimeCall| {
		let metadata = call.get_call_metadata();
		format!("{}.{}", metadata.pallet_name.to_lowercase(), metadata.function_name)
	};
	calls.iter().map(name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
	use super::*;
	use frame_support::traits::PalletInfoAccess;
	use sibyl_runtime::Runtime;
	use sp_runtime::ModuleError;

	#[test]
	fn an_error_of_any_pallet_is_named_with_what_its_documentation_says() {
		let staking: DispatchError = pallet_staking::Error::<Runtime>::InsufficientBond.into();
		let said = explain(&staking).to_string();
		assert!(said.starts_with("the chain refused it: staking.InsufficientBond: "), "{said}");
		assert!(said.len() > "the chain refused it: staking.InsufficientBond: ".len(), "{said}");
		let session: DispatchError = pallet_session::Error::<Runtime>::InvalidProof.into();
		assert!(explain(&session).to_string().contains("session.InvalidProof"));
		let index = sibyl_runtime::Staking::index() as u8;
		let unknown = DispatchError::Module(ModuleError { index, error: [255, 0, 0, 0], message: None });
		assert!(explain(&unknown).to_string().contains("Module"), "a newer runtime's error");
		assert!(explain(&DispatchError::BadOrigin).to_string().contains("BadOrigin"));
	}

	#[test]
	fn one_call_is_itself_and_several_are_all_or_nothing() {
		let chill = || RuntimeCall::from(pallet_staking::Call::chill {});
		assert_eq!(all_of(vec![chill()]), chill());
		assert_eq!(names(&[all_of(vec![chill(), chill()])]), "utility.batch_all");
		assert_eq!(names(&[chill()]), "staking.chill");
	}
}
