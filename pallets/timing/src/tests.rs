use crate::{self as pallet_timing, EpochDuration, SessionsPerEra};
use frame_support::{derive_impl, traits::Get};
use sp_runtime::BuildStorage;

type Block = frame_system::mocking::MockBlock<Test>;

frame_support::construct_runtime!(
	pub enum Test {
		System: frame_system,
		Timing: pallet_timing,
	}
);

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
	type Block = Block;
}

impl pallet_timing::Config for Test {}

fn started_with(epoch_duration: Option<u64>, sessions_per_era: Option<u32>) -> sp_io::TestExternalities {
	let timing = pallet_timing::GenesisConfig { epoch_duration, sessions_per_era, ..Default::default() };
	RuntimeGenesisConfig { timing, ..Default::default() }
		.build_storage()
		.expect("the storage of a valid genesis builds")
		.into()
}

#[test]
fn genesis_values_are_what_the_other_pallets_read() {
	started_with(Some(20), Some(2)).execute_with(|| {
		assert_eq!(EpochDuration::<Test>::get(), 20);
		assert_eq!(SessionsPerEra::<Test>::get(), 2);
	});
}

#[test]
fn absent_values_mean_the_defaults() {
	started_with(None, None).execute_with(|| {
		assert_eq!(EpochDuration::<Test>::get(), 200);
		assert_eq!(SessionsPerEra::<Test>::get(), 6);
	});
}

#[test]
#[should_panic(expected = "the epoch is shorter than four slots")]
fn a_genesis_with_an_epoch_too_short_to_run_on_is_refused() {
	started_with(Some(3), Some(2));
}

#[test]
#[should_panic(expected = "an era has no session")]
fn a_genesis_with_an_era_without_sessions_is_refused() {
	started_with(Some(20), Some(0));
}
