//! Jobs for models, the votes that answer them, and what validators are punished for.

use crate::{
	configs::{governance::MajorityOrRoot, session::MaxAuthorities, system::share_of_block},
	constants::{MILLI_SIB, SIB, SLOT_DURATION},
	AccountId, Balance, Balances, Hash, Inference, Offences, Runtime, RuntimeHoldReason, Session, SessionKeys,
};
use alloc::vec::Vec;
use frame_support::{
	parameter_types,
	traits::{ConstU32, ConstU64, Get},
	weights::Weight,
	PalletId,
};
use pallet_inference::StakeOf;
use pallet_session::historical::IdentificationTuple;
use sibyl_primitives::{
	job::{JobId, Round},
	BlockNumber, InferenceId, SessionIndex,
};
use sp_runtime::{Perbill, SaturatedConversion};
use sp_staking::offence::{Kind, Offence, ReportOffence};

parameter_types! {
	/// Names the account that gets the protocol's share.
	pub const InferencePalletId: PalletId = PalletId(*b"sibyl/in");
	/// The protocol's share of what seats are paid.
	pub const ProtocolShare: Perbill = Perbill::from_percent(5);
	/// Blocks for commits: where a third of the authors leave votes out, twelve of theirs in a row are one in 3^12.
	pub const CommitWindow: BlockNumber = 12;
	/// Blocks for the last commits once a quorum has committed.
	pub const CommitGrace: BlockNumber = 3;
	/// Blocks for reveals, for which nothing has to be computed: six authors in a row that leave one out are one in 729. A
	/// job that needs a second round because of a reveal that is missing is settled within twelve blocks all the same.
	pub const RevealWindow: BlockNumber = 6;
	/// One agreed job in so many is audited.
	pub const AuditOdds: u32 = 128;
	/// What an answer costs that was agreed on before, of what it would cost anew.
	pub const ReuseShare: Perbill = Perbill::from_percent(10);
	/// Validators with less service bond serve no model: half of what `validator setup` bonds, so that a charge at usual
	/// prices takes nobody out of service.
	pub const LeastServiceBond: Balance = 50 * SIB;
	/// Blocks that an ended job can be looked up for: six hours.
	pub const Retention: BlockNumber = 7_200;
	/// Open jobs in total: three blocks of 300, for as long as the largest take, with room. What validators have time for
	/// is bounded apart from this.
	pub const MaxOpenJobs: u32 = 6_000;
	/// Open jobs of one account.
	pub const MaxOpenJobsPerAccount: u32 = 512;
	/// Sessions before the current one whose keys still vote: 160 slots on networks with the shortest sessions, which is
	/// longer than a round while the agenda is less than some 130 blocks late, and 1,600 on the test network. There a round
	/// takes some 1,100 blocks with the agenda at its latest, so it is longer while seven of ten slots have a block.
	pub const KeySetHistory: u32 = 8;
	/// What a block's votes may weigh: 300 jobs' commits and as many jobs' reveals and ends, of five seats each.
	pub const MaxIncludeWeight: Weight = share_of_block(45);
	/// What a block's draws may weigh: more than 300.
	pub const MaxDrawWeight: Weight = share_of_block(15);
	/// What the deadlines that a block meets may weigh.
	pub const MaxDeadlineWeight: Weight = share_of_block(10);
	/// Results that each pallet that asks may wait for.
	pub const MaxRequests: u32 = 2_048;
	/// What a block's deliveries of results to them may weigh.
	pub const MaxDeliveryWeight: Weight = share_of_block(5);
}

/// The VRF of the block that is being made, which Babe notes in its `on_finalize`.
pub struct BlockVrf;

impl Get<Option<[u8; 32]>> for BlockVrf {
	fn get() -> Option<[u8; 32]> {
		pallet_babe::AuthorVrfRandomness::<Runtime>::get()
	}
}

/// All that is staked on a validator in the active era, by itself and its nominators.
pub struct EraStake;

impl StakeOf for EraStake {
	fn stake_of(validator: &AccountId) -> Balance {
		// Genesis has stakers and no active era yet; they are those of the first.
		let era = pallet_staking::ActiveEra::<Runtime>::get().map_or(0, |active| active.index);
		pallet_staking::ErasStakersOverview::<Runtime>::get(era, validator).map_or(0, |exposure| exposure.total)
	}
}

/// The number of the current session.
pub struct CurrentSession;

impl Get<u32> for CurrentSession {
	fn get() -> u32 {
		pallet_session::CurrentIndex::<Runtime>::get()
	}
}

/// The inference keys of the next session, which are fixed since the current one began.
pub struct NextKeys;

impl Get<Vec<(AccountId, InferenceId)>> for NextKeys {
	fn get() -> Vec<(AccountId, InferenceId)> {
		let queued = pallet_session::QueuedKeys::<Runtime>::get();
		queued.into_iter().map(|(validator, SessionKeys { inference, .. })| (validator, inference)).collect()
	}
}

/// Validators said what a second round contradicts: 2 % of their stake.
struct Contradiction {
	offenders: Vec<AccountId>,
	session: SessionIndex,
	case: (JobId, Round),
}

impl Offence<IdentificationTuple<Runtime>> for Contradiction {
	const ID: Kind = *b"infer:contradict";
	type Slot = (JobId, Round);

	fn offenders(&self) -> Vec<IdentificationTuple<Runtime>> {
		self.offenders.iter().map(|validator| (validator.clone(), ())).collect()
	}

	fn session_index(&self) -> SessionIndex {
		self.session
	}

	fn validator_set_count(&self) -> u32 {
		validators_of(self.session)
	}

	fn slot(&self) -> Self::Slot {
		self.case
	}

	fn slash_fraction(&self, _: u32) -> Perbill {
		Perbill::from_percent(2)
	}
}

/// A validator signed two commits of one seat: 10 % of its stake.
struct Equivocation {
	offender: AccountId,
	session: SessionIndex,
	seat: Hash,
}

impl Offence<IdentificationTuple<Runtime>> for Equivocation {
	const ID: Kind = *b"infer:equivocate";
	type Slot = Hash;

	fn offenders(&self) -> Vec<IdentificationTuple<Runtime>> {
		Vec::from([(self.offender.clone(), ())])
	}

	fn session_index(&self) -> SessionIndex {
		self.session
	}

	fn validator_set_count(&self) -> u32 {
		validators_of(self.session)
	}

	fn slot(&self) -> Self::Slot {
		self.seat
	}

	fn slash_fraction(&self, _: u32) -> Perbill {
		Perbill::from_percent(10)
	}
}

fn validators_of(session: SessionIndex) -> u32 {
	pallet_inference::Members::<Runtime>::iter_key_prefix(session).count().saturated_into()
}

/// Reports to the offences pallet, from which staking learns whom to slash.
pub struct ReportedOffences;

impl pallet_inference::Offences for ReportedOffences {
	fn contradicted(offenders: Vec<AccountId>, session: SessionIndex, case: (JobId, Round)) {
		let offence = Contradiction { offenders, session, case };
		if let Err(error) = Offences::report_offence(Vec::new(), offence) {
			log::warn!(target: "runtime::inference", "job {}: an offence is not reported: {error:?}", case.0);
		}
	}

	fn equivocated(reporter: Option<AccountId>, offender: AccountId, session: SessionIndex, seat: Hash) -> bool {
		let reporter = reporter.or_else(pallet_authorship::Pallet::<Runtime>::author);
		Offences::report_offence(reporter.into_iter().collect(), Equivocation { offender, session, seat }).is_ok()
	}

	fn is_known_equivocation(validator: &AccountId, seat: &Hash) -> bool {
		<Offences as ReportOffence<AccountId, IdentificationTuple<Runtime>, Equivocation>>::is_known_offence(
			&[(validator.clone(), ())],
			seat,
		)
	}
}

parameter_types! {
	/// What a model's author leaves for each model: enough that names are not hoarded.
	pub const ModelDeposit: Balance = 100 * SIB;
	/// A manifest of the largest size deposits some 33 SIB for its bytes.
	pub const ModelDepositPerByte: Balance = 10 * MILLI_SIB;
	/// A third of the stake: where byzantine validators have less, an honest one is among those that serve a model.
	pub const ActiveStake: Perbill = Perbill::from_parts(333_333_333);
}

impl pallet_models::Config for Runtime {
	type Deposits = Balances;
	type SuspendOrigin = MajorityOrRoot;
	type OnForgotten = Inference;
	type MaxModels = ConstU32<1_024>;
	type DepositBase = ModelDeposit;
	type DepositPerByte = ModelDepositPerByte;
	type WeightInfo = crate::weights::pallet_models::WeightInfo<Runtime>;
}

impl pallet_inference::Config for Runtime {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type BlockVrf = BlockVrf;
	type CurrentSession = CurrentSession;
	type NextKeys = NextKeys;
	type Stake = EraStake;
	type Offences = ReportedOffences;
	type DisabledValidators = Session;
	type PalletId = InferencePalletId;
	type ProtocolShare = ProtocolShare;
	type BlockTime = ConstU64<{ SLOT_DURATION * 1_000 }>;
	type CommitWindow = CommitWindow;
	type CommitGrace = CommitGrace;
	type RevealWindow = RevealWindow;
	type ActiveStake = ActiveStake;
	type AuditOdds = AuditOdds;
	type ReuseShare = ReuseShare;
	type LeastServiceBond = LeastServiceBond;
	type Retention = Retention;
	type MaxOpenJobs = MaxOpenJobs;
	type MaxOpenJobsPerAccount = MaxOpenJobsPerAccount;
	type MaxValidators = MaxAuthorities;
	type KeySetHistory = KeySetHistory;
	type MaxIncludeWeight = MaxIncludeWeight;
	type MaxDrawWeight = MaxDrawWeight;
	type MaxDeadlineWeight = MaxDeadlineWeight;
	type CancelOrigin = MajorityOrRoot;
	type Consumers = crate::configs::consumers::Consumers;
	type MaxRequests = MaxRequests;
	type MaxDeliveryWeight = MaxDeliveryWeight;
	type WeightInfo = crate::weights::pallet_inference::WeightInfo<Runtime>;
}
