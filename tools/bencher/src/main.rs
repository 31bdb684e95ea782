//! Runs a runtime's benchmarks and writes weight files. `scripts/benchmark.sh` calls it for every pallet.

use clap::Parser;
use frame_benchmarking_cli::PalletCmd;
use sp_runtime::traits::BlakeTwo256;

fn main() -> Result<(), Box<dyn std::error::Error>> {
	let command = PalletCmd::parse();
	command.run_with_spec::<BlakeTwo256, sp_io::SubstrateHostFunctions>(None)?;
	Ok(())
}
