#!/usr/bin/env bash
# Measures the weights of the named pallets on this machine, by the runtime's wasm, and writes them to runtime/src/weights/.
#
#   scripts/weights.sh FOLDER BENCH PALLET...   FOLDER keeps the wasm's build; BENCH is the program sibyl-bench; a PALLET
#                                               is a crate's name with underscores. STEPS and REPEAT are 50 and 20.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$1
bench=$2
shift 2

# As substrate-wasm-builder builds the runtime, but with the benchmarks in it, and without the native build that the
# builder is a part of: the benchmarks' feature would make that one build the whole SDK anew.
. scripts/env.sh
cargo=(cargo)
[ -z "${WASM_BUILD_TOOLCHAIN-}" ] || cargo=(rustup run "$WASM_BUILD_TOOLCHAIN" cargo)
link='-C link-arg=--export-table -C link-arg=--import-memory -C link-arg=--export=__heap_base'
CARGO_PROFILE_RELEASE_LTO=thin CARGO_PROFILE_RELEASE_PANIC=abort RUSTFLAGS="$link --cfg substrate_runtime" \
	"${cargo[@]}" rustc --locked --release --package sibyl-runtime --lib --crate-type cdylib \
	--target wasm32v1-none --no-default-features --features runtime-benchmarks --target-dir "$folder"

for pallet in "$@"; do
	"$bench" weights --wasm "$folder/wasm32v1-none/release/sibyl_runtime.wasm" --pallet "$pallet" \
		--output "runtime/src/weights/$pallet.rs" --steps "${STEPS-50}" --repeat "${REPEAT-20}"
done
