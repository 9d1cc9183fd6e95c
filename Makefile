# The project's commands. `make` alone lists them. A machine with Python 3.11 or later, git and make is enough:
# each command makes .venv and installs what it needs when that is missing or older than pyproject.toml.

.DEFAULT_GOAL := help
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?=
JOBS ?= 2
SCENARIO ?= drift-at-night
ARGS ?=

# A person's pip settings about where to install are not ours; where packages come from is theirs.
unexport PIP_TARGET PIP_PREFIX
export PIP_USER := 0
export PIP_REQUIRE_VIRTUALENV := 0
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
unexport PYTHONPATH PYTHONHOME

.PHONY: help
help: ## list the commands
	@echo "kcsim: a deterministic Kubernetes and GitOps simulator"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  make demo SCENARIO=plain-release        another story (see: $(BIN)/kcsim list)"
	@echo "  make test ARGS='tests/vectors -x'       some of the tests, with pytest's own options"
	@echo "  make PYTHON=python3.12 test             another Python for a new .venv"

.PHONY: demo
demo: $(VENV)/.installed ## run a story under push and under pull, side by side
	@$(BIN)/kcsim run $(SCENARIO) $(ARGS)
	@if [ -t 1 ]; then echo; echo "kcsim is $(BIN)/kcsim here; \`. $(BIN)/activate\` puts it on your PATH."; fi

.PHONY: test
test: $(VENV)/.installed-dev ## run the tests
	$(BIN)/python -m pytest -n $(JOBS) $(ARGS)

.PHONY: bench
bench: $(VENV)/.installed-dev ## measure speed and memory, each figure beside its floor
	$(BIN)/python -m benchmarks $(ARGS)

.PHONY: check
check: format lint types contracts test ## all that the gate asks for: format, lint, types, contracts, tests

.PHONY: format
format: $(VENV)/.installed-dev ## check the formatting
	$(BIN)/ruff format --check .

.PHONY: lint
lint: $(VENV)/.installed-dev ## run the linter
	$(BIN)/ruff check .

.PHONY: types
types: $(VENV)/.installed-dev ## check the types, strictly
	$(BIN)/mypy

.PHONY: contracts
contracts: $(VENV)/.installed-dev ## check that every import goes down the layers
	$(BIN)/lint-imports

.PHONY: fix
fix: $(VENV)/.installed-dev ## format, and mend what the linter can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: docs
docs: $(VENV)/.installed-dev ## write the generated pages and pictures of docs/ again
	$(BIN)/python -m tools.docs

.PHONY: site
site: $(VENV)/.installed-docs ## build docs/ into a site, build/site/index.html; any warning fails
	$(BIN)/sphinx-build -q -W --keep-going -b html docs build/site

.PHONY: notebooks
notebooks: $(VENV)/.installed-dev ## run the notebooks and write them as HTML, build/notebooks; `make site` takes them along
	$(BIN)/jupyter nbconvert --log-level=WARN --config tools/nbconvert_config.py --to html --execute \
		--output-dir build/notebooks notebooks/*.ipynb
	@echo "build/notebooks: $$(ls build/notebooks | wc -l) pages"

.PHONY: lite
lite: $(VENV)/.installed-lite ## build the first two notebooks for the browser (Pyodide), build/lite; needs npm
	$(BIN)/python -m tools.lite

.PHONY: build
build: $(VENV)/.installed-dev ## build the wheel and the source archive into dist/
	$(BIN)/python -m build

.PHONY: setup
setup: $(VENV)/.installed-dev ## make .venv with everything that developing needs

.PHONY: clean
clean: ## remove .venv, dist/ and all caches
	rm -rf $(VENV) .cache dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- the virtual environment -----------------------------------------------------------------------------------------

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	@echo "installing kcsim into $(VENV)"
	@$(BIN)/python -m pip install -qq --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(VENV)/bin/python
	@echo "installing kcsim and what developing needs into $(VENV)"
	@$(BIN)/python -m pip install -qq 'pip>=25.1'
	@$(BIN)/python -m pip install -qq --editable . --group dev
	@touch $(VENV)/.installed $@

$(VENV)/.installed-docs: pyproject.toml | $(VENV)/.installed-dev
	@echo "installing what the site needs into $(VENV)"
	@$(BIN)/python -m pip install -qq --editable . --group docs
	@touch $@

$(VENV)/.installed-lite: pyproject.toml | $(VENV)/.installed-dev
	@echo "installing what JupyterLite needs into $(VENV)"
	@$(BIN)/python -m pip install -qq --editable . --group lite
	@touch $@

$(VENV)/bin/python:
	@set -e; \
	seen=""; found=""; \
	for each in $(if $(PYTHON),"$(PYTHON)",python3 python3.14 python3.13 python3.12 python3.11 python); do \
		"$$each" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue; \
		seen="$$each"; \
		"$$each" -c 'import ensurepip, venv' >/dev/null 2>&1 || continue; \
		found="$$each"; break; \
	done; \
	if [ -z "$$seen" ]; then \
		echo "kcsim needs Python 3.11 or later, and found none as $(or $(PYTHON),python3 or python3.11 to python3.14)." >&2; \
		echo "Install one, or name it: make PYTHON=/path/to/python3.11 $(or $(MAKECMDGOALS),demo)" >&2; exit 1; \
	elif [ -z "$$found" ]; then \
		echo "$$seen has no venv module with pip. On Debian and Ubuntu it is a package of its own: python3-venv." >&2; exit 1; \
	fi; \
	echo "making $(VENV) with $$("$$found" --version)"; \
	"$$found" -m venv $(VENV)
