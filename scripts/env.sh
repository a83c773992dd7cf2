# Sourced before cargo builds the runtime: names the toolchain that has the WebAssembly target
# when the default one lacks it (see scripts/setup.sh).
if ! ls "$(rustc --print sysroot)"/lib/rustlib/wasm32v1-none/lib/libcore-*.rlib >/dev/null 2>&1 &&
	command -v rustup >/dev/null && rustup +sibyl-wasm which rustc >/dev/null 2>&1; then
	export WASM_BUILD_TOOLCHAIN=sibyl-wasm
fi
