//! A deterministic simulation of Sibyl: validators, their chain and their network, from one seed.

mod alarms;
mod chain;
mod checks;
mod engine;
mod mailbox;
mod mischief;
mod node;
mod plan;
mod rng;
mod runtime;
mod state;
mod world;

pub use checks::Report;

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
