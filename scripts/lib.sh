# shellcheck shell=bash
# Helpers that the scripts share. Source it and then env.sh at the top of a bash script.

# The checkout.
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Progress, on stderr: a script's stdout is its result only.
say() {
	printf '%s: %s\n' "$(basename "$0")" "$*" >&2
}

# A final error, one line per argument: what is wrong, then what to do about it.
die() {
	local line
	for line in "$@"; do say "$line"; done
	exit 1
}

has() {
	command -v "$1" >/dev/null 2>&1
}

# Runs a command for at most so many seconds, where the system has a way to limit it: limited SECONDS COMMAND...
limited() {
	local seconds=$1
	shift
	if has timeout; then timeout "$seconds" "$@"; else "$@"; fi
}

# Waits while another script holds the same lock, until this one ends; where there is no flock, hopes for the best.
one_at_a_time() {
	has flock || return 0
	mkdir -p "${CARGO_TARGET_DIR%/*}"
	exec 9>"${CARGO_TARGET_DIR%/*}/$1.lock"
	flock 9
}

# clang's name and options for a WASI command, in the array WASI_CC; fails if this machine cannot build one.
# WASI_SDK_PATH, where set, names an unpacked wasi-sdk; otherwise the distribution's clang and wasi-libc are taken.
find_wasi_cc() {
	if [ -n "${WASI_SDK_PATH:-}" ]; then
		WASI_CC=("$WASI_SDK_PATH/bin/clang" --target=wasm32-wasi "--sysroot=$WASI_SDK_PATH/share/wasi-sysroot")
		[ -x "${WASI_CC[0]}" ]
		return
	fi
	has clang && has wasm-ld && [ -e /usr/lib/wasm32-wasi/libc.a ] || return 1
	WASI_CC=(clang --target=wasm32-wasi --sysroot=/usr)
	[ -e "$("${WASI_CC[@]}" -print-libgcc-file-name 2>/dev/null)" ]
}

# The toolchain for the Rust guests, in the arrays GUEST_CARGO and GUEST_RUSTC: the default one if it has WASI, else
# Debian's; fails if neither has it.
find_guest_rust() {
	if aidragon_has_target "$(aidragon_sysroot)" wasm32-wasip1; then
		GUEST_CARGO=(cargo) GUEST_RUSTC=(rustc)
	elif [ -e "${RUSTUP_HOME:-$HOME/.rustup}/toolchains/debian" ] &&
		aidragon_has_target "$AIDRAGON_DEBIAN_PREFIX" wasm32-wasip1; then
		GUEST_CARGO=(cargo +debian) GUEST_RUSTC=(rustc +debian)
	else
		return 1
	fi
}

# Builds the runtime with its benchmarks, and the tool that runs them; the array BENCHER is the command. They have
# directories of their own, because neither feature set may displace what the other commands built.
build_bencher() {
	local target=${CARGO_TARGET_DIR%/*} wasm
	CARGO_TARGET_DIR=$target/bencher cargo build --manifest-path "$ROOT/tools/bencher/Cargo.toml" --locked
	CARGO_TARGET_DIR=$target/benchmarks cargo build --locked -p aidragon-runtime --features runtime-benchmarks
	wasm=$target/benchmarks/debug/wbuild/aidragon-runtime/aidragon_runtime
	if [ -f "$wasm.compact.compressed.wasm" ]; then wasm=$wasm.compact.compressed.wasm; else wasm=$wasm.wasm; fi
	# shellcheck disable=SC2034
	BENCHER=("$target/bencher/debug/aidragon-bencher" --runtime "$wasm" --genesis-builder=runtime
		--genesis-builder-preset=development)
}
