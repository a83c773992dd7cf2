//! Many seeds of a hundred slots, and some of which each found one of the ways in which the pallet was broken on purpose.

/// Each of these seeds finds a broken pallet: see `docs/testing.md`.
const TELLING: &[(u64, u64)] = &[(0, 100), (1, 100), (12, 100)];

#[test]
fn three_hundred_seeds_keep_every_promise() {
	match sibyl_simulation::run_all(0..300, 100) {
		Ok((seeds, report)) => {
			println!("{seeds} seeds: {}", report.members());
			// What is checked of substitutes and of known answers is nothing where there are none.
			assert!(report.substituted > 100 && report.denied_once > 20 && report.reused > 500);
		}
		Err(failure) => panic!("{failure}"),
	}
}

#[test]
fn seeds_that_have_found_something_find_nothing_now() {
	for (seed, slots) in TELLING {
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
