# Every target does what it needs first.  PYTHON=python3.12 make install  chooses the interpreter.
SHELL := /bin/bash
PYTHON ?= $(shell for p in python3.12 python3.11 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
STUDY ?= config/demo.yaml
RESULTS := $$($(BIN)/python -c "import dynconv.study as s; print(s.load('$(STUDY)').results)")
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help install demo plan test lint bench clean

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: .venv/installed  ## create .venv with pinned packages

.venv/installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "make: no Python >= 3.11 found; set PYTHON=/path/to/python3.11"; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: install  ## run the whole benchmark on small real data (minutes on 2 cores) and print the verdicts
	$(BIN)/snakemake --profile cluster_profiles/local --configfile $(STUDY)
	@$(BIN)/dynconv list verdicts --study $(STUDY)
	@echo "report: $(RESULTS)/report.html"

plan: install  ## say what STUDY=config/demo.yaml will run and cost on the cluster
	@$(BIN)/dynconv plan --study $(STUDY) --profile cluster_profiles/slurm

lint: install  ## style, types, import contracts, workflow
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

test: lint  ## lint, then every test (unit and end-to-end)
	$(BIN)/pytest -n 2 --dist loadfile

bench: install  ## measure: ratios against peers, each from one run
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[bench]'
	@for f in benchmarks/*/run.py; do echo "== $$f"; $(BIN)/python $$f || exit 1; done

clean:  ## remove caches (never results or data)
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
