//! Whether a model fits into this machine's memory.

use indicatif::DecimalBytes;
use std::{
	fs,
	path::{Path, PathBuf},
};

/// There is not as much memory as a model needs.
#[derive(Debug, thiserror::Error)]
#[error(
	"{name} needs about {} of memory, and {} are available: stop other programs, raise the limits of this process, or take a \
	 smaller model or fewer tokens",
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

/// Says how much memory a model needs that is to be in this process, and refuses if there is less.
pub fn announce(name: &str, needed: u64) -> Result<(), OutOfMemory> {
	let available = available_here();
	let found = match available {
		Some(available) => format!("{} are available", DecimalBytes(available)),
		None => "this system does not say how much is available".into(),
	};
	eprintln!("{name} needs about {} of memory; {found}", DecimalBytes(needed));
	fits(name, needed, available)
}

/// Refuses if this process can have less memory than is needed, in bytes.
pub fn check(name: &str, needed: u64) -> Result<(), OutOfMemory> {
	fits(name, needed, available_here())
}

fn fits(name: &str, needed: u64, available: Option<u64>) -> Result<(), OutOfMemory> {
	match available {
		Some(available) if available < needed => Err(OutOfMemory { name: name.into(), needed, available }),
		_ => Ok(()),
	}
}

/// What a model needs against what there is.
pub fn lacking(name: &str, needed: u64, available: u64) -> OutOfMemory {
	OutOfMemory { name: name.into(), needed, available }
}

/// How many bytes of memory a process has, where the system tells.
pub fn resident(process: u32) -> Option<u64> {
	kibibytes(&fs::read_to_string(format!("/proc/{process}/status")).ok()?, "VmRSS:")
}

/// What the engine's process may take where the operator does not say: the rest is for the chain, and for what comes.
pub fn share() -> Option<u64> {
	available().map(|available| available / 4 * 3)
}

/// [`available`], and no more than is left of the limit on this process's own addresses.
fn available_here() -> Option<u64> {
	let read = |file: &str| fs::read_to_string(format!("/proc/self/{file}")).ok();
	let addresses = read("limits").zip(read("status")).and_then(|(limits, status)| left_of_addresses(&limits, &status));
	available().into_iter().chain(addresses).min()
}

/// What is left of a limit that `ulimit -v` sets, given a process's `limits` and `status`; none where it is not limited.
fn left_of_addresses(limits: &str, status: &str) -> Option<u64> {
	let limit = limits.lines().find_map(|line| line.strip_prefix("Max address space"))?;
	let limit: u64 = limit.split_whitespace().next()?.parse().ok()?;
	Some(limit.saturating_sub(kibibytes(status, "VmSize:")?))
}

/// How many bytes this process can have without swapping, where the kernel is Linux: what the machine has left, or what
/// is left of the limits of the process's groups, which is what a container has.
pub fn available() -> Option<u64> {
	let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|meminfo| kibibytes(&meminfo, "MemAvailable:"));
	let groups = fs::read_to_string("/proc/self/cgroup").ok();
	let groups = groups.and_then(|groups| left_of_groups(Path::new("/sys/fs/cgroup"), &groups));
	machine.into_iter().chain(groups).min()
}

/// A figure of the kernel's in bytes, by the word that its line begins with.
fn kibibytes(lines: &str, name: &str) -> Option<u64> {
	let line = lines.lines().find_map(|line| line.strip_prefix(name))?;
	let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
	kibibytes.checked_mul(1024)
}

/// A version of control groups: where in the file system its memory controller is, and how its files are called.
struct Version {
	folder: &'static str,
	limit: &'static str,
	usage: &'static str,
	/// In `memory.stat`: what is cached of files and given back when it is needed.
	cached: &'static str,
}

const V1: Version = Version {
	folder: "memory",
	limit: "memory.limit_in_bytes",
	usage: "memory.usage_in_bytes",
	cached: "total_inactive_file",
};
const V2: Version = Version { folder: "", limit: "memory.max", usage: "memory.current", cached: "inactive_file" };

/// What is left of the limits of a process's groups, given its `/proc/self/cgroup`; none where nothing is limited.
fn left_of_groups(root: &Path, groups: &str) -> Option<u64> {
	let lefts = groups.lines().filter_map(|line| {
		// A hierarchy's number, its controllers, and the group.
		let [_, controllers, group] = line.splitn(3, ':').collect::<Vec<_>>()[..] else { return None };
		let version = match controllers {
			"" => V2,
			_ if controllers.split(',').any(|controller| controller == "memory") => V1,
			_ => return None,
		};
		left_of_group(&root.join(version.folder), group, &version)
	});
	lefts.min()
}

/// What is left of the tightest limit of a group and those that it is in. Within a container the group's path may be that
/// of the machine, where nothing is found; the container's own group then is the root.
fn left_of_group(root: &Path, group: &str, version: &Version) -> Option<u64> {
	let below: PathBuf = root.join(group.trim_start_matches('/'));
	below.ancestors().take_while(|folder| folder.starts_with(root)).filter_map(|folder| left(folder, version)).min()
}

fn left(folder: &Path, version: &Version) -> Option<u64> {
	let number = |file: &str| -> Option<u64> { fs::read_to_string(folder.join(file)).ok()?.trim().parse().ok() };
	let (limit, usage) = (number(version.limit)?, number(version.usage)?);
	let stat = fs::read_to_string(folder.join("memory.stat")).unwrap_or_default();
	let cached = stat.lines().find_map(|line| line.strip_prefix(version.cached)?.trim().parse().ok()).unwrap_or(0);
	Some(limit.saturating_sub(usage.saturating_sub(cached)))
}

/// [`check`], of a machine that has this much.
#[cfg(test)]
pub fn check_against(name: &str, needed: u64, available: Option<u64>) -> Result<(), OutOfMemory> {
	fits(name, needed, available)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn available_memory_should_be_read_as_linux_writes_it() {
		let meminfo =
			"MemTotal:       24630772 kB\nMemFree:         1 kB\nMemAvailable:   23110844 kB\nBuffers: 2 kB\n";
		let available = |meminfo: &str| kibibytes(meminfo, "MemAvailable:");
		assert_eq!(available(meminfo), Some(23_110_844 * 1024));
		for other in ["", "MemAvailable:", "MemAvailable: x kB", "MemAvailable: 1 MB", "MemFree: 1 kB"] {
			assert_eq!(available(other), None, "{other}");
		}
	}

	#[test]
	fn what_a_process_has_of_its_limit_on_addresses_should_be_missing_from_it() {
		let limits = |of_addresses: &str| {
			format!(
				"Limit                     Soft Limit           Hard Limit           Units     \n\
				 Max stack size            8388608              unlimited            bytes     \n\
				 Max address space         {of_addresses:<20} unlimited            bytes     \n"
			)
		};
		let status = "Name:\tsibyl-node\nVmPeak:\t  300 kB\nVmSize:\t  200 kB\n";
		assert_eq!(left_of_addresses(&limits("307200"), status), Some(102_400));
		assert_eq!(left_of_addresses(&limits("1024"), status), Some(0));
		assert_eq!(left_of_addresses(&limits("unlimited"), status), None);
		assert_eq!(left_of_addresses("", status), None);
		assert_eq!(left_of_addresses(&limits("307200"), ""), None);
	}

	#[test]
	fn a_model_that_needs_more_than_there_is_should_be_refused_with_both_figures() {
		assert!(fits("x", 5_000_000_000, Some(5_000_000_000)).is_ok());
		assert!(fits("x", 5_000_000_000, None).is_ok());
		let error = fits("x", 5_000_000_001, Some(2_500_000_000)).expect_err("it does not fit").to_string();
		assert!(error.contains("x needs about 5.00 GB") && error.contains("2.50 GB"), "{error}");
	}

	/// A folder with these files.
	fn groups(files: &[(&str, &str)]) -> tempfile::TempDir {
		let folder = tempfile::tempdir().expect("a folder can be made");
		for (path, content) in files {
			let path = folder.path().join(path);
			fs::create_dir_all(path.parent().expect("it is in the folder")).expect("a folder can be made");
			fs::write(path, content).expect("a file can be written");
		}
		folder
	}

	#[test]
	fn the_tightest_limit_of_a_group_and_its_parents_should_count_without_what_is_cached_of_files() {
		let groups = groups(&[
			("a/memory.max", "1000\n"),
			("a/memory.current", "700\n"),
			("a/memory.stat", "anon 600\ninactive_file 100\nactive_file 50\n"),
			("a/b/memory.max", "max\n"),
			("a/b/memory.current", "10\n"),
		]);
		assert_eq!(left_of_groups(groups.path(), "0::/a/b\n"), Some(400));
		assert_eq!(left_of_groups(groups.path(), "0::/other\n"), None);
	}

	#[test]
	fn a_containers_own_limit_should_be_found_at_the_root() {
		let groups = groups(&[("memory.max", "500"), ("memory.current", "600")]);
		assert_eq!(left_of_groups(groups.path(), "0::/docker/of/the/machine"), Some(0));
	}

	#[test]
	fn limits_of_the_first_version_should_be_read_too() {
		let groups = groups(&[
			("memory/x/memory.limit_in_bytes", "1000"),
			("memory/x/memory.usage_in_bytes", "700"),
			("memory/x/memory.stat", "inactive_file 1\ntotal_inactive_file 200\n"),
		]);
		let lines = "12:cpu,cpuacct:/x\n5:hugetlb,memory:/x\n0::/\nnonsense";
		assert_eq!(left_of_groups(groups.path(), lines), Some(500));
	}
}
