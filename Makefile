PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: train test test-all lint clean

train: $(VENV)/installed
	$(BIN)/python train.py --resume

test: $(VENV)/installed
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

test-all: $(VENV)/installed
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile -m ""

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

$(VENV)/installed: setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --quiet --constraint constraints.txt --editable ".[test]"
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info
