//! A deterministic simulation of Sibyl: validators, their chain and their network, from one seed.
//!
//! The pallets, the offchain worker and what judges and pools ballots are the real ones. Time, the network, sessions, stakes
//! and the engine are simulated: nothing sleeps, nothing is sent, and a seed always gives the same run.
//!
//! | module | subject |
//! |---|---|
//! | `plan` | what a seed stands for |
//! | `world` | time, the network, and what nodes do |
//! | `node` | what a node has in memory and in its database |
//! | `keystore` | a node's keys |
//! | `mischief` | what byzantine validators do |
//! | `chain` | blocks, and what executing them does |
//! | `runtime` | the pallets, and stand-ins for the rest of a runtime |
//! | `state` | a state as a map that is cheap to copy |
//! | `engine` | what models say |
//! | `checks` | what must hold of a run |
//! | `report` | what runs came to, in figures |

mod alarms;
mod chain;
mod checks;
mod engine;
mod keystore;
mod mailbox;
mod mischief;
mod node;
mod plan;
mod report;
mod rng;
mod runtime;
mod state;
mod world;

pub use report::Report;

use parking_lot::Mutex;
use plan::Plan;
use world::World;

/// What went wrong with a seed.
#[derive(Clone, Debug)]
pub struct Failure {
	/// The seed.
	pub seed: u64,
	/// The slots that it was run for.
	pub slots: u64,
	/// What must hold and does not.
	pub violations: Vec<String>,
	/// What happened, one line for each event.
	pub history: Vec<String>,
}

impl std::fmt::Display for Failure {
	fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
		for line in &self.history {
			writeln!(f, "{line}")?;
		}
		for violation in &self.violations {
			writeln!(f, "VIOLATION {violation}")?;
		}
		write!(f, "repeat: make simulate SEED={} BLOCKS={}", self.seed, self.slots)
	}
}

/// Runs a seed for so many slots; where something is wrong, runs it again to tell its history.
pub fn run(seed: u64, slots: u64) -> Result<Report, Box<Failure>> {
	let (report, violations, _) = run_once(seed, slots, false);
	if violations.is_empty() {
		return Ok(report);
	}
	let (_, _, history) = run_once(seed, slots, true);
	Err(Box::new(Failure { seed, slots, violations, history }))
}

/// Runs these seeds, on as many threads as there are cores: each run is of one thread. Stops at the first failure.
pub fn run_all(seeds: impl IntoIterator<Item = u64>, slots: u64) -> Result<(u64, Report), Box<Failure>> {
	let mut seeds = seeds.into_iter().collect::<Vec<_>>();
	seeds.reverse();
	let left = Mutex::new(seeds);
	let sum = Mutex::new((0, Report::default()));
	let failed = Mutex::new(None);
	let threads = std::thread::available_parallelism().map_or(1, usize::from);
	std::thread::scope(|scope| {
		for _ in 0..threads {
			scope.spawn(|| loop {
				let next = if failed.lock().is_none() { left.lock().pop() } else { None };
				let Some(seed) = next else { return };
				match run(seed, slots) {
					Ok(report) => {
						let mut sum = sum.lock();
						sum.0 += 1;
						sum.1.add(&report);
					}
					Err(failure) => *failed.lock() = Some(failure),
				}
			});
		}
	});
	match failed.into_inner() {
		Some(failure) => Err(failure),
		None => Ok(sum.into_inner()),
	}
}

/// The history of a seed, one line for each event.
pub fn history(seed: u64, slots: u64) -> Vec<String> {
	run_once(seed, slots, true).2
}

fn run_once(seed: u64, slots: u64, keeps_history: bool) -> (Report, Vec<String>, Vec<String>) {
	alarms::listen();
	let mut world = World::new(Plan::new(seed, slots), keeps_history);
	world.run();
	let report = if world.violations.is_empty() { world.conclude() } else { Report::default() };
	(report, world.violations, world.history.unwrap_or_default())
}
