//! Errors of the runtime and of the SDK, which say why a benchmark fails.

struct ToStandardError;

impl log::Log for ToStandardError {
	fn enabled(&self, line: &log::Metadata<'_>) -> bool {
		line.level() <= log::Level::Warn
	}

	fn log(&self, line: &log::Record<'_>) {
		if self.enabled(line.metadata()) {
			eprintln!("{} {}: {}", line.level(), line.target(), line.args());
		}
	}

	fn flush(&self) {}
}

/// Shows them from now on.
pub fn begin() {
	if log::set_logger(&ToStandardError).is_ok() {
		log::set_max_level(log::LevelFilter::Warn);
	}
}
