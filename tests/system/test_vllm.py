"""A real vLLM server on the CPU serves a student as a corpus's teacher; run with `make test-vllm`."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby, zip_longest
from pathlib import Path
from typing import Any

import pytest

from benchmarks import kills
from resources.vllm import RunningServer, run_server
from tests.assets.conftest import write_corpus
from tests.system.conftest import ROOT, TOOLS, Site, make_site, wait_until
from text2graph_dagster import Extractor
from text2graph_dagster.extraction.results import Extraction
from text2graph_dagster.graph.parsing import parse
from text2graph_dagster.ontology import load_ontology
from text2graph_dagster.settings import DecodingSettings, ServerSettings
from text2graph_dagster.teachers.chat.endpoint import Endpoint, EndpointSettings
from text2graph_dagster.teachers.chat.teacher import ChatTeacher, build_prompt
from text2graph_dagster.teachers.protocol import TeacherRequest

PYTHON = ROOT / ".venv-vllm" / "bin" / "python"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.vllm,
    pytest.mark.skipif(
        not PYTHON.exists(), reason=f"THERE IS NO vLLM: {PYTHON} does not exist; run `make install-vllm`"
    ),
]

ASSETS = "raw_corpus,teacher_graphs,cot_traces,filtered_dataset"
MODEL = "student"
MARK = "TEXT2GRAPH_TEST_SERVER"  # an environment variable that marks all processes of a server
PASSAGES, NEW_TOKENS = 200, 128
# A student with the chat prompt and many similar passages learns to answer within a minute of training.
STUDENT_SETTINGS: dict[str, Mapping[str, Any]] = {
    "student": {"base_model": "scratch", "wire": "public", "context": 1024},
    "dataset": {"template": "extract", "phrasings": False, "full_ontology_share": 1.0},
    "sft": {"max_steps": 150, "save_steps": 150, "batch_size": 8, "max_length": 1024, "name_augmentation_share": 0.0},
    "gates": {"dataset_min_examples": 8, "sft_min_loss_drop": 0.0},
}


def server_settings(student: Path, mark: str) -> ServerSettings:
    return ServerSettings(
        python=str(PYTHON),
        weights=str(student),
        dtype="float32",
        max_model_len=1024,
        extra_args=["--enforce-eager", "--structured-outputs-config.backend", "guidance"],
        env={"VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1", MARK: mark},
    )


def marked(mark: str) -> list[int]:
    """Return the processes of the server with that mark."""
    return kills.marked(MARK, mark)


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model directory of a student that the lineage has trained."""
    site = make_site(tmp_path_factory.mktemp("trained"), STUDENT_SETTINGS)
    source = write_corpus(site.root / "sources" / "tiny", documents=128)
    assert site.tool("text2graph", "corpora", "add", str(source)).returncode == 0
    done = site.materialise(f"{ASSETS},sft_checkpoint", "tiny")
    assert done.returncode == 0, done.stderr[-4000:]
    return next(path.parent for path in site.root.glob("checkpoints/sft-*/model.safetensors"))


@pytest.fixture(scope="class")
def server(student: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("server")
    with run_server(MODEL, server_settings(student, str(folder)), folder / "server.log", print) as running:
        yield running
    assert marked(str(folder)) == []


@pytest.fixture(scope="module")
def requests(tmp_path_factory: pytest.TempPathFactory) -> list[TeacherRequest]:
    """Questions about the documents of a corpus; the student was trained on the first 128 of them."""
    corpus = write_corpus(tmp_path_factory.mktemp("corpus"), documents=PASSAGES)
    texts = [json.loads(line)["text"] for line in (corpus / "documents.jsonl").read_text().splitlines()]
    ontology = load_ontology(corpus / "ontology.yaml")
    return [TeacherRequest(f"p{i}", text, "en", ontology) for i, text in enumerate(texts)]


def first_difference(one: list[int], other: list[int]) -> int:
    return next(i for i, (a, b) in enumerate(zip_longest(one, other)) if a != b)


def vllm_tokens(server: RunningServer, prompts: list[str]) -> list[list[int]]:
    """Return the tokens that the server generates without a schema."""
    from openai import OpenAI

    client = OpenAI(base_url=server.base_url, api_key="none")

    def ask(prompt: str) -> list[int]:
        answer = client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": prompt}],
            temperature=0.0,
            max_tokens=NEW_TOKENS,
            extra_body={"return_token_ids": True},
        )
        tokens: list[int] = (answer.choices[0].model_extra or {})["token_ids"]
        return tokens

    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(ask, prompts))


def transformers_tokens(student: Path, prompts: list[str]) -> tuple[list[list[int]], list[list[float]]]:
    """Return the tokens that `generate` emits, and each one's logit margin over the second best."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from text2graph_dagster.inference.chat_template import render_prompts
    from text2graph_dagster.inference.loading import greedy_generation_config

    model = AutoModelForCausalLM.from_pretrained(student, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(student)
    rendered = render_prompts([[{"role": "user", "content": prompt}] for prompt in prompts], tokenizer)
    ids = tokenizer(rendered, add_special_tokens=False)["input_ids"]
    tokens: dict[int, list[int]] = {}
    margins: dict[int, list[float]] = {}
    by_length = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    for length, group in groupby(by_length, key=lambda i: len(ids[i])):  # equal lengths need no padding
        batch = list(group)
        config = greedy_generation_config(tokenizer)
        config.max_new_tokens, config.output_logits, config.return_dict_in_generate = NEW_TOKENS, True, True
        with torch.no_grad():
            output = model.generate(torch.tensor([ids[i] for i in batch]), generation_config=config)
        leads = torch.stack([logits.topk(2).values for logits in output.logits], dim=1)
        for row, i in enumerate(batch):
            emitted = output.sequences[row, length:].tolist()
            end = emitted.index(tokenizer.eos_token_id) + 1 if tokenizer.eos_token_id in emitted else len(emitted)
            tokens[i] = emitted[:end]
            margins[i] = (leads[row, :, 0] - leads[row, :, 1]).tolist()
    return [tokens[i] for i in range(len(ids))], [margins[i] for i in range(len(ids))]


class TestOneServer:
    """The answers of one server, which ends after these tests."""

    def test_greedy_tokens_equal_those_of_transformers(
        self, server: RunningServer, student: Path, requests: list[TeacherRequest]
    ) -> None:
        """If the tokens differ, the logits of the two most likely tokens must be almost equal."""
        prompts = [build_prompt(request) for request in requests]
        expected, margins = transformers_tokens(student, prompts)
        generated = vllm_tokens(server, prompts)
        differing = [
            (i, step, margins[i][step])
            for i in range(PASSAGES)
            if generated[i] != expected[i]
            for step in [first_difference(generated[i], expected[i])]
        ]
        print(f"equal: {PASSAGES - len(differing)} of {PASSAGES}; differing at (passage, token, margin): {differing}")
        assert len(differing) <= 0.02 * PASSAGES
        assert all(margin < 1e-3 for _, _, margin in differing)

    def test_extraction_with_the_server_equals_local_extraction(
        self, server: RunningServer, student: Path, requests: list[TeacherRequest]
    ) -> None:
        texts = [request.text for request in requests]
        here = list(Extractor(student, threads=1).extract(texts))
        there = list(Extractor(student, server=server.base_url).extract(texts))
        assert [e.doc_id for e in there] == [e.doc_id for e in here]
        equal = sum(a.graph == b.graph for a, b in zip(here, there, strict=True))
        print(f"equal: {equal} of {PASSAGES}")
        assert equal >= 0.98 * PASSAGES
        assert sum(bool(e.graph.relations) for e in there) > PASSAGES / 2

    def test_the_server_constrains_answers_to_the_grammar_of_local_extraction(
        self, server: RunningServer, student: Path, requests: list[TeacherRequest]
    ) -> None:
        texts = [request.text for request in requests[:50]]

        def extracted(url: str | None) -> list[Extraction]:
            extractor = Extractor(student, server=url, threads=1)
            extractor.recipe = extractor.recipe.model_copy(update={"decoding": DecodingSettings(grammar="copy")})
            return list(extractor.extract(texts))

        here, there = extracted(None), extracted(server.base_url)
        assert sum(a.graph == b.graph for a, b in zip(here, there, strict=True)) >= 0.98 * len(texts)
        assert not any(e.unanswered.get("failed") or e.dropped.get("ungrounded_entity") for e in there)

    def test_every_answer_under_the_schema_is_a_graph(
        self, server: RunningServer, requests: list[TeacherRequest]
    ) -> None:
        teacher = ChatTeacher(Endpoint(EndpointSettings(server.base_url, MODEL, max_tokens=256)))
        answers = list(teacher.answer(requests))
        assert len(answers) == PASSAGES
        assert [(a.passage_id, a.status, a.reason) for a in answers if a.status != "ok"] == []
        assert all(parse(answer.raw) for answer in answers)
        assert sum(answer.graph is not None and bool(answer.graph.relations) for answer in answers) > PASSAGES / 2


@pytest.fixture(scope="module")
def student_site(student: Path, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site with the student as the teacher of a new corpus."""
    root = tmp_path_factory.mktemp("student_teacher")
    server = server_settings(student, str(root)).model_dump()
    teacher = {"kind": "chat", "model": MODEL, "max_tokens": 256, "server": server}
    site = make_site(root, {**STUDENT_SETTINGS, "teacher": teacher})
    source = write_corpus(root / "sources" / "other", documents=PASSAGES)
    assert site.tool("text2graph", "corpora", "add", str(source)).returncode == 0
    return site


def test_the_lineage_runs_with_the_server_as_teacher(student_site: Site) -> None:
    done = student_site.materialise(ASSETS, "other")
    assert done.returncode == 0, done.stderr[-4000:]
    assert marked(str(student_site.root)) == []
    graphs, calls = student_site.warehouse.count("teacher_graphs"), student_site.warehouse.count("teacher_calls")
    assert graphs >= 0.95 * PASSAGES
    assert student_site.warehouse.count("filtered_dataset") > 0

    log = student_site.root / "servers" / "teacher.log"
    started = log.stat().st_mtime
    time.sleep(0.1)
    again = student_site.materialise("teacher_graphs", "other")
    assert again.returncode == 0, again.stderr[-4000:]
    assert student_site.warehouse.count("teacher_calls") == calls
    assert log.stat().st_mtime == started  # no request, so no server was started


def test_a_killed_step_leaves_no_server(student_site: Site) -> None:
    source = write_corpus(student_site.root / "sources" / "new", documents=PASSAGES + 8)
    assert student_site.tool("text2graph", "corpora", "add", str(source)).returncode == 0
    command = ["dagster", "asset", "materialize", "--select", "raw_corpus,teacher_graphs", "--partition", "new"]
    step = subprocess.Popen(
        [str(TOOLS / command[0]), *command[1:], "-m", "text2graph_dagster.definitions"],
        env=dict(student_site.env),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    mark = str(student_site.root)
    try:  # supervisor, API server, engine and what they start
        wait_until(lambda: step.poll() is not None or len(marked(mark)) > 3, 600, "no server was started")
        assert step.poll() is None
    finally:
        os.kill(step.pid, signal.SIGKILL)
        step.wait()
    wait_until(lambda: marked(mark) == [], 60, "the server outlived the step")
