"""Compare a teacher behind a vLLM server with vLLM's own offline `LLM.chat` (run by `benchmarks.teachers --model`).

Both engines are loaded with the same options and answer the same passages, one after the other; the first one changes
from run to run, and neither computes while the other does. The pipeline's side has everything that the asset does:
client, parser, grounding, journal and ledger. Loading is not measured, and no passage occurs twice. `bare_ratio` is
that of a bare loop of the `openai` client at the same server, with its own passages: what is missing there is lost in
the server's front end. The first row is the warm-up, in which the client adapts its concurrency; it is not in the mean.
"""

import asyncio
import itertools
import json
import os
import random
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import openai
import polars as pl

from benchmarks.support import offline_chat
from benchmarks.support.deeper_model import deepen
from examples.gazette.generate import generate
from examples.gazette.settings import GazetteSettings
from resources.teachers import WarehouseLedger
from resources.vllm import build_command, build_environment, run_server
from resources.warehouse import Warehouse
from text2graph_dagster.corpus.build import build_corpus
from text2graph_dagster.corpus.folder import open_corpus
from text2graph_dagster.settings import ServerSettings, Settings
from text2graph_dagster.teachers.chat.endpoint import Endpoint, EndpointSettings
from text2graph_dagster.teachers.chat.teacher import ChatTeacher, build_graph_schema, build_prompt
from text2graph_dagster.teachers.ledger import ask_teacher
from text2graph_dagster.teachers.protocol import TeacherRequest

MODEL, MAX_TOKENS = "teacher", 128
ENGINE_AT_ONCE, AT_ONCE = 48, 64  # a few more calls than the engine takes: its queue is never empty
RUNS, WARM_UP = 5, 128
LOADING_SECONDS, LOOK_SECONDS = 600.0, 0.02
SERVER_ONLY = ("--host", "--port", "--served-model-name", "--uvicorn-log-level")

Ask = Callable[[Sequence[TeacherRequest]], "Took"]


@dataclass(frozen=True)
class Took:
    """Seconds and answer tokens of a batch of passages."""

    seconds: float
    tokens: int


def server(python: str, model: Path) -> ServerSettings:
    """Return the settings of both engines: on a CPU, in float32."""
    # The defaults of the last two differ between a server and the offline engine.
    options = ["--enforce-eager", "--max-num-seqs", str(ENGINE_AT_ONCE), "--max-num-batched-tokens", "2048"]
    return ServerSettings(
        python=python,
        weights=str(model.absolute()),
        dtype="float32",
        max_model_len=1024,
        extra_args=options,
        env={"VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1"},
    )


def sample_requests(corpus: Path | None, count: int) -> list[TeacherRequest]:
    """Return `count` passages of a corpus, or of the gazette, in random order."""
    with tempfile.TemporaryDirectory() as root:
        if corpus is None:
            generate(corpus := Path(root) / "gazette", GazetteSettings())
        folder = open_corpus(corpus)
        rows = build_corpus(folder, Settings().corpus).raw_corpus.filter(pl.col("duplicate_of").is_null())
    texts = sorted(rows.unique("passage_id").select("passage_id", "text", "language").rows())
    chosen = random.Random(7).sample(texts, count)
    return [TeacherRequest(name, text, language, folder.ontology) for name, text, language in chosen]


def throughput(python: str, model: Path, corpus: Path | None, passages: int, layers: int) -> list[dict[str, Any]]:
    """Return a row for the warm-up, one per run, and one with the mean and standard deviation of the runs.

    `layers` makes the model deeper and the engine slower, without changing an answer.
    """
    sizes = [WARM_UP, *[passages] * RUNS]
    requests, rows = sample_requests(corpus, 2 * sum(sizes)), list[dict[str, Any]]()
    batches = iter(requests)
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root)
        settings = server(python, deepen(model, layers, folder / "deepened"))
        with offline(settings, requests[0], folder) as theirs, served(settings, folder) as (ours, bare):
            for run, size in enumerate(sizes):
                batch, other = (list(itertools.islice(batches, size)) for _ in range(2))
                turns = [(ours, batch), (theirs, batch), (bare, other)]
                took = {call: call(results) for call, results in turns[run % 3 :] + turns[: run % 3]}
                rows.append(_row(str(run or "warm-up"), size, took[ours], took[theirs], took[bare]))
    timed = rows[1:]
    names = [name for name in rows[0] if name not in ("run", "passages")]
    mean = {name: fmean(row[name] for row in timed) for name in names}
    spread = stdev(row["ratio"] for row in timed)
    return [*rows, {"run": f"mean ± {spread:.3f}", "passages": passages, **mean}]


def _row(run: str, passages: int, ours: Took, theirs: Took, bare: Took) -> dict[str, Any]:
    return {
        "run": run,
        "passages": passages,
        "per_second": passages / ours.seconds,
        "vllm_per_second": passages / theirs.seconds,
        "tokens": float(ours.tokens),
        "vllm_tokens": float(theirs.tokens),
        "bare_ratio": theirs.seconds / bare.seconds,
        "ratio": theirs.seconds / ours.seconds,
    }


@contextmanager
def served(settings: ServerSettings, folder: Path) -> Iterator[tuple[Ask, Ask]]:
    """Yield the pipeline's way of calling, and a bare one, at one server."""
    ledger = WarehouseLedger(Warehouse(path=str(folder / "warehouse.duckdb")))

    with run_server(MODEL, settings, folder / "server.log", lambda line: None) as running:
        how = EndpointSettings(
            running.base_url, MODEL, max_tokens=MAX_TOKENS, retry_max_tokens=MAX_TOKENS, concurrency=AT_ONCE
        )
        teacher = ChatTeacher(Endpoint(how))

        def call(requests: Sequence[TeacherRequest]) -> Took:
            begun = time.monotonic()
            results = ask_teacher(teacher, requests, ledger)
            seconds = time.monotonic() - begun
            assert results.new_calls == len(requests)
            return Took(seconds, sum(answer.completion_tokens for answer in results.answers))

        yield call, lambda requests: asyncio.run(_bare(running.base_url, requests))


async def _bare(url: str, requests: Sequence[TeacherRequest]) -> Took:
    """Call with the bare client, with the same number of calls in flight."""
    places, begun = asyncio.Semaphore(AT_ONCE), time.monotonic()
    http = openai.DefaultAsyncHttpxClient(trust_env=False)
    async with openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0, http_client=http) as client:

        async def call(request: TeacherRequest) -> int:
            form: Any = {"name": "graph", "schema": build_graph_schema(request.ontology)}
            async with places:
                answer = await client.chat.completions.create(
                    model=MODEL,
                    messages=[{"role": "user", "content": build_prompt(request)}],
                    max_tokens=MAX_TOKENS,
                    temperature=0.0,
                    response_format={"type": "json_schema", "json_schema": form},
                )
            return answer.usage.completion_tokens if answer.usage else 0

        tokens = await asyncio.gather(*(call(request) for request in requests))
    return Took(time.monotonic() - begun, sum(tokens))


@contextmanager
def offline(settings: ServerSettings, example: TeacherRequest, folder: Path) -> Iterator[Ask]:
    """Yield vLLM's own way of calling.

    Raises:
        RuntimeError: the program ended; the message has the end of its log.
    """
    numbers, log = itertools.count(), folder / "offline.log"
    program = [settings.python, str(Path(offline_chat.__file__))]
    with (
        log.open("wb") as output,
        subprocess.Popen(
            program,
            env=build_environment(settings, os.environ),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process,
    ):

        def send(**what: Any) -> dict[str, Any]:
            result = folder / f"result{next(numbers)}"
            assert process.stdin is not None
            process.stdin.write(json.dumps({**what, "result": str(result)}) + "\n")
            process.stdin.flush()
            while not result.exists():
                if process.poll() is not None:
                    raise RuntimeError(f"vLLM ended:\n{log.read_text()[-4000:]}")
                time.sleep(LOOK_SECONDS)
            came: dict[str, Any] = json.loads(result.read_text())
            return came

        send(options=_engine(settings), schema=build_graph_schema(example.ontology), max_tokens=MAX_TOKENS)
        yield lambda requests: Took(**send(prompts=[build_prompt(request) for request in requests]))


def _engine(settings: ServerSettings) -> list[str]:
    """Return the options of the server's command line that belong to the engine."""
    _, _, _, *options = build_command(MODEL, settings, 0)
    for name in SERVER_ONLY:
        where = options.index(name)
        del options[where : where + 2]
    return options
