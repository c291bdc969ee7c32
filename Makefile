# Two commands do everything on a fresh machine: `make run` and `make test`.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
export PYTHONUNBUFFERED := 1

.PHONY: help run demo run-kafka demo-kafka test lint drill bench generate lock clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.venv/bin/python:
	$(PYTHON) -m venv .venv

# A path file and a two-line command: the tree itself is what runs, nothing is built.
.stamps/link: .venv/bin/python
	@mkdir -p .stamps
	@$(BIN)/python -c "import pathlib, sysconfig; pathlib.Path(sysconfig.get_path('purelib'), 'tuopin.pth').write_text(str(pathlib.Path.cwd()) + '\n')"
	@printf '#!/bin/sh\nexec "$$(dirname "$$0")/python" -m services "$$@"\n' > $(BIN)/tuopin && chmod +x $(BIN)/tuopin
	@touch $@

.stamps/run: requirements/run.lock .stamps/link
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.lock
	@touch $@

.stamps/dev: requirements/dev.lock .stamps/link
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@touch $@ .stamps/run

run: .stamps/run ## the whole system in one process with a demo county (ports are printed)
	$(BIN)/tuopin run --demo-county

demo: .stamps/run ## plays the whole story embedded, each step with its proof; exits non-zero when one fails
	$(BIN)/tuopin demo

run-kafka: .stamps/dev ## the same on real Apache Kafka and PostgreSQL: five servers, their workers, the bot
	$(BIN)/python -m devtools.cluster run

demo-kafka: .stamps/dev ## plays the whole story on real Kafka and PostgreSQL
	$(BIN)/python -m devtools.cluster demo

test: .stamps/dev ## every test, real Kafka and real PostgreSQL included
	$(BIN)/python -m pytest

drill: .stamps/dev ## every failpoint many times in random order; SEED=… ROUNDS=… repeat a run
	$(BIN)/python -m tests.drills --seed $(or $(SEED),0) --rounds $(or $(ROUNDS),3)

lint: .stamps/dev ## ruff, mypy strict, import rules, buf lint and breaking
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy chassis services localchat devtools tools bench
	$(BIN)/lint-imports
	$(BIN)/buf lint
	$(BIN)/python -m tools.breaking

bench: .stamps/dev ## ratios side by side in one run, into bench/results/latest.json
	$(BIN)/python -m bench

generate: .stamps/dev ## generated code of the contracts and the table of rejections, then commit them
	$(BIN)/python -m tools.generate
	$(BIN)/python -m tools.rejections

clean: ## forget what was installed and the embedded data
	rm -rf .venv .stamps .data
