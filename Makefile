# The targets of the manual. Each works in a fresh clone, and again without harm.
.PHONY: setup demo demo-down test test-fast test-long fuzz lint bench pictures lock readmes

setup:       ## make .venv from the hashed lock
	@scripts/setup

demo:        ## three machines ws-1 to ws-3 in the rehearsal cloud, checked, with URLs and passwords
	@scripts/demo

demo-down:   ## remove the rehearsal cloud and everything it made; the container engine stays
	@scripts/setup
	@scripts/rehearsal down

test:        ## everything that must pass; ROLE=content: that role alone
	@scripts/test $(ROLE)

test-fast: lint  ## for the edit loop: lint, and unit tests without machines and whole commands
	@scripts/test_some 'not long and not docker and not slow' tests/unit tests/fuzz \
	  --ignore tests/unit/repository/test_layout.py --ignore tests/unit/repository/test_derived_names.py

test-long:   ## proofs that cost more than they are worth at every change
	@scripts/test_some long tests/unit tests/promises tests/e2e
	@scripts/test_role default

fuzz: setup  ## ten thousand examples for each parser of what machines send and people type; `make test` takes 200
	@.venv/bin/python -m pytest -q tests/fuzz -n auto --hypothesis-profile fuzz

lint: setup  ## what can be said without running it
	@scripts/lint

bench: setup ## what commands cost the controller, beside bare loops; MACHINES=40 for more than eight machines
	@scripts/engine
	@.venv/bin/python -m tests.bench.bench

pictures: setup  ## the pictures in docs/pictures, from a rehearsal of ten machines
	@scripts/engine
	@scripts/system_programs chromium certutil:libnss3-tools
	@.venv/bin/python -m tests.pictures.pictures

lock: setup  ## resolve requirements*.in anew
	@for name in requirements requirements-checkov; do \
	  .venv/bin/uv pip compile --quiet --generate-hashes --universal --python-version 3.12 --no-header --upgrade $$name.in -o $$name.txt || exit; \
	done

readmes: setup  ## write the roles' READMEs from their argument specs, the IAM policy and its table from docs/rights.yml
	@.venv/bin/python scripts/role_readmes.py
	@.venv/bin/python scripts/rights.py
