//! Measures how long inferences run, and lets none of them end the node.

use super::{metrics::Metrics, panics};
use sibyl_engine::{Engine, EngineError, Inference, ModelDescription, Request};
use std::{sync::Arc, time::Instant};

/// An engine whose runs are measured, and whose panics are errors.
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
		let start = Instant::now();
		let inference = panics::catch(|| self.engine.infer(request));
		self.metrics.seconds.with_label_values(&[&model]).observe(start.elapsed().as_secs_f64());
		inference.unwrap_or_else(|message| Err(EngineError::Panicked(message)))
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::inference::mock::metrics;
	use sibyl_engine::{testing::FakeEngine, Limits};

	fn request() -> Request {
		let limits = Limits { max_input_bytes: 10, max_output_units: 1 };
		Request::new(FakeEngine::MODEL, "a", limits)
	}

	#[test]
	fn a_run_is_measured_and_its_outcome_left_alone() {
		let metrics = metrics();
		let timed = Timed::new(Arc::new(FakeEngine::new()), metrics.clone());
		assert_eq!(timed.infer(&request()), FakeEngine::new().infer(&request()));
		assert_eq!(metrics.seconds.with_label_values(&["fake"]).get_sample_count(), 1);
	}

	#[test]
	fn a_panic_is_an_error_and_measured_too() {
		let metrics = metrics();
		let panicking = FakeEngine::new().answering(|_| panic!("on purpose"));
		let timed = Timed::new(Arc::new(panicking), metrics.clone());
		assert_eq!(timed.infer(&request()), Err(EngineError::Panicked("on purpose".into())));
		assert_eq!(metrics.seconds.with_label_values(&["fake"]).get_sample_count(), 1);
	}
}
