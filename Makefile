# Parvis. `make` alone lists the verbs.

SHELL := /bin/sh
.DEFAULT_GOAL := help

# Where tools are often found without being on the PATH: pip's user scripts, uv's own installer, pyenv's interpreters.
export PATH := $(PATH):$(CURDIR)/var/tools/bin:$(HOME)/.local/bin:$(HOME)/.cargo/bin:$(subst $(eval ) ,:,$(wildcard $(HOME)/.pyenv/versions/3.1[0-3].*/bin))
export RASA_TELEMETRY_ENABLED := false

UV := $(shell command -v uv 2>/dev/null || echo $(CURDIR)/var/tools/bin/uv)

.PHONY: help setup run test check bench clean format

help: ## List the verbs
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(UV) .venv/.installed nlu/.venv/.installed ## Install both Python environments

run: setup ## Install what is missing, train if needed, start everything; Ctrl-C stops it
	@.venv/bin/parvis up --foreground

test: setup ## Install what is missing and run every test
	@.venv/bin/pytest

check: setup ## Lint, types, import contracts, lock files
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports
	$(UV) lock --check
	$(UV) lock --check --project nlu

format: setup ## Format the code
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

bench: setup ## Measure, each figure beside its baseline
	@.venv/bin/parvis bench

clean: ## Remove environments, models and state (conversations and tickets too)
	rm -rf .venv nlu/.venv models var

# uv comes from PyPI into a folder of its own, with any Python 3.11 or later.
$(CURDIR)/var/tools/bin/uv:
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Parvis needs Python 3.11 or later as python3"; exit 1; }
	@echo "Installing uv into var/tools"
	@python3 -m venv var/tools && var/tools/bin/python -m pip install --quiet --disable-pip-version-check uv \
		|| python3 -m pip install --quiet --disable-pip-version-check --target var/tools uv \
		|| { echo "uv could not be installed: see https://docs.astral.sh/uv/getting-started/installation/"; exit 1; }

.venv/.installed: pyproject.toml uv.lock
	@$(UV) sync --frozen
	@touch $@

# Rasa lives in an environment of its own: its last release needs Python 3.10.
nlu/.venv/.installed: nlu/pyproject.toml nlu/uv.lock
	@echo "Installing Rasa's environment: 2.5 GB, about a minute with a warm cache, several without"
	@$(UV) sync --frozen --project nlu
	@touch $@
