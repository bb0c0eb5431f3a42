# Everything that a person types. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export BENTOML_DO_NOT_TRACK := True
export PYTHONHASHSEED := 0
# Material for MkDocs says at every build that MkDocs 2 is coming; ours is pinned below it.
export NO_MKDOCS_2_WARNING := true

help: ## list these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-12s %s\n", $$1, $$2}'

setup: $(READY) ## make the virtual environment from the pinned requirements

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "smarketing needs Python 3.11 or newer; name one with: make PYTHON=python3.12"; exit 1; }
	@echo "Setting up $(VENV): about a minute and a half, once."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

spark: $(READY) ## add Spark, for features.spark and its tests (needs Java 17)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-spark.txt

demo: $(READY) ## run the whole way on a sample company, and say what to open
	@$(BIN)/smarketing demo

serve: $(READY) ## start the scoring service on http://127.0.0.1:3000
	@$(BIN)/smarketing serve

test: $(READY) ## run the tests (with CI=true the slow ones too)
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile $(if $(CI),,-m "not slow")

test-spark: spark ## run the tests of Spark, and the notebook about it, in a process of their own
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q tests/features/test_spark.py \
	  "tests/notebooks/test_notebooks.py::test_a_notebook_runs_from_top_to_bottom[07_scale_out]"

# In CI the tests have run the notebooks already.
check: $(READY) ## format, lint, types, the import contract, notebooks, the documentation
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/python -m mypy
	@PYTHONPATH=src:. $(BIN)/lint-imports
	@$(MAKE) --no-print-directory docs
	@$(if $(CI),,OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q tests/notebooks)

docs: $(READY) ## build the documentation into site/; a broken link fails
	@$(BIN)/python -m mkdocs build --strict --quiet
	@echo "open site/index.html; with search: $(BIN)/python -m http.server -b 127.0.0.1 -d site 8000"

notebooks: $(READY) ## run the notebooks anew and keep what they show
	@PYTHONPATH=$(CURDIR)/src:$(CURDIR) OMP_NUM_THREADS=1 $(BIN)/python notebooks/execute.py

bench-tools: $(READY) ## add what the benchmarks compare with: Polars, CatBoost, FLAML
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-bench.txt

bench: bench-tools ## speed and quality, each against named alternatives in one run
	@for file in benchmarks/[a-z]*.py; do $(BIN)/python $$file $(DATA); done

soak: $(READY) ## ten minutes at twice what the service sustains: it sheds, recovers, loses nothing
	@$(BIN)/python benchmarks/fire/soak.py $(DATA)

format: $(READY) ## format the code and mend what the linter can mend
	@$(BIN)/ruff check --quiet --fix . ; $(BIN)/ruff format .

contract: $(READY) ## write the OpenAPI document anew, to be checked in
	@PYTHONPATH=src:. $(BIN)/python -m serving.openapi > docs/openapi.json

lock: $(READY) ## pin every requirement anew, without addresses
	@$(BIN)/python -m uv pip compile --quiet --upgrade --no-header --no-annotate \
	  --extra train --extra docs --extra dev --python-version 3.11 pyproject.toml -o requirements.txt

clean: ## remove what the project made, but not the history and the models
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache report site

.PHONY: test-spark docs notebooks help setup spark bench-tools demo serve test check bench soak format contract lock clean
