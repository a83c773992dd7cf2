# Every target sets up what it needs; `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# The pinned toolchain may be there by another name only.
TOOLCHAIN := $(shell scripts/toolchain.sh)
ifneq ($(TOOLCHAIN),)
export RUSTUP_TOOLCHAIN := $(TOOLCHAIN)
endif

TARGET_DIR := $(abspath $(or $(CARGO_TARGET_DIR),target))
NODE := $(TARGET_DIR)/release/sibyl-node
SIBYL_BENCH := $(TARGET_DIR)/release/sibyl-bench
# Other features mean other builds of every dependency, so these have folders of their own.
FEATURES_DIR := $(TARGET_DIR)/features
RELEASE_DIR := $(TARGET_DIR)/metadata-hash
WEIGHTS_DIR := $(TARGET_DIR)/weights
AARCH64_DIR := $(TARGET_DIR)/aarch64
FUZZ_DIR := $(TARGET_DIR)/fuzz
FOREIGN_DIR := $(TARGET_DIR)/foreign
UPGRADE_DIR := $(TARGET_DIR)/upgrade
WASM_DIR := $(TARGET_DIR)/wasm
MUTANTS_DIR := $(TARGET_DIR)/mutants
PACKAGE_DIR := $(TARGET_DIR)/package
# What the engine is compared with.
PEERS_DIR := $(TARGET_DIR)/bench-peers

# The crates that have the features runtime-benchmarks and try-runtime.
RUNTIME_CRATES := sibyl-runtime pallet-feeds pallet-inference pallet-models pallet-timelock pallet-timing
comma := ,

CARGO_ENV := . scripts/env.sh;

# Tests and the demo look for models here.
export SIBYL_MODELS ?= $(HOME)/.cache/sibyl/models
INSTALL_MODELS := $(NODE) models install all --models-path "$$SIBYL_MODELS"
# Tests of models that can't be fetched are skipped, but for where all are to run: see .ci/run.
MODELS_MISSING := [ -z "$${SIBYL_REQUIRE_MODELS-}" ] || { echo 'make: not all models could be installed, and SIBYL_REQUIRE_MODELS lets no test be skipped for that' >&2; exit 1; }; \
	echo 'make: not all models could be installed, so tests that need them are SKIPPED'

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-16s %s\n", $$1, $$2 }'

.PHONY: setup
setup: ## Install what building needs
	@scripts/setup.sh

.PHONY: setup-tests
setup-tests:
	@scripts/setup.sh --tests

.PHONY: build
build: setup ## Build the node
	$(CARGO_ENV) cargo build --locked --release --workspace

.PHONY: test
test: setup-tests ## Run all tests: Rust's, then end to end on real nodes
	$(CARGO_ENV) cargo build --locked --release --workspace --all-targets
	$(INSTALL_MODELS) || { $(MODELS_MISSING); }
	$(CARGO_ENV) cargo test --locked --release --workspace
	cd tests && SIBYL_NODE=$(NODE) npm test

.PHONY: test-rust
test-rust: setup ## Run Rust's tests only
	$(CARGO_ENV) cargo test --locked --release --workspace

.PHONY: simulate
simulate: setup ## Run the simulation on many seeds: SEEDS, BLOCKS, or SEED for one and its history
	$(CARGO_ENV) cargo build --locked --release --workspace --bin simulate
	$(TARGET_DIR)/release/simulate

.PHONY: test-e2e
test-e2e: setup-tests build ## Run the tests on real nodes only
	cd tests && SIBYL_NODE=$(NODE) npm test

.PHONY: test-foreign
test-foreign: setup-tests build ## Ask a node by a client in Rust, over subxt, which takes minutes to build
	cargo build --locked --release --manifest-path tests/foreign/subxt/Cargo.toml --target-dir $(FOREIGN_DIR)
	cd tests && SIBYL_NODE=$(NODE) SIBYL_SUBXT=$(FOREIGN_DIR)/release/sibyl-foreign-subxt npm run test-foreign

# The program is not needed, only the runtime, so the rest is checked and not built.
.PHONY: test-upgrade
test-upgrade: setup-tests build ## Upgrade real nodes to a next runtime, which takes minutes to build: make test-upgrade OLD=path/to/older/sibyl-node
	$(CARGO_ENV) cargo check --locked --release --package sibyl-runtime --lib --features next-version --target-dir $(UPGRADE_DIR)
	cd tests && SIBYL_NODE=$(NODE) SIBYL_OLD_NODE=$(if $(OLD),$(abspath $(OLD))) \
		SIBYL_NEXT_RUNTIME=$(UPGRADE_DIR)/release/wbuild/sibyl-runtime/sibyl_runtime.compact.compressed.wasm npm run test-upgrade

# `build` builds the program, too, and no package takes it.
.PHONY: test-byzantine
test-byzantine: setup-tests build ## Have two of seven real nodes misbehave by themselves, which takes some eighteen minutes
	cd tests && SIBYL_NODE=$(NODE) SIBYL_BYZANTINE_NODE=$(TARGET_DIR)/release/sibyl-byzantine npm run test-byzantine

# Some cases need root: where they can't be had, they say SKIPPED.
.PHONY: test-faults
test-faults: setup-tests build ## Do harm to real nodes and tell what came of it, for an hour; as root for all of it: make test-faults FILES=links CASES=partition
	@scripts/setup.sh --faults
	cd tests && SIBYL_NODE=$(NODE) npm run --silent test-faults

.PHONY: soak
soak: setup-tests build ## Run seven nodes with jobs and restarts, and draw what they use: make soak MINUTES=120
	cd tests && SIBYL_NODE=$(NODE) npm run --silent soak

.PHONY: test-aarch64
test-aarch64: ## Run the engine's unit tests as AArch64 code, in an emulator
	@scripts/setup.sh --aarch64
	scripts/test-aarch64.sh $(AARCH64_DIR)

.PHONY: lint
lint: setup ## Check the formatting and the lints, warnings denied
	cargo fmt --all --check
	SKIP_WASM_BUILD=1 cargo clippy --locked --release --workspace --all-targets -- --deny warnings

.PHONY: demo
demo: setup-tests build ## Have four validators agree: make demo TEXT='…', MODEL=smollm2 TEXT='…' for a chat, ASK=choice, number or json, BYZANTINE=1 for liars
	$(if $(filter-out common-lingua,$(or $(MODEL),$(if $(ASK),smollm2))),$(NODE) models install $(or $(MODEL),smollm2) --models-path "$$SIBYL_MODELS")
	cd tests && SIBYL_NODE=$(NODE) node $(if $(BYZANTINE),demo-byzantine.mjs,demo.mjs)

.PHONY: models
models: setup-tests build ## Install the language models that tests and the demo use
	$(INSTALL_MODELS)

.PHONY: network
network: setup-tests build ## Run four validators on this machine, for playing, until Ctrl-C
	cd tests && SIBYL_NODE=$(NODE) node network.mjs

.PHONY: console
console: setup-tests ## Serve the console, a page to ask from, on this machine until Ctrl-C: make console PORT=8000
	npm run serve --silent --workspace clients/console

.PHONY: release
release: setup ## Build the node to publish, and its runtime's hashes: it checks the metadata's hash in signed extrinsics
	$(CARGO_ENV) SIBYL_COMMIT=$$(scripts/commit.sh) scripts/fixed-paths.sh $(RELEASE_DIR) build --locked --release --workspace --features sibyl-node/metadata-hash
	scripts/runtime.sh $(RELEASE_DIR)/release/sibyl-node $(RELEASE_DIR)/release
	@echo $(RELEASE_DIR)/release/sibyl-node

.PHONY: check-wasm
check-wasm: setup ## Build the last commit's runtime from two clones, and compare the bytes
	$(CARGO_ENV) scripts/check-wasm.sh $(WASM_DIR)

.PHONY: package
package: release ## Pack the node to publish: a tarball, a Debian package, a Dockerfile
	@scripts/package.sh $(RELEASE_DIR)/release/sibyl-node $(PACKAGE_DIR)

.PHONY: test-package
test-package: ## Try the node of `make release`, packed, in a fresh Debian, which is booted; needs root
	@[ "$$(id -u)" -eq 0 ] || { echo 'make: test-package boots a Debian, which needs root: sudo make test-package' >&2; exit 1; }
	@scripts/setup.sh --packaging
	scripts/test-package.sh $(RELEASE_DIR)/release/sibyl-node

.PHONY: check-alerts
check-alerts: ## Check the alerts for Prometheus, and what they notice
	@scripts/setup.sh --packaging
	scripts/check-alerts.sh

.PHONY: chain-specs
chain-specs: build ## Make the test network's committed specification again
	$(NODE) export-chain-spec --chain testnet-staging --output chain-specs/testnet.plain.json
	$(NODE) export-chain-spec --chain testnet-staging --raw --output chain-specs/testnet.raw.json
	cd chain-specs && sha256sum testnet.*.json > checksums.txt

.PHONY: client-layout
client-layout: setup-tests build ## Write again what the client library knows of jobs' layout, and the receipt of its tests
	npm run build --silent --workspace clients/js
	SIBYL_NODE=$(NODE) node clients/js/test/record.mjs
	npm run build --silent --workspace clients/js

.PHONY: check-features
check-features: setup ## Test with runtime-benchmarks and with try-runtime
	for feature in runtime-benchmarks try-runtime; do \
		SKIP_WASM_BUILD=1 cargo test --locked --release --lib $(patsubst %,--package %,$(RUNTIME_CRATES)) \
			--features $(subst $(eval) ,$(comma),$(patsubst %,%/$$feature,$(RUNTIME_CRATES))) --target-dir $(FEATURES_DIR); \
	done

.PHONY: fuzz
fuzz: setup ## Fuzz the readers of model files: make fuzz FUZZ_SECONDS=60 FUZZ_TARGETS='gguf safetensors'
	scripts/fuzz.sh $(FUZZ_DIR) $(or $(FUZZ_SECONDS),600) $(FUZZ_TARGETS)

.PHONY: fuzz-protocol
fuzz-protocol: setup ## Have each test of generated inputs go on for so long: make fuzz-protocol FUZZ_SECONDS=60
	$(CARGO_ENV) SIBYL_FUZZ_SECONDS=$(or $(FUZZ_SECONDS),600) cargo test --locked --release --workspace --lib fuzz:: -- --nocapture

.PHONY: mutants
mutants: setup ## Mutate the pallets and the vote path, and list what no test notices: make mutants MUTANTS='--shard 1/20'
	scripts/mutants.sh $(MUTANTS_DIR) $(MUTANTS)

.PHONY: weights
weights: build-bench ## Measure pallets' weights on this machine: make weights PALLETS='pallet_inference'
	scripts/weights.sh $(WEIGHTS_DIR) $(SIBYL_BENCH) $(or $(PALLETS),pallet_feeds pallet_inference pallet_models pallet_timelock)

.PHONY: bench-block
bench-block: build-bench ## Measure blocks full of jobs; the last line is RESULT {…}
	$(SIBYL_BENCH) block

.PHONY: bench-committee
bench-committee: build-bench ## Measure how often committees fall to a share of the stake, beside theory
	$(SIBYL_BENCH) committee

# With the workspace's features, so that the SDK is not built anew.
.PHONY: build-bench
build-bench: setup
	$(CARGO_ENV) cargo build --locked --release --workspace --bin sibyl-bench

.PHONY: bench
bench: setup-tests build ## Measure the node; the last line is RESULT {…}
	cd tests && SIBYL_NODE=$(NODE) node bench.mjs

.PHONY: bench-latency
bench-latency: setup-tests build ## Measure how soon jobs settle; the last line is RESULT {…}
	cd tests && SIBYL_NODE=$(NODE) node bench-latency.mjs

.PHONY: bench-engine
bench-engine: ## Measure the engine beside llama.cpp, ONNX Runtime and candle; the last line is RESULT {…}
	@scripts/setup.sh --bench
	$(CARGO_ENV) cargo build --locked --release --workspace --examples
	cargo build --locked --release --manifest-path bench/candle/Cargo.toml --target-dir $(PEERS_DIR)
	python3 bench/run.py --examples $(TARGET_DIR)/release/examples --peers $(PEERS_DIR)
