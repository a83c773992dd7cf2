//! # Models
//!
//! The models that the chain knows, and who registered them.
//!
//! A model is a revision: its files' hashes, the version of the engine's arithmetic, limits and goldens, which are inputs
//! whose outputs are known. Its id is the hash of all that. What it costs is its author's to change, and no part of the id.
//! The network starts with some models; anybody registers others, for a deposit. Who serves a model is the inference
//! pallet's to know.
//!
//! A model is *listed*, and takes jobs where enough validators serve it. It is *suspended* when its validators disagree so
//! much that the fault is likely its own, or by the council: it takes no jobs until the council resumes it. It is *retired*
//! by its author: it takes no more jobs, those that are open go on, and with the last job that the chain forgets the model
//! is forgotten too, and the deposit comes back.
//!
//! ## Invariants
//!
//! Checked by `try_state`:
//!
//! 1. A model's id is the hash of its revision, and its manifest is one that could be registered.
//! 2. Each model has a revision, a registration and its name, and nothing else has one of them.
//! 3. What is held of an author is the sum of its models' deposits.
//! 4. A retired model has jobs that the chain still knows.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
#[cfg(any(feature = "std", feature = "try-runtime"))]
mod invariants;
mod manifest;
mod registry;
#[cfg(test)]
mod tests;
pub mod weights;

pub use pallet::*;
pub use weights::WeightInfo;

use alloc::{boxed::Box, vec::Vec};
use sibyl_primitives::{
	model::{ModelId, ModelManifest, ModelName, ModelRevision, ModelState, Registration},
	price::ModelPrice,
	AccountId, Balance, BlockNumber,
};

/// Blocks that a model may ask for at most, for the commits of its jobs: the keys of a seat's session vote longer.
pub const MAX_COMMIT_WINDOW: BlockNumber = 20;

/// Hears when a model is forgotten.
pub trait OnForgotten {
	/// Nothing refers to the model any more. Takes constant time.
	fn on_forgotten(model: &ModelId);
}

impl OnForgotten for () {
	fn on_forgotten(_: &ModelId) {}
}

#[frame_support::pallet]
pub mod pallet {
	use super::*;
	use frame_support::{
		pallet_prelude::*,
		traits::fungible::{Inspect, MutateHold},
	};
	use frame_system::pallet_prelude::*;

	const STORAGE_VERSION: StorageVersion = StorageVersion::new(2);

	/// The pallet.
	#[pallet::pallet]
	#[pallet::storage_version(STORAGE_VERSION)]
	pub struct Pallet<T>(_);

	/// What the pallet needs from the runtime.
	#[pallet::config]
	pub trait Config: frame_system::Config<AccountId = AccountId, RuntimeEvent: From<Event<Self>>> {
		/// The token that deposits are made in.
		type Deposits: Inspect<AccountId, Balance = Balance> + MutateHold<AccountId, Reason: From<HoldReason>>;
		/// Who suspends models and resumes them.
		type SuspendOrigin: EnsureOrigin<Self::RuntimeOrigin>;
		/// Who hears when a model is forgotten.
		type OnForgotten: OnForgotten;
		/// Models that the chain knows at most.
		#[pallet::constant]
		type MaxModels: Get<u32>;
		/// What is held of an author for a model, however small its manifest is.
		#[pallet::constant]
		type DepositBase: Get<Balance>;
		/// What is held of an author for each byte of a model's manifest.
		#[pallet::constant]
		type DepositPerByte: Get<Balance>;
		/// The weights of this pallet's calls.
		type WeightInfo: WeightInfo;
	}

	/// Why tokens are held.
	#[pallet::composite_enum]
	pub enum HoldReason {
		/// The deposits of the models that an author has registered.
		ModelDeposit,
	}

	/// The models' revisions, by their hashes. The key is a hash already.
	#[pallet::storage]
	pub type Models<T> = CountedStorageMap<_, Identity, ModelId, ModelRevision>;

	/// What the chain knows of the models beside.
	#[pallet::storage]
	pub type Registrations<T> = StorageMap<_, Identity, ModelId, Registration>;

	/// The models by their names. Anybody chooses names, so they are hashed.
	#[pallet::storage]
	pub type Names<T> = StorageMap<_, Blake2_128Concat, ModelName, ModelId>;

	/// How often the list of models has changed: who follows it reads it again only then.
	#[pallet::storage]
	pub type Changes<T> = StorageValue<_, u64, ValueQuery>;

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
		/// A model was registered. It takes jobs as soon as validators with enough of the stake serve it.
		ModelRegistered {
			/// The model.
			model: ModelId,
			/// Its name.
			name: ModelName,
			/// Who registered it.
			author: AccountId,
			/// What is held of the author until the model is forgotten.
			deposit: Balance,
		},
		/// A model's jobs cost something else from now on.
		PriceUpdated {
			/// The model.
			model: ModelId,
			/// What they cost.
			price: ModelPrice,
		},
		/// A model's author took it back: it takes no more jobs, and is forgotten with its last one.
		ModelRetired {
			/// The model.
			model: ModelId,
		},
		/// Nothing refers to a retired model any more: its name is free, and its deposit is back.
		ModelForgotten {
			/// The model.
			model: ModelId,
			/// What its author got back.
			deposit: Balance,
		},
	}

	/// Why a call is refused.
	#[pallet::error]
	pub enum Error<T> {
		/// The chain knows no such model: `inference_listModels` lists those there are.
		UnknownModel,
		/// The model is registered already: its price is changed by `updatePrice`.
		AlreadyRegistered,
		/// As many models are registered as the chain takes.
		TooManyModels,
		/// A name is 2 to 64 of a-z, 0-9, `-`, `.` and `_`, and begins with a letter or a digit.
		NameInvalid,
		/// Another model has this name: choose another one.
		NameTaken,
		/// One of the manifest's texts is no UTF-8, or is empty.
		TextInvalid,
		/// A model has at least one file, a file has at least one byte, and no two of its files are the same.
		FilesInvalid,
		/// A model has at least one golden, and no two goldens have one input.
		GoldensInvalid,
		/// The limits are none that a job can have: 1 to 8192 bytes of input, at most 1024 units of output, and a context of at
		/// least one unit.
		LimitsInvalid,
		/// The commit window is more than 20 blocks.
		WindowTooLong,
		/// A model's base price is at least 1, and its author's share at most 20 of a hundred.
		PriceInvalid,
		/// The account can't pay the deposit: `depositBase`, and `depositPerByte` for each byte of the encoded manifest.
		DepositTooHigh,
		/// Only the model's author may do that.
		NotItsAuthor,
		/// The model is retired.
		ModelRetired,
	}

	/// The models that the network starts with.
	#[pallet::genesis_config]
	#[derive(frame_support::DefaultNoBound)]
	pub struct GenesisConfig<T: Config> {
		/// Their manifests. They have no authors.
		pub models: Vec<ModelManifest>,
		#[serde(skip)]
		#[doc(hidden)]
		pub _config: core::marker::PhantomData<T>,
	}

	#[pallet::genesis_build]
	impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
		fn build(&self) {
			for manifest in &self.models {
				if let Err(error) = Pallet::<T>::enter(None, manifest.clone()) {
					panic!("the genesis names a model that the chain can't take: {error:?}");
				}
			}
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
		/// Stop a model: it takes no jobs, and its open ones end with a full refund. Origin: the council.
		#[pallet::call_index(0)]
		#[pallet::weight(<T as Config>::WeightInfo::suspend())]
		pub fn suspend(origin: OriginFor<T>, model: ModelId) -> DispatchResult {
			T::SuspendOrigin::ensure_origin(origin)?;
			Self::change_state(&model, ModelState::Suspended)
		}

		/// Let a model take jobs again. Origin: the council.
		#[pallet::call_index(1)]
		#[pallet::weight(<T as Config>::WeightInfo::resume())]
		pub fn resume(origin: OriginFor<T>, model: ModelId) -> DispatchResult {
			T::SuspendOrigin::ensure_origin(origin)?;
			Self::change_state(&model, ModelState::Listed)
		}

		/// Register a model. Origin: signed, by its author.
		///
		/// A deposit is held until the model is retired and its last job is forgotten. `sibyl-node models manifest FILE` makes
		/// a manifest. The model takes jobs as soon as validators with enough of the stake have its files and reproduce its
		/// goldens. The author gets its share of each job that is paid.
		#[pallet::call_index(2)]
		#[pallet::weight(<T as Config>::WeightInfo::register(manifest.encoded_size() as u32))]
		pub fn register(origin: OriginFor<T>, manifest: Box<ModelManifest>) -> DispatchResult {
			let author = ensure_signed(origin)?;
			Self::enter(Some(author), *manifest)
		}

		/// Change what a model's jobs cost. Jobs that are open cost what they did when they were submitted. Origin: signed, by
		/// the model's author.
		#[pallet::call_index(3)]
		#[pallet::weight(<T as Config>::WeightInfo::update_price())]
		pub fn update_price(origin: OriginFor<T>, model: ModelId, price: ModelPrice) -> DispatchResult {
			let author = ensure_signed(origin)?;
			Self::do_update_price(&author, model, price)
		}

		/// Take a model back: it takes no more jobs. Those that are open go on, and when the chain has forgotten the last one,
		/// hours after its end, the model is forgotten and the deposit comes back. Origin: signed, by the model's author.
		#[pallet::call_index(4)]
		#[pallet::weight(<T as Config>::WeightInfo::retire())]
		pub fn retire(origin: OriginFor<T>, model: ModelId) -> DispatchResult {
			let author = ensure_signed(origin)?;
			Self::do_retire(&author, model)
		}
	}
}
