//! Seeds.

#[test]
fn seeds() {
	let count: u64 = std::env::var("SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(8);
	let first: u64 = std::env::var("FIRST").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
	let slots: u64 = std::env::var("BLOCKS").ok().and_then(|text| text.parse().ok()).unwrap_or(100);
	let step: u64 = std::env::var("STEP").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
	for seed in (first..).step_by(step as usize).take(count as usize) {
		let started = std::time::Instant::now();
		match sibyl_simulation::run(seed, slots) {
			Ok(report) => println!("{seed} {:?} {report:?}", started.elapsed()),
			Err(failure) => {
				std::fs::write(format!("/tmp/sim-{seed}.txt"), failure.to_string()).unwrap();
				println!("{seed} FAILED {:?}", &failure.violations[..failure.violations.len().min(3)]);
			}
		}
	}
}
