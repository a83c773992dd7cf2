//! `validator setup`

use super::{announce, carry_out, clock::Clock, new_keys, ready, SignedOptions, State, Step, ValidatorError, SET_KEYS};
use crate::{amount::parse_sib, connection::Connection, sib, Error};
use jsonrpsee::rpc_params;
use pallet_session::Validators as SessionMembers;
use pallet_staking::{
	Bonded, Ledger, MinValidatorBond, RewardDestination, StakingLedger, ValidatorCount, ValidatorPrefs, Validators,
};
use sibyl_primitives::{AccountId, Balance};
use sibyl_rpc_types::{address, NodeStatus, OwnValidator, Validator};
use sibyl_runtime::{
	configs::inference::LeastServiceBond,
	constants::{MILLI_SIB, SIB},
	Runtime,
};
use sp_runtime::Perbill;

/// What covers a validator's seats unless another amount is given: twice the least, so that a charge does not take it out
/// of service.
const SERVICE_BOND: Balance = 2 * LeastServiceBond::get();

/// What the account keeps beside what it bonds: the least that an account may have, and fees many times over.
const RESERVE: Balance = MILLI_SIB + SIB / 10;

/// `validator setup`
#[derive(Debug, clap::Args)]
pub struct SetupCommand {
	#[command(flatten)]
	options: SignedOptions,

	/// What the account is to have staked, in SIB: the more, the likelier it is elected, and the more often it is drawn. The
	/// least that the chain takes where none is given.
	#[arg(long, value_name = "SIB", value_parser = parse_sib)]
	bond: Option<Balance>,

	/// What is to cover its seats in committees, in SIB [default: 100].
	#[arg(long, value_name = "SIB", value_parser = parse_sib)]
	service_bond: Option<Balance>,

	/// The validator's share of its nominators' rewards, in percent [default: 0, or what it is].
	#[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u32).range(0..=100))]
	commission: Option<u32>,
}

/// What an account has done so far of what makes it a validator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Done {
	/// What it has staked; none where it is not bonded.
	stake: Option<Balance>,
	service_bond: Balance,
	/// The commission that it stands for election with; none where it does not stand.
	commission: Option<Perbill>,
	has_keys: bool,
}

/// What it is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wanted {
	bond: Balance,
	service_bond: Balance,
	/// None is what it is.
	commission: Option<Perbill>,
}

impl SetupCommand {
	/// Does what is not done yet.
	pub async fn run(&self) -> Result<(), Error> {
		let node = self.options.node.connect().await?;
		let status = ready(&node).await?;
		let requester = self.options.signer.signer()?;
		let account = requester.account();
		let state = State::best(&node).await?;
		let least = state.get("Staking.MinValidatorBond", MinValidatorBond::<Runtime>::hashed_key()).await?;
		let least: Balance = least.unwrap_or_default();
		let done = done(&node, &state, &status, &account).await?;
		let bond = self.bond.unwrap_or(least.max(done.stake.unwrap_or_default()));
		if bond < least {
			return Err(ValidatorError::BondTooLow { least }.into());
		}
		let service_bond = self.service_bond.unwrap_or(SERVICE_BOND);
		let least = LeastServiceBond::get();
		if service_bond.max(done.service_bond) < least {
			return Err(ValidatorError::ServiceBondTooLow { least }.into());
		}
		let (mut steps, needed) =
			steps(&done, Wanted { bond, service_bond, commission: self.commission.map(Perbill::from_percent) });
		let free = state.free_balance(&account).await?;
		if done.stake.is_some_and(|stake| bond < stake) || service_bond < done.service_bond {
			eprintln!(
				"No bond is made less by this: see staking.unbond, inference.unbond_service, or 'validator leave'."
			);
		}
		let needed = if steps.is_empty() && done.has_keys { 0 } else { needed.saturating_add(RESERVE) };
		if free < needed {
			return Err(
				ValidatorError::TooFewTokens { account: address(&account), free, needed, reserve: RESERVE }.into()
			);
		}
		told(&done).iter().for_each(|line| eprintln!("already done: {line}"));
		if !done.has_keys || !steps.is_empty() {
			let keys = (!done.has_keys).then_some(SET_KEYS);
			announce(&node, &self.options.signer, &account, steps.iter().map(|step| step.what.as_str()).chain(keys))
				.await?;
			if !done.has_keys {
				steps.push(new_keys(&node, &account).await?);
			}
			carry_out(&node, &requester, steps).await?;
		}
		for line in outlook(&State::finalized(&node).await?, &account).await? {
			println!("{line}");
		}
		Ok(())
	}
}

/// What the account has done so far.
async fn done(node: &Connection, state: &State<'_>, status: &NodeStatus, account: &AccountId) -> Result<Done, Error> {
	let own = status.validators.iter().find(|validator| validator.service.account == address(account));
	let service: Validator = node.call("inference_validator", rpc_params![address(account)]).await?;
	let candidate = Validators::<Runtime>::hashed_key_for(account);
	Ok(Done {
		stake: stake(state, account).await?,
		service_bond: service.bond.parse().unwrap_or_default(),
		commission: state.get::<ValidatorPrefs>("Staking.Validators", candidate).await?.map(|prefs| prefs.commission),
		has_keys: own.is_some_and(has_keys),
	})
}

/// Whether the keys that the account has set last are all here.
fn has_keys(own: &OwnValidator) -> bool {
	own.set_keys.as_ref().is_some_and(|keys| keys.missing.is_empty())
}

/// What the account has staked itself; none where it is not bonded.
async fn stake(state: &State<'_>, account: &AccountId) -> Result<Option<Balance>, Error> {
	let controller: Option<AccountId> = state.get("Staking.Bonded", Bonded::<Runtime>::hashed_key_for(account)).await?;
	let Some(controller) = controller else { return Ok(None) };
	let ledger = Ledger::<Runtime>::hashed_key_for(controller);
	let ledger: Option<StakingLedger<Runtime>> = state.get("Staking.Ledger", ledger).await?;
	Ok(ledger.map(|ledger| ledger.active))
}

/// What is left to do, without the keys, and the tokens that it takes.
fn steps(done: &Done, wanted: Wanted) -> (Vec<Step>, Balance) {
	let mut steps = Vec::new();
	let more = wanted.bond.saturating_sub(done.stake.unwrap_or_default());
	match done.stake {
		None => {
			let call = pallet_staking::Call::bond { value: wanted.bond, payee: RewardDestination::Staked };
			steps.push(Step::new(format!("bond {}; rewards are added to it", sib(wanted.bond)), call));
		}
		Some(_) if more > 0 => {
			let call = pallet_staking::Call::bond_extra { max_additional: more };
			steps.push(Step::new(format!("bond {} more", sib(more)), call));
		}
		Some(_) => {}
	}
	let more_service = wanted.service_bond.saturating_sub(done.service_bond);
	if more_service > 0 {
		let call = pallet_inference::Call::bond_service { amount: more_service };
		steps.push(Step::new(format!("bond {} to cover its seats", sib(more_service)), call));
	}
	let what = match (done.commission, wanted.commission) {
		(None, _) => Some("stand for election, with a commission"),
		(Some(is), Some(wanted)) if is != wanted => Some("change its commission to one"),
		(Some(_), _) => None,
	};
	if let Some(what) = what {
		let commission = wanted.commission.unwrap_or_default();
		let what = format!("{what} of {} %", commission.deconstruct() / Perbill::from_percent(1).deconstruct());
		let prefs = ValidatorPrefs { commission, blocked: false };
		steps.push(Step::new(what, pallet_staking::Call::validate { prefs }));
	}
	(steps, more.saturating_add(more_service))
}

/// What needs no doing.
fn told(done: &Done) -> Vec<String> {
	let stake = done.stake.map(|stake| format!("{} are bonded", sib(stake)));
	let service = (done.service_bond > 0).then(|| format!("{} cover its seats", sib(done.service_bond)));
	let candidate = done.commission.map(|_| "it stands for election".into());
	let keys = done.has_keys.then(|| "the session keys that it has set are this node's".into());
	[stake, service, candidate, keys].into_iter().flatten().collect()
}

/// When it is elected, and whether.
async fn outlook(state: &State<'_>, account: &AccountId) -> Result<Vec<String>, Error> {
	let clock = Clock::read(state).await?;
	let members = state.get::<Vec<AccountId>>("Session.Validators", SessionMembers::<Runtime>::hashed_key()).await?;
	if members.is_some_and(|members| members.contains(account)) {
		return Ok(vec![format!("It is elected, and validates in this session, {}.", clock.session)]);
	}
	let seats: u32 = state.get("Staking.ValidatorCount", ValidatorCount::<Runtime>::hashed_key()).await?.unwrap_or(0);
	let candidates = state.get("Staking.CounterForValidators", Validators::<Runtime>::counter_storage_final_key());
	let candidates: u32 = candidates.await?.unwrap_or(0);
	let chance = match candidates <= seats {
		true => format!("All {candidates} that stand are elected: there are {seats} places."),
		false => {
			format!("{candidates} stand for {seats} places, and the highest stakes are elected: --bond adds to yours.")
		}
	};
	let session = clock.next_elected();
	let when = format!(
		"The next election that it takes part in is for session {session}, which begins in about {}.",
		clock.until(session)
	);
	Ok(vec![when, chance, "Until then leave the node running; 'sibyl-node status' says when it validates.".into()])
}

#[cfg(test)]
mod tests {
	use super::*;
	use sibyl_runtime::RuntimeCall;

	const WANTED: Wanted =
		Wanted { bond: 1_000 * SIB, service_bond: 100 * SIB, commission: Some(Perbill::from_percent(5)) };

	fn calls(done: &Done) -> Vec<String> {
		steps(done, WANTED)
			.0
			.iter()
			.map(|step| super::super::transaction::names(std::slice::from_ref(&step.call)))
			.collect()
	}

	#[test]
	fn a_new_account_bonds_twice_and_stands() {
		let done = Done::default();
		assert_eq!(calls(&done), ["staking.bond", "inference.bond_service", "staking.validate"]);
		let (steps, needed) = steps(&done, WANTED);
		assert_eq!(needed, 1_100 * SIB);
		assert_eq!(steps[0].what, "bond 1000 SIB; rewards are added to it");
		let RuntimeCall::Staking(pallet_staking::Call::validate { prefs }) = &steps[2].call else { panic!("the last") };
		assert_eq!(prefs.commission, Perbill::from_percent(5));
		assert!(told(&done).is_empty());
	}

	#[test]
	fn what_is_done_is_said_and_left_as_it_is() {
		let done =
			Done { stake: Some(2_000 * SIB), service_bond: 100 * SIB, commission: WANTED.commission, has_keys: true };
		assert_eq!(calls(&done), Vec::<String>::new());
		assert_eq!(steps(&done, WANTED).1, 0, "it is never made less");
		assert_eq!(told(&done).len(), 4);
	}

	#[test]
	fn another_commission_is_set_and_none_leaves_it_as_it_is() {
		let commission = Some(Perbill::from_percent(7));
		let done = Done { stake: Some(1_000 * SIB), service_bond: 100 * SIB, commission, has_keys: true };
		let (changed, needed) = steps(&done, WANTED);
		assert_eq!((changed.len(), needed), (1, 0));
		assert_eq!(changed[0].what, "change its commission to one of 5 %");
		assert!(steps(&done, Wanted { commission: None, ..WANTED }).0.is_empty());
	}

	#[test]
	fn what_lacks_of_the_bonds_is_added() {
		let done = Done { stake: Some(400 * SIB), service_bond: 30 * SIB, commission: None, has_keys: false };
		assert_eq!(calls(&done), ["staking.bond_extra", "inference.bond_service", "staking.validate"]);
		let (steps, needed) = steps(&done, WANTED);
		assert_eq!(needed, 670 * SIB);
		assert_eq!([steps[0].what.as_str(), &steps[1].what], ["bond 600 SIB more", "bond 70 SIB to cover its seats"]);
	}
}
