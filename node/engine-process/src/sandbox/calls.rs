//! The system calls that are left to a child.
//!
//! All others say that there is no such call. That is what an older kernel says, so the C library does without: a newer one
//! than this list knows still works.

use seccompiler::{
	sock_filter, BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
	SeccompFilter, SeccompRule,
};
use std::{collections::BTreeMap, ffi::c_ushort, io};

/// Those that are open whatever they are called with.
const OPEN: &[i64] = &[
	// The socket, the log, and the files that were given.
	libc::SYS_read,
	libc::SYS_write,
	libc::SYS_readv,
	libc::SYS_writev,
	libc::SYS_pread64,
	libc::SYS_recvfrom,
	libc::SYS_recvmsg,
	libc::SYS_sendto,
	libc::SYS_sendmsg,
	libc::SYS_lseek,
	libc::SYS_fstat,
	libc::SYS_close,
	libc::SYS_ppoll,
	// Memory.
	libc::SYS_brk,
	libc::SYS_munmap,
	libc::SYS_mremap,
	libc::SYS_madvise,
	// Threads.
	libc::SYS_futex,
	libc::SYS_set_robust_list,
	libc::SYS_rseq,
	libc::SYS_membarrier,
	libc::SYS_sched_yield,
	libc::SYS_sched_getaffinity,
	libc::SYS_getcpu,
	libc::SYS_gettid,
	libc::SYS_getpid,
	libc::SYS_exit,
	libc::SYS_exit_group,
	// Its own signals: a stack that overflows is told of, and the process aborts.
	libc::SYS_rt_sigaction,
	libc::SYS_rt_sigprocmask,
	libc::SYS_rt_sigreturn,
	libc::SYS_sigaltstack,
	libc::SYS_restart_syscall,
	// Clocks, and what else is only read.
	libc::SYS_clock_gettime,
	libc::SYS_clock_getres,
	libc::SYS_clock_nanosleep,
	libc::SYS_nanosleep,
	libc::SYS_gettimeofday,
	libc::SYS_getrandom,
	libc::SYS_getrusage,
	libc::SYS_sysinfo,
];

/// Reads as "this argument, under this mask, is this".
type Condition = (u8, u64, u64);

const ALL_BITS: u64 = u64::MAX;

/// Why calls can't be closed.
#[derive(Debug, thiserror::Error)]
pub(super) enum FilterError {
	/// The filter can't be made, as for a CPU of another kind.
	#[error(transparent)]
	Made(#[from] BackendError),
	/// The kernel does not take it.
	#[error(transparent)]
	Taken(#[from] io::Error),
}

/// Closes all others to this thread and those that it starts.
pub(super) fn filter() -> Result<(), FilterError> {
	let missing = SeccompAction::Errno(libc::ENOSYS as u32);
	let filter = SeccompFilter::new(rules()?, missing, SeccompAction::Allow, std::env::consts::ARCH.try_into()?)?;
	let program: BpfProgram = filter.try_into()?;
	// The kernel wants to be sure that no program that has other rights is misled by the filter.
	rustix::thread::set_no_new_privs(true).map_err(io::Error::from)?;
	Ok(install(&program)?)
}

/// What the kernel calls `struct sock_fprog`.
#[repr(C)]
struct Program {
	length: c_ushort,
	filter: *const sock_filter,
}

/// Installs a filter. The crate that made it would do so too, without the flag: kernels before 5.16 then slow the thread down,
/// by closing a side channel that is of use to who runs others' code in a process, which nobody does here.
#[allow(unsafe_code)]
fn install(program: &[sock_filter]) -> io::Result<()> {
	let length = c_ushort::try_from(program.len()).map_err(io::Error::other)?;
	let program = Program { length, filter: program.as_ptr() };
	// SAFETY: the kernel reads `length` instructions at `filter`, which lives until the call is over, and keeps a copy.
	let installed = unsafe {
		libc::syscall(
			libc::SYS_seccomp,
			libc::SECCOMP_SET_MODE_FILTER,
			libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW,
			&raw const program,
		)
	};
	match installed {
		0 => Ok(()),
		_ => Err(io::Error::last_os_error()),
	}
}

fn rules() -> Result<BTreeMap<i64, Vec<SeccompRule>>, BackendError> {
	let mut rules: BTreeMap<i64, Vec<SeccompRule>> = OPEN.iter().map(|call| (*call, Vec::new())).collect();
	for (call, ways) in conditional() {
		let ways = ways.into_iter().map(|conditions| {
			let conditions = conditions.into_iter().map(|(argument, mask, value)| {
				let operator = SeccompCmpOp::MaskedEq(mask);
				SeccompCondition::new(argument, SeccompCmpArgLen::Qword, operator, value)
			});
			SeccompRule::new(conditions.collect::<Result<_, _>>()?)
		});
		rules.insert(call, ways.collect::<Result<_, _>>()?);
	}
	Ok(rules)
}

/// Those that are open in some ways, each a list of conditions.
fn conditional() -> Vec<(i64, Vec<Vec<Condition>>)> {
	let low = |argument: u8, value: i32| vec![(argument, u64::from(u32::MAX), u64::from(value as u32))];
	let without = |argument: u8, flag: i32| vec![vec![(argument, flag as u64, 0)]];
	let with = |argument: u8, flag: i32| vec![vec![(argument, flag as u64, flag as u64)]];
	let own = std::process::id();
	vec![
		// No new code.
		(libc::SYS_mmap, without(2, libc::PROT_EXEC)),
		(libc::SYS_mprotect, without(2, libc::PROT_EXEC)),
		// Threads, and no processes. `clone3` hides its flags, so it is closed and `clone` does its work.
		(libc::SYS_clone, with(0, libc::CLONE_THREAD)),
		// About descriptors that are there, not about paths.
		(libc::SYS_newfstatat, with(3, libc::AT_EMPTY_PATH)),
		(libc::SYS_statx, with(2, libc::AT_EMPTY_PATH)),
		(
			libc::SYS_fcntl,
			[libc::F_DUPFD_CLOEXEC, libc::F_GETFD, libc::F_SETFD, libc::F_GETFL].map(|what| low(1, what)).into(),
		),
		// The names of threads and of mappings.
		(libc::SYS_prctl, [libc::PR_SET_NAME, libc::PR_SET_VMA].map(|what| low(0, what)).into()),
		// Limits are read, not set.
		(libc::SYS_prlimit64, vec![vec![(0, ALL_BITS, 0), (2, ALL_BITS, 0)]]),
		// Aborts.
		(libc::SYS_tgkill, vec![vec![(0, u64::from(u32::MAX), u64::from(own))]]),
	]
}
