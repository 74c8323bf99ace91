# Two commands for a fresh machine: `make demo` and `make test`; `make kiosk` sets up a door's machine alone.
# `make quick` runs the tests without other processes, videos or browsers; `make soak` those that take long and find rare
# faults, which `make test` leaves out; `make proof` proves the counter of places (docs/design/proof.md; DEPTH=8 PROOF_S=3600 WALKS=build/walks walks further, and goes on after an interruption). Everything goes into .venv here (VENV=… elsewhere).
# DEMO=--once ends after the summary; PYTEST="-k places" chooses tests, BENCH="doors eyes" measurements.
# Tests run in parallel (pytest-xdist); PYTEST_WORKERS=0 runs them in one process, for a debugger.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
CONSTRAINTS := .ci/constraints.txt
# More workers than cores, because some tests wait for other processes.
PYTEST_WORKERS ?= $(shell echo $$(($$(nproc) + 2)))
WORKERS = -n $(PYTEST_WORKERS) --dist worksteal
DEMO ?=
PYTEST ?=
BENCH ?=
DEPTH ?= 5
PROOF_S ?= 30
WALKS ?=

.PHONY: demo kiosk set-up test quick soak check proof bench libraries wheel stick release clean

# With `--database postgresql` the demo needs PostgreSQL and a library, too.
demo: $(VENV)/.run $(if $(findstring postgresql,$(DEMO)),$(VENV)/.postgresql)
	$(BIN)/hallkeeper demo $(DEMO)

kiosk: $(VENV)/.kiosk
	@echo "The kiosk is set up. At a door: $(BIN)/hallkeeper-kiosk enrol --dir kiosk-here --code CODE (docs/kiosk.md)"

set-up: $(VENV)/.test

# Keep compiled tests in any case, or each worker compiles them again.
test quick soak: export PYTHONDONTWRITEBYTECODE :=

test: $(VENV)/.test
	$(BIN)/pytest $(WORKERS) $(PYTEST)

quick: $(VENV)/.test
	$(BIN)/pytest -q --quick $(WORKERS) $(PYTEST)

soak: $(VENV)/.test
	$(BIN)/pytest -m soak $(WORKERS) $(PYTEST)

check: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -q tests/test_house.py tests/test_docs.py

# The counter for any number of doors. With spin (apt-get install spin) a second engine, too.
# Then every sequence of up to DEPTH acts in small venues, as far as PROOF_S seconds reach in each.
proof: $(VENV)/.proof
	$(BIN)/python -m tests.worlds.proof
	$(BIN)/python -m tests.worlds --all --depth $(DEPTH) --seconds $(PROOF_S) $(if $(WALKS),--folder $(WALKS))

bench: $(VENV)/.bench
	$(BIN)/python -m tests.bench $(BENCH)

# Known faults of the pinned libraries. It needs a network (docs/security.md).
libraries: $(VENV)/.test build/audit/bin/pip-audit
	rm -f build/audit/report.json
	build/audit/bin/pip-audit --requirement $(CONSTRAINTS) --no-deps --disable-pip --progress-spinner off \
		--format json --output build/audit/report.json || test -s build/audit/report.json
	$(BIN)/python -m tests.libraries build/audit/report.json

build/audit/bin/pip-audit: $(CONSTRAINTS)
	$(PYTHON) -m venv build/audit
	build/audit/bin/pip install --quiet pip-audit==2.10.1
	touch $@

# Wheel and sdist of this tree in build/dist (packaging/README.md).
wheel: build/packaging/.tools
	packaging/build-python build/dist

# The image of a USB stick that makes any PC a kiosk, in build/dist (docs/install.md).
stick: wheel
	RELEASES=deb13 ARCHITECTURES=amd64 COMPRESSION=none packaging/debian/build "$$(ls -t build/dist/*.whl | head -1)" packaging/locks build/stick
	packaging/stick/image "$$(ls -t build/stick/hallkeeper-kiosk_*.deb | head -1)" build/dist

# All files of a release, from its tag (docs/release.md). KEY=~/.ssh/FILE signs them, REHEARSAL=yes needs no tag.
release: build/packaging/.tools
	KEY=$(KEY) REHEARSAL=$(REHEARSAL) packaging/release

build/packaging/.tools: packaging/locks/tools.txt
	$(PYTHON) -m venv --clear build/packaging
	build/packaging/bin/pip install --quiet --require-hashes --only-binary :all: -r $<
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info

$(VENV)/.kiosk: pyproject.toml $(CONSTRAINTS) .ci/setup
	PYTHON="$(PYTHON)" .ci/setup $(VENV) ".[kiosk]"
	touch $@

$(VENV)/.run: pyproject.toml $(CONSTRAINTS) .ci/setup
	PYTHON="$(PYTHON)" .ci/setup $(VENV) ".[server,kiosk]"
	touch $(VENV)/.kiosk $@

$(VENV)/.postgresql: $(VENV)/.run
	PYTHON="$(PYTHON)" .ci/setup $(VENV) ".[server,kiosk,postgresql]"
	touch $@

$(VENV)/.test: pyproject.toml $(CONSTRAINTS) .ci/setup
	PYTHON="$(PYTHON)" .ci/setup $(VENV) ".[test]"
	touch $(VENV)/.kiosk $(VENV)/.run $(VENV)/.postgresql $@

$(VENV)/.proof: pyproject.toml $(CONSTRAINTS) .ci/setup
	PYTHON="$(PYTHON)" .ci/setup $(VENV) ".[proof]"
	touch $(VENV)/.kiosk $(VENV)/.run $(VENV)/.postgresql $(VENV)/.test $@

$(VENV)/.bench: pyproject.toml $(CONSTRAINTS) .ci/setup
	PYTHON="$(PYTHON)" .ci/setup $(VENV) ".[bench]"
	touch $(VENV)/.kiosk $(VENV)/.run $(VENV)/.postgresql $(VENV)/.test $@
