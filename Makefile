# The two commands are `make demo` and `make test`; `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/.stamps
# one process per core, one thread per fit
export OMP_NUM_THREADS ?= 1
# compiled modules halve the start of every process; some shells switch them off
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test soak check fmt lint types arch review docs docs-check lock bench clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "Modelwright needs Python 3.11, 3.12 or 3.13; '$(PYTHON)' is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12 ..."; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(STAMPS)/base: requirements/lock.txt pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/lock.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/dev: requirements/lock-dev.txt $(STAMPS)/base
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/lock-dev.txt
	@mkdir -p $(STAMPS) && touch $@

demo: $(STAMPS)/base  ## train, review and bundle a model of a real table, and tell the story
	$(BIN)/modelwright demo

test: $(STAMPS)/dev  ## install what tests need and pass them
	$(BIN)/python -m pytest -q -n 2 --dist worksteal $(TESTS)

soak: $(STAMPS)/dev  ## the slow tests: kills, swaps and streams by the thousand, long fuzzing, a Ray cluster of our own
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/lock-ray.txt
	MODELWRIGHT_REQUIRE_SERVICES=1 $(BIN)/python -m pytest -q -n 0 -m soak

check: $(STAMPS)/dev lint types arch review docs-check test  ## everything CI runs

fmt: $(STAMPS)/dev  ## format the code
	$(BIN)/ruff format src tests benchmarks
	$(BIN)/ruff check --fix src tests benchmarks

lint: $(STAMPS)/dev  ## formatting and lint rules
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks

types: $(STAMPS)/dev  ## mypy, strict
	$(BIN)/mypy

arch: $(STAMPS)/dev  ## import contracts between the rooms
	$(BIN)/lint-imports

review: $(STAMPS)/dev  ## review our own code
	$(BIN)/modelwright review code src --fail-on medium --quiet

docs: $(STAMPS)/dev  ## write the generated reference pages
	$(BIN)/python docs/generate.py

docs-check: $(STAMPS)/dev  ## the generated pages are up to date and every link resolves
	$(BIN)/python docs/generate.py --check

bench: $(STAMPS)/dev  ## run the benchmarks; they print ratios, and take a while
	for file in benchmarks/[a-z]*.py benchmarks/code_review/measure.py; do $(BIN)/python $$file || exit 1; done

lock:  ## renew the pinned locks (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
	  --no-header --no-annotate pyproject.toml requirements/build.in -o requirements/lock.txt
	uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
	  --no-header --no-annotate -c requirements/lock.txt pyproject.toml requirements/dev.in \
	  --extra catboost --extra ebm --extra delta --extra mlflow --extra grpc --extra streams --extra otel -o requirements/lock-dev.txt
	uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
	  --no-header --no-annotate -c requirements/lock-dev.txt pyproject.toml --extra ray -o requirements/lock-ray.txt

clean:  ## remove the environment and caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
