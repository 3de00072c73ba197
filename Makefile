# The very steps that CI runs. `make help` lists them.
.DEFAULT_GOAL := help
SHELL := bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
UV_VERSION := 0.13.8
export PATH := $(CURDIR)/$(BIN):$(PATH)
# torch without CUDA: from PIP_FIND_LINKS where that is set, else from PyTorch's index for CPUs.
TORCH := $(if $(PIP_FIND_LINKS),--find-links "$(PIP_FIND_LINKS)",--torch-backend cpu)
MODEL ?= flight_delay
HISTORY ?= 2013-01-01
DAY ?= 2013-03-01
NIGHTS ?= 10

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

.PHONY: setup
setup: .venv/.ready ## Make the environment (.venv) from the lock file

.venv/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; v == (3, 11) or sys.exit(f"Python 3.11 is needed, {sys.executable} is {v[0]}.{v[1]}; set PYTHON=/path/to/python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet "uv==$(UV_VERSION)"
	$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python $(TORCH) requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

.PHONY: lock
lock: ## Resolve pyproject.toml into requirements.lock
	$(BIN)/uv pip compile --quiet --python-version 3.11 --no-header --extra dev $(TORCH) pyproject.toml --output-file requirements.lock

.PHONY: demo
demo: export PERENNIAL_SIMULATIONS := closed_airports,broken_delivery
demo: setup ## From nothing through ten days and nights: real requests, and Airflow's own decisions
	perennial bootstrap --model $(MODEL) --start $(HISTORY) --end $(DAY)
	perennial up --airflow
	perennial rehearse --model $(MODEL) --first $(DAY) --nights $(NIGHTS)
	perennial show --model $(MODEL)
	perennial status

.PHONY: repro
repro: setup ## Run the pipeline: only what has changed
	dvc repro

.PHONY: up
up: setup ## Start Airflow, gateway, slots, freshener and controller; print addresses and login
	perennial up --airflow

.PHONY: down
down: ## Stop everything that was started
	@test ! -x $(BIN)/perennial || perennial down

.PHONY: status
status: setup ## Say what runs and what serves
	perennial status

.PHONY: secrets
secrets: ## Write random secrets into .env, for docker compose; what is there stays
	@$(PYTHON) plugins/perennial/deploy/env_file.py .env

.PHONY: test
test: setup ## Run all tests
	pytest -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: quick
quick: setup ## Run the tests that need no server and little time
	pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not slow and not serving and not airflow and not browser"

.PHONY: lint
lint: setup ## Style, types, import order, SQL, declarations
	ruff check .
	ruff format --check .
	mypy plugins/perennial plugins/perennial_airflow dags bentofiles/gateway bentofiles/predictor
	lint-imports
	sqlfluff lint --disable-progress-bar data
	perennial validate

.PHONY: schemas
schemas: setup ## Write docs/reference.md and the JSON schemas in docs/schemas
	perennial schemas

.PHONY: bench-features
bench-features: setup ## Time the training set of the whole year
	python benchmarks/bench_features.py

.PHONY: bench-training-rows
bench-training-rows: setup ## Time the training rows of the year (needs `make repro` before)
	python benchmarks/bench_training_rows.py

.PHONY: bench-look-up
bench-look-up: setup ## Time the look-up of a question's features; write docs/benchmarks.md
	python benchmarks/bench_look_up.py --write

.PHONY: bench-gateway
bench-gateway: setup ## Count the questions that the gateway alone answers; write docs/benchmarks.md
	python benchmarks/bench_gateway.py --write

.PHONY: bench-serving
bench-serving: setup ## Compare the gateway with plain BentoML and FastAPI; write docs/benchmarks.md
	python benchmarks/bench_serving.py --write

.PHONY: bench-freshener
bench-freshener: setup ## Time events from the journal to the online store
	python benchmarks/bench_freshener.py

.PHONY: bench-journal
bench-journal: setup ## Count appends to a journal by how often it is synced; write docs/benchmarks.md
	python benchmarks/bench_journal.py --write

.PHONY: bench-learning
bench-learning: setup ## Compare the strategies of continual learning, and forms of trees; write docs/benchmarks.md
	python benchmarks/bench_learning.py --write

.PHONY: bench-drift
bench-drift: setup ## Time drift on a million rows a side
	python benchmarks/bench_drift.py

.PHONY: bench-policies
bench-policies: setup ## Live 2013 under many policies of retraining (an hour); write docs/replay.md
	perennial replay --model flight_delay --from 2013-03-01 --to 2013-12-31 \
	  --policies never,calendar:60,calendar:30,calendar:14,calendar:7,drift,performance,shipped,random:shipped \
	  --set train.parameters.learning_rate=0.1 --write docs/replay.md

.PHONY: simulate-releases
simulate-releases: setup ## Count false alarms and when bad versions are caught; write docs/guardrails.md
	python benchmarks/simulate_releases.py --write
