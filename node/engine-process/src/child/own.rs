//! What a child does about itself before it is confined, and what it knows of its memory after.

use std::{fs::File, os::unix::fs::FileExt};

/// What a host may take.
#[derive(Debug)]
pub struct Resources {
	/// Threads that inferences are computed in.
	pub threads: usize,
	/// Requests of one model that run at once.
	pub places: usize,
	/// Its memory.
	pub memory: Memory,
}

/// The child's memory.
#[derive(Debug)]
pub struct Memory {
	limit: Option<u64>,
	/// Opened before the child was kept from files, and the page size found.
	taken: Option<File>,
	page: u64,
}

impl Memory {
	/// Of which there is so much.
	pub(super) fn new(limit: Option<u64>) -> Self {
		Self { limit, taken: File::open("/proc/self/statm").ok(), page: rustix::param::page_size() as u64 }
	}

	/// The bytes that are left of the limit; none where there is no limit. Where the system does not say what is taken, all is
	/// left.
	pub fn left(&self) -> Option<u64> {
		Some(self.limit?.saturating_sub(self.taken().unwrap_or(0)))
	}

	fn taken(&self) -> Option<u64> {
		let mut text = [0; 256];
		let length = self.taken.as_ref()?.read_at(&mut text, 0).ok()?;
		let pages = data_pages(std::str::from_utf8(&text[..length]).ok()?)?;
		pages.checked_mul(self.page)
	}
}

/// What the limit counts, of Linux's figures: size, resident, shared, text, library, data.
fn data_pages(statm: &str) -> Option<u64> {
	statm.split_whitespace().nth(5)?.parse().ok()
}

/// Nothing that the parent has open stays open, but standard input, output and error: what of it was not to be closed when a
/// program starts is closed now.
pub(super) fn close_what_is_the_parents() {
	#[cfg(target_os = "linux")]
	#[allow(unsafe_code)]
	// SAFETY: nothing in this process has opened a descriptor yet, so none is closed behind its owner's back. Where the kernel
	// lacks the call, nothing is closed.
	unsafe {
		libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, 0_u32);
	}
}

/// Who ends a node tells all its processes, and the child would be gone before the node has ended its inferences. The parent
/// ends it, by the end of its socket or for sure.
pub(super) fn let_the_parent_end_this() {
	#[cfg(target_os = "linux")]
	#[allow(unsafe_code)]
	for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
		// SAFETY: no handler is set, and nothing in this process waits for these signals.
		unsafe { libc::signal(signal, libc::SIG_IGN) };
	}
}

/// The parent may be killed before it can end the child.
pub(super) fn die_with_the_parent() {
	#[cfg(target_os = "linux")]
	// Where the kernel refuses, the socket's end still tells the child.
	let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
}

/// When the system has no memory left, the kernel is to kill the child and not the node.
pub(super) fn be_the_first_to_go() {
	#[cfg(target_os = "linux")]
	// Where the kernel refuses, it chooses by itself.
	let _ = std::fs::write("/proc/self/oom_score_adj", "500");
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn what_the_process_has_taken_should_be_read_as_linux_writes_it() {
		assert_eq!(data_pages("6054 1321 1106 8 0 412 0\n"), Some(412));
		for other in ["", "1 2 3 4 5", "1 2 3 4 5 x 7"] {
			assert_eq!(data_pages(other), None, "{other}");
		}
	}

	#[cfg(target_os = "linux")]
	#[test]
	fn what_is_taken_should_be_missing_from_what_is_left() {
		let memory = Memory::new(Some(1 << 40));
		let before = memory.left().expect("there is a limit");
		// More than other tests take and give back meanwhile; no page of it is touched.
		let block = std::hint::black_box(vec![0_u8; 1 << 30]);
		let after = memory.left().expect("there is a limit");
		assert!(before < 1 << 40 && after <= before - (block.len() as u64) / 2, "{before}, {after}");
		assert_eq!(Memory::new(None).left(), None);
	}
}
