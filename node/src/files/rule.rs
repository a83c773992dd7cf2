//! Which models' files are fetched.

use super::size::{NotASize, Size};
use crate::inference::models::Choice;
use sibyl_primitives::api::ModelView;
use std::{fmt, num::ParseIntError, str::FromStr};

const OFF: &str = "off";
const NAMED: &str = "named";
const ALL: &str = "all";
const MAX_SIZE: &str = "max-size";
const MIN_VALIDATORS: &str = "min-validators";

/// Which models' files are fetched, of those that the operator lets the node serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchRule {
	/// None.
	Off,
	/// Those of models that `--models` names.
	Named,
	/// Those of models that meet all of these conditions.
	If {
		/// Their files have so many bytes together, at most.
		max_size: Option<Size>,
		/// So many validators serve it already, at least.
		min_validators: Option<u32>,
	},
}

/// What is no rule.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotARule {
	/// It is neither a word nor a condition.
	#[error("'{0}' is neither off, named nor all, nor a condition as max-size=2GB or min-validators=3")]
	Unknown(String),
	/// A condition is given twice.
	#[error("{0} is given twice")]
	Twice(&'static str),
	/// A size can't be read.
	#[error(transparent)]
	Size(#[from] NotASize),
	/// A number can't be read.
	#[error("min-validators={text}: {source}")]
	Number {
		/// What was given.
		text: String,
		/// What is wrong.
		source: ParseIntError,
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
			Self::If { max_size, min_validators } => {
				let size = model.revision.files.iter().fold(0, |size: u64, file| size.saturating_add(file.size));
				max_size.is_none_or(|Size(most)| size <= most)
					&& min_validators.is_none_or(|least| model.served_by.len() >= least as usize)
			}
		}
	}
}

impl FromStr for FetchRule {
	type Err = NotARule;

	fn from_str(text: &str) -> Result<Self, NotARule> {
		match text {
			OFF => return Ok(Self::Off),
			NAMED => return Ok(Self::Named),
			ALL => return Ok(Self::If { max_size: None, min_validators: None }),
			_ => {}
		}
		let (mut max_size, mut min_validators) = (None, None);
		for condition in text.split(',') {
			match condition.split_once('=') {
				Some((MAX_SIZE, size)) => set(&mut max_size, size.parse()?, MAX_SIZE)?,
				Some((MIN_VALIDATORS, text)) => {
					let least = text.parse().map_err(|source| NotARule::Number { text: text.into(), source })?;
					set(&mut min_validators, least, MIN_VALIDATORS)?;
				}
				_ => return Err(NotARule::Unknown(condition.into())),
			}
		}
		Ok(Self::If { max_size, min_validators })
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
			Self::If { max_size: None, min_validators: None } => f.write_str(ALL),
			Self::If { max_size, min_validators } => {
				let size = max_size.map(|size| format!("{MAX_SIZE}={size}"));
				let validators = min_validators.map(|least| format!("{MIN_VALIDATORS}={least}"));
				f.write_str(&size.into_iter().chain(validators).collect::<Vec<_>>().join(","))
			}
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::inference::mock::view_of;
	use sibyl_runtime::models;

	fn rule(text: &str) -> FetchRule {
		let rule: FetchRule = text.parse().expect("it is one");
		assert_eq!(rule.to_string(), text, "it is shown as it is read");
		rule
	}

	fn view(validators: usize) -> ModelView {
		ModelView { served_by: vec![[0; 32].into(); validators], ..view_of(models::smollm2().revision) }
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
	}

	#[test]
	fn what_is_no_rule_is_refused_with_what_would_be_one() {
		let error = |text: &str| text.parse::<FetchRule>().expect_err("it is none").to_string();
		for text in ["", "on", "all,named", "min-stake=3", "max-size"] {
			assert!(error(text).contains("neither off, named nor all"), "{}", error(text));
		}
		assert!(error("max-size=2").contains("500MB"));
		assert!(error("min-validators=-1").contains("min-validators=-1"));
		assert_eq!(error("max-size=1GB,max-size=2GB"), "max-size is given twice");
	}
}
