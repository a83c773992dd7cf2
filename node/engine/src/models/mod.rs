//! Models: one file each, its loader and its forward pass.

pub(crate) mod answering;
pub(crate) mod batch;
pub(crate) mod bert;
pub(crate) mod common_lingua;
pub(crate) mod generator;
mod gguf_keys;
pub(crate) mod linear;
pub(crate) mod llama;
mod rows;

use crate::kernels::Kernels;
use crate::trace::Tracer;
use crate::{EngineError, Inference, Refusal, Request, Response};

/// A loaded model.
pub(crate) trait Model: Send + Sync {
	/// Answers a request with the given kernels and number of threads, neither of which changes a bit.
	fn run(&self, request: &Request, kernels: Kernels, threads: usize) -> Result<Inference, EngineError>;
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

/// What a forward pass came to. It adds the rows that chose its answer, which count only if there is one.
pub(crate) fn settle(answer: impl FnOnce(&mut Tracer) -> Result<Response, Stop>) -> Result<Inference, EngineError> {
	let mut tracer = Tracer::new();
	match answer(&mut tracer) {
		Ok(response) => Ok(Inference { outcome: Ok(response), trace: tracer.finish() }),
		Err(Stop::Refused(refusal)) => Ok(Inference::refused(refusal)),
		Err(Stop::Failed(error)) => Err(error),
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{Finish, NO_ROWS};

	#[test]
	fn rows_should_count_only_if_there_is_an_answer() {
		let row = |tracer: &mut Tracer| tracer.add(&[1.0]);
		let response = Response::Generation { text: String::new(), tokens: Vec::new(), finish: Finish::Length };
		let answer = response.clone();
		let answered = settle(|tracer| {
			row(tracer);
			Ok(answer)
		});
		let mut expected = Tracer::new();
		row(&mut expected);
		assert_eq!(answered, Ok(Inference { outcome: Ok(response.clone()), trace: expected.finish() }));
		assert_eq!(settle(|_| Ok(response.clone())), Ok(Inference { outcome: Ok(response), trace: NO_ROWS }));
		let refused = settle(|tracer| {
			row(tracer);
			Err(Refusal::NotFinite.into())
		});
		assert_eq!(refused, Ok(Inference { outcome: Err(Refusal::NotFinite), trace: NO_ROWS }));
		assert_eq!(settle(|_| Err(EngineError::FloatEnvironment.into())), Err(EngineError::FloatEnvironment));
	}
}
