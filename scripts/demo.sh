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
# Whose money is shown: the submitter, the providers, and the account of the protocol's share, which no key opens.
NAMES=(//Alice //Bob //Charlie treasury)
TREASURY=0x$(printf 'modlai/trsry' | od -An -tx1 | tr -d ' \n')$(printf '%040d' 0)
declare -A BEFORE=() ROLES=([//Alice]='Alice, who submitted' [//Bob]='Bob, provider' [//Charlie]='Charlie, provider'
	[treasury]='treasury, protocol share')

usage() {
	sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
	exit "$1"
}

# A TCP port on which nobody listens at the moment. Bash can only try to connect, so a port is free where that fails.
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
	say "started $name (process $!)"
}

check_alive() {
	local pid
	for pid in "${PIDS[@]}"; do
		kill -0 "$pid" 2>/dev/null || { say "a process ended by itself"; return 1; }
	done
}

# until_true WHAT COMMAND...
until_true() {
	local what=$1 deadline=$((SECONDS + READY_LIMIT_SECONDS))
	shift
	until "$@" 2>/dev/null; do
		check_alive
		[ "$SECONDS" -lt "$deadline" ] || { say "waited ${READY_LIMIT_SECONDS} s in vain for $what"; return 1; }
		sleep 0.5
	done
	say "$what ($((SECONDS - NODE_START)) s after the node's start)"
}

# Variables and not flags, so that a flag can say otherwise.
dragon() {
	DRAGON_URL=$URL DRAGON_KEY=//Alice DRAGON_DATA_DIR=$DATA/dragon "$BIN/dragon" "$@"
}

chain_answers() {
	dragon worker list >/dev/null
}

workers_ready() {
	[ "$(dragon worker list | grep -c ' online ')" = 2 ]
}

# What an account has free, in smallest units.
free_balance() {
	local answer
	case $1 in
		treasury) answer=$(dragon --output json account balance "$TREASURY") ;;
		*) answer=$(dragon --output json --key "$1" account balance) ;;
	esac
	sed -n 's/.*"free": "\([0-9]*\)".*/\1/p' <<<"$answer"
}

# Smallest units as DRGN.
drgn() {
	local units=$1 sign=
	[ "$units" -ge 0 ] || { sign=- units=$((-units)); }
	printf '%s%d.%012d' "$sign" $((units / 1000000000000)) $((units % 1000000000000))
}

# Ends what was started, and nothing else. What it kept goes too, so nobody needs time to end well.
finish() {
	local status=$? log pid
	trap - EXIT INT TERM
	if [ "$status" != 0 ]; then
		for log in "$DATA"/*.log; do
			[ ! -e "$log" ] || { say "---- end of $(basename "$log")"; tail -n "$TAIL_LINES" "$log" >&2; }
		done
	elif [ -n "$KEEP" ]; then
		say "still running. Look at it: https://polkadot.js.org/apps/?rpc=$URL#/explorer"
		say "to stop it: kill ${PIDS[*]}; rm -rf $DATA"
		exit 0
	fi
	for pid in "${PIDS[@]}"; do
		kill -9 "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
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
say "building; from nothing this takes half an hour on two cores, with nothing changed some seconds"
cargo build --workspace --locked >&2
scripts/build-examples.sh

BIN=$CARGO_TARGET_DIR/debug
DATA=$(mktemp -d "${TMPDIR:-/tmp}/aidragon-demo.XXXXXX")
PIDS=()
trap finish EXIT
trap 'exit 130' INT TERM
RPC_PORT=$(free_port)
P2P_PORT=$(free_port)
URL=ws://127.0.0.1:$RPC_PORT

NODE_START=$SECONDS
start node "$BIN/aidragon-node" --dev --base-path "$DATA/node" --rpc-port "$RPC_PORT" \
	--listen-addr "/ip4/127.0.0.1/tcp/$P2P_PORT" --no-prometheus --no-telemetry --no-mdns
for provider in Bob Charlie; do
	start "worker-$provider" "$BIN/aidragon-worker" run --register-with "//$provider" --data-dir "$DATA/$provider" \
		--url "$URL" --price-per-gfuel 0.01 --quic-port 0 --http-port 0
done
until_true "the chain answers" chain_answers
say "the workers register and prove what the machine can do, which takes a dozen blocks"
until_true "both workers are ready" workers_ready

for name in "${NAMES[@]}"; do BEFORE[$name]=$(free_balance "$name"); done
SUBMITTED=$SECONDS
TASK=$(dragon task submit "$AIDRAGON_EXAMPLES_DIR/digits/task.toml" --yes --result "$DATA/result.json")
SETTLED=$SECONDS

cat <<RESULT
accuracy on images that the training did not see: $(sed -n 's/^"test_accuracy": \([0-9.]*\),$/\1/p' "$DATA/result.json")

$(dragon task status "$TASK")

RESULT
printf '%-28s %22s %22s %20s\n' 'account (free DRGN)' before after gain
for name in "${NAMES[@]}"; do
	after=$(free_balance "$name")
	printf '%-28s %22s %22s %20s\n' "${ROLES[$name]}" "$(drgn "${BEFORE[$name]}")" "$(drgn "$after")" \
		"$(drgn $((after - BEFORE[$name])))"
done
cat <<RESULT

$((SETTLED - SUBMITTED)) s from the submission to the settled task and the fetched result
$((SETTLED - NODE_START)) s from the node's start to there
RESULT
