//! Block production.

use crate::{
	configs::session::{MaxAuthorities, MaxNominators, ReportLongevity},
	constants::SLOT_DURATION,
	Babe, Historical, Offences, Runtime, Session, Staking,
};
use frame_support::traits::ConstU64;
use pallet_timing::EpochDuration;
use sp_consensus_babe::{AllowedSlots, BabeEpochConfiguration};

/// The share of slots that have a primary author, as a fraction.
///
/// Where a slot has a primary author, its secondary one makes a block too, and the two compete: at 1/4 some one in
/// nine imported blocks was on a losing fork, at 1/20 one in forty. But only primary blocks feed the randomness of later
/// epochs: at 1/20 an epoch of 200 slots gets ten of them on average and one of 20 slots gets none in a third of the cases.
/// Committees are drawn from each block's own VRF, which secondary blocks carry too, so few forks are worth more here
/// than much input to the epochs' randomness.
pub const PRIMARY_PROBABILITY: (u64, u64) = (1, 20);

/// The configuration every network's genesis starts with: each block carries a VRF output.
pub const EPOCH_CONFIGURATION: BabeEpochConfiguration =
	BabeEpochConfiguration { c: PRIMARY_PROBABILITY, allowed_slots: AllowedSlots::PrimaryAndSecondaryVRFSlots };

impl pallet_babe::Config for Runtime {
	type EpochDuration = EpochDuration<Runtime>;
	type ExpectedBlockTime = ConstU64<SLOT_DURATION>;
	// The session pallet ends epochs, so that both change together.
	type EpochChangeTrigger = pallet_babe::ExternalTrigger;
	type DisabledValidators = Session;
	// Of the same arguments as the calls; the pallet ships no other that fits.
	type WeightInfo = ();
	type MaxAuthorities = MaxAuthorities;
	type MaxNominators = MaxNominators;
	type KeyOwnerProof = sp_session::MembershipProof;
	type EquivocationReportSystem = pallet_babe::EquivocationReportSystem<Self, Offences, Historical, ReportLongevity>;
}

impl pallet_authorship::Config for Runtime {
	type FindAuthor = pallet_session::FindAccountFromAuthorIndex<Self, Babe>;
	type EventHandler = Staking;
}
