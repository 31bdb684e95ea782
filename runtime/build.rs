//! Builds the runtime a second time for WebAssembly and leaves the blob where `lib.rs` includes it.

#[cfg(feature = "std")]
fn main() {
	point_to_lock_file();
	let builder = substrate_wasm_builder::WasmBuilder::init_with_defaults();
	// A release also carries the hash of its metadata, which hardware wallets sign with every
	// transaction.
	#[cfg(feature = "metadata-hash")]
	let builder = builder.enable_metadata_hash("DRGN", 12);
	builder.build();
}

/// Without `std` this already is the WebAssembly build.
#[cfg(not(feature = "std"))]
fn main() {}

/// The inner build looks for `Cargo.lock` above its output, which a target directory outside of the
/// checkout does not have, and would then resolve its dependencies anew.
#[cfg(feature = "std")]
fn point_to_lock_file() {
	const HINT: &str = "WASM_BUILD_WORKSPACE_HINT";
	// Read when it runs: another checkout with the same target directory may have compiled this.
	let manifest = std::env::var_os("CARGO_MANIFEST_DIR").map(std::path::PathBuf::from);
	if let (None, Some(manifest)) = (std::env::var_os(HINT), manifest) {
		std::env::set_var(HINT, manifest.join(".."));
	}
}
