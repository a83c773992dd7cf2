//! What the node tells Prometheus of files.

use substrate_prometheus_endpoint::{register, Counter, CounterVec, Opts, PrometheusError, Registry, U64};

/// Clones count into the same metrics.
#[derive(Clone)]
pub struct Metrics {
	/// Bytes of chunks that came and were right.
	pub fetched_bytes: Counter<U64>,
	/// Files that are complete.
	pub fetched: Counter<U64>,
	/// Peers that are not asked any more, since they sent what is not the file's.
	pub refused_peers: Counter<U64>,
	/// Bytes of chunks that were given.
	pub served_bytes: Counter<U64>,
	/// Requests of others, by outcome: `chunk`, `has`, `absent`, `busy` or `malformed`.
	pub requests: CounterVec<U64>,
}

impl Metrics {
	/// Metrics in the registry; without one they count for nobody.
	pub fn new(registry: Option<&Registry>) -> Result<Self, PrometheusError> {
		let metrics = Self {
			fetched_bytes: Counter::new("sibyl_files_fetched_bytes_total", "Bytes of models' files from other nodes")?,
			fetched: Counter::new("sibyl_files_fetched_total", "Models' files that were fetched from other nodes")?,
			refused_peers: Counter::new(
				"sibyl_files_refused_peers_total",
				"Nodes that sent what is not the file's and are not asked any more",
			)?,
			served_bytes: Counter::new("sibyl_files_served_bytes_total", "Bytes of models' files for other nodes")?,
			requests: CounterVec::new(
				Opts::new("sibyl_files_requests_total", "Requests of other nodes for models' files"),
				&["outcome"],
			)?,
		};
		if let Some(registry) = registry {
			let Self { fetched_bytes, fetched, refused_peers, served_bytes, requests } = metrics.clone();
			for counter in [fetched_bytes, fetched, refused_peers, served_bytes] {
				register(counter, registry)?;
			}
			register(requests, registry)?;
		}
		Ok(metrics)
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn every_metric_is_registered_under_the_files_prefix() {
		let registry = Registry::new();
		let metrics = Metrics::new(Some(&registry)).expect("no two metrics have one name");
		metrics.requests.with_label_values(&["busy"]).inc();
		let families = registry.gather();
		assert_eq!(families.len(), 5);
		assert!(families.iter().all(|family| family.get_name().starts_with("sibyl_files_")));
	}
}
