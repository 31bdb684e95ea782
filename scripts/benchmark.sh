#!/usr/bin/env bash
# Generates the weights of the market's pallets from their benchmarks in the compiled runtime.
#
#   scripts/benchmark.sh [PALLET ...]      default: all four
#
# Takes some 30 minutes the first time, because the benchmarking tool is a build of its own (tools/bencher).
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$ROOT"
scripts/bootstrap.sh
. scripts/env.sh

pallets=("$@")
if [ "${#pallets[@]}" -eq 0 ]; then
	pallets=(node-registry resource-verification task-matching token-rewards)
fi

build_bencher
# Medians: one slow run of a hundred, as on a machine that others use too, must not bend the slopes.
for pallet in "${pallets[@]}"; do
	"${BENCHER[@]}" --pallet "pallet_${pallet//-/_}" --extrinsic '*' --steps 10 --repeat 10 --output-analysis median-slopes \
		--template tools/bencher/weights.hbs --output "pallets/$pallet/src/weights.rs" >&2
done
rustfmt --edition 2021 pallets/*/src/weights.rs
