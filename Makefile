# `make run` starts the server, `make test` runs every test; both set up what they need first.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PORT ?= 8080

.PHONY: run test check lint unit cluster-test fuzz bench lock dist tag clean

run: $(VENV)/.run
	$(BIN)/greenroom serve --port $(PORT)

export CHROMIUM

# What pytest ends with where ARGS name no test of that half.
NONE := 5
# Where the tests with a browser are: to load the others takes longer than some of them.
E2E := -o testpaths=tests/e2e

test: $(VENV)/.test
	$(BIN)/python tests/support/browser.py
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not e2e" $(ARGS) || [ $$? = $(NONE) ]
	$(BIN)/python -m pytest -n auto --dist loadfile $(E2E) -m page $(ARGS) || [ $$? = $(NONE) ]
	$(BIN)/python -m pytest $(E2E) -m "e2e and not page" $(ARGS) || [ $$? = $(NONE) ]

unit: $(VENV)/.test
	$(BIN)/python -m pytest -q -n auto -m "not e2e and not slow" $(ARGS)

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	npx --yes -p typescript@5.9 tsc -p static/jsconfig.json

check: lint unit

# Two real Ray nodes on this machine, some eight minutes.
cluster-test: $(VENV)/.cluster
	$(BIN)/python tests/support/browser.py
	$(BIN)/python -m pytest -m cluster -s tests/cluster tests/server/cluster/test_buckets.py $(ARGS)

SECONDS ?= 60

# Guided by coverage where Atheris is installed (pip install atheris).
fuzz: $(VENV)/.test
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS)

bench: $(VENV)/.test
	$(BIN)/python -m benchmarks.filter
	$(BIN)/python -m benchmarks.room --participants 2 4 8 --seconds 10

# The versions in requirements.lock; needs uv (https://docs.astral.sh/uv/).
lock:
	uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
	  --output-file requirements.lock pyproject.toml

# The source archive, and the wheel that is built from it.
dist: $(VENV)/.test
	rm -rf dist
	$(BIN)/python -m build --outdir dist .

# Marks this commit as a release: nothing uncommitted, and the changelog knows the version.
tag: VERSION = $(shell sed -n 's/^VERSION: Final = "\(.*\)"/\1/p' server/core/version.py)
tag:
	@test -z "$$(git status --porcelain)" || { echo "there are uncommitted changes"; exit 1; }
	@grep -q '^## \[$(VERSION)\]' CHANGELOG.md || { echo "CHANGELOG.md has no section [$(VERSION)]"; exit 1; }
	git tag --annotate v$(VERSION) --message "Greenroom $(VERSION)"

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Greenroom needs Python 3.11 or newer; set PYTHON=/path/to/it"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "python3-venv is missing: apt-get install python3-venv"; exit 1; }
	@touch $@

EXTENSIONS := hatch_build.py $(wildcard filters/kernels/src/* server/media/rtc/src/*)

$(VENV)/.run: pyproject.toml $(EXTENSIONS) | $(VENV)/.python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.test: pyproject.toml $(EXTENSIONS) | $(VENV)/.python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@ $(VENV)/.run

$(VENV)/.cluster: pyproject.toml $(VENV)/.test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[cluster,test]' 'moto[server]' s3fs
	@touch $@

clean:
	rm -rf $(VENV) dist .mypy_cache .pytest_cache .ruff_cache
