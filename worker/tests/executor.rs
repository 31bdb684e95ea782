//! Runs real programs in the real sandbox process.

#[path = "executor/bench.rs"]
mod bench;
#[path = "executor/process.rs"]
mod process;

use std::time::{Duration, Instant};

use aidragon_worker::executor::{ExitStatus, HostFault, TrapKind, MAX_LOG_BYTES};

use crate::bench::{end_of, program, Bench, ECHO, FUEL};

#[test]
fn echo_completes_with_the_same_output_and_fuel_every_time() {
	let input: Vec<u8> = (0..300_001_u32).map(|i| (i * 31 % 251) as u8).collect();
	let bench = Bench::with_binary(&wat::parse_str(ECHO).unwrap(), &input);
	let first = bench.outcome();
	assert_eq!(first.status, ExitStatus::Completed);
	assert_eq!(first.output_len, input.len() as u64);
	assert_eq!(bench.output(), input);
	assert_eq!(first.reason, "");
	// Every byte is charged twice, and every call 500.
	assert!(first.fuel_used > 2 * input.len() as u64, "{first:?}");
	assert_eq!(bench.outcome(), first);
	assert_eq!(bench.output(), input);
}

#[test]
fn the_host_environment_does_not_show() {
	let text = r#"(module
		(import "wasi_snapshot_preview1" "args_sizes_get"
			(func $args_sizes (param i32 i32) (result i32)))
		(import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
		(import "wasi_snapshot_preview1" "environ_sizes_get"
			(func $env_sizes (param i32 i32) (result i32)))
		(import "wasi_snapshot_preview1" "fd_prestat_get"
			(func $prestat (param i32 i32) (result i32)))
		(import "wasi_snapshot_preview1" "path_open" (func $open
			(param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
		(import "wasi_snapshot_preview1" "fd_write"
			(func $write (param i32 i32 i32 i32) (result i32)))
		(memory (export "memory") 1)
		(data (i32.const 0) "\10\00\00\00\30\00\00\00")
		(func (export "_start")
			(drop (call $args_sizes (i32.const 16) (i32.const 20)))
			(drop (call $env_sizes (i32.const 24) (i32.const 28)))
			(drop (call $args (i32.const 100) (i32.const 32)))
			(i32.store (i32.const 40) (call $prestat (i32.const 3) (i32.const 200)))
			(i32.store (i32.const 44) (call $open (i32.const 3) (i32.const 0) (i32.const 32)
				(i32.const 4) (i32.const 0) (i64.const 0) (i64.const 0) (i32.const 0)
				(i32.const 200)))
			(drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 12)))))"#;
	let bench = Bench::new(text);
	assert_eq!(bench.outcome().status, ExitStatus::Completed);
	let expected: Vec<u8> = [1_u32, 5, 0, 0, u32::from_le_bytes(*b"task"), 0, 8, 8]
		.iter()
		.flat_map(|word| word.to_le_bytes())
		.collect();
	assert_eq!(bench.output()[..32], expected);
}

#[test]
fn an_endless_loop_uses_exactly_its_fuel() {
	let outcome = end_of("(loop $forever (br $forever))");
	assert_eq!((outcome.status, outcome.fuel_used), (ExitStatus::OutOfFuel, FUEL));
	assert_eq!(outcome.output_len, 0);
}

#[test]
fn the_fuel_limit_is_inclusive_and_holds_without_a_loop() {
	let mut bench = Bench::new(&program(&"(drop (i32.const 1))".repeat(1000)));
	let needed = bench.outcome().fuel_used;
	bench.job.fuel_limit = needed;
	let outcome = bench.outcome();
	assert_eq!((outcome.status, outcome.fuel_used), (ExitStatus::Completed, needed));
	bench.job.fuel_limit = needed - 1;
	let outcome = bench.outcome();
	assert_eq!((outcome.status, outcome.fuel_used), (ExitStatus::OutOfFuel, needed - 1));
	bench.job.fuel_limit = 0;
	let outcome = bench.outcome();
	assert_eq!((outcome.status, outcome.fuel_used), (ExitStatus::OutOfFuel, 0));
}

#[test]
fn allocating_without_end_hits_the_memory_limit() {
	let outcome = end_of("(loop $more (drop (memory.grow (i32.const 16))) (br $more))");
	assert_eq!(outcome.status, ExitStatus::MemoryLimit);
	assert_eq!(outcome.fuel_used, FUEL);
	assert!(outcome.reason.contains("memory"), "{}", outcome.reason);
	let outcome = end_of("(drop (memory.grow (i32.const 65535)))");
	assert_eq!(outcome.status, ExitStatus::MemoryLimit);
	let outcome =
		end_of("(loop $more (drop (table.grow (ref.null func) (i32.const 9999))) (br $more))");
	assert_eq!(outcome.status, ExitStatus::MemoryLimit);
}

#[test]
fn all_of_the_allowed_memory_can_be_used() {
	let mut bench = Bench::new(&program(
		r#"(if (i32.eq (memory.grow (i32.const 16383)) (i32.const -1)) (then unreachable))
		(memory.fill (i32.const 0) (i32.const 1) (i32.const 0x40000000))"#,
	));
	bench.job.memory_mib = 1024;
	bench.job.fuel_limit = 1 << 40;
	assert_eq!(bench.outcome().status, ExitStatus::Completed);
}

#[test]
fn growing_past_a_maximum_of_its_own_is_for_the_program_to_handle() {
	let bench = Bench::new(
		r#"(module (memory (export "memory") 1 2) (func (export "_start")
			(if (i32.ne (memory.grow (i32.const 2)) (i32.const -1)) (then unreachable))))"#,
	);
	assert_eq!(bench.outcome().status, ExitStatus::Completed);
}

#[test]
fn what_is_no_program_is_invalid_and_free() {
	let valid = wat::parse_str(ECHO).unwrap();
	let mut broken = valid.clone();
	broken.truncate(valid.len() - 3);
	let component = b"\0asm\x0d\0\x01\0".to_vec();
	let text = ECHO.as_bytes().to_vec();
	let oversized = vec![0; (16 << 20) + 1];
	let unshared = |text: &str| wat::parse_str(text).unwrap();
	let cases = [
		(Vec::new(), "not a module"),
		(b"#!/bin/sh\n".to_vec(), "not a module"),
		(text, "not a module"),
		(broken, "not a module"),
		(component, "not a module"),
		(oversized, "larger than 16 MiB"),
		(unshared("(module)"), "_start"),
		(unshared("(module (func (export \"_start\") (param i32)))"), "_start"),
		(unshared("(module (memory 512) (func (export \"_start\")))"), "32 MiB"),
		(unshared("(module (table 2000000 funcref) (func (export \"_start\")))"), "elements"),
	];
	for (binary, words) in cases {
		let bench = Bench::with_binary(&binary, b"");
		let outcome = bench.outcome();
		assert_eq!(outcome.status, ExitStatus::InvalidProgram, "{words}");
		assert_eq!((outcome.fuel_used, outcome.output_len), (0, 0));
		assert!(outcome.reason.contains(words), "{words}: {}", outcome.reason);
	}
}

#[test]
fn unknown_imports_are_named() {
	for (import, name) in [
		(r#""env" "system" (func)"#, "env.system"),
		(r#""wasi_snapshot_preview1" "fork" (func)"#, "wasi_snapshot_preview1.fork"),
		(r#""wasi_snapshot_preview1" "fd_read" (func)"#, "fd_read"),
		(r#""wasi_unstable" "fd_read" (func)"#, "wasi_unstable.fd_read"),
		(r#""env" "memory" (memory 1)"#, "env.memory"),
	] {
		let bench = Bench::new(&format!(r#"(module (import {import}) (func (export "_start")))"#));
		let outcome = bench.outcome();
		assert_eq!(outcome.status, ExitStatus::InvalidProgram);
		assert!(outcome.reason.contains(name), "{name}: {}", outcome.reason);
	}
}

#[test]
fn exit_codes_are_results_and_void_the_output() {
	let say = "(call $write (i32.const 1) (i32.const 0) (i32.const 8))";
	assert_eq!(
		end_of(&format!("{say} (call $exit (i32.const 3))")).status,
		ExitStatus::ExitCode(3)
	);
	let outcome = end_of(&format!("{say} (call $exit (i32.const 0)) unreachable"));
	assert_eq!((outcome.status, outcome.output_len), (ExitStatus::Completed, 8));
}

#[test]
fn traps_are_results() {
	for (body, kind, charged) in [
		("unreachable", TrapKind::Unreachable, None),
		("(drop (i32.load (i32.const -4)))", TrapKind::MemoryOutOfBounds, Some(FUEL)),
		(
			"(drop (i32.div_u (i32.const 1) (i32.const 0)))",
			TrapKind::IntegerDivisionByZero,
			Some(FUEL),
		),
		(
			"(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))",
			TrapKind::IntegerOverflow,
			Some(FUEL),
		),
		("(drop (i32.trunc_f32_s (f32.const nan)))", TrapKind::BadConversionToInteger, Some(FUEL)),
		("(call_indirect (i32.const 1))", TrapKind::IndirectCallToNull, Some(FUEL)),
		("(call_indirect (i32.const 9))", TrapKind::TableOutOfBounds, Some(FUEL)),
	] {
		let outcome = end_of(body);
		assert_eq!(outcome.status, ExitStatus::Trapped(kind), "{body}");
		match charged {
			Some(charged) => assert_eq!(outcome.fuel_used, charged, "{body}"),
			None => assert!((1..10_000).contains(&outcome.fuel_used), "{outcome:?}"),
		}
	}
}

#[test]
fn endless_recursion_is_inconclusive() {
	let bench = Bench::new(&program("(drop (call $recurse (i64.const 0)))"));
	assert_eq!(bench.run(), Err(HostFault::StackOverflow));
}

#[test]
fn the_wall_clock_is_no_result() {
	let mut bench = Bench::new(&program("(loop $forever (br $forever))"));
	bench.job.fuel_limit = 1 << 60;
	bench.job.wall_limit = Duration::from_millis(1500);
	let start = Instant::now();
	assert_eq!(bench.run(), Err(HostFault::WallClock { limit_seconds: 2 }));
	assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn output_beyond_the_limit_ends_the_program() {
	let flood = "(loop $more (call $write (i32.const 1) (i32.const 0) (i32.const 60000)) \
		(br $more))";
	let outcome = end_of(flood);
	assert_eq!((outcome.status, outcome.output_len), (ExitStatus::OutputLimit, 0));
	assert!(outcome.fuel_used > 1 << 20 && outcome.fuel_used < FUEL, "{outcome:?}");
	let mut bench =
		Bench::new(&program("(call $write (i32.const 1) (i32.const 0) (i32.const 1000))"));
	bench.job.output_limit_bytes = 1000;
	assert_eq!(bench.outcome().status, ExitStatus::Completed);
	bench.job.output_limit_bytes = 999;
	assert_eq!(bench.outcome().status, ExitStatus::OutputLimit);
}

#[test]
fn the_end_of_the_log_is_kept() {
	let outcome = end_of(
		r#"(local $left i32)
		(local.set $left (i32.const 1000))
		(loop $more
			(call $write (i32.const 2) (i32.const 16) (i32.const 60000))
			(br_if $more (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
		(i64.store (i32.const 16) (i64.const 0x0a65796220646e61))
		(call $write (i32.const 2) (i32.const 16) (i32.const 8))"#,
	);
	assert_eq!((outcome.status, outcome.output_len), (ExitStatus::Completed, 0));
	assert_eq!(outcome.log.len(), MAX_LOG_BYTES);
	assert!(outcome.log.ends_with("and bye\n"));
}

/// Writes 32 random bytes, the wall clock, and the monotonic clock before and after a sleep of an
/// hour.
const CHANCE: &str = r#"
	(drop (call $random (i32.const 100) (i32.const 32)))
	(drop (call $clock (i32.const 0) (i64.const 0) (i32.const 132)))
	(drop (call $clock (i32.const 1) (i64.const 0) (i32.const 140)))
	(i32.store (i32.const 216) (i32.const 1))
	(i64.store (i32.const 224) (i64.const 3600000000000))
	(drop (call $poll (i32.const 200) (i32.const 300) (i32.const 1) (i32.const 400)))
	(drop (call $clock (i32.const 1) (i64.const 0) (i32.const 148)))
	(call $write (i32.const 1) (i32.const 100) (i32.const 56))"#;

#[test]
fn clocks_are_fixed_sleep_is_free_and_chance_comes_from_the_seed() {
	let mut bench = Bench::new(&program(CHANCE));
	let start = Instant::now();
	let first = bench.outcome();
	assert!(start.elapsed() < Duration::from_secs(30));
	let output = bench.output();
	assert_eq!(output.len(), 56);
	let number = |at: usize| u64::from_le_bytes(output[at..at + 8].try_into().unwrap());
	assert_eq!(number(32), 946_684_800_000_000_000);
	assert_eq!(number(40), 1_000);
	assert_eq!(number(48), 3_600_000_000_000 + 2_000);
	assert_eq!(bench.outcome(), first);
	assert_eq!(bench.output(), output);
	bench.job.task_seed = [8; 32];
	assert_eq!(bench.outcome(), first);
	assert_ne!(bench.output()[..32], output[..32]);
	assert_eq!(bench.output()[32..], output[32..]);
}
