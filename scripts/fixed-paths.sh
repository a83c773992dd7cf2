#!/usr/bin/env bash
# Runs cargo with the sources, cargo's home and the target folder at the same paths on every machine. Paths stand in a
# runtime's panics, and those of the sources decide the order of its code: only builds at equal paths give equal bytes.
# The paths are links, so nothing is copied.
#
#   scripts/fixed-paths.sh TARGET_FOLDER CARGO_COMMAND ARGUMENT...
set -euo pipefail
umask 022

readonly PLACE=/tmp/sibyl-build

die() {
	printf 'fixed-paths: %s\n' "$*" >&2
	exit 1
}

[ $# -ge 2 ] || die 'usage: scripts/fixed-paths.sh TARGET_FOLDER CARGO_COMMAND ARGUMENT...'
cd "$(dirname "$0")/.."
mkdir -p "$1"
target=$(realpath "$1")
shift

# In a folder that all may write to, nobody else's links are followed.
mkdir -m 0700 "$PLACE" 2>/dev/null || { [ -d "$PLACE" ] && [ ! -L "$PLACE" ] && [ -O "$PLACE" ]; } ||
	die "$PLACE is somebody else's, and the runtime's bytes depend on that path: have it removed"
exec 9>"$PLACE/lock"
flock --nonblock 9 || {
	echo 'fixed-paths: waiting for another build at the same paths' >&2
	flock 9
}
put() { ln --symbolic --force --no-dereference "$2" "$PLACE/$1"; }
put source "$PWD"
put target "$target"
put cargo "$(realpath "${CARGO_HOME:-$HOME/.cargo}")"

# What else would change the runtime.
unset "${!CARGO_PROFILE_@}" RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_RUSTFLAGS SUBSTRATE_RUNTIME_TARGET \
	SKIP_WASM_BUILD WASM_BUILD_TYPE WASM_BUILD_RUSTFLAGS WASM_BUILD_STD WASM_BUILD_CARGO_ARGS
CARGO_HOME=$PLACE/cargo cargo "$1" --manifest-path "$PLACE/source/Cargo.toml" --target-dir "$PLACE/target" "${@:2}" 9>&-
