//! Measures the real runtime, the wasm that a chain runs: what its pallets' work weighs, and how long blocks full of jobs
//! take.

mod block;
mod chain;
mod committee;
mod genesis;
mod log_lines;
mod report;
mod votes;
mod weights;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Measures the runtime.
#[derive(Parser)]
struct Arguments {
	#[command(subcommand)]
	command: Command,
}

#[derive(Subcommand)]
enum Command {
	/// Run a pallet's benchmarks, by a wasm that has them, and write its weights.
	Weights(weights::Arguments),
	/// Make and import blocks full of jobs; the last line is RESULT {…}.
	Block(block::Arguments),
	/// Draw committees, and compare how often they fall with what theory says; the last line is RESULT {…}.
	Committee(committee::Arguments),
}

/// Why there is no result.
type Error = Box<dyn std::error::Error>;

fn main() -> ExitCode {
	log_lines::begin();
	let result = match Arguments::parse().command {
		Command::Weights(arguments) => weights::run(&arguments),
		Command::Block(arguments) => block::run(&arguments),
		Command::Committee(arguments) => committee::run(&arguments),
	};
	match result {
		Ok(()) => ExitCode::SUCCESS,
		Err(error) => {
			eprintln!("sibyl-bench: {error}");
			ExitCode::FAILURE
		}
	}
}
