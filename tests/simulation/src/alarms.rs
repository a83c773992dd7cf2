//! What the code under test says that it should never have to say.
//!
//! `defensive!` panics in debug builds alone, and the worker logs what must not be: here each such line is a violation.

use log::{Level, LevelFilter, Log, Metadata, Record};
use std::cell::RefCell;

thread_local! {
	static HEARD: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
	static NODE: RefCell<Option<(usize, bool)>> = const { RefCell::new(None) };
}

struct Alarms;

impl Log for Alarms {
	fn enabled(&self, metadata: &Metadata<'_>) -> bool {
		metadata.level() == Level::Error
	}

	fn log(&self, record: &Record<'_>) {
		let is_bad_node = NODE.with_borrow(|node| node.is_some_and(|(_, is_byzantine)| is_byzantine));
		if record.level() == Level::Error && !is_bad_node {
			let node = NODE.with_borrow(|node| node.map(|(number, _)| number));
			HEARD.with_borrow_mut(|heard| heard.push(format!("an alarm at node {node:?}: {}", record.args())));
		}
	}

	fn flush(&self) {}
}

/// Listens from now on.
pub(crate) fn listen() {
	static ALARMS: Alarms = Alarms;
	// Another run in this process may have begun before.
	if log::set_logger(&ALARMS).is_ok() {
		log::set_max_level(LevelFilter::Error);
	}
	take();
}

/// Says whose worker runs now.
pub(crate) fn name_node(number: usize, is_byzantine: bool) {
	NODE.set(Some((number, is_byzantine)));
}

/// What was heard since this was last called.
pub(crate) fn take() -> Vec<String> {
	NODE.set(None);
	HEARD.take()
}
