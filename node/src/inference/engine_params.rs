//! The engine's process, as the command line wants it.

use crate::{cli::ENGINE_PROCESS, models::memory};
use sibyl_engine_process::{EngineProcess, Patience, Settings};
use std::{io, sync::Arc, time::Duration};

/// The least that an inference may take before it is stopped, whatever the operator allows an answer that is used: the runs
/// by which a slow machine finds out that it is one end by themselves.
const LEAST_LONGEST_RUN: Duration = Duration::from_secs(120);

const MIB: u64 = 1 << 20;

/// What the engine may take of the machine.
#[derive(Clone, Debug, clap::Args)]
pub struct EngineParams {
	/// Threads that inferences are computed in, all jobs together; all cores but one where no number is given. More threads
	/// than cores are left for them make the pace that the chain is told a promise that can't be kept.
	#[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
	pub inference_threads: Option<u16>,

	/// Jobs that run at once. A model's weights are read once for all of its jobs, so that together they are done sooner than
	/// one after the other. Each takes memory for all that it may read and write.
	#[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=64))]
	pub inference_places: u16,

	/// The most memory that the engine's process may take; by default three
	/// quarters of what the machine or the container has left when the node starts. A job that lacks memory ends that
	/// process and not the node.
	#[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u64).range(256..=1_048_576))]
	pub inference_memory: Option<u64>,
}

impl EngineParams {
	/// Threads to compute in: what inferences leave of the machine is for the chain.
	pub fn threads(&self) -> u32 {
		let all_but_one = || {
			let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
			u32::try_from(cores.saturating_sub(1)).unwrap_or(u32::MAX).max(1)
		};
		self.inference_threads.map_or_else(all_but_one, u32::from)
	}

	/// The engine. No process is started before a model is to be loaded, so a node that is no validator has none.
	pub fn engine(&self, longest_run: Duration) -> io::Result<Arc<EngineProcess>> {
		EngineProcess::new(self.settings(longest_run)).map(Arc::new)
	}

	fn settings(&self, longest_run: Duration) -> Settings {
		Settings {
			threads: self.threads(),
			places: self.inference_places.into(),
			memory: self.inference_memory.map(|mib| mib * MIB).or_else(memory::share),
			available: memory::available,
			patience: Patience { longest_run: longest_run.max(LEAST_LONGEST_RUN), ..Patience::default() },
			..Settings::this_program(&[ENGINE_PROCESS])
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn what_the_operator_says_of_the_engine_should_be_its_settings() {
		let params = EngineParams { inference_threads: Some(3), inference_places: 5, inference_memory: Some(300) };
		let Settings { threads, places, memory, patience, .. } = params.settings(Duration::from_secs(500));
		assert_eq!((threads, places, memory), (3, 5, Some(300 << 20)));
		assert_eq!(patience.longest_run, Duration::from_secs(500));
		assert_eq!(params.settings(Duration::ZERO).patience.longest_run, LEAST_LONGEST_RUN);
	}
}
