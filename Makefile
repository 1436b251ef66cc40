# Every target is complete on a fresh machine with git, make and Python >= 3.11.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
OUT    ?= mnemoscope-demo
TESTS  ?= tests
FUZZ   ?= 20000
KILLS  ?= 200
SEED   ?= 0
ROOMS  ?=
N      ?= 50
comma  := ,

# Whatever starts many processes compiles its modules once, also where the environment says not to.
test test-slow coverage kills: export PYTHONDONTWRITEBYTECODE =

.PHONY: demo test test-slow coverage lint bench fuzz kills mutants docs format clean dist test-minimum test-latest pip-audit

demo: $(STAMP)
	$(BIN)/mnemoscope demo --out $(OUT)

# One thread for each of the two processes: numerical libraries would start two in each.
test: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal -m "not slow"

# What takes more than ten seconds a test: statistics, kills, whole commands in processes of their own.
test-slow: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal -m slow

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

# Small wrong changes to the core rooms (all, or ROOMS="scores output"): N to each, drawn by SEED. It can be stopped and
# goes on where it was; results are in build/mutants.
mutants: $(STAMP)
	ROOMS="$(ROOMS)" N=$(N) SEED=$(SEED) OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.mutants

docs: $(STAMP)
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) docs/_build build dist

# Wheel and source distribution, compared with the checkout; then the wheel alone, without extras, in an environment
# of its own and away from the checkout.
dist: $(STAMP)
	rm -rf dist build/dist
	$(BIN)/$(PIP) -c constraints.txt --group release
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*
	$(BIN)/python -m tests.release.distributions dist
	$(call environment,build/dist,-c constraints.txt,dist/*.whl)
	cd build/dist && bin/mnemoscope --version
	cd build/dist && bin/mnemoscope sample empirical:digits --n 200 --seed 0 --out samples.npy
	cd build/dist && bin/mnemoscope audit samples.npy digits --out audit

# The lowest versions that pyproject.toml allows. Old libraries warn of what has changed since: not an error here.
test-minimum:
	mkdir -p build
	$(PYTHON) -m tests.release.bounds > build/constraints-minimum.txt
	$(call environment,build/minimum,-c build/constraints-minimum.txt,-e '.[dev]')
	OMP_NUM_THREADS=1 build/minimum/bin/pytest -o filterwarnings=default $(TESTS)

# The newest of everything but torch.
test-latest:
	mkdir -p build
	grep '^torch==' constraints.txt > build/constraints-latest.txt
	$(call environment,build/latest,--upgrade --upgrade-strategy eager -c build/constraints-latest.txt,-e '.[dev]')
	OMP_NUM_THREADS=1 build/latest/bin/pytest $(TESTS)

# Known vulnerabilities of the pinned versions. A version that the service does not know is an error, not a clean bill.
pip-audit: $(STAMP)
	$(BIN)/$(PIP) -c constraints.txt --group release
	$(BIN)/pip-audit --strict --vulnerability-service pypi --disable-pip --no-deps -r constraints.txt

# $(call environment,FOLDER,CONSTRAINTS,WHAT). A current pip, since older ones cannot read every package's metadata. Then
# torch, first and by its exact version: any other request may bring gigabytes of GPU libraries.
PIP = pip install --quiet --disable-pip-version-check
define environment
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "mnemoscope needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(1)
	$(1)/bin/$(PIP) --upgrade 'pip>=25.1'
	$(1)/bin/$(PIP) $(2) "$$(grep '^torch==' constraints.txt)"
	$(1)/bin/$(PIP) $(2) $(3)
endef

$(STAMP): pyproject.toml constraints.txt
	$(call environment,$(VENV),-c constraints.txt,-e '.[dev$(comma)docs]')
	touch $@
