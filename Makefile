# Every command of the project, defined once: CI (.ci/run), pre-commit and people call these targets.
# `demo`, `run` and `test` prepare the environment themselves, so a fresh clone needs one command.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo run test check static fmt fmt-check lint types contracts architecture bench lock

VENV := .venv
BIN  := $(VENV)/bin
PY   := $(BIN)/python
ARGS ?=

# An explicit PYTHON is taken as it is; otherwise the first supported one of these names is used.
PYTHON     ?=
CANDIDATES := $(or $(PYTHON),python3 python3.13 python3.12 python3.11 python3.14)
SUPPORTED  := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))

# Keyed on content and place, not on time: nothing is reinstalled after a checkout that changed neither the lock nor the
# packaging; a folder that was moved or copied gets a new .venv, because the scripts in it name the old place.
DEPENDENCIES_KEY := $(firstword $(shell { pwd -P; cat requirements.lock; } | cksum))
PROJECT_KEY      := $(firstword $(shell { pwd -P; sed '/^\[tool.pytest/,$$d' pyproject.toml; } | cksum))
DEPENDENCIES     := $(VENV)/.dependencies-$(DEPENDENCIES_KEY)
PROJECT          := $(VENV)/.project-$(PROJECT_KEY)

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile

setup: $(DEPENDENCIES) $(PROJECT) ## Create .venv with the locked dependencies (PYTHON=... chooses the interpreter)
	@:

$(DEPENDENCIES):
	@set -euo pipefail; \
	if ! { $(PY) -c '$(SUPPORTED)' && grep -qF "$$(pwd -P)/$(VENV)" $(BIN)/activate; } 2>/dev/null; then \
	  chosen=; for name in $(CANDIDATES); do if "$$name" -c '$(SUPPORTED)' 2>/dev/null; then chosen=$$name; break; fi; done; \
	  if [ -z "$$chosen" ]; then \
	    echo "setup: none of these is Python 3.11 to 3.14: $(CANDIDATES). Install one, or name it: make setup PYTHON=/path/to/python" >&2; exit 1; fi; \
	  echo "setup: creating $(VENV) with $$("$$chosen" --version)"; \
	  "$$chosen" -m venv --clear $(VENV) || { echo "setup: $$chosen has no working venv module; install it (Debian: python3-venv)" >&2; exit 1; }; fi; \
	rm -f $(VENV)/.dependencies-*; \
	echo "setup: installing the $$(grep -c '==' requirements.lock) entries of requirements.lock (the first run takes a minute or two)"; \
	$(PY) -m pip install --disable-pip-version-check --no-input --progress-bar off --require-hashes -r requirements.lock \
	  2> >(grep -v 'is neither a file nor a directory' >&2) | awk '$$1 == "Collecting" {print "  " $$2; fflush()}'; \
	touch $@

$(PROJECT): $(DEPENDENCIES)
	@set -euo pipefail; \
	rm -f $(VENV)/.project-*; \
	echo "setup: making the checkout importable (editable, see docs/decisions/0008-editable-install-no-wheel.md)"; \
	$(PY) -m pip install --disable-pip-version-check --no-input --quiet --no-deps --no-build-isolation -e .; \
	touch $@

demo: setup ## Start everything on this machine: demo cluster, console, bot
	@$(PY) -m hexa demo $(ARGS)

run: setup ## Start Hexa with the configuration of the environment and hexa.yaml
	@$(PY) -m hexa run $(ARGS)

test: setup ## Run the tests that need nothing but Python (ARGS="-k name" narrows them)
	@$(PY) -m pytest $(ARGS)

check: static architecture test ## Everything a change must pass: static, architecture tests, tests

static: fmt-check lint types contracts ## Formatting, lint, types, import contracts

fmt: setup ## Format the code and apply the safe lint fixes
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format .

fmt-check: setup
	@$(BIN)/ruff format --check .

lint: setup ## Run ruff
	@$(BIN)/ruff check .

types: setup ## Run mypy, strict
	@$(BIN)/mypy

contracts: setup ## Check the import contracts
	@$(BIN)/lint-imports --no-logo

architecture: setup ## Run the architecture tests: budgets, homes, lock, manifest, decisions
	@$(PY) -m pytest -q tests/architecture

bench: setup ## Measure against the bars of the design
	@if [ -d benchmarks ]; then $(PY) -m benchmarks $(ARGS); else echo "bench: nothing is measured yet, there is no benchmarks/"; fi

lock: setup ## Resolve requirements.lock anew from pyproject.toml (ARGS=--upgrade takes newer versions)
	@$(BIN)/uv pip compile pyproject.toml --quiet --group dev --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --no-annotate -o requirements.lock $(ARGS)
