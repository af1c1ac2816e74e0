# Every command is a thin call of scripts/bootstrap.py, which needs nothing but Python 3.
# Arguments: make test ARGS="-k login -x"; make run ARGS="--port 9000"; make lock ARGS=--upgrade

PYTHON ?= python3
BOOTSTRAP := $(PYTHON) scripts/bootstrap.py
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup run test lint format bench bench-peers lock clean

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Make the environment in .venv (nothing happens when it is there)
	@$(BOOTSTRAP) setup

run: ## Start the account server with its databases on 127.0.0.1:8420
	@$(BOOTSTRAP) run -- $(ARGS)

test: ## Check format, lint, types, import contracts, dependencies; run all tests
	@$(BOOTSTRAP) test -- $(ARGS)

lint: ## The checks of `make test` without the tests
	@$(BOOTSTRAP) lint

format: ## Format the code and mend what the linter can mend
	@$(BOOTSTRAP) format

bench: ## Run the benchmarks that the README quotes
	@$(BOOTSTRAP) bench -- $(ARGS)

bench-peers: ## Compare decisions with other engines, in an environment of their own
	@$(BOOTSTRAP) bench-peers -- $(ARGS)

lock: ## Regenerate requirements/*.txt (ARGS=--upgrade for newer versions)
	@$(BOOTSTRAP) lock -- $(ARGS)

clean: ## Remove .venv, caches and build output; the data folder .tenantry/ stays
	@$(BOOTSTRAP) clean
