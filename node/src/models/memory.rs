//! Whether a model fits into this machine's memory.

use indicatif::DecimalBytes;
use std::fs;

/// There is not as much memory as a model needs.
#[derive(Debug, thiserror::Error)]
#[error(
	"{name} needs about {} of memory, and {} are available: stop other programs, or take a smaller model or \
	 fewer tokens",
	DecimalBytes(*needed), DecimalBytes(*available)
)]
pub struct OutOfMemory {
	/// What the model is called.
	name: String,
	/// How many bytes it needs.
	needed: u64,
	/// How many bytes there are.
	available: u64,
}

/// Says how much memory a model needs, and refuses if there is less.
pub fn announce(name: &str, needed: u64) -> Result<(), OutOfMemory> {
	let available = available();
	let found = match available {
		Some(available) => format!("{} are available", DecimalBytes(available)),
		None => "this system does not say how much is available".into(),
	};
	eprintln!("{name} needs about {} of memory; {found}", DecimalBytes(needed));
	fits(name, needed, available)
}

/// Refuses if there is less memory than is needed, in bytes.
pub fn check(name: &str, needed: u64) -> Result<(), OutOfMemory> {
	fits(name, needed, available())
}

fn fits(name: &str, needed: u64, available: Option<u64>) -> Result<(), OutOfMemory> {
	match available {
		Some(available) if available < needed => Err(OutOfMemory { name: name.into(), needed, available }),
		_ => Ok(()),
	}
}

/// How many bytes programs can have without swapping, where the kernel is Linux.
fn available() -> Option<u64> {
	parse_available(&fs::read_to_string("/proc/meminfo").ok()?)
}

fn parse_available(meminfo: &str) -> Option<u64> {
	let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
	let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
	kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn available_memory_should_be_read_as_linux_writes_it() {
		let meminfo =
			"MemTotal:       24630772 kB\nMemFree:         1 kB\nMemAvailable:   23110844 kB\nBuffers: 2 kB\n";
		assert_eq!(parse_available(meminfo), Some(23_110_844 * 1024));
		for other in ["", "MemAvailable:", "MemAvailable: x kB", "MemAvailable: 1 MB", "MemFree: 1 kB"] {
			assert_eq!(parse_available(other), None, "{other}");
		}
	}

	#[test]
	fn a_model_that_needs_more_than_there_is_should_be_refused_with_both_figures() {
		assert!(fits("x", 5_000_000_000, Some(5_000_000_000)).is_ok());
		assert!(fits("x", 5_000_000_000, None).is_ok());
		let error = fits("x", 5_000_000_001, Some(2_500_000_000)).expect_err("it does not fit").to_string();
		assert!(error.contains("x needs about 5.00 GB") && error.contains("2.50 GB"), "{error}");
	}
}
