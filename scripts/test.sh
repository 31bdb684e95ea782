#!/usr/bin/env bash
# Checks everything, from nothing: prepares the machine, builds, and runs all tests. CI runs this and nothing else.
#
#   scripts/test.sh                all steps, in this order:
#                                    fmt        the code is formatted
#                                    examples   the task guests of examples/ are built
#                                    build      programs and runtime
#                                    test       unit, property and integration tests
#                                    guests     the tests of the task guests
#                                    clippy     lints, warnings denied
#                                    e2e        whole scenarios with real processes
#   scripts/test.sh --fast         without clippy and e2e
#   scripts/test.sh --only STEP    one step
#
# Stops at the first step that fails. Nothing is written into the checkout.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

STEPS=(fmt examples build test guests clippy e2e)
REPORT=()

usage() {
	sed -n '2,16s/^# \{0,1\}//p' "$0" >&2
	exit "$1"
}

step_fmt() {
	local guest
	cargo fmt --all --check
	for guest in digits federated-digits; do
		cargo fmt --manifest-path "examples/$guest/Cargo.toml" --check
	done
}

step_examples() {
	scripts/build-examples.sh
}

step_build() {
	cargo build --workspace --locked
}

# All packages are always selected together, because a selection of its own would build dependencies with other features.
step_test() {
	cargo test --workspace --locked -- --skip scenario::
}

step_guests() {
	local guest
	for guest in digits federated-digits; do
		cargo test --locked --manifest-path "examples/$guest/Cargo.toml" --target-dir "${CARGO_TARGET_DIR%/*}/guests"
	done
}

# In the same directory as the build, so that the build scripts of dependencies serve again. The runtime's own is run anew
# for clippy, under which it cannot compile a runtime and need not.
step_clippy() {
	SKIP_WASM_BUILD=1 cargo clippy --workspace --all-targets --locked -- -D warnings
}

# The scenarios take turns: each computes challenges, and two cores are enough for one.
step_e2e() {
	cargo test --workspace --locked --test scenarios -- --test-threads=1 scenario::
}

elapsed() {
	printf '%d:%02d' $(($1 / 60)) $(($1 % 60))
}

run_step() {
	local name=$1 began=$SECONDS outcome=passed
	say "==== $name"
	# A function in a condition would run on after a failed command in it, hence a shell of its own.
	set +e
	(set -e; "step_$name")
	local status=$?
	set -e
	[ "$status" = 0 ] || outcome=FAILED
	local took=$((SECONDS - began))
	say "==== $name $outcome after $(elapsed "$took")"
	REPORT+=("$(printf '%-10s %-7s %6s' "$name" "$outcome" "$(elapsed "$took")")")
	return "$status"
}

summary() {
	[ ${#REPORT[@]} = 0 ] || printf '%s\n' '' "${REPORT[@]}" >&2
}

case "${1:-}" in
	'') ;;
	--fast) STEPS=(fmt examples build test guests) ;;
	--only)
		[[ " ${STEPS[*]} " == *" ${2:-none} "* ]] || usage 2
		STEPS=("$2")
		shift
		;;
	-h | --help) usage 0 ;;
	*) usage 2 ;;
esac
[ $# -le 1 ] || usage 2

cd "$ROOT"
scripts/bootstrap.sh
. scripts/env.sh
trap summary EXIT
for name in "${STEPS[@]}"; do
	run_step "$name"
done
say "all passed in $(elapsed $SECONDS)"
