//! Measures how long inferences run.

use super::metrics::Metrics;
use sibyl_engine::{Engine, EngineError, Inference, ModelDescription, Request};
use std::{
	cell::Cell,
	sync::Arc,
	time::{Duration, Instant},
};

thread_local! {
	static LAST_RUN: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// How long the last inference of this thread ran. The queue reports an outcome in the thread that computed it.
pub fn last_run() -> Duration {
	LAST_RUN.get()
}

/// An engine whose runs are measured.
pub struct Timed {
	engine: Arc<dyn Engine>,
	metrics: Metrics,
}

impl Timed {
	/// The same engine, measured.
	pub fn new(engine: Arc<dyn Engine>, metrics: Metrics) -> Self {
		Self { engine, metrics }
	}
}

impl Engine for Timed {
	fn models(&self) -> Vec<ModelDescription> {
		self.engine.models()
	}

	fn infer(&self, request: &Request) -> Result<Inference, EngineError> {
		let model = self.engine.models().into_iter().find(|model| model.is(&request.model));
		let model = model.map_or_else(String::new, |model| model.name);
		let _run = Run { start: Instant::now(), model, metrics: &self.metrics };
		self.engine.infer(request)
	}
}

/// Measured by its end, so that a panic has a length too.
struct Run<'a> {
	start: Instant,
	model: String,
	metrics: &'a Metrics,
}

impl Drop for Run<'_> {
	fn drop(&mut self) {
		let length = self.start.elapsed();
		LAST_RUN.set(length);
		self.metrics.seconds.with_label_values(&[&self.model]).observe(length.as_secs_f64());
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::inference::mock::metrics;
	use sibyl_engine::{testing::FakeEngine, Limits};

	#[test]
	fn a_run_is_measured_and_its_outcome_left_alone() {
		const LENGTH: Duration = Duration::from_millis(20);
		let slow = |request: &Request| {
			std::thread::sleep(LENGTH);
			Ok(Ok(FakeEngine::made_up(request, 0)))
		};
		let limits = Limits { max_input_bytes: 10, max_output_units: 1 };
		let request = Request::new(FakeEngine::MODEL, "a", limits);
		let metrics = metrics();
		let timed = Timed::new(Arc::new(FakeEngine::new().answering(slow)), metrics.clone());
		assert_eq!(timed.infer(&request), FakeEngine::new().infer(&request));
		assert!(last_run() >= LENGTH);
		assert_eq!(metrics.seconds.with_label_values(&["fake"]).get_sample_count(), 1);
	}
}
