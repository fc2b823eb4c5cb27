# The targets of the manual. Each works in a fresh clone, and again without harm.
.PHONY: help setup demo demo-down test test-fast test-long fuzz lint bench pictures lock readmes

help:        ## this list
	@sed -n "s/^\([a-z-]*\):.*## /\1\t/p" Makefile | expand -t 14

setup:       ## make .venv with what an operator needs; other targets add what they need
	@scripts/setup

demo:        ## three machines ws-1 to ws-3 in the rehearsal cloud, checked, with URLs and passwords
	@scripts/demo

demo-down:   ## remove the rehearsal cloud and everything it made; the container engine stays
	@scripts/rehearsal down

test:        ## everything that must pass; ROLE=content: that role alone
	@scripts/test $(ROLE)

test-fast: lint  ## for the edit loop: lint, and unit tests without machines and whole commands
	@scripts/test_some 'not long and not docker and not slow' tests/unit tests/fuzz \
	  --ignore tests/unit/repository/test_layout.py --ignore tests/unit/repository/test_derived_names.py

test-long:   ## proofs that cost more than they are worth at every change
	@scripts/test_some long tests/unit tests/promises tests/e2e
	@scripts/test_role default

fuzz:        ## ten thousand examples for each parser of what machines send and people type; `make test` takes 200
	@scripts/setup test
	@.venv/bin/python -m pytest -q tests/fuzz -n auto --hypothesis-profile fuzz

lint:        ## what can be said without running it
	@scripts/lint

bench:       ## what commands cost the controller, beside bare loops; MACHINES=40 for more than eight machines
	@scripts/setup test
	@scripts/engine
	@.venv/bin/python -m tests.bench.bench

pictures:    ## the pictures in docs/pictures, from a rehearsal of ten machines
	@scripts/setup test
	@scripts/engine
	@scripts/system_programs chromium certutil:libnss3-tools
	@.venv/bin/python -m tests.pictures.pictures

# The largest group is resolved; the others are parts of it.
LOCK := .venv/bin/uv pip compile --quiet --generate-hashes --universal --python-version 3.12 --no-header
lock: setup  ## resolve pyproject.toml's groups and requirements-checkov.in anew
	@$(LOCK) --upgrade --group test -o requirements-test.txt
	@$(LOCK) --upgrade --group rehearse -c requirements-test.txt -o requirements-rehearse.txt
	@$(LOCK) --upgrade --group operate -c requirements-test.txt -o requirements.txt
	@$(LOCK) --upgrade requirements-checkov.in -o requirements-checkov.txt

readmes: setup  ## write the roles' READMEs from their argument specs, the IAM policy and its table from docs/rights.yml
	@.venv/bin/python scripts/role_readmes.py
	@.venv/bin/python scripts/rights.py
