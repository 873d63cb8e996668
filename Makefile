# What people and CI do here. `make` alone lists it; CONTRIBUTING.md says more.
#
# Nothing is fetched that requirements*.txt does not name with its hash, and everything lands in
# .venv. Paths are relative, so that the folder may stand anywhere, under any name.

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

BIN := .venv/bin
# Only these can break an async rule: the rules are about what is async, trio's or anyio's.
async_files := grep -rlE 'async|trio|anyio' --include='*.py' securechat scripts tests benchmarks examples
cores := $(shell getconf _NPROCESSORS_ONLN)
# Half as many again as cores, for many tests wait for a program. A worker that has no test left
# takes some of another's.
workers := -n $(shell expr $(cores) \* 3 / 2) --dist worksteal
# Off: 106 and 9xx, which are off by default; 120, because an exception in hand may give way to a
# cancellation; 124, because a table's handlers are all async, whether each of them awaits or not.
async_rules := --disable=ASYNC106,ASYNC120,ASYNC124,ASYNC900,ASYNC910,ASYNC911,ASYNC912,ASYNC913
# It keeps whole trees of syntax, which Python's collector of cycles walks again and again for
# nothing: without it this takes two thirds of the time, and no more memory.
flake8_async := $(BIN)/python -c 'import gc, sys, flake8_async; gc.disable(); sys.exit(flake8_async.main())'
pip := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input
say = @printf '%s\n'

.PHONY: help install develop run test check test-wheel test-clients bench screenshots format lock clean

help:  ## List these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-20s %s\n", $$1, $$2}'

install: .venv/installed  ## Set up .venv with what the programs need
	@:

develop: .venv/developing  ## Set up .venv with what the checks need too
	@:

run: install  ## Make what is missing (certificates, a first account) and start the server; ARGS="--port 7000" are its flags
	@$(BIN)/python scripts/first_run.py $(ARGS)
	@exec $(BIN)/securechat-server $(ARGS)

# Even where the environment says not to: else each program that a test starts is compiled anew.
check test-wheel: export PYTHONDONTWRITEBYTECODE :=

test: check test-wheel  ## Everything that CI runs

check: develop  ## Check format, lint, types, async rules and imports, and test with coverage
	$(say) '== Format'
	@$(BIN)/ruff format --check .
	$(say) '== Lint'
	@$(BIN)/ruff check .
	$(say) '== Types'
	@$(BIN)/mypy
	$(say) '== Async rules'
	@$(async_files) | xargs -n 16 -P $(cores) $(flake8_async) $(async_rules)
	$(say) '== Imports'
	@$(BIN)/lint-imports --no-logo
	$(say) '== Tests, with coverage'
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest $(workers) -m 'not slow' $(ARGS)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

test-wheel: develop  ## Test the built wheel, installed away from the source tree
	$(say) '== Tests, of the built wheel'
	@sh scripts/test_wheel.sh $(workers)

test-clients: develop  ## Drive the real IRC clients that are installed
	@$(BIN)/pytest -m clients -rs $(ARGS)

bench: develop  ## Measure; ARGS="--help" tells what can be chosen
	@$(BIN)/python -m benchmarks $(or $(ARGS),fanout)

screenshots: develop  ## Take the README's pictures anew, of the real programs
	@PYTHONPATH=tests $(BIN)/python -m scripts.screenshots

format: develop  ## Format the code and fix what lint can fix
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock: .venv/bin/python  ## Write requirements*.txt anew from pyproject.toml; ARGS=--upgrade takes newer releases
	@sh scripts/lock.sh $(ARGS)

clean:  ## Remove what the checks made; .venv, certificates, accounts and history stay
	@rm -rf build dist htmlcov .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find securechat scripts tests benchmarks examples -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	@python=$$(sh scripts/find_python.sh) && \
	printf '== Creating .venv with %s\n' "$$("$$python" --version)" && \
	"$$python" -m venv --clear .venv

# The two stamps tell what .venv holds. They are inside it, so they go with it.
.venv/installed: .venv/bin/python requirements.txt pyproject.toml
	$(say) '== Installing'
	@$(pip) install --require-hashes --requirement requirements.txt
	@$(pip) install --no-deps --no-index --no-build-isolation --editable .
	@touch $@

.venv/developing: .venv/installed requirements-dev.txt
	$(say) '== Installing what the checks need'
	@$(pip) install --require-hashes --requirement requirements-dev.txt
	@$(BIN)/python -m pip --disable-pip-version-check check >&2
	@touch $@
