//! Cases, one for each seed.

use crate::Random;
use std::{
	any::type_name,
	env, thread,
	time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Bytes of an input that a failure shows; the seed has the rest.
const MOST_SHOWN: usize = 4_096;

/// One run of a test's code, with what it is generated from.
pub struct Case {
	/// What the case is made of.
	pub random: Random,
	seed: u64,
	test: &'static str,
	inputs: u64,
	last: Vec<u8>,
	is_alone: bool,
}

impl Case {
	/// Shows what happens, where the case is run alone.
	pub fn tells(&self, what: impl FnOnce() -> String) {
		if self.is_alone {
			eprintln!("fuzz: {}", what());
		}
	}

	/// Counts the input, which is about to be tried. If the code under test panics, these bytes are shown.
	pub fn tries(&mut self, input: &[u8]) {
		self.inputs += 1;
		self.last = input.to_vec();
	}
}

/// Says how a failing case is run again.
impl Drop for Case {
	fn drop(&mut self) {
		if !thread::panicking() {
			return;
		}
		let (package, test) = self.test.split_once("::").unwrap_or((self.test, ""));
		let shown: String = self.last.iter().take(MOST_SHOWN).map(|byte| format!("{byte:02x}")).collect();
		let rest = if self.last.len() > MOST_SHOWN { "…" } else { "" };
		let seed = self.seed;
		let package = package.replace('_', "-");
		eprintln!("fuzz: seed {seed} fails at input {}, of {} bytes: 0x{shown}{rest}", self.inputs, self.last.len());
		eprintln!(
			"fuzz: again: SIBYL_FUZZ_SEED={seed} cargo test --release --workspace --lib -- --exact {test}  # {package}"
		);
	}
}

/// Runs so many cases, or what the environment asks for, and says how many it ran. `case` is a closure of the test itself,
/// whose name is thus known.
///
/// # Panics
///
/// As the case does, or where a variable of the environment is no number.
pub fn fuzz<F: FnMut(&mut Case)>(cases: u64, mut case: F) -> u64 {
	let test = type_name::<F>().trim_end_matches("::{{closure}}");
	let mut inputs = 0;
	let mut run = |seed: u64, is_alone: bool| {
		let mut one = Case { random: Random::new(seed), seed, test, inputs: 0, last: Vec::new(), is_alone };
		case(&mut one);
		inputs += one.inputs;
	};
	if let Some(seed) = number("SIBYL_FUZZ_SEED") {
		run(seed, true);
		return 1;
	}
	let began = Instant::now();
	(0..cases).for_each(|seed| run(seed, false));
	let mut ran = cases;
	if let Some(seconds) = number("SIBYL_FUZZ_SECONDS") {
		// Other seeds each time, far from the usual ones.
		let first = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos() as u64) | 1 << 63;
		while began.elapsed() < Duration::from_secs(seconds) {
			run(first.wrapping_add(ran), false);
			ran += 1;
		}
	}
	eprintln!("fuzz: {test}: {ran} cases, {inputs} inputs");
	ran
}

fn number(variable: &str) -> Option<u64> {
	let value = env::var(variable).ok()?;
	Some(value.parse().unwrap_or_else(|_| panic!("{variable} is a number, not {value:?}")))
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn each_case_has_a_seed_of_its_own() {
		let mut seen = Vec::new();
		fuzz(20, |case| {
			case.tries(&[1]);
			assert_eq!(case.test, "sibyl_fuzzing::case::tests::each_case_has_a_seed_of_its_own");
			seen.push(case.random.word());
		});
		let count = seen.len();
		seen.sort_unstable();
		seen.dedup();
		assert_eq!(seen.len(), count);
	}
}
