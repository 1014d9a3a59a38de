# The commands of this project, for people and for CI. A machine needs Python 3.11 or newer, make and git.
# PYTHON makes .venv; from then on .venv's own is used, until somebody deletes that folder.
PYTHON ?= python3
VENV := .venv/bin/python
OURS := $(shell test -x $(VENV) && echo $(VENV) || echo $(PYTHON))

.DEFAULT_GOAL := help
.PHONY: help setup dev up down reset test check bench mails screenshots stage

help: ## show these commands
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1|\2/p' Makefile | awk -F '|' '{ printf "  make %-11s %s\n", $$1, $$2 }'

setup: ## install what this checkout needs, unless it is there (the others do this by themselves)
	@$(OURS) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed and $(OURS) is %d.%d. Name another: make PYTHON=python3.12" % sys.version_info[:2])'
	@$(OURS) -m local.setup

dev: setup ## run the whole system here, with demo data, until Ctrl-C
	@$(VENV) -m local.stack dev

up: setup ## run it in the background; its settings are then in .local/env
	@$(VENV) -m local.stack up

down: setup ## stop it; its data stays
	@$(VENV) -m local.stack down

reset: setup ## stop it and delete its data
	@$(VENV) -m local.stack reset

test: setup ## lint, types, all tests
	@$(VENV) -m ruff check .
	@$(VENV) -m ruff format --check .
	@$(VENV) -m mypy
	@$(VENV) -m pytest -n 4 --dist loadfile --no-loadscope-reorder

check: setup ## lint, types, unit tests: the fast half
	@$(VENV) -m ruff check .
	@$(VENV) -m ruff format --check .
	@$(VENV) -m mypy
	@$(VENV) -m pytest -q tests/unit $(wildcard tests/test_*.py)

bench: setup ## measure, beside the floor of each measure
	@$(VENV) -m tests.bench

mails: setup ## render every message and page in every language into build/mails and build/pages, to look at
	@$(VENV) -m local.mails
	@$(VENV) -m local.pages

screenshots: up ## make the README's pictures of the pages, from the demo data (`make down` after)
	@$(VENV) -m local.screenshots

stage: setup ## make build/x, exactly what is deployed (FUNCTION=x)
	@$(VENV) -m ops.stage $(FUNCTION)
