# Two commands do everything on a fresh machine: `make study` and `make test`.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
CORES ?= all

.PHONY: study test lint docs inspect

study: $(VENV)/study.stamp
	$(BIN)/snakemake --cores $(CORES)
	@echo "The report and the page to explore:" && ls results/*/report.zip results/*/explorer.html

test: $(VENV)/test.stamp
	$(BIN)/python -m pytest

# To import Inspect logs without conda: inspect_ai in an environment of its own (260 MB).
inspect: envs/requirements-inspect.txt
	test -x .venv-inspect/bin/python || $(PYTHON) -m venv .venv-inspect
	.venv-inspect/bin/python -m pip install --quiet --no-deps --requirement $<

docs: $(VENV)/test.stamp
	$(BIN)/python -m pytest tests/test_comparisons.py tests/test_fit_pages.py tests/test_seed_defects.py --write-docs

lint: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

# The locks list every package, so nothing is resolved and nothing surplus is installed.
$(VENV)/study.stamp: envs/requirements.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-deps --requirement envs/requirements.txt
	touch $@

$(VENV)/test.stamp: envs/requirements-test.txt $(VENV)/study.stamp
	$(BIN)/python -m pip install --quiet --no-deps --requirement envs/requirements-test.txt
	touch $@
