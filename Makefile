# Rodeo needs Python 3.11 or newer, git and make. Everything else is put into .venv by the first command you run.

PORT ?= 8000
BIN := .venv/bin
PIP_QUIET := --quiet --no-input --disable-pip-version-check
export PIP_USER := 0
# The portal is many processes and its tests start hundreds: each would compile all its modules again.
unexport PYTHONDONTWRITEBYTECODE

# An environment whose Python went away or changed its version since is made anew.
$(shell [ ! -d .venv ] || $(BIN)/python -c 'import pip' 2>/dev/null || rm -f $(BIN)/python .venv/.installed-*)

.DEFAULT_GOAL := help
.PHONY: help run test lint check format bench clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: .venv/.installed-run ## run the whole portal here (PORT=8000)
	@exec $(BIN)/python manage.py up --port $(PORT)

# Many tests wait for processes and browsers, so one test process more than there are cores keeps the cores busy; for a part
# of the suite, starting it takes longer than it saves. Each asks for its next test when it begins one (tests/conftest.py
# puts the long ones first).
test: .venv/.installed-dev ## lint, then the whole test suite (ARGS="-k board" narrows it)
	@$(BIN)/ruff check .
	@cores=$$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN); \
	$(BIN)/python -m pytest -n $(if $(ARGS),$$cores,$$((cores + 1))) --maxprocesses 8 --dist load --maxschedchunk 1 \
	    --durations 10 $(ARGS)

lint: .venv/.installed-dev ## check code style and templates
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --output-format concise .
	$(BIN)/djlint --lint --quiet templates

check: lint ## lint, and check the types (part of CI)
	$(BIN)/mypy

format: .venv/.installed-dev ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/.installed-dev ## measure what must stay fast, and print the table
	@$(BIN)/python -m tests.bench $(ARGS)

clean: ## remove the installed packages and caches (data in var/ stays)
	rm -rf .venv .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis .coverage htmlcov

.venv/bin/python:
	@found=; for name in "$(PYTHON)" python3 python3.14 python3.13 python3.12 python3.11; do \
	    if [ -n "$$name" ] && "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$name; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	    echo "Rodeo needs Python 3.11 or newer, and there is none on PATH. Install it, or give its path: make run PYTHON=/path/to/python3"; exit 1; \
	fi; \
	if ! "$$found" -c 'import ensurepip, venv' 2>/dev/null; then \
	    echo "This Python comes without its venv module. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; \
	fi; \
	rm -rf .venv && "$$found" -m venv .venv || { rm -rf .venv; exit 1; }

.venv/.installed-run: requirements.txt | .venv/bin/python
	@echo "Installing what Rodeo needs into .venv (once, about 20 seconds) ..."
	@$(BIN)/python -m pip install $(PIP_QUIET) --require-hashes -r requirements.txt
	@touch $@

.venv/.installed-dev: requirements-dev.txt | .venv/bin/python
	@echo "Installing what Rodeo and its tests need into .venv (once, about a minute) ..."
	@$(BIN)/python -m pip install $(PIP_QUIET) --require-hashes -r requirements-dev.txt
	@touch $@ .venv/.installed-run
