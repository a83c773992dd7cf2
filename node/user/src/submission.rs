//! A signed submission, and what the block that holds it made of it.

use crate::{connection::Connection, Error};
use codec::{Decode, Encode};
use frame_support::storage::storage_prefix;
use jsonrpsee::rpc_params;
use scale_info::{TypeDef, TypeInfo};
use serde::Deserialize;
use serde_json::Value;
use sibyl_primitives::{
	job::{Fingerprint, JobId},
	AccountId, BlockNumber, Hash,
};
use sibyl_runtime::{Runtime, RuntimeCall, RuntimeEvent, TxExtension, UncheckedExtrinsic, VERSION};
use sp_core::{sr25519, Bytes, Pair};
use sp_runtime::{
	generic::{Era, SignedPayload},
	traits::IdentifyAccount,
	DispatchError, MultiAddress, MultiSignature, MultiSigner,
};

/// Blocks in which a submission may be included.
const MORTAL: u64 = 64;

/// The requester's keys.
pub struct Requester(sr25519::Pair);

impl Requester {
	/// From a phrase, a seed or a path such as `//Alice`.
	pub fn new(secret: &str) -> Result<Self, Error> {
		let pair = sr25519::Pair::from_string(secret.trim(), None);
		pair.map(Self).map_err(|error| Error::Secret(format!("{error:?}")))
	}

	/// The account.
	pub fn account(&self) -> AccountId {
		MultiSigner::from(self.0.public()).into_account()
	}
}

/// A job that a block holds.
pub struct Submitted {
	/// Its number on that block's chain.
	pub job: JobId,
	/// What identifies it on every chain.
	pub fingerprint: Fingerprint,
	/// The block's height.
	pub block: BlockNumber,
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

/// Signs a call, sends it, and waits until a best block holds it.
pub async fn submit(node: &Connection, requester: &Requester, call: RuntimeCall) -> Result<Submitted, Error> {
	let version: RuntimeVersion = node.call("state_getRuntimeVersion", rpc_params![]).await?;
	if (version.spec_version, version.transaction_version) != (VERSION.spec_version, VERSION.transaction_version) {
		return Err(Error::OtherRuntime { network: version.spec_version, own: VERSION.spec_version });
	}
	let genesis: Hash = node.call("chain_getBlockHash", rpc_params![0]).await?;
	// The best block's own nonce, with what waits in the pool.
	let nonce: u32 =
		node.call("system_accountNextIndex", rpc_params![sibyl_rpc_types::address(&requester.account())]).await?;
	let finalized: Hash = node.call("chain_getFinalizedHead", rpc_params![]).await?;
	let height = height(node, finalized).await?;
	let extrinsic = sign(requester, call, nonce, genesis, (finalized, height));

	let params = rpc_params![Bytes(extrinsic.encode())];
	let methods = ["author_submitAndWatchExtrinsic", "author_unwatchExtrinsic"];
	let mut status = node.subscribe::<Value>(methods, params).await?;
	loop {
		let now = node.next(&mut status).await?;
		if let Some(hash) = now.get("inBlock") {
			let hash = serde_json::from_value(hash.clone());
			let hash = hash.map_err(|error| Error::Unreadable { method: methods[0], reason: error.to_string() })?;
			return outcome(node, &extrinsic, hash).await;
		}
		let is_waiting = ["ready", "future"].iter().any(|waiting| now == *waiting)
			|| ["broadcast", "retracted"].iter().any(|waiting| now.get(waiting).is_some());
		if !is_waiting {
			return Err(Error::Dropped(now.to_string()));
		}
	}
}

async fn height(node: &Connection, block: Hash) -> Result<BlockNumber, Error> {
	let header: Header = node.call("chain_getHeader", rpc_params![block]).await?;
	let number = BlockNumber::from_str_radix(header.number.trim_start_matches("0x"), 16);
	number.map_err(|error| Error::Unreadable { method: "chain_getHeader", reason: error.to_string() })
}

pub(crate) fn sign(
	requester: &Requester,
	call: RuntimeCall,
	nonce: u32,
	genesis: Hash,
	(birth_hash, birth): (Hash, BlockNumber),
) -> UncheckedExtrinsic {
	let era = Era::mortal(MORTAL, birth.into());
	let extension: TxExtension = (
		frame_system::CheckNonZeroSender::new(),
		frame_system::CheckSpecVersion::new(),
		frame_system::CheckTxVersion::new(),
		frame_system::CheckGenesis::new(),
		frame_system::CheckEra::from(era),
		frame_system::CheckNonce::from(nonce),
		frame_system::CheckWeight::new(),
		pallet_transaction_payment::ChargeTransactionPayment::from(0),
		frame_metadata_hash_extension::CheckMetadataHash::new(false),
		frame_system::WeightReclaim::new(),
	);
	let implicit = ((), VERSION.spec_version, VERSION.transaction_version, genesis, birth_hash, (), (), (), None, ());
	let payload = SignedPayload::<RuntimeCall, TxExtension>::from_raw(call.clone(), extension.clone(), implicit);
	let signature = payload.using_encoded(|payload| requester.0.sign(payload));
	let account = MultiAddress::Id(requester.account());
	UncheckedExtrinsic::new_signed(call, account, MultiSignature::Sr25519(signature), extension)
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

/// What a block made of the submission that it holds.
async fn outcome(node: &Connection, extrinsic: &UncheckedExtrinsic, block: Hash) -> Result<Submitted, Error> {
	let SignedBlock { block: BlockBody { extrinsics } } = node.call("chain_getBlock", rpc_params![block]).await?;
	let bytes = extrinsic.encode();
	let index = extrinsics.iter().position(|other| other.0 == bytes);
	let index = index.ok_or_else(|| Error::Dropped("the block does not hold it".into()))?;
	let key = Bytes(storage_prefix(b"System", b"Events").to_vec());
	let events: Option<Bytes> = node.call("state_getStorage", rpc_params![key, block]).await?;
	let events = Vec::<EventRecord>::decode(&mut &events.unwrap_or(Bytes(vec![0])).0[..])
		.map_err(|error| Error::Unreadable { method: "state_getStorage", reason: error.to_string() })?;
	for EventRecord { phase, event, .. } in events {
		if phase != frame_system::Phase::ApplyExtrinsic(index as u32) {
			continue;
		}
		match event {
			RuntimeEvent::Inference(pallet_inference::Event::JobSubmitted { job, fingerprint, .. }) => {
				return Ok(Submitted { job, fingerprint, block: height(node, block).await? });
			}
			RuntimeEvent::System(frame_system::Event::ExtrinsicFailed { dispatch_error, .. }) => {
				return Err(named(dispatch_error));
			}
			_ => {}
		}
	}
	Err(Error::Dropped("its block has no event of it".into()))
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
