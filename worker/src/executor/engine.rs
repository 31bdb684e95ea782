//! The engine, set up so that a program has one result.

use wasmtime::{
	Config, Engine, Inlining, ModuleVersionStrategy, OptLevel, RegallocAlgorithm, Strategy,
	WasmFeatures,
};

use super::meter::{accepted_features, operator_cost, MAX_WASM_STACK_BYTES, SCHEDULE_NAME};

/// Address space that is set aside for the linear memory: all that 32-bit wasm can address, so that
/// growing never moves it and never fails for want of a hole.
pub(super) const MEMORY_RESERVATION_BYTES: u64 = 1 << 32;
/// Address space on either side of the linear memory that traps when touched.
pub(super) const MEMORY_GUARD_BYTES: u64 = 32 << 20;

/// Builds the engine. Compiles on one thread: the sandbox allows no other.
pub(super) fn build() -> wasmtime::Result<Engine> {
	let mut config = Config::new();
	config
		.strategy(Strategy::Cranelift)
		.cranelift_opt_level(OptLevel::Speed)
		.cranelift_regalloc_algorithm(RegallocAlgorithm::Backtracking)
		// Inlined calls are metered differently.
		.compiler_inlining(Inlining::No)
		.cranelift_nan_canonicalization(true)
		.relaxed_simd_deterministic(true)
		.wasm_features(WasmFeatures::all(), false)
		.wasm_features(accepted_features(), true)
		.consume_fuel(true)
		.operator_cost(operator_cost())
		.max_wasm_stack(MAX_WASM_STACK_BYTES)
		.memory_may_move(false)
		.memory_reservation(MEMORY_RESERVATION_BYTES)
		.memory_guard_size(MEMORY_GUARD_BYTES)
		// Would need a memory file, which the sandbox refuses to make.
		.memory_init_cow(false)
		.wasm_backtrace_max_frames(None)
		.native_unwind_info(false)
		.generate_address_map(false)
		.module_version(ModuleVersionStrategy::Custom(SCHEDULE_NAME.into()))?;
	Engine::new(&config)
}

#[cfg(test)]
mod tests {
	use wasmtime::Module;

	use super::*;

	fn accepts(text: &str) -> bool {
		let binary = wat::parse_str(text).unwrap();
		Module::validate(&build().unwrap(), &binary).is_ok()
	}

	#[test]
	fn only_the_deterministic_parts_of_wasm_are_accepted() {
		assert!(accepts("(module (func (result v128) (v128.const i64x2 1 2)))"));
		assert!(accepts("(module (table 1 funcref) (func (result i32) (table.size)))"));
		for text in [
			"(module (memory i64 1))",
			"(module (memory 1) (memory 1))",
			"(module (memory 1 1 shared))",
			"(module (func (return_call 0)))",
			"(module (func (param externref)))",
			"(module (func (param v128 v128) (drop (i8x16.relaxed_swizzle \
			 (local.get 0) (local.get 1)))))",
			"(module (tag))",
			"(module (type (struct (field i32))))",
		] {
			assert!(!accepts(text), "{text}");
		}
	}
}
