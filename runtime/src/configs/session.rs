//! Sessions and the keys that validators sign with.

use crate::{
	configs::staking::{BondingDuration, MaxElectingVoters},
	AccountId, Babe, Balances, Runtime, RuntimeEvent, SessionKeys, Staking,
};
use frame_support::{
	parameter_types,
	traits::{ConstU128, Get},
};
use pallet_timing::{EpochDuration, SessionsPerEra};
use sp_runtime::traits::{ConvertInto, OpaqueKeys};

parameter_types! {
	/// Validators in a session at most.
	pub const MaxAuthorities: u32 = 300;
	/// Nominators behind one validator at most, for the weight of reports.
	pub const MaxNominators: u32 = MaxElectingVoters::get();
}

/// How many blocks after it an equivocation can be reported: as long as the stake behind it is bonded.
pub struct ReportLongevity;

impl Get<u64> for ReportLongevity {
	fn get() -> u64 {
		u64::from(BondingDuration::get())
			.saturating_mul(SessionsPerEra::<Runtime>::get().into())
			.saturating_mul(EpochDuration::<Runtime>::get())
	}
}

impl pallet_session::Config for Runtime {
	type RuntimeEvent = RuntimeEvent;
	type ValidatorId = AccountId;
	type ValidatorIdOf = ConvertInto;
	type ShouldEndSession = Babe;
	type NextSessionRotation = Babe;
	type SessionManager = pallet_session::historical::NoteHistoricalRoot<Self, Staking>;
	type SessionHandler = <SessionKeys as OpaqueKeys>::KeyTypeIdProviders;
	type Keys = SessionKeys;
	type DisablingStrategy = pallet_session::disabling::UpToLimitWithReEnablingDisablingStrategy;
	type WeightInfo = pallet_session::weights::SubstrateWeight<Runtime>;
	type Currency = Balances;
	// A validator has bonded stake; its keys need no deposit beside that.
	type KeyDeposit = ConstU128<0>;
}

impl pallet_session::historical::Config for Runtime {
	type RuntimeEvent = RuntimeEvent;
	type FullIdentification = ();
	type FullIdentificationOf = pallet_staking::UnitIdentificationOf<Self>;
}

impl pallet_authority_discovery::Config for Runtime {
	type MaxAuthorities = MaxAuthorities;
}

impl pallet_offences::Config for Runtime {
	type RuntimeEvent = RuntimeEvent;
	type IdentificationTuple = pallet_session::historical::IdentificationTuple<Self>;
	type OnOffenceHandler = Staking;
}
