//! What a program's work costs: meter schedule version 1.
//!
//! The schedule is a protocol constant. [`canonical_schedule`] writes everything that fuel, output
//! or ending of a program depend on as text, and [`meter_schedule_hash`] is the hash that the chain
//! holds: workers with different hashes must not check each other. A test pins it; any change to
//! this file that moves the hash needs a new [`METER_SCHEDULE_VERSION`].
//!
//! One unit of fuel is one simple instruction, about a tenth of a nanosecond on a current core. The
//! weights of the others were measured on x86-64 with four independent chains of each, metering and
//! NaN canonicalisation included, so that fuel follows time: a call is dear because the meter is
//! written back around it.
//!
//! # What each ending is charged
//!
//! The engine keeps its count in a register and writes it back only at calls, returns and
//! `unreachable`. At any other trap the stored count lags by an unknown part of the running
//! function, so it is exact for some endings only:
//!
//! | ending | fuel charged |
//! |---|---|
//! | `Completed`, `ExitCode`, `OutputLimit`, `Trapped(Unreachable)` | what was used |
//! | `OutOfFuel`, `MemoryLimit`, every other trap | the whole limit |
//! | `InvalidProgram` | nothing |
//!
//! The whole limit is the only figure for the second row that is the same everywhere and leaves no
//! way to have work done for nothing: loop for an hour, then divide by zero.
//!
//! A program that uses exactly its limit completes. Endings are checked against the limit at
//! function entries, loop heads, host calls and at the end; one that is found beyond it is
//! `OutOfFuel`, whatever else it was about to be.
//!
//! # What is a result and what is a host fault
//!
//! Results are the endings above. Host faults, which are never results, are: the wall clock and CPU
//! time limits; exhaustion of the call stack (`StackOverflow`), as frame sizes depend on the
//! processor; memory that the operating system refuses below the job's limit; a valid module that
//! Cranelift cannot translate; any trap that these settings should make impossible; a crash of the
//! child; input and output errors.

use std::fmt::Write;

use wasmtime::{OperatorCost, VariableOperatorCost, WasmFeatures};

use super::{job::MAX_PROGRAM_BYTES, ExitStatus, TrapKind};

/// The version of the schedule in this file.
pub const METER_SCHEDULE_VERSION: u16 = 1;

/// The version as text, for the schedule and the engine's module format.
pub(super) const SCHEDULE_NAME: &str = "aidragon-meter-1";

/// Fuel for any call into the host, whatever it does.
pub(super) const HOST_CALL_COST: u64 = 500;
/// Fuel per byte that a host call reads or writes, and per `iovec` or subscription looked at.
pub(super) const HOST_BYTE_COST: u64 = 1;
/// Fuel per random byte.
pub(super) const RANDOM_BYTE_COST: u64 = 8;

/// The most tables a module may have.
pub(super) const MAX_TABLES: u32 = 8;
/// The most elements a table may have.
pub(super) const MAX_TABLE_ELEMENTS: u64 = 1 << 20;
/// How much stack wasm code may use, in bytes.
pub(super) const MAX_WASM_STACK_BYTES: usize = 1 << 20;
/// The most `iovec`s that one call looks at; the rest is a short read or write.
pub(super) const MAX_IOVECS: u32 = 1024;
/// The most subscriptions that one `poll_oneoff` takes.
pub(super) const MAX_SUBSCRIPTIONS: u32 = 4096;

/// What the wall clock always shows: 2000-01-01T00:00:00Z, in nanoseconds since 1970.
pub(super) const WALL_CLOCK_NANOS: u64 = 946_684_800_000_000_000;
/// How far every look at the monotonic clock moves it.
pub(super) const CLOCK_STEP_NANOS: u64 = 1_000;
/// Separates a task's random numbers from every other use of its seed.
pub(super) const RANDOM_CONTEXT: &str = "aidragon 2026-11-22 task randomness v1";

/// The parts of wasm that a program may use: those on which deterministic engines agree.
const ACCEPTED: &[(&str, WasmFeatures)] = &[
	("bulk-memory", WasmFeatures::BULK_MEMORY),
	("extended-const", WasmFeatures::EXTENDED_CONST),
	("floats", WasmFeatures::FLOATS),
	("multi-value", WasmFeatures::MULTI_VALUE),
	("mutable-global", WasmFeatures::MUTABLE_GLOBAL),
	("reference-types", WasmFeatures::REFERENCE_TYPES),
	("saturating-float-to-int", WasmFeatures::SATURATING_FLOAT_TO_INT),
	("sign-extension", WasmFeatures::SIGN_EXTENSION),
	("simd", WasmFeatures::SIMD),
];

/// The accepted parts of wasm in the engine's form.
pub(super) fn accepted_features() -> WasmFeatures {
	ACCEPTED.iter().fold(WasmFeatures::empty(), |all, (_, feature)| all | *feature)
}

/// Instructions that cost something other than 1. Instructions outside the accepted features
/// never run.
macro_rules! operator_costs {
	($($cost:literal: $($operator:ident)+;)+) => {
		const OPERATOR_COSTS: &[(&str, u8)] = &[$($((stringify!($operator), $cost),)+)+];

		fn set_operator_costs(table: &mut OperatorCost) {
			$($(table.$operator = $cost;)+)+
		}
	};
}

operator_costs! {
	0: Nop Drop Block Loop Unreachable Return Else End;
	2: I32Load I64Load F32Load F64Load
		I32Load8S I32Load8U I32Load16S I32Load16U
		I64Load8S I64Load8U I64Load16S I64Load16U I64Load32S I64Load32U
		I32Store I64Store F32Store F64Store I32Store8 I32Store16 I64Store8 I64Store16 I64Store32
		I32Mul I64Mul
		V128Load V128Load8x8S V128Load8x8U V128Load16x4S V128Load16x4U V128Load32x2S V128Load32x2U
		V128Load8Splat V128Load16Splat V128Load32Splat V128Load64Splat
		V128Load32Zero V128Load64Zero V128Store
		V128Load8Lane V128Load16Lane V128Load32Lane V128Load64Lane
		V128Store8Lane V128Store16Lane V128Store32Lane V128Store64Lane
		V128Bitselect V128AnyTrue I8x16AllTrue I16x8AllTrue I32x4AllTrue I64x2AllTrue
		I8x16Bitmask I16x8Bitmask I32x4Bitmask I64x2Bitmask
		I8x16Shuffle I8x16Swizzle I16x8Mul I32x4Mul I32x4DotI16x8S I16x8Q15MulrSatS
		I16x8ExtMulLowI8x16S I16x8ExtMulHighI8x16S I16x8ExtMulLowI8x16U I16x8ExtMulHighI8x16U
		I32x4ExtMulLowI16x8S I32x4ExtMulHighI16x8S I32x4ExtMulLowI16x8U I32x4ExtMulHighI16x8U
		I64x2ExtMulLowI32x4S I64x2ExtMulHighI32x4S I64x2ExtMulLowI32x4U I64x2ExtMulHighI32x4U
		I16x8ExtAddPairwiseI8x16S I16x8ExtAddPairwiseI8x16U
		I32x4ExtAddPairwiseI16x8S I32x4ExtAddPairwiseI16x8U
		F32x4ConvertI32x4S F64x2ConvertLowI32x4S;
	3: BrTable;
	4: F32x4Add F32x4Sub F32x4Mul F64x2Add F64x2Sub F64x2Mul
		F32x4Ceil F32x4Floor F32x4Trunc F32x4Nearest F64x2Ceil F64x2Floor F64x2Trunc F64x2Nearest
		F32x4DemoteF64x2Zero F64x2PromoteLowF32x4 F32x4ConvertI32x4U F64x2ConvertLowI32x4U
		F32ConvertI32S F32ConvertI32U F32ConvertI64S F32ConvertI64U
		F64ConvertI32S F64ConvertI32U F64ConvertI64S F64ConvertI64U
		I8x16Shl I8x16ShrS I8x16ShrU I64x2ShrS I64x2Mul I8x16Popcnt
		TableGet TableSet RefFunc;
	6: I32TruncF32S I32TruncF32U I32TruncF64S I32TruncF64U
		I64TruncF32S I64TruncF32U I64TruncF64S I64TruncF64U;
	7: F32Add F32Sub F32Mul F32Min F32Max F64Add F64Sub F64Mul F64Min F64Max
		F32Ceil F32Floor F32Trunc F32Nearest F64Ceil F64Floor F64Trunc F64Nearest
		F32DemoteF64 F64PromoteF32;
	8: I32TruncSatF32S I32TruncSatF32U I32TruncSatF64S I32TruncSatF64U
		I64TruncSatF32S I64TruncSatF32U I64TruncSatF64S I64TruncSatF64U;
	12: I32DivS I32DivU I32RemS I32RemU I64DivS I64DivU I64RemS I64RemU F32x4Div
		I32x4TruncSatF32x4S I32x4TruncSatF64x2SZero;
	15: F32Div F64Div F64x2Div F32x4Sqrt;
	17: F32x4Min F32x4Max F64x2Min F64x2Max I32x4TruncSatF32x4U I32x4TruncSatF64x2UZero;
	20: F32Sqrt F64x2Sqrt;
	28: F64Sqrt;
	30: Call;
	50: MemoryInit MemoryCopy MemoryFill TableInit TableCopy TableFill DataDrop ElemDrop;
	70: CallIndirect;
	250: MemoryGrow TableGrow;
}

/// Charged on top, per byte, element or page. A 64 KiB page has to be zeroed, and 255 is the most
/// that the engine can charge for it.
const BULK_COST: VariableOperatorCost = VariableOperatorCost {
	memory_grow_per_page: 255,
	table_copy_per_element: 2,
	table_fill_per_element: 2,
	table_init_per_element: 8,
	table_grow_per_element: 2,
	..VariableOperatorCost::new()
};

/// Fuel per page of memory that a module starts with: the same as for growing to it.
pub(super) const START_PAGE_COST: u64 = BULK_COST.memory_grow_per_page as u64;

/// The table in the engine's form.
pub(super) fn operator_cost() -> OperatorCost {
	let mut table = OperatorCost::new();
	set_operator_costs(&mut table);
	table.variable = BULK_COST;
	table
}

/// The fuel that an ending is charged, where `used` is the engine's count.
pub(super) fn charge(status: ExitStatus, used: u64, limit: u64) -> u64 {
	match status {
		ExitStatus::Completed
		| ExitStatus::ExitCode(_)
		| ExitStatus::OutputLimit
		| ExitStatus::Trapped(TrapKind::Unreachable) => used,
		ExitStatus::InvalidProgram => 0,
		ExitStatus::OutOfFuel | ExitStatus::MemoryLimit | ExitStatus::Trapped(_) => limit,
	}
}

/// The schedule as text: one fact a line, ending in a newline, always the same bytes.
pub fn canonical_schedule() -> String {
	let mut text = format!("{SCHEDULE_NAME}\n");
	let mut line = |key: &str, value: u64| {
		// Writing to a string cannot fail.
		let _ = writeln!(text, "{key} {value}");
	};
	for (name, _) in ACCEPTED {
		line(&format!("accepted-{name}"), 1);
	}
	line("nan-canonicalization", 1);
	line("trap-on-grow-failure", 1);
	line("fault-charges-limit", 1);
	line("max-program-bytes", MAX_PROGRAM_BYTES);
	line("max-memories", 1);
	line("max-tables", MAX_TABLES.into());
	line("max-table-elements", MAX_TABLE_ELEMENTS);
	line("max-iovecs", MAX_IOVECS.into());
	line("max-subscriptions", MAX_SUBSCRIPTIONS.into());
	line("wall-clock-nanos", WALL_CLOCK_NANOS);
	line("clock-step-nanos", CLOCK_STEP_NANOS);
	line("host-call", HOST_CALL_COST);
	line("host-byte", HOST_BYTE_COST);
	line("host-random-byte", RANDOM_BYTE_COST);
	line("start-page", START_PAGE_COST);
	line("memory-copy-byte", BULK_COST.memory_copy_per_byte.into());
	line("memory-fill-byte", BULK_COST.memory_fill_per_byte.into());
	line("memory-init-byte", BULK_COST.memory_init_per_byte.into());
	line("memory-grow-page", BULK_COST.memory_grow_per_page.into());
	line("table-copy-element", BULK_COST.table_copy_per_element.into());
	line("table-fill-element", BULK_COST.table_fill_per_element.into());
	line("table-init-element", BULK_COST.table_init_per_element.into());
	line("table-grow-element", BULK_COST.table_grow_per_element.into());
	line("operator-default", 1);
	let mut operators = OPERATOR_COSTS.to_vec();
	operators.sort_unstable();
	for (name, cost) in operators {
		line(name, cost.into());
	}
	let _ = writeln!(text, "random-context {RANDOM_CONTEXT}");
	text
}

/// The BLAKE3 hash of [`canonical_schedule`], as the chain holds it.
pub fn meter_schedule_hash() -> [u8; 32] {
	blake3::hash(canonical_schedule().as_bytes()).into()
}

#[cfg(test)]
mod tests {
	use std::collections::BTreeMap;

	use super::*;

	/// Moving this hash is a change of protocol: see the module's documentation.
	#[test]
	fn schedule_is_pinned() {
		assert_eq!(
			hex::encode(meter_schedule_hash()),
			"172bde4fdd40fcc01c8cbdd1e74c05687448298fa75e535c81589db10095afd4"
		);
		assert_eq!(meter_schedule_hash(), aidragon_primitives::attestation::METER_SCHEDULE);
	}

	/// What the engine charges is what the schedule says, for every instruction that can run.
	#[test]
	fn engine_charges_the_schedule() {
		let table = serde_json::to_value(operator_cost()).unwrap();
		let table = table.as_object().unwrap();
		let published: BTreeMap<_, _> = OPERATOR_COSTS.iter().copied().collect();
		assert_eq!(published.len(), OPERATOR_COSTS.len(), "an instruction is listed twice");
		for (name, cost) in table.iter().filter(|(name, _)| *name != "variable") {
			let expected = published.get(name.as_str()).copied().unwrap_or(1);
			assert_eq!(cost.as_u64(), Some(expected.into()), "{name}");
		}
		assert!(published.keys().all(|name| table.contains_key(*name)));
	}

	#[test]
	fn schedule_names_its_version_once() {
		let text = canonical_schedule();
		assert!(text.starts_with(&format!("aidragon-meter-{METER_SCHEDULE_VERSION}\n")));
		let mut keys: Vec<_> = text.lines().map(|line| line.split(' ').next()).collect();
		let count = keys.len();
		keys.sort_unstable();
		keys.dedup();
		assert_eq!(keys.len(), count, "a key appears twice");
	}

	#[test]
	fn endings_with_an_inexact_count_pay_the_limit() {
		assert_eq!(charge(ExitStatus::Completed, 5, 9), 5);
		assert_eq!(charge(ExitStatus::ExitCode(1), 5, 9), 5);
		assert_eq!(charge(ExitStatus::Trapped(TrapKind::Unreachable), 5, 9), 5);
		assert_eq!(charge(ExitStatus::Trapped(TrapKind::MemoryOutOfBounds), 5, 9), 9);
		assert_eq!(charge(ExitStatus::OutOfFuel, 9, 9), 9);
		assert_eq!(charge(ExitStatus::MemoryLimit, 5, 9), 9);
		assert_eq!(charge(ExitStatus::InvalidProgram, 5, 9), 0);
	}
}
