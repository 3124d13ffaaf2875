"""Kill a run with kill -9 at random moments: `python -m benchmarks.kills [--quick] [--json]`.

A corpus is processed with the command that users run, `dagster asset materialize`. The command starts a model server:
`benchmarks.chat_server` in place of vLLM, with vLLM's command line. There are twenty kills each of the `step` (the
command) and of the `server` alone, at random moments (seeded): a quarter during the start, the others during calls.
After each kill the command is run again, and finally to its end. Columns:

- `lost`: passages with neither a graph nor a row in quarantine at the end, plus recorded answers that are gone
- `repeated`: calls that were made again although their answer had been recorded
- `asked_again`: all calls beyond one per passage, such as those that were in flight at a kill
- `left_seconds`: the longest time for which a process of the server ran on after a kill and the end of the command
- `left`: processes at the end; `slots`: pool slots that are still taken at the end

`--quick` kills three times.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg
import yaml

from benchmarks.chat_server import PASSAGE
from benchmarks.support.table import flags, show
from resources.warehouse import Warehouse

ROOT = Path(__file__).parents[1]
KILLS, QUICK_KILLS, AT_ONCE, DELAY = 20, 3, 8, 0.03
PASSAGES_PER_KILL = 40  # mean number of calls between two kills
STARTING_SECONDS, WAIT_SECONDS = 8.0, 900.0
CORPUS, MODULE, MARK = "news", "text2graph_dagster.definitions", "TEXT2GRAPH_KILLS"
ONTOLOGY = {"entity_types": ["person", "company"], "relation_types": {"works for": {}}}
UNACCOUNTED = """
SELECT passage_id FROM raw_corpus
EXCEPT SELECT passage_id FROM teacher_graphs EXCEPT SELECT passage_id FROM quarantine
"""
STAND_IN = "from benchmarks.chat_server import main\n\nmain()\n"


@dataclass
class Notes:
    """The servers' log: calls and answers per person (one person per passage), and the pid of the last server."""

    asked: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)
    server: int = 0


@dataclass(frozen=True)
class Site:
    """An installation for this benchmark alone."""

    root: Path

    @property
    def warehouse(self) -> Warehouse:
        """Return the warehouse of the installation."""
        return Warehouse(path=str(self.root / "warehouse.duckdb"))

    @cached_property
    def env(self) -> Mapping[str, str]:
        """Return the environment of the commands; that of the servers is in settings.yaml."""
        named = {"TEXT2GRAPH_HOME": "", "TEXT2GRAPH_CONFIG": "settings.yaml", "DAGSTER_HOME": "dagster"}
        return {**os.environ, **{name: str(self.root / path) for name, path in named.items()}, "PYTHONPATH": str(ROOT)}

    def prepare(self, passages: int) -> None:
        """Write settings and a corpus, and materialise raw_corpus.

        Raises:
            RuntimeError: the corpus could not be read.
        """
        package = self.root / "vllm" / "entrypoints" / "openai"
        package.mkdir(parents=True)
        (package / "api_server.py").write_text(STAND_IN)
        server = {
            "env": {"PYTHONPATH": f"{self.root}{os.pathsep}{ROOT}", MARK: str(self.root)},
            "extra_args": ["--notes", str(self.root / "notes"), "--delay", str(DELAY)],
            "grace_seconds": 2.0,
        }
        teacher = {"kind": "chat", "model": "stand-in", "concurrency": AT_ONCE, "server": server}
        (self.root / "settings.yaml").write_text(yaml.safe_dump({"teacher": teacher}))
        (self.root / "dagster").mkdir()
        shutil.copy(ROOT / "deploy" / "dagster.yaml", self.root / "dagster")
        source = self.root / "sources" / CORPUS
        source.mkdir(parents=True)
        (source / "ontology.yaml").write_text(json.dumps(ONTOLOGY))
        lines = [{"id": str(i), "text": f"Person{i} works for Company{i}. {_words(i)}"} for i in range(passages)]
        (source / "documents.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        self.tool("text2graph", "corpora", "add", str(source)).wait()
        if self.materialise("raw_corpus").wait() != 0 or self.warehouse.count("raw_corpus") != passages:
            raise RuntimeError(f"the corpus could not be read: {self.log.read_text()[-4000:]}")

    @property
    def log(self) -> Path:
        """Return the log file of the commands."""
        return self.root / "log"

    def tool(self, name: str, *arguments: str) -> "subprocess.Popen[bytes]":
        """Start one of the installed commands."""
        line = [str(Path(sys.executable).parent / name), *arguments]
        with self.log.open("ab") as output:
            return subprocess.Popen(line, env=dict(self.env), cwd=ROOT, stdout=output, stderr=output)

    def materialise(self, asset: str) -> "subprocess.Popen[bytes]":
        """Start the command that materialises an asset of the corpus."""
        return self.tool("dagster", "asset", "materialize", "--select", asset, "--partition", CORPUS, "-m", MODULE)

    def notes(self) -> Notes:
        """Read what the servers have logged."""
        notes, file = Notes(), self.root / "notes"
        for line in file.read_text().splitlines() if file.exists() else ():
            what, whom = line.split()
            if what == "server":
                notes.server = int(whom)
            else:
                (notes.asked if what == "asked" else notes.answered)[whom] += 1
        return notes

    def recorded(self) -> set[str]:
        """Return the persons whose answers are in the table, or in the journal of a killed run."""
        texts = dict(self.warehouse.read("SELECT passage_id, text FROM raw_corpus").rows())
        rows = self.warehouse.read("SELECT passage_id, status FROM teacher_calls").rows(named=True)
        for file in (self.root / "calls").glob("*.jsonl"):
            rows += [json.loads(line) for line in file.read_bytes().split(b"\n")[:-1]]
        found = (PASSAGE.search(texts[row["passage_id"]]) for row in rows if row["status"] != "failed")
        return {match[1] for match in found if match}

    def unaccounted(self) -> int:
        """Return how many passages have neither a graph nor a row in quarantine."""
        return self.warehouse.read(UNACCOUNTED).height

    def slots(self) -> int:
        """Return how many slots of the pool are taken."""
        with dg.DagsterInstance.from_config(str(self.root / "dagster")) as instance:
            return len(instance.event_log_storage.get_concurrency_info("gpu").claimed_slots)

    def servers(self) -> list[int]:
        """Return the process ids of the running servers."""
        return marked(MARK, str(self.root))


def marked(variable: str, value: str) -> list[int]:
    """Return the ids of processes whose environment has this variable with this value (Linux)."""
    wanted, found = f"{variable}={value}".encode(), []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            if wanted in environ.read_bytes().split(b"\0"):
                found.append(int(environ.parent.name))
        except OSError:
            continue
    return found


def measure(site: Site, victims: Sequence[str]) -> dict[str, Any]:
    """Kill each victim in turn, then let the command finish; return a row of the table."""
    chance, passages = random.Random("/".join(victims)), len(victims) * PASSAGES_PER_KILL
    site.prepare(passages)
    finished: dict[str, int] = {}  # person → number of calls at the time the answer was recorded
    lost_answers, left, killed = 0, 0.0, 0
    for victim in victims:
        process = site.materialise("teacher_graphs")
        killed += _kill(site, victim, process, chance, passages)
        process.wait(WAIT_SECONDS)
        left = max(left, _outlived(site))
        known, asked = site.recorded(), site.notes().asked
        lost_answers += len(set(finished) - known)
        finished |= {person: asked[person] for person in known if person not in finished}
    code = site.materialise("teacher_graphs").wait(WAIT_SECONDS)
    asked = site.notes().asked
    return {
        "killed": " and ".join(dict.fromkeys(victims)),
        "kills": killed,
        "passages": passages,
        "finished_at_kills": len(finished),
        "lost": site.unaccounted() + lost_answers,
        "repeated": sum(asked[person] - count for person, count in finished.items()),
        "asked_again": asked.total() - passages,
        "left_seconds": left,
        "left": len(site.servers()),
        "slots": site.slots(),
        "last_run": "failed" if code else "ok",
    }


def _kill(site: Site, victim: str, process: "subprocess.Popen[bytes]", chance: random.Random, passages: int) -> bool:
    """Wait for a random moment, then kill the victim; return False if the command had already ended."""
    before = site.notes()
    if chance.random() < 0.25:
        until = time.monotonic() + chance.uniform(0, STARTING_SECONDS)
        _wait(lambda: process.poll() is not None or time.monotonic() > until)
    else:
        left = passages - len(before.answered) - AT_ONCE
        enough = before.answered.total() + chance.randrange(max(1, min(2 * PASSAGES_PER_KILL, left)))
        _wait(lambda: process.poll() is not None or site.notes().answered.total() > enough)
    if victim == "server":
        _wait(lambda: process.poll() is not None or site.notes().server != before.server)
    time.sleep(chance.uniform(0, 0.05))
    if process.poll() is not None:
        return False
    os.kill(process.pid if victim == "step" else site.notes().server, signal.SIGKILL)
    return True


def _wait(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise RuntimeError("nothing happened in time: see the log of the installation")
        time.sleep(0.005)


def _outlived(site: Site) -> float:
    """Wait until no process of a server is left; return the seconds waited."""
    begun = time.monotonic()
    _wait(lambda: not site.servers())
    return time.monotonic() - begun


def _words(number: int) -> str:
    chance = random.Random(number)
    return " ".join("".join(chance.choices("abcdefghijklmnoprstuvw", k=6)) for _ in range(8)).capitalize() + "."


def main() -> None:
    """Run from the command line."""
    arguments = flags(str(__doc__))
    rows = []
    for victim in ("step", "server"):
        with tempfile.TemporaryDirectory() as folder:
            rows.append(measure(Site(Path(folder)), [victim] * (QUICK_KILLS if arguments.quick else KILLS)))
    show(rows, as_json=arguments.json)


if __name__ == "__main__":
    main()
