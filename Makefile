# Set-up, gates and the running of lungcad. `make help` lists what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

VENV := .venv
BIN := $(VENV)/bin
# Stamps live in the environment, so that removing it removes them.
PYTHON_READY := $(VENV)/.python-ready
DEBIAN_READY := $(VENV)/.debian-ready
PACKAGE_READY := $(VENV)/.package-ready

.PHONY: help setup demo serve viewer test test-services test-units lint gate-format gate-rules gate-types gate-imports unit format docs constraints clean distclean

help: ## List the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | awk -F'\t' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(PACKAGE_READY) $(DEBIAN_READY) ## Make the virtual environment and, when root, install the Debian packages

$(PYTHON_READY): .ci/python
	@python=$$(.ci/python) && { [ -x $(BIN)/python ] || { echo "Making $(VENV) with $$python"; "$$python" -m venv $(VENV); }; }
	@touch $@

$(DEBIAN_READY): .ci/debian-packages $(PYTHON_READY)
	@.ci/debian-packages
	@touch $@

$(PACKAGE_READY): pyproject.toml constraints.txt $(PYTHON_READY)
	@echo "Installing lungcad and its pinned dependencies (about 2 GB, some minutes the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input -c constraints.txt -e '.[dev,train,openvino]'
	@touch $@

demo: setup ## Analyse a made-up study end to end: C-STORE into an embedded Orthanc, SR and SEG back
	@$(BIN)/lungcad demo --out demo_output

serve: setup ## Keep an embedded Orthanc and the service running until Ctrl-C
	@$(BIN)/lungcad demo --out demo_output --then serve

viewer: setup ## The same with the OHIF viewer in front, opened on the demo study
	@$(BIN)/lungcad demo --out demo_output --then viewer

lint: $(PACKAGE_READY) ## Format check, ruff, mypy --strict, import contracts
	@$(MAKE) --no-print-directory gate-format gate-rules gate-types gate-imports

# One gate each and no set-up, so that tests/integration/test_gates.py can run them on a spoilt copy of the project.
gate-format:
	@echo "== ruff format --check"; $(BIN)/ruff format --check
gate-rules:
	@echo "== ruff check"; $(BIN)/ruff check
gate-types:
	@echo "== mypy --strict"; $(BIN)/mypy
gate-imports:
	@echo "== import contracts"; $(BIN)/lint-imports --no-cache

# In processes of their own: after OpenVINO has run and torch's DataLoader has forked a worker, the end of any program that
# is started later crashes the interpreter. Services wait much and units compute much, so that they run side by side.
OPENVINO_TESTS := tests/unit/models/running/test_runtimes.py
test: setup lint ## Every gate and every test; says what was skipped and why
	@$(MAKE) --no-print-directory -j2 --output-sync=target test-services test-units

test-services:
	@echo "== pytest: objects and services"; $(BIN)/python -m pytest tests/contract tests/integration
test-units:
	@echo "== pytest: units"; $(BIN)/python -m pytest tests/unit --ignore=tests/unit/models
	@echo "== pytest: networks"; $(BIN)/python -m pytest tests/unit/models --ignore=$(OPENVINO_TESTS)
	@echo "== pytest: runtimes"; $(BIN)/python -m pytest $(OPENVINO_TESTS)

unit: $(PACKAGE_READY) ## The unit tests alone
	@$(BIN)/python -m pytest tests/unit -q

format: $(PACKAGE_READY) ## Format the code and sort its imports
	@$(BIN)/ruff check --select I --fix; $(BIN)/ruff format

docs: $(PACKAGE_READY) ## Draw the tables of docs/ anew from the code
	@$(BIN)/python -m tests.documented_tables

constraints: $(PACKAGE_READY) ## Write constraints.txt from what is installed now
	@.ci/constraints $(BIN)/python >constraints.txt.new && mv constraints.txt.new constraints.txt

clean: ## Remove what tests and builds leave behind
	rm -rf build dist demo_output test_artifacts htmlcov .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis \
	    .import_linter_cache .cache

distclean: clean ## Remove the virtual environment too
	rm -rf $(VENV) lungcad.egg-info
