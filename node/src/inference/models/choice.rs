//! The models that the operator allows.

use sibyl_primitives::model::ModelId;
use std::collections::BTreeSet;

const LOG_TARGET: &str = "inference";

/// What on the command line stands for no model at all.
const NONE: &str = "none";

/// The models that the operator allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
	/// All that the node has the files of.
	All,
	/// Those of these names or ids.
	Only(BTreeSet<String>),
}

/// The names on the command line say two things.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("--models names '{other}' beside 'none', which alone serves no model: leave one of them out")]
pub struct NoneBesideOthers {
	other: String,
}

impl Choice {
	/// What the command line says, given the names that this release knows; nothing said is all. Other names are taken,
	/// too: a model may be registered that is younger than this release.
	pub fn new(names: &[String], known: &[String]) -> Result<Self, NoneBesideOthers> {
		match names {
			[] => return Ok(Self::All),
			[none] if none == NONE => return Ok(Self::Only(BTreeSet::new())),
			_ => {}
		}
		if names.iter().any(|name| name == NONE) {
			let other = names.iter().find(|name| *name != NONE).cloned().unwrap_or_default();
			return Err(NoneBesideOthers { other });
		}
		for name in Self::unknown(names, known) {
			log::warn!(
				target: LOG_TARGET,
				"--models names '{name}', which this release does not know: it is served if the chain has a model of that \
				 name and 'models add' has brought its files. Known are {}",
				known.join(", "),
			);
		}
		Ok(Self::Only(names.iter().cloned().collect()))
	}

	/// The names that may be mistakes.
	fn unknown<'a>(names: &'a [String], known: &'a [String]) -> impl Iterator<Item = &'a String> {
		names.iter().filter(|name| !known.contains(name) && name.parse::<ModelId>().is_err())
	}

	/// Whether a model of this name and id may be served.
	pub fn allows(&self, name: &str, id: &ModelId) -> bool {
		match self {
			Self::All => true,
			Self::Only(names) => names.contains(name) || names.contains(&format!("{id:?}")),
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	const ID: ModelId = ModelId::repeat_byte(0xab);

	fn names(names: &[&str]) -> Vec<String> {
		names.iter().map(|name| (*name).into()).collect()
	}

	#[test]
	fn nothing_said_is_all_and_none_is_none() {
		let known = names(&["fake", "other"]);
		assert_eq!(Choice::new(&[], &known), Ok(Choice::All));
		let none = Choice::new(&names(&["none"]), &known).expect("none is always there");
		assert!(!none.allows("fake", &ID) && !none.allows("none", &ID));
	}

	#[test]
	fn a_name_that_this_release_does_not_know_is_taken_since_its_model_may_be_registered_later() {
		let known = names(&["fake", "other"]);
		let said = names(&["fake", "gpt"]);
		let choice = Choice::new(&said, &known).expect("any name may be a model's");
		assert!(choice.allows("gpt", &ID) && choice.allows("fake", &ID) && !choice.allows("other", &ID));
		assert_eq!(Choice::unknown(&said, &known).collect::<Vec<_>>(), ["gpt"]);
	}

	#[test]
	fn a_model_may_be_named_by_its_id() {
		let said = names(&[&format!("0x{}", "ab".repeat(32))]);
		let choice = Choice::new(&said, &[]).expect("any id may be a model's");
		assert!(choice.allows("fake", &ID) && !choice.allows("fake", &ModelId::zero()));
		assert_eq!(Choice::unknown(&said, &[]).count(), 0);
	}

	#[test]
	fn none_beside_others_is_a_mistake() {
		for wrong in [&["fake", "none"][..], &["none", "fake"]] {
			let error = Choice::new(&names(wrong), &names(&["fake"])).expect_err("it says two things").to_string();
			assert!(error.contains("'fake' beside 'none'"), "{error}");
		}
	}
}
