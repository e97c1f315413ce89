# Every target works on a fresh clone: the environment is made when it is missing.
VENV   := .venv
BIN    := $(VENV)/bin
PYTHON ?= python3
NATIVE := $(shell find native -name '*.[ch]pp') CMakeLists.txt
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help setup demo test check format bench peer faults soak fuzz sanitize clean

help:
	@echo "make demo    run the whole pipeline on built-in data, then open the desk"
	@echo "make test    run the test suite"
	@echo "make check   format, lint, types, stub, import contracts, tests"
	@echo "make bench   run the benchmarks, each against a named reference"
	@echo "make peer    compare the backtest engine with hftbacktest, in an environment of its own"
	@echo "make faults  run the 20 fault tests at scaled lengths; make soak: at full length"
	@echo "make sanitize  run native code and the backtests' tests under ASan/UBSan and TSan"
	@echo "make fuzz    fuzz the native scanners for FUZZ_S seconds (600); needs clang"
	@echo "make format  format Python and C++"
	@echo "make clean   remove what the build made (not .venv, not your data)"

setup: $(VENV)/.installed lobdesk/.built

$(VENV)/.installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	@touch $@ lobdesk/.built

# The editable install has built the engine; this rebuilds it when a source is newer.
lobdesk/.built: $(NATIVE) | $(VENV)/.installed
	cmake -S . -B build -G Ninja -DPython_EXECUTABLE=$(CURDIR)/$(BIN)/python > /dev/null
	cmake --build build
	@touch $@

demo: setup
	@$(BIN)/lobdesk demo

test: setup
	$(BIN)/python -m pytest -n auto

check: setup
	ruff format --check .
	ruff check .
	clang-format --dry-run -Werror $(filter %.cpp %.hpp,$(NATIVE))
	mypy
	$(BIN)/python -m mypy.stubtest lobdesk._native --allowlist tests/stubtest_allowlist.txt
	lint-imports
	$(BIN)/python -m pytest -n auto

format: setup
	ruff format .
	ruff check --fix .
	clang-format -i $(filter %.cpp %.hpp,$(NATIVE))

bench: setup
	@for file in benchmarks/bench_*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

# Its own environment: it needs an older NumPy than ours. The version is the one that docs/backtest.md
# compares with.
PEER := .venv-peer
$(PEER)/.installed: Makefile
	test -x $(PEER)/bin/python || $(PYTHON) -m venv $(PEER)
	$(PEER)/bin/python -m pip install --quiet --disable-pip-version-check hftbacktest==2.4.4
	@touch $@

peer: setup $(PEER)/.installed
	$(BIN)/python -m pytest -q tests/backtest/test_peer.py tests/backtest/test_peer_differences.py

faults: setup
	@$(BIN)/python -m tests.faults

soak: setup
	@$(BIN)/python -m tests.faults --soak

FUZZ_S := 600
fuzz: setup
	@$(BIN)/python -m tests.fuzz $(FUZZ_S)

sanitize: setup
	@$(BIN)/python -m tests.sanitize address
	@$(BIN)/python -m tests.sanitize thread

clean:
	rm -rf build dist lobdesk/*.so lobdesk/.built .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find lobdesk tests benchmarks -name __pycache__ -prune -exec rm -rf {} +
	rm -f $(VENV)/.installed
