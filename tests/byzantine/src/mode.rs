//! What the validator does.

/// Names it.
const VARIABLE: &str = "SIBYL_BYZANTINE";

/// One way to misbehave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
	/// It is honest.
	None,
	/// Tells half of its peers of one commit of a seat, and the other half of another.
	DoubleCommits,
	/// Commits, and never reveals.
	Withhold,
	/// Gives others' commits as its own, and others' outputs and salts.
	Copy,
	/// Reveals, with bytes that are not what it reveals.
	Garble,
	/// Sends ballots up to every bound and beyond.
	Junk,
	/// Sends thousands of ballots a second to each peer.
	Flood,
	/// Says that it is faster than anything, and then does nothing.
	Boast,
	/// Puts nobody else's votes into its blocks, nor transactions.
	Censor,
	/// Fills its blocks with votes that are repeated, invented or robbed of their outputs.
	Stuff,
}

const NAMES: [(&str, Mode); 10] = [
	("none", Mode::None),
	("double-commits", Mode::DoubleCommits),
	("withhold", Mode::Withhold),
	("copy", Mode::Copy),
	("garble", Mode::Garble),
	("junk", Mode::Junk),
	("flood", Mode::Flood),
	("boast", Mode::Boast),
	("censor", Mode::Censor),
	("stuff", Mode::Stuff),
];

impl Mode {
	/// What the environment says, or what it may say.
	pub fn of_the_environment() -> Result<Self, String> {
		Self::named(&std::env::var(VARIABLE).unwrap_or_default())
	}

	fn named(name: &str) -> Result<Self, String> {
		let found = NAMES.iter().find(|(known, _)| *known == name).map(|(_, mode)| *mode);
		found.ok_or_else(|| {
			let names: Vec<_> = NAMES.iter().map(|(name, _)| *name).collect();
			format!("'{name}' is no way to misbehave: set {VARIABLE} to one of {}", names.join(", "))
		})
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn an_unknown_way_is_refused_with_the_known_ones() {
		assert_eq!(Mode::named("double-commits"), Ok(Mode::DoubleCommits));
		let refusal = Mode::named("nonsense").expect_err("it is none");
		assert!(refusal.contains("nonsense") && refusal.contains(VARIABLE) && refusal.contains("flood"), "{refusal}");
		assert!(Mode::named("").is_err(), "nobody misbehaves by mistake");
	}
}
