# Needs Python 3.10 or later with its venv module; `make PYTHON=python3.12 ...` names another than python3.
PYTHON ?= python3
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
WITH_ETCD := $(BIN)/python -m tests.etcd_server
PYTEST := $(BIN)/python -m pytest -n auto --dist worksteal

.PHONY: help demo shell test quick lint torture test-all bench clean
.DELETE_ON_ERROR:

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/with-etcd ## a session of calicoctl on a private etcd
	@PATH="$(BIN):$$PATH" $(WITH_ETCD) sh examples/session.sh

shell: $(VENV)/with-etcd ## a shell with calicoctl and a private etcd, both gone when it ends
	@echo "calicoctl and an empty etcd for it; the end of this shell is the end of that etcd."
	@PATH="$(BIN):$$PATH" $(WITH_ETCD) sh -c '"$${SHELL:-sh}" -i; exit 0'

test: lint ## the linters and all tests; ARGS="-k rule" are arguments for pytest
	$(PYTEST) $(ARGS)

quick: $(VENV)/with-tests ## in under a minute, the tests that start no process but etcd; ARGS as for test
	$(PYTEST) --quick $(ARGS)

lint: $(VENV)/with-tests ## the linters alone
	$(BIN)/ruff check .
	$(BIN)/mypy calicoctl tests

torture: $(VENV)/with-tests ## the tests of reliability and of flows at length; SEED=1 repeats a run, ARGS="-k killed" runs a part
	$(PYTEST) tests/trust tests/flows --torture $(if $(SEED),--seed=$(SEED)) --durations=10 $(ARGS)

test-all: $(VENV)/with-tests ## what can differ, on every Python present and with the oldest libraries; ARGS as for test
	$(BIN)/tox $(if $(ARGS),-- $(ARGS))

bench: $(VENV)/with-etcd ## how fast it is, and whether within the bounds; ARGS="--sections help,small" measures a part
	$(WITH_ETCD) $(BIN)/python -m benchmarks.run $(ARGS)

clean: ## remove the virtual environment and everything else that was made
	rm -rf $(VENV) .tox build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find calicoctl tests benchmarks -name __pycache__ -prune -exec rm -rf {} +

# Installed in place (-e): a change of the code needs no second installation, and no network.
$(VENV)/with-etcd: $(VENV)/made setup.py pyproject.toml
	@echo "Installing calicoctl and etcd into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[etcd]'
	@touch $@

$(VENV)/with-tests: $(VENV)/with-etcd
	@echo "Installing the test tools into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test,lint,tox]'
	@touch $@

$(VENV)/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "calicoctl needs Python 3.10 or later; name one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "$(PYTHON) cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@touch $@
