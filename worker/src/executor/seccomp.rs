//! The system calls that the sandbox may make: those that a single thread needs to manage its
//! memory, to use descriptors that are already open, and to end. Everything else fails with `EPERM`.

use std::{collections::BTreeMap, fmt::Display};

use seccompiler::{
	apply_filter, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
	SeccompFilter, SeccompRule, TargetArch,
};

/// Allowed with any arguments.
const ALLOWED: &[libc::c_long] = &[
	libc::SYS_brk,
	libc::SYS_clock_gettime,
	libc::SYS_close,
	libc::SYS_exit,
	libc::SYS_exit_group,
	libc::SYS_ftruncate,
	libc::SYS_futex,
	libc::SYS_getpid,
	libc::SYS_getrandom,
	libc::SYS_gettid,
	libc::SYS_lseek,
	libc::SYS_madvise,
	// Wasmtime orders instruction caches with it on aarch64.
	libc::SYS_membarrier,
	libc::SYS_mmap,
	libc::SYS_mprotect,
	libc::SYS_mremap,
	libc::SYS_munmap,
	libc::SYS_read,
	libc::SYS_rt_sigaction,
	libc::SYS_rt_sigprocmask,
	libc::SYS_rt_sigreturn,
	libc::SYS_sched_yield,
	libc::SYS_sigaltstack,
	libc::SYS_write,
	libc::SYS_writev,
];

/// Puts up the filter, for good.
pub(super) fn apply() -> Result<(), String> {
	let program = filter().map_err(|error| format!("building the filter: {error}"))?;
	apply_filter(&program).map_err(|error| format!("installing the filter: {error}"))
}

fn filter() -> Result<BpfProgram, Box<dyn Display>> {
	fn boxed<E: Display + 'static>(error: E) -> Box<dyn Display> {
		Box::new(error)
	}
	let mut rules: BTreeMap<_, _> = ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
	for (call, argument, value) in [
		// An abort signals the process itself, and only itself.
		(libc::SYS_tgkill, 0, std::process::id().into()),
		// The standard library makes sure of a descriptor before it closes it.
		(libc::SYS_fcntl, 1, libc::F_GETFD as u64),
	] {
		let equals =
			SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
				.map_err(boxed)?;
		rules.insert(call, vec![SeccompRule::new(vec![equals]).map_err(boxed)?]);
	}
	let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(boxed)?;
	let filter = SeccompFilter::new(
		rules,
		SeccompAction::Errno(libc::EPERM as u32),
		SeccompAction::Allow,
		arch,
	)
	.map_err(boxed)?;
	BpfProgram::try_from(filter).map_err(boxed)
}
