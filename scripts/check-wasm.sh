#!/usr/bin/env bash
# Builds the last commit's runtime twice, from clones in two folders, and compares the bytes. They must not say where they were
# built, either.
#
#   scripts/check-wasm.sh FOLDER   FOLDER keeps what builds the runtime, so that it need not be built each time
set -euo pipefail

die() {
	printf 'check-wasm: %s\n' "$*" >&2
	exit 1
}

[ $# -eq 1 ] || die 'usage: scripts/check-wasm.sh FOLDER'
mkdir -p "$1"
folder=$(realpath "$1")
cd "$(dirname "$0")/.."
[ -z "$(git status --porcelain --untracked-files=no)" ] || echo 'check-wasm: what is not committed is left out' >&2

build() { # CLONE TARGET_FOLDER
	rm -rf "$folder/clones" "$2/release/wbuild"
	git clone --quiet . "$1"
	"$1/scripts/fixed-paths.sh" "$2" check --locked --release --package sibyl-runtime --lib --features metadata-hash
}
readonly BUILT=release/wbuild/sibyl-runtime

build "$folder/clones/one" "$folder/target"
mv "$folder/target/$BUILT/sibyl_runtime.compact.compressed.wasm" "$folder/first.wasm"
# The target folder has another place, too.
mv "$folder/target" "$folder/elsewhere"
build "$folder/clones/deeper/two" "$folder/elsewhere"
mv "$folder/elsewhere" "$folder/target"

cmp "$folder/first.wasm" "$folder/target/$BUILT/sibyl_runtime.compact.compressed.wasm" ||
	die 'two clones of one commit give two runtimes: something in the build depends on its place'
for place in "$folder" "$PWD" "$HOME"; do
	! grep --quiet --text --fixed-strings "$place/" "$folder/target/$BUILT/sibyl_runtime.compact.wasm" ||
		die "the runtime names $place, so another machine builds other bytes"
done
sha256sum "$folder/first.wasm"
