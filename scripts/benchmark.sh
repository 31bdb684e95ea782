#!/usr/bin/env bash
# Generates the weights of the market's pallets from their benchmarks in the compiled runtime.
#
#   scripts/benchmark.sh [PALLET ...]      default: all four
#
# Takes some 30 minutes the first time, because the benchmarking tool is a build of its own (tools/bencher).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scripts/bootstrap.sh
. scripts/env.sh

pallets=("$@")
if [ "${#pallets[@]}" -eq 0 ]; then
	pallets=(node-registry resource-verification task-matching token-rewards)
fi

# Directories of their own: neither feature set may displace what the other commands built.
target=${CARGO_TARGET_DIR%/*}
CARGO_TARGET_DIR=$target/bencher cargo build --manifest-path tools/bencher/Cargo.toml --locked
CARGO_TARGET_DIR=$target/benchmarks cargo build --locked -p aidragon-runtime --features runtime-benchmarks
wasm=$target/benchmarks/debug/wbuild/aidragon-runtime/aidragon_runtime.compact.compressed.wasm
[ -f "$wasm" ] || wasm=$target/benchmarks/debug/wbuild/aidragon-runtime/aidragon_runtime.wasm

for pallet in "${pallets[@]}"; do
	"$target/bencher/debug/aidragon-bencher" \
		--runtime "$wasm" --genesis-builder=runtime --genesis-builder-preset=development \
		--pallet "pallet_${pallet//-/_}" --extrinsic '*' --steps 10 --repeat 10 \
		--template tools/bencher/weights.hbs --output "pallets/$pallet/src/weights.rs" >&2
done
rustfmt --edition 2021 pallets/*/src/weights.rs
