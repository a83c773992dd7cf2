//! What the node tells Prometheus of its inferences and votes.

use std::collections::BTreeMap;
use substrate_prometheus_endpoint::{
	exponential_buckets, register, Counter, CounterVec, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, Opts,
	PrometheusError, Registry, U64,
};

/// Clones count into the same metrics.
#[derive(Clone)]
pub struct Metrics {
	/// Inferences that the offchain worker asked for and the engine took.
	pub requests: Counter<U64>,
	/// Responses to the offchain worker, by outcome: `output` (the model's answer or its refusal), or why the validator
	/// abstains: `no_model`, `overloaded`, `too_slow`, `engine_failed`.
	pub responses: CounterVec<U64>,
	/// How long inferences ran, without the wait for their turn, by model.
	pub seconds: HistogramVec,
	/// Inferences that wait or run.
	pub queue_length: Gauge<U64>,
	/// The chain's models: 1 where this node serves it, else 0.
	pub model_served: GaugeVec<U64>,
	/// This validator's seats, as final blocks tell of them, by what became of them: `drawn`, `committed`, `abstained`,
	/// `revealed`, `paid`, `charged`.
	pub seats: CounterVec<U64>,
	/// Blocks from a seat's draw to the one that has this validator's commit or abstention.
	pub vote_blocks: Histogram,
	/// 1 where this validator is in the current session's set with its keys, else 0.
	pub elected: Gauge<U64>,
	/// Further runs of the offchain worker that native code asked for.
	pub wakes: Counter<U64>,
	/// Notices of the mailbox that nobody had room for.
	pub notices_dropped: Counter<U64>,
	/// Ballots from other nodes, by verdict: `accepted`, `merged` (it brought outputs that were missing), `deferred` (it is
	/// passed on later), `crowded` (there was no room) or why not.
	pub ballots_received: CounterVec<U64>,
	/// Ballots of this node, by outcome: `sent` or why not.
	pub ballots_sent: CounterVec<U64>,
	/// Ballots in the pool.
	pub pool_ballots: Gauge<U64>,
	/// Bytes of the ballots in the pool.
	pub pool_bytes: Gauge<U64>,
	/// Reports of validators that committed twice for one seat, by outcome: `sent` or `not_taken`.
	pub equivocation_reports: CounterVec<U64>,
}

impl Metrics {
	/// Metrics in the registry; without one they count for nobody.
	pub fn new(registry: Option<&Registry>) -> Result<Self, PrometheusError> {
		let metrics = Self {
			requests: Counter::new(
				"inference_requests_total",
				"Inferences that the engine took from the offchain worker",
			)?,
			responses: CounterVec::new(
				Opts::new("inference_responses_total", "Responses to the offchain worker"),
				&["outcome"],
			)?,
			seconds: HistogramVec::new(
				HistogramOpts::new("inference_seconds", "Seconds that inferences ran")
					.buckets(exponential_buckets(0.001, 2.0, 16)?),
				&["model"],
			)?,
			queue_length: Gauge::new("inference_queue_length", "Inferences that wait or run")?,
			model_served: GaugeVec::new(
				Opts::new("inference_model_served", "The chain's models: 1 where this node serves it, else 0"),
				&["model"],
			)?,
			seats: CounterVec::new(
				Opts::new("inference_seats_total", "Seats of this validator in final blocks, by what became of them"),
				&["outcome"],
			)?,
			vote_blocks: Histogram::with_opts(
				HistogramOpts::new(
					"inference_vote_blocks",
					"Blocks from a seat's draw to the one that has its commit or abstention",
				)
				.buckets(vec![1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 24.0, 64.0]),
			)?,
			elected: Gauge::new("inference_elected", "1 where this validator is in the current session's set")?,
			wakes: Counter::new("inference_wakes_total", "Further runs of the offchain worker that were asked for")?,
			notices_dropped: Counter::new(
				"inference_notices_dropped_total",
				"Notices of the mailbox that nobody had room for",
			)?,
			ballots_received: CounterVec::new(
				Opts::new("inference_ballots_received_total", "Ballots from other nodes"),
				&["verdict"],
			)?,
			ballots_sent: CounterVec::new(
				Opts::new("inference_ballots_sent_total", "Ballots of this node"),
				&["outcome"],
			)?,
			pool_ballots: Gauge::new("inference_pool_ballots", "Ballots in the pool")?,
			pool_bytes: Gauge::new("inference_pool_bytes", "Bytes of the ballots in the pool")?,
			equivocation_reports: CounterVec::new(
				Opts::new(
					"inference_equivocation_reports_total",
					"Reports of validators that committed twice for a seat",
				),
				&["outcome"],
			)?,
		};
		if let Some(registry) = registry {
			metrics.register(registry)?;
		}
		Ok(metrics)
	}

	/// Shows which of the chain's models are served. Of two revisions of a name, one served is enough.
	pub fn show_models(&self, models: impl Iterator<Item = (String, bool)>) {
		let mut served = BTreeMap::<_, bool>::new();
		for (name, is_served) in models {
			*served.entry(name).or_default() |= is_served;
		}
		self.model_served.reset();
		for (name, is_served) in served {
			self.model_served.with_label_values(&[&name]).set(u64::from(is_served));
		}
	}

	fn register(&self, registry: &Registry) -> Result<(), PrometheusError> {
		for counter in [&self.requests, &self.wakes, &self.notices_dropped] {
			register(counter.clone(), registry)?;
		}
		for counters in
			[&self.responses, &self.seats, &self.ballots_received, &self.ballots_sent, &self.equivocation_reports]
		{
			register(counters.clone(), registry)?;
		}
		for gauge in [&self.queue_length, &self.elected, &self.pool_ballots, &self.pool_bytes] {
			register(gauge.clone(), registry)?;
		}
		register(self.model_served.clone(), registry)?;
		register(self.seconds.clone(), registry)?;
		register(self.vote_blocks.clone(), registry)?;
		Ok(())
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn every_metric_is_registered_under_the_inference_prefix() {
		let registry = Registry::new();
		let metrics = Metrics::new(Some(&registry)).expect("no two metrics have one name");
		metrics.responses.with_label_values(&["output"]).inc();
		metrics.seconds.with_label_values(&["fake"]).observe(0.1);
		metrics.show_models([("fake".into(), true)].into_iter());
		metrics.ballots_received.with_label_values(&["accepted"]).inc();
		metrics.ballots_sent.with_label_values(&["sent"]).inc();
		metrics.seats.with_label_values(&["paid"]).inc();
		metrics.equivocation_reports.with_label_values(&["sent"]).inc();
		let names: Vec<_> = registry.gather().iter().map(|family| family.get_name().to_string()).collect();
		assert_eq!(names.len(), 15, "{names:?}");
		assert!(names.iter().all(|name| name.starts_with("inference_")), "{names:?}");
	}

	#[test]
	fn a_model_is_shown_as_served_if_one_of_its_revisions_is_and_not_at_all_once_it_is_gone() {
		let metrics = Metrics::new(None).expect("no two metrics have one name");
		let shown = |name: &str| metrics.model_served.with_label_values(&[name]).get();
		metrics.show_models([("a".into(), true), ("a".into(), false), ("b".into(), false)].into_iter());
		assert_eq!((shown("a"), shown("b")), (1, 0));
		metrics.show_models([("b".into(), true)].into_iter());
		assert_eq!((shown("a"), shown("b")), (0, 1));
	}
}
