//! The host side of WASI preview 1, as a program in the sandbox sees it.
//!
//! There is a standard input, a standard output, a standard error, one argument (`task`), a clock
//! that only moves when looked at, and random numbers drawn from the task's seed. There is no file
//! system, no environment and no network: those functions exist, since programs are linked against
//! them, and refuse.
//!
//! It is written out here because what these functions answer is part of a task's result: every
//! answer depends only on the program, its input and its seed, and every call is charged fuel for
//! what it makes the host do. Errors follow the specification's `errno` numbers.

mod guest;
mod poll;

use std::io::{Read, Write};

use wasmtime::{Caller, FuncType, Linker, Val, ValType};

use self::{
	guest::{answer, slice, Answer, Call, Refusal},
	poll::poll,
};
use super::{
	meter::{CLOCK_STEP_NANOS, HOST_BYTE_COST, RANDOM_BYTE_COST, WALL_CLOCK_NANOS},
	run::Stop,
};

pub(super) use self::guest::Guest;

/// The only module that a program may import from.
pub(super) const WASI_MODULE: &str = "wasi_snapshot_preview1";

const ARGUMENT: &[u8] = b"task\0";

const SUCCESS: i32 = 0;
const BADF: i32 = 8;
const FAULT: i32 = 21;
const INVAL: i32 = 28;
const NOTSUP: i32 = 58;
const SPIPE: i32 = 70;

const RIGHT_READ: u64 = 1 << 1;
const RIGHT_WRITE: u64 = 1 << 6;

const STDIN: i32 = 0;
const STDOUT: i32 = 1;

/// Functions that only refuse: name, parameters (`i` is 32 bits, `I` is 64), and the error for a
/// standard stream. For any other descriptor the answer is `BADF`.
const REFUSED: &[(&str, &str, i32)] = &[
	("fd_advise", "iIIi", SPIPE),
	("fd_allocate", "iII", NOTSUP),
	("fd_datasync", "i", INVAL),
	("fd_fdstat_set_flags", "ii", NOTSUP),
	("fd_fdstat_set_rights", "iII", NOTSUP),
	("fd_filestat_set_size", "iI", INVAL),
	("fd_filestat_set_times", "iIIi", NOTSUP),
	("fd_pread", "iiiIi", SPIPE),
	("fd_prestat_dir_name", "iii", BADF),
	("fd_prestat_get", "ii", BADF),
	("fd_pwrite", "iiiIi", SPIPE),
	("fd_readdir", "iiiIi", NOTSUP),
	("fd_renumber", "ii", NOTSUP),
	("fd_seek", "iIii", SPIPE),
	("fd_sync", "i", INVAL),
	("fd_tell", "ii", SPIPE),
	("path_create_directory", "iii", NOTSUP),
	("path_filestat_get", "iiiii", NOTSUP),
	("path_filestat_set_times", "iiiiIIi", NOTSUP),
	("path_link", "iiiiiii", NOTSUP),
	("path_open", "iiiiiIIii", NOTSUP),
	("path_readlink", "iiiiii", NOTSUP),
	("path_remove_directory", "iii", NOTSUP),
	("path_rename", "iiiiii", NOTSUP),
	("path_symlink", "iiiii", NOTSUP),
	("path_unlink_file", "iii", NOTSUP),
	("proc_raise", "i", NOTSUP),
	("sock_accept", "iii", NOTSUP),
	("sock_recv", "iiiiii", NOTSUP),
	("sock_send", "iiiii", NOTSUP),
	("sock_shutdown", "ii", NOTSUP),
];

/// Defines every function of preview 1.
pub(super) fn define(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
	define_refused(linker)?;
	define_process(linker)?;
	define_clocks(linker)?;
	define_streams(linker)
}

fn define_refused(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
	for (name, parameters, errno) in REFUSED {
		let parameters = parameters.chars().map(|letter| match letter {
			'I' => ValType::I64,
			_ => ValType::I32,
		});
		let ty = FuncType::new(linker.engine(), parameters, [ValType::I32]);
		linker.func_new(WASI_MODULE, name, ty, |caller, parameters, results| {
			let fd = parameters.first().and_then(Val::i32).unwrap_or(-1);
			results[0] = Val::I32(answer(caller, |call| {
				call.require_open(fd)?;
				Err(Refusal::Errno(*errno))
			})?);
			Ok(())
		})?;
	}
	Ok(())
}

fn define_process(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
	type C<'a> = Caller<'a, Guest>;
	linker.func_wrap(WASI_MODULE, "args_sizes_get", |caller: C<'_>, count: i32, size: i32| {
		answer(caller, |call| {
			call.put_u32(count, 1)?;
			call.put_u32(size, ARGUMENT.len() as u32)
		})
	})?;
	linker.func_wrap(WASI_MODULE, "args_get", |caller: C<'_>, array: i32, text: i32| {
		answer(caller, |call| {
			call.put_u32(array, text as u32)?;
			call.put(text as u32, ARGUMENT)
		})
	})?;
	linker.func_wrap(
		WASI_MODULE,
		"environ_sizes_get",
		|caller: C<'_>, count: i32, size: i32| {
			answer(caller, |call| {
				call.put_u32(count, 0)?;
				call.put_u32(size, 0)
			})
		},
	)?;
	linker.func_wrap(WASI_MODULE, "environ_get", |caller: C<'_>, _array: i32, _text: i32| {
		answer(caller, |_| Ok(()))
	})?;
	linker.func_wrap(WASI_MODULE, "sched_yield", |caller: C<'_>| answer(caller, |_| Ok(())))?;
	linker.func_wrap(WASI_MODULE, "random_get", |caller: C<'_>, buffer: i32, len: i32| {
		answer(caller, |call| {
			call.charge(u64::from(len as u32) * RANDOM_BYTE_COST)?;
			let (memory, guest) = call.parts()?;
			guest.random.fill(slice(memory, buffer as u32, len as u32)?);
			Ok(())
		})
	})?;
	linker.func_wrap(WASI_MODULE, "proc_exit", |caller: C<'_>, code: i32| {
		answer(caller, |_| Err(Stop::Exit(code).into())).map(|_errno| ())
	})?;
	Ok(())
}

fn define_clocks(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
	type C<'a> = Caller<'a, Guest>;
	linker.func_wrap(WASI_MODULE, "clock_res_get", |caller: C<'_>, clock: i32, out: i32| {
		answer(caller, |call| match clock {
			0..=3 => call.put_u64(out, CLOCK_STEP_NANOS),
			_ => Err(Refusal::Errno(INVAL)),
		})
	})?;
	linker.func_wrap(
		WASI_MODULE,
		"clock_time_get",
		|caller: C<'_>, clock: i32, _precision: i64, out: i32| {
			answer(caller, |call| {
				let now = match clock {
					0 => WALL_CLOCK_NANOS,
					1..=3 => call.guest().tick(),
					_ => return Err(Refusal::Errno(INVAL)),
				};
				call.put_u64(out, now)
			})
		},
	)?;
	linker.func_wrap(
		WASI_MODULE,
		"poll_oneoff",
		|caller: C<'_>, subscriptions: i32, events: i32, count: i32, stored: i32| {
			answer(caller, |call| poll(call, [subscriptions, events, count, stored]))
		},
	)?;
	Ok(())
}

fn define_streams(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
	type C<'a> = Caller<'a, Guest>;
	linker.func_wrap(
		WASI_MODULE,
		"fd_read",
		|caller: C<'_>, fd: i32, array: i32, count: i32, out: i32| {
			answer(caller, |call| {
				let read = read(call, fd, array, count)?;
				call.put_u32(out, read)
			})
		},
	)?;
	linker.func_wrap(
		WASI_MODULE,
		"fd_write",
		|caller: C<'_>, fd: i32, array: i32, count: i32, out: i32| {
			answer(caller, |call| {
				let written = write(call, fd, array, count)?;
				call.put_u32(out, written)
			})
		},
	)?;
	linker.func_wrap(WASI_MODULE, "fd_close", |caller: C<'_>, fd: i32| {
		answer(caller, |call| {
			call.require_open(fd)?;
			call.guest().is_open[fd as usize] = false;
			Ok(())
		})
	})?;
	linker.func_wrap(WASI_MODULE, "fd_fdstat_get", |caller: C<'_>, fd: i32, out: i32| {
		answer(caller, |call| {
			call.require_open(fd)?;
			let rights = if fd == STDIN { RIGHT_READ } else { RIGHT_WRITE };
			// Type 0, "unknown": not a terminal, so the C library buffers.
			let mut stat = [0; 24];
			stat[8..16].copy_from_slice(&rights.to_le_bytes());
			call.put(out as u32, &stat)
		})
	})?;
	linker.func_wrap(WASI_MODULE, "fd_filestat_get", |caller: C<'_>, fd: i32, out: i32| {
		answer(caller, |call| {
			call.require_open(fd)?;
			call.put(out as u32, &[0; 64])
		})
	})?;
	Ok(())
}

/// Fills the buffers as far as the input goes. Never short otherwise: how much a read returns must
/// not depend on the machine.
fn read(call: &mut Call<'_, '_>, fd: i32, array: i32, count: i32) -> Answer<u32> {
	call.require_open(fd)?;
	if fd != STDIN {
		return Err(Refusal::Errno(BADF));
	}
	let (vectors, wanted) = call.iovecs(array, count)?;
	// At most what a 32-bit count can say, so that it never wraps.
	let mut left = wanted.min(call.guest().input_left).min(u32::MAX.into()) as u32;
	let total = left;
	call.charge(u64::from(left) * HOST_BYTE_COST)?;
	let (memory, guest) = call.parts()?;
	for (address, len) in vectors {
		let part = len.min(left);
		let buffer = slice(memory, address, part)?;
		guest.input.read_exact(buffer).map_err(|error| Stop::io("reading the input", &error))?;
		guest.input_left -= u64::from(part);
		left -= part;
	}
	Ok(total)
}

/// Writes everything, or ends the program if that is more than it may write.
fn write(call: &mut Call<'_, '_>, fd: i32, array: i32, count: i32) -> Answer<u32> {
	call.require_open(fd)?;
	if fd == STDIN {
		return Err(Refusal::Errno(BADF));
	}
	let (vectors, total) = call.iovecs(array, count)?;
	let written = u32::try_from(total).map_err(|_| Refusal::Errno(INVAL))?;
	call.charge(total * HOST_BYTE_COST)?;
	let (memory, guest) = call.parts()?;
	if fd == STDOUT {
		guest.output_len += total;
		if guest.output_len > guest.output_limit {
			return Err(Stop::OutputLimit.into());
		}
	}
	for (address, len) in vectors {
		let bytes = slice(memory, address, len)?;
		if fd == STDOUT {
			guest
				.output
				.write_all(bytes)
				.map_err(|error| Stop::io("writing the output", &error))?;
		} else {
			guest.write_log(bytes);
		}
	}
	Ok(written)
}
