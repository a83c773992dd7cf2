//! The token and what transactions cost.

use crate::{
	constants::{MICRO_SIB, MILLI_SIB},
	AccountId, Authorship, Balance, Balances, Inference, Runtime, RuntimeEvent, RuntimeFreezeReason, RuntimeHoldReason,
	System,
};
use frame_support::{
	parameter_types,
	traits::{
		fungible::{Balanced, Credit},
		ConstU128, ConstU32, ConstU8, Imbalance, OnUnbalanced, VariantCountOf,
	},
	weights::{ConstantMultiplier, IdentityFee},
};
use pallet_transaction_payment::{FungibleAdapter, Multiplier, TargetedFeeAdjustment};
use sp_runtime::{traits::Bounded, FixedPointNumber, Perquintill};

parameter_types! {
	/// How full blocks are when the fee multiplier stays what it is.
	pub const TargetBlockFullness: Perquintill = Perquintill::from_percent(25);
	/// How fast the multiplier moves: by 0.0056 % at most in a block, fivefold in a day of full ones.
	pub AdjustmentVariable: Multiplier = Multiplier::saturating_from_rational(75, 1_000_000);
	/// The multiplier never falls under this, so that a full block always raises it again soon.
	pub MinimumMultiplier: Multiplier = Multiplier::saturating_from_rational(1, 10);
	/// No upper limit: congestion ends by price.
	pub MaximumMultiplier: Multiplier = Bounded::max_value();
}

impl pallet_balances::Config for Runtime {
	type RuntimeEvent = RuntimeEvent;
	type RuntimeHoldReason = RuntimeHoldReason;
	type RuntimeFreezeReason = RuntimeFreezeReason;
	type Balance = Balance;
	type DustRemoval = ();
	// An account below this is removed, so that dust can't fill the state.
	type ExistentialDeposit = ConstU128<MILLI_SIB>;
	type AccountStore = System;
	type ReserveIdentifier = [u8; 8];
	type FreezeIdentifier = RuntimeFreezeReason;
	type MaxLocks = ConstU32<50>;
	type MaxReserves = ConstU32<0>;
	type MaxFreezes = VariantCountOf<RuntimeFreezeReason>;
	type DoneSlashHandler = ();
	type WeightInfo = pallet_balances::weights::SubstrateWeight<Runtime>;
}

/// Pays four fifths of fees and tips to the block's author and the rest to the protocol's account, so that an author's own
/// transactions cost it something too. What can't be paid, as in a block without an author, is burnt.
pub struct ToAuthorAndProtocol;

impl OnUnbalanced<Credit<AccountId, Balances>> for ToAuthorAndProtocol {
	fn on_nonzero_unbalanced(fees: Credit<AccountId, Balances>) {
		let Some(author) = Authorship::author() else { return };
		let (to_author, to_protocol) = fees.ration(4, 1);
		drop(Balances::resolve(&author, to_author));
		drop(Balances::resolve(&Inference::protocol_account(), to_protocol));
	}

	fn on_unbalanceds(mut fees_then_tips: impl Iterator<Item = Credit<AccountId, Balances>>) {
		if let Some(fees) = fees_then_tips.next() {
			Self::on_unbalanced(fees_then_tips.fold(fees, Imbalance::merge));
		}
	}
}

impl pallet_transaction_payment::Config for Runtime {
	type RuntimeEvent = RuntimeEvent;
	type OnChargeTransaction = FungibleAdapter<Balances, ToAuthorAndProtocol>;
	type OperationalFeeMultiplier = ConstU8<5>;
	// One unit per picosecond of weight: a second of computing costs one SIB.
	type WeightToFee = IdentityFee<Balance>;
	type LengthToFee = ConstantMultiplier<Balance, ConstU128<{ 10 * MICRO_SIB }>>;
	type FeeMultiplierUpdate =
		TargetedFeeAdjustment<Self, TargetBlockFullness, AdjustmentVariable, MinimumMultiplier, MaximumMultiplier>;
	type WeightInfo = pallet_transaction_payment::weights::SubstrateWeight<Runtime>;
}
