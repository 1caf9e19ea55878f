# Everything a newcomer needs: `make e2e` and `make test`. Each target makes .venv from the lock when it is missing or old.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.made-from-lock
OLDEST := .venv-oldest
OLDEST_STAMP := $(OLDEST)/.made-from-lock

.PHONY: help e2e test lint sandbox sweep attack faults mutate newcomer bench lock chromium docs dist sbom

help:
	@echo "make e2e      run the e2e gate on the embedded sandbox"
	@echo "make test     lint, types, every test, coverage"
	@echo "make lint     ruff and mypy only"
	@echo "make sweep    crash, kill, network and misuse sweeps at full size"
	@echo "make attack   forged bundles, leaks and hostile texts at full size"
	@echo "make faults   every planted fault, its twins, its checks set aside, pairs and clean runs"
	@echo "make mutate   change the rules, one mutant at a time, and see each change turn a test red"
	@echo "make newcomer the tutorial and the first hour, from the wheel in an empty folder"
	@echo "make sandbox  start the sandbox and keep it up"
	@echo "make bench    timings, as ratios"
	@echo "make docs     build the documentation into docs/_build/html"
	@echo "make dist     build wheel and sdist into dist/, reproducibly, and check them"
	@echo "make sbom     write the bill of materials into dist/sbom.cdx.json"
	@echo "make lock     rebuild requirements.lock (needs uv)"

$(STAMP): requirements.lock pyproject.toml
	@if command -v uv >/dev/null 2>&1; then \
		uv venv --quiet --allow-existing --python $(PYTHON) $(VENV); \
		uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock; \
		uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .; \
	else \
		$(PYTHON) -m venv $(VENV); \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .; \
	fi
	@touch $@

# The oldest supported pytest, for the tests that run the plugin under it.
$(OLDEST_STAMP): requirements-oldest.lock pyproject.toml
	@if command -v uv >/dev/null 2>&1; then \
		uv venv --quiet --allow-existing --python $(PYTHON) $(OLDEST); \
		uv pip install --quiet --python $(OLDEST)/bin/python --require-hashes -r requirements-oldest.lock; \
		uv pip install --quiet --python $(OLDEST)/bin/python --no-deps --no-build-isolation -e .; \
	else \
		$(PYTHON) -m venv $(OLDEST); \
		$(OLDEST)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-oldest.lock; \
		$(OLDEST)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .; \
	fi
	@touch $@

e2e: $(STAMP)
	@$(BIN)/python -m pytest suites/e2e -q

sandbox: $(STAMP)
	@$(BIN)/paygate sandbox

sweep: $(STAMP)
	@$(BIN)/python -m tests.sweep

attack: $(STAMP)
	@$(BIN)/python -m tests.attack

faults: $(STAMP)
	@$(BIN)/python -m tests.faults

# Modules and a sample: make mutate MUTATE="verdict money --sample 50 --seed 7"
mutate: $(STAMP)
	@$(BIN)/python -m tests.mutation $(MUTATE)

newcomer: $(STAMP)
	@$(BIN)/python -m tests.newcomer_hour

lint: $(STAMP)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

# Chromium for the browser tests: found, or installed where this user may; in CI its absence is an error.
chromium:
	@bash tests/install-chromium.sh

test: lint $(OLDEST_STAMP) chromium
	@rm -f .coverage .coverage.*
	@PAYGATE_OLDEST_PYTHON="$(CURDIR)/$(OLDEST)/bin/python" $(BIN)/python -m coverage run -m pytest -n 2 --dist loadscope
	@$(BIN)/python -m coverage combine --quiet
	@$(BIN)/python -m coverage report

# No network: every warning is an error, every reference must lead somewhere.
docs: $(STAMP)
	@$(BIN)/python -m sphinx --fail-on-warning --keep-going --nitpicky --quiet -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

# The same commit gives the same bytes: every time in the archives is that of the commit.
dist: export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 1577836800)
dist: $(STAMP)
	@$(BIN)/python -m build --no-isolation --outdir dist . >/dev/null
	@PAYGATE_DIST="$(CURDIR)/dist" $(BIN)/python -m pytest -q tests/release/test_distributions.py
	@cd dist && sha256sum *.whl *.tar.gz

sbom: $(STAMP)
	@mkdir -p dist
	@$(BIN)/python release/bill_of_materials.py dist/sbom.cdx.json

bench: $(STAMP)
	@for script in benchmarks/*.py; do echo "# $$script"; $(BIN)/python "$$script"; done

lock:
	uv pip compile pyproject.toml --extra sandbox --extra browser --extra pdf --extra console --extra notify --group dev --universal --python-version 3.11 --generate-hashes --no-annotate --no-header -o requirements.lock
	uv pip compile pyproject.toml --extra sandbox --group build --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --override requirements-oldest.txt -o requirements-oldest.lock
