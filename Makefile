# Everything a person types here. `make` alone lists it. Needs GNU make and a plain python3 (3.11), nothing else.

PYTHON ?= python3
PORT ?= 3000
WORKERS ?= 3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
STAMP := $(VENV)/.installed
SOURCES := quant_assets quant_resources partitions sensors
LOCK_VENV := .venv-lock

.DEFAULT_GOAL := help
.PHONY: help install demo test ui lint format bench lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' Makefile

install: $(STAMP) ## create .venv with every dependency at its pinned, hashed version, and this project, compiled

$(STAMP): constraints.txt pyproject.toml
	$(PYTHON) -m venv --clear $(VENV)
	$(PIP) --no-deps --require-hashes --only-binary :all: -r constraints.txt
	$(PIP) --no-deps --no-build-isolation -e .
	$(BIN)/python -m compileall -q $(SOURCES)
	$(BIN)/python -m quant_assets.features.compiling
	@touch $(STAMP)

demo: install ## materialize the demo profile's whole history on the synthetic market and say where the report is
	$(BIN)/quant demo

test: install ## the whole suite: linters, types, layers, unit, graph and end-to-end tests (WORKERS=3 processes)
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --no-loadscope-reorder

ui: install ## the Dagster pages and daemon on the loopback address (PORT=3000), until Ctrl-C
	$(BIN)/python -m quant_resources.dev_server --port $(PORT)

lint: install ## style, formatting, layers and types, without the tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

format: install ## sort imports and format in place
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

bench: install ## the figures of the documentation, measured on this machine
	$(BIN)/python -m benchmarks

# peewee is left out: a metadata-only need of empyrical-reloaded (a version cap for another package) that it never
# imports, with no wheel. The list is complete otherwise, hence --no-deps in `install`.
lock: ## write constraints.txt anew: the newest versions that pyproject.toml allows
	$(PYTHON) -m venv $(LOCK_VENV)
	$(LOCK_VENV)/bin/python -m pip install --quiet --disable-pip-version-check uv
	{ echo "# Every package that is installed, with the hashes of its files: CPython 3.11, Linux x86_64."; \
	  echo "# Written by 'make lock'; not edited by hand."; \
	  $(LOCK_VENV)/bin/uv pip compile pyproject.toml --quiet --no-header --extra dev --extra vectorbt --extra tradingview --upgrade \
	    --generate-hashes --no-emit-index-url --no-emit-find-links --only-binary :all: \
	    --no-binary peewee --no-emit-package peewee \
	    --python-version 3.11 --python-platform x86_64-manylinux_2_28; } > constraints.txt.new
	mv constraints.txt.new constraints.txt

clean: ## remove what make built here: environments and caches, never the lakehouse
	rm -rf $(VENV) $(LOCK_VENV) *.egg-info build .coverage htmlcov .benchmarks
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find $(SOURCES) tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
