//! The pallets whose weights can be measured: see `make weights`.

use crate::{AllPalletsWithSystem, Balances, Feeds, Inference, Models, Sudo, Timelock, Timestamp, Utility};
use alloc::{string::String, vec::Vec};
use frame_benchmarking::{BenchmarkBatch, BenchmarkConfig, BenchmarkList};
use frame_support::traits::{StorageInfo, StorageInfoTrait, WhitelistedStorageKeys};

frame_benchmarking::define_benchmarks!(
	[pallet_balances, Balances]
	[pallet_feeds, Feeds]
	[pallet_inference, Inference]
	[pallet_models, Models]
	[pallet_sudo, Sudo]
	[pallet_timelock, Timelock]
	[pallet_timestamp, Timestamp]
	[pallet_utility, Utility]
);

/// Which benchmarks there are, and what storage the pallets have.
pub fn metadata(extra: bool) -> (Vec<BenchmarkList>, Vec<StorageInfo>) {
	let mut list = Vec::new();
	list_benchmarks!(list, extra);
	(list, AllPalletsWithSystem::storage_info())
}

/// Runs the benchmarks that the configuration names.
pub fn dispatch(config: BenchmarkConfig) -> Result<Vec<BenchmarkBatch>, String> {
	let whitelist = AllPalletsWithSystem::whitelisted_storage_keys();
	let mut batches = Vec::new();
	let params = (&config, &whitelist);
	add_benchmarks!(params, batches);
	Ok(batches)
}
