# Two commands on a fresh machine with Python 3.11: `make study` and `make test`. Each makes the environment it needs.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: study test check clean

study: $(VENV)/ready
	$(BIN)/smallsteps run baselines/micro/study.yaml

test: $(VENV)/ready-dev
	$(BIN)/python -m pytest -q -n auto --dist loadfile

check: $(VENV)/ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt -e .
	touch $@

$(VENV)/ready-dev: $(VENV)/ready
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev,serving]'
	touch $@

clean:
	rm -rf $(VENV) build dist
