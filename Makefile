# Ballast: what one types. `make` alone lists the targets.

# The scenario that `make demo` trains on, and where a run ends up.
SCENARIO ?= scenarios/library/siege.ron
# The policy bundle that `make check-bundle` checks.
BUNDLE ?= runs/demo/policy
# The run whose events `make check-events` reads.
RUN ?= runs/demo
# What `make screenshot` renders, and where to.
VIEW ?= $(SCENARIO)
PICTURE ?= docs/window.png

CARGO ?= cargo

# A libtorch of your own wins; its libraries must then be found at run time too.
ifneq ($(LIBTORCH),)
export LD_LIBRARY_PATH := $(LIBTORCH)/lib:$(LD_LIBRARY_PATH)
endif

.DEFAULT_GOAL := help
.PHONY: help system libtorch demo test test-long vectors plots fuzz mutants check bench evm-rate check-bundle check-events venv screenshot clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: libtorch ## build, train a risk policy under attack, compare it, export it (runs/demo; minutes)
	$(CARGO) build --release
	rm -rf runs/demo
	$(CARGO) run --release -- train $(SCENARIO) --out runs/demo
	@if scripts/venv.sh; then \
		.venv/bin/python scripts/check_onnx.py runs/demo/policy && \
		.venv/bin/python scripts/check_tensorboard.py --brief runs/demo/tensorboard; \
	else \
		echo '********************************************************************' >&2; \
		echo 'NOT CHECKED: neither was the policy bundle compared with onnxruntime nor' >&2; \
		echo 'were the events read with TensorBoard: they could not be installed (the'  >&2; \
		echo 'reason is above). Everything else is done. Later:'                         >&2; \
		echo 'make check-bundle check-events BUNDLE=runs/demo/policy RUN=runs/demo'       >&2; \
		echo '********************************************************************' >&2; \
	fi

test: libtorch ## every test but the long ones, the example crate's too
	$(CARGO) test --workspace

test-long: libtorch ## the tests marked #[ignore] too, every learning bar, then `make mutants`
	$(CARGO) test --workspace --release -- --include-ignored
	$(CARGO) run --release -p agents --features tch --example evidence -- --seeds 3
	$(MAKE) mutants

# markets, protocols, chain, or a file of one, as in protocols:flash_loan.rs; all three by default.
AREAS ?=

mutants: ## put every fault into markets, protocols and sim::chain, and name those no test notices (half an hour)
	@cargo mutants --version >/dev/null 2>&1 || $(CARGO) install --locked cargo-mutants
	BALLAST_TRANSACTIONS=$${BALLAST_TRANSACTIONS:-5000} \
		$(CARGO) run --release --locked --manifest-path scripts/mutants/Cargo.toml --target-dir target/mutants/tool -- $(AREAS)

vectors: ## replay recorded contracts (BALLAST_VECTORS=folder for other recordings); equal cases and steps per family
	$(CARGO) test -p sim --test it vectors::

plots: ## draw the pictures and the table of docs/attacks.md
	$(CARGO) run -p sim --example attack_plots

# Seconds for each fuzz target.
FUZZ_SECS ?= 300

fuzz: ## fuzz transactions, scenario files and tapes (FUZZ_SECS=300 each); installs cargo-fuzz and nightly
	FUZZ_SECS=$(FUZZ_SECS) scripts/fuzz.sh

check: libtorch ## formatting, lints, documentation
	$(CARGO) fmt --all -- --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --no-deps
	$(CARGO) check --no-default-features -p ballast -p own-agent

bench: libtorch ## criterion benches, then the table of `ballast bench`
	$(CARGO) bench --workspace
	$(CARGO) run --release -- bench

evm-rate: ## Uniswap v2 swaps per second on an EVM (revm), on this machine; fetches the contracts with npm
	scripts/evm_contracts.sh
	$(CARGO) run --release --locked --manifest-path sim/benches/evm/Cargo.toml

libtorch: system ## fetch libtorch into .libtorch (once; or set LIBTORCH to your own)
	@scripts/libtorch.sh

system:
	@scripts/system.sh build

venv: ## Python with onnxruntime and TensorBoard, for the outside checks (.venv)
	@scripts/venv.sh

check-bundle: venv ## compare a policy bundle with onnxruntime (BUNDLE=runs/demo/policy)
	.venv/bin/python scripts/check_onnx.py $(BUNDLE)

check-events: venv ## read a run's TensorBoard files with TensorBoard (RUN=runs/demo)
	.venv/bin/python scripts/check_tensorboard.py $(RUN)/tensorboard

screenshot: libtorch ## render the window without a display (VIEW=run or scenario, PICTURE=file)
	@scripts/system.sh screenshot
	$(CARGO) build --release
	LIBGL_ALWAYS_SOFTWARE=1 xvfb-run -a -s '-screen 0 1280x800x24' \
		$(CARGO) run --release -- view $(VIEW) --screenshot $(PICTURE)

clean: ## remove what was built; keeps runs, .libtorch and .venv
	$(CARGO) clean
	rm -rf .libtorch.*.tmp
