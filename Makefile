# Every command works in a fresh clone: the first target that needs it makes .venv and installs into it,
# again only when pyproject.toml or constraints.txt has changed.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/installed
DEMO   := build/demo
# Where `make reference` puts the networks that some tests and benchmarks need.
REFERENCE := build/reference
BOARDS_DIR := build/boards
# Test processes; two is what the continuous integration has.
JOBS   ?= 2

.PHONY: help demo test test-full bench boards calibrate reference lint format typecheck clean icarus

help:
	@echo "make demo        train, quantize, generate and verify a digits network; files in $(DEMO)"
	@echo "make test        the tests, in minutes"
	@echo "make test-full   the tests and the long ones, in hours"
	@echo "make bench       how fast everything is; BENCH='--only NAME' for one, BENCH=--list for the names"
	@echo "make boards      bitstreams of all boards and networks in the README, hours; BOARDS='--only NAME' for one; files in $(BOARDS_DIR)"
	@echo "make calibrate   measures again what resource estimates rest on"
	@echo "make reference   fetches the MLPerf Tiny networks, for the tests and benchmarks that need them, into $(REFERENCE)"
	@echo "make lint        ruff and mypy"
	@echo "make clean       removes build/ and caches; keeps $(VENV)"

demo: $(STAMP) icarus
	$(BIN)/weft demo -o $(DEMO)

test: $(STAMP) icarus
	$(BIN)/python -m pytest -n $(JOBS) -m "not slow"

test-full: $(STAMP) icarus
	$(BIN)/python -m pytest -n $(JOBS)

bench: $(STAMP) icarus
	@mkdir -p build
	$(BIN)/weft bench -o build/bench.json $(BENCH)

boards: $(STAMP)
	@mkdir -p $(BOARDS_DIR)
	$(BIN)/weft boards --build $(BOARDS_DIR) -o docs/boards.json $(BOARDS)
	$(BIN)/weft boards --documents

calibrate: $(STAMP)
	$(BIN)/weft calibrate

reference: $(STAMP)
	$(BIN)/python -m tests.fetch_reference $(REFERENCE)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not on the PATH: install Python 3.11 or newer, or name one, as in 'make PYTHON=python3.12 $(MAKECMDGOALS)'" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$$($(PYTHON) --version) is too old: Weft needs Python 3.11 or newer; name one, as in 'make PYTHON=python3.12 $(MAKECMDGOALS)'" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "this Python has no venv module: install it (on Debian and Ubuntu: sudo apt-get install python3-venv)" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[test,dev]"
	@touch $(STAMP)

# Icarus Verilog comes from the system.  Without it everything still runs on Verilator alone, and says so.
icarus:
	@if command -v iverilog >/dev/null; then :; \
	elif ! command -v apt-get >/dev/null; then \
		echo "Icarus Verilog is not installed; install the package 'iverilog' (or 'icarus-verilog') of this system. Going on without it." >&2; \
	elif [ "$$(id -u)" = 0 ]; then \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends iverilog >/dev/null; } \
			|| echo "Icarus Verilog could not be installed; run: apt-get install iverilog. Going on without it." >&2; \
	elif sudo -n true 2>/dev/null; then \
		{ sudo -n apt-get update -qq && sudo -n env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends iverilog >/dev/null; } \
			|| echo "Icarus Verilog could not be installed; run: sudo apt-get install iverilog. Going on without it." >&2; \
	else \
		echo "Icarus Verilog is not installed, and this user may not install it; run: sudo apt-get install iverilog. Going on without it." >&2; \
	fi

clean:
	rm -rf build dist sim_build .pytest_cache .ruff_cache .mypy_cache .hypothesis *.egg-info
	find golden hwgen sim weft tests examples -name __pycache__ -type d -prune -exec rm -rf {} +
