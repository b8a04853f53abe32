# Every target may be run as any user: only tools/test-packages makes use of root, and it goes on without.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BUILD_INPUTS := pyproject.toml setup.py $(wildcard src/lichen/platforms/_native.c)

.DEFAULT_GOAL := setup
.DELETE_ON_ERROR:
.PHONY: setup demo lint test bench reference userland clean

setup: $(VENV)/.installed userland

# Lichen's own Windows programs, where there is a compiler for them.
userland:
	@$(PYTHON) userland/windows/build.py

# Finds or fetches the Windows userland, boots a machine and shows both worlds on it.
demo: setup
	$(BIN)/lichen demo

lint: $(VENV)/.installed-test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# The packages come first: python3-venv is one of them. The Windows userland is fetched once for all runs.
# The number between the two runs is how much of abi/ and executive/ the unit tests reach by themselves: 90 % at least.
test:
	@tools/test-packages
	@$(MAKE) --no-print-directory userland lint
	@$(BIN)/python -m tests.userlands
	$(BIN)/coverage run -m pytest -q tests/unit
	$(BIN)/coverage report
	$(BIN)/pytest -q --ignore tests/unit

# Ratios to native, and to Wine and proot where they are installed; nothing here is asserted.
bench: $(VENV)/.installed-test
	$(BIN)/python -m tests.bench

# What is made from the code and the tests: the calls, and what administrators can do. Unit tests compare.
reference: $(VENV)/.installed-test
	$(BIN)/python -m lichen.cli.reference docs/calls.md
	$(BIN)/python -m tests.administration docs/administration.md

clean:
	rm -rf $(VENV) build dist src/*.egg-info .coverage .mypy_cache .pytest_cache .ruff_cache
	rm -rf src/lichen/platforms/_native*.so src/lichen/userland
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.installed: $(BUILD_INPUTS)
	@tools/make-venv $(VENV) $(PYTHON)
	$(BIN)/pip --disable-pip-version-check install --editable .
	@tools/isolate $(BIN)/lichen
	@touch $@

# The test environment is a superset, so making it makes the other stamp true as well.
$(VENV)/.installed-test: $(BUILD_INPUTS)
	@tools/make-venv $(VENV) $(PYTHON)
	$(BIN)/pip --disable-pip-version-check install --editable '.[test]'
	@tools/isolate $(BIN)/lichen
	@touch $(VENV)/.installed $@
