//! `validator leave`

use super::{announce, carry_out, clock::Clock, SignedOptions, State, Step, ValidatorError};
use crate::{connection::Connection, sib, Error};
use jsonrpsee::rpc_params;
use pallet_session::Validators as SessionMembers;
use pallet_staking::{Bonded, Ledger, SlashingSpans, StakingLedger, ValidatorPrefs, Validators};
use sibyl_primitives::{AccountId, Balance};
use sibyl_rpc_types::{address, Validator};
use sibyl_runtime::{configs::staking::BondingDuration, Runtime};
use sp_staking::EraIndex;

/// `validator leave`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sibyl-node validator leave --suri-file my-secret")]
pub struct LeaveCommand {
	#[command(flatten)]
	options: SignedOptions,
}

/// What an account has bonded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Bonds {
	is_candidate: bool,
	is_elected: bool,
	/// What it has staked.
	active: Balance,
	/// What it has unbonded, and in which era each part is free.
	unlocking: Vec<(Balance, EraIndex)>,
	slashing_spans: u32,
	/// Its service bond, and what of it covers open seats.
	service: (Balance, Balance),
}

impl LeaveCommand {
	/// Does what can be done now, and says what comes later.
	pub async fn run(&self) -> Result<(), Error> {
		let node = self.options.node.connect().await?;
		let requester = self.options.signer.signer()?;
		let account = requester.account();
		let state = State::best(&node).await?;
		let clock = Clock::read(&state).await?;
		let bonds = bonds(&node, &state, &account).await?;
		if bonds == Bonds::default() {
			return Err(ValidatorError::NoValidator { account: address(&account) }.into());
		}
		let steps = bonds.steps(clock.planned_era);
		if !steps.is_empty() {
			announce(&node, &self.options.signer, &account, steps.iter().map(|step| step.what.as_str())).await?;
			carry_out(&node, &requester, steps).await?;
		}
		let state = State::finalized(&node).await?;
		let (bonds, clock) = (self::bonds(&node, &state, &account).await?, Clock::read(&state).await?);
		bonds.outlook(&clock).iter().for_each(|line| println!("{line}"));
		Ok(())
	}
}

async fn bonds(node: &Connection, state: &State<'_>, account: &AccountId) -> Result<Bonds, Error> {
	let controller: Option<AccountId> = state.get("Staking.Bonded", Bonded::<Runtime>::hashed_key_for(account)).await?;
	let ledger = controller.map(Ledger::<Runtime>::hashed_key_for);
	let ledger: Option<StakingLedger<Runtime>> = match ledger {
		Some(key) => state.get("Staking.Ledger", key).await?,
		None => None,
	};
	let spans = SlashingSpans::<Runtime>::hashed_key_for(account);
	// The pallet keeps the fields to itself: the last list is of the spans before the present one.
	let spans: Option<(u32, EraIndex, EraIndex, Vec<EraIndex>)> = state.get("Staking.SlashingSpans", spans).await?;
	let candidate = Validators::<Runtime>::hashed_key_for(account);
	let members = state.get::<Vec<AccountId>>("Session.Validators", SessionMembers::<Runtime>::hashed_key()).await?;
	let service: Validator = node.call("inference_validator", rpc_params![address(account)]).await?;
	let amount = |text: &str| text.parse().unwrap_or_default();
	Ok(Bonds {
		is_candidate: state.get::<ValidatorPrefs>("Staking.Validators", candidate).await?.is_some(),
		is_elected: members.is_some_and(|members| members.contains(account)),
		active: ledger.as_ref().map_or(0, |ledger| ledger.active),
		unlocking: ledger.map_or_else(Vec::new, |ledger| {
			ledger.unlocking.into_iter().map(|chunk| (chunk.value, chunk.era)).collect()
		}),
		slashing_spans: spans.map_or(0, |(.., prior)| (prior.len() as u32).saturating_add(1)),
		service: (amount(&service.bond), amount(&service.reserved)),
	})
}

impl Bonds {
	/// What can be done in this era.
	fn steps(&self, era: EraIndex) -> Vec<Step> {
		let mut steps = Vec::new();
		if self.is_candidate {
			steps.push(Step::new("stand for election no more", pallet_staking::Call::chill {}));
		}
		let free = self.free(era);
		if free > 0 {
			let call = pallet_staking::Call::withdraw_unbonded { num_slashing_spans: self.slashing_spans };
			steps.push(Step::new(format!("withdraw {} that are free", sib(free)), call));
		}
		if self.active > 0 {
			let call = pallet_staking::Call::unbond { value: self.active };
			steps.push(Step::new(
				format!("unbond {}, which are free {} eras later", sib(self.active), BondingDuration::get()),
				call,
			));
		}
		let (bond, reserved) = self.service;
		let unreserved = bond.saturating_sub(reserved);
		// Who still validates is drawn: without a bond it would serve no model any more.
		if unreserved > 0 && !self.is_elected {
			let call = pallet_inference::Call::unbond_service { amount: unreserved };
			steps.push(Step::new(format!("take back {} that cover no open seat", sib(unreserved)), call));
		}
		steps
	}

	fn free(&self, era: EraIndex) -> Balance {
		self.unlocking.iter().filter(|(_, free_in)| *free_in <= era).map(|(value, _)| value).sum()
	}

	/// What comes later.
	fn outlook(&self, clock: &Clock) -> Vec<String> {
		let mut lines = Vec::new();
		if self.is_elected {
			let end = clock.end_of_planned_era();
			lines.push(format!(
				"It still validates: keep the node running until session {end} at the latest, in about {}; 'sibyl-node status' \
				 says when it is elected no more.",
				clock.until(end)
			));
		}
		let (bond, reserved) = self.service;
		if self.is_elected && bond > 0 {
			lines.push(format!("{} cover its seats until then: give the command again.", sib(bond)));
		} else if reserved > 0 {
			lines.push(format!("{} cover open seats: give the command again when these have ended.", sib(reserved)));
		}
		for (value, era) in &self.unlocking {
			lines.push(match *era <= clock.planned_era {
				true => format!("{} are free: give the command again.", sib(*value)),
				false => format!(
					"{} are free in era {era}, in about {}: give the command again then.",
					sib(*value),
					clock.until(clock.start_of(*era))
				),
			});
		}
		if lines.is_empty() {
			lines.push("Nothing is bonded any more.".into());
		}
		lines
	}
}

#[cfg(test)]
mod tests {
	use super::super::transaction::names;
	use super::*;
	use sibyl_runtime::constants::SIB;

	const CLOCK: Clock = Clock {
		session: 7,
		active_era: 3,
		planned_era: 3,
		planned_start: 6,
		sessions_in_era: 2,
		slots_in_session: 20,
		slots_left: 20,
	};

	fn calls(bonds: &Bonds) -> Vec<String> {
		bonds.steps(CLOCK.planned_era).iter().map(|step| names(std::slice::from_ref(&step.call))).collect()
	}

	#[test]
	fn who_leaves_stands_no_more_before_it_unbonds_and_takes_back_what_covers_nothing_when_it_validates_no_more() {
		let elected = Bonds {
			is_candidate: true,
			is_elected: true,
			active: 1_000 * SIB,
			service: (100 * SIB, 10 * SIB),
			..Bonds::default()
		};
		assert_eq!(calls(&elected), ["staking.chill", "staking.unbond"]);
		let outlook = elected.outlook(&CLOCK);
		assert!(outlook[0].contains("until session 8"), "{outlook:?}");
		assert_eq!(outlook[1], "100 SIB cover its seats until then: give the command again.");

		let left = Bonds { is_candidate: false, is_elected: false, active: 0, ..elected };
		assert_eq!(calls(&left), ["inference.unbond_service"]);
		assert_eq!(left.steps(3)[0].what, "take back 90 SIB that cover no open seat");
		assert_eq!(left.outlook(&CLOCK), ["10 SIB cover open seats: give the command again when these have ended."]);
	}

	#[test]
	fn what_is_unbonded_is_withdrawn_when_it_is_free_and_not_before() {
		let bonds = Bonds { unlocking: vec![(SIB, 3), (2 * SIB, 17)], ..Bonds::default() };
		assert_eq!(calls(&bonds), ["staking.withdraw_unbonded"]);
		assert_eq!(bonds.steps(3)[0].what, "withdraw 1 SIB that are free");
		assert!(bonds.steps(2).is_empty());
		let outlook = bonds.outlook(&CLOCK);
		assert!(outlook[0].contains("1 SIB are free: give the command again"), "{outlook:?}");
		assert!(outlook[1].contains("2 SIB are free in era 17, in about 27 min"), "{outlook:?}");
		assert_eq!(Bonds::default().outlook(&CLOCK), ["Nothing is bonded any more."]);
	}
}
