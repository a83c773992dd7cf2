//! Questions that are asked again and again.

use crate::{
	configs::{consumers::FEEDS, system::share_of_block},
	constants::{MICRO_SIB, SIB},
	AccountId, Balance, Balances, Inference, Runtime, RuntimeHoldReason,
};
use frame_support::{
	parameter_types,
	traits::{ConstU8, Get},
	weights::{IdentityFee, Weight},
};
use sibyl_primitives::BlockNumber;

parameter_types! {
	/// What is held for a feed's place: an answer has up to 8 KiB, and who takes all places pays thousands of SIB.
	pub const DepositBase: Balance = SIB;
	/// What is held for each byte of its question.
	pub const DepositPerByte: Balance = 100 * MICRO_SIB;
	/// Blocks from a round to the next: as many as a job takes that nobody is late with.
	pub const MinInterval: BlockNumber = 5;
	/// A day: who holds a place pays a round's fee at least that often.
	pub const MaxInterval: BlockNumber = 28_800;
	/// Feeds in total.
	pub const MaxFeeds: u32 = 4_096;
	/// Feeds of one account.
	pub const MaxFeedsPerAccount: u32 = 64;
	/// What the rounds that a block begins may weigh.
	pub const MaxRoundsWeight: Weight = share_of_block(5);
}

/// The account that rounds' fees go to: nobody signs a round, so no author's own feeds pay it back its fees.
pub struct ProtocolAccount;

impl Get<AccountId> for ProtocolAccount {
	fn get() -> AccountId {
		Inference::protocol_account()
	}
}

impl pallet_feeds::Config for Runtime {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type Inference = Inference;
	type ConsumerId = ConstU8<FEEDS>;
	// As transactions, but for the multiplier of full blocks: a feed's owner can't wait for a cheaper one.
	type WeightToFee = IdentityFee<Balance>;
	type FeeRecipient = ProtocolAccount;
	type DepositBase = DepositBase;
	type DepositPerByte = DepositPerByte;
	type MinInterval = MinInterval;
	type MaxInterval = MaxInterval;
	type MaxFeeds = MaxFeeds;
	type MaxFeedsPerAccount = MaxFeedsPerAccount;
	type MaxRoundsWeight = MaxRoundsWeight;
	type WeightInfo = crate::weights::pallet_feeds::WeightInfo<Runtime>;
}
