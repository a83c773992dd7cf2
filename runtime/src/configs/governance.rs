//! Who decides: a council, its delay, what it can do without one, and the money it spends.
//!
//! `docs/governance.md` says it for those who take part.

use crate::{
	configs::{inference::InferencePalletId, system::share_of_block},
	constants::{DAY, MICRO_SIB, MILLI_SIB, SIB},
	AccountId, Balance, Balances, BlockNumber, Council, Inference, OriginCaller, Preimage, Runtime, RuntimeCall,
	RuntimeEvent, RuntimeHoldReason, RuntimeOrigin, System,
};
use frame_support::{
	parameter_types,
	traits::{
		fungible::{HoldConsideration, Inspect, Mutate},
		tokens::{Fortitude, Pay, PaymentStatus, Preservation, UnityAssetBalanceConversion},
		ConstU128, ConstU32, Contains, EitherOf, EitherOfDiverse, EqualPrivilegeOnly, LinearStoragePrice,
	},
	weights::Weight,
};
use frame_system::{EnsureRoot, EnsureRootWithSuccess, EnsureWithSuccess};
use pallet_collective::{EnsureProportionAtLeast, EnsureProportionMoreThan};
use sp_runtime::{
	traits::AccountIdLookup,
	DispatchError, Permill,
	TokenError::{FundsUnavailable, NotExpendable},
};

/// The instance of the collective and of its members' list that is the council.
pub type CouncilInstance = pallet_collective::Instance1;

/// At least two thirds of the council: what binds everybody asks for more than a narrow majority.
pub type TwoThirds = EnsureProportionAtLeast<AccountId, CouncilInstance, 2, 3>;
/// More than a third of the council: exactly those who, voting against it, would have kept two thirds from deciding. Who can
/// stop a call while it waits has no more power than at the vote, only more time.
pub type BlockingMinority = EnsureProportionMoreThan<AccountId, CouncilInstance, 1, 3>;
/// More than half of the council: what stops something for a while, and can be undone as fast.
pub type Majority = EnsureProportionMoreThan<AccountId, CouncilInstance, 1, 2>;
/// More than half of the council, or root.
pub type MajorityOrRoot = EitherOfDiverse<EnsureRoot<AccountId>, Majority>;

parameter_types! {
	/// Members of the council at most.
	pub const MaxMembers: u32 = 21;
	/// What a motion's call may weigh.
	pub const MaxProposalWeight: Weight = share_of_block(50);
	/// What calls whose time has come may weigh in a block: what votes, draws and deadlines leave of it.
	pub const MaxScheduledWeight: Weight = share_of_block(30);
	/// What one such call may weigh, beside what the scheduler itself needs.
	pub const MaxScheduledCallWeight: Weight = share_of_block(24);
	/// Why tokens are held for the bytes of a call.
	pub const PreimageHoldReason: RuntimeHoldReason = RuntimeHoldReason::Preimage(pallet_preimage::HoldReason::Preimage);
	/// Nobody can enter or extend the safe mode for a deposit.
	pub const NoDeposit: Option<Balance> = None;
	/// No deposit is ever to be given back.
	pub const NoRelease: Option<BlockNumber> = None;
	/// Nothing of the treasury is burnt.
	pub const NoBurn: Permill = Permill::zero();
	/// The council's spending has no limit but what there is.
	pub const AnyAmount: Balance = Balance::MAX;
	/// What the treasury leaves in the protocol's account, for audits: some seventy of 31 seats, each of the dearest job that the
	/// models of the genesis can have. Where every block settles 300 jobs some 45 are open at once.
	pub const AuditReserve: Balance = 100 * SIB;
}

/// Who doesn't vote has not agreed, whoever is the prime member: decisions name those who made them.
pub struct AbstentionIsNo;

impl pallet_collective::DefaultVote for AbstentionIsNo {
	fn default_vote(_prime: Option<bool>, _yes: u32, _no: u32, _members: u32) -> bool {
		false
	}
}

impl pallet_collective::Config<CouncilInstance> for Runtime {
	type RuntimeOrigin = RuntimeOrigin;
	type Proposal = RuntimeCall;
	type RuntimeEvent = RuntimeEvent;
	type MotionDuration = ConstU32<{ 3 * DAY }>;
	// A member that fills them all is voted down: a motion that can't pass any more is closed at once.
	type MaxProposals = ConstU32<64>;
	type MaxMembers = MaxMembers;
	type DefaultVote = AbstentionIsNo;
	// The list of members is the membership's.
	type SetMembersOrigin = EnsureRoot<AccountId>;
	type MaxProposalWeight = MaxProposalWeight;
	type DisapproveOrigin = EnsureRoot<AccountId>;
	type KillOrigin = EnsureRoot<AccountId>;
	type Consideration = ();
	type WeightInfo = pallet_collective::weights::SubstrateWeight<Runtime>;
}

impl pallet_membership::Config<CouncilInstance> for Runtime {
	type RuntimeEvent = RuntimeEvent;
	type AddOrigin = EnsureRoot<AccountId>;
	type RemoveOrigin = EnsureRoot<AccountId>;
	type SwapOrigin = EnsureRoot<AccountId>;
	type ResetOrigin = EnsureRoot<AccountId>;
	type PrimeOrigin = EnsureRoot<AccountId>;
	type MembershipInitialized = Council;
	type MembershipChanged = Council;
	type MaxMembers = MaxMembers;
	type WeightInfo = pallet_membership::weights::SubstrateWeight<Runtime>;
}

impl pallet_preimage::Config for Runtime {
	type RuntimeEvent = RuntimeEvent;
	type WeightInfo = pallet_preimage::weights::SubstrateWeight<Runtime>;
	type Currency = Balances;
	type ManagerOrigin = EnsureRoot<AccountId>;
	type Consideration = HoldConsideration<
		AccountId,
		Balances,
		PreimageHoldReason,
		LinearStoragePrice<ConstU128<{ 100 * MILLI_SIB }>, ConstU128<{ 100 * MICRO_SIB }>, Balance>,
	>;
}

impl pallet_scheduler::Config for Runtime {
	type RuntimeEvent = RuntimeEvent;
	type RuntimeOrigin = RuntimeOrigin;
	type PalletsOrigin = OriginCaller;
	type RuntimeCall = RuntimeCall;
	type MaximumWeight = MaxScheduledWeight;
	// The council schedules by the timelock.
	type ScheduleOrigin = EnsureRoot<AccountId>;
	type OriginPrivilegeCmp = EqualPrivilegeOnly;
	type MaxScheduledPerBlock = ConstU32<50>;
	type WeightInfo = pallet_scheduler::weights::SubstrateWeight<Runtime>;
	type Preimages = Preimage;
	type BlockNumberProvider = System;
}

/// Calls that are of no use after a delay of two days.
pub struct UrgentCalls;

impl Contains<RuntimeCall> for UrgentCalls {
	fn contains(call: &RuntimeCall) -> bool {
		// A slash is applied seven eras after its offence, which can be seven hours. Staking has one origin for this and for
		// calls as `manual_slash`, which can wait.
		matches!(call, RuntimeCall::Staking(pallet_staking::Call::cancel_deferred_slash { .. }))
	}
}

/// An urgent call that succeeds, for benchmarks.
#[cfg(feature = "runtime-benchmarks")]
pub struct UrgentCall;

#[cfg(feature = "runtime-benchmarks")]
impl frame_support::traits::Get<RuntimeCall> for UrgentCall {
	fn get() -> RuntimeCall {
		let slash = pallet_staking::UnappliedSlash::default_from(AccountId::new([1; 32]));
		pallet_staking::UnappliedSlashes::<Runtime>::insert(1, alloc::vec![slash]);
		pallet_staking::Call::cancel_deferred_slash { era: 1, slash_indices: alloc::vec![0] }.into()
	}
}

impl pallet_timelock::Config for Runtime {
	type ScheduleOrigin = TwoThirds;
	type CancelOrigin = BlockingMinority;
	type UrgentOrigin = TwoThirds;
	type UrgentCalls = UrgentCalls;
	type MaxCallWeight = MaxScheduledCallWeight;
	type WeightInfo = crate::weights::pallet_timelock::WeightInfo<Runtime>;
	#[cfg(feature = "runtime-benchmarks")]
	type UrgentCall = UrgentCall;
}

/// What goes on in the safe mode: blocks, their votes and their finality; what validators answer for; the council and root.
///
/// Calls of root are not filtered.
pub struct EssentialCalls;

impl Contains<RuntimeCall> for EssentialCalls {
	fn contains(call: &RuntimeCall) -> bool {
		use pallet_inference::Call::{cancel, include, report_equivocation, report_equivocation_unsigned};
		matches!(
			call,
			RuntimeCall::Timestamp(_)
				| RuntimeCall::Inference(
					include { .. } | report_equivocation { .. } | report_equivocation_unsigned { .. } | cancel { .. }
				) | RuntimeCall::Babe(_)
				| RuntimeCall::Grandpa(_)
				| RuntimeCall::Session(_)
				| RuntimeCall::Models(pallet_models::Call::suspend { .. } | pallet_models::Call::resume { .. })
				| RuntimeCall::Council(_)
				| RuntimeCall::CouncilMembership(_)
				| RuntimeCall::Timelock(_)
				| RuntimeCall::Sudo(_)
				| RuntimeCall::System(frame_system::Call::apply_authorized_upgrade { .. })
		)
	}
}

/// Who enters and extends the safe mode, each time for a day.
type EntersSafeMode =
	EitherOf<EnsureRootWithSuccess<AccountId, ConstU32<DAY>>, EnsureWithSuccess<Majority, AccountId, ConstU32<DAY>>>;

impl pallet_safe_mode::Config for Runtime {
	type RuntimeEvent = RuntimeEvent;
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type WhitelistedCalls = EssentialCalls;
	type EnterDuration = ConstU32<DAY>;
	type ExtendDuration = ConstU32<DAY>;
	type EnterDepositAmount = NoDeposit;
	type ExtendDepositAmount = NoDeposit;
	type ForceEnterOrigin = EntersSafeMode;
	type ForceExtendOrigin = EntersSafeMode;
	type ForceExitOrigin = MajorityOrRoot;
	type ForceDepositOrigin = EnsureRoot<AccountId>;
	type Notify = ();
	type ReleaseDelay = NoRelease;
	type WeightInfo = pallet_safe_mode::weights::SubstrateWeight<Runtime>;
}

/// Pays from the protocol's account, and leaves [`AuditReserve`] in it.
pub struct FromProtocol;

impl Pay for FromProtocol {
	type Balance = Balance;
	type Beneficiary = AccountId;
	type AssetKind = ();
	type Id = ();
	type Error = DispatchError;

	fn pay(who: &AccountId, _: (), amount: Balance) -> Result<(), DispatchError> {
		let protocol = Inference::protocol_account();
		let available = Balances::reducible_balance(&protocol, Preservation::Preserve, Fortitude::Polite);
		let rest = available.checked_sub(amount).ok_or(FundsUnavailable)?;
		frame_support::ensure!(rest >= AuditReserve::get(), NotExpendable);
		Balances::transfer(&protocol, who, amount, Preservation::Preserve).map(drop)
	}

	fn check_payment(_: ()) -> PaymentStatus {
		PaymentStatus::Success
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_successful(_: &AccountId, _: (), amount: Balance) {
		let endowment = amount.saturating_add(AuditReserve::get()).saturating_add(SIB);
		let _ = Balances::mint_into(&Inference::protocol_account(), endowment);
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_concluded(_: ()) {}
}

impl pallet_treasury::Config for Runtime {
	type Currency = Balances;
	// Spending waits for the delay as all of root's calls do, and who can cancel it then can also call a spend back.
	type SpendOrigin = EnsureRootWithSuccess<AccountId, AnyAmount>;
	type RejectOrigin = EitherOfDiverse<EnsureRoot<AccountId>, BlockingMinority>;
	type RuntimeEvent = RuntimeEvent;
	type SpendPeriod = ConstU32<DAY>;
	type Burn = NoBurn;
	// The protocol's account.
	type PalletId = InferencePalletId;
	type BurnDestination = ();
	type WeightInfo = pallet_treasury::weights::SubstrateWeight<Runtime>;
	type SpendFunds = ();
	// None by `spend_local`, an old way past [`FromProtocol`].
	type MaxApprovals = ConstU32<0>;
	type AssetKind = ();
	type Beneficiary = AccountId;
	type BeneficiaryLookup = AccountIdLookup<AccountId, ()>;
	type Paymaster = FromProtocol;
	type BalanceConverter = UnityAssetBalanceConversion;
	type PayoutPeriod = ConstU32<{ 30 * DAY }>;
	type BlockNumberProvider = System;
	#[cfg(feature = "runtime-benchmarks")]
	type BenchmarkHelper = ();
}
