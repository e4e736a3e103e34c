# make new    two repositories in your shape
# make demo   the whole pipeline on this machine, no GitHub account needed
# make test   the checks of a change; with THOROUGH=1 all that CI runs
PYTHON ?= python3
BIN := .venv/bin
# What was compiled once is kept: many short programs import it.
unexport PYTHONDONTWRITEBYTECODE
NPM := --ignore-scripts --no-audit --no-fund

.PHONY: new demo demo-adopt sandbox test conformance lint bench bench-contention bench-cost bench-evidence bench-infra-pr bench-interleavings bench-readme faults mutants lock release-tree clean setup
.DEFAULT_GOAL := test

setup: .setup-done
.setup-done: requirements-dev.lock package-lock.json tests/clients/package-lock.json
	$(PYTHON) -c 'import sys; sys.exit("make: Python 3.11 or newer is needed; run make PYTHON=python3.12, say") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv
	{ npm ci $(NPM) --loglevel=error && npm ci --prefix tests/clients $(NPM) --loglevel=error; } & npm=$$!; \
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --require-hashes -r requirements-dev.lock && \
	wait $$npm
	touch $@

new: setup
	@$(BIN)/python -m cli new $(ARGS)

demo-adopt: setup
	$(BIN)/python -m bench.adopt

demo: setup
	$(BIN)/python -m sandbox.demo

sandbox: setup
	$(BIN)/python -m sandbox $(if $(APP),--app "$(APP)") $(if $(INFRA),--infra "$(INFRA)") $(ARGS)

# With THOROUGH=1, as in CI: what takes long, more examples, and every branch of the actions covered.
test: setup lint
ifdef THOROUGH
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n 4 --dist worksteal
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report
else
	$(BIN)/python -m pytest -n 4 --dist worksteal
endif

# Needs an organization and tokens: tests/conformance/README.md
conformance: setup
	$(BIN)/python -m tests.conformance

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/zizmor --persona pedantic --offline --quiet . examples/app examples/infra examples/monorepo examples/sharded/*.yml examples/auto-promote/deploy.yml examples/pull-based/deploy.yml

bench: setup
	$(BIN)/python -m bench.startup
	$(BIN)/python -m bench.deploy_matrix
	$(BIN)/python -m bench.edit

bench-contention: setup
	$(BIN)/python -m bench.contention

bench-cost: setup
	$(BIN)/python -m bench.cost

bench-evidence: setup
	$(BIN)/python -m bench.evidence 100 1000

bench-infra-pr: setup
	$(BIN)/python -m bench.infra_pr

bench-interleavings: setup
	$(BIN)/python -m bench.interleavings

# Writes the README's tables of figures; on a quiet machine, it takes some ten minutes.
bench-readme: setup
	$(BIN)/python -m bench.readme

faults: setup
	FAULTS=all $(BIN)/pytest -q -n auto tests/sandbox/test_faults.py

mutants: setup
	$(BIN)/python -m bench.mutants

lock: setup
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet --upgrade -o actions/requirements.lock
	$(BIN)/uv pip compile pyproject.toml --group dev -c actions/requirements.lock --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet --upgrade -o requirements-dev.lock
	npm install --package-lock-only $(NPM)
	npm install --prefix tests/clients --package-lock-only $(NPM)

# What a runner downloads of a release of HEAD, byte for byte: make release-tree OUT=folder
release-tree: setup
	$(BIN)/python -m release.tree $(OUT)

clean:
	rm -rf .venv node_modules tests/clients/node_modules .setup-done demo-logs .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache
