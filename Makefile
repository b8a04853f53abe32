# Every target may be run as any user; only tools/test-packages makes use of root, and goes on without it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install
BUILD_INPUTS := pyproject.toml setup.py tools/make-venv $(wildcard src/lichen/platforms/_native.c)

.DEFAULT_GOAL := setup
.DELETE_ON_ERROR:
.PHONY: setup test lint clean

setup: $(VENV)/.installed

lint: $(VENV)/.installed-test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

test: packages lint
	$(BIN)/pytest -q

.PHONY: packages
packages:
	@tools/test-packages

clean:
	rm -rf $(VENV) build dist src/*.egg-info .mypy_cache .pytest_cache .ruff_cache src/lichen/platforms/_native*.so
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.installed: $(BUILD_INPUTS)
	tools/make-venv $(VENV) $(PYTHON)
	$(PIP) --editable .
	@touch $@

# The test environment is a superset, so making it makes the other stamp true too.
$(VENV)/.installed-test: $(BUILD_INPUTS)
	tools/make-venv $(VENV) $(PYTHON)
	$(PIP) --editable '.[test]'
	@touch $(VENV)/.installed $@
