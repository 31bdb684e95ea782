#!/usr/bin/env bash
# Makes this machine able to build the project: native code, the runtime's wasm32v1-none and the guests' wasm32-wasip1.
#
#   scripts/bootstrap.sh             rustup's targets where rustup may install, else Debian's packages
#   scripts/bootstrap.sh --rustup    only rustup's targets
#   scripts/bootstrap.sh --debian    only Debian's packages, which needs root
#
# With CI=true and apt-get, Debian's packages are the way. Where nothing is missing it says nothing and costs nothing.
# It may be run twice, and again after having been interrupted. Then source scripts/env.sh and build.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$ROOT/scripts/env.sh"

TARGETS=(wasm32v1-none wasm32-wasip1)
PREFIX=$AIDRAGON_DEBIAN_PREFIX
RUSTUP_LIMIT_SECONDS=180

usage() {
	sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
	exit 2
}

may_install_packages() {
	has apt-get && [ "$(id -u)" = 0 ]
}

# ---- System packages ----------------------------------------------------------------------------------------------

# Fills REQUIRED and OPTIONAL with the Debian names of the packages that are missing, each with a space before it. The
# build stops without the first; without the second it is slower (ccache, OpenSSL's headers) or leaves out the C guests
# or the test of polkadot.js.
find_missing_packages() {
	REQUIRED='' OPTIONAL=''
	has cc || REQUIRED+=' gcc libc6-dev'
	has c++ || REQUIRED+=' g++'
	has protoc || REQUIRED+=' protobuf-compiler'
	has pkg-config || REQUIRED+=' pkg-config'
	has ccache || OPTIONAL+=' ccache'
	if ! has pkg-config || ! pkg-config --exists openssl; then OPTIONAL+=' libssl-dev'; fi
	has node || OPTIONAL+=' nodejs npm'
	find_wasi_cc && return
	has clang || OPTIONAL+=' clang'
	has wasm-ld || OPTIONAL+=' lld'
	[ -e /usr/lib/wasm32-wasi/libc.a ] || OPTIONAL+=' wasi-libc'
	OPTIONAL+=" libclang-rt-$(clang_version)-dev-wasm32"
}

# The version in the package names of the clang that this distribution has by default.
clang_version() {
	local version
	version=$(LC_ALL=C apt-cache depends clang 2>/dev/null | sed -n 's/.*Depends: clang-\([0-9]*\)$/\1/p' | head -n 1)
	echo "${version:-<version>}"
}

apt_update() {
	[ -z "${APT_UPDATED:-}" ] || return 0
	say "apt-get update"
	apt-get update -qq >&2 || return 1
	APT_UPDATED=1
}

# --no-remove: a package that conflicts with something on this machine is refused, not swapped in.
apt_install() {
	say "apt-get install $*"
	DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-remove \
		--no-install-recommends "$@" >&2
}

# The lists are split into names on purpose.
# shellcheck disable=SC2086
install_packages() {
	find_missing_packages
	[ -n "$REQUIRED$OPTIONAL" ] || return 0
	if may_install_packages && apt_update; then
		# A second look, now that apt knows the version in the names.
		find_missing_packages
		apt_install $REQUIRED $OPTIONAL || { [ -n "$REQUIRED" ] && apt_install $REQUIRED; } || true
		find_missing_packages
	fi
	if [ -n "$REQUIRED" ]; then
		die "these packages are missing:$REQUIRED$OPTIONAL" "$(how_to_install "$REQUIRED$OPTIONAL")"
	elif [ -n "$OPTIONAL" ]; then
		say "not installed:$OPTIONAL. The build works, but is slower or leaves out the C guests of" \
			"examples/ or the test of polkadot.js."
		say "$(how_to_install "$OPTIONAL")"
	fi
}

how_to_install() {
	if has apt-get; then
		echo "to install them: sudo apt-get install --no-install-recommends$*"
	else
		echo "these are Debian's names; install the same tools with your system's package manager" \
			"(and for the C guests the wasi-sdk, its folder in WASI_SDK_PATH)"
	fi
}

# ---- Rust ---------------------------------------------------------------------------------------------------------

# Whether the default toolchain, or Debian's, has a target.
default_usable() {
	[ "$DEFAULT_SYSROOT" != "$PREFIX" ] && aidragon_has_target "$DEFAULT_SYSROOT" "$1"
}

# After an upgrade of Debian's packages the library that was built for the old compiler is still there and useless, so
# the compiler is asked to load it.
debian_usable() {
	aidragon_has_target "$PREFIX" "$1" && debian_linked &&
		echo '#![no_std]' | "$PREFIX/bin/rustc" --crate-type lib --target "$1" --emit dep-info=- - >/dev/null 2>&1
}

# Without rustup, Debian's Rust is the default one and needs no link.
debian_linked() {
	! has rustup || [ "$(readlink "${RUSTUP_HOME:-$HOME/.rustup}/toolchains/debian")" = "$PREFIX" ]
}

# Whether all targets can be built in the ways that the flag leaves open.
targets_usable() {
	local target pids=() pid
	has cargo && has rustc || return 1
	DEFAULT_SYSROOT=$(aidragon_sysroot)
	[ -n "$DEFAULT_SYSROOT" ] || return 1
	for target in "${TARGETS[@]}"; do
		case $WAY in
			rustup) default_usable "$target" ;;
			debian) debian_usable "$target" ;;
			*) default_usable "$target" || debian_usable "$target" ;;
		esac &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid" || return 1
	done
}

add_with_rustup() {
	has rustup || { say "rustup is not installed"; return 1; }
	cd "$ROOT"
	if ! rustc --version >/dev/null 2>&1; then
		say "rustup toolchain install stable"
		limited "$RUSTUP_LIMIT_SECONDS" rustup toolchain install stable --profile minimal -c rustfmt -c clippy >&2 || return 1
	fi
	say "rustup target add ${TARGETS[*]}"
	limited "$RUSTUP_LIMIT_SECONDS" rustup target add "${TARGETS[@]}" >&2
}

add_with_debian() {
	may_install_packages || { say "Debian's packages need apt-get and root"; return 1; }
	install_debian_rust || return 1
	link_debian_rust || return 1
	local target
	for target in "${TARGETS[@]}"; do
		debian_usable "$target" || build_std "$target" || return 1
	done
}

# Debian keeps a current Rust for building browsers, under the name rustc-web. Its wasm linker, in rust-web-llvm, is a
# link to the lld of the LLVM that it was built with.
install_debian_rust() {
	local tool llvm complete=1
	for tool in bin/rustc bin/cargo bin/rust-lld lib/rustlib/src/rust/library; do
		[ -e "$PREFIX/$tool" ] || complete=
	done
	if [ -z "$complete" ]; then
		apt_update || return 1
		llvm=$(LC_ALL=C apt-cache depends rust-web-llvm 2>/dev/null | sed -n 's/.*Depends: llvm-\([0-9]*\)$/\1/p')
		[ -n "$llvm" ] || { say "this distribution has no package rust-web-llvm"; return 1; }
		apt_install rustc-web cargo-web rust-web-src rust-web-llvm "lld-$llvm" || return 1
	fi
	[ -e /usr/lib/wasm32-wasi/libc.a ] || { apt_update && apt_install wasi-libc; }
}

link_debian_rust() {
	debian_linked && return
	if [ -e "${RUSTUP_HOME:-$HOME/.rustup}/toolchains/debian" ]; then
		say "rustup has another toolchain of the name debian; remove it: rustup toolchain uninstall debian"
		return 1
	fi
	say "rustup toolchain link debian $PREFIX"
	rustup toolchain link debian "$PREFIX" >&2
}

# Debian has the standard library for wasm as source only: compiles it once and puts it where rustc looks for an
# installed target. Nothing is in place before all of it is.
build_std() {
	local target=$1 crates work fresh
	case $target in
		*-none) crates=core,alloc ;;
		*) crates=std,panic_abort ;;
	esac
	say "building Rust's standard library for $target (about a minute)"
	work=$(mktemp -d "$SCRATCH/std.XXXXXX") && mkdir "$work/src" || return 1
	printf '[package]\nname = "carrier"\nversion = "0.0.0"\nedition = "2021"\n' >"$work/Cargo.toml"
	printf '#![no_std]\n' >"$work/src/lib.rs"
	compile_std "$work" "$target" "$crates" || { say "it did not compile"; return 1; }

	rm -f "$work/target/$target/release/deps"/libcarrier-*
	fresh=$PREFIX/lib/rustlib/.$target.new
	rm -rf "$fresh" && mkdir -p "$fresh/lib/self-contained" &&
		cp "$work/target/$target/release/deps"/lib*.rlib "$fresh/lib/" || return 1
	if [ "$crates" != core,alloc ]; then
		cp /usr/lib/wasm32-wasi/{libc.a,crt1-command.o,crt1-reactor.o} "$fresh/lib/self-contained/" || return 1
	fi
	rm -rf "${PREFIX:?}/lib/rustlib/$target" && mv "$fresh" "$PREFIX/lib/rustlib/$target"
}

# Bitcode, because the runtime is linked with LTO; source paths as the Rust project writes them, so that a program built
# with it is the same on every machine.
compile_std() {
	local work=$1 target=$2 crates=$3 source=$PREFIX/lib/rustlib/src/rust
	(
		cd "$work"
		unset RUSTC_WRAPPER CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_TARGET
		export RUSTC_BOOTSTRAP=1 RUSTC="$PREFIX/bin/rustc" CARGO_TARGET_DIR="$work/target"
		export RUSTFLAGS="-Cembed-bitcode=yes --remap-path-prefix=$source=/rustc"
		RUSTFLAGS+=" --remap-path-prefix=$(cd "$source" && pwd -P)=/rustc"
		"$PREFIX/bin/cargo" build --quiet --release --target "$target" -Z "build-std=$crates" >&2
	)
}

install_targets() {
	local debian=add_with_debian rustup=add_with_rustup
	case $WAY in
		rustup) debian=false ;;
		debian) rustup=false ;;
		*) [ "${RUSTUP_AUTO_INSTALL:-1}" != 0 ] && has rustup || rustup=false ;;
	esac
	say "no Rust here builds for ${TARGETS[*]} yet"
	{ "$rustup" && targets_usable; } && return
	{ "$debian" && hash -r && targets_usable; } && return
	die "there is no Rust here that builds for ${TARGETS[*]}. Do one of these, then run it again:" \
		"- with rustup (https://rustup.rs): rustup toolchain install stable --target ${TARGETS[0]} --target ${TARGETS[1]}" \
		"- on Debian, as root: scripts/bootstrap.sh --debian"
}

# ---- Main ---------------------------------------------------------------------------------------------------------

case "${1:-}" in
	'') if [ "${CI:-}" = true ] && has apt-get; then WAY=debian; else WAY=any; fi ;;
	--rustup) WAY=rustup ;;
	--debian) WAY=debian ;;
	*) usage ;;
esac

install_packages
targets_usable && exit

SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/aidragon-bootstrap.XXXXXX")
trap 'rm -rf "$SCRATCH"' EXIT
# Another bootstrap may have been at it just now.
one_at_a_time bootstrap
targets_usable && exit
install_targets
say "done: ${TARGETS[*]} can be built"
