//! What the host keeps for a program, and how a call reaches its memory and its fuel.

use std::{
	collections::VecDeque,
	fs::File,
	io::{BufReader, BufWriter},
};

use wasmtime::{Caller, Extern, Memory};

use super::{BADF, FAULT, SUCCESS};
use crate::executor::{
	job::MAX_LOG_BYTES,
	meter::{CLOCK_STEP_NANOS, HOST_BYTE_COST, HOST_CALL_COST, MAX_IOVECS, RANDOM_CONTEXT},
	run::{Limiter, Stop},
};

/// What the host keeps for one program.
pub(in crate::executor) struct Guest {
	/// Bounds what the program's memories and tables grow to.
	pub(in crate::executor) limiter: Limiter,
	memory: Option<Memory>,
	pub(super) input: BufReader<File>,
	pub(super) input_left: u64,
	pub(super) output: BufWriter<File>,
	pub(super) output_len: u64,
	pub(super) output_limit: u64,
	log: VecDeque<u8>,
	pub(super) is_open: [bool; 3],
	pub(super) clock_nanos: u64,
	pub(super) random: blake3::OutputReader,
}

impl Guest {
	/// A host that has done nothing yet.
	pub(in crate::executor) fn new(
		limiter: Limiter,
		(input, input_len): (File, u64),
		(output, output_limit): (File, u64),
		seed: &[u8; 32],
	) -> Self {
		let random = blake3::Hasher::new_derive_key(RANDOM_CONTEXT).update(seed).finalize_xof();
		Self {
			limiter,
			memory: None,
			input: BufReader::with_capacity(1 << 16, input),
			input_left: input_len,
			output: BufWriter::with_capacity(1 << 16, output),
			output_len: 0,
			output_limit,
			log: VecDeque::new(),
			is_open: [true; 3],
			clock_nanos: 0,
			random,
		}
	}

	/// Ends the output: keeps it and gives its length, or empties the file.
	pub(in crate::executor) fn finish(self, keep: bool) -> std::io::Result<(u64, String)> {
		let log = String::from_utf8_lossy(&Vec::from(self.log)).into_owned();
		if keep {
			self.output.into_inner().map_err(|error| error.into_error())?;
			return Ok((self.output_len, log));
		}
		let (file, _unwritten) = self.output.into_parts();
		file.set_len(0)?;
		Ok((0, log))
	}

	pub(super) fn is_open(&self, fd: i32) -> bool {
		usize::try_from(fd).ok().and_then(|fd| self.is_open.get(fd)).copied().unwrap_or(false)
	}

	/// The monotonic clock, which counts how often it was read.
	pub(super) fn tick(&mut self) -> u64 {
		self.clock_nanos = self.clock_nanos.saturating_add(CLOCK_STEP_NANOS);
		self.clock_nanos
	}

	pub(super) fn write_log(&mut self, bytes: &[u8]) {
		let tail = &bytes[bytes.len().saturating_sub(MAX_LOG_BYTES)..];
		let excess = (self.log.len() + tail.len()).saturating_sub(MAX_LOG_BYTES);
		self.log.drain(..excess);
		self.log.extend(tail);
	}
}

/// Why a host function does not do what it was asked.
pub(super) enum Refusal {
	/// The program gets this `errno`.
	Errno(i32),
	/// The program ends.
	Stop(Stop),
}

impl From<Stop> for Refusal {
	fn from(stop: Stop) -> Self {
		Self::Stop(stop)
	}
}

pub(super) type Answer<T = ()> = Result<T, Refusal>;

/// One call from the program into the host.
pub(super) struct Call<'a, 'b>(&'a mut Caller<'b, Guest>);

impl Call<'_, '_> {
	/// Takes fuel, or ends the program if that would go past the limit.
	pub(super) fn charge(&mut self, cost: u64) -> Answer {
		let engine = |error: wasmtime::Error| Stop::Engine(error.to_string());
		let left = self.0.get_fuel().map_err(engine)?;
		// One unit above the limit was put in, so what may be left is at least one.
		let left = left.checked_sub(cost).filter(|left| *left > 0).ok_or(Stop::OutOfFuel)?;
		self.0.set_fuel(left).map_err(engine)?;
		Ok(())
	}

	pub(super) fn guest(&mut self) -> &mut Guest {
		self.0.data_mut()
	}

	pub(super) fn require_open(&mut self, fd: i32) -> Answer {
		if self.guest().is_open(fd) {
			Ok(())
		} else {
			Err(Refusal::Errno(BADF))
		}
	}

	/// The program's memory next to the host's state.
	pub(super) fn parts(&mut self) -> Answer<(&mut [u8], &mut Guest)> {
		let memory = match self.0.data().memory {
			Some(memory) => memory,
			None => {
				let export = self.0.get_export("memory").and_then(Extern::into_memory);
				let memory = export.ok_or(Refusal::Errno(FAULT))?;
				*self.0.data_mut().memory.insert(memory)
			}
		};
		Ok(memory.data_and_store_mut(&mut *self.0))
	}

	fn bytes(&mut self, address: u32, len: u32) -> Answer<&mut [u8]> {
		slice(self.parts()?.0, address, len)
	}

	pub(super) fn put(&mut self, address: u32, bytes: &[u8]) -> Answer {
		let len = u32::try_from(bytes.len()).map_err(|_| Refusal::Errno(FAULT))?;
		self.bytes(address, len)?.copy_from_slice(bytes);
		Ok(())
	}

	pub(super) fn put_u32(&mut self, address: i32, value: u32) -> Answer {
		self.put(address as u32, &value.to_le_bytes())
	}

	pub(super) fn put_u64(&mut self, address: i32, value: u64) -> Answer {
		self.put(address as u32, &value.to_le_bytes())
	}

	/// The buffers that an array of `iovec` names, all inside memory, and their total length.
	pub(super) fn iovecs(&mut self, array: i32, count: i32) -> Answer<(Vec<(u32, u32)>, u64)> {
		let count = (count as u32).min(MAX_IOVECS);
		self.charge(u64::from(count) * HOST_BYTE_COST)?;
		let memory = self.parts()?.0;
		let array = slice(memory, array as u32, count * 8)?;
		let vectors: Vec<_> =
			array.chunks_exact(8).map(|entry| (word(entry, 0), word(entry, 4))).collect();
		let mut total = 0;
		for (address, len) in &vectors {
			slice(memory, *address, *len)?;
			total += u64::from(*len);
		}
		Ok((vectors, total))
	}
}

pub(super) fn slice(memory: &mut [u8], address: u32, len: u32) -> Answer<&mut [u8]> {
	let start = address as usize;
	memory.get_mut(start..start + len as usize).ok_or(Refusal::Errno(FAULT))
}

/// The little-endian word at `at`, which must lie inside.
pub(super) fn word(bytes: &[u8], at: usize) -> u32 {
	let mut word = [0; 4];
	word.copy_from_slice(&bytes[at..at + 4]);
	u32::from_le_bytes(word)
}

pub(super) fn long(bytes: &[u8], at: usize) -> u64 {
	u64::from(word(bytes, at)) | u64::from(word(bytes, at + 4)) << 32
}

/// Charges a call, runs it, and turns its answer into what wasm expects.
pub(super) fn answer(
	mut caller: Caller<'_, Guest>,
	act: impl FnOnce(&mut Call<'_, '_>) -> Answer,
) -> wasmtime::Result<i32> {
	let mut call = Call(&mut caller);
	match call.charge(HOST_CALL_COST).and_then(|()| act(&mut call)) {
		Ok(()) => Ok(SUCCESS),
		Err(Refusal::Errno(errno)) => Ok(errno),
		Err(Refusal::Stop(stop)) => Err(stop.into()),
	}
}
