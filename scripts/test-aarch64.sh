#!/usr/bin/env bash
# Runs the engine's unit tests as AArch64 code, in an emulator: scripts/test-aarch64.sh TARGET_FOLDER
set -euo pipefail
cd "$(dirname "$0")/.."

readonly TARGET=aarch64-unknown-linux-gnu
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER='qemu-aarch64 -cpu max -L /usr/aarch64-linux-gnu'

library=()
if ! compgen -G "$(rustc --print sysroot)/lib/rustlib/$TARGET/lib/libstd-*.rlib" >/dev/null; then
	# scripts/setup.sh has installed Debian's Rust, with its library's sources.
	export PATH=/usr/bin:/bin RUSTC_BOOTSTRAP=1
	library=(-Zbuild-std)
fi
# Emulated, an installed model or the comparison of two whole passes takes minutes; the kernels below them are all tested.
SIBYL_MODELS=/nonexistent cargo test --locked --release --package sibyl-engine --lib \
	--target "$TARGET" --target-dir "$1" "${library[@]}" -- --skip computing_equal_rows_once
