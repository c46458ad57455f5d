# Every target makes .venv ready first; nothing is needed but Python 3.11+, git and make.
.DEFAULT_GOAL := help
BIN := .venv/bin
BOOTSTRAP := scripts/bootstrap
COMPILE := $(BOOTSTRAP) uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate

.PHONY: help run test lint types format migrations bench faults lock clean setup temporal

help: ## show this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 20

run: setup temporal ## run the example from plan to merged commits; AGENT=claude uses that coding agent
	@$(BIN)/python examples/run.py $(if $(AGENT),--agent $(AGENT))

test: setup temporal ## run the tests in two processes, or JOBS of them; ARGS go to pytest
	@$(BIN)/pytest -q --numprocesses $(or $(JOBS),2) --dist loadfile $(ARGS)

lint: setup ## check format, lint and lock files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/python scripts/check_locks.py

types: setup ## check types, strictly
	$(BIN)/pyright

format: setup ## format the code and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

migrations: setup ## run every migration up, down and up again on SQLite, and on PostgreSQL where there is one
	$(BIN)/pytest -q tests/integration -k migrat $(ARGS)

bench: setup temporal ## measure Paceline beside bare Temporal; ARGS="--json" prints raw numbers
	$(BIN)/paceline bench overhead $(ARGS)

faults: setup temporal ## kill the parts, one after the other and again and again
	$(BIN)/pytest -q -m "long or not long" tests/faults $(ARGS)

lock: ## write the lock files anew; ARGS="--upgrade" takes newer versions
	$(COMPILE) $(ARGS) pyproject.toml --output-file requirements.lock
	$(COMPILE) $(ARGS) pyproject.toml --group dev --constraint requirements.lock --output-file requirements-dev.lock
	$(COMPILE) $(ARGS) scripts/requirements-build.in --constraint requirements-dev.lock --output-file scripts/requirements-build.lock
	$(COMPILE) $(ARGS) scripts/requirements-uv.in --output-file scripts/requirements-uv.lock

clean: ## remove what the other targets made here; the Temporal binary stays in the user's cache
	rm -rf .venv .bootstrap .paceline .pytest_cache .ruff_cache .hypothesis build dist

setup:
	@$(BOOTSTRAP)

# Without a server the tests that need one are skipped and say why, but not where everything must be there.
temporal: setup
	@$(BIN)/python -m workers.temporal_binary || [ "$$CI" != true ]
