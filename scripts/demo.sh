#!/usr/bin/env bash
# The whole market on this machine: a development chain, two workers, and a real training job that both of them run, that
# the chain checks and that is paid for. Ends by itself and takes everything away that it started.
#
#   scripts/demo.sh          run it
#   scripts/demo.sh --keep   leave chain and workers running afterwards, to look at them with polkadot.js
#
# Progress goes to stderr, the result to stdout. The first run builds everything, which takes half an hour on two cores.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

KEEP=
TAIL_LINES=15
READY_LIMIT_SECONDS=180
# Whose money is shown: submitter, providers, and the account of the protocol's share, which no key opens.
NAMES=('Alice, submitter' 'Bob, provider' 'Charlie, provider' 'treasury')
ACCOUNTS=('--key //Alice' '--key //Bob' '--key //Charlie' "0x$(printf modlai/trsry | od -An -tx1 | tr -d ' \n')$(printf %040d 0)")

usage() {
	sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
	exit "$1"
}

# A port of the loopback interface on which nobody listens at the moment: connecting to it fails.
free_port() {
	local port
	while :; do
		port=$((20000 + (RANDOM << 15 | RANDOM) % 12000))
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
	done
	echo "$port"
}

# start NAME COMMAND...: in the background, with a log of its own.
start() {
	local name=$1
	shift
	"$@" >"$DATA/$name.log" 2>&1 &
	PIDS+=($!)
	say "started $name, process $!"
}

# until_true WHAT COMMAND...
until_true() {
	local what=$1 deadline=$((SECONDS + READY_LIMIT_SECONDS)) pid
	shift
	until "$@" >/dev/null 2>&1; do
		for pid in "${PIDS[@]}"; do
			kill -0 "$pid" 2>/dev/null || die "process $pid ended by itself"
		done
		[ "$SECONDS" -lt "$deadline" ] || die "waited $READY_LIMIT_SECONDS s in vain: $what"
		sleep 0.5
	done
	say "$what, $((SECONDS - NODE_START)) s after the node's start"
}

# A flag can still say otherwise.
dragon() {
	DRAGON_URL=$URL DRAGON_KEY=//Alice DRAGON_DATA_DIR=$DATA/dragon "$BIN/dragon" "$@"
}

workers_ready() {
	[ "$(dragon worker list | grep -c ' online ')" = 2 ]
}

# What each account has free, in smallest units.
read_balances() {
	local whose
	for whose in "${ACCOUNTS[@]}"; do
		# shellcheck disable=SC2086 # split on purpose: a flag and its value, or an address
		dragon --output json account balance $whose | sed -n 's/.*"free": "\([0-9]*\)".*/\1/p'
	done
}

# Smallest units as DRGN.
drgn() {
	local units=$1 sign=
	[ "$units" -ge 0 ] || { sign=- units=$((-units)); }
	printf '%s%d.%012d' "$sign" $((units / 1000000000000)) $((units % 1000000000000))
}

# Ends what was started, and nothing else. Its data goes too, so nobody needs time to end well.
finish() {
	local status=$? file pid
	trap - EXIT INT TERM
	if [ "$status" = 0 ] && [ -n "$KEEP" ]; then
		say "still running; look at it: https://polkadot.js.org/apps/?rpc=$URL#/explorer"
		say "to stop it: kill -9 ${PIDS[*]}; rm -rf $DATA"
		exit 0
	fi
	for pid in "${PIDS[@]}"; do
		{ kill -9 "$pid" && wait "$pid"; } 2>/dev/null || true
	done
	# Who interrupts it knows why it ended.
	if [ "$status" != 0 ] && [ "$status" != 130 ]; then
		for file in "$DATA"/*.log; do
			[ ! -e "$file" ] || { say "---- end of $(basename "$file")"; tail -n "$TAIL_LINES" "$file" >&2; }
		done
	fi
	rm -rf "$DATA"
	exit "$status"
}

case "${1:-}" in
	'') ;;
	--keep) KEEP=1 ;;
	-h | --help) usage 0 ;;
	*) usage 2 ;;
esac

cd "$ROOT"
scripts/bootstrap.sh
. scripts/env.sh
say "building: half an hour on two cores from nothing, seconds with nothing changed"
cargo build --workspace --locked >&2
scripts/build-examples.sh

BIN=$CARGO_TARGET_DIR/debug
DATA=$(mktemp -d "${TMPDIR:-/tmp}/aidragon-demo.XXXXXX")
PIDS=()
trap finish EXIT
trap 'exit 130' INT TERM
RPC_PORT=$(free_port)
URL=ws://127.0.0.1:$RPC_PORT
NODE_START=$SECONDS
start node "$BIN/aidragon-node" --dev --base-path "$DATA/node" --rpc-port "$RPC_PORT" \
	--listen-addr "/ip4/127.0.0.1/tcp/$(free_port)" --no-prometheus --no-telemetry --no-mdns
until_true "the chain answers" dragon worker list
for provider in Bob Charlie; do
	start "worker-$provider" "$BIN/aidragon-worker" run --register-with "//$provider" --data-dir "$DATA/$provider" \
		--url "$URL" --price-per-gfuel 0.01 --memory-mib 1024 --quic-port 0 --http-port 0
done
say "the workers register, and prove what this machine can do; that takes a dozen blocks of 3 s"
until_true "both workers are ready" workers_ready

mapfile -t BEFORE < <(read_balances)
SUBMITTED=$SECONDS
TASK=$(dragon task submit "$AIDRAGON_EXAMPLES_DIR/digits/task.toml" --yes --result "$DATA/result.json")
SETTLED=$SECONDS
mapfile -t AFTER < <(read_balances)

echo "accuracy on images that the training did not see: $(sed -n 's/^"test_accuracy": \([0-9.]*\),$/\1/p' "$DATA/result.json")"
echo
dragon task status "$TASK"
printf '\n%-18s %22s %22s %18s\n' 'free DRGN' before after gain
for i in "${!NAMES[@]}"; do
	printf '%-18s %22s %22s %18s\n' "${NAMES[i]}" "$(drgn "${BEFORE[i]}")" "$(drgn "${AFTER[i]}")" \
		"$(drgn $((AFTER[i] - BEFORE[i])))"
done
printf '\n%s s from submission to the settled task, %s s from the node'\''s start to there\n' \
	$((SETTLED - SUBMITTED)) $((SETTLED - NODE_START))
