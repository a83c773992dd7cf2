//! Models: one file each, its loader and its forward pass.

pub(crate) mod bert;
pub(crate) mod common_lingua;
pub(crate) mod generator;
pub(crate) mod llama;
mod rows;

use crate::kernels::Kernels;
use crate::{EngineError, Outcome, Refusal, Request};

/// A loaded model.
pub(crate) trait Model: Send + Sync {
	/// Answers a request with the given kernels and number of threads, neither of which changes the outcome.
	fn run(&self, request: &Request, kernels: Kernels, threads: usize) -> Result<Outcome, EngineError>;
}

/// Why a forward pass ends early.
#[derive(Debug)]
pub(crate) enum Stop {
	/// The model refuses.
	Refused(Refusal),
	/// The engine fails.
	Failed(EngineError),
}

impl From<Refusal> for Stop {
	fn from(refusal: Refusal) -> Self {
		Self::Refused(refusal)
	}
}

impl From<EngineError> for Stop {
	fn from(error: EngineError) -> Self {
		Self::Failed(error)
	}
}

/// What a forward pass came to, as an outcome.
pub(crate) fn settle(result: Result<crate::Response, Stop>) -> Result<Outcome, EngineError> {
	match result {
		Ok(response) => Ok(Ok(response)),
		Err(Stop::Refused(refusal)) => Ok(Err(refusal)),
		Err(Stop::Failed(error)) => Err(error),
	}
}
