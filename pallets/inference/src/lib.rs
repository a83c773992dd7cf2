//! # Inference
//!
//! A user pays for a job: a text for a model. A committee of validators, drawn by stake, computes the answer off chain,
//! commits to it, reveals it, and the chain keeps what more than two thirds of the seats agree on.
//!
//! ## Life of a job
//!
//! 1. `submit` fixes the price and holds it. The job is *pending*.
//! 2. At the end of the next block its committee is drawn, from that block's VRF: the job is *committing*. It names each
//!    seat's validator and the session whose keys vote. Part of each seat's service bond covers the seat until the job ends.
//! 3. Seats commit to an output and to the work that shows that they ran the model, or abstain. When all have, or three
//!    blocks after the commits reached a quorum, or at the deadline, the job is *revealing*. Where too few of `Fixed` seats
//!    commit, *substitutes* are drawn, once, for those that did not; without a quorum of commits then it has *expired*.
//! 4. Seats reveal. With a quorum on one output and work, and the bytes of that output, the job is *agreed*: its answer is
//!    final with the block.
//! 5. When every seat that committed has revealed, or at the deadline, it *ends*: seats are paid, who committed and did not
//!    reveal is charged, the rest goes back.
//! 6. Without an agreement a *second round* is drawn, larger, of validators that did not sit before, and decides. Some
//!    agreed jobs are *audited* by such a round at the protocol's cost. Who a second round's quorum contradicts is an
//!    offender.
//!
//! Votes come in `include`, an inherent with the ballots that validators have gossiped. The call bounds itself: what does
//! not verify is dropped.
//!
//! Other pallets ask by [`sibyl_primitives::consumer::Inference`], and hear of the result in a later block: `deliveries.rs`.
//!
//! What has a time stands in the agenda, draws apart from deadlines. Both have their share of each block's weight; what does
//! not fit goes to the next block.
//!
//! ## Invariants
//!
//! Checked by `try_state`:
//!
//! 1. For each requester the amount held is the sum of its unsettled jobs' prices; of a settled one, what was paid, refunded
//!    and shared add up to its price.
//! 2. Each open job has at least one entry in the agenda, at its deadline, and that is not after the job's last block.
//! 3. A job has committees up to its present round, and that of the present round unless it is pending; it is pending with
//!    its first committee while it waits for substitutes.
//! 4. A committee is within its bounds, and no validator has two seats in it. A first one has as many seats as its quote.
//! 5. Seats have revealed only where the committee is revealing or done.
//! 6. A job is agreed only where more than two thirds of its deciding committee revealed one output and work, and the stored
//!    bytes are that output's; or where that is so of the job whose answer it took, and then it has no committee. It ends as
//!    agreed or failed where it is agreed, and else otherwise, unless it is cancelled.
//! 7. The counts of open jobs, in total and by account, and of jobs by model, are a recount's. No account has too many.
//! 8. The keys of the current session and of those whose votes are taken exist, and no others.
//! 9. A validator's ledger is a recount of its open seats: they are listed, what they reserve and the time they take; the
//!    bond is what is held, and no less than what is reserved.
//! 10. A second round exists only after its cause: its first committee is done and did not agree, or is audited.
//! 11. The electorate is the current session's members. A roster is of a model that the chain knows, and has at most one
//!     entry of a validator. Nobody is out of service for a bond that it has.
//! 12. The time that pending jobs are expected to take is the sum over them.
//! 13. A request is of a job that is kept. Its result is in the queue, once, from the job's settlement until its delivery; a
//!     consumer has taken as many places as results of its are to come.
//! 14. A known answer is that of a kept job which agreed on it, and whose requester allows others to take it.
//! 15. Inputs, outputs, committees and numbers are of kept jobs. Settled jobs, once each, are the queue of ended ones.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod agenda;
mod attestations;
mod audits;
#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod bonds;
mod cells;
mod committee;
mod deliveries;
mod equivocation;
mod errors;
mod events;
mod include;
mod invariants;
mod ledgers;
#[cfg(test)]
mod mock;
mod phases;
mod reuse;
mod selection;
mod sessions;
mod settlement;
mod staking;
mod standing;
mod submission;
#[cfg(test)]
mod tests;
mod types;
mod views;
pub mod weights;
mod worker;

pub use deliveries::{Request, Stage};
pub use pallet::*;
pub use staking::{Offences, StakeOf};
pub use types::*;
pub use weights::WeightInfo;

use alloc::{boxed::Box, vec::Vec};
use frame_support::pallet_macros::import_section;
use sibyl_primitives::{
	api::{AuditView, SettlementView, Support},
	consumer::{ConsumerId, OnResult},
	input::Input,
	job::{Fingerprint, JobId, JobOptions, OutputBytes, Round, SeatIndex, Verdict, MAX_DRAW_DELAY, MAX_SEATS},
	model::{ModelId, Pace},
	output::Output,
	price::Quote,
	vote::{InherentVotes, SignedBallot, VersionedBallot, INHERENT_IDENTIFIER, MAX_BALLOTS},
	AccountId, AuthorityIndex, Balance, BlockNumber, Hash, InferenceId, SessionIndex,
};
use sp_runtime::traits::UniqueSaturatedInto;

/// The name of this pallet's log lines.
pub(crate) const LOG_TARGET: &str = "runtime::inference";

/// Blocks that a job waits for its first draw, beyond those it asked for, before it expires. Every block has a VRF, so none is
/// waited for unless BABE is set up otherwise.
pub const DRAW_PATIENCE: BlockNumber = 8;

/// Seats in a row that a validator may miss before it is not drawn any more, until it attests again.
pub const MAX_MISSED_IN_A_ROW: u8 = 5;

#[import_section(errors::errors)]
#[import_section(events::events)]
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

	const STORAGE_VERSION: StorageVersion = StorageVersion::new(4);

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
		/// The inference keys of the next session's validators, in the order of their authority indices.
		type NextKeys: Get<Vec<(AccountId, InferenceId)>>;
		/// What validators have at stake.
		type Stake: StakeOf;
		/// Who punishes validators.
		type Offences: Offences;
		/// Validators that get no seats.
		type DisabledValidators: DisabledValidators;
		/// The account that gets the protocol's share.
		#[pallet::constant]
		type PalletId: Get<PalletId>;
		/// The protocol's share of what seats are paid.
		#[pallet::constant]
		type ProtocolShare: Get<Perbill>;
		/// Microseconds from a block to the next.
		#[pallet::constant]
		type BlockTime: Get<u64>;
		/// Blocks that seats have for their commits; more where the model asks for more.
		#[pallet::constant]
		type CommitWindow: Get<BlockNumber>;
		/// Blocks that remaining seats have for their commits once a quorum has committed.
		#[pallet::constant]
		type CommitGrace: Get<BlockNumber>;
		/// Blocks that seats have for their reveals.
		#[pallet::constant]
		type RevealWindow: Get<BlockNumber>;
		/// What validators that serve a model must have of all stake, for the model to take jobs.
		#[pallet::constant]
		type ActiveStake: Get<Perbill>;
		/// One of so many agreed jobs of `Fixed` seats is audited.
		#[pallet::constant]
		type AuditOdds: Get<u32>;
		/// What an answer costs that was agreed on before, of what it would cost anew.
		#[pallet::constant]
		type ReuseShare: Get<Perbill>;
		/// Validators with less service bond serve no model.
		#[pallet::constant]
		type LeastServiceBond: Get<Balance>;
		/// Blocks that an ended job can be looked up for.
		#[pallet::constant]
		type Retention: Get<BlockNumber>;
		/// Open jobs in total.
		#[pallet::constant]
		type MaxOpenJobs: Get<u32>;
		/// Open jobs of one account.
		#[pallet::constant]
		type MaxOpenJobsPerAccount: Get<u32>;
		/// Validators of a session.
		#[pallet::constant]
		type MaxValidators: Get<u32>;
		/// Sessions before the current one whose keys still vote. Together they must be longer than a round, from its draw to
		/// the last reveal; where the agenda is late, that is longer. Seats whose keys are gone can't vote, and are charged.
		#[pallet::constant]
		type KeySetHistory: Get<SessionIndex>;
		/// What `include` may weigh at most.
		#[pallet::constant]
		type MaxIncludeWeight: Get<Weight>;
		/// What a block's draws may weigh at most.
		#[pallet::constant]
		type MaxDrawWeight: Get<Weight>;
		/// What the deadlines that a block meets may weigh at most.
		#[pallet::constant]
		type MaxDeadlineWeight: Get<Weight>;
		/// Who can end a job.
		type CancelOrigin: EnsureOrigin<Self::RuntimeOrigin>;
		/// The pallets that ask.
		type Consumers: OnResult;
		/// Results that each of them may wait for.
		#[pallet::constant]
		type MaxRequests: Get<u32>;
		/// What a block's deliveries to them may weigh at most.
		#[pallet::constant]
		type MaxDeliveryWeight: Get<Weight>;
		/// The weights of this pallet's work.
		type WeightInfo: WeightInfo;
	}

	/// Why tokens are held.
	#[pallet::composite_enum]
	pub enum HoldReason {
		/// The price of jobs that are not settled.
		JobFee,
		/// What covers a validator's seats.
		ServiceBond,
	}

	/// Jobs, until their retention is over. Numbers are given in order, so the hash spreads them.
	#[pallet::storage]
	pub type Jobs<T> = StorageMap<_, Twox64Concat, JobId, Job>;

	/// What jobs' models read.
	#[pallet::storage]
	pub type Inputs<T> = StorageMap<_, Twox64Concat, JobId, Input>;

	/// Jobs' committees, by their rounds, each from its draw on.
	#[pallet::storage]
	pub type Committees<T> = StorageMap<_, Twox64Concat, (JobId, Round), Committee>;

	/// The outputs that a quorum agreed on, or that a revealing seat brought before there is one.
	#[pallet::storage]
	pub type Outputs<T> = StorageMap<_, Twox64Concat, JobId, OutputBytes>;

	/// Jobs' numbers by their fingerprints, which are hashes already.
	#[pallet::storage]
	pub type JobIds<T> = StorageMap<_, Identity, Fingerprint, JobId>;

	/// The jobs of which something is to come.
	#[pallet::storage]
	pub type OpenJobs<T> = CountedStorageMap<_, Twox64Concat, JobId, ()>;

	/// The accounts that have jobs. Anyone chooses accounts, so they are hashed.
	#[pallet::storage]
	pub type Requesters<T> = StorageMap<_, Blake2_128Concat, AccountId, Requester, ValueQuery>;

	/// The kept jobs whose answers may be taken again, by [`JobOptions::answer_key`], a hash.
	#[pallet::storage]
	pub type KnownAnswers<T> = StorageMap<_, Identity, Hash, JobId>;

	/// The number of the next job.
	#[pallet::storage]
	pub type NextJob<T> = StorageValue<_, JobId, ValueQuery>;

	/// Microseconds that jobs without a committee are expected to take of an average validator.
	#[pallet::storage]
	pub type ExpectedTime<T> = StorageValue<_, u64, ValueQuery>;

	/// The jobs to look at at the end of each block, of each duty. An entry that is not at its job's deadline any more is
	/// passed over. Heights are given in order, so the hash spreads them.
	#[pallet::storage]
	pub type Agenda<T> = StorageDoubleMap<
		_,
		Identity,
		agenda::Duty,
		Twox64Concat,
		BlockNumber,
		BoundedVec<JobId, ConstU32<{ agenda::MAX_ENTRIES }>>,
		ValueQuery,
	>;

	/// Of each duty, the first block whose entries have not all been looked at, and how many of these have been.
	#[pallet::storage]
	pub type AgendaFront<T> = StorageMap<_, Identity, agenda::Duty, (BlockNumber, u32), ValueQuery>;

	/// Ended jobs in the order of their ends, and when their retention is over.
	#[pallet::storage]
	pub type Retained<T> = StorageMap<_, Twox64Concat, u64, (JobId, BlockNumber)>;

	/// The first and the next place in [`Retained`].
	#[pallet::storage]
	pub type RetainedRange<T> = StorageValue<_, (u64, u64), ValueQuery>;

	/// Jobs that may be audited, and the blocks that settled them: the VRF of the block after says which are.
	#[pallet::storage]
	pub type AuditCandidates<T> =
		StorageValue<_, BoundedVec<(BlockNumber, JobId), ConstU32<{ audits::MAX_CANDIDATES }>>, ValueQuery>;

	/// The validators of sessions and the keys that they vote with, by their authority indices.
	#[pallet::storage]
	pub type Members<T> = StorageDoubleMap<_, Twox64Concat, SessionIndex, Twox64Concat, AuthorityIndex, types::Member>;

	/// The authority index that a key has in each session. Keys are public keys of validators.
	#[pallet::storage]
	pub type Places<T> = StorageDoubleMap<_, Blake2_128Concat, InferenceId, Twox64Concat, SessionIndex, AuthorityIndex>;

	/// The validators of the current session, in the order of their authority indices.
	#[pallet::storage]
	pub type Electorate<T: Config> = StorageValue<_, BoundedVec<Elector, T::MaxValidators>, ValueQuery>;

	/// What validators last said about each model, one entry for each of them. Some may have left since: what they said does
	/// not count any more, and goes when the next one says something. A model's id is a hash.
	#[pallet::storage]
	pub type Rosters<T: Config> = StorageMap<_, Identity, ModelId, BoundedVec<Attested, T::MaxValidators>, ValueQuery>;

	/// Validators of the current session that serve no model until they attest one again: they missed too many seats in a
	/// row, or had less than the least service bond.
	#[pallet::storage]
	pub type OutOfService<T: Config> =
		StorageValue<_, BoundedBTreeMap<AccountId, Absence, T::MaxValidators>, ValueQuery>;

	/// What this block's votes say about models, until the block's end: what an author has put in must not change the draws
	/// of a VRF that it knew.
	#[pallet::storage]
	pub type Incoming<T> =
		StorageValue<_, BoundedVec<(ModelId, Attested), ConstU32<{ attestations::MAX_INCOMING }>>, ValueQuery>;

	/// The validators' service bonds and open seats. Who validates chooses its account, so that is hashed.
	#[pallet::storage]
	pub type ServiceLedgers<T> = StorageMap<_, Blake2_128Concat, AccountId, Ledger, ValueQuery>;

	/// The VRFs of the last blocks, the newest last.
	#[pallet::storage]
	pub type RecentVrfs<T> =
		StorageValue<_, BoundedVec<(BlockNumber, [u8; 32]), ConstU32<{ MAX_DRAW_DELAY as u32 }>>, ValueQuery>;

	/// The jobs that pallets asked for, until their results are delivered.
	#[pallet::storage]
	pub type Requests<T> = StorageMap<_, Twox64Concat, JobId, Request>;

	/// Results that each consumer waits for. The runtime chooses their numbers.
	#[pallet::storage]
	pub type Awaited<T> = StorageMap<_, Identity, ConsumerId, u32, ValueQuery>;

	/// The jobs whose results are to be delivered, in the order of their ends.
	#[pallet::storage]
	pub type Deliveries<T> = StorageMap<_, Twox64Concat, u64, JobId>;

	/// The first and the next place in [`Deliveries`].
	#[pallet::storage]
	pub type DeliveryRange<T> = StorageValue<_, (u64, u64), ValueQuery>;

	/// Whether this block has had its votes.
	#[pallet::storage]
	#[pallet::whitelist_storage]
	pub type Included<T> = StorageValue<_, bool, ValueQuery>;

	/// The service bonds that the network starts with.
	#[pallet::genesis_config]
	#[derive(frame_support::DefaultNoBound)]
	pub struct GenesisConfig<T: Config> {
		/// Validators and their bonds.
		pub service_bonds: Vec<(AccountId, Balance)>,
		#[serde(skip)]
		#[doc(hidden)]
		pub _config: core::marker::PhantomData<T>,
	}

	#[pallet::genesis_build]
	impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
		fn build(&self) {
			for (validator, bond) in &self.service_bonds {
				Pallet::<T>::do_bond(validator, *bond).expect("the genesis bonds what accounts have");
			}
			Pallet::<T>::note_bonds();
		}
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		/// Reserves the weight of what the block's end will do, prunes, and delivers results to the pallets that asked.
		fn on_initialize(_: BlockNumberFor<T>) -> Weight {
			let pruned = Self::prune_retained();
			let delivered = Self::deliver_results();
			pruned.saturating_add(delivered).saturating_add(Self::weight_of_the_blocks_end())
		}

		/// Draws committees, ends phases whose time is over, and lets what was said about models take effect. After Babe's, so
		/// that this block's VRF is known.
		fn on_finalize(_: BlockNumberFor<T>) {
			Self::end_block();
		}

		fn offchain_worker(_: BlockNumberFor<T>) {
			Self::run_worker();
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
		/// Ask a model. Origin: signed.
		///
		/// The price is fixed now, must not be above `max_fee`, and is held until the job ends; what was not used comes back
		/// in the block that ends it. Texts are sent as the hex of their UTF-8 bytes.
		///
		/// With `reuse` an answer that as many seats agreed on before is given at once, for a part of the price.
		#[pallet::call_index(0)]
		#[pallet::weight(Pallet::<T>::weight_of_submit(input, options))]
		pub fn submit(
			origin: OriginFor<T>,
			model: ModelId,
			input: Input,
			options: JobOptions,
			#[pallet::compact] max_fee: Balance,
		) -> DispatchResultWithPostInfo {
			let requester = ensure_signed(origin)?;
			let weight = Self::answer_or_ask(requester, model, input, options, max_fee)?;
			Ok(Some(weight).into())
		}

		/// The votes of validators, put in by a block's author. Origin: none, as an inherent; no transaction can call it.
		///
		/// Votes that do not verify or come at the wrong time are dropped. A second call in a block fails, which makes the
		/// block invalid.
		#[pallet::call_index(1)]
		#[pallet::weight((T::MaxIncludeWeight::get(), DispatchClass::Mandatory))]
		pub fn include(
			origin: OriginFor<T>,
			ballots: BoundedVec<VersionedBallot, ConstU32<MAX_BALLOTS>>,
		) -> DispatchResultWithPostInfo {
			ensure_none(origin)?;
			ensure!(!Included::<T>::get(), Error::<T>::IncludedAlready);
			Included::<T>::put(true);
			let weight = Self::do_include(ballots);
			Ok(PostDispatchInfo { actual_weight: Some(weight), pays_fee: Pays::No })
		}

		/// Bond tokens for service: they are held of the caller, a validator's stash, and cover its seats. Origin: signed.
		///
		/// A seat reserves the price of its whole job until the job ends, and is charged from that for its faults. Who has no
		/// free bond for another seat gets none. Who has less than `LeastServiceBond` serves no model; who has got enough again
		/// does as soon as it attests one.
		#[pallet::call_index(2)]
		#[pallet::weight(<T as Config>::WeightInfo::bond_service())]
		pub fn bond_service(origin: OriginFor<T>, #[pallet::compact] amount: Balance) -> DispatchResult {
			let validator = ensure_signed(origin)?;
			Self::do_bond(&validator, amount)
		}

		/// Take service bond back, as far as no open seat is covered by it. Origin: signed.
		///
		/// A validator of the session that keeps less than `LeastServiceBond` serves no model from the next block on.
		#[pallet::call_index(3)]
		#[pallet::weight(<T as Config>::WeightInfo::unbond_service())]
		pub fn unbond_service(origin: OriginFor<T>, #[pallet::compact] amount: Balance) -> DispatchResult {
			let validator = ensure_signed(origin)?;
			Self::do_unbond(&validator, amount)
		}

		/// Report a validator that signed two different commits of one seat, by the two ballots. Origin: signed.
		///
		/// The reporter is given a part of what is slashed, when the slash is applied. A right report pays no fee.
		#[pallet::call_index(4)]
		#[pallet::weight(<T as Config>::WeightInfo::report_equivocation())]
		pub fn report_equivocation(
			origin: OriginFor<T>,
			first: Box<SignedBallot>,
			second: Box<SignedBallot>,
		) -> DispatchResultWithPostInfo {
			let reporter = ensure_signed(origin)?;
			Self::do_report_equivocation(Some(reporter), &first, &second)?;
			Ok(Pays::No.into())
		}

		/// As `report_equivocation`, by a node that saw both ballots, into the blocks that it makes itself. Origin: none.
		#[pallet::call_index(5)]
		#[pallet::weight(<T as Config>::WeightInfo::report_equivocation())]
		pub fn report_equivocation_unsigned(
			origin: OriginFor<T>,
			first: Box<SignedBallot>,
			second: Box<SignedBallot>,
		) -> DispatchResult {
			ensure_none(origin)?;
			Self::do_report_equivocation(None, &first, &second)
		}

		/// End a job, with a full refund and no fault of anyone. Origin: `CancelOrigin`, most of the council or root.
		#[pallet::call_index(6)]
		#[pallet::weight(<T as Config>::WeightInfo::cancel())]
		pub fn cancel(origin: OriginFor<T>, #[pallet::compact] job: JobId) -> DispatchResult {
			T::CancelOrigin::ensure_origin(origin)?;
			Self::do_cancel(job)
		}

		/// Give an account back what was held for a job that can't be read any more, as after a faulty upgrade. Its model is
		/// named, so that it can be forgotten when its author has taken it back. Origin: root.
		#[pallet::call_index(7)]
		#[pallet::weight(Pallet::<T>::weight_of_reclaim())]
		pub fn reclaim(
			origin: OriginFor<T>,
			#[pallet::compact] job: JobId,
			requester: AccountId,
			model: ModelId,
			#[pallet::compact] amount: Balance,
		) -> DispatchResult {
			ensure_root(origin)?;
			Self::do_reclaim(job, requester, &model, amount)
		}

		/// Deliver a job's result again to the pallet that asked and failed to take it. Origin: signed.
		///
		/// Where it fails once more, the call fails with that pallet's error.
		#[pallet::call_index(8)]
		#[pallet::weight(<T as Config>::WeightInfo::deliver().saturating_add(T::Consumers::max_weight()))]
		pub fn redeliver(origin: OriginFor<T>, #[pallet::compact] job: JobId) -> DispatchResult {
			ensure_signed(origin)?;
			Self::do_redeliver(job)
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
			let InherentVotes::V1(ballots) = votes;
			let ballots = Self::select_ballots(ballots);
			(!ballots.is_empty()).then_some(Call::include { ballots })
		}

		fn is_inherent(call: &Call<T>) -> bool {
			matches!(call, Call::include { .. })
		}
	}

	// Deprecated for the `authorize` attribute, whose transaction extension would change what wallets sign.
	#[allow(deprecated)]
	#[pallet::validate_unsigned]
	impl<T: Config> ValidateUnsigned for Pallet<T> {
		type Call = Call<T>;

		fn validate_unsigned(source: TransactionSource, call: &Call<T>) -> TransactionValidity {
			Self::validate_report(source, call)
		}

		fn pre_dispatch(call: &Call<T>) -> Result<(), TransactionValidityError> {
			Self::check_unsigned(call)
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
