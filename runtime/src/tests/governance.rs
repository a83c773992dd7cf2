//! What the council can do, how fast, and that nobody else can.

use super::{
	inference::{account, apply, block, chain, submit},
	network,
};
use crate::{
	configs::governance::{AuditReserve, CouncilInstance, MaxScheduledCallWeight},
	constants::{DAY, SIB},
	genesis::{DEVELOPMENT, LOCAL_TESTNET, TESTNET},
	models, AccountId, AllPalletsWithSystem, Balance, Balances, BlockNumber, Council, Inference, Models, Runtime,
	RuntimeCall, RuntimeEvent, RuntimeOrigin, SafeMode, Session, SessionKeys, System, Treasury,
};
use codec::{Decode, Encode};
use frame_support::{
	assert_err_ignore_postinfo, assert_noop, assert_ok,
	dispatch::GetDispatchInfo,
	traits::{fungible::Mutate, Contains, EnsureOrigin, Hooks, TryState, TryStateSelect},
};
use pallet_collective::RawOrigin;
use sibyl_primitives::{job::Seats, Hash};
use sp_keyring::Sr25519Keyring::{self, Alice, Bob, Charlie, Dave, Eve, Ferdie};
use sp_runtime::{
	traits::{BadOrigin, Dispatchable, Hash as _},
	DispatchError, DispatchResult, Perbill,
};

/// The delay of the preset `local`.
const DELAY: BlockNumber = 10;

/// As many of so many members have agreed.
fn members(yes: u32, of: u32) -> RuntimeOrigin {
	RawOrigin::<AccountId, CouncilInstance>::Members(yes, of).into()
}

fn signed(who: Sr25519Keyring) -> RuntimeOrigin {
	RuntimeOrigin::signed(account(who))
}

fn dispatch(call: impl Into<RuntimeCall>, origin: RuntimeOrigin) -> DispatchResult {
	call.into().dispatch(origin).map(drop).map_err(|failed| failed.error)
}

/// The members' motion for the call, voted on by all of them: what came of the call, where it passed.
fn motion(yes: &[Sr25519Keyring], no: &[Sr25519Keyring], call: impl Into<RuntimeCall>) -> Option<DispatchResult> {
	let call = call.into();
	let threshold = yes.len() as u32;
	let length_bound = call.encoded_size() as u32;
	let proposal_weight_bound = call.get_dispatch_info().call_weight;
	let proposal_hash = <Runtime as frame_system::Config>::Hashing::hash_of(&call);
	let index = pallet_collective::ProposalCount::<Runtime, CouncilInstance>::get();
	let proposal = Box::new(call);
	assert_ok!(Council::propose(signed(yes[0]), threshold, proposal, length_bound));
	if threshold > 1 {
		for (members, approve) in [(yes, true), (no, false)] {
			for member in members {
				assert_ok!(Council::vote(signed(*member), proposal_hash, index, approve));
			}
		}
		assert_ok!(Council::close(signed(Ferdie), proposal_hash, index, proposal_weight_bound, length_bound));
	}
	System::events().into_iter().rev().find_map(|record| match record.event {
		RuntimeEvent::Council(pallet_collective::Event::Executed { result, .. }) => Some(result),
		_ => None,
	})
}

fn schedule(call: impl Into<RuntimeCall>) -> RuntimeCall {
	pallet_timelock::Call::schedule { call: Box::new(call.into()) }.into()
}

fn cancel(call: impl Into<RuntimeCall>) -> RuntimeCall {
	let call_hash = <Runtime as frame_system::Config>::Hashing::hash_of(&call.into());
	pallet_timelock::Call::cancel { call_hash }.into()
}

/// Only root may do that.
fn raise_count() -> RuntimeCall {
	pallet_staking::Call::set_validator_count { new: 7 }.into()
}

fn validator_count() -> u32 {
	pallet_staking::ValidatorCount::<Runtime>::get()
}

fn transfer() -> RuntimeCall {
	pallet_balances::Call::transfer_keep_alive { dest: account(Bob).into(), value: SIB }.into()
}

fn suspend() -> RuntimeCall {
	pallet_models::Call::suspend { model: models::common_lingua().revision.id() }.into()
}

fn resume() -> RuntimeCall {
	pallet_models::Call::resume { model: models::common_lingua().revision.id() }.into()
}

fn spend(amount: Balance) -> RuntimeCall {
	let beneficiary = Box::new(account(Eve).into());
	pallet_treasury::Call::spend { asset_kind: Box::new(()), amount, beneficiary, valid_from: None }.into()
}

/// A chain of the preset `local`, whose council is Alice, Bob and Charlie, in its first block; it goes on for so many more.
fn local(then: BlockNumber, first: impl FnOnce(), test: impl FnOnce()) {
	chain(|| {
		block(1, Alice, first);
		run(2, then);
		test();
		AllPalletsWithSystem::try_state(System::block_number(), TryStateSelect::All).expect("all invariants hold");
	});
}

fn run(from: BlockNumber, to: BlockNumber) {
	for number in from..=to {
		block(number, Alice, || {});
	}
}

#[test]
fn the_test_network_has_no_sudo_key_and_its_validators_are_the_council() {
	let of = |preset| {
		network(preset).execute_with(|| {
			let mut validators = Session::validators();
			validators.sort();
			let members = pallet_collective::Members::<Runtime, CouncilInstance>::get();
			let is_council = members == validators;
			(pallet_sudo::Key::<Runtime>::get(), members.len(), is_council, pallet_timelock::Delay::<Runtime>::get())
		})
	};
	assert_eq!(of(TESTNET), (None, 4, true, 2 * DAY));
	assert_eq!(of(LOCAL_TESTNET), (Some(account(Alice)), 3, false, DELAY));
	assert_eq!(of(DEVELOPMENT), (Some(account(Alice)), 1, true, DELAY));
	assert_eq!(DAY, 28_800);
}

#[test]
fn on_the_test_network_three_of_four_have_root_do_something_two_days_later() {
	network(TESTNET).execute_with(|| {
		block(1, Alice, || {
			assert_eq!(motion(&[Alice, Bob], &[Charlie, Dave], schedule(raise_count())), Some(Err(BadOrigin.into())));
			assert_eq!(motion(&[Alice, Bob, Dave], &[], schedule(raise_count())), Some(Ok(())));
			let times = pallet_scheduler::Agenda::<Runtime>::iter_keys().collect::<Vec<_>>();
			assert_eq!(times, [1 + 2 * DAY]);
			for key in [Alice, Bob] {
				let call = Box::new(raise_count());
				assert_eq!(dispatch(pallet_sudo::Call::sudo { call }, signed(key)), Err(sudo_required()));
			}
		});
	});
}

fn sudo_required() -> DispatchError {
	pallet_sudo::Error::<Runtime>::RequireSudo.into()
}

#[test]
fn a_motion_with_too_few_votes_does_nothing() {
	let first = || {
		assert_eq!(motion(&[Alice], &[], schedule(raise_count())), Some(Err(BadOrigin.into())));
		assert_eq!(pallet_scheduler::Agenda::<Runtime>::iter().count(), 0);
		let call = schedule(raise_count());
		let proposal_hash = <Runtime as frame_system::Config>::Hashing::hash_of(&call);
		let (length, weight) = (call.encoded_size() as u32, call.get_dispatch_info().call_weight);
		assert_ok!(Council::propose(signed(Alice), 2, Box::new(call), length));
		assert_ok!(Council::vote(signed(Alice), proposal_hash, 0, true));
		assert_ok!(Council::vote(signed(Bob), proposal_hash, 0, false));
		let too_early = pallet_collective::Error::<Runtime, CouncilInstance>::TooEarly;
		assert_err_ignore_postinfo!(Council::close(signed(Alice), proposal_hash, 0, weight, length), too_early);
		assert_ok!(Council::vote(signed(Charlie), proposal_hash, 0, false));
		assert_ok!(Council::close(signed(Alice), proposal_hash, 0, weight, length));
	};
	local(DELAY + 2, first, || assert_eq!(validator_count(), 10));
}

#[test]
fn who_does_not_vote_has_not_agreed_whatever_the_prime_member_says() {
	network(LOCAL_TESTNET).execute_with(|| {
		System::set_block_number(1);
		pallet_collective::Prime::<Runtime, CouncilInstance>::put(account(Alice));
		let proposal_hash = <Runtime as frame_system::Config>::Hashing::hash_of(&suspend());
		let (length, weight) = (suspend().encoded_size() as u32, suspend().get_dispatch_info().call_weight);
		assert_ok!(Council::propose(signed(Alice), 2, Box::new(suspend()), length));
		assert_ok!(Council::vote(signed(Alice), proposal_hash, 0, true));
		System::set_block_number(2 + 3 * DAY);
		assert_ok!(Council::close(signed(Alice), proposal_hash, 0, weight, length));
		System::assert_last_event(pallet_collective::Event::Disapproved { proposal_hash }.into());
		assert!(!Models::is_suspended(&models::common_lingua().revision.id()));
	});
}

#[test]
fn a_motion_with_enough_votes_is_done_by_root_when_the_delay_is_over_and_not_before() {
	let first = || assert_eq!(motion(&[Alice, Bob], &[], schedule(raise_count())), Some(Ok(())));
	local(DELAY, first, || {
		assert_eq!(validator_count(), 10);
		run(DELAY + 1, DELAY + 1);
		assert_eq!(validator_count(), 7);
	});
}

#[test]
fn a_call_that_is_cancelled_in_the_meantime_never_runs() {
	let first = || assert_eq!(motion(&[Alice, Bob], &[], schedule(raise_count())), Some(Ok(())));
	local(DELAY - 1, first, || {
		block(DELAY, Bob, || {
			assert_eq!(motion(&[Charlie], &[], cancel(raise_count())), Some(Err(BadOrigin.into())));
			assert_eq!(motion(&[Charlie, Bob], &[], cancel(raise_count())), Some(Ok(())));
		});
		run(DELAY + 1, 2 * DELAY);
		assert_eq!(validator_count(), 10);
	});
}

#[test]
fn the_heaviest_call_that_can_be_scheduled_is_made() {
	let writes = |items: u32| -> RuntimeCall {
		let items = (0..items).map(|item| (item.encode(), vec![7])).collect();
		frame_system::Call::set_storage { items }.into()
	};
	let is_too_heavy =
		|items: &u32| writes(*items).get_dispatch_info().call_weight.any_gt(MaxScheduledCallWeight::get());
	let first_too_heavy = (0..100_000).step_by(10).find(is_too_heavy).expect("there is one");
	let first = || {
		let too_heavy = pallet_timelock::Error::<Runtime>::TooHeavy;
		assert_eq!(motion(&[Alice, Bob], &[], schedule(writes(first_too_heavy))), Some(Err(too_heavy.into())));
		assert_eq!(motion(&[Alice, Bob], &[], schedule(writes(first_too_heavy - 10))), Some(Ok(())));
		assert_eq!(pallet_preimage::PreimageFor::<Runtime>::iter().count(), 1);
	};
	local(DELAY + 1, first, || {
		assert_eq!(sp_io::storage::get(&(first_too_heavy - 11).encode()).map(|value| value.to_vec()), Some(vec![7]));
		assert_eq!(pallet_preimage::PreimageFor::<Runtime>::iter().count(), 0);
	});
}

#[test]
fn an_upgrade_is_authorized_by_its_hash_after_the_delay() {
	let code_hash = Hash::repeat_byte(7);
	let upgrade = || frame_system::Call::authorize_upgrade { code_hash };
	let first = || assert_eq!(motion(&[Alice, Bob], &[], schedule(upgrade())), Some(Ok(())));
	local(DELAY, first, || {
		assert!(System::authorized_upgrade().is_none());
		run(DELAY + 1, DELAY + 1);
		assert_eq!(System::authorized_upgrade().map(|upgrade| *upgrade.code_hash()), Some(code_hash));
		let other = frame_system::Call::apply_authorized_upgrade { code: vec![7] };
		assert_eq!(dispatch(other, signed(Alice)), Err(frame_system::Error::<Runtime>::Unauthorized.into()));
	});
}

#[test]
fn members_come_and_go_by_the_councils_decision_after_the_delay() {
	let swap = || pallet_membership::Call::<Runtime, CouncilInstance>::swap_member {
		remove: account(Charlie).into(),
		add: account(Eve).into(),
	};
	let first = || assert_eq!(motion(&[Alice, Bob], &[], schedule(swap())), Some(Ok(())));
	local(DELAY + 1, first, || {
		block(DELAY + 2, Alice, || {
			let not_member = pallet_collective::Error::<Runtime, CouncilInstance>::NotMember;
			let length = suspend().encoded_size() as u32;
			assert_noop!(Council::propose(signed(Charlie), 2, Box::new(suspend()), length), not_member);
			assert_eq!(motion(&[Eve, Bob], &[], suspend()), Some(Ok(())));
		});
	});
}

#[test]
fn how_many_must_agree_is_two_thirds_more_than_half_or_more_than_a_third() {
	let may = |may: fn(RuntimeOrigin) -> bool, yes, of| may(members(yes, of));
	let schedules = |origin| <Runtime as pallet_timelock::Config>::ScheduleOrigin::ensure_origin(origin).is_ok();
	let hurries = |origin| <Runtime as pallet_timelock::Config>::UrgentOrigin::ensure_origin(origin).is_ok();
	let cancels = |origin| <Runtime as pallet_timelock::Config>::CancelOrigin::ensure_origin(origin).is_ok();
	let voids = |origin| <Runtime as pallet_treasury::Config>::RejectOrigin::ensure_origin(origin).is_ok();
	let suspends = |origin| <Runtime as pallet_models::Config>::SuspendOrigin::ensure_origin(origin).is_ok();
	let ends = |origin| <Runtime as pallet_inference::Config>::CancelOrigin::ensure_origin(origin).is_ok();
	let enters = |origin| <Runtime as pallet_safe_mode::Config>::ForceEnterOrigin::ensure_origin(origin).is_ok();
	let extends = |origin| <Runtime as pallet_safe_mode::Config>::ForceExtendOrigin::ensure_origin(origin).is_ok();
	let leaves = |origin| <Runtime as pallet_safe_mode::Config>::ForceExitOrigin::ensure_origin(origin).is_ok();
	for of in 1..=21 {
		for yes in 0..=of {
			assert_eq!(may(schedules, yes, of), 3 * yes >= 2 * of, "{yes} of {of}");
			assert_eq!(may(hurries, yes, of), 3 * yes >= 2 * of, "{yes} of {of}");
			assert_eq!(may(cancels, yes, of), 3 * yes > of, "{yes} of {of}");
			assert_eq!(may(cancels, yes, of), !may(schedules, of - yes, of), "who cancels could have voted it down");
			assert_eq!(may(voids, yes, of), 3 * yes > of, "{yes} of {of}");
			for fast in [suspends, ends, enters, extends, leaves] as [fn(_) -> _; 5] {
				assert_eq!(may(fast, yes, of), 2 * yes > of, "{yes} of {of}");
			}
		}
	}
}

#[test]
fn a_majority_suspends_and_resumes_a_model_at_once() {
	let model = models::common_lingua().revision.id();
	let first = || {
		assert_eq!(motion(&[Alice], &[], suspend()), Some(Err(BadOrigin.into())));
		assert_eq!(motion(&[Alice, Bob], &[Charlie], suspend()), Some(Ok(())));
		assert!(Models::is_suspended(&model));
		assert_eq!(motion(&[Alice, Bob], &[Charlie], resume()), Some(Ok(())));
		assert!(!Models::is_suspended(&model));
	};
	local(1, first, || {});
}

#[test]
fn a_majority_ends_a_job_at_once() {
	let first = || {
		submit(Seats::All);
		let held = Balances::reserved_balance(account(Ferdie));
		assert!(held > 0);
		assert_eq!(motion(&[Alice, Bob], &[], pallet_inference::Call::cancel { job: 0 }), Some(Ok(())));
		assert_eq!(Balances::reserved_balance(account(Ferdie)), 0);
	};
	local(1, first, || assert!(!pallet_inference::OpenJobs::<Runtime>::contains_key(0)));
}

#[test]
fn two_thirds_cancel_a_deferred_slash_at_once_and_hurry_nothing_else() {
	let urgent =
		|call: pallet_staking::Call<Runtime>| pallet_timelock::Call::make_urgent_call { call: Box::new(call.into()) };
	let forgive = || pallet_staking::Call::cancel_deferred_slash { era: 1, slash_indices: vec![0] };
	let slashes = || pallet_staking::UnappliedSlashes::<Runtime>::get(1).len();
	let first = || {
		let slash = pallet_staking::UnappliedSlash::default_from(account(Bob));
		pallet_staking::UnappliedSlashes::<Runtime>::insert(1, vec![slash]);
		assert_eq!(motion(&[Alice], &[], urgent(forgive())), Some(Err(BadOrigin.into())));
		assert_eq!(motion(&[Alice, Bob], &[], forgive()), Some(Err(BadOrigin.into())), "staking knows root alone");
		assert_eq!(slashes(), 1);
		assert_eq!(motion(&[Alice, Bob], &[], urgent(forgive())), Some(Ok(())));
		assert_eq!(slashes(), 0);
		let slash = pallet_staking::Call::manual_slash {
			validator_stash: account(Dave),
			era: 0,
			slash_fraction: Perbill::one(),
		};
		let not_urgent = pallet_timelock::Error::<Runtime>::NotUrgent;
		assert_eq!(motion(&[Alice, Bob, Charlie], &[], urgent(slash)), Some(Err(not_urgent.into())));
	};
	local(1, first, || {});
}

#[test]
fn the_safe_mode_stops_transfers_and_jobs_and_nothing_that_blocks_and_decisions_need() {
	let filtered = DispatchError::from(frame_system::Error::<Runtime>::CallFiltered);
	let empty_include = || pallet_inference::Call::include { ballots: Default::default() };
	let first = || {
		assert_eq!(motion(&[Alice, Bob], &[], schedule(raise_count())), Some(Ok(())));
		assert_eq!(motion(&[Alice, Bob], &[], pallet_safe_mode::Call::force_enter {}), Some(Ok(())));
	};
	local(1, first, || {
		block(2, Bob, || {
			// The block's own call of `timestamp.set` went through too.
			apply(empty_include().into());
			let batch = pallet_utility::Call::batch { calls: vec![transfer()] };
			for call in [transfer(), batch.into(), pallet_staking::Call::chill {}.into(), spend(SIB)] {
				assert_eq!(dispatch(call, signed(Alice)), Err(filtered));
			}
			assert_eq!(motion(&[Alice, Bob], &[], suspend()), Some(Ok(())));
			assert_eq!(motion(&[Alice, Charlie], &[], pallet_safe_mode::Call::force_extend {}), Some(Ok(())));
			let call = Box::new(frame_system::Call::remark { remark: vec![] }.into());
			assert_ok!(dispatch(pallet_sudo::Call::sudo { call }, signed(Alice)));
			let keys = SessionKeys::decode(&mut &[7; 128][..]).expect("any bytes are keys");
			let set_keys = pallet_session::Call::set_keys { keys, proof: vec![] };
			assert_ne!(dispatch(set_keys, signed(Alice)), Err(filtered));
		});
		run(3, DELAY + 1);
		assert_eq!(validator_count(), 7, "what waited is done");
		block(DELAY + 2, Alice, || {
			assert_eq!(motion(&[Bob, Charlie], &[], pallet_safe_mode::Call::force_exit {}), Some(Ok(())));
			assert_ok!(dispatch(transfer(), signed(Alice)));
		});
	});
}

#[test]
fn the_safe_mode_ends_by_itself_after_a_day() {
	let first = || {
		assert_eq!(motion(&[Alice, Bob], &[], pallet_safe_mode::Call::force_enter {}), Some(Ok(())));
		assert_eq!(pallet_safe_mode::EnteredUntil::<Runtime>::get(), Some(1 + DAY));
		pallet_safe_mode::EnteredUntil::<Runtime>::put(2);
	};
	local(2, first, || {
		assert!(SafeMode::is_entered());
		run(3, 3);
		assert!(!SafeMode::is_entered());
	});
}

#[test]
fn inherents_and_the_councils_calls_are_let_through_whatever_else_is_not() {
	network(LOCAL_TESTNET).execute_with(|| {
		pallet_safe_mode::EnteredUntil::<Runtime>::put(100);
		let passes = <Runtime as frame_system::Config>::BaseCallFilter::contains;
		let code = frame_system::Call::apply_authorized_upgrade { code: vec![] };
		let job = pallet_inference::Call::cancel { job: 0 };
		let close =
			pallet_collective::Call::<Runtime, CouncilInstance>::disapprove_proposal { proposal_hash: Hash::zero() };
		for call in [code.into(), job.into(), close.into(), cancel(transfer()), suspend(), resume()] {
			assert!(passes(&call), "{call:?}");
		}
		let bond = pallet_inference::Call::bond_service { amount: SIB };
		for call in [bond.into(), transfer(), frame_system::Call::remark { remark: vec![] }.into()] {
			assert!(!passes(&call), "{call:?}");
		}
	});
}

#[test]
fn the_treasury_pays_from_the_protocols_account_after_the_delay_and_leaves_what_audits_need() {
	let protocol = Inference::protocol_account();
	let fund = 1_000 * SIB;
	let first = || {
		assert_ok!(Balances::mint_into(&protocol, fund));
		assert_eq!(motion(&[Alice, Bob], &[], spend(400 * SIB)), Some(Err(BadOrigin.into())), "not without the delay");
		assert_eq!(motion(&[Alice, Bob], &[], schedule(spend(400 * SIB))), Some(Ok(())));
		assert_eq!(motion(&[Alice, Bob], &[], schedule(spend(501 * SIB))), Some(Ok(())));
	};
	local(DELAY + 1, first, || {
		block(DELAY + 2, Alice, || {
			assert_eq!(Treasury::account_id(), protocol);
			let before = (Balances::free_balance(&protocol), Balances::free_balance(account(Eve)));
			assert_ok!(dispatch(pallet_treasury::Call::payout { index: 0 }, signed(Ferdie)));
			assert_eq!(Balances::free_balance(&protocol), before.0 - 400 * SIB);
			assert_eq!(Balances::free_balance(account(Eve)), before.1 + 400 * SIB);
			let refused = pallet_treasury::Error::<Runtime>::PayoutError;
			assert_eq!(dispatch(pallet_treasury::Call::payout { index: 1 }, signed(Ferdie)), Err(refused.into()));
			assert_ok!(Balances::mint_into(&protocol, SIB));
			assert_ok!(dispatch(pallet_treasury::Call::payout { index: 1 }, signed(Ferdie)));
			assert!(Balances::free_balance(&protocol) >= AuditReserve::get());
		});
	});
}

#[test]
fn a_spend_can_be_called_back_by_those_who_could_have_voted_it_down() {
	let first = || assert_eq!(motion(&[Alice, Bob], &[], schedule(spend(SIB))), Some(Ok(())));
	local(DELAY + 1, first, || {
		block(DELAY + 2, Alice, || {
			let void = || pallet_treasury::Call::void_spend { index: 0 };
			assert_eq!(motion(&[Charlie], &[], void()), Some(Err(BadOrigin.into())));
			assert_eq!(motion(&[Charlie, Bob], &[], void()), Some(Ok(())));
			let unknown = pallet_treasury::Error::<Runtime>::InvalidIndex;
			assert_eq!(dispatch(pallet_treasury::Call::payout { index: 0 }, signed(Eve)), Err(unknown.into()));
		});
	});
}

#[test]
fn nothing_of_the_protocols_account_is_burnt_and_none_leaves_it_past_the_reserve() {
	network(LOCAL_TESTNET).execute_with(|| {
		let protocol = Inference::protocol_account();
		assert_ok!(Balances::mint_into(&protocol, 1_000 * SIB));
		let issuance = Balances::total_issuance();
		System::set_block_number(DAY);
		Treasury::on_initialize(DAY);
		assert_eq!(Balances::total_issuance(), issuance);
		let past = pallet_treasury::Call::spend_local { amount: SIB, beneficiary: account(Eve).into() };
		let none = pallet_treasury::Error::<Runtime>::TooManyApprovals;
		assert_eq!(dispatch(past, RuntimeOrigin::root()), Err(none.into()));
	});
}

#[test]
fn nobody_but_the_council_may_do_any_of_it() {
	local(
		1,
		|| {},
		|| {
			let deferred = pallet_staking::Call::cancel_deferred_slash { era: 1, slash_indices: vec![0] };
			let urgent = pallet_timelock::Call::make_urgent_call { call: Box::new(deferred.clone().into()) };
			let add = pallet_membership::Call::<Runtime, CouncilInstance>::add_member { who: account(Eve).into() };
			let upgrade = frame_system::Call::authorize_upgrade { code_hash: Hash::zero() };
			let by_root = [deferred.into(), add.into(), upgrade.into(), spend(SIB), raise_count()];
			let by_council: [RuntimeCall; 10] = [
				schedule(raise_count()),
				cancel(raise_count()),
				urgent.into(),
				suspend(),
				resume(),
				pallet_inference::Call::cancel { job: 0 }.into(),
				pallet_safe_mode::Call::force_enter {}.into(),
				pallet_safe_mode::Call::force_extend {}.into(),
				pallet_safe_mode::Call::force_exit {}.into(),
				pallet_treasury::Call::void_spend { index: 0 }.into(),
			];
			let alone: RuntimeOrigin = RawOrigin::<AccountId, CouncilInstance>::Member(account(Alice)).into();
			for outsider in [RuntimeOrigin::none(), signed(Ferdie), signed(Alice), alone, members(1, 3)] {
				for call in by_council.iter().chain(&by_root) {
					assert_eq!(dispatch(call.clone(), outsider.clone()), Err(BadOrigin.into()), "{call:?}");
				}
			}
			for call in &by_root {
				assert_eq!(dispatch(call.clone(), members(3, 3)), Err(BadOrigin.into()), "not at once: {call:?}");
			}
			let not_configured = pallet_safe_mode::Error::<Runtime>::NotConfigured;
			assert_eq!(dispatch(pallet_safe_mode::Call::enter {}, signed(Ferdie)), Err(not_configured.into()));
			let not_member = pallet_collective::Error::<Runtime, CouncilInstance>::NotMember;
			let length = suspend().encoded_size() as u32;
			assert_noop!(Council::propose(signed(Ferdie), 1, Box::new(suspend()), length), not_member);
		},
	);
}
