//! A line of the log for each request: who, what, how it went and what it cost; never what was asked.

use super::{metrics::Metrics, LOG};
use hyper::StatusCode;
use std::{
	fmt::Write,
	time::{Instant, SystemTime, UNIX_EPOCH},
};

/// A request, which is logged when it is over, however it is.
pub struct Entry {
	begun: Instant,
	metrics: Metrics,
	/// What the request is known by to who sent it.
	pub id: String,
	/// What was asked for, one of the gateway's own words.
	pub what: &'static str,
	/// Whose key it came with.
	pub key: Option<String>,
	/// The model, one that the network has.
	pub model: Option<String>,
	/// What became of it.
	pub status: Option<StatusCode>,
	/// The error's code, or the jobs and what they cost.
	pub said: String,
}

impl Entry {
	/// A request that has just come.
	pub fn new(number: u64, metrics: Metrics) -> Self {
		// A clock before 1970 is no reason to fail.
		let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
		Self {
			begun: Instant::now(),
			metrics,
			id: format!("req_{now:x}_{number:x}"),
			what: "nothing known",
			key: None,
			model: None,
			status: None,
			said: String::new(),
		}
	}

	fn line(&self) -> String {
		let mut line = format!("{} {}", self.id, self.what);
		let status = self.status.map_or_else(|| "left".into(), |status| status.as_u16().to_string());
		// To write into a text does not fail.
		let _ = write!(line, " {status} in {} ms", self.begun.elapsed().as_millis());
		for (name, value) in [("key", &self.key), ("model", &self.model)] {
			if let Some(value) = value {
				let _ = write!(line, ", {name} {value}");
			}
		}
		if !self.said.is_empty() {
			let _ = write!(line, ", {}", self.said);
		}
		line
	}
}

impl Drop for Entry {
	fn drop(&mut self) {
		self.metrics.request(self.what, self.status, self.begun.elapsed());
		match self.status {
			Some(status) if status.is_server_error() => log::warn!(target: LOG, "{}", self.line()),
			_ => log::info!(target: LOG, "{}", self.line()),
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_line_says_who_what_and_how_it_went() {
		let mut entry = Entry::new(7, Metrics::new().expect("each name is there once"));
		entry.what = "POST chat";
		assert!(entry.line().contains("POST chat left in "), "who asked has gone: {}", entry.line());
		entry.status = Some(StatusCode::OK);
		entry.key = Some("web".into());
		entry.model = Some("smollm2".into());
		entry.said = "job 3, 0.5 SIB".into();
		let line = entry.line();
		assert!(
			line.contains("POST chat 200 in ") && line.ends_with(" ms, key web, model smollm2, job 3, 0.5 SIB"),
			"{line}"
		);
	}
}
