//! # Timelock
//!
//! Calls that a council wants made by root: each waits for a delay, in which the council can still cancel it.
//!
//! Whoever decides (`ScheduleOrigin`) can't shorten the delay: this pallet has no call that changes it, and a call that
//! reaches into storage has waited for it. Cancelling asks for less (`CancelOrigin`), since what is cancelled can be decided
//! again. Some calls are of no use after a delay (`UrgentCalls`): they can be made at once.
//!
//! A call is known by the hash of its SCALE bytes: whoever sees it in a motion can compute it, and a second one of the same
//! hash can't wait beside it. The scheduler keeps the waiting calls, and makes them without the runtime's
//! call filter, as all of root's are.
//!
//! The delay is a value of the genesis, so that networks differ and run the same wasm.
//!
//! ## Invariants
//!
//! Checked by `try_state`:
//!
//! 1. The delay is at least one block.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
#[cfg(test)]
mod tests;
pub mod weights;

pub use pallet::*;
pub use weights::WeightInfo;

use frame_support::traits::OriginTrait;
use sp_runtime::traits::BlockNumberProvider;

/// The runtime's calls, as the scheduler knows them.
pub type CallOf<T> = <T as pallet_scheduler::Config>::RuntimeCall;
/// The numbers of the scheduler's blocks.
pub type BlockNumberOf<T> = <<T as pallet_scheduler::Config>::BlockNumberProvider as BlockNumberProvider>::BlockNumber;

/// Root, as the scheduler's calls know it.
fn root<T: Config>() -> <T as pallet_scheduler::Config>::RuntimeOrigin {
	<T as pallet_scheduler::Config>::RuntimeOrigin::root()
}

#[frame_support::pallet]
pub mod pallet {
	use super::*;
	use alloc::boxed::Box;
	use frame_support::{
		dispatch::{DispatchResultWithPostInfo, GetDispatchInfo},
		pallet_prelude::*,
		traits::{
			schedule::{
				v3::{Named, TaskName},
				DispatchTime, HIGHEST_PRIORITY,
			},
			Contains, QueryPreimage, StorePreimage,
		},
	};
	use frame_system::pallet_prelude::*;
	use pallet_scheduler::Pallet as Scheduler;
	use sibyl_primitives::{BlockNumber, Hash};
	use sp_runtime::traits::{Dispatchable, Hash as _, Saturating};

	const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

	/// The pallet.
	#[pallet::pallet]
	#[pallet::storage_version(STORAGE_VERSION)]
	pub struct Pallet<T>(_);

	/// What the pallet needs from the runtime, beside the scheduler, which root must be able to use.
	#[pallet::config]
	pub trait Config:
		frame_system::Config<Hash = Hash, RuntimeEvent: From<Event<Self>>> + pallet_scheduler::Config
	{
		/// Who can have a call made by root, after the delay.
		type ScheduleOrigin: EnsureOrigin<OriginFor<Self>>;
		/// Who can cancel a call that waits.
		type CancelOrigin: EnsureOrigin<OriginFor<Self>>;
		/// Who can have one of `UrgentCalls` made by root at once.
		type UrgentOrigin: EnsureOrigin<OriginFor<Self>>;
		/// The calls that are of no use after the delay.
		type UrgentCalls: Contains<CallOf<Self>>;
		/// What a call may weigh: the scheduler would never make one that is heavier than all it may do in a block.
		#[pallet::constant]
		type MaxCallWeight: Get<Weight>;
		/// The weights of this pallet's calls.
		type WeightInfo: WeightInfo;
		/// One of `UrgentCalls` that succeeds, for benchmarks.
		#[cfg(feature = "runtime-benchmarks")]
		type UrgentCall: Get<CallOf<Self>>;
	}

	/// Two days in blocks of three seconds.
	#[pallet::type_value]
	pub fn DefaultDelay() -> BlockNumber {
		57_600
	}

	/// How many blocks a call waits.
	#[pallet::storage]
	pub type Delay<T> = StorageValue<_, BlockNumber, ValueQuery, DefaultDelay>;

	/// What happens to calls.
	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config> {
		/// Root makes a call in a block to come, unless it is cancelled before.
		CallScheduled {
			/// The call's hash.
			call_hash: Hash,
			/// The block.
			at: BlockNumberOf<T>,
		},
		/// A call that waited will not be made.
		CallCancelled {
			/// The call's hash.
			call_hash: Hash,
		},
		/// Root has made an urgent call.
		UrgentCallMade {
			/// The call's hash.
			call_hash: Hash,
		},
	}

	/// Why a call can't be scheduled, cancelled or made.
	#[pallet::error]
	pub enum Error<T> {
		/// The same call waits already: cancel it first, or wait until it is made.
		AlreadyScheduled,
		/// No call of this hash waits: it was made, cancelled or never scheduled. `scheduler.lookup` lists those that wait.
		NotScheduled,
		/// The call weighs more than a block has room for: divide it. An upgrade goes by `system.authorizeUpgrade`.
		TooHeavy,
		/// The call is none of the urgent ones: schedule it.
		NotUrgent,
	}

	/// The delay that this network starts with.
	#[pallet::genesis_config]
	#[derive(frame_support::DefaultNoBound)]
	pub struct GenesisConfig<T: Config> {
		/// Blocks; the default of 57,600 where absent.
		pub delay: Option<BlockNumber>,
		#[serde(skip)]
		#[doc(hidden)]
		pub _config: core::marker::PhantomData<T>,
	}

	#[pallet::genesis_build]
	impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
		fn build(&self) {
			Delay::<T>::put(self.delay.unwrap_or_else(DefaultDelay::get));
			Pallet::<T>::ensure_usable().expect("the genesis names a delay that calls can wait for");
		}
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		#[cfg(feature = "try-runtime")]
		fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::ensure_usable().map_err(Into::into)
		}
	}

	#[pallet::call]
	impl<T: Config> Pallet<T> {
		/// Have root make a call after the delay. Origin: `ScheduleOrigin`, two thirds of the council.
		///
		/// The event has the call's hash, by which it can be cancelled, and the block. Whether it succeeds then is told by the
		/// event `scheduler.Dispatched`.
		#[pallet::call_index(0)]
		#[pallet::weight(<T as Config>::WeightInfo::schedule(call.encoded_size() as u32))]
		pub fn schedule(origin: OriginFor<T>, call: Box<CallOf<T>>) -> DispatchResult {
			<T as Config>::ScheduleOrigin::ensure_origin(origin)?;
			ensure!(call.get_dispatch_info().call_weight.all_lte(T::MaxCallWeight::get()), Error::<T>::TooHeavy);
			let call_hash = T::Hashing::hash_of(&call);
			let name: TaskName = call_hash.into();
			ensure!(!pallet_scheduler::Lookup::<T>::contains_key(name), Error::<T>::AlreadyScheduled);
			let at = T::BlockNumberProvider::current_block_number().saturating_add(Delay::<T>::get().into());
			let is_kept_already = T::Preimages::is_requested(&call_hash);
			let call = T::Preimages::bound(*call)?;
			<Scheduler<T> as Named<_, _, _>>::schedule_named(
				name,
				DispatchTime::At(at),
				None,
				HIGHEST_PRIORITY,
				root::<T>().caller().clone(),
				call.clone(),
			)?;
			// The scheduler asks for the bytes itself, and lets go of them once: they would stay if this pallet held them too.
			if !is_kept_already {
				T::Preimages::drop(&call);
			}
			Self::deposit_event(Event::CallScheduled { call_hash, at });
			Ok(())
		}

		/// Cancel a call that waits, by its hash. Origin: `CancelOrigin`, more than a third of the council.
		#[pallet::call_index(1)]
		#[pallet::weight(<T as Config>::WeightInfo::cancel())]
		pub fn cancel(origin: OriginFor<T>, call_hash: Hash) -> DispatchResult {
			T::CancelOrigin::ensure_origin(origin)?;
			// By root's call: the scheduler's own interface for pallets forgets to let go of the bytes.
			Scheduler::<T>::cancel_named(root::<T>().into(), call_hash.into()).map_err(|_| Error::<T>::NotScheduled)?;
			Self::deposit_event(Event::CallCancelled { call_hash });
			Ok(())
		}

		/// Have root make one of the urgent calls at once. Origin: `UrgentOrigin`, two thirds of the council.
		///
		/// Urgent is what is of no use after the delay: `staking.cancelDeferredSlash`.
		#[pallet::call_index(2)]
		#[pallet::weight({
			let info = call.get_dispatch_info();
			(<T as Config>::WeightInfo::make_urgent_call().saturating_add(info.call_weight), info.class)
		})]
		pub fn make_urgent_call(origin: OriginFor<T>, call: Box<CallOf<T>>) -> DispatchResultWithPostInfo {
			T::UrgentOrigin::ensure_origin(origin)?;
			ensure!(T::UrgentCalls::contains(&call), Error::<T>::NotUrgent);
			let call_hash = T::Hashing::hash_of(&call);
			call.dispatch(root::<T>()).map_err(|failed| failed.error)?;
			Self::deposit_event(Event::UrgentCallMade { call_hash });
			Ok(().into())
		}
	}

	impl<T: Config> Pallet<T> {
		/// Whether the invariants hold; else which does not.
		pub(super) fn ensure_usable() -> Result<(), &'static str> {
			// The scheduler refuses a call for the block that is being made.
			ensure!(Delay::<T>::get() > 0, "timelock: the delay is less than a block");
			Ok(())
		}
	}
}
