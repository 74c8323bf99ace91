# Two commands for a fresh machine: `make demo` and `make test`. Everything goes into .venv here.
# DEMO=--once ends after the summary; PYTEST="-k places" chooses tests, BENCH="doors eyes" measurements.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CONSTRAINTS := .ci/constraints.txt
DEMO ?=
PYTEST ?=
BENCH ?=

.PHONY: demo test check bench clean

demo: $(VENV)/.run
	$(BIN)/hallkeeper demo $(DEMO)

test: $(VENV)/.test
	$(BIN)/pytest $(PYTEST)

check: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -q tests/test_tidy.py

bench: $(VENV)/.bench
	$(BIN)/python -m tests.bench $(BENCH)

clean:
	rm -rf $(VENV) build *.egg-info

$(VENV)/.run: pyproject.toml $(CONSTRAINTS) .ci/setup
	PYTHON="$(PYTHON)" .ci/setup $(VENV) ".[server,kiosk]"
	touch $@

$(VENV)/.test: pyproject.toml $(CONSTRAINTS) .ci/setup
	PYTHON="$(PYTHON)" .ci/setup $(VENV) ".[test]"
	touch $(VENV)/.run $@

$(VENV)/.bench: pyproject.toml $(CONSTRAINTS) .ci/setup
	PYTHON="$(PYTHON)" .ci/setup $(VENV) ".[bench]"
	touch $(VENV)/.run $(VENV)/.test $@
