//! The walls of the sandbox, put up from inside by the child before it looks at the program.
//!
//! The limits, the loss of privileges and the system call filter exist on every kernel that the
//! worker supports, so nothing runs without them. Name spaces, the empty root and Landlock are a
//! second line that some kernels or their administrators do not offer; each is tried, and what could
//! not be had is reported.

use std::{ffi::CStr, fs, io};

use landlock::{
	Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetStatus,
	Scope, ABI,
};
use rustix::{
	mount::{mount, mount_change, unmount, MountFlags, MountPropagationFlags, UnmountFlags},
	process::{
		chdir, getegid, geteuid, getrlimit, pivot_root, set_dumpable_behavior,
		set_parent_process_death_signal, setrlimit, DumpableBehavior, Resource, Rlimit, Signal,
	},
	thread::{
		clear_ambient_capability_set, set_capabilities, set_no_new_privs, unshare_unsafe,
		CapabilitySet, CapabilitySets, UnshareFlags,
	},
};

use super::{
	engine::{MEMORY_GUARD_BYTES, MEMORY_RESERVATION_BYTES},
	probe::Layer,
	seccomp, HostFault,
};

/// Memory for the compiler and the host, on top of the program's own, in bytes.
const HOST_MEMORY_BYTES: u64 = 1 << 30;
/// Address space for the worker's own text and libraries, in bytes.
const OWN_ADDRESS_BYTES: u64 = 2 << 30;
/// Stack of the main thread, on which wasm code runs too, in bytes.
const STACK_BYTES: u64 = 8 << 20;
/// Standard streams, input, output, and room for Landlock's rule set.
const MAX_OPEN_FILES: u64 = 8;
/// Who the process is inside its user name space: nobody.
const INNER_ID: u32 = 65534;

/// What the limits are set to.
pub(super) struct Limits {
	/// The program's linear memory.
	pub(super) memory_mib: u32,
	/// Processor time, in seconds.
	pub(super) cpu_seconds: u64,
	/// The longest file that may be written, in bytes.
	pub(super) file_bytes: u64,
}

/// Locks the process in. Returns what became of every optional layer.
///
/// The process must have a single thread.
pub(super) fn enter(limits: &Limits) -> Result<Vec<Layer>, HostFault> {
	let jail = |what: &str| {
		let what = what.to_owned();
		move |error: io::Error| HostFault::Jail(format!("{what}: {error}"))
	};
	let mut layers = name_spaces();
	set_limits(limits).map_err(jail("resource limits"))?;
	// Entering a user name space forgets this, so it is set here.
	set_parent_process_death_signal(Some(Signal::KILL))
		.map_err(|error| jail("parent death signal")(error.into()))?;
	drop_privileges().map_err(jail("privileges"))?;
	layers.push(Layer::new("landlock", landlock()));
	seccomp::apply().map_err(|error| HostFault::Jail(format!("seccomp: {error}")))?;
	for name in ["resource limits", "no new privileges", "seccomp"] {
		layers.push(Layer::new(name, Ok(())));
	}
	Ok(layers)
}

fn name_spaces() -> Vec<Layer> {
	let mut layers = vec![Layer::new("user name space", user_name_space())];
	let mounts = unshare(UnshareFlags::NEWNS);
	let has_own_mounts = mounts.is_ok();
	layers.push(Layer::new("mount name space", mounts));
	for (name, flag) in [
		("network name space", UnshareFlags::NEWNET),
		("ipc name space", UnshareFlags::NEWIPC),
		("uts name space", UnshareFlags::NEWUTS),
		("cgroup name space", UnshareFlags::NEWCGROUP),
		// Takes effect for children, of which there can be none: this one also rules out threads.
		("pid name space", UnshareFlags::NEWPID),
	] {
		layers.push(Layer::new(name, unshare(flag)));
	}
	let root = if has_own_mounts {
		empty_root().map_err(|error| error.to_string())
	} else {
		Err("needs a mount name space".into())
	};
	layers.push(Layer::new("empty root", root));
	layers
}

fn unshare(flags: UnshareFlags) -> Result<(), String> {
	// SAFETY: the danger is in `FILES`, which takes descriptors from other threads; it is never
	// passed, and there are no other threads.
	unsafe { unshare_unsafe(flags) }.map_err(|error| error.to_string())
}

/// Enters a user name space in which the process is nobody.
fn user_name_space() -> Result<(), String> {
	let (user, group) = (geteuid().as_raw(), getegid().as_raw());
	unshare(UnshareFlags::NEWUSER)?;
	let write = |file: &str, text: String| {
		fs::write(format!("/proc/self/{file}"), text).map_err(|error| format!("{file}: {error}"))
	};
	// A process without privileges may map its group only once it cannot change its groups.
	write("setgroups", "deny".into())?;
	write("uid_map", format!("{INNER_ID} {user} 1"))?;
	write("gid_map", format!("{INNER_ID} {group} 1"))
}

/// Replaces the root by an empty read-only file system.
fn empty_root() -> rustix::io::Result<()> {
	const OPTIONS: &CStr = c"size=4k,nr_inodes=2,mode=0555";
	// Any directory does; this one is everywhere.
	const PLACE: &str = "/proc";
	mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
	let flags = MountFlags::RDONLY | MountFlags::NODEV | MountFlags::NOSUID | MountFlags::NOEXEC;
	mount("none", PLACE, "tmpfs", flags, OPTIONS)?;
	chdir(PLACE)?;
	// With the same directory twice, the old root is stacked on the new one and can be let go.
	pivot_root(".", ".")?;
	unmount(".", UnmountFlags::DETACH)?;
	chdir("/")
}

fn set_limits(limits: &Limits) -> io::Result<()> {
	let data = (u64::from(limits.memory_mib) << 20) + HOST_MEMORY_BYTES;
	// What is only reserved counts here, and what is used counts as data.
	let address = MEMORY_RESERVATION_BYTES + 2 * MEMORY_GUARD_BYTES + data + OWN_ADDRESS_BYTES;
	for (resource, limit) in [
		(Resource::As, address),
		(Resource::Data, data),
		(Resource::Stack, STACK_BYTES),
		(Resource::Cpu, limits.cpu_seconds),
		(Resource::Fsize, limits.file_bytes),
		(Resource::Nofile, MAX_OPEN_FILES),
		(Resource::Nproc, 0),
		(Resource::Core, 0),
	] {
		// A limit that the daemon itself runs under may be lower and cannot be raised.
		let hard = getrlimit(resource).maximum.unwrap_or(u64::MAX);
		if resource == Resource::Stack && hard < limit {
			return Err(io::Error::other(format!(
				"the stack limit is {hard} bytes, allow {limit}"
			)));
		}
		let limit = Some(limit.min(hard));
		setrlimit(resource, Rlimit { current: limit, maximum: limit })?;
	}
	Ok(())
}

fn drop_privileges() -> io::Result<()> {
	set_no_new_privs(true)?;
	// Not to be inspected or traced by other processes of the same user.
	set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
	clear_ambient_capability_set()?;
	let none = CapabilitySet::empty();
	set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?;
	Ok(())
}

/// Denies all file system access, TCP, signals to and abstract sockets of other processes.
fn landlock() -> Result<(), String> {
	const NEWEST: ABI = ABI::V6;
	let status = Ruleset::default()
		.set_compatibility(CompatLevel::BestEffort)
		.handle_access(AccessFs::from_all(NEWEST))
		.and_then(|rules| rules.handle_access(AccessNet::from_all(NEWEST)))
		.and_then(|rules| rules.scope(Scope::from_all(NEWEST)))
		.and_then(Ruleset::create)
		.and_then(|rules| rules.restrict_self())
		.map_err(|error| error.to_string())?;
	match status.ruleset {
		RulesetStatus::FullyEnforced => Ok(()),
		RulesetStatus::PartiallyEnforced => Err("this kernel enforces it in part only".into()),
		RulesetStatus::NotEnforced => Err("this kernel does not enforce it".into()),
	}
}
