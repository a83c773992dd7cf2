//! A bar on standard error, where that is a terminal.

use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};

/// How far the bytes of a file are. The bar is gone when this is.
pub struct Progress(ProgressBar);

impl Progress {
	/// Says what is done with which file.
	pub fn new(what: impl Into<String>) -> Self {
		let template = "{msg} [{wide_bar}] {decimal_bytes}/{decimal_total_bytes}, {decimal_bytes_per_sec}";
		let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
		let bar = ProgressBar::new(0).with_style(style.progress_chars("=> ")).with_finish(ProgressFinish::AndClear);
		bar.set_message(what.into());
		Self(bar)
	}

	/// So many bytes of so many are done.
	pub fn show(&self, done: u64, total: u64) {
		if self.0.length() != Some(total) {
			self.0.set_length(total);
		}
		self.0.set_position(done);
	}
}
