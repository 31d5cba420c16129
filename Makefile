# annuaire, by make. `make help` lists the targets.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: $(shell sed -n 's/^\([a-z-]*\):.*/\1/p' $(firstword $(MAKEFILE_LIST)))

# The newest way in that is new enough; PYTHON=… chooses.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
UV_VERSION := 0.13.9
# A proxy of the house signs with a certificate that only the system knows.
UV_CERTS := $(if $(wildcard /etc/ssl/certs/ca-certificates.crt),--system-certs)
BIN := .venv/bin
# Two engines, one worker and the tests of each: more processes than cores only make them wait.
WORKERS ?= 2
DATA_DIR ?= var
PORT ?= 8000
LDAP_PORT ?= 3389
SAMPLE ?= 20000

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-10s %s\n", $$1, $$2 }'

setup: system .venv/.locked ## system packages when missing, .venv with the locked dependencies, the annuaire command in .venv/bin

system:
	@test -n "$(PYTHON)" || { echo "annuaire needs Python 3.11 or newer: install python3 or set PYTHON=…" >&2; exit 2; }
	@PYTHON="$(PYTHON)" deploy/packages.sh run

system-test: setup
	@PYTHON="$(PYTHON)" deploy/packages.sh test
	@$(BIN)/python -m tests.harness.newer_slapd

.venv/.locked: uv.lock pyproject.toml | system
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@test -x $(BIN)/uv || $(BIN)/python -m ensurepip -q 2>/dev/null || true
	@test -x $(BIN)/uv || $(BIN)/python -m pip install -q --disable-pip-version-check uv==$(UV_VERSION)
	@UV_PROJECT_ENVIRONMENT=.venv VIRTUAL_ENV= $(BIN)/uv sync -q --frozen --inexact --compile-bytecode $(UV_CERTS) --python $(BIN)/python
	@touch $@

demo: setup ## everything, then a synthetic directory of 20 000 professionals; Ctrl-C stops it
	@exec $(BIN)/annuaire up --data-dir $(DATA_DIR) --port $(PORT) --ldap-port $(LDAP_PORT) --sample $(SAMPLE)

test: setup system-test ## the whole suite, on a PostgreSQL and a slapd that it starts itself
	$(BIN)/pytest -n $(WORKERS) --dist loadgroup $(ARGS)

faults: setup system-test ## every fault of tests/faults, tests/recovery and tests/standby, and the table of what each cost; fails when one did harm or was not tried
	$(BIN)/pytest -n $(WORKERS) -m "fault or not fault" --every-fault tests/faults tests/recovery tests/standby $(ARGS)

test-model: setup system-test ## a hundred histories beside a model, others each time (about a quarter of an hour)
	$(BIN)/pytest -n $(WORKERS) -m fault tests/model $(ARGS)

machine: setup ## docs/deployment.md and docs/recovery.md, word for word, on an empty Debian 12 and 13 that systemd boots; as root (about five minutes)
	@PYTHON="$(PYTHON)" deploy/packages.sh machine
	$(BIN)/pytest -n 0 -m machine tests/machine $(ARGS)

test-follower: setup system-test ## a follower of the directory, killed fifty times during a hundred thousand changes
	$(BIN)/pytest -n 0 -m "fault or not fault" tests/faults/test_killed_follower.py $(ARGS)

audit: setup ## advisories known for what is locked; fails on one that docs/security/advisories.toml does not explain
	@PYTHONPATH=deploy $(BIN)/python -m release.audit $(UV_CERTS) $(ARGS)

licences: setup ## write the tables of docs/licences.md; fails on a licence that deploy/release/licences.toml does not allow
	@PYTHONPATH=deploy $(BIN)/python -m release.licences

release: setup ## what is handed on of this commit, in dist/: the wheel, built twice, its bill of materials (CycloneDX), SHA256SUMS
	@PYTHONPATH=deploy $(BIN)/python -m release $(ARGS)

fuzz: setup ## atheris drives every parser of what others send for a minute each (about half an hour)
	@UV_PROJECT_ENVIRONMENT=.venv VIRTUAL_ENV= $(BIN)/uv sync -q --frozen --inexact --group fuzz $(UV_CERTS) --python $(BIN)/python
	$(BIN)/python -m tests.fuzz $(ARGS)

fuzz-api: setup system-test ## every kind of caller asks all that openapi/annuaire.yaml lets it ask (about ten minutes)
	$(BIN)/python -m tests.described $(ARGS)

check: setup system-test ## what CI runs: format, lint, types, import contract, OpenAPI drift, advisories, locks and squawk of migrations, all tests
	$(MAKE) --no-print-directory -j 2 code test

# Beside the tests, which leave a fifth of two cores to it.
code: setup ## everything of check but the tests
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m app.openapi --check openapi/annuaire.yaml
	$(MAKE) --no-print-directory audit
	$(BIN)/python -m tests.migrations.measured --check

bench: setup ## the benchmark table: each figure beside its limit, measured in the same run
	$(BIN)/python -m tests.bench $(ARGS)

soak: setup system-test ## half of what this machine carries, for ten minutes: no error, and nothing grows (ARGS="--seconds 60" for less)
	$(BIN)/python -m tests.soak $(ARGS)

bench-import: setup ## the nation's files: first load and next day, each stage beside raw COPY (about 10 minutes)
	$(BIN)/python -m tests.bench.national $(ARGS)

bench-load: setup ## six kinds of write, reads and LDAP searches at once on a directory of a million mailboxes
	$(BIN)/python -m tests.bench.load $(ARGS)

bench-ldap: setup ## LDAP at a million mailboxes: searches, writes, bursts and lag (about 15 minutes on a directory kept by ARGS="--keep DIR")
	$(BIN)/python -m tests.bench.ldap_national $(ARGS)

bench-network: setup ## an outside network of 62 000 members joins, from operator add to its last LDAP entry (about 10 minutes)
	$(BIN)/python -m tests.bench.network $(ARGS)

bench-harvest: setup ## what an enumerator gets over REST and LDAP, and that honest users are never stopped (about 10 minutes)
	$(BIN)/python -m tests.bench.harvest $(ARGS)

bench-digest: setup ## the digest of 3.5 million resources, beside a scan of its index alone (about 5 minutes)
	$(BIN)/python -m tests.bench.digest $(ARGS)

bench-search: setup ## the search at national size beside FTS5 and tantivy (about 15 minutes on a directory kept by ARGS="--keep DIR")
	@UV_PROJECT_ENVIRONMENT=.venv VIRTUAL_ENV= $(BIN)/uv sync -q --frozen --inexact --group bench $(UV_CERTS) --python $(BIN)/python
	$(BIN)/python -m tests.bench.search_table $(ARGS)

bench-http: setup ## look-ups and batches beside pgbench and a bare ASGI route, with the app's CPU for each (about 10 minutes; asked by wrk where it is installed)
	$(BIN)/python -m tests.bench.http_table $(ARGS)

fix: setup ## format, and repair what the linter can
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

types: setup ## types alone
	$(BIN)/mypy

db: setup ## bring the schema of ANNUAIRE_DATABASE_URL to the newest version
	$(BIN)/annuaire db upgrade

migration: setup ## draft a migration from the models, beside a running `make demo`: make migration NAME="post city index"
	@test -n "$(NAME)" || { echo 'say what it does: make migration NAME="…"' >&2; exit 64; }
	@url=$$($(BIN)/python -c 'import sys; from app.embedded.runfile import *; print(read_run(Path(sys.argv[1])).database_url)' \
		$(DATA_DIR)) && ANNUAIRE_DATABASE_URL=$$url $(BIN)/alembic revision --autogenerate -m "$(NAME)"

openapi: setup ## write openapi/annuaire.yaml from the routes
	$(BIN)/python -m app.openapi --write openapi/annuaire.yaml

docs: setup ## test that what the documents say is true
	$(BIN)/pytest -n 0 tests/docs

site: setup ## the documents as a site in dist/site; a link that leads nowhere fails
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs dist/site

clean: ## remove caches and the virtual environment; the data directory stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist
	find app tests migrations deploy docs -name __pycache__ -type d -prune -exec rm -rf {} +
