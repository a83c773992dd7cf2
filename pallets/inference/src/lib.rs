//! # Inference
//!
//! A user pays for a job: a text for a model. A committee of validators, drawn by stake, computes the answer off chain,
//! commits to it, reveals it, and the chain keeps what more than two thirds of the seats agree on.
//!
//! ## Life of a job
//!
//! 1. `submit` fixes the price and holds it. The job is *pending*.
//! 2. At the end of the next block its committee is drawn, from that block's VRF: the job is *committing*. It names each
//!    seat's validator and the session whose keys vote.
//! 3. Seats commit or abstain. When all have, or three blocks after the commits reached a quorum, or at the deadline, the
//!    job is *revealing*; without a quorum of commits it has *expired*.
//! 4. Seats reveal. With a quorum on one hash, and the bytes of that output, the job is *agreed*: its answer is final with
//!    the block.
//! 5. When every seat that committed has revealed, or at the deadline, it *ends*: seats are paid, the rest goes back.
//!
//! Votes come in `include`, an inherent with the bundles that validators have gossiped. The call can't fail and bounds
//! itself: what does not verify is dropped.
//!
//! Everything with a time stands in the agenda: each open job has one entry, at the block at whose end the job's phase is
//! over at the latest. Each block's entries are bounded; an entry that finds a block full goes to the next with room.
//!
//! ## Invariants
//!
//! Checked by `try_state`:
//!
//! 1. For each requester the amount held is the sum of its open jobs' prices.
//! 2. Each open job has one agenda entry, in a block yet to end and not after the job's last; nothing else is in the agenda.
//! 3. A job that is committing or revealing has a committee; a pending one has none.
//! 4. A committee is within its bounds, and no validator has two seats in it.
//! 5. Seats have revealed only where the job is revealing or has ended.
//! 6. A job is agreed only where more than two thirds of its seats revealed one hash and the stored bytes have it.
//! 7. The counts of open jobs, in total, by account and by seat, are those of a recount.
//! 8. The key sets of the current session and of those whose votes are taken exist, and no others.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod agenda;
#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod committee;
mod invariants;
#[cfg(test)]
mod mock;
mod phases;
mod sessions;
mod settlement;
mod submission;
#[cfg(test)]
mod tests;
mod types;
mod views;
mod votes;
pub mod weights;
mod worker;

pub use pallet::*;
pub use types::*;
pub use weights::WeightInfo;

use alloc::vec::Vec;
use sibyl_primitives::{
	api::SettlementView,
	job::{Fingerprint, Input, JobId, JobOptions, OutputBytes, SeatIndex, Verdict, MAX_DRAW_DELAY, MAX_SEATS},
	model::ModelId,
	output::Output,
	price::Quote,
	vote::{InherentVotes, VoteBundle, INHERENT_IDENTIFIER, MAX_BUNDLES},
	AccountId, Balance, BlockNumber, Hash, SessionIndex,
};
use sp_runtime::traits::UniqueSaturatedInto;

/// The name of this pallet's log lines.
pub(crate) const LOG_TARGET: &str = "runtime::inference";

/// Blocks that a job waits for its draw, beyond those it asked for, before it expires. Every block has a VRF, so none is
/// waited for unless BABE is set up otherwise.
pub const DRAW_PATIENCE: BlockNumber = 8;

/// Says how much a validator has at stake, in the session that has just begun.
pub trait StakeOf {
	/// All that is staked on the validator.
	fn stake_of(validator: &AccountId) -> Balance;
}

#[frame_support::pallet]
pub mod pallet {
	use super::*;
	use frame_support::{
		dispatch::{DispatchResultWithPostInfo, PostDispatchInfo},
		pallet_prelude::*,
		traits::{
			fungible::{Inspect, Mutate, MutateHold},
			DisabledValidators,
		},
		PalletId,
	};
	use frame_system::pallet_prelude::*;
	use sp_runtime::Perbill;

	const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

	/// The pallet.
	#[pallet::pallet]
	#[pallet::storage_version(STORAGE_VERSION)]
	pub struct Pallet<T>(_);

	/// What the pallet needs from the runtime.
	#[pallet::config]
	pub trait Config:
		frame_system::Config<Hash = Hash, RuntimeEvent: From<Event<Self>>> + pallet_models::Config
	{
		/// The token that jobs are paid in.
		type Currency: Inspect<AccountId, Balance = Balance>
			+ Mutate<AccountId>
			+ MutateHold<AccountId, Reason = Self::RuntimeHoldReason>;
		/// The runtime's reasons for holds.
		type RuntimeHoldReason: From<HoldReason>;
		/// The current block's VRF, in `on_finalize`; draws wait while there is none.
		type BlockVrf: Get<Option<[u8; 32]>>;
		/// The number of the current session.
		type CurrentSession: Get<SessionIndex>;
		/// What validators have at stake.
		type Stake: StakeOf;
		/// Validators that get no seats.
		type DisabledValidators: DisabledValidators;
		/// The account that gets the protocol's share.
		#[pallet::constant]
		type PalletId: Get<PalletId>;
		/// The protocol's share of what seats are paid.
		#[pallet::constant]
		type ProtocolShare: Get<Perbill>;
		/// Blocks that seats have for their commits; more where the model asks for more.
		#[pallet::constant]
		type CommitWindow: Get<BlockNumber>;
		/// Blocks that remaining seats have for their commits once a quorum has committed.
		#[pallet::constant]
		type CommitGrace: Get<BlockNumber>;
		/// Blocks that seats have for their reveals.
		#[pallet::constant]
		type RevealWindow: Get<BlockNumber>;
		/// Blocks that an ended job can be looked up for.
		#[pallet::constant]
		type Retention: Get<BlockNumber>;
		/// Open jobs in total.
		#[pallet::constant]
		type MaxOpenJobs: Get<u32>;
		/// Open jobs of one account.
		#[pallet::constant]
		type MaxOpenJobsPerAccount: Get<u32>;
		/// Agenda entries of one block.
		#[pallet::constant]
		type MaxDuePerBlock: Get<u32>;
		/// Validators of a session.
		#[pallet::constant]
		type MaxValidators: Get<u32>;
		/// Sessions before the current one whose keys still vote. Together they must be longer than any job.
		#[pallet::constant]
		type KeySetHistory: Get<SessionIndex>;
		/// What `include` may weigh at most.
		#[pallet::constant]
		type MaxIncludeWeight: Get<Weight>;
		/// The weights of this pallet's work.
		type WeightInfo: WeightInfo;
	}

	/// Why tokens are held.
	#[pallet::composite_enum]
	pub enum HoldReason {
		/// The price of jobs that have not ended.
		JobFee,
	}

	/// Jobs, until their retention is over. Numbers are given in order, so the hash spreads them.
	#[pallet::storage]
	pub type Jobs<T> = StorageMap<_, Twox64Concat, JobId, Job>;

	/// What jobs' models read.
	#[pallet::storage]
	pub type Inputs<T> = StorageMap<_, Twox64Concat, JobId, Input>;

	/// Jobs' committees, from the draw on.
	#[pallet::storage]
	pub type Committees<T> = StorageMap<_, Twox64Concat, JobId, Committee>;

	/// The outputs that a quorum agreed on, or that a revealing seat brought before there is one.
	#[pallet::storage]
	pub type Outputs<T> = StorageMap<_, Twox64Concat, JobId, OutputBytes>;

	/// Jobs' numbers by their fingerprints, which are hashes already.
	#[pallet::storage]
	pub type JobIds<T> = StorageMap<_, Identity, Fingerprint, JobId>;

	/// The jobs that have not ended.
	#[pallet::storage]
	pub type OpenJobs<T> = CountedStorageMap<_, Twox64Concat, JobId, Fingerprint>;

	/// Open jobs of each account. Anyone chooses accounts, so they are hashed.
	#[pallet::storage]
	pub type OpenJobsOf<T> = StorageMap<_, Blake2_128Concat, AccountId, u32, ValueQuery>;

	/// Jobs that each account has ever submitted; never goes back, and makes fingerprints differ.
	#[pallet::storage]
	pub type JobsSubmitted<T> = StorageMap<_, Blake2_128Concat, AccountId, u64, ValueQuery>;

	/// Seats of each validator in open jobs.
	#[pallet::storage]
	pub type OpenSeats<T> = StorageMap<_, Blake2_128Concat, AccountId, u32, ValueQuery>;

	/// The number of the next job.
	#[pallet::storage]
	pub type NextJob<T> = StorageValue<_, JobId, ValueQuery>;

	/// The jobs to look at at the end of each block. Heights are given in order, so the hash spreads them.
	#[pallet::storage]
	pub type Agenda<T: Config> =
		StorageMap<_, Twox64Concat, BlockNumber, BoundedVec<JobId, T::MaxDuePerBlock>, ValueQuery>;

	/// Ended jobs in the order of their ends, and when their retention is over.
	#[pallet::storage]
	pub type Retained<T> = StorageMap<_, Twox64Concat, u64, (JobId, BlockNumber)>;

	/// The first and the next place in [`Retained`].
	#[pallet::storage]
	pub type RetainedRange<T> = StorageValue<_, (u64, u64), ValueQuery>;

	/// The inference keys and stakes of sessions' validators.
	#[pallet::storage]
	pub type KeySets<T: Config> = StorageMap<_, Twox64Concat, SessionIndex, KeySet<T::MaxValidators>>;

	/// The VRFs of the last blocks, the newest last.
	#[pallet::storage]
	pub type RecentVrfs<T> =
		StorageValue<_, BoundedVec<(BlockNumber, [u8; 32]), ConstU32<{ MAX_DRAW_DELAY as u32 }>>, ValueQuery>;

	/// Whether this block has had its votes.
	#[pallet::storage]
	#[pallet::whitelist_storage]
	pub type Included<T> = StorageValue<_, bool, ValueQuery>;

	/// What happens to jobs. A job's number finds it by `inference_getJob` until it is pruned.
	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config> {
		/// A job was submitted and its price is held.
		JobSubmitted {
			/// Its number.
			job: JobId,
			/// Who asks.
			requester: AccountId,
			/// The model asked.
			model: ModelId,
			/// What identifies it on every fork.
			fingerprint: Fingerprint,
			/// The price; what is not used comes back.
			quote: Quote,
			/// The block by which it ends in any case.
			ends_by: BlockNumber,
		},
		/// A job's committee was drawn; its seats may commit from the next block on.
		CommitteeDrawn {
			/// The job.
			job: JobId,
			/// The committee's number for the job.
			round: u8,
			/// The seed of the draw.
			draw: Hash,
			/// The session whose keys vote.
			session: SessionIndex,
			/// The validators, in the order of their seats.
			seats: Vec<AccountId>,
			/// The last block for commits.
			commit_deadline: BlockNumber,
		},
		/// A seat bound itself to an output.
		Committed {
			/// The job.
			job: JobId,
			/// The seat.
			seat: SeatIndex,
			/// The validator on it.
			validator: AccountId,
			/// What it is bound by.
			commitment: Hash,
		},
		/// A seat will not commit. It is not paid.
		Abstained {
			/// The job.
			job: JobId,
			/// The seat.
			seat: SeatIndex,
			/// The validator on it.
			validator: AccountId,
			/// Why.
			reason: sibyl_primitives::job::AbstainReason,
		},
		/// Commits are over; seats may reveal from the next block on.
		RevealingBegan {
			/// The job.
			job: JobId,
			/// Seats that committed.
			committed: u32,
			/// The last block for reveals.
			deadline: BlockNumber,
		},
		/// A seat opened its commit.
		Revealed {
			/// The job.
			job: JobId,
			/// The seat.
			seat: SeatIndex,
			/// The validator on it.
			validator: AccountId,
			/// The hash of its output.
			output_hash: Hash,
		},
		/// More than two thirds of the seats gave this output. It is final with this block.
		Agreed {
			/// The job.
			job: JobId,
			/// The hash of the canonical output bytes.
			output_hash: Hash,
			/// The answer, or the model's refusal.
			output: Output,
		},
		/// A seat was paid.
		SeatPaid {
			/// The job.
			job: JobId,
			/// The seat.
			seat: SeatIndex,
			/// The validator on it.
			validator: AccountId,
			/// What it got.
			amount: Balance,
		},
		/// A job ended and its money is settled. The three amounts add up to what was held.
		Settled {
			/// The job.
			job: JobId,
			/// How it ended.
			verdict: Verdict,
			/// What seats got.
			paid: Balance,
			/// What went back to the requester.
			refunded: Balance,
			/// What the protocol's account got.
			protocol_share: Balance,
		},
		/// A job's retention is over: only events know it any more.
		Pruned {
			/// The job.
			job: JobId,
		},
	}

	/// Why a job can't be submitted.
	#[pallet::error]
	pub enum Error<T> {
		/// The chain knows no such model: `inference_listModels` lists those there are.
		UnknownModel,
		/// The input has no byte.
		InputEmpty,
		/// The input has more bytes than the model takes: its limit is `limits.inputBytes` in `inference_listModels`.
		InputTooLong,
		/// The input is not UTF-8. Send text as the hex of its UTF-8 bytes.
		InputNotUtf8,
		/// `maxOutputUnits` is more than the model gives: its limit is `limits.outputUnits` in `inference_listModels`.
		OutputTooLong,
		/// The model generates text, and `maxOutputUnits` is 0: say how many tokens you want at most.
		NoOutputUnits,
		/// `Fixed` takes odd numbers from 1 to 15.
		SeatsInvalid,
		/// Fewer validators serve the model, with room for another job, than there are seats: ask for fewer or try later.
		TooFewValidators,
		/// More validators serve the model than a committee has seats: ask for `Fixed` seats.
		TooManyValidators,
		/// `drawDelay` takes numbers from 1 to 8.
		DrawDelayInvalid,
		/// The price is above `maxFee`: `inference_quote` says what it is.
		FeeAboveLimit,
		/// The price is more than a balance can hold.
		PriceOverflow,
		/// The account can't pay the price: it must be free beside the existential deposit.
		BalanceTooLow,
		/// As many jobs are open as the chain takes: try again in some blocks.
		TooManyJobs,
		/// As many jobs of this account are open as the chain takes: wait for one to end.
		TooManyJobsOfAccount,
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		/// Reserves the weight of what the block's end will do, and prunes.
		fn on_initialize(_: BlockNumberFor<T>) -> Weight {
			let due = Agenda::<T>::decode_len(Self::now()).unwrap_or(0) as u64;
			let pruned = Self::prune_retained();
			Self::weight_of_due(due).saturating_add(<T as Config>::WeightInfo::prune().saturating_mul(pruned))
		}

		/// Draws committees and ends phases whose time is over. After Babe's, so that this block's VRF is known.
		fn on_finalize(_: BlockNumberFor<T>) {
			Included::<T>::kill();
			Self::note_vrf();
			let now = Self::now();
			for job in Agenda::<T>::take(now) {
				Self::on_due(job, now);
			}
		}

		fn offchain_worker(_: BlockNumberFor<T>) {
			Self::run_worker();
		}

		fn integrity_test() {
			assert!(T::MaxDuePerBlock::get() > 0 && T::MaxOpenJobs::get() > 0, "inference: no job would fit");
			assert!(
				T::MaxIncludeWeight::get().all_gte(Self::weight_of_smallest_include()),
				"inference: `include` has no room for a single vote that settles a job"
			);
			assert!(
				T::CommitWindow::get() > T::CommitGrace::get(),
				"inference: commits would be over before their grace"
			);
		}

		#[cfg(feature = "try-runtime")]
		fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::check_invariants().map_err(Into::into)
		}
	}

	#[pallet::call]
	impl<T: Config> Pallet<T> {
		/// Ask a model. Origin: signed.
		///
		/// The price is fixed now, must not be above `max_fee`, and is held until the job ends; what was not used comes back
		/// in the block that ends it. Text is sent as the hex of its UTF-8 bytes.
		#[pallet::call_index(0)]
		#[pallet::weight(<T as Config>::WeightInfo::submit(input.len() as u32))]
		pub fn submit(
			origin: OriginFor<T>,
			model: ModelId,
			input: Vec<u8>,
			options: JobOptions,
			#[pallet::compact] max_fee: Balance,
		) -> DispatchResult {
			let requester = ensure_signed(origin)?;
			Self::do_submit(requester, model, input, options, max_fee)
		}

		/// The votes of validators, put in by a block's author. Origin: none, as an inherent; no transaction can call it.
		///
		/// Never fails: votes that do not verify or come at the wrong time are dropped, and a second call in a block does
		/// nothing.
		#[pallet::call_index(1)]
		#[pallet::weight((T::MaxIncludeWeight::get(), DispatchClass::Mandatory))]
		pub fn include(
			origin: OriginFor<T>,
			bundles: BoundedVec<VoteBundle, ConstU32<MAX_BUNDLES>>,
		) -> DispatchResultWithPostInfo {
			ensure_none(origin)?;
			let weight = Self::do_include(bundles);
			Ok(PostDispatchInfo { actual_weight: Some(weight), pays_fee: Pays::No })
		}
	}

	#[pallet::inherent]
	impl<T: Config> ProvideInherent for Pallet<T> {
		type Call = Call<T>;
		type Error = sp_inherents::MakeFatalError<()>;
		const INHERENT_IDENTIFIER: sp_inherents::InherentIdentifier = INHERENT_IDENTIFIER;

		fn create_inherent(data: &sp_inherents::InherentData) -> Option<Call<T>> {
			let votes = match data.get_data::<InherentVotes>(&INHERENT_IDENTIFIER) {
				Ok(votes) => votes?,
				Err(error) => {
					log::warn!(target: LOG_TARGET, "the node's votes are of an unknown version and left out: {error:?}");
					return None;
				}
			};
			let InherentVotes::V1(bundles) = votes;
			let bundles = Self::select_bundles(bundles);
			(!bundles.is_empty()).then_some(Call::include { bundles })
		}

		fn is_inherent(call: &Call<T>) -> bool {
			matches!(call, Call::include { .. })
		}
	}
}

impl<T: Config> Pallet<T> {
	/// The current height.
	pub(crate) fn now() -> BlockNumber {
		frame_system::Pallet::<T>::block_number().unique_saturated_into()
	}

	/// The chain, as votes name it.
	pub(crate) fn genesis() -> Hash {
		frame_system::Pallet::<T>::block_hash(frame_system::pallet_prelude::BlockNumberFor::<T>::from(0u32))
	}
}
