//! Blocks: their weight, their length, the accounts' data and the clock.

use crate::{
	constants::{SLOT_DURATION, SS58_PREFIX},
	AccountId, Babe, Balance, Block, Hash, Moment, Nonce, PalletInfo, Runtime, RuntimeCall, RuntimeEvent,
	RuntimeOrigin, RuntimeTask, RuntimeVersion, SafeMode, UncheckedExtrinsic, VERSION,
};
use frame_support::{
	derive_impl,
	dispatch::DispatchClass,
	parameter_types,
	traits::{ConstU32, ConstU64},
	weights::{
		constants::{ParityDbWeight, WEIGHT_REF_TIME_PER_SECOND},
		Weight,
	},
};
use frame_system::{
	limits::{BlockLength, BlockWeights},
	offchain::{CreateBare, CreateTransactionBase},
};
use sp_runtime::{traits::AccountIdLookup, Perbill};

/// What users' transactions may fill of a block; the rest is kept for operational ones and inherents.
const NORMAL_DISPATCH_RATIO: Perbill = Perbill::from_percent(75);

/// Half of a slot's three seconds: a block is made, sent, and run again by every node before the next can be built on it.
///
/// A block of 300 jobs, which `make bench-block` fills, declares most of that. It is imported in a fifth of it on the
/// machine that the weights were measured on, since the database's weights are those of a cold one: a node on a machine
/// several times slower still keeps pace.
const MAXIMUM_BLOCK_WEIGHT: Weight =
	Weight::from_parts(WEIGHT_REF_TIME_PER_SECOND + WEIGHT_REF_TIME_PER_SECOND / 2, u64::MAX);

/// So many hundredths of a block's weight.
pub const fn share_of_block(percent: u64) -> Weight {
	Weight::from_parts(MAXIMUM_BLOCK_WEIGHT.ref_time() / 100 * percent, u64::MAX)
}

/// Bytes in a block at most.
const MAXIMUM_BLOCK_LENGTH: u32 = 5 * 1024 * 1024;

parameter_types! {
	/// This runtime's version.
	pub const Version: RuntimeVersion = VERSION;
	/// The weight a block may have.
	pub RuntimeBlockWeights: BlockWeights =
		BlockWeights::with_sensible_defaults(MAXIMUM_BLOCK_WEIGHT, NORMAL_DISPATCH_RATIO);
	/// The length a block may have.
	pub RuntimeBlockLength: BlockLength = BlockLength::builder()
		.max_length(MAXIMUM_BLOCK_LENGTH)
		.modify_max_length_for_class(DispatchClass::Normal, |length| *length = NORMAL_DISPATCH_RATIO * MAXIMUM_BLOCK_LENGTH)
		.build();
}

#[derive_impl(frame_system::config_preludes::SolochainDefaultConfig)]
impl frame_system::Config for Runtime {
	type Block = Block;
	// Lets all calls through but in an emergency.
	type BaseCallFilter = SafeMode;
	type BlockWeights = RuntimeBlockWeights;
	// The node's only database.
	type DbWeight = ParityDbWeight;
	type BlockLength = RuntimeBlockLength;
	type AccountId = AccountId;
	type Lookup = AccountIdLookup<AccountId, ()>;
	type Nonce = Nonce;
	type Hash = Hash;
	// How far back a transaction's era may begin.
	type BlockHashCount = ConstU32<2400>;
	type Version = Version;
	type AccountData = pallet_balances::AccountData<Balance>;
	type SS58Prefix = frame_support::traits::ConstU16<SS58_PREFIX>;
	type MaxConsumers = ConstU32<16>;
	type SystemWeightInfo = frame_system::weights::SubstrateWeight<Runtime>;
	type ExtensionsWeightInfo = frame_system::SubstrateExtensionsWeight<Runtime>;
}

impl pallet_timestamp::Config for Runtime {
	type Moment = Moment;
	type OnTimestampSet = Babe;
	// Two blocks may be half a slot apart where their authors' clocks differ.
	type MinimumPeriod = ConstU64<{ SLOT_DURATION / 2 }>;
	type WeightInfo = pallet_timestamp::weights::SubstrateWeight<Runtime>;
}

impl<LocalCall> CreateTransactionBase<LocalCall> for Runtime
where
	RuntimeCall: From<LocalCall>,
{
	type Extrinsic = UncheckedExtrinsic;
	type RuntimeCall = RuntimeCall;
}

// Reports of equivocations are extrinsics that nobody signs.
impl<LocalCall> CreateBare<LocalCall> for Runtime
where
	RuntimeCall: From<LocalCall>,
{
	fn create_bare(call: RuntimeCall) -> UncheckedExtrinsic {
		UncheckedExtrinsic::new_bare(call)
	}
}
