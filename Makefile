# Two commands on a fresh machine with Python 3.11: `make study` and `make test`. Each makes the environment it needs;
# that of `make study` runs every command of the README, the gate in pytest included.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: study test check clean

study: $(VENV)/ready
	$(BIN)/smallsteps run baselines/micro/study.yaml
	@echo "For the other commands of the README: source $(BIN)/activate"

test: $(VENV)/ready-dev
	$(BIN)/python -m pytest -q -n auto --dist loadfile --no-loadscope-reorder

check: $(VENV)/ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[gate]'
	touch $@

$(VENV)/ready-dev: $(VENV)/ready
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev,gguf,lora,serving]'
	touch $@

clean:
	rm -rf $(VENV) build dist
