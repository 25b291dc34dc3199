# Python 3.10 or later with its venv module is required. To use another one than python3: `make PYTHON=python3.12 ...`
PYTHON ?= python3
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
WITH_ETCD := $(BIN)/python -m tests.etcd_server
PYTEST := $(BIN)/python -m pytest -n auto --dist worksteal
# Where this is set, each process of each run would compile all modules of the tests anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo shell test quick lint reference pyz deb torture test-all bench clean
.DELETE_ON_ERROR:

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/with-etcd ## run example commands with a private etcd
	@PATH="$(BIN):$$PATH" $(WITH_ETCD) sh examples/session.sh

shell: $(VENV)/with-etcd ## open a shell with calicoctl and a private etcd
	@echo "This shell has calicoctl and an empty etcd. The etcd is removed when you leave the shell."
	@PATH="$(BIN):$$PATH" $(WITH_ETCD) sh -c '"$${SHELL:-sh}" -i; exit 0'

test: lint ## run the linters and all tests; ARGS="-k rule" passes arguments to pytest
	$(PYTEST) $(ARGS)

quick: $(VENV)/with-tests ## run the tests that start no process except etcd, in under a minute; ARGS as for test
	$(PYTEST) --quick $(ARGS)

lint: $(VENV)/with-tests ## run only the linters
	$(BIN)/ruff check .
	$(BIN)/mypy calicoctl manual release tests

reference: $(VENV)/with-etcd ## generate the pages in docs/reference and docs/man
	$(BIN)/python -m manual

pyz: $(VENV)/with-tests ## build dist/calicoctl.pyz, a single file that runs with Python 3.10 or later
	$(BIN)/python -m release.pyz

deb: $(VENV)/with-tests ## build a Debian package in dist/, with man pages and completion
	$(BIN)/python -m release.deb

torture: $(VENV)/with-tests ## run the long tests, and every case of the others; SEED=1 repeats a run, ARGS="-k killed" selects tests
	$(PYTEST) --torture $(if $(SEED),--seed=$(SEED)) --durations=10 $(ARGS)

test-all: $(VENV)/with-tests ## run the version-dependent tests on all installed Pythons and with the oldest libraries; ARGS as for test
	$(BIN)/tox $(if $(ARGS),-- $(ARGS))

bench: $(VENV)/with-etcd ## measure the speed and check its bounds; ARGS="--sections help,small" measures a part
	$(WITH_ETCD) $(BIN)/python -m benchmarks.run $(ARGS)

clean: ## remove the virtual environment and all other generated files
	rm -rf $(VENV) .tox build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find calicoctl manual release tests benchmarks -name __pycache__ -prune -exec rm -rf {} +

# An editable installation (-e): after a change of the code, nothing has to be installed again.
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
	  { echo "calicoctl needs Python 3.10 or later. To choose one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "$(PYTHON) cannot create virtual environments. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@touch $@
