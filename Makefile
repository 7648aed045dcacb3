# Two commands do everything on a fresh machine: `make study` and `make test`. `make help` lists all.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
CORES ?= all
# Which tests share a worker, and which start first, is in tests/support/distribution.py.
PYTEST := $(BIN)/python -m pytest --numprocesses logical --dist loadfile

.PHONY: help study test test-slow test-all test-conda test-slurm lint docs inspect audit release

## help: list the targets
help:
	@sed -n 's/^## /  make /p' $(MAKEFILE_LIST)

## study: set up .venv, run the default studies, say what they found
study: $(VENV)/study.stamp
	@PYTHONPATH=workflow $(BIN)/snakemake --cores $(CORES) --logger stages
	@cat results/index.txt

## test: set up the same with the test tools, run the tests (about ten minutes on two cores)
test: $(VENV)/test.stamp
	$(PYTEST)

## test-slow: run what `make test` leaves out
test-slow: $(VENV)/test.stamp
	$(PYTEST) -m slow

## test-all: run everything but the next two, with every Snakemake and every job in a new process, which `make test` forks
test-all: $(VENV)/test.stamp
	$(PYTEST) -m "not conda and not slurm" --real-processes

## test-conda: make every conda environment of a CPU and run small studies in them (docs/guide/environments.md)
test-conda: $(VENV)/test.stamp
	$(BIN)/python -m pytest -m conda

## test-slurm: run the workflow through a SLURM of one node; needs root, skipped, saying why, where none can be had
test-slurm: $(VENV)/test.stamp
	command -v slurmd || ! command -v apt-get || test "$$(id -u)" != 0 || { apt-get update -qq \
	  && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends slurm-wlm munge; } || true
	$(BIN)/python -m pytest -m slurm tests/workflow/slurm

## inspect: set up .venv-inspect (260 MB), to import Inspect logs without conda
inspect: envs/requirements-inspect.txt
	test -x .venv-inspect/bin/python || $(PYTHON) -m venv .venv-inspect
	.venv-inspect/bin/python -m pip install --quiet --no-deps --requirement $<

## docs: write the pages of docs/ that tests make
docs: $(VENV)/test.stamp
	$(BIN)/python -m pytest tests/compute/test_comparisons.py tests/analysis/test_fit_pages.py tests/workflow/test_reruns.py \
		tests/compute/test_seed_defects.py tests/core/test_tables.py tests/analysis/test_budgets.py \
		tests/analysis/test_real_models.py tests/analysis/policies/test_page.py --write-docs
	$(BIN)/python -m pytest -m slow tests/generation/test_faults.py tests/workflow/test_edits_in_one_run.py --write-docs

## lint: check style and format
lint: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

## audit: look for known vulnerabilities of the locked packages; fails where one cannot be looked up
audit:
	test -x .venv-audit/bin/pip-audit || $(PYTHON) -m venv .venv-audit
	.venv-audit/bin/python -m pip install --quiet pip-audit==2.10.1
	for lock in envs/requirements*.txt; do \
		.venv-audit/bin/pip-audit --strict --disable-pip --no-deps --requirement $$lock || exit 1; done

## release: check what a release has to pass (CONTRIBUTING.md has the steps)
release: lint $(VENV)/test.stamp
	test -z "$$(git status --porcelain)" || { echo "commit first"; exit 1; }
	$(BIN)/python -m pytest tests/workflow/test_release.py
	$(PYTEST) -m "slow or not slow" --real-processes

# The locks list every package, so nothing is resolved and nothing surplus is installed.
INSTALL = begun=$$(date +%s); echo "Installing $$(grep -c == $<) packages into $(VENV): usually two to four minutes …" \
	&& $(BIN)/python -m pip install --quiet --no-deps --requirement $< \
	&& touch $@ && echo "installed in $$(($$(date +%s) - begun)) s"

$(VENV)/study.stamp: envs/requirements.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(INSTALL)

$(VENV)/test.stamp: envs/requirements-test.txt $(VENV)/study.stamp
	@$(INSTALL)
