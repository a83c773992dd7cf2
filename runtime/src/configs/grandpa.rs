//! Finality.

use crate::{
	configs::session::{MaxAuthorities, MaxNominators, ReportLongevity},
	configs::staking::BondingDuration,
	Historical, Offences, Runtime, RuntimeEvent,
};
use frame_support::traits::Get;
use pallet_timing::SessionsPerEra;

/// The sessions whose GRANDPA set is remembered: as many as an equivocation may be reported after.
pub struct MaxSetIdSessionEntries;

impl Get<u64> for MaxSetIdSessionEntries {
	fn get() -> u64 {
		u64::from(BondingDuration::get()).saturating_mul(SessionsPerEra::<Runtime>::get().into())
	}
}

impl pallet_grandpa::Config for Runtime {
	type RuntimeEvent = RuntimeEvent;
	// Of the same arguments as the calls; the pallet ships no other that fits.
	type WeightInfo = ();
	type MaxAuthorities = MaxAuthorities;
	type MaxNominators = MaxNominators;
	type MaxSetIdSessionEntries = MaxSetIdSessionEntries;
	type KeyOwnerProof = sp_session::MembershipProof;
	type EquivocationReportSystem =
		pallet_grandpa::EquivocationReportSystem<Self, Offences, Historical, ReportLongevity>;
}
