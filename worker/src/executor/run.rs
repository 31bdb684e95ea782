//! Compiles a program, runs it, and names its end. The part of the sandbox that touches what a
//! stranger wrote.

use std::fs::File;

use wasmtime::{Engine, Linker, Module, ResourceLimiter, Store, Trap};

use super::{
	engine,
	job::{ExitStatus, HostFault, Outcome, TrapKind, MAX_PROGRAM_BYTES},
	meter::{charge, MAX_TABLES, MAX_TABLE_ELEMENTS, START_PAGE_COST},
	wasi::{self, Guest, WASI_MODULE},
};

const PAGE_BYTES: u64 = 1 << 16;

/// A job with its files open.
pub(super) struct Task {
	/// The module, one byte longer than allowed at most.
	pub(super) program: Vec<u8>,
	/// The input and its length in bytes.
	pub(super) input: (File, u64),
	/// The output and how long it may get in bytes.
	pub(super) output: (File, u64),
	/// See [`super::Job`].
	pub(super) fuel_limit: u64,
	/// See [`super::Job`].
	pub(super) memory_mib: u32,
	/// See [`super::Job`].
	pub(super) seed: [u8; 32],
}

/// An end that the host decides on, raised through the engine as an error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Stop {
	#[error("exited with code {0}")]
	Exit(i32),
	#[error("out of fuel")]
	OutOfFuel,
	#[error("wrote more than the output limit")]
	OutputLimit,
	#[error("{0}")]
	MemoryLimit(String),
	#[error("{0}")]
	HostMemory(String),
	#[error("{0}")]
	Io(String),
	#[error("{0}")]
	Engine(String),
}

impl Stop {
	/// A failed read or write of the job's files.
	pub(super) fn io(doing: &str, error: &std::io::Error) -> Self {
		Self::Io(format!("{doing}: {error}"))
	}
}

/// How a program ended, and the words for it.
type End = (ExitStatus, String);

/// Runs `task` to its end.
pub(super) fn run(task: Task) -> Result<Outcome, HostFault> {
	let engine = engine::build().map_err(engine_fault)?;
	let Task { program, input, output, fuel_limit, memory_mib, seed } = task;
	let limiter = Limiter { memory_bytes: u64::from(memory_mib) << 20 };
	let mut store = Store::new(&engine, Guest::new(limiter, input, output, &seed));
	store.limiter(|guest| &mut guest.limiter);
	// One more than the limit: the engine stops a program that has none left, and to use exactly
	// the limit is allowed.
	let tank = fuel_limit + 1;
	store.set_fuel(tank).map_err(engine_fault)?;
	let (status, reason) = match load(&mut store, &program, memory_mib)? {
		Ok(loaded) => execute(&mut store, &loaded)?,
		Err(reason) => (ExitStatus::InvalidProgram, reason),
	};
	let left = store.get_fuel().map_err(engine_fault)?;
	let (status, reason) = match (left, status) {
		(0, status) if status != ExitStatus::InvalidProgram => {
			(ExitStatus::OutOfFuel, String::new())
		}
		(_, status) => (status, reason),
	};
	let keep = status == ExitStatus::Completed;
	let (output_len, log) = store
		.into_data()
		.finish(keep)
		.map_err(|error| HostFault::io("writing the output", error))?;
	let fuel_used = charge(status, tank - left, fuel_limit);
	Ok(Outcome { status, fuel_used, output_len, reason, log })
}

fn engine_fault(error: wasmtime::Error) -> HostFault {
	HostFault::Engine(in_words(&error))
}

/// An error with its causes, on one line.
fn in_words(error: &wasmtime::Error) -> String {
	let causes = error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ");
	causes.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A program that may be run.
struct Loaded {
	module: Module,
	linker: Linker<Guest>,
	start_pages: u64,
}

/// Validates and compiles. The inner error says what makes it no program for a task.
fn load(
	store: &mut Store<Guest>,
	program: &[u8],
	memory_mib: u32,
) -> Result<Result<Loaded, String>, HostFault> {
	if program.len() as u64 > MAX_PROGRAM_BYTES {
		return Ok(Err(format!("the program is larger than {} MiB", MAX_PROGRAM_BYTES >> 20)));
	}
	let engine = store.engine().clone();
	if let Err(error) = Module::validate(&engine, program) {
		return Ok(Err(format!("not a module that a task may be: {}", in_words(&error))));
	}
	let module = Module::from_binary(&engine, program)
		.map_err(|error| HostFault::Compile(in_words(&error)))?;
	let mut linker = Linker::new(&engine);
	wasi::define(&mut linker).map_err(engine_fault)?;
	if let Err(reason) = check_imports(&linker, store, &module) {
		return Ok(Err(reason));
	}
	Ok(check_shape(&engine, &module, memory_mib).map(|start_pages| Loaded {
		module,
		linker,
		start_pages,
	}))
}

/// A program may import the functions of WASI preview 1, with their types, and nothing else.
fn check_imports(
	linker: &Linker<Guest>,
	store: &mut Store<Guest>,
	module: &Module,
) -> Result<(), String> {
	for import in module.imports() {
		let (from, name) = (import.module(), import.name());
		if from != WASI_MODULE {
			return Err(format!("imports {from}.{name}; a task may import {WASI_MODULE} only"));
		}
		if linker.get_by_import(&mut *store, &import).is_none() {
			return Err(format!("imports {from}.{name}, which does not exist"));
		}
	}
	linker
		.instantiate_pre(module)
		.map(|_| ())
		.map_err(|error| format!("an import has the wrong type: {}", in_words(&error)))
}

/// Checks what a module brings along and gives the pages of memory that it starts with.
fn check_shape(engine: &Engine, module: &Module, memory_mib: u32) -> Result<u64, String> {
	let is_command = module.get_export("_start").is_some_and(|export| {
		let ty = wasmtime::FuncType::new(engine, [], []);
		export.func().is_some_and(|func| func.matches(&ty))
	});
	if !is_command {
		return Err("exports no function _start without parameters and results".into());
	}
	let needs = module.resources_required();
	if needs.num_tables > MAX_TABLES {
		return Err(format!("has {} tables, at most {MAX_TABLES} are allowed", needs.num_tables));
	}
	if needs.max_initial_table_size.unwrap_or(0) > MAX_TABLE_ELEMENTS {
		return Err(format!("a table starts with more than {MAX_TABLE_ELEMENTS} elements"));
	}
	let pages = needs.max_initial_memory_size.unwrap_or(0);
	if pages * PAGE_BYTES > u64::from(memory_mib) << 20 {
		let mib = (pages * PAGE_BYTES).div_ceil(1 << 20);
		return Err(format!("starts with {mib} MiB of memory, the job allows {memory_mib}"));
	}
	Ok(pages)
}

/// Instantiates and calls `_start`.
fn execute(store: &mut Store<Guest>, loaded: &Loaded) -> Result<End, HostFault> {
	let left = store.get_fuel().map_err(engine_fault)?;
	let left = left.saturating_sub(loaded.start_pages * START_PAGE_COST);
	store.set_fuel(left).map_err(engine_fault)?;
	if left == 0 {
		return Ok((ExitStatus::OutOfFuel, String::new()));
	}
	let result = loaded
		.linker
		.instantiate(&mut *store, &loaded.module)
		.and_then(|instance| instance.get_typed_func::<(), ()>(&mut *store, "_start"))
		.and_then(|start| start.call(&mut *store, ()));
	match result {
		Ok(()) => Ok((ExitStatus::Completed, String::new())),
		Err(error) => end_of(&error),
	}
}

/// Sorts an error into a result or a fault of this machine.
fn end_of(error: &wasmtime::Error) -> Result<End, HostFault> {
	if let Some(stop) = error.downcast_ref::<Stop>() {
		return end_of_stop(stop.clone());
	}
	let Some(trap) = error.downcast_ref::<Trap>() else {
		return Err(HostFault::Engine(in_words(error)));
	};
	let kind = match trap {
		Trap::OutOfFuel => return Ok((ExitStatus::OutOfFuel, String::new())),
		Trap::StackOverflow => return Err(HostFault::StackOverflow),
		Trap::UnreachableCodeReached => TrapKind::Unreachable,
		Trap::MemoryOutOfBounds => TrapKind::MemoryOutOfBounds,
		Trap::TableOutOfBounds => TrapKind::TableOutOfBounds,
		Trap::IndirectCallToNull => TrapKind::IndirectCallToNull,
		Trap::BadSignature => TrapKind::BadSignature,
		Trap::IntegerOverflow => TrapKind::IntegerOverflow,
		Trap::IntegerDivisionByZero => TrapKind::IntegerDivisionByZero,
		Trap::BadConversionToInteger => TrapKind::BadConversionToInteger,
		// The others belong to parts of wasm that are not accepted.
		other => return Err(HostFault::Engine(format!("unexpected trap: {other}"))),
	};
	Ok((ExitStatus::Trapped(kind), trap.to_string()))
}

fn end_of_stop(stop: Stop) -> Result<End, HostFault> {
	Ok(match stop {
		Stop::Exit(0) => (ExitStatus::Completed, String::new()),
		Stop::Exit(code) => (ExitStatus::ExitCode(code), String::new()),
		Stop::OutOfFuel => (ExitStatus::OutOfFuel, String::new()),
		Stop::OutputLimit => (ExitStatus::OutputLimit, String::new()),
		Stop::MemoryLimit(reason) => (ExitStatus::MemoryLimit, reason),
		Stop::HostMemory(reason) => return Err(HostFault::HostMemory(reason)),
		Stop::Io(reason) => return Err(HostFault::Io(reason)),
		Stop::Engine(reason) => return Err(HostFault::Engine(reason)),
	})
}

/// Ends a program that grows beyond its limits, and tells that apart from a host that cannot give
/// what the limits allow.
pub(super) struct Limiter {
	memory_bytes: u64,
}

/// Whether something may grow to `desired`. Up to a maximum that the program itself declared, wasm's
/// own rule applies and the instruction answers -1; beyond the job's limit the program ends.
fn may_grow(
	what: &str,
	desired: usize,
	declared: Option<usize>,
	limit: u64,
) -> wasmtime::Result<bool> {
	let (desired, declared) = (desired as u64, declared.map_or(u64::MAX, |max| max as u64));
	if desired > declared && declared < limit {
		return Ok(false);
	}
	if desired > limit {
		let reason = format!("asked for {desired} {what}, at most {limit} are allowed");
		return Err(Stop::MemoryLimit(reason).into());
	}
	Ok(true)
}

impl ResourceLimiter for Limiter {
	fn memory_growing(
		&mut self,
		_current: usize,
		desired: usize,
		maximum: Option<usize>,
	) -> wasmtime::Result<bool> {
		may_grow("bytes of memory", desired, maximum, self.memory_bytes)
	}

	// Called when growth that was allowed fails. Not for the program to catch: what it would do next
	// it would not do on other machines.
	fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
		Err(Stop::HostMemory(in_words(&error)).into())
	}

	fn table_growing(
		&mut self,
		_current: usize,
		desired: usize,
		maximum: Option<usize>,
	) -> wasmtime::Result<bool> {
		may_grow("table elements", desired, maximum, MAX_TABLE_ELEMENTS)
	}

	fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
		self.memory_grow_failed(error)
	}

	fn instances(&self) -> usize {
		1
	}

	fn tables(&self) -> usize {
		MAX_TABLES as usize
	}

	fn memories(&self) -> usize {
		1
	}
}
