"""Measure the cost of teacher calls: `python -m benchmarks.teachers [--quick] [--json] [--model DIRECTORY …]`.

Without `--model`, 100,000 calls, 64 in flight, go to a server that answers at once (`benchmarks.chat_server`, in its
own process): by the client alone, with ledger and journal, and with a fault in one of twenty calls. Each row is
measured in its own process. `cpu_ms` is the client's CPU time per call; `grown_mb` is the growth of its peak memory
after the first thousand calls, including the graphs themselves; `journal_us` is the CPU time of appending one answer to
the journal.

`--model` is the directory of a student that answers like a chat model (docs/teachers.md). The student is called by the
pipeline through a vLLM server, and through vLLM's own offline `LLM.chat`, 5 times with 300 passages each. `ratio` is
the pipeline's passages per second divided by vLLM's; `bare_ratio` is the same for a bare loop of the client with the
same server. On few cores, the smaller the model, the more the server's own CPU time matters; `--layers` makes the model
slower without changing its answers. `--quick`: 2,000 calls, or 5 times 100 passages.
"""

import multiprocessing
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.support.table import show, switches
from benchmarks.support.throughput import throughput
from resources.teachers import WarehouseLedger
from resources.warehouse import Warehouse
from text2graph_dagster.ontology import EntityType, Ontology, RelationType
from text2graph_dagster.teachers.chat.endpoint import Endpoint, EndpointSettings
from text2graph_dagster.teachers.chat.teacher import ChatTeacher
from text2graph_dagster.teachers.ledger import ask_teacher
from text2graph_dagster.teachers.protocol import TeacherAnswer, TeacherRequest

CALLS, QUICK_CALLS, AT_ONCE, SHARE = 100_000, 2_000, 64, 0.05
PASSAGES, QUICK_PASSAGES = 300, 100
ROWS = (("client", 0.0), ("with ledger", 0.0), ("with ledger, faults", SHARE))
PADDING = "It has done so for years, as everybody in the town who cares to ask will be told. " * 3
ONTOLOGY = Ontology(
    "work",
    "en",
    (EntityType("person"), EntityType("company")),
    (RelationType("works for", signatures=(("person", "company"),)),),
)


@dataclass(frozen=True)
class Timed:
    """A ledger that measures the time of its appends to the journal."""

    ledger: WarehouseLedger
    seconds: list[float] = field(default_factory=list)

    def known(self, keys: Any) -> Any:
        """Return the recorded calls among these keys."""
        return self.ledger.known(keys)

    def append(self, row: Any) -> None:
        """Append a call to the journal."""
        begun = time.process_time()
        self.ledger.append(row)
        self.seconds.append(time.process_time() - begun)

    def record(self, rows: Any) -> None:
        """Record calls."""
        self.ledger.record(rows)


@contextmanager
def null_server(share: float) -> Iterator[str]:
    """Run a server that answers at once and yield its address."""
    command = [sys.executable, "-m", "benchmarks.chat_server", "--share", str(share)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield f"http://127.0.0.1:{server.stdout.readline().strip()}/v1"
        finally:
            server.terminate()


def peak_mb() -> float:
    """Return the peak memory of this process in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def requests(first: int, count: int) -> list[TeacherRequest]:
    """Return requests for passages of about sixty words."""
    numbers = range(first, first + count)
    return [TeacherRequest(f"p{i}", f"Person{i} works for Company{i}. {PADDING}", "en", ONTOLOGY) for i in numbers]


def measure(what: str, calls: int, url: str, results: Any) -> None:
    """Make the calls and put a row of the table into `results`."""
    teacher = ChatTeacher(Endpoint(EndpointSettings(url, "null", concurrency=AT_ONCE, timeout_seconds=10.0)))
    statuses: Counter[str] = Counter()
    append_seconds: list[float] = []

    def make_calls(batch: list[TeacherRequest], folder: str) -> None:
        answers: Iterator[TeacherAnswer] = teacher.answer(batch)
        if what != "client":
            ledger = Timed(WarehouseLedger(Warehouse(path=f"{folder}/warehouse.duckdb")), append_seconds)
            answers = iter(ask_teacher(teacher, batch, ledger).answers)
        statuses.update(answer.status for answer in answers)

    with tempfile.TemporaryDirectory() as folder:
        make_calls(requests(0, 1000), folder)
        batch = requests(1000, calls)
        statuses.clear()
        before, begun, cpu = peak_mb(), time.perf_counter(), time.process_time()
        make_calls(batch, folder)
        seconds, spent = time.perf_counter() - begun, time.process_time() - cpu
        size = sum(path.stat().st_size for path in Path(folder).rglob("*"))
    results.put(
        {
            "what": what,
            "calls": calls,
            "per_second": calls / seconds,
            "cpu_ms": 1000 * spent / calls,
            "peak_mb": peak_mb(),
            "grown_mb": peak_mb() - before,
            "journal_us": 1e6 * sum(append_seconds) / len(append_seconds) if append_seconds else 0.0,
            "ledger_mb": size / 2**20,
            "graphs": statuses["ok"],
            "quarantined": sum(statuses.values()) - statuses["ok"],
            "lost": calls - sum(statuses.values()),
        }
    )


def measure_calls(calls: int) -> list[dict[str, Any]]:
    """Return a row per configuration of the client."""
    context = multiprocessing.get_context("spawn")
    rows = []
    for what, share in ROWS:
        results = context.Queue()
        with null_server(share) as url:
            child = context.Process(target=measure, args=(what, calls, url, results))
            child.start()
            rows.append(results.get())
            child.join()
    return rows


def main() -> None:
    """Run from the command line."""
    parser = switches(str(__doc__))
    parser.add_argument("--model", type=Path, help="directory of a student to call instead")
    parser.add_argument("--corpus", type=Path, help="corpus folder with the passages; default: the gazette")
    parser.add_argument("--layers", type=int, default=0, help="further layers that change no answer: a slower engine")
    parser.add_argument("--python", default=".venv-vllm/bin/python", help="interpreter that has vLLM")
    arguments = parser.parse_args()
    if arguments.model:
        passages = QUICK_PASSAGES if arguments.quick else PASSAGES
        rows = throughput(arguments.python, arguments.model, arguments.corpus, passages, arguments.layers)
    else:
        rows = measure_calls(QUICK_CALLS if arguments.quick else CALLS)
    show(rows, as_json=arguments.json)


if __name__ == "__main__":
    main()
