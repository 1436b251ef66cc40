# Every target is complete on a fresh machine with git, make and Python >= 3.11.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
OUT    ?= mnemoscope-demo
FUZZ   ?= 20000
KILLS  ?= 200
SEED   ?= 0

.PHONY: demo test coverage lint bench fuzz kills docs format clean

demo: $(STAMP)
	$(BIN)/mnemoscope demo --out $(OUT)

# One thread for each of the two processes: numerical libraries would start two in each.
test: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal

coverage: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal --cov --cov-report=term

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(STAMP)
	$(BIN)/python -m benchmarks

# As many damaged files as you say, from the seed that you say.
fuzz: $(STAMP)
	MNEMOSCOPE_FUZZ=$(FUZZ) MNEMOSCOPE_FUZZ_SEED=$(SEED) OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks fuzz

# As many killed commands as you say, from the seed that you say.
kills: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks kills --kills $(KILLS) --seed $(SEED)

docs: $(STAMP)
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) docs/_build build dist

# A current pip, since older ones cannot read every package's metadata. Then torch, first and by its exact version: any
# other request may bring gigabytes of GPU libraries.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "mnemoscope needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --upgrade 'pip>=25'
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt "$$(grep '^torch==' constraints.txt)"
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,docs]'
	touch $@
