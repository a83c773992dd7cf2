//! # Models
//!
//! The models that the chain knows.
//!
//! A model is a revision: its files' hashes, the version of the engine's arithmetic, limits, price and goldens, which are
//! inputs whose outputs are known. Its id is the hash of all that. Models are entered at genesis; registration by users
//! comes with the full registry. Who serves a model is the inference pallet's to know.
//!
//! A model is *suspended* when its validators disagree so much that the fault is likely its own, or by the chain's council:
//! it takes no jobs until the council resumes it.
//!
//! ## Invariants
//!
//! Checked by `try_state`:
//!
//! 1. A model's id is the hash of its revision, and its limits are within the chain's.
//! 2. Each suspended model is one that the chain knows.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
#[cfg(test)]
mod tests;
pub mod weights;

use alloc::vec::Vec;
use frame_support::ensure;
use sibyl_primitives::{
	input::MAX_INPUT_BYTES,
	job::MAX_OUTPUT_BYTES,
	model::{ModelId, ModelRevision, MAX_MODELS},
	output::MAX_TOKENS,
	AccountId, BlockNumber,
};

pub use pallet::*;
pub use weights::WeightInfo;

/// Blocks that a model may ask for at most, for the commits of its jobs: the keys of a seat's session vote longer.
pub const MAX_COMMIT_WINDOW: BlockNumber = 20;

#[frame_support::pallet]
pub mod pallet {
	use super::*;
	use frame_support::pallet_prelude::*;
	use frame_system::pallet_prelude::*;

	const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

	/// The pallet.
	#[pallet::pallet]
	#[pallet::storage_version(STORAGE_VERSION)]
	pub struct Pallet<T>(_);

	/// What the pallet needs from the runtime.
	#[pallet::config]
	pub trait Config: frame_system::Config<AccountId = AccountId, RuntimeEvent: From<Event<Self>>> {
		/// Who can suspend and resume models.
		type SuspendOrigin: EnsureOrigin<Self::RuntimeOrigin>;
		/// The weights of this pallet's calls.
		type WeightInfo: WeightInfo;
	}

	/// The models, by the hash of their revision. The key is a hash already.
	#[pallet::storage]
	pub type Models<T> = CountedStorageMap<_, Identity, ModelId, ModelRevision>;

	/// The models that take no jobs.
	#[pallet::storage]
	pub type Suspended<T> = StorageMap<_, Identity, ModelId, ()>;

	/// What happens to models.
	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config> {
		/// A model takes no jobs any more; its open jobs end with a full refund.
		ModelSuspended {
			/// The model.
			model: ModelId,
		},
		/// A model takes jobs again.
		ModelResumed {
			/// The model.
			model: ModelId,
		},
	}

	/// Why a model can't be changed.
	#[pallet::error]
	pub enum Error<T> {
		/// The chain knows no such model: `inference_listModels` lists those there are.
		UnknownModel,
	}

	/// The models that the network starts with.
	#[pallet::genesis_config]
	#[derive(frame_support::DefaultNoBound)]
	pub struct GenesisConfig<T: Config> {
		/// Their revisions.
		pub models: Vec<ModelRevision>,
		#[serde(skip)]
		#[doc(hidden)]
		pub _config: core::marker::PhantomData<T>,
	}

	#[pallet::genesis_build]
	impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
		fn build(&self) {
			for revision in &self.models {
				Pallet::<T>::ensure_usable(revision).expect("the genesis names models that the chain can use");
				assert!(!Models::<T>::contains_key(revision.id()), "the genesis names a model twice");
				Models::<T>::insert(revision.id(), revision);
			}
			assert!(Models::<T>::count() <= MAX_MODELS, "the genesis names more models than the chain takes");
		}
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		#[cfg(feature = "try-runtime")]
		fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::check_invariants().map_err(Into::into)
		}
	}

	#[pallet::call]
	impl<T: Config> Pallet<T> {
		/// Stop a model: it takes no jobs, and its open ones end with a full refund. Origin: `SuspendOrigin`, most of the
		/// council or root.
		#[pallet::call_index(0)]
		#[pallet::weight(<T as Config>::WeightInfo::suspend())]
		pub fn suspend(origin: OriginFor<T>, model: ModelId) -> DispatchResult {
			T::SuspendOrigin::ensure_origin(origin)?;
			ensure!(Models::<T>::contains_key(model), Error::<T>::UnknownModel);
			Self::do_suspend(model);
			Ok(())
		}

		/// Let a model take jobs again. Origin: `SuspendOrigin`, most of the council or root.
		#[pallet::call_index(1)]
		#[pallet::weight(<T as Config>::WeightInfo::resume())]
		pub fn resume(origin: OriginFor<T>, model: ModelId) -> DispatchResult {
			T::SuspendOrigin::ensure_origin(origin)?;
			ensure!(Models::<T>::contains_key(model), Error::<T>::UnknownModel);
			if Suspended::<T>::take(model).is_some() {
				Self::deposit_event(Event::ModelResumed { model });
			}
			Ok(())
		}
	}
}

impl<T: Config> Pallet<T> {
	/// The model's revision, where the chain knows it.
	pub fn revision(model: &ModelId) -> Option<ModelRevision> {
		Models::<T>::get(model)
	}

	/// Whether the model takes no jobs.
	pub fn is_suspended(model: &ModelId) -> bool {
		Suspended::<T>::contains_key(model)
	}

	/// Lets the model take no jobs until it is resumed.
	pub fn do_suspend(model: ModelId) {
		if !Self::is_suspended(&model) {
			Suspended::<T>::insert(model, ());
			Self::deposit_event(Event::ModelSuspended { model });
		}
	}

	/// Whether jobs can be run on this revision.
	fn ensure_usable(revision: &ModelRevision) -> Result<(), &'static str> {
		ensure!(!revision.files.is_empty(), "models: a model has no file");
		ensure!(!revision.goldens.is_empty(), "models: a model has no golden");
		ensure!(
			(1..=MAX_INPUT_BYTES).contains(&revision.limits.input_bytes),
			"models: a model takes no input, or more than a job's"
		);
		ensure!(revision.limits.output_units <= MAX_TOKENS, "models: a model gives more output than a job's");
		ensure!(revision.limits.output_units <= MAX_OUTPUT_BYTES, "models: a model gives more output than a job's");
		ensure!(revision.price.base > 0, "models: a model's jobs cost nothing");
		ensure!(
			revision.commit_window <= MAX_COMMIT_WINDOW,
			"models: a model asks for more blocks than the keys of its seats vote"
		);
		Ok(())
	}

	/// Checks the invariants of the pallet's docs; says which does not hold.
	#[cfg(any(feature = "std", feature = "try-runtime"))]
	pub fn check_invariants() -> Result<(), &'static str> {
		for (id, revision) in Models::<T>::iter() {
			ensure!(id == revision.id(), "models 1: an id is not the hash of its revision");
			Self::ensure_usable(&revision)?;
		}
		ensure!(Suspended::<T>::iter_keys().all(Models::<T>::contains_key), "models 2: an unknown model is suspended");
		Ok(())
	}
}
