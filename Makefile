# Two commands do everything on a fresh machine: `make study` and `make test`.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
CORES ?= all
# Which tests share a worker, and which start first, is in tests/support/distribution.py.
PYTEST := $(BIN)/python -m pytest --numprocesses logical --dist loadfile

.PHONY: study test test-slow test-all test-conda test-slurm lint docs inspect audit release

study: $(VENV)/study.stamp
	$(BIN)/snakemake --cores $(CORES)
	@cat results/*/findings.md
	@echo "The report and the page to explore:" && ls results/*/report.zip results/*/explorer.html

test: $(VENV)/test.stamp
	$(PYTEST)

# What `make test` leaves out.
test-slow: $(VENV)/test.stamp
	$(PYTEST) -m slow

# Everything but the two below, and every Snakemake and every job a process started anew, which `make test` forks.
test-all: $(VENV)/test.stamp
	$(PYTEST) -m "not conda and not slurm" --real-processes

# Makes every conda environment of a CPU and runs small studies in them; see docs/guide/environments.md.
test-conda: $(VENV)/test.stamp
	$(BIN)/python -m pytest -m conda

# The workflow through a SLURM of one node, which needs root; skipped, saying why, where none can be had.
test-slurm: $(VENV)/test.stamp
	command -v slurmd || ! command -v apt-get || test "$$(id -u)" != 0 || { apt-get update -qq \
	  && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends slurm-wlm munge; } || true
	$(BIN)/python -m pytest -m slurm tests/workflow/slurm

# To import Inspect logs without conda: inspect_ai in an environment of its own (260 MB).
inspect: envs/requirements-inspect.txt
	test -x .venv-inspect/bin/python || $(PYTHON) -m venv .venv-inspect
	.venv-inspect/bin/python -m pip install --quiet --no-deps --requirement $<

docs: $(VENV)/test.stamp
	$(BIN)/python -m pytest tests/compute/test_comparisons.py tests/analysis/test_fit_pages.py tests/workflow/test_reruns.py \
		tests/compute/test_seed_defects.py --write-docs

lint: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

# Known vulnerabilities of the locked packages, from the Python package index; fails where one cannot be looked up.
audit:
	test -x .venv-audit/bin/pip-audit || $(PYTHON) -m venv .venv-audit
	.venv-audit/bin/python -m pip install --quiet pip-audit==2.10.1
	for lock in envs/requirements*.txt; do \
		.venv-audit/bin/pip-audit --strict --disable-pip --no-deps --requirement $$lock || exit 1; done

# What a release has to pass: CONTRIBUTING.md has the steps.
release: lint $(VENV)/test.stamp
	test -z "$$(git status --porcelain)" || { echo "commit first"; exit 1; }
	$(BIN)/python -m pytest tests/workflow/test_release.py
	$(PYTEST) -m "slow or not slow" --real-processes

# The locks list every package, so nothing is resolved and nothing surplus is installed.
$(VENV)/study.stamp: envs/requirements.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-deps --requirement envs/requirements.txt
	touch $@

$(VENV)/test.stamp: envs/requirements-test.txt $(VENV)/study.stamp
	$(BIN)/python -m pip install --quiet --no-deps --requirement envs/requirements-test.txt
	touch $@
