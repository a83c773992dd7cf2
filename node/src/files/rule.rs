//! Which models' files are fetched.

use super::size::{NotASize, Size};
use crate::inference::models::Choice;
use sibyl_primitives::{api::ModelView, Balance};
use sibyl_user::{decimal, parse_sib};
use sp_runtime::Perbill;
use std::{fmt, str::FromStr};

const OFF: &str = "off";
const NAMED: &str = "named";
const ALL: &str = "all";
const MAX_SIZE: &str = "max-size";
const MIN_VALIDATORS: &str = "min-validators";
const MIN_STAKE: &str = "min-stake";
const MIN_BASE: &str = "min-base";
const MIN_UNIT: &str = "min-unit";

/// Which models' files are fetched, of those that the operator lets the node serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchRule {
	/// None.
	Off,
	/// Those of models that `--models` names.
	Named,
	/// Those of models that meet all of these conditions.
	If(Conditions),
}

/// What a model has to be for its files to be fetched; what is none is not asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
	/// Its files have so many bytes together, at most.
	max_size: Option<Size>,
	/// So many validators serve it already, at least.
	min_validators: Option<u32>,
	/// These have so many hundredths of the session's stake, at least.
	min_stake: Option<u32>,
	/// A seat is paid so much for a job, whatever its length, at least.
	min_base: Option<Balance>,
	/// A seat is paid so much for a unit of input or output, at least.
	min_unit: Option<Balance>,
}

/// What is no rule.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotARule {
	/// It is neither a word nor a condition.
	#[error(
		"'{0}' is neither off, named nor all, nor a condition: max-size=2GB, min-validators=3, min-stake=10%, \
		 min-base=0.001 or min-unit=0.000001"
	)]
	Unknown(String),
	/// A condition is given twice.
	#[error("{0} is given twice")]
	Twice(&'static str),
	/// A size can't be read.
	#[error(transparent)]
	Size(#[from] NotASize),
	/// A number can't be read.
	#[error("{condition}={text}: {reason}")]
	Number {
		/// Of which condition.
		condition: &'static str,
		/// What was given.
		text: String,
		/// What is wrong.
		reason: String,
	},
}

impl FetchRule {
	/// Whether the files of a model are fetched that this operator lets the node serve, if it is among those of `choice`.
	pub fn wants(&self, model: &ModelView, choice: &Choice) -> bool {
		if !choice.allows(&model.revision.name.to_string_lossy(), &model.id) {
			return false;
		}
		match self {
			Self::Off => false,
			Self::Named => matches!(choice, Choice::Only(_)),
			Self::If(conditions) => conditions.are_met_by(model),
		}
	}
}

impl Conditions {
	fn are_met_by(&self, model: &ModelView) -> bool {
		let size = model.revision.files.iter().fold(0, |size: u64, file| size.saturating_add(file.size));
		let price = &model.registration.price;
		self.max_size.is_none_or(|Size(most)| size <= most)
			&& self.min_validators.is_none_or(|least| model.served_by.len() >= least as usize)
			&& self.min_stake.is_none_or(|least| model.stake_share >= Perbill::from_percent(least))
			&& self.min_base.is_none_or(|least| price.base >= least)
			&& self.min_unit.is_none_or(|least| price.unit >= least)
	}
}

impl FromStr for FetchRule {
	type Err = NotARule;

	fn from_str(text: &str) -> Result<Self, NotARule> {
		match text {
			OFF => return Ok(Self::Off),
			NAMED => return Ok(Self::Named),
			ALL => return Ok(Self::If(Conditions::default())),
			_ => {}
		}
		let mut conditions = Conditions::default();
		for condition in text.split(',') {
			let (name, value) = condition.split_once('=').ok_or_else(|| NotARule::Unknown(condition.into()))?;
			let wrong = |condition, reason| NotARule::Number { condition, text: value.into(), reason };
			let count =
				|| value.parse().map_err(|error: std::num::ParseIntError| wrong(MIN_VALIDATORS, error.to_string()));
			let amount = |name| parse_sib(value).map_err(|reason| wrong(name, reason));
			let percent = || {
				let number = value.strip_suffix('%').and_then(|number| number.parse().ok());
				number
					.filter(|number| *number <= 100)
					.ok_or_else(|| wrong(MIN_STAKE, "expected a percentage, as 10%".into()))
			};
			match name {
				MAX_SIZE => set(&mut conditions.max_size, value.parse()?, MAX_SIZE)?,
				MIN_VALIDATORS => set(&mut conditions.min_validators, count()?, MIN_VALIDATORS)?,
				MIN_STAKE => set(&mut conditions.min_stake, percent()?, MIN_STAKE)?,
				MIN_BASE => set(&mut conditions.min_base, amount(MIN_BASE)?, MIN_BASE)?,
				MIN_UNIT => set(&mut conditions.min_unit, amount(MIN_UNIT)?, MIN_UNIT)?,
				_ => return Err(NotARule::Unknown(condition.into())),
			}
		}
		Ok(Self::If(conditions))
	}
}

fn set<T>(place: &mut Option<T>, value: T, name: &'static str) -> Result<(), NotARule> {
	match place.replace(value) {
		Some(_) => Err(NotARule::Twice(name)),
		None => Ok(()),
	}
}

impl fmt::Display for FetchRule {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::Off => f.write_str(OFF),
			Self::Named => f.write_str(NAMED),
			Self::If(conditions) if *conditions == Conditions::default() => f.write_str(ALL),
			Self::If(Conditions { max_size, min_validators, min_stake, min_base, min_unit }) => {
				let conditions = [
					max_size.map(|size| format!("{MAX_SIZE}={size}")),
					min_validators.map(|least| format!("{MIN_VALIDATORS}={least}")),
					min_stake.map(|least| format!("{MIN_STAKE}={least}%")),
					min_base.map(|least| format!("{MIN_BASE}={}", decimal(least))),
					min_unit.map(|least| format!("{MIN_UNIT}={}", decimal(least))),
				];
				f.write_str(&conditions.into_iter().flatten().collect::<Vec<_>>().join(","))
			}
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::inference::mock::view_of;
	use sibyl_runtime::{constants::SIB, models};

	fn rule(text: &str) -> FetchRule {
		let rule: FetchRule = text.parse().expect("it is one");
		assert_eq!(rule.to_string(), text, "it is shown as it is read");
		rule
	}

	fn view(validators: usize) -> ModelView {
		let served_by = vec![[0; 32].into(); validators];
		let stake_share = Perbill::from_percent(10 * validators as u32);
		let mut view = ModelView { served_by, stake_share, ..view_of(models::smollm2().revision) };
		(view.registration.price.base, view.registration.price.unit) = (SIB / 1_000, SIB / 1_000_000);
		view
	}

	fn named(names: &[&str]) -> Choice {
		let names: Vec<_> = names.iter().map(ToString::to_string).collect();
		Choice::new(&names, &names).expect("these are names")
	}

	#[test]
	fn only_models_are_fetched_that_are_named_unless_the_operator_says_otherwise() {
		let everything = Choice::All;
		assert!(!rule("named").wants(&view(4), &everything), "none is named");
		assert!(rule("named").wants(&view(0), &named(&["smollm2"])));
		assert!(rule("all").wants(&view(0), &everything));
		assert!(!rule("off").wants(&view(4), &named(&["smollm2"])));
		for text in ["named", "all", "max-size=1TB"] {
			assert!(!rule(text).wants(&view(4), &named(&["other"])), "{text}: it would not be served");
			assert!(!rule(text).wants(&view(4), &named(&["none"])), "{text}");
		}
	}

	#[test]
	fn all_conditions_are_kept_to() {
		let wants = |text: &str, validators| rule(text).wants(&view(validators), &Choice::All);
		assert!(wants("max-size=99MB", 0) && !wants("max-size=98MB", 9));
		assert!(wants("min-validators=3", 3) && !wants("min-validators=3", 2));
		assert!(!wants("max-size=98MB,min-validators=3", 3) && wants("max-size=99MB,min-validators=3", 3));
		assert!(wants("min-stake=30%", 3) && !wants("min-stake=31%", 3));
		assert!(wants("min-base=0.001", 0) && !wants("min-base=0.001000000001", 0));
		assert!(wants("min-unit=0.000001", 0) && !wants("min-unit=0.000001000001", 0));
		let all = |least| format!("max-size=99MB,min-validators=3,min-stake=30%,min-base=0.001,min-unit={least}");
		assert!(wants(&all("0.000001"), 3) && !wants(&all("1"), 3));
	}

	#[test]
	fn what_is_no_rule_is_refused_with_what_would_be_one() {
		let error = |text: &str| text.parse::<FetchRule>().expect_err("it is none").to_string();
		for text in ["", "on", "all,named", "min-bond=3", "max-size"] {
			assert!(error(text).contains("neither off, named nor all"), "{}", error(text));
		}
		assert!(error("max-size=2").contains("500MB"));
		assert!(error("min-validators=-1").contains("min-validators=-1"));
		for text in ["min-stake=3", "min-stake=101%", "min-stake=%", "min-stake=1.5%"] {
			assert!(error(text).contains(text) && error(text).contains("as 10%"), "{}", error(text));
		}
		assert!(error("min-base=1e3").contains("min-base=1e3: expected an amount in SIB"));
		assert_eq!(error("max-size=1GB,max-size=2GB"), "max-size is given twice");
	}
}
