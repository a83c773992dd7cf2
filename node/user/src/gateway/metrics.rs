//! What Prometheus is told of the gateway.

use super::{
	http::{respond, Response},
	ledger::Spending,
	LOG,
};
use hyper::{
	header::{HeaderMap, HeaderValue, CONTENT_TYPE},
	Method, StatusCode,
};
use sibyl_primitives::Balance;
use sibyl_runtime::constants::SIB;
use std::time::Duration;
use substrate_prometheus_endpoint::{
	prometheus::{Encoder, TextEncoder},
	register, CounterVec, Gauge, HistogramOpts, HistogramVec, Opts, PrometheusError, Registry, F64, U64,
};

/// Seconds: a job takes some blocks of three seconds, and the longest wait for one is ten minutes.
const SECONDS: [f64; 13] = [0.1, 1.0, 3.0, 6.0, 9.0, 12.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0];

/// What became of a job.
#[derive(Clone, Copy)]
pub enum Outcome {
	/// It is signed and sent.
	Asked,
	/// It has ended for good, and what it cost is known.
	Settled,
	/// The node or the chain refused it: it cost the transaction's fee at most.
	Refused,
	/// Nobody can tell what it cost: it counts as paid in full.
	Lost,
}

impl Outcome {
	const ALL: [Self; 4] = [Self::Asked, Self::Settled, Self::Refused, Self::Lost];

	fn name(self) -> &'static str {
		match self {
			Self::Asked => "asked",
			Self::Settled => "settled",
			Self::Refused => "refused",
			Self::Lost => "lost",
		}
	}
}

/// The gateway's metrics. Clones share them.
#[derive(Clone)]
pub struct Metrics {
	registry: Registry,
	requests: CounterVec<U64>,
	seconds: HistogramVec,
	jobs: CounterVec<U64>,
	spent: Gauge<F64>,
	held: Gauge<F64>,
	left: Gauge<F64>,
}

impl Metrics {
	/// None has happened yet.
	pub fn new() -> Result<Self, PrometheusError> {
		let registry = Registry::new();
		let gauge = |name, help| register(Gauge::<F64>::new(name, help)?, &registry);
		let seconds = HistogramOpts::new("sibyl_gateway_request_seconds", "How long a request took to be answered")
			.buckets(SECONDS.to_vec());
		let requests = Opts::new("sibyl_gateway_requests_total", "Requests, by what they went to and their status");
		let jobs = Opts::new("sibyl_gateway_jobs_total", "What became of jobs");
		let metrics = Self {
			requests: register(CounterVec::new(requests, &["endpoint", "status"])?, &registry)?,
			seconds: register(HistogramVec::new(seconds, &["endpoint"])?, &registry)?,
			jobs: register(CounterVec::new(jobs, &["outcome"])?, &registry)?,
			spent: gauge(
				"sibyl_gateway_spent_sib",
				"What the gateway's account has paid since the state file's first day",
			)?,
			held: gauge("sibyl_gateway_held_sib", "What open jobs may cost")?,
			left: gauge("sibyl_gateway_limit_left_sib", "What may be spent yet of the gateway's limit")?,
			registry,
		};
		// Who counts events sees the first one, too.
		Outcome::ALL.iter().for_each(|outcome| drop(metrics.jobs.get_metric_with_label_values(&[outcome.name()])));
		Ok(metrics)
	}

	/// A request is over; without a status who asked has gone.
	pub fn request(&self, endpoint: &str, status: Option<StatusCode>, took: Duration) {
		let status = status.map_or_else(|| "left".into(), |status| status.as_u16().to_string());
		self.requests.with_label_values(&[endpoint, &status]).inc();
		self.seconds.with_label_values(&[endpoint]).observe(took.as_secs_f64());
	}

	/// Something became of a job.
	pub fn job(&self, outcome: Outcome) {
		self.jobs.with_label_values(&[outcome.name()]).inc();
	}

	/// What all keys together have spent.
	pub fn spending(&self, Spending { spent, held, limit }: Spending) {
		let sib = |amount: Balance| amount as f64 / SIB as f64;
		self.spent.set(sib(spent));
		self.held.set(sib(held));
		self.left.set(sib(limit.saturating_sub(spent.saturating_add(held))));
	}

	/// Answers Prometheus.
	pub fn serve(&self, method: &Method, path: &str) -> Response {
		if (method, path) != (&Method::GET, "/metrics") {
			return respond(StatusCode::NOT_FOUND, HeaderMap::new(), "the metrics are at /metrics\n");
		}
		let mut text = Vec::new();
		let encoder = TextEncoder::new();
		if let Err(error) = encoder.encode(&self.registry.gather(), &mut text) {
			log::error!(target: LOG, "the metrics can't be written: {error}");
			return respond(StatusCode::INTERNAL_SERVER_ERROR, HeaderMap::new(), "");
		}
		let kind =
			HeaderValue::from_str(encoder.format_type()).unwrap_or_else(|_| HeaderValue::from_static("text/plain"));
		respond(StatusCode::OK, HeaderMap::from_iter([(CONTENT_TYPE, kind)]), text)
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use futures::FutureExt;
	use http_body_util::BodyExt;

	fn text_of(metrics: &Metrics) -> String {
		let response = metrics.serve(&Method::GET, "/metrics");
		assert_eq!(response.status(), StatusCode::OK);
		let body = response.into_body().collect().now_or_never().expect("it is whole").expect("it does not fail");
		String::from_utf8(body.to_bytes().to_vec()).expect("it is text")
	}

	#[test]
	fn requests_should_be_counted_by_status_and_timed() {
		let metrics = Metrics::new().expect("each name is there once");
		metrics.request("chat", Some(StatusCode::OK), Duration::from_secs(10));
		metrics.request("chat", Some(StatusCode::OK), Duration::from_secs(400));
		metrics.request("chat", None, Duration::ZERO);
		let text = text_of(&metrics);
		assert!(text.contains("sibyl_gateway_requests_total{endpoint=\"chat\",status=\"200\"} 2\n"), "{text}");
		assert!(text.contains("sibyl_gateway_requests_total{endpoint=\"chat\",status=\"left\"} 1\n"), "{text}");
		assert!(text.contains("sibyl_gateway_request_seconds_bucket{endpoint=\"chat\",le=\"12\"} 2\n"), "{text}");
		assert!(text.contains("sibyl_gateway_request_seconds_count{endpoint=\"chat\"} 3\n"), "{text}");
	}

	#[test]
	fn jobs_should_be_there_before_the_first_one_and_tokens_be_told_in_sib() {
		let metrics = Metrics::new().expect("each name is there once");
		for outcome in Outcome::ALL {
			let line = format!("sibyl_gateway_jobs_total{{outcome=\"{}\"}} 0\n", outcome.name());
			assert!(text_of(&metrics).contains(&line), "{line}");
		}
		metrics.job(Outcome::Lost);
		metrics.spending(Spending { spent: SIB / 2, held: SIB / 4, limit: SIB });
		let text = text_of(&metrics);
		assert!(text.contains("sibyl_gateway_jobs_total{outcome=\"lost\"} 1\n"), "{text}");
		for line in ["spent_sib 0.5", "held_sib 0.25", "limit_left_sib 0.25"] {
			assert!(text.contains(&format!("sibyl_gateway_{line}\n")), "{text}");
		}
		metrics.spending(Spending { spent: 2 * SIB, held: 0, limit: SIB });
		assert!(text_of(&metrics).contains("limit_left_sib 0\n"), "a limit may be lowered");
	}

	#[test]
	fn nothing_else_should_be_served_there() {
		let metrics = Metrics::new().expect("each name is there once");
		assert_eq!(metrics.serve(&Method::GET, "/v1/models").status(), StatusCode::NOT_FOUND);
		assert_eq!(metrics.serve(&Method::POST, "/metrics").status(), StatusCode::NOT_FOUND);
	}
}
