#!/usr/bin/env bash
# Fuzzes the engine's readers of model files and formats, one after the other, from the committed seeds on.
#
#   scripts/fuzz.sh FOLDER SECONDS [TARGET...]   FOLDER keeps builds, corpora and what was found; targets: node/engine/fuzz
set -euo pipefail
cd "$(dirname "$0")/.."

readonly CARGO_FUZZ_VERSION=0.13.2
readonly CRATE=node/engine/fuzz

folder=$1
seconds=$2
shift 2
if [ $# -eq 0 ]; then
	set -- gguf bpe_tokenizer json_tokenizer language_model safetensors chat_template format
fi

cargo_fuzz=$folder/tools/bin/cargo-fuzz
if [ ! -x "$cargo_fuzz" ] || ! "$cargo_fuzz" --version | grep -qF "$CARGO_FUZZ_VERSION"; then
	echo "fuzz: installing cargo-fuzz $CARGO_FUZZ_VERSION" >&2
	cargo install --locked --quiet --root "$folder/tools" --version "=$CARGO_FUZZ_VERSION" \
		--target-dir "$folder/tools-build" cargo-fuzz
fi

# AddressSanitizer where Rust comes with its runtime, as rustup's does; Debian's does not. Without it, only panics, slow
# inputs and -rss_limit_mb are noticed: -malloc_limit_mb needs the sanitizer's hooks.
sanitizer=none
if compgen -G "$(rustc --print target-libdir)/librustc-*_rt.asan.a" >/dev/null; then
	sanitizer=address
fi

host=$(rustc -vV | sed -n 's/^host: //p')
# Coverage and sanitizers are -Z flags, which the stable toolchain takes only so.
export RUSTC_BOOTSTRAP=1
# What was freed is kept for a while to notice its use; 256 MB of that, the default, would count as the reader's.
export ASAN_OPTIONS=quarantine_size_mb=16

for target in "$@"; do
	"$cargo_fuzz" build --fuzz-dir "$CRATE" --sanitizer "$sanitizer" --target "$host" --target-dir "$folder/build" "$target"
	mkdir -p "$folder/corpus/$target" "$folder/found/$target"
	options=(-max_total_time="$seconds" -timeout=20 -rss_limit_mb=1024 -malloc_limit_mb=512 -print_final_stats=1)
	echo "fuzz: $target for $seconds s, sanitizer: $sanitizer" >&2
	"$folder/build/$host/release/$target" "${options[@]}" -artifact_prefix="$folder/found/$target/" \
		"$folder/corpus/$target" "$CRATE/seeds/$target"
done
