#!/usr/bin/env bash
# Prints by which name rustup has the pinned toolchain, where it has it by another than its own, as `stable` for example.
# A machine whose network is closed can't fetch it a second time.
set -euo pipefail
cd "$(dirname "$0")/.."

pinned=$(sed -n 's/^channel = "\(.*\)"$/\1/p' rust-toolchain.toml)
version_of() { RUSTUP_AUTO_INSTALL=0 rustup run "$1" rustc --version 2>/dev/null | cut -d' ' -f2; }

command -v rustup >/dev/null || exit 0
[ "$(version_of "$pinned")" != "$pinned" ] || exit 0
while read -r name _; do
	if [ "$(version_of "$name")" = "$pinned" ]; then
		echo "$name"
		exit 0
	fi
done < <(rustup toolchain list)
