use crate::{self as pallet_timelock, Error, Event};
use codec::Encode;
use frame_support::{
	assert_noop, assert_ok, derive_impl, ord_parameter_types, parameter_types,
	traits::{Contains, EqualPrivilegeOnly, Hooks},
	weights::Weight,
};
use frame_system::{EnsureRoot, EnsureSignedBy};
use sibyl_primitives::Hash;
use sp_io::{hashing::blake2_256, TestExternalities};
use sp_runtime::{traits::BadOrigin, BuildStorage};

type Block = frame_system::mocking::MockBlock<Test>;

frame_support::construct_runtime!(
	pub enum Test {
		System: frame_system,
		Scheduler: pallet_scheduler,
		Preimage: pallet_preimage,
		Timelock: pallet_timelock,
	}
);

ord_parameter_types! {
	pub const Deciding: u64 = 1;
	pub const Cancelling: u64 = 2;
	pub const Hurrying: u64 = 3;
}

parameter_types! {
	pub const SchedulerWeight: Weight = Weight::from_parts(1_000_000_000_000, u64::MAX);
	pub const CallWeight: Weight = Weight::from_parts(500_000_000_000, u64::MAX);
}

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
	type Block = Block;
}

impl pallet_preimage::Config for Test {
	type RuntimeEvent = RuntimeEvent;
	type WeightInfo = ();
	type Currency = ();
	type ManagerOrigin = EnsureRoot<u64>;
	type Consideration = ();
}

impl pallet_scheduler::Config for Test {
	type RuntimeEvent = RuntimeEvent;
	type RuntimeOrigin = RuntimeOrigin;
	type PalletsOrigin = OriginCaller;
	type RuntimeCall = RuntimeCall;
	type MaximumWeight = SchedulerWeight;
	type ScheduleOrigin = EnsureRoot<u64>;
	type OriginPrivilegeCmp = EqualPrivilegeOnly;
	type MaxScheduledPerBlock = frame_support::traits::ConstU32<10>;
	type WeightInfo = ();
	type Preimages = Preimage;
	type BlockNumberProvider = System;
}

pub struct Urgent;
impl Contains<RuntimeCall> for Urgent {
	fn contains(call: &RuntimeCall) -> bool {
		use frame_system::Call::{apply_authorized_upgrade, kill_storage};
		matches!(call, RuntimeCall::System(kill_storage { .. } | apply_authorized_upgrade { .. }))
	}
}

#[cfg(feature = "runtime-benchmarks")]
pub struct Kill;
#[cfg(feature = "runtime-benchmarks")]
impl frame_support::traits::Get<RuntimeCall> for Kill {
	fn get() -> RuntimeCall {
		kill()
	}
}

impl crate::Config for Test {
	type ScheduleOrigin = EnsureSignedBy<Deciding, u64>;
	type CancelOrigin = EnsureSignedBy<Cancelling, u64>;
	type UrgentOrigin = EnsureSignedBy<Hurrying, u64>;
	type UrgentCalls = Urgent;
	type MaxCallWeight = CallWeight;
	type WeightInfo = ();
	#[cfg(feature = "runtime-benchmarks")]
	type UrgentCall = Kill;
}

const KEY: &[u8] = b"key";

/// Only root may do that.
fn set(bytes: usize) -> RuntimeCall {
	frame_system::Call::set_storage { items: vec![(KEY.to_vec(), vec![7; bytes])] }.into()
}

fn kill() -> RuntimeCall {
	frame_system::Call::kill_storage { keys: vec![KEY.to_vec()] }.into()
}

fn hash_of(call: &RuntimeCall) -> Hash {
	blake2_256(&call.encode()).into()
}

fn is_kept() -> bool {
	pallet_preimage::PreimageFor::<Test>::iter().next().is_some()
}

fn schedule(call: &RuntimeCall) -> sp_runtime::DispatchResult {
	Timelock::schedule(RuntimeOrigin::signed(Deciding::get()), Box::new(call.clone()))
}

fn cancel(call: &RuntimeCall) -> sp_runtime::DispatchResult {
	Timelock::cancel(RuntimeOrigin::signed(Cancelling::get()), hash_of(call))
}

fn stored() -> Option<Vec<u8>> {
	sp_io::storage::get(KEY).map(|bytes| bytes.to_vec())
}

fn run_to(number: u64) {
	while System::block_number() < number {
		System::set_block_number(System::block_number() + 1);
		Scheduler::on_initialize(System::block_number());
	}
}

/// A chain in its first block.
pub fn network(delay: Option<u32>) -> TestExternalities {
	let timelock = pallet_timelock::GenesisConfig { delay, ..Default::default() };
	let genesis = RuntimeGenesisConfig { timelock, ..Default::default() };
	let mut network: TestExternalities = genesis.build_storage().expect("a valid genesis builds").into();
	network.execute_with(|| System::set_block_number(1));
	network
}

#[test]
fn a_call_is_made_by_root_when_the_delay_is_over_and_not_before() {
	network(Some(5)).execute_with(|| {
		let call = set(1);
		assert_ok!(schedule(&call));
		System::assert_last_event(Event::CallScheduled { call_hash: hash_of(&call), at: 6 }.into());
		run_to(5);
		assert_eq!(stored(), None);
		run_to(6);
		assert_eq!(stored(), Some(vec![7]));
	});
}

#[test]
fn a_call_too_long_for_the_scheduler_is_kept_until_it_is_made_and_no_longer() {
	for is_cancelled in [false, true] {
		network(Some(5)).execute_with(|| {
			let call = set(100_000);
			assert_ok!(schedule(&call));
			assert!(is_kept());
			if is_cancelled {
				assert_ok!(cancel(&call));
			}
			run_to(6);
			assert_eq!(stored().is_some(), !is_cancelled);
			assert!(!is_kept(), "cancelled: {is_cancelled}");
			assert_eq!(pallet_preimage::RequestStatusFor::<Test>::iter().count(), 0);
		});
	}
}

#[test]
fn a_call_whose_bytes_somebody_keeps_leaves_them_there() {
	network(Some(5)).execute_with(|| {
		let call = set(100_000);
		assert_ok!(Preimage::request_preimage(RuntimeOrigin::root(), hash_of(&call)));
		assert_ok!(Preimage::note_preimage(RuntimeOrigin::root(), call.encode()));
		assert_ok!(schedule(&call));
		run_to(6);
		assert!(stored().is_some());
		assert!(is_kept());
	});
}

#[test]
fn a_call_that_is_cancelled_in_the_meantime_is_never_made() {
	network(Some(5)).execute_with(|| {
		let call = set(1);
		assert_ok!(schedule(&call));
		run_to(5);
		assert_ok!(cancel(&call));
		System::assert_last_event(Event::CallCancelled { call_hash: hash_of(&call) }.into());
		run_to(20);
		assert_eq!(stored(), None);
	});
}

#[test]
fn only_a_call_that_waits_can_be_cancelled() {
	network(Some(5)).execute_with(|| {
		let call = set(1);
		assert_noop!(cancel(&call), Error::<Test>::NotScheduled);
		assert_ok!(schedule(&call));
		run_to(6);
		assert_noop!(cancel(&call), Error::<Test>::NotScheduled);
	});
}

#[test]
fn a_call_waits_once_and_can_wait_again_when_it_was_made() {
	network(Some(5)).execute_with(|| {
		let call = set(1);
		assert_ok!(schedule(&call));
		run_to(2);
		assert_noop!(schedule(&call), Error::<Test>::AlreadyScheduled);
		run_to(6);
		assert_ok!(schedule(&call));
		System::assert_last_event(Event::CallScheduled { call_hash: hash_of(&call), at: 11 }.into());
	});
}

#[test]
fn a_call_that_no_block_has_room_for_is_refused() {
	network(Some(5)).execute_with(|| {
		let writes = |items| frame_system::Call::set_storage { items: vec![(KEY.to_vec(), vec![7]); items] }.into();
		// A write weighs a tenth of a millisecond, and half a second is what there is.
		assert_noop!(schedule(&writes(6_000)), Error::<Test>::TooHeavy);
		assert_ok!(schedule(&writes(4_000)));
		run_to(6);
		assert_eq!(stored(), Some(vec![7]));
	});
}

#[test]
fn nobody_schedules_cancels_or_hurries_but_those_who_may() {
	network(Some(5)).execute_with(|| {
		let call = set(1);
		assert_ok!(schedule(&call));
		for other in [RuntimeOrigin::root(), RuntimeOrigin::none(), RuntimeOrigin::signed(4)] {
			assert_noop!(Timelock::schedule(other.clone(), Box::new(set(2))), BadOrigin);
			assert_noop!(Timelock::cancel(other.clone(), hash_of(&call)), BadOrigin);
			assert!(Timelock::make_urgent_call(other, Box::new(kill())).is_err());
		}
		assert_noop!(Timelock::schedule(RuntimeOrigin::signed(Cancelling::get()), Box::new(set(2))), BadOrigin);
		assert_noop!(Timelock::cancel(RuntimeOrigin::signed(Deciding::get()), hash_of(&call)), BadOrigin);
		assert!(Timelock::make_urgent_call(RuntimeOrigin::signed(Deciding::get()), Box::new(kill())).is_err());
	});
}

#[test]
fn urgent_calls_are_made_at_once_and_no_others() {
	network(Some(5)).execute_with(|| {
		sp_io::storage::set(KEY, &[1]);
		let hurry = |call| Timelock::make_urgent_call(RuntimeOrigin::signed(Hurrying::get()), Box::new(call));
		assert_eq!(hurry(set(1)).map_err(|failed| failed.error), Err(Error::<Test>::NotUrgent.into()));
		assert_eq!(stored(), Some(vec![1]));
		assert_ok!(hurry(kill()));
		assert_eq!(stored(), None);
		System::assert_last_event(Event::UrgentCallMade { call_hash: hash_of(&kill()) }.into());
		let failing = frame_system::Call::apply_authorized_upgrade { code: vec![] }.into();
		let failed = hurry(failing).map_err(|failed| failed.error);
		assert_eq!(failed, Err(frame_system::Error::<Test>::NothingAuthorized.into()));
	});
}

#[test]
fn a_genesis_without_a_delay_has_two_days() {
	network(None).execute_with(|| {
		assert_ok!(schedule(&set(1)));
		System::assert_last_event(Event::CallScheduled { call_hash: hash_of(&set(1)), at: 57_601 }.into());
	});
}

#[test]
#[should_panic(expected = "the delay is less than a block")]
fn a_genesis_whose_delay_is_no_block_is_refused() {
	network(Some(0));
}
