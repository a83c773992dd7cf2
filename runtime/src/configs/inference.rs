//! Jobs for models, and the votes that answer them.

use crate::{
	configs::{session::MaxAuthorities, system::RuntimeBlockWeights},
	AccountId, Balance, Balances, Runtime, RuntimeHoldReason, Session,
};
use frame_support::{parameter_types, traits::Get, weights::Weight, PalletId};
use pallet_inference::StakeOf;
use sibyl_primitives::BlockNumber;
use sp_runtime::Perbill;

parameter_types! {
	/// Names the account that gets the protocol's share.
	pub const InferencePalletId: PalletId = PalletId(*b"sibyl/in");
	/// The protocol's share of what seats are paid.
	pub const ProtocolShare: Perbill = Perbill::from_percent(5);
	/// Blocks for commits: where a third of the authors leave votes out, twelve of theirs in a row are one in 3^12.
	pub const CommitWindow: BlockNumber = 12;
	/// Blocks for the last commits once a quorum has committed.
	pub const CommitGrace: BlockNumber = 3;
	/// Blocks for reveals.
	pub const RevealWindow: BlockNumber = 12;
	/// Blocks that an ended job can be looked up for: six hours.
	pub const Retention: BlockNumber = 7_200;
	/// Open jobs in total. A validator that answers twenty a second clears them in a window.
	pub const MaxOpenJobs: u32 = 512;
	/// Open jobs of one account.
	pub const MaxOpenJobsPerAccount: u32 = 128;
	/// Jobs that one block draws committees for, or ends by their deadlines.
	pub const MaxDuePerBlock: u32 = 64;
	/// Sessions before the current one whose keys still vote: 160 slots on networks with the shortest sessions, where a job
	/// takes 67 blocks at most.
	pub const KeySetHistory: u32 = 8;
	/// What a block's votes may weigh: 30 % of it.
	pub MaxIncludeWeight: Weight = Perbill::from_percent(30) * RuntimeBlockWeights::get().max_block;
}

/// The VRF of the block that is being made, which Babe notes in its `on_finalize`.
pub struct BlockVrf;

impl Get<Option<[u8; 32]>> for BlockVrf {
	fn get() -> Option<[u8; 32]> {
		pallet_babe::AuthorVrfRandomness::<Runtime>::get()
	}
}

/// All that is staked on a validator in the active era, by itself and its nominators.
pub struct EraStake;

impl StakeOf for EraStake {
	fn stake_of(validator: &AccountId) -> Balance {
		// Genesis has stakers and no active era yet; they are those of the first.
		let era = pallet_staking::ActiveEra::<Runtime>::get().map_or(0, |active| active.index);
		pallet_staking::ErasStakersOverview::<Runtime>::get(era, validator).map_or(0, |exposure| exposure.total)
	}
}

/// The number of the current session.
pub struct CurrentSession;

impl Get<u32> for CurrentSession {
	fn get() -> u32 {
		pallet_session::CurrentIndex::<Runtime>::get()
	}
}

impl pallet_models::Config for Runtime {}

impl pallet_inference::Config for Runtime {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type BlockVrf = BlockVrf;
	type CurrentSession = CurrentSession;
	type Stake = EraStake;
	type DisabledValidators = Session;
	type PalletId = InferencePalletId;
	type ProtocolShare = ProtocolShare;
	type CommitWindow = CommitWindow;
	type CommitGrace = CommitGrace;
	type RevealWindow = RevealWindow;
	type Retention = Retention;
	type MaxOpenJobs = MaxOpenJobs;
	type MaxOpenJobsPerAccount = MaxOpenJobsPerAccount;
	type MaxDuePerBlock = MaxDuePerBlock;
	type MaxValidators = MaxAuthorities;
	type KeySetHistory = KeySetHistory;
	type MaxIncludeWeight = MaxIncludeWeight;
	type WeightInfo = crate::weights::pallet_inference::WeightInfo<Runtime>;
}
