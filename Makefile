# Everything a user runs. `make demo` and `make test` start from nothing but Python 3.11.
PYTHON ?= python3
VENV ?= .venv
BIN := $(CURDIR)/$(VENV)/bin
export TEXT2GRAPH_HOME ?= $(CURDIR)/home
export DAGSTER_HOME ?= $(TEXT2GRAPH_HOME)/dagster
export HF_HUB_DISABLE_TELEMETRY = 1
export TOKENIZERS_PARALLELISM = false

.PHONY: demo smoke dev test lint install install-test clean

demo: install $(DAGSTER_HOME)/dagster.yaml  ## the whole lineage on the embedded corpus, then its headline figures
	$(BIN)/python -m examples.gazette.generate --out $(TEXT2GRAPH_HOME)/generated/gazette
	$(BIN)/text2graph corpora add $(TEXT2GRAPH_HOME)/generated/gazette --replace
	$(BIN)/dagster asset materialize --select '*' --partition gazette -m text2graph_dagster.definitions
	$(BIN)/text2graph report

smoke: export TEXT2GRAPH_CONFIG = examples/gazette/smoke.yaml
smoke: export TEXT2GRAPH_HOME = $(CURDIR)/home/smoke
smoke: export DAGSTER_HOME = $(CURDIR)/home/smoke/dagster
smoke: install  ## the same lineage on a few dozen documents, in about three minutes
	mkdir -p $(DAGSTER_HOME) && cp deploy/dagster.yaml $(DAGSTER_HOME)/dagster.yaml
	$(BIN)/python -m examples.gazette.generate --smoke --out $(TEXT2GRAPH_HOME)/generated/gazette
	$(BIN)/text2graph corpora add $(TEXT2GRAPH_HOME)/generated/gazette --replace
	$(BIN)/dagster asset materialize --select '*' --partition gazette -m text2graph_dagster.definitions
	$(BIN)/text2graph report

dev: install $(DAGSTER_HOME)/dagster.yaml  ## the Dagster UI with the daemon on http://127.0.0.1:3000
	$(BIN)/dagster dev -w workspace.yaml --host 127.0.0.1 --port 3000

test: export OMP_NUM_THREADS = 1  # a core for each worker
test: install-test lint  ## linters, type checker, import rules, tests
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

lint: install-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

install: $(VENV)/installed
install-test: $(VENV)/installed-test

$(VENV)/installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'torch==2.13.0'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[documents]'
	touch $@

$(VENV)/installed-test: $(VENV)/installed pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	touch $@

$(DAGSTER_HOME)/dagster.yaml: deploy/dagster.yaml
	mkdir -p $(@D) && cp $< $@

clean:  ## remove what was made, not what was installed
	rm -rf home
