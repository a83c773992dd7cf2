//! How each pallet is set up, one file a subject.

pub mod babe;
pub mod consumers;
pub mod feeds;
pub mod governance;
pub mod grandpa;
pub mod inference;
pub mod payment;
pub mod session;
pub mod staking;
pub mod system;

use crate::{Runtime, RuntimeCall, RuntimeEvent};

impl pallet_timing::Config for Runtime {}

impl pallet_utility::Config for Runtime {
	type RuntimeEvent = RuntimeEvent;
	type RuntimeCall = RuntimeCall;
	type PalletsOrigin = crate::OriginCaller;
	type WeightInfo = pallet_utility::weights::SubstrateWeight<Runtime>;
}

impl pallet_sudo::Config for Runtime {
	type RuntimeEvent = RuntimeEvent;
	type RuntimeCall = RuntimeCall;
	type WeightInfo = pallet_sudo::weights::SubstrateWeight<Runtime>;
}
