# On a machine with Python 3.11 and pip, `make demo` and `make test` do all the set-up themselves.
#
#   make demo     make .venv, install ganforge with PyTorch, train the default recipe, leave an image
#   make test     make .venv, install everything, run the tests that take a few minutes in all
#   make test-all run them, then the slow tests, the crash tests and the fuzz tests
#   make check    format, lint, types and import rules
#   make format   put the code into its format
#   make docs     build the site from README.md and docs/: build/site/index.html
#   make dist     build wheel and sdist into dist/, check them, and try the wheel in an environment of its own
#
# PYTHON: the interpreter that makes the virtual environment. VENV: where it lies. EDITABLE: empty to install a wheel, as
# a user has it, instead of the checkout itself.

PYTHON ?= $(shell command -v python3.11 || command -v python3 || command -v python)
VENV ?= .venv
EDITABLE ?= --editable
python := $(VENV)/bin/python

.PHONY: demo test test-all check format docs dist

demo: $(VENV)/.installed-torch
	rm -rf demo
	$(python) -m ganforge train --out demo
	$(python) -m ganforge sample demo --seeds 0-9 --labels 0-9 --out demo/digits.png
	@echo "Ten of each digit, drawn by the network: $(CURDIR)/demo/digits.png"

# The networks of the tests are small: on a busy machine torch's threads would spend the time waiting.
test test-all: export OMP_NUM_THREADS ?= 1
pytest := $(VENV)/bin/pytest --numprocesses auto --dist loadfile

test: $(VENV)/.installed-all
	$(pytest) -m 'not slow and not crash and not fuzz'

test-all: test
	$(pytest) -m 'slow or crash or fuzz'

check: $(VENV)/.installed-all
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(python) -m mypy
	$(VENV)/bin/lint-imports

format: $(VENV)/.installed-all
	$(VENV)/bin/ruff format
	$(VENV)/bin/ruff check --fix

docs: $(VENV)/.installed-docs
	rm -rf build/pages build/site
	$(python) docs/make_site.py build/pages
	$(VENV)/bin/zensical build --strict

dist: $(VENV)/.installed-dist
	rm -rf dist
	$(python) -m build
	$(python) -m twine check --strict dist/*
	.ci/bare_install $(PYTHON) dist/*.whl

$(VENV)/.installed-torch: extras := torch
$(VENV)/.installed-all: extras := all,dev
$(VENV)/.installed-docs: extras := docs
$(VENV)/.installed-dist: extras := dist
$(VENV)/.installed-torch $(VENV)/.installed-all $(VENV)/.installed-docs $(VENV)/.installed-dist: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(python) -m pip install --quiet --constraint constraints.txt $(EDITABLE) '.[$(extras)]'
	@touch $@
