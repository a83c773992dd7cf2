//! The runtime of the simulation: the real pallets, and stand-ins for sessions, stakes, offences and the VRF whose facts
//! are in the state, since many states exist at once.

use codec::{Decode, Encode};
use frame_support::{
	derive_impl, parameter_types,
	storage::unhashed,
	traits::{ConstU128, ConstU32, ConstU64, DisabledValidators, Get},
	weights::Weight,
	PalletId,
};
use frame_system::EnsureRoot;
use pallet_inference::{Offences, StakeOf};
use sibyl_primitives::{
	job::{JobId, Round},
	AccountId, Balance, Hash, InferenceId, SessionIndex,
};
use sp_runtime::{traits::IdentityLookup, Perbill};

pub(crate) use runtime_types::*;

#[allow(missing_docs)]
mod runtime_types {
	use super::*;

	#[frame_support::runtime]
	mod runtime {
		#[runtime::runtime]
		#[runtime::derive(
			RuntimeCall,
			RuntimeEvent,
			RuntimeError,
			RuntimeOrigin,
			RuntimeHoldReason,
			RuntimeFreezeReason,
			RuntimeTask
		)]
		pub struct Test;

		#[runtime::pallet_index(0)]
		pub type System = frame_system;
		#[runtime::pallet_index(1)]
		pub type Balances = pallet_balances;
		#[runtime::pallet_index(2)]
		pub type Inference = pallet_inference;
		#[runtime::pallet_index(3)]
		pub type Models = pallet_models;
	}

	#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
	impl frame_system::Config for Test {
		type Block = frame_system::mocking::MockBlockU32<Test>;
		type AccountId = AccountId;
		type Lookup = IdentityLookup<AccountId>;
		type AccountData = pallet_balances::AccountData<Balance>;
	}

	#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
	impl pallet_balances::Config for Test {
		type AccountStore = System;
		type Balance = Balance;
		type ExistentialDeposit = ConstU128<10>;
	}

	impl pallet_models::Config for Test {
		type Deposits = Balances;
		type SuspendOrigin = EnsureRoot<AccountId>;
		type OnForgotten = Inference;
		type MaxModels = ConstU32<16>;
		type DepositBase = ConstU128<1_000>;
		type DepositPerByte = ConstU128<1>;
		type WeightInfo = ();
	}

	impl pallet_inference::Config for Test {
		type Currency = Balances;
		type RuntimeHoldReason = RuntimeHoldReason;
		type BlockVrf = Facts;
		type CurrentSession = Facts;
		type NextKeys = Facts;
		type Stake = Facts;
		type Offences = Facts;
		type DisabledValidators = Facts;
		type PalletId = ThePalletId;
		type ProtocolShare = Share;
		type BlockTime = ConstU64<BLOCK_TIME>;
		type ActiveStake = ActiveStake;
		type CommitWindow = CommitWindow;
		type CommitGrace = CommitGrace;
		type RevealWindow = RevealWindow;
		type AuditOdds = AuditOdds;
		type ReuseShare = Share;
		type LeastServiceBond = ConstU128<10_000>;
		type Retention = Retention;
		type MaxOpenJobs = MaxOpenJobs;
		type MaxOpenJobsPerAccount = MaxOpenJobsPerAccount;
		type MaxValidators = ConstU32<128>;
		type KeySetHistory = KeySetHistory;
		type MaxIncludeWeight = MaxIncludeWeight;
		type MaxDrawWeight = DutyWeight;
		type MaxDeadlineWeight = DutyWeight;
		type Consumers = ();
		type MaxRequests = ConstU32<1>;
		type MaxDeliveryWeight = MaxIncludeWeight;
		type CancelOrigin = frame_system::EnsureRoot<AccountId>;
		type WeightInfo = ();
	}
}

/// Microseconds from a block to the next.
pub(crate) const BLOCK_TIME: u64 = 3_000_000;

parameter_types! {
	/// As the real runtime's.
	pub const ActiveStake: Perbill = Perbill::from_parts(333_333_333);
	pub const ThePalletId: PalletId = PalletId(*b"sibyl/in");
	pub const Share: Perbill = Perbill::from_percent(5);
	pub const MaxIncludeWeight: Weight = Weight::from_parts(100_000_000, u64::MAX);
	pub DutyWeight: Weight = Weight::from_parts(u64::from(DutiesPerBlock::get()) * 132_000, u64::MAX);
	pub storage DutiesPerBlock: u32 = 50;
	pub storage CommitWindow: u32 = 12;
	pub storage CommitGrace: u32 = 3;
	pub storage RevealWindow: u32 = 6;
	pub storage AuditOdds: u32 = 128;
	pub storage Retention: u32 = 400;
	pub storage MaxOpenJobs: u32 = 100;
	pub storage MaxOpenJobsPerAccount: u32 = 50;
	pub storage KeySetHistory: u32 = 8;
}

const VRF: &[u8] = b":sim:vrf";
const SESSION: &[u8] = b":sim:session";
const NEXT: &[u8] = b":sim:next";
const STAKES: &[u8] = b":sim:stakes";
const DISABLED: &[u8] = b":sim:disabled";
const OFFENCES: &[u8] = b":sim:offences";

/// What the pallet reported.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Offence {
	/// They said what a second round contradicts.
	Contradicted {
		/// The validators.
		validators: Vec<AccountId>,
		/// The job and the round of their seats.
		case: (JobId, Round),
	},
	/// It signed two commits of one seat.
	Equivocated {
		/// The validator.
		validator: AccountId,
		/// The seat.
		seat: Hash,
	},
}

/// What the state says of sessions, stakes and the VRF.
pub struct Facts;

impl Facts {
	/// The VRF of the block that is executed.
	pub fn set_vrf(vrf: [u8; 32]) {
		unhashed::put(VRF, &vrf);
	}

	/// The session, its validators' stakes and the next one's keys.
	pub fn set_session(session: SessionIndex, stakes: &[(AccountId, Balance)], next: &[(AccountId, InferenceId)]) {
		unhashed::put(SESSION, &session);
		unhashed::put(STAKES, &stakes.to_vec());
		unhashed::put(NEXT, &next.to_vec());
	}

	/// The present session.
	pub fn session() -> SessionIndex {
		unhashed::get_or_default(SESSION)
	}

	/// The authorities that get no seats.
	pub fn set_disabled(disabled: &[u32]) {
		unhashed::put(DISABLED, &disabled.to_vec());
	}

	/// What the pallet has reported since this was last called.
	pub fn take_offences() -> Vec<Offence> {
		unhashed::take(OFFENCES).unwrap_or_default()
	}

	fn known() -> Vec<(AccountId, Hash)> {
		unhashed::get_or_default(b":sim:known")
	}

	fn report(offence: Offence) {
		let mut offences: Vec<Offence> = unhashed::get_or_default(OFFENCES);
		offences.push(offence);
		unhashed::put(OFFENCES, &offences);
	}
}

impl Get<Option<[u8; 32]>> for Facts {
	fn get() -> Option<[u8; 32]> {
		unhashed::get(VRF)
	}
}

impl Get<SessionIndex> for Facts {
	fn get() -> SessionIndex {
		Self::session()
	}
}

impl Get<Vec<(AccountId, InferenceId)>> for Facts {
	fn get() -> Vec<(AccountId, InferenceId)> {
		unhashed::get_or_default(NEXT)
	}
}

impl StakeOf for Facts {
	fn stake_of(validator: &AccountId) -> Balance {
		let stakes: Vec<(AccountId, Balance)> = unhashed::get_or_default(STAKES);
		stakes.into_iter().find(|(account, _)| account == validator).map_or(0, |(_, stake)| stake)
	}
}

impl DisabledValidators for Facts {
	fn is_disabled(index: u32) -> bool {
		Self::disabled_validators().contains(&index)
	}

	fn disabled_validators() -> Vec<u32> {
		unhashed::get_or_default(DISABLED)
	}
}

impl Offences for Facts {
	fn contradicted(validators: Vec<AccountId>, _: SessionIndex, case: (JobId, Round)) {
		Self::report(Offence::Contradicted { validators, case });
	}

	fn equivocated(_: Option<AccountId>, validator: AccountId, _: SessionIndex, seat: Hash) -> bool {
		if Self::is_known_equivocation(&validator, &seat) {
			return false;
		}
		let mut known = Self::known();
		known.push((validator.clone(), seat));
		unhashed::put(b":sim:known", &known);
		Self::report(Offence::Equivocated { validator, seat });
		true
	}

	fn is_known_equivocation(validator: &AccountId, seat: &Hash) -> bool {
		Self::known().contains(&(validator.clone(), *seat))
	}
}
