//! What holds after every block.

use crate::{
	configs::system::RuntimeBlockWeights, AllPalletsWithSystem, Balance, Balances, Runtime, RuntimeEvent, System,
};
use frame_support::{
	dispatch::DispatchClass,
	traits::{TryState, TryStateSelect},
};
use log::{Level, LevelFilter, Log, Metadata, Record};
use std::cell::RefCell;

thread_local! {
	static HEARD: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Hears what `defensive!` says, with which only pallets of this repository panic in tests, and what is wrong with a state.
struct Alarms;

impl Log for Alarms {
	fn enabled(&self, metadata: &Metadata<'_>) -> bool {
		metadata.level() == Level::Error
	}

	fn log(&self, record: &Record<'_>) {
		if record.level() == Level::Error {
			HEARD.with_borrow_mut(|heard| heard.push(record.args().to_string()));
		}
	}

	fn flush(&self) {}
}

/// What was heard since the last block and should not be.
fn alarms() -> Vec<String> {
	HEARD.take().into_iter().filter(|line| line.contains("defensive failure")).collect()
}

pub(super) struct Checks {
	issuance: Balance,
}

impl Checks {
	pub(super) fn new() -> Self {
		static ALARMS: Alarms = Alarms;
		if log::set_logger(&ALARMS).is_ok() {
			log::set_max_level(LevelFilter::Error);
		}
		HEARD.take();
		Self { issuance: Balances::total_issuance() }
	}

	pub(super) fn after_block(&mut self, number: u32) {
		assert_eq!(alarms(), Vec::<String>::new(), "block {number}");
		AllPalletsWithSystem::try_state(number, TryStateSelect::All)
			.unwrap_or_else(|error| panic!("block {number}: {error:?}: {:?}", HEARD.take()));
		let normal = RuntimeBlockWeights::get().get(DispatchClass::Normal).max_total.expect("it has a limit");
		let weight = *System::block_weight().get(DispatchClass::Normal);
		assert!(weight.all_lte(normal), "block {number} weighs {weight:?}");
		self.check_money(number);
	}

	/// All that was issued is somebody's, and no more or less of it than events tell.
	fn check_money(&mut self, number: u32) {
		let issuance = Balances::total_issuance();
		let owned: Balance = frame_system::Account::<Runtime>::iter_values()
			.map(|account| account.data.free + account.data.reserved)
			.sum();
		assert_eq!(owned, issuance, "block {number}");
		let (mut made, mut lost) = (0, 0);
		for record in System::read_events_no_consensus() {
			match record.event {
				RuntimeEvent::Staking(pallet_staking::Event::Rewarded { amount, .. }) => made += amount,
				RuntimeEvent::Staking(pallet_staking::Event::Slashed { amount, .. }) => lost += amount,
				RuntimeEvent::Balances(pallet_balances::Event::DustLost { amount, .. }) => lost += amount,
				RuntimeEvent::Balances(pallet_balances::Event::Burned { amount, .. }) => lost += amount,
				_ => {}
			}
		}
		assert_eq!(issuance, self.issuance + made - lost, "block {number}: {made} made, {lost} lost");
		self.issuance = issuance;
	}
}
