# Everything runs in .venv, which the first command creates. Needs Python 3.11 or newer, nothing else.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes

.PHONY: run install test check format model zones pythons fuzz flights chaos bench bench-check bench-abort \
	bench-delays bench-fairness bench-growth bench-footprint bench-isolation bench-nodes bench-plots \
	bench-receipt lock clean

run: .venv/run.stamp
	@exec $(BIN)/python main.py

install: .venv/run.stamp

# The whole suite, in N processes: more than there are cores, since many tests wait. The tests of a
# file stay together, which share nodes; the files come in random order. Programs that tests need are
# installed first, where that is allowed. LONG=1 repeats more, in more variants.
test: .venv/dev.stamp .venv/handlers.stamp
	@$(BIN)/python -m tests.support.programs
	LONG=$(LONG) $(BIN)/python -m pytest --numprocesses $(or $(N),3) --dist loadfile --no-loadscope-reorder $(ARGS)

check: .venv/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: .venv/dev.stamp
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The models with a new seed and EXAMPLES examples of each, a fault at every call (tests/faults), and
# 10,000 calls by the threads of one client.
model: .venv/dev.stamp
	STRIDE=1 CALLS=160 EXAMPLES=$(or $(EXAMPLES),1000) $(BIN)/python -m pytest tests/model tests/faults \
		tests/unit/client/test_client_threads.py --timeout=0 -p no:randomly $(ARGS)

# When schedules fire, compared with a look at every minute of two years in thirty zones. Takes a
# quarter of an hour on two processors.
zones: .venv/dev.stamp
	ZONES=all $(BIN)/python -m pytest tests/zones --numprocesses $(or $(N),2) -p no:randomly $(ARGS)

# A part of the tests, and a node, on each other Python that the machine has.
pythons: .venv/dev.stamp
	$(BIN)/python .ci/pythons.py all

# Does whatever anybody could do to a node's neighbours, for SECONDS, with another seed each time.
fuzz: .venv/dev.stamp
	SECONDS=$(or $(SECONDS),60) $(BIN)/python -m pytest tests/fuzz --timeout=0 -p no:randomly $(ARGS)

# Imports a real file of 336,776 rows: once to the end, and once aborted in the middle.
flights: .venv/dev.stamp
	$(BIN)/python -m tests.flights

# Kills, freezes and cuts off nodes and servers for SECONDS, then checks every promise. SEED repeats
# the faults of an earlier run; KEEP=1 puts the counts into docs/reliability.md.
chaos: .venv/dev.stamp
	@$(BIN)/python -m tests.chaos $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED)) $(if $(KEEP),--keep)

# How long an abort takes, ours and the peers', and what ours waits for: writes docs/aborts.md,
# bench/results/aborts.json, abort_stages.json and abort_junk.json. ROUNDS=3 takes three minutes;
# ONLY=cases, stages or junk measures one of the three.
bench-abort: .venv/dev.stamp
	@$(BIN)/python -m bench.abort $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(ONLY),--only "$(ONLY)")

# Aborts one job, and draws its receipt for the README, as docs/images/receipt.svg.
bench-receipt: .venv/dev.stamp
	@$(BIN)/python -m bench.receipt

# What a million jobs, queued or finished, slow down: writes bench/results/growth.json. Takes three
# minutes; ONLY=queued, finished or calls measures one of the three, and keeps nothing.
bench-growth: .venv/dev.stamp
	@$(BIN)/python -m bench.growth $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(ONLY),--only "$(ONLY)")

# How much memory and processor time a node takes: writes bench/results/footprint.json. Takes three
# and a half minutes; ONLY=memory, idle, statements or running measures one of them, and keeps nothing.
bench-footprint: .venv/dev.stamp
	@$(BIN)/python -m bench.footprint $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(ONLY),--only "$(ONLY)")

# What several nodes do together, on PostgreSQL: writes bench/results/nodes.json. Takes three minutes.
bench-nodes: .venv/dev.stamp
	@$(BIN)/python -m bench.nodes $(if $(ROUNDS),--rounds $(ROUNDS))

# How late jobs begin that wait for a time, alone and beside a million of them, and what those cost:
# writes bench/results/delays.json. Takes ten minutes; JOBS=20 takes two.
bench-delays: .venv/dev.stamp
	@$(BIN)/python -m bench.delays $(if $(JOBS),--jobs $(JOBS)) $(if $(HELD),--held $(HELD))

# Whose turn it is where many wait: writes bench/results/fairness.json. Takes three minutes.
bench-fairness: .venv/dev.stamp
	@$(BIN)/python -m bench.fairness $(if $(ROUNDS),--rounds $(ROUNDS))

# What it costs that users do not share processes: writes bench/results/isolation.json. Takes three
# minutes.
bench-isolation: .venv/dev.stamp
	@$(BIN)/python -m bench.isolation $(if $(ROUNDS),--rounds $(ROUNDS))

# Draws what is in bench/results/, as docs/images/bench-….png.
bench-plots: .venv/bench.stamp
	@$(BIN)/python -m bench.plots

# How fast jobs are accepted and run, ours and the peers': writes bench/results/speed.json. Needs wrk.
# ROUNDS=3 takes twenty minutes; ONLY="single submits" runs the measures whose name begins so,
# and keeps nothing.
bench: .venv/dev.stamp
	@$(BIN)/python -m bench.speed $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(ONLY),--only "$(ONLY)")

# A part of it in one round, compared with the ratios that are kept: fails if one has lost a quarter.
bench-check: .venv/dev.stamp
	@$(BIN)/python -m bench.speed --check $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(ONLY),--only "$(ONLY)")

# Pins every package, with hashes, for all platforms. Needs uv.
lock:
	uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate \
		--output-file requirements.txt pyproject.toml
	uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --group dev \
		--constraint requirements.txt --output-file requirements-dev.txt pyproject.toml
	uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --group bench \
		--constraint requirements-dev.txt --output-file requirements-bench.txt
	uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --group handlers \
		--constraint requirements-dev.txt --output-file requirements-handlers.txt pyproject.toml

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.venv/python.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "AtlanScheduler needs Python 3.11 or newer; this is " + sys.version + ". Name another one: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	@touch $@

.venv/run.stamp: requirements.txt .venv/python.stamp
	@echo "Installing the pinned packages into .venv …"
	@$(PIP) -r requirements.txt
	@touch $@

.venv/bench.stamp: requirements-bench.txt .venv/dev.stamp
	@echo "Installing the pinned packages for plots into .venv …"
	@$(PIP) -r requirements-bench.txt
	@touch $@

.venv/handlers.stamp: requirements-handlers.txt .venv/dev.stamp
	@echo "Installing the pinned packages that handlers of the tests use into .venv …"
	@$(PIP) -r requirements-handlers.txt
	@touch $@

.venv/dev.stamp: requirements-dev.txt .venv/python.stamp
	@echo "Installing the pinned packages for tests and checks into .venv …"
	@$(PIP) -r requirements-dev.txt
	@touch $@ .venv/run.stamp
