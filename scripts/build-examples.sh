#!/usr/bin/env bash
# Builds the task guests of examples/ into $AIDRAGON_EXAMPLES_DIR, each next to its task or job file and its inputs, so
# that the paths in these files are right there. A guest whose sources and compiler are unchanged is not built again.
#
#   scripts/build-examples.sh
#
# Prints nothing on stdout. The same sources and compiler give the same bytes, wherever the checkout is.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$ROOT/scripts/env.sh"

EXAMPLES=$ROOT/examples
OUT=$AIDRAGON_EXAMPLES_DIR

# C guests: small, without names, and with the stack below the data, so that an overflow traps instead of overwriting it.
# shellcheck disable=SC2054
C_FLAGS=(-std=c11 -O2 -Wall -Wextra "-ffile-prefix-map=$ROOT=." -Wl,--strip-all -Wl,--stack-first
	-Wl,-z,stack-size=262144)

# Whether a guest has to be built, given everything that its bytes follow from. What cksum says of that is kept next to
# the guest; times would say that a fresh clone is new.
# outdated GUEST COMPILER_VERSION SOURCE...
outdated() {
	local guest=$1 version=$2
	shift 2
	STAMP=$({ echo "$version"; cat "$0" "$@"; } | cksum)
	[ ! -s "$guest" ] || [ "$(cat "$guest.built-from" 2>/dev/null)" != "$STAMP" ]
}

# Puts a finished guest in place: installed GUEST BUILT_FILE.
installed() {
	mkdir -p "$(dirname "$1")"
	cp "$2" "$1.new"
	mv "$1.new" "$1"
	echo "$STAMP" >"$1.built-from"
	say "built ${1#"$OUT"/}, $(wc -c <"$1" | tr -d ' ') bytes"
}

# What an example has besides its guest, if it changed: copied EXAMPLE FILE_OR_FOLDER...
copied() {
	local example=$1 file
	shift
	mkdir -p "$OUT/$example/data"
	for file in "$@"; do
		diff -rq "$EXAMPLES/$example/$file" "$OUT/$example/$file" >/dev/null 2>&1 ||
			cp -R "$EXAMPLES/$example/$file" "$OUT/$example/"
	done
}

# Like outdated, for a Rust guest, with what it follows from besides its Cargo.toml and src/*.rs:
# rust_outdated EXAMPLE SOURCE...
rust_outdated() {
	local folder=$EXAMPLES/$1 guest=$OUT/$1/$1.wasm version
	shift
	version=$(cd "$folder" && "${GUEST_CARGO[@]}" --version && "${GUEST_RUSTC[@]}" -vV)
	outdated "$guest" "$version" "$folder/Cargo.toml" "$folder"/src/*.rs "$@"
}

# build_rust EXAMPLE, after rust_outdated.
build_rust() {
	local example=$1
	say "building $example with $("${GUEST_CARGO[@]}" --version)"
	(
		cd "$EXAMPLES/$example"
		unset CARGO_ENCODED_RUSTFLAGS RUSTC_WRAPPER
		"${GUEST_CARGO[@]}" fetch --locked --quiet
		RUSTFLAGS="--remap-path-prefix=$ROOT=."
		# Panic messages name source files; without this, also the folder in which this user keeps crates.
		for index in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*; do
			RUSTFLAGS+=" --remap-path-prefix=$index=crates"
		done
		export RUSTFLAGS
		"${GUEST_CARGO[@]}" build --locked --quiet --release --target wasm32-wasip1 --target-dir "$GUESTS_TARGET" \
			--bin "$example" >&2
	)
	installed "$OUT/$example/$example.wasm" "$GUESTS_TARGET/wasm32-wasip1/release/$example.wasm"
}

build_digits() {
	copied digits task.toml data
	rust_outdated digits "$EXAMPLES/digits/Cargo.lock" || return 0
	build_rust digits
}

# Each machine of this job gets a part of the data of digits, which a program of the example cuts here.
build_federated_digits() {
	local folder=$EXAMPLES/federated-digits digits=$EXAMPLES/digits data=$OUT/federated-digits/data
	copied federated-digits job.toml
	rust_outdated federated-digits "$folder"/src/bin/*.rs "$EXAMPLES"/Cargo.{toml,lock} \
		"$digits/Cargo.toml" "$digits"/src/*.rs "$digits/data/digits.csv.gz" || [ ! -s "$data/average.bin" ] || return 0
	(
		cd "$folder"
		"${GUEST_CARGO[@]}" run --locked --quiet --target-dir "$GUESTS_TARGET" --bin cut -- \
			"$digits/data/digits.csv.gz" "$data" >&2
	)
	build_rust federated-digits
}

# build_c GUEST SOURCE..., headers among the sources.
build_c() {
	local guest=$OUT/$1 built units=() file
	shift
	outdated "$guest" "${WASI_CC[*]} $("${WASI_CC[@]}" --version)" "$@" || return 0
	for file in "$@"; do
		[ "${file%.h}" != "$file" ] || units+=("$file")
	done
	built=$GUESTS_TARGET/$(basename "$guest")
	mkdir -p "$GUESTS_TARGET"
	"${WASI_CC[@]}" "${C_FLAGS[@]}" -o "$built" "${units[@]}"
	installed "$guest" "$built"
}

GUESTS_TARGET=${CARGO_TARGET_DIR%/*}/guests
one_at_a_time examples
find_guest_rust || die "no Rust here builds for wasm32-wasip1; run scripts/bootstrap.sh"
build_digits
build_federated_digits

mkdir -p "$OUT/adversarial"
cp "$EXAMPLES/adversarial/notwasm.txt" "$OUT/adversarial/"
find_wasi_cc || die "wordcount and the adversarial guests are not built: this machine has no clang for wasm32-wasi." \
	"On Debian, scripts/bootstrap.sh as root installs it; elsewhere unpack a wasi-sdk and set WASI_SDK_PATH to its folder."
copied wordcount task.toml data
build_c wordcount/wordcount.wasm "$EXAMPLES"/wordcount/src/*.[ch]
for source in "$EXAMPLES"/adversarial/*.c; do
	build_c "adversarial/$(basename "$source" .c).wasm" "$source"
done
