//! What the pallet's calls weigh.

use super::*;
use alloc::vec;
use frame_benchmarking::v2::*;
use frame_system::RawOrigin;
use sibyl_primitives::{
	model::{Golden, ModelFile, ModelLimits, Task},
	price::ModelPrice,
	Hash,
};

fn model<T: Config>() -> ModelId {
	let file = ModelFile {
		name: "weights".try_into().expect("it fits"),
		size: 1,
		sha256: Hash::zero(),
		chunk_root: Hash::zero(),
	};
	let golden = Golden { input: "text".try_into().expect("it fits"), output_hash: Hash::zero(), trace: Hash::zero() };
	let revision = ModelRevision {
		name: "benchmark".try_into().expect("it fits"),
		task: Task::Classify,
		architecture: "benchmark".try_into().expect("it fits"),
		files: vec![file; 4].try_into().expect("they fit"),
		semantics: 1,
		limits: ModelLimits { input_bytes: MAX_INPUT_BYTES, context_units: MAX_INPUT_BYTES, output_units: 0 },
		commit_window: 12,
		price: ModelPrice { base: 1, unit: 1 },
		goldens: vec![golden; 8].try_into().expect("they fit"),
	};
	let id = revision.id();
	Models::<T>::insert(id, revision);
	id
}

#[benchmarks]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn suspend() {
		let id = model::<T>();

		#[extrinsic_call]
		_(RawOrigin::Root, id);

		assert!(Pallet::<T>::is_suspended(&id));
	}

	#[benchmark]
	fn resume() {
		let id = model::<T>();
		Pallet::<T>::do_suspend(id);

		#[extrinsic_call]
		_(RawOrigin::Root, id);

		assert!(!Pallet::<T>::is_suspended(&id));
	}
}
