#!/usr/bin/env bash
# Changes the pallets, the vote path and the pool a little at a time, and says which changes no test notices.
#
#   scripts/mutants.sh FOLDER [OPTION...]   FOLDER keeps the tool, its builds and mutants.out; options go to cargo mutants,
#                                           as --shard 1/20 or --file pallets/inference/src/settlement.rs
set -euo pipefail
cd "$(dirname "$0")/.."

readonly CARGO_MUTANTS_VERSION=27.1.0

folder=$1
shift
tool=$folder/tools/bin/cargo-mutants
if [ ! -x "$tool" ] || ! "$tool" --version | grep -qF "$CARGO_MUTANTS_VERSION"; then
	echo "mutants: installing cargo-mutants $CARGO_MUTANTS_VERSION" >&2
	cargo install --locked --quiet --root "$folder/tools" --version "=$CARGO_MUTANTS_VERSION" \
		--target-dir "$folder/tools-build" cargo-mutants
fi

# The copies that are mutated share the compiled dependencies. Benchmarks, weights and the checks of the invariants
# themselves are no subject: what they get wrong no test of behaviour can see.
export CARGO_TARGET_DIR=$folder/build SKIP_WASM_BUILD=1
"$tool" mutants --output "$folder" --no-shuffle --timeout 300 \
	--package pallet-feeds --package pallet-inference --package pallet-models --package pallet-timelock --package pallet-timing \
	--package sibyl-primitives --package sibyl-votes \
	--exclude 'pallets/*/src/benchmarking.rs' --exclude 'pallets/*/src/benchmarking/**' \
	--exclude 'pallets/*/src/weights.rs' --exclude 'pallets/*/src/invariants.rs' \
	--cargo-arg=--release --cargo-arg=--locked "$@"
