#!/usr/bin/env bash
# Measures what the documentation says of the protocol, each figure beside what it is compared with.
#
#   scripts/measure.sh proof [PART ...]      proving a machine, in some 20 minutes: prover memory threads shared repeated
#                                            on_chain on_chain_memory per_block
#   scripts/measure.sh matching [PART ...]   matching tasks with machines, in some 20 minutes: weights scale throughput
#                                            instructions market fairness grinding placement million
#
# The table is the result, on stdout. Times on a shared machine vary; ratios within one run vary less.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/measure/matching.sh"

usage() {
	sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
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

# measured PALLET BENCHMARK COMPONENT REPEATS: reads, writes and nanoseconds of a benchmark in the compiled runtime: the most of the
# first two, which only some of the runs count, and the median of the last. COMPONENT is empty where the benchmark has none.
measured() {
	local file component=()
	file=$(mktemp)
	[ -z "$3" ] || component=(--low "$3" --high "$3")
	"${BENCHER[@]}" --pallet "pallet_$1" --extra --extrinsic "$2" "${component[@]}" \
		--steps 2 --repeat "$4" --json-file "$file" >/dev/null 2>&1 || die "the benchmark $2 failed"
	{
		numbers "$file" reads | tail -n 1
		numbers "$file" writes | tail -n 1
		numbers "$file" extrinsic_time | awk '{ ns[NR] = $1 } END { print ns[int((NR + 1) / 2)] }'
	} | paste -sd ' '
	rm "$file"
}

# What a field has in a file of results, in ascending order.
numbers() {
	grep -o "\"$2\": *[0-9]*" "$1" | grep -o '[0-9]*$' | sort -n
}

# Microseconds that a benchmark of resource-verification takes: the median of 50.
benchmark_us() {
	measured resource_verification "$1" "$2" 50 | awk '{ printf "%.1f", $3 / 1000 }'
}

on_chain() {
	local size=0 rows openings bytes verify hash blake3
	echo "On chain, one opening of a run"
	echo "  rows  openings  bytes each  bytes in all  verify us  controls, hash of a row us: BLAKE2 by the node, BLAKE3 in the runtime"
	for rows in 512 1024 2048 4096 8192; do
		read -r openings bytes < <(trial --rows "$rows" --threads 1 --seconds 1 -- openings opening_bytes)
		verify=$(benchmark_us verify_opening "$size") hash=$(benchmark_us hash_row "$size")
		blake3=$(benchmark_us hash_row_blake3 "$size")
		printf '%6s  %8s  %10s  %12s  %9s  %s, %s\n' \
			"$rows" "$openings" "$bytes" $((openings * bytes)) "$verify" "$hash" "$blake3"
		size=$((size + 1))
	done
}

on_chain_memory() {
	local size=0 mib=16
	echo "On chain, one opening of a fill"
	echo "      MiB  verify us"
	while [ "$mib" -le 1048576 ]; do
		printf '%9s  %s\n' "$mib" "$(benchmark_us verify_memory_opening "$size")"
		size=$((size + 1)) mib=$((mib * 16))
	done
}

# What a block does by itself, for any number of machines.
per_block() {
	local exponent reads writes ns class_reads class_writes class_ns
	echo "A block, by machines on line"
	echo "  machines  calls: reads  writes    us    class window: reads  writes    us"
	for exponent in 3 5 6; do
		read -r reads writes ns < <(measured node_registry calls_at_scale "$exponent" 5)
		read -r class_reads class_writes class_ns < <(
			measured resource_verification class_at_scale "$exponent" 5
		)
		printf '%10s  %12s  %6s  %4s    %19s  %6s  %4s\n' "$((10 ** exponent))" "$reads" "$writes" $((ns / 1000)) \
			"$class_reads" "$class_writes" $((class_ns / 1000))
	done
}

prover() {
	local rows kernel mops share blake3
	echo "The prover, on one thread"
	echo "  rows  kernel       Mops      part of it that is hashing  BLAKE3 over BLAKE2, time for the leaves"
	for rows in 512 1024 2048 4096; do
		read -r kernel mops share blake3 < <(trial --rows "$rows" --threads 1 --seconds 3 -- kernel throughput_mops hash_share blake3_over_blake2)
		printf '%6s  %-11s  %-8.0f  %.1f %%                       %.2f\n' \
			"$rows" "$kernel" "$mops" "$(awk "BEGIN { print 100 * $share }")" "$blake3"
	done
}

memory() {
	local mib threads rate
	echo "The memory, filled and hashed"
	echo "   MiB  threads  MiB/s"
	for mib in 256 2048; do
		for threads in 1 2; do
			rate=$(trial --memory --memory-mib "$mib" --threads "$threads" -- mib_per_second)
			printf '%6s  %7s  %.0f\n' "$mib" "$threads" "$rate"
		done
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

# Microseconds of weight of a benchmark, as the chain counts them: its time here, 8 for a read, 50 for a write. The last argument
# is the value of its component, where it has one.
weight_us() {
	measured "$1" "$2" "${3:-}" 20 | awk '{ printf "%.1f", $3 / 1000 + 8 * $1 + 50 * $2 }'
}

weights() {
	local transfer submit job draw draw3 draws attest attests commit commits reveal reveals forget
	transfer=$(weight_us balances transfer_allow_death)
	submit=$(weight_us task_matching submit_task) job=$(weight_us task_matching submit_job 32)
	draw=$(weight_us task_matching draw_alone 1) draw3=$(weight_us task_matching draw_alone 3)
	draws=$(weight_us task_matching draw_job 32)
	attest=$(weight_us task_matching attest_result) attests=$(weight_us task_matching attest_results 1,31)
	commit=$(weight_us task_matching commit_result_waiting) commits=$(weight_us task_matching commit_result)
	reveal=$(weight_us task_matching reveal_result_waiting) reveals=$(weight_us task_matching reveal_result)
	forget=$(weight_us task_matching agenda_forget)
	awk -v t="$transfer" -v s="$submit" -v j="$job" -v d="$draw" -v d3="$draw3" -v ds="$draws" -v a="$attest" -v as="$attests" \
		-v c="$commit" -v cs="$commits" -v r="$reveal" -v rs="$reveals" -v f="$forget" 'BEGIN {
		line = "  %-42s %6.0f us  %5.2f transfers  %s\n"
		printf "Weights, control: a transfer takes %.0f us\n", t
		printf line, "submit", s, s / t, "target 4"
		printf line, "submit, each of a job of 32", j / 32, j / 32 / t, "target 2.5"
		printf line, "draw, with one machine", d, d / t, ""
		printf line, "draw, with three machines", d3, d3 / t, ""
		printf line, "draw, each of a job of 32", ds / 32, ds / 32 / t, ""
		printf line, "result", a, a / t, ""
		printf line, "result, each of 32 of a job", as / 32, as / 32 / t, ""
		printf line, "life with one machine", s + d + a, (s + d + a) / t, "target 15"
		three = s + d3 + 2 * c + cs + 2 * r + rs
		printf line, "life with three machines", three, three / t, "target 25"
		many = (j + ds + as) / 32
		printf line, "life, each of a job of 32", many, many / t, ""
		printf line, "forgotten afterwards, each of eight of a job", f / 8, f / 8 / t, ""
	}'
}

# What a draw of one machine reads and writes, for any number of machines: alone in its block, and each of a hundred.
scale() {
	local exponent reads writes many_reads many_writes
	echo "A draw of a task by itself, by machines in the supply; alone, it bears all that any block with a draw reads (target 12 reads)"
	echo "            alone in a block    each of 100 in a block"
	echo "  machines   reads  writes       reads  writes"
	for exponent in 3 4 5 6; do
		read -r reads writes _ < <(measured task_matching draw_at_scale "$exponent" 2)
		read -r many_reads many_writes _ < <(measured task_matching draw_hundred_at_scale "$exponent" 1)
		awk -v e="$exponent" -v r="$reads" -v w="$writes" -v mr="$many_reads" -v mw="$many_writes" \
			'BEGIN { printf "%10.0f  %6d  %6d      %6.1f  %6.1f\n", 10 ^ e, r, w, mr / 100, mw / 100 }'
	done
}

# Tasks that one development node settles in a second, beside its transfers, in one run of an end-to-end test. The node's log
# says what the blocks were full of.
throughput() {
	local line
	line=$(cargo test --workspace --locked --test scenarios -- --exact scenario::throughput::tasks_settle_at_a_fair_part_of_the_rate_of_transfers \
		--nocapture | tee /dev/stderr | grep '^throughput: ') || die "the scenario throughput failed"
	echo "$line" | tr ' ' '\n' | awk -F = '{ field[$1] = $2 } END {
		printf "Tasks settled per second on one node, jobs of 32, trivial work\n"
		printf "  tasks %.1f, control: transfers %.1f, ratio %.3f, target 0.25\n", field["tasks_per_s"], field["transfers_per_s"], field["ratio"]
		printf "  %d tasks drawn per block at most, %d settled\n", field["draws_per_block_max"], field["settled_per_block_max"]
	}'
}

case "${1:-}" in
	proof) PARTS=(prover memory threads shared repeated on_chain on_chain_memory per_block) ;;
	matching) PARTS=(weights scale throughput instructions market fairness grinding placement million) ;;
	*) usage ;;
esac
shift
for part in "$@"; do
	case " ${PARTS[*]} " in
		*" $part "*) ;;
		*) usage ;;
	esac
done
cd "$ROOT"
scripts/bootstrap.sh
. scripts/env.sh
cargo build --workspace --locked
[ $# -gt 0 ] || set -- "${PARTS[@]}"
for part in "$@"; do
	# Only these run benchmarks.
	case $part in on_chain | on_chain_memory | per_block | weights | scale) build_bencher ;; esac
	"$part"
done
