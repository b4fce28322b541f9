# Plain `make` lists what there is. Everything runs in .venv, which is made on the first call.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
export MPLBACKEND ?= Agg

.PHONY: help demo test lab notebooks lint bench clean

help:
	@echo "make demo       build homework 1, grade a class of ten in sandboxes, show the result"
	@echo "make test       run all tests"
	@echo "make lab        open the labs in JupyterLab"
	@echo "make notebooks  build the student's notebooks from their sources"
	@echo "make lint       check style"
	@echo "make bench      measure; see benchmarks/RESULTS.md"
	@echo "make clean      remove the environment and what the demo made"

# The environment is remade when pyproject.toml changes.
$(VENV)/.ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -e ".[dev]"
	@touch $@

demo: $(VENV)/.ready
	@$(BIN)/dlcourse demo

test: $(VENV)/.ready
	$(BIN)/python -m pytest -n logical

lab: $(VENV)/.ready
	env -u MPLBACKEND $(BIN)/jupyter lab labs

notebooks: $(VENV)/.ready
	$(BIN)/dlcourse build

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check dlcourse tests benchmarks data
	$(BIN)/dlcourse build --check

bench: $(VENV)/.ready
	for script in benchmarks/*.py; do $(BIN)/python $$script; done

clean:
	rm -rf $(VENV) demo
