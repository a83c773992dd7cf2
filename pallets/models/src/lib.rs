//! # Models
//!
//! The models that the chain knows, and which validators serve them.
//!
//! A model is a revision: its files' hashes, the version of the engine's arithmetic, limits, price and goldens, which are
//! inputs whose outputs are known. Its id is the hash of all that. Models are entered at genesis; registration by users
//! comes with the full registry.
//!
//! A validator that has a model's files and reproduces its goldens *attests* the model in one of its vote bundles, and
//! *withdraws* when it can't run it any more. Committees are drawn among those who attest. What a block's votes say about
//! models takes effect at the block's end, after the committees were drawn: the block's author knows the draw's randomness
//! while it chooses the votes.
//!
//! ## Invariants
//!
//! Checked by `try_state`:
//!
//! 1. A model's id is the hash of its revision, and its limits are within the chain's.
//! 2. Each attestation is for a model that the chain knows.
//! 3. At a block's end no attestation waits to take effect.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

#[cfg(test)]
mod tests;

use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::ensure;
use scale_info::TypeInfo;
use sibyl_primitives::{
	job::{MAX_INPUT_BYTES, MAX_OUTPUT_BYTES},
	model::{ModelId, ModelRevision, Standing, MAX_MODELS},
	vote::{Attestation, MAX_BUNDLES},
	AccountId, BlockNumber,
};

pub use pallet::*;

/// What a validator last said about a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct AttestationRecord {
	/// What it said.
	pub standing: Standing,
	/// The height that its bundle was made at: an older bundle that comes later changes nothing.
	pub made_at: BlockNumber,
}

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

	/// The pallet needs nothing from the runtime but its accounts.
	#[pallet::config]
	pub trait Config: frame_system::Config<AccountId = AccountId, RuntimeEvent: From<Event<Self>>> {}

	/// The models, by the hash of their revision. The key is a hash already.
	#[pallet::storage]
	pub type Models<T> = CountedStorageMap<_, Identity, ModelId, ModelRevision>;

	/// What each validator last said about each model. A model's id is a hash; who validates chooses its account, so that
	/// is hashed.
	#[pallet::storage]
	pub type Attestations<T> = StorageDoubleMap<_, Identity, ModelId, Blake2_128Concat, AccountId, AttestationRecord>;

	/// What this block's votes say about models, until the block's end.
	#[pallet::storage]
	pub type Incoming<T> =
		StorageValue<_, BoundedVec<(AccountId, ModelId, AttestationRecord), MaxIncoming>, ValueQuery>;

	/// Attestations that a block takes.
	pub type MaxIncoming = ConstU32<{ MAX_BUNDLES * MAX_MODELS }>;

	/// What happens to models.
	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config> {
		/// A validator serves a model from the next block on.
		Attested {
			/// The validator.
			validator: AccountId,
			/// The model.
			model: ModelId,
			/// Open jobs that it takes at a time.
			capacity: u16,
		},
		/// A validator does not serve a model any more.
		Withdrawn {
			/// The validator.
			validator: AccountId,
			/// The model.
			model: ModelId,
		},
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
		// Its weight is charged with each attestation, by the call that brings it.
		fn on_finalize(_: BlockNumberFor<T>) {
			Self::apply_incoming();
		}

		#[cfg(feature = "try-runtime")]
		fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::check_invariants().map_err(Into::into)
		}
	}
}

impl<T: Config> Pallet<T> {
	/// The model's revision, where the chain knows it.
	pub fn revision(model: &ModelId) -> Option<ModelRevision> {
		Models::<T>::get(model)
	}

	/// Validators that serve the model, with the open jobs each takes at a time. At most as many as validate.
	pub fn serving(model: &ModelId) -> impl Iterator<Item = (AccountId, u16)> {
		Attestations::<T>::iter_prefix(model).filter_map(|(validator, record)| match record.standing {
			Standing::Serves { capacity } => Some((validator, capacity)),
			Standing::Withdrawn => None,
		})
	}

	/// How many open jobs the validator takes at a time, where it serves the model.
	pub fn capacity(model: &ModelId, validator: &AccountId) -> Option<u16> {
		match Attestations::<T>::get(model, validator)?.standing {
			Standing::Serves { capacity } => Some(capacity),
			Standing::Withdrawn => None,
		}
	}

	/// Whether the attestation, made at that height, says anything new.
	pub fn is_news(validator: &AccountId, attestation: &Attestation, made_at: BlockNumber) -> bool {
		if !Models::<T>::contains_key(attestation.model) {
			return false;
		}
		match Attestations::<T>::get(attestation.model, validator) {
			Some(known) => known.standing != attestation.standing && known.made_at < made_at,
			None => attestation.standing != Standing::Withdrawn,
		}
	}

	/// Notes the attestation; it takes effect at the block's end. Returns whether it was news.
	pub fn attest(validator: &AccountId, attestation: &Attestation, made_at: BlockNumber) -> bool {
		let record = AttestationRecord { standing: attestation.standing, made_at };
		Self::is_news(validator, attestation, made_at)
			&& Incoming::<T>::try_append((validator.clone(), attestation.model, record)).is_ok()
	}

	/// Forgets what accounts said that are not among the validators.
	pub fn retain_validators(validators: &[AccountId]) {
		let gone: Vec<_> =
			Attestations::<T>::iter_keys().filter(|(_, account)| !validators.contains(account)).collect();
		for (model, account) in gone {
			Attestations::<T>::remove(model, account);
		}
	}

	/// Lets what the block's votes said about models take effect.
	pub fn apply_incoming() {
		for (validator, model, record) in Incoming::<T>::take() {
			Attestations::<T>::insert(model, &validator, record);
			Self::deposit_event(match record.standing {
				Standing::Serves { capacity } => Event::Attested { validator, model, capacity },
				Standing::Withdrawn => Event::Withdrawn { validator, model },
			});
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
		ensure!(revision.limits.output_units <= MAX_OUTPUT_BYTES, "models: a model gives more output than a job's");
		Ok(())
	}

	/// Checks the invariants of the pallet's docs; says which does not hold.
	#[cfg(any(test, feature = "try-runtime"))]
	pub fn check_invariants() -> Result<(), &'static str> {
		for (id, revision) in Models::<T>::iter() {
			ensure!(id == revision.id(), "models: an id is not the hash of its revision");
			Self::ensure_usable(&revision)?;
		}
		for (model, _) in Attestations::<T>::iter_keys() {
			ensure!(Models::<T>::contains_key(model), "models: an attestation is for an unknown model");
		}
		ensure!(!Incoming::<T>::exists(), "models: an attestation outlived its block");
		Ok(())
	}
}
