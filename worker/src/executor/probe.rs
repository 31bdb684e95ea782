//! Shows what the sandbox is worth on this machine, by trying to get out of it.

use std::{
	fs::{self, File},
	io,
	net::{TcpListener, UdpSocket},
	os::unix::{net::UnixDatagram, process::CommandExt},
	process::Command,
	thread,
};

use rustix::{
	mount::{mount, MountFlags},
	process::{getpid, test_kill_process, Pid},
	thread::{unshare_unsafe, UnshareFlags},
};
use serde::{Deserialize, Serialize};

/// One wall of the sandbox, and whether this machine offers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
	/// What it is.
	pub name: String,
	/// Why it is not, or only partly, in place; `None` if all is well.
	pub missing: Option<String>,
}

impl Layer {
	pub(super) fn new(name: &str, result: Result<(), String>) -> Self {
		Self { name: name.into(), missing: result.err() }
	}
}

/// One thing that a program that had taken over the sandbox might try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
	/// What was tried.
	pub name: String,
	/// What the system said to it; `None` if it succeeded, which it should not.
	pub refusal: Option<String>,
}

/// What the sandbox is worth on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JailReport {
	/// The walls. Some may be missing: each attempt below is stopped by more than one.
	pub layers: Vec<Layer>,
	/// The attempts at getting out.
	pub probes: Vec<Probe>,
}

impl JailReport {
	/// Whether every attempt was stopped. A machine on which this is false must not run tasks.
	pub fn is_tight(&self) -> bool {
		!self.probes.is_empty() && self.probes.iter().all(|probe| probe.refusal.is_some())
	}
}

/// Tries to get out. To be called inside the sandbox, in a process that does nothing else: the last
/// attempt, if it succeeds, replaces the process, and no report arrives.
pub(super) fn try_to_escape(parent: Option<Pid>) -> Vec<Probe> {
	let mut probes = Vec::new();
	let mut attempt = |name: &str, result: io::Result<()>| {
		let refusal = result.err().map(|error| error.to_string());
		probes.push(Probe { name: name.into(), refusal });
	};
	attempt("open a directory", File::open("/").map(drop));
	attempt("list a directory", fs::read_dir("/").map(drop));
	attempt("create a file", File::create("/probe").map(drop));
	attempt("remove a directory", fs::remove_dir("/proc"));
	attempt("open a udp socket", UdpSocket::bind(("127.0.0.1", 0)).map(drop));
	attempt("open a tcp socket", TcpListener::bind(("127.0.0.1", 0)).map(drop));
	attempt("open a unix socket", UnixDatagram::unbound().map(drop));
	attempt("start a thread", thread::Builder::new().spawn(|| ()).map(drop));
	attempt("start a process", Command::new("/bin/true").spawn().map(drop));
	if let Some(parent) = parent {
		attempt("signal the daemon", test_kill_process(parent).map_err(Into::into));
	}
	attempt("trace a process", trace_parent(parent.unwrap_or_else(getpid)));
	let flags = MountFlags::empty();
	attempt("mount", mount("none", "/", "tmpfs", flags, None).map_err(Into::into));
	// SAFETY: no descriptor table is unshared, and there is one thread.
	let unshared = unsafe { unshare_unsafe(UnshareFlags::NEWUSER) };
	attempt("enter a name space", unshared.map_err(Into::into));
	attempt("become another program", Err(Command::new("/bin/true").exec()));
	probes
}

fn trace_parent(pid: Pid) -> io::Result<()> {
	let null = std::ptr::null_mut::<libc::c_void>();
	// SAFETY: attaching takes no memory of this process; both pointers are unused and null.
	match unsafe { libc::ptrace(libc::PTRACE_SEIZE, pid.as_raw_nonzero().get(), null, null) } {
		-1 => Err(io::Error::last_os_error()),
		_ => Ok(()),
	}
}
