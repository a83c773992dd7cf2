//! The state transition function of the Sibyl chain.
//!
//! BABE makes a block every three seconds and GRANDPA finalises them; the validators are elected by stake, hold session
//! keys and are punished through offences. [`configs`] says how each pallet is set up and [`genesis`] what the networks
//! start with.

#![cfg_attr(not(feature = "std"), no_std)]
// The SDK's macros write items without docs.
#![allow(missing_docs)]
// The macros that make the runtime and its APIs recurse once per pallet and per method.
#![recursion_limit = "256"]

extern crate alloc;

#[cfg(feature = "std")]
include!(concat!(env!("OUT_DIR"), "/wasm_binary.rs"));

mod apis;
#[cfg(feature = "runtime-benchmarks")]
mod benchmarks;
pub mod configs;
pub mod constants;
pub mod genesis;
pub mod models;
#[cfg(test)]
mod tests;
pub mod weights;

use alloc::{borrow::Cow, vec::Vec};
use sp_runtime::{generic, impl_opaque_keys, traits::BlakeTwo256};
use sp_version::{runtime_version, RuntimeVersion};

#[cfg(feature = "std")]
pub use apis::RuntimeApi;
pub use sibyl_primitives::{AccountId, Address, Balance, BlockNumber, Hash, Moment, Nonce, Signature};

/// What the node needs to know of a block: its extrinsics stay bytes, since only the runtime can read them.
pub mod opaque {
	use super::*;
	pub use sp_runtime::OpaqueExtrinsic as UncheckedExtrinsic;

	/// A block's header.
	pub type Header = generic::Header<BlockNumber, BlakeTwo256>;
	/// A block whose extrinsics are bytes.
	pub type Block = generic::Block<Header, UncheckedExtrinsic>;
	/// How the node names a block: by hash or by number.
	pub type BlockId = generic::BlockId<Block>;
}

impl_opaque_keys! {
	/// The keys a validator signs with.
	pub struct SessionKeys {
		/// Makes blocks and their randomness.
		pub babe: Babe,
		/// Votes for finality.
		pub grandpa: Grandpa,
		/// Signs the validator's network addresses.
		pub authority_discovery: AuthorityDiscovery,
		/// Signs the validator's commits and reveals.
		pub inference: Inference,
	}
}

// The macro reads numbers alone, no constants.
macro_rules! version {
	(spec $spec:tt, transactions $transactions:tt) => {
		/// The version of this runtime. A running chain upgrades to a wasm of a higher `spec_version`.
		#[runtime_version]
		pub const VERSION: RuntimeVersion = RuntimeVersion {
			spec_name: Cow::Borrowed("sibyl"),
			impl_name: Cow::Borrowed("sibyl-node"),
			authoring_version: 1,
			spec_version: $spec,
			impl_version: 1,
			apis: apis::RUNTIME_API_VERSIONS,
			transaction_version: $transactions,
			system_version: 1,
		};
	};
}

#[cfg(not(feature = "next-version"))]
version!(spec 107, transactions 5);
// Newer than any: `make test-upgrade` upgrades a network to it.
#[cfg(feature = "next-version")]
version!(spec 1_000_000, transactions 1_000_000);

/// A block's header.
pub type Header = generic::Header<BlockNumber, BlakeTwo256>;
/// A block.
pub type Block = generic::Block<Header, UncheckedExtrinsic>;
/// A block with the signature that its justification refers to.
pub type SignedBlock = generic::SignedBlock<Block>;

/// What is checked and charged around each signed extrinsic, in this order.
pub type TxExtension = (
	frame_system::CheckNonZeroSender<Runtime>,
	frame_system::CheckSpecVersion<Runtime>,
	frame_system::CheckTxVersion<Runtime>,
	frame_system::CheckGenesis<Runtime>,
	frame_system::CheckEra<Runtime>,
	frame_system::CheckNonce<Runtime>,
	frame_system::CheckWeight<Runtime>,
	pallet_transaction_payment::ChargeTransactionPayment<Runtime>,
	frame_metadata_hash_extension::CheckMetadataHash<Runtime>,
	frame_system::WeightReclaim<Runtime>,
);

/// What an account adds to a call that it signs, without a hash of the metadata.
#[cfg(feature = "std")]
pub fn tx_extension(era: generic::Era, nonce: Nonce, tip: Balance) -> TxExtension {
	(
		frame_system::CheckNonZeroSender::new(),
		frame_system::CheckSpecVersion::new(),
		frame_system::CheckTxVersion::new(),
		frame_system::CheckGenesis::new(),
		frame_system::CheckEra::from(era),
		frame_system::CheckNonce::from(nonce),
		frame_system::CheckWeight::new(),
		pallet_transaction_payment::ChargeTransactionPayment::from(tip),
		frame_metadata_hash_extension::CheckMetadataHash::new(false),
		frame_system::WeightReclaim::new(),
	)
}

/// An extrinsic as it travels, its signature not yet verified.
pub type UncheckedExtrinsic = generic::UncheckedExtrinsic<Address, RuntimeCall, Signature, TxExtension>;

/// Runs a block: its hooks, its extrinsics and the pending migrations.
pub type Executive = frame_executive::Executive<
	Runtime,
	Block,
	frame_system::ChainContext<Runtime>,
	Runtime,
	AllPalletsWithSystem,
	Migrations,
>;

/// The storage migrations of the next upgrade.
type Migrations = ();

// `#[runtime]` needs the pallet's own module, which `historical` is not.
#[doc(hidden)]
pub use pallet_session::historical as pallet_session_historical;

/// The pallets, in the order their hooks run in.
#[frame_support::runtime]
mod runtime {
	/// The runtime.
	#[runtime::runtime]
	#[runtime::derive(
		RuntimeCall,
		RuntimeEvent,
		RuntimeError,
		RuntimeOrigin,
		RuntimeFreezeReason,
		RuntimeHoldReason,
		RuntimeSlashReason,
		RuntimeLockId,
		RuntimeTask,
		RuntimeViewFunction
	)]
	pub struct Runtime;

	#[runtime::pallet_index(0)]
	pub type System = frame_system;
	// Before Babe, which asks it for the epoch's length.
	#[runtime::pallet_index(1)]
	pub type Timing = pallet_timing;
	#[runtime::pallet_index(2)]
	pub type Timestamp = pallet_timestamp;
	#[runtime::pallet_index(3)]
	pub type Babe = pallet_babe;
	#[runtime::pallet_index(4)]
	pub type Authorship = pallet_authorship;
	#[runtime::pallet_index(5)]
	pub type Balances = pallet_balances;
	#[runtime::pallet_index(6)]
	pub type TransactionPayment = pallet_transaction_payment;
	// Before Session, whose genesis asks for the validators that staking elects.
	#[runtime::pallet_index(7)]
	pub type Staking = pallet_staking;
	#[runtime::pallet_index(8)]
	pub type Offences = pallet_offences;
	#[runtime::pallet_index(9)]
	pub type Historical = pallet_session_historical;
	#[runtime::pallet_index(10)]
	pub type Session = pallet_session;
	#[runtime::pallet_index(11)]
	pub type Grandpa = pallet_grandpa;
	#[runtime::pallet_index(12)]
	pub type AuthorityDiscovery = pallet_authority_discovery;
	#[runtime::pallet_index(13)]
	pub type Utility = pallet_utility;
	#[runtime::pallet_index(14)]
	pub type Sudo = pallet_sudo;
	// After Babe, whose `on_finalize` notes the block's VRF, from which committees are drawn.
	#[runtime::pallet_index(15)]
	pub type Inference = pallet_inference;
	// After Inference: what a block's votes say about models takes effect after its draws.
	#[runtime::pallet_index(16)]
	pub type Models = pallet_models;
	#[runtime::pallet_index(17)]
	pub type VoterList = pallet_bags_list<Instance1>;
	// After Inference, which delivers results in the same hook: a round that is over does not stop the next one.
	#[runtime::pallet_index(18)]
	pub type Feeds = pallet_feeds;
	#[runtime::pallet_index(20)]
	pub type Council = pallet_collective<Instance1>;
	// After Council, whose members its genesis names.
	#[runtime::pallet_index(21)]
	pub type CouncilMembership = pallet_membership<Instance1>;
	#[runtime::pallet_index(22)]
	pub type Timelock = pallet_timelock;
	#[runtime::pallet_index(23)]
	pub type Scheduler = pallet_scheduler;
	#[runtime::pallet_index(24)]
	pub type Preimage = pallet_preimage;
	#[runtime::pallet_index(25)]
	pub type SafeMode = pallet_safe_mode;
	#[runtime::pallet_index(26)]
	pub type Treasury = pallet_treasury;
}
