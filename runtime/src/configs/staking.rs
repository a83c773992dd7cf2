//! Stake: who is elected to validate, what validators earn and how long stake stays bound.

use crate::{
	constants::MILLIS_PER_YEAR, AccountId, Balance, Balances, Runtime, RuntimeEvent, RuntimeHoldReason, Session,
	Staking, Timestamp, VoterList,
};
use frame_election_provider_support::{
	bounds::{ElectionBounds, ElectionBoundsBuilder},
	onchain, ScoreProvider, SequentialPhragmen, VoteWeight,
};
use frame_support::{
	parameter_types,
	traits::{ConstBool, ConstU32, Nothing},
};
use frame_system::EnsureRoot;
use pallet_timing::SessionsPerEra;
use sp_runtime::{Perbill, Perquintill};

parameter_types! {
	/// Eras that stake stays bound after it is unbonded: as long as an offence can be reported.
	pub const BondingDuration: u32 = 14;
	/// Eras between an offence and its slash, in which root may cancel it.
	pub const SlashDeferDuration: u32 = 7;
	/// Eras whose rewards can be claimed.
	pub const HistoryDepth: u32 = 84;
	/// Validators elected at most.
	pub const MaxValidatorSet: u32 = 300;
	/// Accounts that may stand for election; more are refused. The election is computed on chain, in one block.
	pub const MaxValidatorCount: u32 = 400;
	/// Voters that an election reads, nominators and candidates for themselves: those of the heaviest bags. Anyone may
	/// nominate, and places are outbid, not taken.
	pub const MaxElectingVoters: u32 = 1_400;
	/// The voters and targets that one election reads.
	pub Bounds: ElectionBounds = ElectionBoundsBuilder::default()
		.voters_count(MaxElectingVoters::get().into())
		.targets_count(MaxValidatorCount::get().into())
		.build();
	/// The bags that voters lie in, the next one for twice the stake: an election reads them from the heaviest on.
	pub const VoterBags: &'static [VoteWeight] = &VOTER_BAGS;
	/// New tokens a year for those who stake, as a share of all tokens.
	pub const YearlyInflation: Perbill = Perbill::from_percent(5);
}

const VOTER_BAGS: [VoteWeight; 64] = {
	let mut bags = [VoteWeight::MAX; 64];
	let mut bag = 0;
	while bag < bags.len() - 1 {
		bags[bag] = 1 << bag;
		bag += 1;
	}
	bags
};

/// Pays the stakers of an era its share of [`YearlyInflation`], whatever part of the tokens is staked: the less is
/// staked, the more each staked token earns.
pub struct FixedInflation;

impl sp_staking::EraPayout<Balance> for FixedInflation {
	fn era_payout(_total_staked: Balance, total_issuance: Balance, era_millis: u64) -> (Balance, Balance) {
		// An era in which the chain stood still can look long; it pays for a year at most.
		let share_of_year = Perquintill::from_rational(era_millis.min(MILLIS_PER_YEAR), MILLIS_PER_YEAR);
		(share_of_year * (YearlyInflation::get() * total_issuance), 0)
	}
}

/// The election, computed in the block that plans a new era.
pub struct OnChainElection;

impl onchain::Config for OnChainElection {
	type Sort = ConstBool<true>;
	type System = Runtime;
	type Solver = SequentialPhragmen<AccountId, Perbill>;
	type DataProvider = Staking;
	type WeightInfo = frame_election_provider_support::weights::SubstrateWeight<Runtime>;
	type MaxWinnersPerPage = MaxValidatorSet;
	type MaxBackersPerWinner = MaxElectingVoters;
	type Bounds = Bounds;
}

/// The sizes staking is benchmarked with.
pub struct StakingBenchmarks;

impl pallet_staking::BenchmarkingConfig for StakingBenchmarks {
	type MaxValidators = MaxValidatorCount;
	type MaxNominators = MaxElectingVoters;
}

/// The stake of who votes in elections. Staking's own score is that of everybody who has bonded: by it anybody could put
/// accounts into the list that neither validate nor nominate, where they take voters' places.
pub struct VoterScore;

impl ScoreProvider<AccountId> for VoterScore {
	type Score = VoteWeight;

	fn score(who: &AccountId) -> Option<VoteWeight> {
		let votes = pallet_staking::Validators::<Runtime>::contains_key(who)
			|| pallet_staking::Nominators::<Runtime>::contains_key(who);
		votes.then(|| Staking::score(who)).flatten()
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn set_score_of(who: &AccountId, score: VoteWeight) {
		pallet_staking::Validators::<Runtime>::insert(who, pallet_staking::ValidatorPrefs::default());
		Staking::set_score_of(who, score);
	}
}

impl pallet_bags_list::Config<pallet_bags_list::Instance1> for Runtime {
	type RuntimeEvent = RuntimeEvent;
	type WeightInfo = pallet_bags_list::weights::SubstrateWeight<Runtime>;
	type ScoreProvider = VoterScore;
	type BagThresholds = VoterBags;
	type MaxAutoRebagPerBlock = ConstU32<0>;
	type Score = VoteWeight;
}

impl pallet_staking::Config for Runtime {
	type OldCurrency = Balances;
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type CurrencyBalance = Balance;
	type UnixTime = Timestamp;
	type CurrencyToVote = sp_staking::currency_to_vote::U128CurrencyToVote;
	type ElectionProvider = onchain::OnChainExecution<OnChainElection>;
	type GenesisElectionProvider = onchain::OnChainExecution<OnChainElection>;
	type NominationsQuota = pallet_staking::FixedNominationsQuota<16>;
	type HistoryDepth = HistoryDepth;
	type RewardRemainder = ();
	type RuntimeEvent = RuntimeEvent;
	// Slashed tokens are burnt, rewards are minted.
	type Slash = ();
	type Reward = ();
	type SessionsPerEra = SessionsPerEra<Runtime>;
	type BondingDuration = BondingDuration;
	type SlashDeferDuration = SlashDeferDuration;
	type AdminOrigin = EnsureRoot<AccountId>;
	type SessionInterface = Self;
	type EraPayout = FixedInflation;
	type NextNewSession = Session;
	type MaxExposurePageSize = ConstU32<256>;
	type MaxValidatorSet = MaxValidatorSet;
	type VoterList = VoterList;
	type TargetList = pallet_staking::UseValidatorsMap<Self>;
	type MaxUnlockingChunks = ConstU32<32>;
	type MaxControllersInDeprecationBatch = ConstU32<100>;
	type EventListeners = ();
	type Filter = Nothing;
	type BenchmarkingConfig = StakingBenchmarks;
	type WeightInfo = pallet_staking::weights::SubstrateWeight<Runtime>;
}
