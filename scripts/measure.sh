#!/usr/bin/env bash
# Measures what the documentation says of the protocol, each figure beside what it is compared with.
#
#   scripts/measure.sh proof      the proof of compute: bytes, weight, hashing, threads, repeatability (ten minutes)
#
# The table is the result, on stdout. Times on a shared machine vary; ratios within one run vary less.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

usage() {
	sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
	exit 2
}

# The fields NAME... of one trial of this machine, with the arguments before "--".
trial() {
	local arguments=() json name
	while [ "$1" != -- ]; do arguments+=("$1") && shift; done
	shift
	json=$("$CARGO_TARGET_DIR/debug/aidragon-worker" benchmark --output json "${arguments[@]}")
	for name in "$@"; do
		sed -n "s/^ *\"$name\": \"\{0,1\}\([^\",]*\).*/\1/p" <<<"$json"
	done | paste -sd ' '
}

# Microseconds that a benchmark takes in the compiled runtime for matrices of one size: the median of 50.
benchmark_us() {
	local file
	file=$(mktemp)
	"${BENCHER[@]}" --pallet pallet_resource_verification --extra --extrinsic "$1" --low "$2" --high "$2" \
		--steps 2 --repeat 50 --json-file "$file" >/dev/null 2>&1 || die "the benchmark $1 failed"
	grep -o '"extrinsic_time": *[0-9]*' "$file" | grep -o '[0-9]*$' | sort -n |
		awk '{ ns[NR] = $1 } END { printf "%.1f", ns[int((NR + 1) / 2)] / 1000 }'
	rm "$file"
}

on_chain() {
	local size=0 rows openings bytes verify hash
	echo "On chain, one opening"
	echo "  rows  openings  bytes each  bytes in all  verify us  control: hash of a row us"
	for rows in 512 1024 2048 4096 8192; do
		read -r openings bytes < <(trial --rows "$rows" --threads 1 --seconds 1 -- openings opening_bytes)
		verify=$(benchmark_us verify_opening "$size") hash=$(benchmark_us hash_row "$size")
		printf '%6s  %8s  %10s  %12s  %9s  %s\n' "$rows" "$openings" "$bytes" $((openings * bytes)) "$verify" "$hash"
		size=$((size + 1))
	done
}

prover() {
	local rows kernel mops share
	echo "The prover, on one thread"
	echo "  rows  kernel       Mops      part of it that is hashing"
	for rows in 512 1024 2048 4096; do
		read -r kernel mops share < <(trial --rows "$rows" --threads 1 --seconds 3 -- kernel throughput_mops hash_share)
		printf '%6s  %-11s  %-8.0f  %.1f %%\n' "$rows" "$kernel" "$mops" "$(awk "BEGIN { print 100 * $share }")"
	done
}

threads() {
	local one two
	one=$(trial --rows 2048 --threads 1 --seconds 9 -- throughput_mops)
	two=$(trial --rows 2048 --threads 2 --seconds 9 -- throughput_mops)
	awk "BEGIN { printf \"Two threads over one: %.0f / %.0f Mops = %.2f\n\", $two, $one, $two / $one }"
}

# Two identities that share one machine, challenged in the same window.
shared() {
	local alone one two folder
	folder=$(mktemp -d)
	alone=$(trial --rows 2048 --seconds 9 -- throughput_mops)
	trial --rows 2048 --seconds 9 -- throughput_mops >"$folder/one" &
	two=$(trial --rows 2048 --seconds 9 -- throughput_mops)
	wait $!
	one=$(cat "$folder/one")
	rm -r "$folder"
	awk "BEGIN { printf \"Two identities on one machine: %.0f and %.0f Mops, %.2f and %.2f of it alone\\n\", \
		$one, $two, $one / $alone, $two / $alone }"
}

repeated() {
	local scores=() window
	for window in 1 2 3 4 5 6 7 8 9 10; do
		scores+=("$(trial --seconds 9 -- throughput_mops)")
		say "window $window of 10: ${scores[-1]} Mops"
	done
	printf '%s\n' "${scores[@]}" | awk '
		{ sum += $1; if (NR == 1 || $1 < low) low = $1; if ($1 > high) high = $1 }
		END {
			mean = sum / NR
			printf "Ten windows: mean %.0f Mops, lowest %+.1f %%, highest %+.1f %%\n", mean, 100 * (low / mean - 1), 100 * (high / mean - 1)
		}'
}

[ $# = 1 ] && [ "$1" = proof ] || usage
cd "$ROOT"
scripts/bootstrap.sh
. scripts/env.sh
cargo build --workspace --locked
build_bencher
prover
threads
shared
repeated
on_chain
