//! # Feeds
//!
//! A feed asks a model the same question every so many blocks, for a prepaid time. Its latest answer, and the block of it, can
//! be read by other pallets and by anybody.
//!
//! ## A round
//!
//! 1. Who creates a feed has its funds, and a deposit for its place in the state, held in the own account. The first round is
//!    asked at once, so that what the chain would refuse is refused to the creator.
//! 2. A feed stands in the agenda, once, at its next round. A block begins as many of those that are due as it has weight for;
//!    the rest go to the next block.
//! 3. A round takes its own fee first, which pays for the chain's work whatever comes of it; then it asks, by
//!    [`sibyl_primitives::consumer::Inference`]. Its job's price is taken of the feed's funds, and held as any job's is. What can't
//!    be asked, because validators are busy, the model is suspended, the price is above the limit or the last round is not over,
//!    is skipped with an event.
//! 4. Where the funds can't pay another round at its highest price the feed ends: the rest and the deposit go back, and its
//!    answer is forgotten.
//! 5. When a job has ended, what it did not use goes back to the feed's funds. An answer replaces the one before; a failure
//!    replaces nothing.
//!
//! All money stays in the owner's account, on hold, until it is paid; the pallet has no account of its own.
//!
//! ## Invariants
//!
//! Checked by `try_state`:
//!
//! 1. For each account the amount held is the sum of its feeds' funds and deposits.
//! 2. Each feed has one entry in the agenda, at its next round, and there are no others. None is before the agenda's front.
//! 3. The counts of feeds, by account and in total, are those of a recount and within their bounds.
//! 4. Each feed has a question; there are no questions and no answers of other feeds.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod invariants;
#[cfg(test)]
mod mock;
mod rounds;
#[cfg(test)]
mod tests;
mod types;
mod views;
pub mod weights;

pub use pallet::*;
pub use types::*;
pub use weights::WeightInfo;

use sibyl_primitives::{
	consumer::{ConsumerId, Inference},
	feed::{FeedId, Latest},
	input::Input,
	job::{JobId, JobOptions, Verdict},
	model::ModelId,
	AccountId, Balance, BlockNumber,
};
use sp_runtime::traits::UniqueSaturatedInto;

#[frame_support::pallet]
pub mod pallet {
	use super::*;
	use frame_support::{
		pallet_prelude::*,
		traits::fungible::{Inspect, Mutate, MutateHold},
		weights::WeightToFee,
	};
	use frame_system::pallet_prelude::*;

	const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

	/// The pallet.
	#[pallet::pallet]
	#[pallet::storage_version(STORAGE_VERSION)]
	pub struct Pallet<T>(_);

	/// What the pallet needs from the runtime.
	#[pallet::config]
	pub trait Config: frame_system::Config<AccountId = AccountId, RuntimeEvent: From<Event<Self>>> {
		/// The token that feeds are paid in.
		type Currency: Inspect<AccountId, Balance = Balance>
			+ Mutate<AccountId>
			+ MutateHold<AccountId, Reason = Self::RuntimeHoldReason>;
		/// The runtime's reasons for holds.
		type RuntimeHoldReason: From<HoldReason>;
		/// Who is asked.
		type Inference: Inference;
		/// This pallet's number among those that ask.
		#[pallet::constant]
		type ConsumerId: Get<ConsumerId>;
		/// What the chain's work costs.
		type WeightToFee: WeightToFee<Balance = Balance>;
		/// The account that gets rounds' fees. It must exist.
		type FeeRecipient: Get<AccountId>;
		/// What is held for a feed's place in the state, its answer's included.
		#[pallet::constant]
		type DepositBase: Get<Balance>;
		/// What is held for each byte of its question beside that.
		#[pallet::constant]
		type DepositPerByte: Get<Balance>;
		/// The fewest blocks from a round to the next.
		#[pallet::constant]
		type MinInterval: Get<BlockNumber>;
		/// The most blocks from a round to the next.
		#[pallet::constant]
		type MaxInterval: Get<BlockNumber>;
		/// Feeds in total.
		#[pallet::constant]
		type MaxFeeds: Get<u32>;
		/// Feeds of one account.
		#[pallet::constant]
		type MaxFeedsPerAccount: Get<u32>;
		/// What the rounds that a block begins may weigh at most.
		#[pallet::constant]
		type MaxRoundsWeight: Get<Weight>;
		/// The weights of this pallet's work.
		type WeightInfo: WeightInfo;
	}

	/// Why tokens are held.
	#[pallet::composite_enum]
	pub enum HoldReason {
		/// A feed's funds and its deposit.
		Feed,
	}

	/// The feeds. Numbers are given in order, so the hash spreads them.
	#[pallet::storage]
	pub type Feeds<T> = CountedStorageMap<_, Twox64Concat, FeedId, Feed>;

	/// What feeds ask.
	#[pallet::storage]
	pub type Questions<T> = StorageMap<_, Twox64Concat, FeedId, Question>;

	/// Feeds' latest answers.
	#[pallet::storage]
	pub type Answers<T> = StorageMap<_, Twox64Concat, FeedId, Latest>;

	/// How many feeds an account has. Anyone chooses accounts, so they are hashed.
	#[pallet::storage]
	pub type Owners<T> = StorageMap<_, Blake2_128Concat, AccountId, u32, ValueQuery>;

	/// The number of the next feed.
	#[pallet::storage]
	pub type NextFeed<T> = StorageValue<_, FeedId, ValueQuery>;

	/// The feeds whose rounds begin in each block.
	#[pallet::storage]
	pub type Agenda<T: Config> = StorageMap<_, Twox64Concat, BlockNumber, BoundedVec<FeedId, T::MaxFeeds>, ValueQuery>;

	/// The first block whose rounds have not all begun.
	#[pallet::storage]
	pub type AgendaFront<T> = StorageValue<_, BlockNumber, ValueQuery>;

	/// What happens to feeds. The answers themselves are in the inference pallet's `Agreed`, and by `inference_feed`.
	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config> {
		/// A feed was created, and its first round is asked.
		FeedCreated {
			/// Its number.
			feed: FeedId,
			/// Who pays.
			owner: AccountId,
			/// The model asked.
			model: ModelId,
			/// Blocks from a round to the next.
			interval: BlockNumber,
			/// What is held for rounds.
			funds: Balance,
			/// What is held for its place in the state, until it ends.
			deposit: Balance,
		},
		/// A round was asked.
		RoundAsked {
			/// The feed.
			feed: FeedId,
			/// The job.
			job: JobId,
			/// Its price, which is held until it ends.
			price: Balance,
		},
		/// A round was not asked. The next one is tried at its time.
		RoundSkipped {
			/// The feed.
			feed: FeedId,
			/// Why.
			reason: SkipReason,
		},
		/// A feed has a new answer.
		Answered {
			/// The feed.
			feed: FeedId,
			/// The job that answered.
			job: JobId,
			/// The block of the agreement.
			at: BlockNumber,
		},
		/// A round's job ended without an answer; the answer before stays.
		RoundFailed {
			/// The feed.
			feed: FeedId,
			/// The job.
			job: JobId,
			/// How it ended.
			verdict: Verdict,
		},
		/// A feed was given more funds.
		ToppedUp {
			/// The feed.
			feed: FeedId,
			/// What was added.
			amount: Balance,
			/// All that is held for rounds.
			funds: Balance,
		},
		/// A feed has ended, and its answer is forgotten. What an open job of it does not use goes to the owner, too.
		FeedEnded {
			/// The feed.
			feed: FeedId,
			/// Its owner.
			owner: AccountId,
			/// Why.
			reason: EndReason,
			/// What went back: the rest of the funds, and the deposit.
			returned: Balance,
		},
	}

	/// Why a call is refused. What the model's validators or its limits refuse has the inference pallet's errors.
	#[pallet::error]
	pub enum Error<T> {
		/// No feed has this number, or it has ended: `inference_listFeeds` lists those there are.
		UnknownFeed,
		/// The feed is another account's.
		NotOwner,
		/// The interval is shorter, or longer, than the chain takes: see the constants `minInterval` and `maxInterval`.
		IntervalInvalid,
		/// The funds can't pay the first round: they must not be less than `maxFee`.
		FundsTooLow,
		/// The account can't pay the funds and the deposit: they must be free beside the existential deposit.
		BalanceTooLow,
		/// There are as many feeds as the chain takes: try again when one has ended.
		TooManyFeeds,
		/// This account has as many feeds as the chain takes of one: close another first.
		TooManyFeedsOfAccount,
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		/// Begins the rounds that are due. In `on_initialize`, since `on_idle` would let who fills blocks stop all feeds.
		fn on_initialize(_: BlockNumberFor<T>) -> Weight {
			Self::begin_rounds()
		}

		fn integrity_test() {
			Self::check_parameters();
		}

		#[cfg(feature = "try-runtime")]
		fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::check_invariants().map_err(Into::into)
		}
	}

	#[pallet::call]
	impl<T: Config> Pallet<T> {
		/// Create a feed, which asks a model the same every `interval` blocks. Origin: signed.
		///
		/// `funds` are held for its rounds, of which none costs more than `max_fee` and the round's own fee, and a deposit for
		/// its place in the state. The first round is asked now. When the funds can't pay another round, the rest and the
		/// deposit go back. Texts are sent as the hex of their UTF-8 bytes.
		#[pallet::call_index(0)]
		#[pallet::weight(Pallet::<T>::weight_of_creation(input.bytes().saturating_add(options.format.bytes())))]
		pub fn create_feed(
			origin: OriginFor<T>,
			model: ModelId,
			input: Input,
			options: JobOptions,
			interval: BlockNumber,
			#[pallet::compact] max_fee: Balance,
			#[pallet::compact] funds: Balance,
		) -> DispatchResult {
			let owner = ensure_signed(origin)?;
			Self::do_create(owner, model, Question { input, options }, interval, max_fee, funds)
		}

		/// Give an own feed more funds. Origin: signed, by the feed's owner.
		#[pallet::call_index(1)]
		#[pallet::weight(<T as Config>::WeightInfo::top_up())]
		pub fn top_up(
			origin: OriginFor<T>,
			#[pallet::compact] feed: FeedId,
			#[pallet::compact] amount: Balance,
		) -> DispatchResult {
			let owner = ensure_signed(origin)?;
			Self::do_top_up(&owner, feed, amount)
		}

		/// End a feed: the rest of its funds and the deposit go back to its owner. Origin: signed, by the owner, or root.
		///
		/// A job that is open ends by itself; what it does not use goes to the owner.
		#[pallet::call_index(2)]
		#[pallet::weight(<T as Config>::WeightInfo::close())]
		pub fn close(origin: OriginFor<T>, #[pallet::compact] feed: FeedId) -> DispatchResult {
			let caller = ensure_signed_or_root(origin)?;
			Self::do_close(caller.as_ref(), feed)
		}
	}
}

impl<T: Config> Pallet<T> {
	/// The current height.
	pub(crate) fn now() -> BlockNumber {
		frame_system::Pallet::<T>::block_number().unique_saturated_into()
	}
}
