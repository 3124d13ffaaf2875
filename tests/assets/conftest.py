"""A lineage in a temporary home: a small corpus, real resources, and a fake launcher instead of training."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from resources import corpora
from resources.home import Home
from resources.launcher import Launcher
from resources.settings import SettingsResource
from resources.teachers import ReasonerResource, TeacherResource
from resources.warehouse import Warehouse
from text2graph_dagster.definitions import load_lineage
from text2graph_dagster.rewards.components import COMPONENTS
from text2graph_dagster.settings import Settings

DATA = ["raw_corpus", "teacher_graphs", "cot_traces"]

ONTOLOGY = """
name: tiny
entity_types: [person, company, city]
relation_types:
  founded: {signatures: [[person, company]]}
  lives in: {signatures: [[person, city]]}
"""
PEOPLE = ["Ada Torvik", "Ben Salla", "Cara Minten", "Dov Harrow", "Eli Prost", "Fay Runkel", "Gil Ostrom", "Hanna Vey"]
COMPANIES = ["Velsoft", "Gramont", "Pellwise", "Tarnicor", "Ostwick", "Luminar", "Brastel", "Quenby"]
CITIES = ["Garburg", "Felton", "Mirholm", "Sandrick", "Norvale", "Tessin", "Ulmar", "Wexley"]


def write_corpus(folder: Path, documents: int = 64, *, broken: int = 0, gold: int = 6) -> Path:
    """Write a corpus of short documents about eight people, and `broken` unreadable documents."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ontology.yaml").write_text(ONTOLOGY)
    lines = []
    for i in range(documents):
        person, company, city = PEOPLE[i % 8], COMPANIES[i % 8], CITIES[i % 8]
        sentences = [
            f"{person} founded {company} in {1950 + i}.",
            f"{person} moved to {city} in May {1950 + i} for good.",
        ]
        lines.append(
            {"id": f"d{i}", "text": f"{sentences[i // 8 % 2]} Number {i} of the series closes with remark {i * 7}."}
        )
    (folder / "documents.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for i in range(broken):
        (folder / f"broken{i}.txt").write_bytes(b"\x00\x01")
    facts = [("founded", "company", COMPANIES), ("lives in", "city", CITIES)]
    knowledge = [
        {"head": PEOPLE[i], "relation": r, "tail": tails[i], "head_type": "person", "tail_type": type_}
        for i in range(8)
        for r, type_, tails in facts
    ]
    (folder / "knowledge_base.jsonl").write_text("".join(json.dumps(fact) + "\n" for fact in knowledge))
    (folder / "gold.jsonl").write_text("".join(json.dumps(gold_line(i)) + "\n" for i in range(gold)))
    return folder


def gold_line(i: int) -> dict[str, Any]:
    person, company = PEOPLE[i % 8], COMPANIES[(i + 1) % 8]
    text = f"It was {person} who, people say, set up {company} with loan {i}."
    ends = [
        {"id": f"e{n}", "text": name, "type": type_, "start": text.index(name), "end": text.index(name) + len(name)}
        for n, (name, type_) in enumerate([(person, "person"), (company, "company")])
    ]
    relation = {"head_id": "e0", "tail_id": "e1", "type": "founded"}
    return {"id": f"g{i}", "split": "dev" if i % 2 else "test", "text": text, "entities": ends, "relations": [relation]}


def rollout(example: Mapping[str, Any], step: int) -> dict[str, Any]:
    """Return a rollout as the program writes it; its reward components are those of an empty answer."""
    parts = dict.fromkeys((*COMPONENTS, "total", "advantage"), 0.0) | {"json_valid": 1.0, "total": 0.2}
    known = {name: example[name] for name in ("corpus", "passage_id", "example_id", "text")}
    place = int(example["example_id"][:12], 16)
    return {"step": step, "place": place, **known, "completion": '{"entities":[],"relations":[]}', **parts}


class FakeLauncher(Launcher):
    """Replaces training programs: writes the files that they write, and logs every call."""

    log: str

    def run(self, context: dg.AssetExecutionContext, module: str, config: Path) -> Mapping[str, Any]:
        with Path(self.log).open("a") as file:
            file.write(module + "\n")
        program = json.loads(config.read_text())
        output = Path(program["output"])
        if module.endswith("predict"):
            prompts = pl.read_parquet(program["prompts"])
            answer = '{"entities":[],"relations":[]}'
            answers = prompts.select("id").with_columns(
                raw_output=pl.lit(answer), tokens=pl.lit(5), stopped=pl.lit(True)
            )
            answers.write_parquet(output)
            return {"type": "result"}
        output.mkdir(parents=True, exist_ok=True)
        handed_on = module.endswith("grpo") and not program["settings"]["grpo"]["max_steps"]
        weights = (Path(program["base"]) / "model.safetensors").read_bytes() if handed_on else module.encode()
        (output / "model.safetensors").write_bytes(weights)
        if module.endswith("grpo"):
            written = (rollout(row, step) for step in (1, 2) for row in pl.read_parquet(program["train"]).to_dicts())
            (output / "rollouts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in written))
        points = [{"step": i, "loss": 1.0 / (i + 1), "reward": i / 10} for i in range(20)]
        (output / "metrics.jsonl").write_text("".join(json.dumps(p) + "\n" for p in points))
        dev = {"relation_f1": 0.5, "parse_rate": 1.0, "stopped": 1.0, "empty_share": 0.1, "answer_tokens": 20.0}
        counts = {"examples": 10, "examples_too_long": 0, "seconds": 1.0, "cpu_seconds": 1.0}
        return {"type": "result", "dev": {**dev, "triple_ratio": 1.0, "all_low": 0.75}, **counts}


@dataclass
class Sandbox:
    """A home with its Dagster instance."""

    root: Path
    instance: dg.DagsterInstance
    overrides: dict[str, Any]

    @property
    def home(self) -> Home:
        return Home(root=str(self.root))

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse(path=str(self.root / "warehouse.duckdb"))

    def launched(self) -> list[str]:
        """Return the names of the programs that were started, in order."""
        log = self.root / "launched"
        return [line.rpartition(".")[2] for line in log.read_text().splitlines()] if log.exists() else []

    def definitions(self) -> dg.Definitions:
        resources = {
            "home": self.home,
            "warehouse": self.warehouse,
            "settings": SettingsResource(overrides=self.overrides),
            "teacher": TeacherResource(logs=str(self.root / "servers")),
            "reasoner": ReasonerResource(logs=str(self.root / "servers")),
            "launcher": FakeLauncher(log=str(self.root / "launched")),
        }
        assets, checks = load_lineage(Settings.load(None, self.overrides))
        return dg.Definitions(assets=assets, asset_checks=checks, resources=resources)

    def add(self, name: str, **shape: int) -> None:
        source = write_corpus(self.root / "sources" / name, **shape)
        corpora.add_corpus(source, name, self.home, self.instance, link=False, replace=True)

    def run(self, partition: str | None, *keys: str) -> dg.ExecuteInProcessResult:
        """Materialise these assets (default: all) with their checks, as one run."""
        defs = self.definitions()
        return dg.materialize(
            [*(defs.assets or []), *(defs.asset_checks or [])],  # type: ignore[list-item]
            selection=dg.AssetSelection.assets(*keys) if keys else None,
            instance=self.instance,
            resources=defs.resources,
            partition_key=partition,
            raise_on_error=False,
        )


def failure(result: object, node: str) -> str:
    """Return the error of a failed step."""
    return str(result.failure_data_for_node(node))  # type: ignore[attr-defined]


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Sandbox(
            tmp_path, instance, {"evaluation": {"bootstrap_samples": 100}, "gates": {"dataset_min_examples": 8}}
        )
