//! What the pallet's calls weigh.

use super::*;
use alloc::vec;
use frame_benchmarking::v2::*;
use frame_support::traits::{fungible::Mutate, Get};
use frame_system::RawOrigin;
use sibyl_primitives::{
	input::MAX_INPUT_BYTES,
	model::{Golden, ModelFile, ModelLimits, Task, MAX_GOLDEN_BYTES},
	Hash,
};
use sp_runtime::Percent;

const PRICE: ModelPrice = ModelPrice { base: 1, unit: 1, author_share: Percent::from_percent(20) };

/// A manifest whose goldens have so many bytes together.
fn manifest(golden_bytes: u32) -> ModelManifest {
	let file = |number: u8| ModelFile {
		name: "weights".try_into().expect("it fits"),
		size: 1,
		sha256: Hash::repeat_byte(number),
		chunk_root: Hash::zero(),
	};
	let golden = |number: u32| {
		let bytes = (golden_bytes / 8).clamp(1, MAX_GOLDEN_BYTES) as usize;
		let input = alloc::string::String::from_utf8(vec![b'a' + number as u8; bytes]).expect("these are letters");
		Golden { input: input.as_str().try_into().expect("it fits"), output_hash: Hash::zero(), trace: Hash::zero() }
	};
	let revision = ModelRevision {
		name: "benchmark".try_into().expect("it fits"),
		task: Task::Classify,
		architecture: "benchmark".try_into().expect("it fits"),
		files: (0..4).map(file).collect::<Vec<_>>().try_into().expect("they fit"),
		semantics: 1,
		limits: ModelLimits { input_bytes: MAX_INPUT_BYTES, context_units: MAX_INPUT_BYTES, output_units: 0 },
		commit_window: 12,
		goldens: (0..8).map(golden).collect::<Vec<_>>().try_into().expect("they fit"),
		licence: "Apache-2.0".try_into().expect("it fits"),
	};
	ModelManifest { revision, price: PRICE }
}

fn author<T: Config>() -> AccountId
where
	T::Deposits: Mutate<AccountId>,
{
	let author: AccountId = whitelisted_caller();
	T::Deposits::set_balance(&author, T::DepositBase::get().saturating_mul(1_000));
	author
}

/// A registered model with the largest manifest, and its author.
fn model<T: Config>() -> (ModelId, AccountId)
where
	T::Deposits: Mutate<AccountId>,
{
	let (manifest, author) = (manifest(8 * MAX_GOLDEN_BYTES), author::<T>());
	let id = manifest.revision.id();
	Pallet::<T>::enter(Some(author.clone()), manifest).expect("it can be registered");
	(id, author)
}

#[benchmarks(where T::Deposits: Mutate<AccountId>)]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn suspend() {
		let (id, _) = model::<T>();

		#[block]
		{
			Pallet::<T>::change_state(&id, ModelState::Suspended).expect("it is known");
		}

		assert!(Pallet::<T>::is_suspended(&id));
	}

	#[benchmark]
	fn resume() {
		let (id, _) = model::<T>();
		Pallet::<T>::do_suspend(&id);

		#[block]
		{
			Pallet::<T>::change_state(&id, ModelState::Listed).expect("it is known");
		}

		assert!(!Pallet::<T>::is_suspended(&id));
	}

	#[benchmark]
	fn register(b: Linear<8, 2048>) {
		let (manifest, author) = (manifest(b), author::<T>());
		let id = manifest.revision.id();

		#[extrinsic_call]
		_(RawOrigin::Signed(author), Box::new(manifest));

		assert!(Models::<T>::contains_key(id));
	}

	#[benchmark]
	fn update_price() {
		let (id, author) = model::<T>();

		#[extrinsic_call]
		_(RawOrigin::Signed(author), id, ModelPrice { base: 2, ..PRICE });

		assert_eq!(Registrations::<T>::get(id).map(|registration| registration.price.base), Some(2));
	}

	#[benchmark]
	fn retire() {
		let (id, author) = model::<T>();

		#[extrinsic_call]
		_(RawOrigin::Signed(author), id);

		assert!(!Models::<T>::contains_key(id));
	}

	#[benchmark]
	fn forget() {
		let (id, author) = model::<T>();
		Pallet::<T>::add_job(&id);
		Pallet::<T>::do_retire(&author, id).expect("it is the author's");

		#[block]
		{
			Pallet::<T>::remove_job(&id);
		}

		assert!(!Models::<T>::contains_key(id));
	}

	impl_benchmark_test_suite!(Pallet, crate::tests::network(Vec::new()), crate::tests::Test);
}
