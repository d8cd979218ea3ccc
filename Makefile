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

.PHONY: help setup demo serve viewer test lint gate-format gate-rules gate-types gate-imports unit format docs constraints lock clean distclean

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
	@$(MAKE) --no-print-directory gate-format gate-rules gate-types gate-imports gate-known

# What a gate or a group of tests says of itself: a line at its start, a line with its seconds at its end.
define timed
start=$$SECONDS; echo "== $(1): starts"; if $(2); then end=passed; else end=FAILED; fi; \
    echo "== $(1): $$end after $$((SECONDS - start)) s"; [ $$end = passed ]
endef

# One gate each and no set-up, so that tests/integration/test_gates.py can run them on a spoilt copy of the project.
gate-format:
	@$(call timed,ruff format --check,$(BIN)/ruff format --check)
gate-rules:
	@$(call timed,ruff check,$(BIN)/ruff check)
gate-types:
	@$(call timed,mypy --strict,$(BIN)/mypy)
gate-imports:
	@$(call timed,import contracts,$(BIN)/lint-imports --no-cache)
gate-known:
	@$(call timed,known vulnerabilities,.ci/known-vulnerabilities $(BIN)/python)

# Each group is one process on one core: torch's threads in two processes would wait for each other. Two groups run at a
# time, the gates and the longest first, and each line bears the name of its group. The line of a group that
# counts its tests is kept for the end, where nothing else is printed.
GROUPS := test-services test-scans test-slow test-networks test-contracts test-units test-runtimes
.PHONY: $(GROUPS)
COUNTS := .test-counts
define group
@set -o pipefail; { $(call timed,pytest,OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(2)); } 2>&1 | \
    sed -u -e '/^=* *[0-9].* in [0-9.]*s.*=$$/{w $(COUNTS)/$(1)' -e 'd}' -e 's/^/[$(1)] /'
endef

test: setup ## Every gate and every test; says what was skipped and why
	@rm -rf $(COUNTS); mkdir $(COUNTS)
	@start=$$SECONDS; $(MAKE) --no-print-directory --keep-going -j3 lint $(GROUPS); status=$$?; \
	    for group in $(GROUPS:test-%=%); do echo "== $$group"; [ -s $(COUNTS)/$$group ] && cat $(COUNTS)/$$group || echo "not counted"; done; \
	    rm -rf $(COUNTS); echo "== every test: $$((SECONDS - start)) s"; exit $$status

SCANS := tests/integration/test_*_on_real_scans.py tests/integration/test_calcium_phantom.py \
    tests/integration/test_comparison_of_made_up_visits.py tests/integration/test_sample_studies.py
# In a process of their own: after OpenVINO has run and torch's DataLoader has forked a worker, the end of any program that
# is started later crashes the interpreter.
OPENVINO_TESTS := tests/networks/running/test_runtimes.py
test-services:
	$(call group,services,-v tests/integration $(addprefix --ignore=,$(wildcard $(SCANS))))
test-scans:
	$(call group,scans,-v $(SCANS))
test-networks:
	$(call group,networks,tests/networks --ignore=$(OPENVINO_TESTS))
test-slow:
	$(call group,slow,tests/slow)
test-units:
	$(call group,units,tests/unit)
test-contracts:
	$(call group,contracts,tests/contract)
test-runtimes:
	$(call group,runtimes,$(OPENVINO_TESTS))

unit: $(PACKAGE_READY) ## The unit tests alone, on two cores; nothing in them trains or waits
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/unit -q -n 2

format: $(PACKAGE_READY) ## Format the code and sort its imports
	@$(BIN)/ruff check --select I --fix; $(BIN)/ruff format

docs: $(PACKAGE_READY) ## Draw the tables of docs/ anew from the code
	@$(BIN)/python -m tests.documented_tables

lock: ## Write docker/requirements.lock: what the image installs, with hashes
	@.ci/lock $(BIN)/python

constraints: $(PACKAGE_READY) ## Write constraints.txt from what is installed now
	@.ci/constraints $(BIN)/python >constraints.txt.new && mv constraints.txt.new constraints.txt

clean: ## Remove what tests and builds leave behind
	rm -rf build dist demo_output test_artifacts htmlcov .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis \
	    .import_linter_cache .cache

distclean: clean ## Remove the virtual environment too
	rm -rf $(VENV) lungcad.egg-info
