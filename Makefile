# Every task, one command each. On a fresh machine only Python 3.11 (with venv), make and git are needed.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: help install run test servers ui stop check format bench lock

help: ## shows this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 16

install: $(INSTALLED) ## the environment alone

$(INSTALLED): requirements-dev.txt requirements-uv.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || \
		{ echo "error: Python 3.11 is needed, $(PYTHON) is another. Set PYTHON=/path/to/python3.11." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
		{ echo "error: this Python has no venv. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing what requirements-dev.txt pins …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.txt
	@# Compiled once here: where Python may not write bytecode, every process would compile it all again.
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements-dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

run: install ## everything: warehouse, demo company, one whole refresh, a summary
	@$(BIN)/c360 demo create --if-missing
	@$(BIN)/c360 refresh

test: install ## every test, on two cores
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

servers: ## MariaDB and PostgreSQL 15 for the tests that run on real ones, from Debian's packages; needs root
	@.ci/servers

ui: install ## Dagster's webserver and daemon on http://127.0.0.1:3000, schedule on
	@$(BIN)/c360 ui

stop: ## stops the embedded warehouse and anything else that was started
	@test ! -x $(BIN)/c360 || $(BIN)/c360 stop

check: install ## format, lint, types, SQL lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/sqlfluff lint --disable-progress-bar dbt_project/models dbt_project/tests examples/tryton/staging

format: install ## puts the code into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: install ## the benchmarks' figures, side by side with peers; SETS=, SIZES=, ROWS=, COMPANIES= for less
	$(BIN)/python -m benchmarks.linkage $(if $(SETS),--sets $(SETS))
	$(BIN)/python -m benchmarks.linkage.scale $(if $(SIZES),--sizes $(SIZES))
	$(BIN)/python -m benchmarks.extraction $(if $(ROWS),--rows $(ROWS))
	$(BIN)/python -m benchmarks.gates $(if $(COMPANIES),--sizes $(COMPANIES))

COMPILE = $(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --no-strip-extras --python-version 3.11

lock: ## compiles the requirements anew: pinned, hashed, without addresses
	$(COMPILE) pyproject.toml --output-file requirements.txt
	$(COMPILE) pyproject.toml --group dev --constraints requirements.txt --output-file requirements-dev.txt
