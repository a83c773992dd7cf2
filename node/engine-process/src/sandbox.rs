//! What a child is kept from: files, the network, other programs, more memory than it was given.
//!
//! What the system lacks of this is told and gone without, since the child is a protection beside the node's own checks, and a
//! validator on an older kernel still has a process that may die alone.

#[cfg(target_os = "linux")]
mod calls;

use rustix::process::{setrlimit, Resource, Rlimit};

/// The most descriptors that a child has open: its socket, standard output and error, and the files of a model that is loaded.
const DESCRIPTORS: u64 = 64;

/// Confines this thread and those that it starts, and bounds the process. Says what the system lacks for that, in words.
pub fn confine(memory: Option<u64>) -> Vec<String> {
	let mut missing = bound(memory);
	missing.extend(close_files().err());
	missing.extend(close_calls().err());
	missing
}

/// Bounds what the process may take, and leaves no memory dumps behind, which would hold what was asked.
fn bound(memory: Option<u64>) -> Vec<String> {
	let bounds = [
		("a limit on memory", Resource::Data, memory),
		("a limit on open files", Resource::Nofile, Some(DESCRIPTORS)),
		("a limit on memory dumps", Resource::Core, Some(0)),
	];
	let set = |(what, resource, bound): (&str, Resource, Option<u64>)| {
		let bound = bound?;
		let failed = setrlimit(resource, Rlimit { current: Some(bound), maximum: Some(bound) }).err();
		failed.map(|error| format!("{what} ({error})"))
	};
	bounds.into_iter().filter_map(set).collect()
}

/// From now on this thread opens no file, connects to nothing and signals nobody outside, as far as the kernel has Landlock.
#[cfg(target_os = "linux")]
pub fn close_files() -> Result<(), String> {
	use landlock::{
		Access, AccessFs, AccessNet, RestrictionStatus, Ruleset, RulesetAttr, RulesetError, RulesetStatus, Scope, ABI,
	};
	// A rule would open something. Older kernels take what they know of it.
	let newest = ABI::V6;
	let restrict = || -> Result<RestrictionStatus, RulesetError> {
		Ruleset::default()
			.handle_access(AccessFs::from_all(newest))?
			.handle_access(AccessNet::from_all(newest))?
			.scope(Scope::AbstractUnixSocket | Scope::Signal)?
			.create()?
			.restrict_self()
	};
	match restrict() {
		Ok(RestrictionStatus { ruleset: RulesetStatus::NotEnforced, .. }) => {
			Err("Landlock, which closes files (Linux 5.13)".into())
		}
		Ok(_) => Ok(()),
		Err(error) => Err(format!("Landlock, which closes files ({error})")),
	}
}

/// From now on this thread has only the system calls of something that computes, as far as the kernel has seccomp.
#[cfg(target_os = "linux")]
pub fn close_calls() -> Result<(), String> {
	calls::filter().map_err(|error| format!("seccomp, which closes system calls ({error})"))
}

/// Landlock is Linux's.
#[cfg(not(target_os = "linux"))]
pub fn close_files() -> Result<(), String> {
	Err("Landlock, which closes files (Linux alone has it)".into())
}

/// Seccomp is Linux's.
#[cfg(not(target_os = "linux"))]
pub fn close_calls() -> Result<(), String> {
	Err("seccomp, which closes system calls (Linux alone has it)".into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
	use super::*;
	use std::{fs::File, io::ErrorKind, net::TcpStream, process::Command, thread};

	/// Runs in a thread, which alone is confined.
	fn confined<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
		thread::spawn(run).join().expect("it does not panic")
	}

	#[test]
	fn landlock_alone_should_close_files() {
		let opened = confined(|| {
			let opened_before = File::open("/etc/passwd").expect("it can be read before");
			close_files().map(|()| (opened_before.metadata().is_ok(), File::open("/etc/passwd").map_err(|e| e.kind())))
		});
		// A kernel may lack it, and then says so.
		let Ok((has_what_was_open, opened)) = opened else { return };
		assert!(has_what_was_open);
		assert_eq!(opened.err(), Some(ErrorKind::PermissionDenied));
	}

	#[test]
	fn seccomp_alone_should_close_files_the_network_and_other_programs_and_leave_threads() {
		let tried = confined(|| {
			close_calls().map(|()| {
				let computed = thread::spawn(|| vec![1_u8; 100 << 20].iter().map(|byte| u64::from(*byte)).sum::<u64>());
				[
					File::open("/etc/passwd").err(),
					TcpStream::connect("127.0.0.1:1").err(),
					Command::new("/bin/true").status().err(),
					rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::CONT)
						.err()
						.map(Into::into),
					(computed.join().ok() != Some(100 << 20)).then(|| ErrorKind::Other.into()),
				]
				.map(|error| error.map(|error| error.raw_os_error()))
			})
		});
		let Ok(tried) = tried else { return };
		let closed = Some(Some(libc::ENOSYS));
		assert_eq!(tried, [closed, closed, closed, closed, None]);
	}
}
