# shellcheck shell=bash
# The build environment of this project. Source it after `scripts/bootstrap.sh` has run: `. scripts/env.sh`.
#
# These variables take part in cargo's fingerprints, so every script and CI get them from here: the same machine always
# has the same values and nothing is built twice. What the caller has already set is left alone.

# Outside of the checkout, so that a fresh clone reuses what is already built.
: "${CARGO_TARGET_DIR:=${XDG_CACHE_HOME:-$HOME/.cache}/aidragon/target}"
case $CARGO_TARGET_DIR in
	/*) ;;
	*) CARGO_TARGET_DIR=$PWD/$CARGO_TARGET_DIR ;;
esac
export CARGO_TARGET_DIR

# To cargo, two checkouts are one where they share a target directory, and what the newer one built is up to date for the
# older one, whatever its sources say. So what another checkout built of the project's own crates does not count.
aidragon_claim_targets() {
	local checkout marker=$CARGO_TARGET_DIR/.checkout target name
	checkout=$(cd "$(dirname "${BASH_SOURCE[0]:-$0}")/.." && pwd -P) || return 0
	[ "$(cat "$marker" 2>/dev/null)" != "$checkout" ] || return 0
	# Not while the other checkout builds: this is the lock that cargo holds.
	if [ -e "$CARGO_TARGET_DIR/debug/.cargo-lock" ] && command -v flock >/dev/null 2>&1; then
		flock "$CARGO_TARGET_DIR/debug/.cargo-lock" true
	fi
	for target in "$CARGO_TARGET_DIR" "${CARGO_TARGET_DIR%/*}"/{guests,benchmarks}; do
		for name in aidragon digits federated-digits pallet-{node-registry,resource-verification,task-matching,token-rewards}; do
			rm -rf "$target"/{,*/}{debug,release}/.fingerprint/"$name"-*
		done
	done
	mkdir -p "$CARGO_TARGET_DIR" && echo "$checkout" >"$marker"
}
aidragon_claim_targets

# Where `build-examples.sh` puts the built task guests, each next to its task file and input.
export AIDRAGON_EXAMPLES_DIR="${AIDRAGON_EXAMPLES_DIR:-${CARGO_TARGET_DIR%/*}/examples}"

# Where Debian's packaged Rust lives. Only a test of the bootstrap itself says something else than /usr.
AIDRAGON_DEBIAN_PREFIX="${AIDRAGON_DEBIAN_PREFIX:-/usr}"

# Whether a Rust installation has the standard library of a target: aidragon_has_target SYSROOT TARGET.
aidragon_has_target() {
	[ -n "$(find "$1/lib/rustlib/$2/lib" -name 'libcore-*.rlib' 2>/dev/null)" ]
}

# The sysroot of the Rust that builds this checkout (rust-toolchain.toml counts, hence the cd); empty if there is none.
aidragon_sysroot() {
	(cd "$(dirname "${BASH_SOURCE[0]:-$0}")" && rustc --print sysroot 2>/dev/null) || true
}

# The runtime is built by the default toolchain if that one can, else by Debian's, which `bootstrap.sh` links by this name.
if [ -z "${WASM_BUILD_TOOLCHAIN:-}" ] &&
	[ -e "${RUSTUP_HOME:-$HOME/.rustup}/toolchains/debian" ] &&
	aidragon_has_target "$AIDRAGON_DEBIAN_PREFIX" wasm32v1-none &&
	! aidragon_has_target "$(aidragon_sysroot)" wasm32v1-none; then
	export WASM_BUILD_TOOLCHAIN=debian
fi

# The system's OpenSSL instead of compiling a copy of it, which takes minutes.
if [ -z "${OPENSSL_NO_VENDOR:-}" ] && pkg-config --exists openssl 2>/dev/null; then
	export OPENSSL_NO_VENDOR=1
fi

# The C++ of wasm-opt is compiled once per machine.
if [ -z "${CC:-}${CXX:-}" ] && command -v ccache >/dev/null 2>&1 &&
	command -v gcc >/dev/null 2>&1 && command -v g++ >/dev/null 2>&1; then
	export CC="ccache gcc" CXX="ccache g++"
fi
