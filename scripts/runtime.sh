#!/usr/bin/env bash
# Takes the runtime out of a built node and says by which hashes it is known: sibyl_runtime.wasm, as `system.set_code` takes it,
# and RUNTIME.md, for a release's notes.
#
#   scripts/runtime.sh NODE FOLDER   NODE is the program sibyl-node, FOLDER is there
set -euo pipefail
export LC_ALL=C

die() {
	printf 'runtime: %s\n' "$*" >&2
	exit 1
}

[ $# -eq 2 ] || die 'usage: scripts/runtime.sh NODE FOLDER'
[ -x "$1" ] || die "there is no program $1: run 'make release', or name a node"
[ -d "$2" ] || die "there is no folder $2"
node=$(realpath "$1")
wasm=$(realpath "$2")/sibyl_runtime.wasm
notes=$(realpath "$2")/RUNTIME.md
cd "$(dirname "$0")/.."

# The key is ':code'.
"$node" export-chain-spec --chain dev --raw 2>/dev/null |
	perl -ne 'print pack "H*", $1 if /"0x3a636f6465": *"0x([0-9a-f]+)"/' >"$wasm"
[ -s "$wasm" ] || die "$node exports no runtime"

version=$(sed -n 's/^version!(spec \([0-9]*\), .*/\1/p' runtime/src/lib.rs)
[ -n "$version" ] || die "runtime/src/lib.rs has no line 'version!(spec NUMBER, …'"
sha256=$(sha256sum "$wasm" | cut -d' ' -f1)
blake2=$(b2sum --length=256 "$wasm" | cut -d' ' -f1)
cat >"$notes" <<END
# Runtime $version

| | |
|---|---|
| \`spec_version\` | $version |
| file | \`sibyl_runtime.wasm\`, $(stat --format=%s "$wasm") bytes, as \`system.set_code\` takes it |
| SHA-256 | \`$sha256\` |
| BLAKE2b-256, by which the chain knows it | \`0x$blake2\` |
| commit | \`$(git rev-parse HEAD 2>/dev/null || echo unknown)\` |
| Rust | $(sed -n 's/^channel = "\(.*\)"$/\1/p' rust-toolchain.toml), as \`rustup\` installs it |

\`make release\` on this commit gives these bytes in any folder: docs/upgrades.md.
END
