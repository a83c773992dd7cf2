//! `validator payout`

use super::{account_of, announce, carry_out, clock::Clock, SignedOptions, State, Step};
use crate::{sib, Error};
use pallet_staking::{
	ActiveEra, ActiveEraInfo, ClaimedRewards, EraRewardPoints, ErasRewardPoints, ErasStakersOverview,
	ErasValidatorPrefs, ErasValidatorReward, Event, ValidatorPrefs,
};
use sibyl_primitives::{AccountId, Balance};
use sibyl_rpc_types::address;
use sibyl_runtime::{configs::staking::HistoryDepth, Runtime, RuntimeEvent};
use sp_runtime::Perbill;
use sp_staking::{EraIndex, Page, PagedExposureMetadata};

/// Pages of nominators that are paid in one transaction: a page of the largest weighs about a tenth of what a block takes.
const PAGES_AT_ONCE: usize = 4;

/// `validator payout`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sibyl-node validator payout --suri-file my-secret")]
pub struct PayoutCommand {
	#[command(flatten)]
	options: SignedOptions,

	/// The validator whose rewards are paid, and its nominators'; the account that signs where none is given. Anyone may pay
	/// for anyone.
	#[arg(long, value_name = "ADDRESS")]
	validator: Option<String>,
}

/// An era whose rewards have not been paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unclaimed {
	/// The era.
	pub era: EraIndex,
	/// What the validator itself gets.
	pub own: Balance,
	/// What it and its nominators get.
	pub total: Balance,
	/// Pages of nominators that are not paid yet.
	pub pages: Vec<Page>,
}

impl PayoutCommand {
	/// Has them paid.
	pub async fn run(&self) -> Result<(), Error> {
		let node = self.options.node.connect().await?;
		let requester = self.options.signer.signer()?;
		let account = match &self.validator {
			Some(validator) => account_of(validator)?,
			None => requester.account(),
		};
		let state = State::finalized(&node).await?;
		let unclaimed = unclaimed(&state, &account).await?;
		if unclaimed.is_empty() {
			let clock = Clock::read(&state).await?;
			println!(
				"{} has nothing to be paid: this era, {}, is paid when it is over, in about {}.",
				address(&account),
				clock.active_era,
				clock.until(clock.start_of(clock.active_era.saturating_add(1)).max(clock.session.saturating_add(1))),
			);
			return Ok(());
		}
		let lines: Vec<_> = unclaimed.iter().map(Unclaimed::line).collect();
		announce(&node, &self.options.signer, &requester.account(), lines.iter().map(String::as_str)).await?;
		let mut paid: Balance = 0;
		let mut steps: Vec<_> = unclaimed.iter().flat_map(|unclaimed| unclaimed.steps(&account)).collect();
		while !steps.is_empty() {
			let later = steps.split_off(steps.len().min(PAGES_AT_ONCE));
			let included = carry_out(&node, &requester, steps).await?;
			paid = paid.saturating_add(rewards(&included.events, &account));
			steps = later;
		}
		println!("{} was paid {}.", address(&account), sib(paid));
		Ok(())
	}
}

impl Unclaimed {
	fn line(&self) -> String {
		let nominators = self.total.saturating_sub(self.own);
		let nominators = match nominators {
			0 => String::new(),
			nominators => format!(", and {} to its nominators", sib(nominators)),
		};
		format!("pay the rewards of era {}: {} to the validator{nominators}", self.era, sib(self.own))
	}

	fn steps(&self, validator: &AccountId) -> Vec<Step> {
		let step = |page: &Page| {
			let (validator_stash, era, page) = (validator.clone(), self.era, *page);
			Step::new(self.line(), pallet_staking::Call::payout_stakers_by_page { validator_stash, era, page })
		};
		self.pages.iter().map(step).collect()
	}
}

/// What the validator got by these events.
fn rewards(events: &[RuntimeEvent], validator: &AccountId) -> Balance {
	let reward = |event: &RuntimeEvent| match event {
		RuntimeEvent::Staking(Event::Rewarded { stash, amount, .. }) if stash == validator => *amount,
		_ => 0,
	};
	events.iter().map(reward).fold(0, Balance::saturating_add)
}

/// The eras that a validator's rewards have not been paid of, the oldest first.
pub async fn unclaimed(state: &State<'_>, validator: &AccountId) -> Result<Vec<Unclaimed>, Error> {
	let active: Option<ActiveEraInfo> = state.get("Staking.ActiveEra", ActiveEra::<Runtime>::hashed_key()).await?;
	let active = active.map_or(0, |active| active.index);
	let eras: Vec<_> = (active.saturating_sub(HistoryDepth::get())..active).collect();
	let of = |key: fn(EraIndex, &AccountId) -> Vec<u8>| eras.iter().map(|era| key(*era, validator)).collect::<Vec<_>>();
	let overviews = of(|era, validator| ErasStakersOverview::<Runtime>::hashed_key_for(era, validator));
	let overviews = state.get_all::<PagedExposureMetadata<Balance>>("Staking.ErasStakersOverview", &overviews).await?;
	let claimed = of(|era, validator| ClaimedRewards::<Runtime>::hashed_key_for(era, validator));
	let claimed = state.get_all::<Vec<Page>>("Staking.ClaimedRewards", &claimed).await?;
	let rewards = of(|era, _| ErasValidatorReward::<Runtime>::hashed_key_for(era));
	let rewards = state.get_all::<Balance>("Staking.ErasValidatorReward", &rewards).await?;
	let points = of(|era, _| ErasRewardPoints::<Runtime>::hashed_key_for(era));
	let points = state.get_all::<EraRewardPoints<AccountId>>("Staking.ErasRewardPoints", &points).await?;
	let prefs = of(|era, validator| ErasValidatorPrefs::<Runtime>::hashed_key_for(era, validator));
	let prefs = state.get_all::<ValidatorPrefs>("Staking.ErasValidatorPrefs", &prefs).await?;
	let entries = overviews.into_iter().zip(claimed).zip(rewards).zip(points).zip(prefs);
	let unclaimed = eras.iter().zip(entries).filter_map(|(era, ((((overview, claimed), reward), points), prefs))| {
		let points = points?;
		let own_points = points.individual.get(validator).copied().filter(|points| *points > 0)?;
		let part = Perbill::from_rational(own_points, points.total);
		let commission = prefs.map_or(Perbill::zero(), |prefs| prefs.commission);
		left(*era, &overview?, &claimed.unwrap_or_default(), part * reward?, commission)
	});
	Ok(unclaimed.collect())
}

/// What is left of an era's reward for a validator and its nominators.
fn left(
	era: EraIndex,
	stake: &PagedExposureMetadata<Balance>,
	claimed: &[Page],
	total: Balance,
	commission: Perbill,
) -> Option<Unclaimed> {
	// A validator without nominators has one page as well.
	let pages: Vec<_> = (0..stake.page_count.max(1)).filter(|page| !claimed.contains(page)).collect();
	let commission = commission * total;
	let own = Perbill::from_rational(stake.own, stake.total.max(1)) * total.saturating_sub(commission);
	(!pages.is_empty()).then(|| Unclaimed { era, own: own.saturating_add(commission), total, pages })
}

#[cfg(test)]
mod tests {
	use super::*;
	use sibyl_runtime::constants::SIB;

	fn stake(own: Balance, total: Balance, page_count: Page) -> PagedExposureMetadata<Balance> {
		PagedExposureMetadata { own, total, nominator_count: 0, page_count }
	}

	#[test]
	fn a_validator_alone_gets_all_of_its_part_and_one_with_nominators_its_share_and_commission() {
		let alone = left(3, &stake(100, 100, 1), &[], SIB, Perbill::zero()).expect("nothing is paid");
		assert_eq!((alone.own, alone.total, alone.pages.clone()), (SIB, SIB, vec![0]));
		assert_eq!(alone.line(), "pay the rewards of era 3: 1 SIB to the validator");
		let shared = left(3, &stake(25, 100, 2), &[], SIB, Perbill::from_percent(20)).expect("nothing is paid");
		assert_eq!(shared.own, SIB / 5 + SIB / 5, "a fifth as commission, and a quarter of the rest");
		assert_eq!(shared.pages, [0, 1]);
		assert!(shared.line().ends_with("0.4 SIB to the validator, and 0.6 SIB to its nominators"));
	}

	#[test]
	fn pages_that_are_paid_are_not_paid_again() {
		let some = left(3, &stake(25, 100, 2), &[0], SIB, Perbill::zero()).expect("one page is left");
		assert_eq!(some.pages, [1]);
		let validator = AccountId::from([1; 32]);
		assert_eq!(some.steps(&validator).len(), 1);
		assert_eq!(left(3, &stake(25, 100, 2), &[0, 1], SIB, Perbill::zero()), None);
		assert_eq!(left(3, &stake(25, 25, 0), &[0], SIB, Perbill::zero()), None);
	}

	#[test]
	fn what_was_paid_is_what_the_validator_got() {
		let (validator, nominator) = (AccountId::from([1; 32]), AccountId::from([2; 32]));
		let dest = pallet_staking::RewardDestination::Staked;
		let rewarded = |stash: &AccountId, amount| Event::Rewarded { stash: stash.clone(), dest: dest.clone(), amount };
		let events = [rewarded(&validator, 3), rewarded(&nominator, 5), rewarded(&validator, 4)];
		assert_eq!(rewards(&events.map(RuntimeEvent::Staking), &validator), 7);
	}
}
