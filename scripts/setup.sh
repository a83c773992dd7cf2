#!/usr/bin/env bash
# Installs what building and testing Sibyl needs; does nothing, quickly, when all of it is there.
#
#   scripts/setup.sh            system packages, Rust, the WebAssembly target
#   scripts/setup.sh --tests    these, JavaScript's dependencies, the client library, pip, which fetches models, numpy and Python's packages
#   scripts/setup.sh --aarch64  the first and what scripts/test-aarch64.sh needs
#   scripts/setup.sh --bench    the first and the Python that the engine's peers are run with
#   scripts/setup.sh --faults   what `make test-faults` does harm with, where it can be installed, and not the first
#   scripts/setup.sh --packaging  what packages and alerts are tried with, and not the first
set -euo pipefail
cd "$(dirname "$0")/.."

# Exactly this one: the engine's answers depend on the tables of characters that come with it.
RUST=$(sed -n 's/^channel = "\(.*\)"$/\1/p' rust-toolchain.toml)
readonly RUST
if [ -z "${RUSTUP_TOOLCHAIN:-}" ]; then
	toolchain=$(scripts/toolchain.sh)
	[ -z "$toolchain" ] || export RUSTUP_TOOLCHAIN=$toolchain
fi
readonly MIN_NODE=18.19
readonly MIN_PYTHON=3.11
readonly WASM_TARGET=wasm32v1-none
readonly AARCH64_TARGET=aarch64-unknown-linux-gnu
# A name of its own, so that no toolchain a user has linked is touched.
readonly WASM_TOOLCHAIN=sibyl-wasm

say() { printf 'setup: %s\n' "$*" >&2; }
die() {
	printf 'setup: %s\n' "$*" >&2
	exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }
is_debian() { have apt-get && have dpkg; }

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}
can_install() { is_debian && { [ "$(id -u)" -eq 0 ] || { have sudo && sudo -n true 2>/dev/null; }; }; }

apt_updated=
# Says what is missing where it can't be installed.
apt_update() {
	can_install || die "missing: $*. Install these by hand (Debian package names), then run this again: this user can't install packages here."
	if [ -z "$apt_updated" ]; then
		as_root apt-get update -qq || die "apt-get update failed; check the network and /etc/apt/sources.list."
		apt_updated=1
	fi
}
apt_install() {
	apt_update "$@"
	say "installing $*"
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null ||
		die "apt-get could not install: $*. Its message stands above."
}

rust_version() { rustc --version 2>/dev/null | cut -d' ' -f2; }
rust_is_pinned() { have cargo && have rustc && [ "$(rust_version)" = "$RUST" ]; }
node_is_new_enough() { have node && have npm && at_least "$MIN_NODE" "$(node --version | tr -d v)"; }

system_packages() {
	local missing=()
	{ have cc && have c++ && have make; } || missing+=(build-essential)
	have git || missing+=(git ca-certificates)
	have protoc || missing+=(protobuf-compiler)
	have pkg-config || missing+=(pkg-config)
	{ have pkg-config && pkg-config --exists openssl; } || missing+=(libssl-dev)
	[ ${#missing[@]} -eq 0 ] || apt_install "${missing[@]}"
}

rust() {
	if ! rust_is_pinned; then
		if have rustup; then
			die "Rust $RUST, neither older nor newer, is needed, since answers depend on it: run 'rustup toolchain install $RUST'."
		fi
		is_debian || die "Rust $RUST, neither older nor newer, is needed, since answers depend on it: install it by https://rustup.rs."
		debian_rust
		rust_is_pinned || die "Rust $RUST, neither older nor newer, is needed, and Debian's is $(rust_version): install it by https://rustup.rs."
	fi
	if ! have rustup; then
		{ have rustfmt && have cargo-clippy; } || { is_debian && apt_install rustfmt-web rust-web-clippy; } ||
			die "rustfmt and clippy are needed by 'make lint': install them beside your Rust."
	fi
}

debian_rust() {
	local missing=() package
	for package in rustc-web cargo-web rust-web-src lld-22; do
		dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
	done
	[ ${#missing[@]} -eq 0 ] || apt_install "${missing[@]}"
}

has_wasm_target() { compgen -G "$1/lib/rustlib/$WASM_TARGET/lib/libcore-*.rlib" >/dev/null; }

wasm_target() {
	has_wasm_target "$(rustc --print sysroot)" && return
	if have rustup; then
		rustup +"$WASM_TOOLCHAIN" which rustc >/dev/null 2>&1 && has_wasm_target /usr && return
		say "adding the $WASM_TARGET target by rustup"
		rustup target add "$WASM_TARGET" >/dev/null 2>&1 && return
		say "rustup can't fetch it here; building it from Debian's Rust sources"
		is_debian || die "run 'rustup target add $WASM_TARGET' where the network allows it, then run this again."
	fi
	debian_rust
	has_wasm_target /usr || build_wasm_target
	! have rustup || rustup toolchain link "$WASM_TOOLCHAIN" /usr
}

# The runtime links with LTO, so the libraries must carry their bitcode.
build_wasm_target() {
	local crate
	crate=$(mktemp -d)
	mkdir "$crate/src"
	printf '[package]\nname = "scratch"\nversion = "0.0.0"\nedition = "2021"\n' >"$crate/Cargo.toml"
	printf '#![no_std]\n' >"$crate/src/lib.rs"
	(cd "$crate" && env -u CARGO_TARGET_DIR PATH=/usr/bin:/bin RUSTC_BOOTSTRAP=1 RUSTFLAGS='-C embed-bitcode=yes' \
		cargo build --quiet --release --target "$WASM_TARGET" -Zbuild-std=core,alloc) ||
		die "building the $WASM_TARGET libraries failed; cargo's message stands above."
	as_root mkdir -p "/usr/lib/rustlib/$WASM_TARGET/lib"
	as_root cp "$crate/target/$WASM_TARGET/release/deps/"lib{core,alloc,compiler_builtins}-*.rlib "/usr/lib/rustlib/$WASM_TARGET/lib/"
	rm -rf "$crate"
}

javascript() {
	if ! node_is_new_enough; then
		apt_install nodejs npm
		node_is_new_enough || die "Node.js $MIN_NODE or newer is needed, found $(node --version 2>/dev/null || echo none): install it from https://nodejs.org."
	fi
	local stamp=node_modules/.package-lock.json
	if [ ! -e "$stamp" ] || [ package-lock.json -nt "$stamp" ]; then
		say "installing JavaScript dependencies"
		npm ci --no-audit --no-fund --loglevel=error >/dev/null || die "npm ci failed; its message stands above."
		touch "$stamp"
	fi
	# TypeScript's own stamp says whether anything is to be done.
	npm run build --silent --workspace clients/js || die "the client library does not build; the compiler's message stands above."
	# Some 300 MB, so it is not installed unasked.
	have chromium || say "no chromium on PATH, so the console's test in a browser will be SKIPPED; for it: apt-get install chromium"
}

pip() {
	{ have python3 && python3 -m pip --version >/dev/null 2>&1; } || apt_install python3 python3-pip
}

# The test of the engine's second implementation looks for these two commands as well.
numpy() {
	local command
	for command in python3 /usr/bin/python3; do
		"$command" -c 'import numpy' 2>/dev/null && return
	done
	apt_install python3 python3-numpy
}

# Debian's python3 can't make virtual environments without python3-venv, which has pip's wheel.
python() {
	{ have python3 && python3 -c 'import ensurepip, venv' 2>/dev/null; } || apt_install python3 python3-venv
	at_least "$MIN_PYTHON" "$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')" ||
		die "Python $MIN_PYTHON or newer is needed, found $(python3 --version): install it from https://www.python.org."
}

# What Python's snippets in the docs and the gateway's test need, in an environment of its own, as the tests know where it is.
python_packages() {
	local wanted=tests/requirements.txt venv=${SIBYL_TESTS_VENV:-$HOME/.cache/sibyl/venv-tests}
	cmp --quiet "$wanted" "$venv/requirements.txt" && return
	python
	say "installing Python's packages for tests"
	python3 -m venv "$venv" || die "no virtual environment can be made in $venv; Python's message stands above."
	"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$wanted" ||
		die "pip could not install $wanted; its message stands above."
	cp "$wanted" "$venv/requirements.txt"
}

# A C compiler that links, an emulator that runs, and Rust's library or its sources.
aarch64() {
	local missing=()
	have qemu-aarch64 || missing+=(qemu-user)
	have aarch64-linux-gnu-gcc || missing+=(gcc-aarch64-linux-gnu)
	[ -e /usr/aarch64-linux-gnu/include/stdio.h ] || missing+=(libc6-dev-arm64-cross)
	[ ${#missing[@]} -eq 0 ] || apt_install "${missing[@]}"
	if have rustup; then
		rustup target list --installed | grep -qx "$AARCH64_TARGET" && return
		rustup target add "$AARCH64_TARGET" >/dev/null 2>&1 && return
		say "rustup can't fetch $AARCH64_TARGET here; scripts/test-aarch64.sh builds it from Debian's Rust sources"
		is_debian || die "run 'rustup target add $AARCH64_TARGET' where the network allows it, then run this again."
	fi
	debian_rust
}

packaging() {
	local missing=()
	have dpkg-shlibdeps || missing+=(dpkg-dev)
	have mmdebstrap || missing+=(mmdebstrap)
	have systemd-nspawn || missing+=(systemd-container)
	have buildah || missing+=(buildah)
	have python3 || missing+=(python3)
	[ ${#missing[@]} -eq 0 ] || apt_install "${missing[@]}"
	have promtool || promtool_alone
}

# Installed, the package of Prometheus would start a server.
promtool_alone() {
	local folder
	apt_update prometheus
	say "installing promtool"
	folder=$(mktemp -d)
	(cd "$folder" && apt-get -o APT::Sandbox::User=root download -qq prometheus && dpkg-deb --extract prometheus_*.deb .) ||
		die "apt-get could not fetch the package prometheus. Its message stands above."
	as_root install "$folder/usr/bin/promtool" /usr/local/bin/promtool
	rm -rf "$folder"
}

# A case whose tool is missing is skipped, so this does not fail.
faults() {
	local missing=()
	compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' >/dev/null || missing+=(libfaketime)
	have ip || missing+=(iproute2)
	[ ${#missing[@]} -gt 0 ] || return 0
	if can_install; then
		apt_install "${missing[@]}"
	else
		say "missing: ${missing[*]}. The cases of test-faults that need them will be SKIPPED; install these by hand (Debian package names) for them."
	fi
}

case "${1-}" in
'' | --tests | --bench | --aarch64) ;;
--packaging)
	packaging
	exit
	;;
--faults)
	faults
	exit
	;;
*) die "unknown argument '$1'; usage: scripts/setup.sh [--tests | --bench | --aarch64 | --faults | --packaging]" ;;
esac
system_packages
rust
wasm_target
[ "${1-}" != --tests ] || { javascript && pip && numpy && python_packages; }
[ "${1-}" != --bench ] || python
[ "${1-}" != --aarch64 ] || aarch64
