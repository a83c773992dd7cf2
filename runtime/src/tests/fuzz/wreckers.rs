//! Calls of root that make a chain another one, or none: that they do is no fault.

use crate::RuntimeCall;

/// Blocks that are too far away for anything to come after them.
const FAR: u32 = u32::MAX / 2;

/// Whether the call, or one in it that is made by root, is one of those.
pub(super) fn wrecks(call: &RuntimeCall, is_root: bool) -> bool {
	(is_root && why(call).is_some()) || nested(call, is_root).iter().any(|(call, is_root)| wrecks(call, *is_root))
}

/// Why the histories leave the call to root's own care.
fn why(call: &RuntimeCall) -> Option<&'static str> {
	use frame_system::Call::{kill_prefix, kill_storage, set_code, set_code_without_checks, set_storage};
	use pallet_balances::Call::{force_adjust_total_issuance, force_set_balance, force_unreserve};
	match call {
		RuntimeCall::System(set_storage { .. } | kill_storage { .. } | kill_prefix { .. }) => Some("writes any state"),
		RuntimeCall::System(set_code { .. } | set_code_without_checks { .. }) => Some("another runtime"),
		RuntimeCall::Balances(force_set_balance { .. } | force_adjust_total_issuance { .. }) => {
			Some("makes or burns tokens")
		}
		// Root can make it in nobody's name, and a block with two of them is invalid.
		RuntimeCall::Timestamp(_) => Some("an inherent"),
		RuntimeCall::Balances(force_unreserve { .. }) => Some("frees what pallets hold"),
		RuntimeCall::Treasury(pallet_treasury::Call::spend { valid_from: Some(FAR..), .. }) => {
			Some("a spend of the last block's, which the pallet takes and its own check does not")
		}
		// It is also heavier than it says where it is told of fewer members than there are.
		RuntimeCall::Council(pallet_collective::Call::set_members { .. }) => Some("the members are the membership's"),
		_ => None,
	}
}

/// The calls in this one, and whether root makes them.
fn nested(call: &RuntimeCall, is_root: bool) -> Vec<(&RuntimeCall, bool)> {
	use pallet_collective::Call::{execute, propose};
	use pallet_scheduler::Call::{schedule, schedule_after, schedule_named, schedule_named_after};
	use pallet_sudo::Call::{sudo, sudo_as, sudo_unchecked_weight};
	use pallet_utility::Call::{
		as_derivative, batch, batch_all, dispatch_as, dispatch_as_fallible, force_batch, if_else, with_weight,
	};
	match call {
		RuntimeCall::Utility(batch { calls } | batch_all { calls } | force_batch { calls }) => {
			calls.iter().map(|call| (call, is_root)).collect()
		}
		RuntimeCall::Utility(as_derivative { call, .. } | with_weight { call, .. }) => vec![(call, is_root)],
		RuntimeCall::Utility(if_else { main, fallback }) => vec![(main, is_root), (fallback, is_root)],
		RuntimeCall::Utility(dispatch_as { call, .. } | dispatch_as_fallible { call, .. })
		| RuntimeCall::Sudo(sudo { call } | sudo_as { call, .. } | sudo_unchecked_weight { call, .. })
		| RuntimeCall::Scheduler(
			schedule { call, .. }
			| schedule_after { call, .. }
			| schedule_named { call, .. }
			| schedule_named_after { call, .. },
		)
		| RuntimeCall::Timelock(
			pallet_timelock::Call::schedule { call } | pallet_timelock::Call::make_urgent_call { call },
		) => {
			vec![(call, true)]
		}
		RuntimeCall::Council(propose { proposal, .. } | execute { proposal, .. }) => vec![(proposal, true)],
		_ => Vec::new(),
	}
}
