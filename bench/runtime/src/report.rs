//! Times and figures.

use std::time::{Duration, Instant, SystemTime};

/// How long something took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Took {
	/// By the clock on the wall.
	pub wall: Duration,
	/// Of this thread's processor: what else runs on the machine is not in it.
	pub cpu: Duration,
}

/// Measures how long that takes.
pub fn timed<R>(run: impl FnOnce() -> R) -> (R, Took) {
	let (wall, cpu) = (Instant::now(), thread_time());
	let result = run();
	(result, Took { wall: wall.elapsed(), cpu: thread_time().saturating_sub(cpu) })
}

/// What Linux says that this thread has run for; nothing elsewhere.
fn thread_time() -> Duration {
	let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
	let nanos = text.split_whitespace().next().and_then(|number| number.parse().ok());
	Duration::from_nanos(nanos.unwrap_or(0))
}

/// The middle one of these, in milliseconds.
pub fn median(times: impl Iterator<Item = Duration>) -> f64 {
	let mut times: Vec<_> = times.map(|time| time.as_secs_f64() * 1e3).collect();
	times.sort_by(f64::total_cmp);
	times.get(times.len() / 2).copied().unwrap_or(0.0)
}

/// To two decimals.
pub fn rounded(number: f64) -> f64 {
	(number * 100.0).round() / 100.0
}

/// The date, in the time zone of Greenwich.
pub fn today() -> String {
	let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
	// From days to a date as in Howard Hinnant's `civil_from_days`.
	let days = (since.as_secs() / 86_400) as i64 + 719_468;
	let era = days.div_euclid(146_097);
	let day = days.rem_euclid(146_097);
	let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
	let day = day - (365 * year + year / 4 - year / 100);
	let month = (5 * day + 2) / 153;
	let date = day - (153 * month + 2) / 5 + 1;
	let month = if month < 10 { month + 3 } else { month - 9 };
	let year = year + era * 400 + i64::from(month <= 2);
	format!("{year:04}-{month:02}-{date:02}")
}
