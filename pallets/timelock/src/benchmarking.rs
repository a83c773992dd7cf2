//! What the pallet's calls weigh.

use super::*;
use alloc::{boxed::Box, vec};
use frame_benchmarking::v2::*;
use frame_support::traits::{EnsureOrigin, Get};
use frame_system::{pallet_prelude::OriginFor, Call as SystemCall};
use sp_runtime::traits::Hash as _;

fn remark<T: Config>(number: u32, bytes: u32) -> Box<CallOf<T>>
where
	CallOf<T>: From<SystemCall<T>>,
{
	let mut remark = vec![0; bytes as usize];
	remark.iter_mut().zip(number.to_le_bytes()).for_each(|(byte, digit)| *byte = digit);
	Box::new(SystemCall::<T>::remark { remark }.into())
}

/// As many calls in the block that the next one goes to as there can be beside it.
fn fill_agenda<T: Config>(origin: &OriginFor<T>)
where
	CallOf<T>: From<SystemCall<T>>,
{
	let mut number = 0;
	// Long ones, so that each has a preimage.
	while Pallet::<T>::schedule(origin.clone(), remark::<T>(number, 200)).is_ok() {
		number += 1;
	}
	if let Some(last) = number.checked_sub(1) {
		let hash = T::Hashing::hash_of(&remark::<T>(last, 200));
		let origin = T::CancelOrigin::try_successful_origin().unwrap_or_else(|_| frame_system::RawOrigin::Root.into());
		Pallet::<T>::cancel(origin, hash).expect("it waits");
	}
}

#[benchmarks(where CallOf<T>: From<SystemCall<T>>)]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn schedule(b: Linear<200, { 1024 * 1024 }>) -> Result<(), BenchmarkError> {
		let origin = <T as Config>::ScheduleOrigin::try_successful_origin().map_err(|_| BenchmarkError::Weightless)?;
		fill_agenda::<T>(&origin);
		let call = remark::<T>(u32::MAX, b);
		let hash = T::Hashing::hash_of(&call);

		#[extrinsic_call]
		_(origin as OriginFor<T>, call);

		assert!(is_waiting::<T>(hash));
		Ok(())
	}

	#[benchmark]
	fn cancel() -> Result<(), BenchmarkError> {
		let origin = <T as Config>::ScheduleOrigin::try_successful_origin().map_err(|_| BenchmarkError::Weightless)?;
		fill_agenda::<T>(&origin);
		let call = remark::<T>(u32::MAX, 200);
		let hash = T::Hashing::hash_of(&call);
		Pallet::<T>::schedule(origin, call)?;
		let origin = T::CancelOrigin::try_successful_origin().map_err(|_| BenchmarkError::Weightless)?;

		#[extrinsic_call]
		_(origin as OriginFor<T>, hash);

		assert!(!is_waiting::<T>(hash));
		Ok(())
	}

	#[benchmark]
	fn make_urgent_call() -> Result<(), BenchmarkError> {
		let origin = T::UrgentOrigin::try_successful_origin().map_err(|_| BenchmarkError::Weightless)?;
		let call = Box::new(T::UrgentCall::get());

		#[extrinsic_call]
		_(origin as OriginFor<T>, call);

		Ok(())
	}

	impl_benchmark_test_suite!(Pallet, crate::tests::network(Some(5)), crate::tests::Test);
}

fn is_waiting<T: Config>(hash: sibyl_primitives::Hash) -> bool {
	pallet_scheduler::Lookup::<T>::contains_key::<[u8; 32]>(hash.into())
}
