//! Many seeds of a hundred slots, and those that found something.

/// Seeds that found a bug, each of the code under test or of the simulation.
const KNOWN: &[(u64, u64)] = &[];

#[test]
fn three_hundred_seeds_keep_every_promise() {
	match sibyl_simulation::run_all(0..300, 100) {
		Ok((seeds, report)) => println!("{seeds} seeds: {}", report.members()),
		Err(failure) => panic!("{failure}"),
	}
}

#[test]
fn seeds_that_found_something_stay_repaired() {
	for (seed, slots) in KNOWN {
		if let Err(failure) = sibyl_simulation::run(*seed, *slots) {
			panic!("{failure}");
		}
	}
}

#[test]
fn a_seed_is_the_same_run_each_time() {
	for seed in [1, 6, 7] {
		assert_eq!(sibyl_simulation::history(seed, 40), sibyl_simulation::history(seed, 40));
	}
}
