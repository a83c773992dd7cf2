//! Runs many seeds, or one again and tells its history.
//!
//! `SEEDS` is how many (2,000), `FIRST` the first of them, `BLOCKS` how many slots each has (1,000), `SEED` the one to repeat.

use std::process::ExitCode;

fn number(name: &str) -> Option<u64> {
	std::env::var(name).ok().and_then(|text| text.parse().ok())
}

fn main() -> ExitCode {
	let slots = number("BLOCKS").unwrap_or(1_000);
	if let Some(seed) = number("SEED") {
		return match sibyl_simulation::run(seed, slots) {
			Ok(report) => {
				sibyl_simulation::history(seed, slots).iter().for_each(|line| println!("{line}"));
				println!("RESULT {{\"seeds\": 1, \"invariantViolations\": 0, {}}}", report.members());
				ExitCode::SUCCESS
			}
			Err(failure) => {
				println!("{failure}");
				ExitCode::FAILURE
			}
		};
	}
	let first = number("FIRST").unwrap_or(0);
	match sibyl_simulation::run_all(first..first + number("SEEDS").unwrap_or(2_000), slots) {
		Ok((seeds, report)) => {
			println!("RESULT {{\"seeds\": {seeds}, \"invariantViolations\": 0, {}}}", report.members());
			ExitCode::SUCCESS
		}
		Err(failure) => {
			println!("{failure}");
			ExitCode::FAILURE
		}
	}
}
