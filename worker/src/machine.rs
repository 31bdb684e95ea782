//! What this machine has: processors, memory and disk, as far as this process may use them.

use aidragon_primitives::worker::Capacity;
use std::{
	fs, io,
	path::{Path, PathBuf},
};

/// Least memory that is kept back for the system, the node's client and the challenge, in MiB.
const RESERVE_MIN_MIB: u32 = 1_024;
/// Smallest memory that is offered whatever the reserve, in MiB.
const SELLABLE_MIN_MIB: u32 = 256;

/// What this process may use, the limits of its control group included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
	/// Processors.
	pub vcpus: u16,
	/// Memory in MiB.
	pub memory_mib: u32,
}

impl Machine {
	/// Looks at the machine.
	pub fn detect() -> io::Result<Self> {
		// Knows the affinity mask and the processor quota of the control group.
		let vcpus = std::thread::available_parallelism()?.get();
		let total_kib = meminfo_kib(&fs::read_to_string("/proc/meminfo")?, "MemTotal")
			.ok_or_else(|| io::Error::other("/proc/meminfo names no MemTotal"))?;
		let total_mib = total_kib / 1_024;
		let limit_mib = cgroup_memory_limit_bytes().map_or(u64::MAX, |bytes| bytes >> 20);
		Ok(Self {
			vcpus: u16::try_from(vcpus).unwrap_or(u16::MAX),
			memory_mib: u32::try_from(total_mib.min(limit_mib)).unwrap_or(u32::MAX),
		})
	}

	/// What may be sold: all processors, and the memory less a reserve.
	pub fn sellable(&self) -> Capacity {
		let reserve = RESERVE_MIN_MIB.max(self.memory_mib / 10);
		let least = SELLABLE_MIN_MIB.min(self.memory_mib);
		Capacity::cpu(self.vcpus, self.memory_mib.saturating_sub(reserve).max(least))
	}
}

/// Memory that could be used at the moment without swapping, in MiB.
pub fn available_memory_mib() -> io::Result<u64> {
	meminfo_kib(&fs::read_to_string("/proc/meminfo")?, "MemAvailable")
		.map(|kib| kib / 1_024)
		.ok_or_else(|| io::Error::other("/proc/meminfo names no MemAvailable"))
}

/// Bytes free for this user on the file system that holds `path`.
pub fn free_disk_bytes(path: &Path) -> io::Result<u64> {
	let stat = rustix::fs::statvfs(path)?;
	Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

fn meminfo_kib(text: &str, field: &str) -> Option<u64> {
	let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
	line.split_whitespace().next()?.parse().ok()
}

/// The tightest memory limit of the control groups that this process is in.
fn cgroup_memory_limit_bytes() -> Option<u64> {
	let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
	let files = limit_files(&groups);
	files.iter().filter_map(|file| parse_limit(&fs::read_to_string(file).ok()?)).min()
}

/// Where limits of the groups in `/proc/self/cgroup` may stand, of both versions of control groups, from
/// the own group up to the root: a limit anywhere above applies too.
fn limit_files(groups: &str) -> Vec<PathBuf> {
	let mut files = Vec::new();
	for line in groups.lines() {
		let mut parts = line.splitn(3, ':').skip(1);
		let (Some(controllers), Some(group)) = (parts.next(), parts.next()) else { continue };
		let (root, file) = match controllers {
			"" => ("/sys/fs/cgroup", "memory.max"),
			list if list.split(',').any(|name| name == "memory") => {
				("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
			}
			_ => continue,
		};
		let own = Path::new(group.trim_start_matches('/'));
		files.extend(own.ancestors().map(|group| Path::new(root).join(group).join(file)));
	}
	files
}

/// A limit in bytes; `None` where there is none.
fn parse_limit(text: &str) -> Option<u64> {
	text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn this_machine_has_something_to_sell() {
		let machine = Machine::detect().unwrap();
		assert!(machine.vcpus >= 1 && machine.memory_mib >= 1);
		let sold = machine.sellable();
		assert!(sold.memory_mib >= 1 && sold.memory_mib <= machine.memory_mib);
		assert!(free_disk_bytes(Path::new("/")).is_ok());
		assert!(available_memory_mib().unwrap() > 0);
	}

	#[test]
	fn a_reserve_is_kept() {
		let sold = |memory_mib| Machine { vcpus: 2, memory_mib }.sellable().memory_mib;
		assert_eq!(sold(100_000), 90_000);
		assert_eq!(sold(4_096), 3_072);
		assert_eq!(sold(1_024), 256);
		assert_eq!(sold(128), 128);
	}

	#[test]
	fn limits_are_looked_up_from_the_own_group_to_the_root() {
		let groups = "4:cpu,cpuacct:/a\n3:memory:/a/b\n0::/a\n";
		let expected: Vec<PathBuf> = [
			"/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes",
			"/sys/fs/cgroup/memory/a/memory.limit_in_bytes",
			"/sys/fs/cgroup/memory/memory.limit_in_bytes",
			"/sys/fs/cgroup/a/memory.max",
			"/sys/fs/cgroup/memory.max",
		]
		.into_iter()
		.map(PathBuf::from)
		.collect();
		assert_eq!(limit_files(groups), expected);
		assert_eq!(parse_limit("max\n"), None);
		assert_eq!(parse_limit("1048576\n"), Some(1 << 20));
	}

	#[test]
	fn meminfo_is_read_by_field() {
		let text = "MemTotal:       16384 kB\nMemAvailable:    1024 kB\n";
		assert_eq!(meminfo_kib(text, "MemAvailable"), Some(1_024));
		assert_eq!(meminfo_kib(text, "Mem"), None);
	}
}
