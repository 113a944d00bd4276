# Everything a developer types. `make demo` is the main job; `make check` is what CI runs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
PY := $(BIN)/python
STAMP := $(VENV)/.installed
EXTRAS := train,league,evolve,data,dev

# uv does not read PIP_FIND_LINKS; where it is set, a CPU build of torch lies there.
WHEELS := $(if $(PIP_FIND_LINKS),$(foreach place,$(PIP_FIND_LINKS),--find-links "$(place)"),--torch-backend cpu)

PYTEST_ARGS ?= -n auto
SEED ?= 0

.PHONY: help install demo test slow nojit bounds learners golden lint fmt types docs bench tables warmup build check clean

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(PY):
	$(PYTHON) -m venv $(VENV)

$(STAMP): pyproject.toml constraints.txt | $(PY)
	$(PY) -m pip install --quiet --constraint constraints.txt uv
	$(PY) -m uv pip install --compile-bytecode --python $(PY) --constraint constraints.txt $(WHEELS) --editable ".[$(EXTRAS)]"
	@touch $(STAMP)

install: $(STAMP)  ## make .venv with everything in it

demo: $(STAMP)  ## train on a day, compare on held-out worlds, write a report (DATA=message file of a real day)
	$(BIN)/qsl demo $(if $(DATA),--data "$(DATA)") $(ARGS)

test: $(STAMP)  ## the fast tests, minutes
	$(PY) -m pytest $(PYTEST_ARGS) $(ARGS)

slow: $(STAMP)  ## the slow tests only
	$(PY) -m pytest $(PYTEST_ARGS) -m slow $(ARGS)

nojit: $(STAMP)  ## the fast tests with the kernels interpreted: breakpoints and coverage work
	NUMBA_DISABLE_JIT=1 $(PY) -m pytest $(PYTEST_ARGS) -m "not slow and not compiled" $(ARGS)

bounds: $(STAMP)  ## the fast tests with array bounds and inner checks compiled in
	NUMBA_BOUNDSCHECK=1 QSL_CHECK=1 $(PY) -m pytest $(PYTEST_ARGS) $(ARGS)

# TorchRL brings much that nothing else here needs, RLlib pins another Gymnasium: each has a virtual environment of its own.
learners: .venv-torchrl/.installed .venv-rllib/.installed  ## the tests of TorchRL and RLlib, which `test` skips
	.venv-torchrl/$(notdir $(BIN))/python -m pytest -n 0 tests/adapters/test_learners.py -k torchrl $(ARGS)
	.venv-rllib/$(notdir $(BIN))/python -m pytest -n 0 tests/adapters/test_learners.py -k rllib $(ARGS)

.venv-torchrl/.installed: LEARNER := --constraint constraints.txt torchrl
.venv-rllib/.installed: LEARNER := "ray[rllib]"
.venv-%/.installed: pyproject.toml constraints.txt | $(STAMP)
	$(PYTHON) -m venv .venv-$*
	$(PY) -m uv pip install --python .venv-$* $(WHEELS) --editable . $(shell grep '^torch==' constraints.txt) pytest pytest-xdist hypothesis $(LEARNER)
	@touch $@

golden: $(STAMP)  ## write the digests of short trajectories anew; the diff needs a reason in the commit
	$(PY) -m tests.golden.update

lint: $(STAMP)  ## ruff and the import contracts
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(BIN)/lint-imports --no-cache

fmt: $(STAMP)  ## write the format that lint wants
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

types: $(STAMP)  ## mypy on the public faces
	$(PY) -m mypy

docs: $(STAMP)  ## the site, in docs/_build/html; a warning is an error
	$(PY) -m sphinx -W --keep-going -q -b html docs docs/_build/html

bench: $(STAMP)  ## measure this machine; tables go to the terminal and to docs/benchmarks-speed.md
	$(PY) -m benchmarks $(ARGS)

tables: bench  ## the same: every measured table in docs is written by its benchmark

warmup: $(STAMP)  ## compile every kernel now
	$(BIN)/qsl warmup

build: $(STAMP)  ## wheel and sdist, in dist/
	$(PY) -m build --installer uv --outdir dist .

check:  ## what CI runs
	./.ci/run

clean:  ## remove what can be made again, except .venv
	rm -rf build dist docs/_build .pytest_cache .ruff_cache .mypy_cache .hypothesis
