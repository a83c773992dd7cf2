#!/usr/bin/env bash
# Measures the weights of the named pallets on this machine and writes them to runtime/src/weights/.
#
#   scripts/weights.sh FOLDER PALLET...   FOLDER keeps the builds; a PALLET is a crate's name with underscores
set -euo pipefail
cd "$(dirname "$0")/.."

# The release whose frame-benchmarking-cli is the SDK set's.
readonly BENCHER_VERSION=0.28.0

if [ $# -lt 2 ]; then
	echo "weights: name the pallets to measure, as in: make weights PALLETS='pallet_balances'" >&2
	exit 1
fi
folder=$1
shift
bencher=$folder/tools/bin/frame-omni-bencher
if [ ! -x "$bencher" ] || ! "$bencher" --version | grep -qF "$BENCHER_VERSION"; then
	echo "weights: installing frame-omni-bencher $BENCHER_VERSION" >&2
	cargo install --locked --quiet --root "$folder/tools" --version "=$BENCHER_VERSION" \
		--target-dir "$folder/bencher" frame-omni-bencher
fi

. scripts/env.sh
cargo build --locked --release --package sibyl-runtime --features runtime-benchmarks --target-dir "$folder"
mkdir -p runtime/src/weights
for pallet in "$@"; do
	"$bencher" v1 benchmark pallet --runtime "$folder/release/wbuild/sibyl-runtime/sibyl_runtime.compact.compressed.wasm" \
		--genesis-builder-preset development --pallet "$pallet" --extrinsic '*' --steps 50 --repeat 20 \
		--output "runtime/src/weights/$pallet.rs"
done
