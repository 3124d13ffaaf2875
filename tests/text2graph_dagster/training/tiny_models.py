"""Generated examples, an ontology of three entity types, and settings of two-layer models, small enough for tests."""

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from text2graph_dagster.graph.mentions import find_occurrences
from text2graph_dagster.graph.model import Entity, Graph, Relation
from text2graph_dagster.graph.rows import to_rows
from text2graph_dagster.graph.wire import serialise
from text2graph_dagster.identity import digest
from text2graph_dagster.settings import Settings
from text2graph_dagster.training.callbacks import ReportCallback

ONTOLOGY = """
name: tiny
language: en
entity_types: {person: {}, company: {}, city: {}}
relation_types:
  works for: {signatures: [[person, company]]}
  lives in: {signatures: [[person, city]]}
"""
ENTITY_TYPES, RELATION_TYPES = ["person", "company", "city"], ["works for", "lives in"]
_TEMPLATES = {
    "works for": ["{h} works for {t}.", "{t} employs {h}."],
    "lives in": ["{h} lives in {t}.", "{t} is home to {h}."],
}
_TAIL = {"works for": "company", "lives in": "city"}
_SYLLABLES = ["ba", "ke", "lo", "mi", "ru", "sa", "te", "vo"]

SMALL: dict[str, Any] = {
    "seed": 3,
    "student": {
        **{"base_model": "scratch", "hidden_size": 32, "layers": 2, "heads": 2, "kv_heads": 1, "mlp_size": 64},
        **{"vocabulary": 340},
    },
    "sft": {"max_steps": 20, "batch_size": 4, "warmup_steps": 2, "save_steps": 5, "threads": 1, "max_length": 256},
    "grpo": {
        **{"max_steps": 3, "prompts_per_step": 2, "generations": 4, "micro_batch": 8, "save_steps": 1, "threads": 1},
        **{"max_completion_length": 24, "dev_checks": 3},
    },
    "evaluation": {"max_new_tokens": 32},
}


def name(rng: random.Random) -> str:
    """Return an invented name."""
    return "".join(rng.choice(_SYLLABLES) for _ in range(rng.choice((2, 3)))).capitalize()


def example(rng: random.Random) -> dict[str, Any]:
    """Return one row: the columns of filtered_dataset and `text`."""
    sentences, surfaces, facts = [], {}, []
    for _ in range(rng.choice((1, 2))):
        relation = rng.choice(RELATION_TYPES)
        head, tail = name(rng), name(rng)
        surfaces |= {head: "person", tail: _TAIL[relation]}
        sentences.append(rng.choice(_TEMPLATES[relation]).format(h=head, t=tail))
        facts.append((head, relation, tail))
    text = " ".join(sentences)
    ids = {surface: i for i, surface in enumerate(surfaces)}
    entities = tuple(Entity(ids[s], s, kind, find_occurrences(s, text)) for s, kind in surfaces.items())
    graph = Graph(entities, tuple(Relation(ids[h], ids[t], kind) for h, kind, t in dict.fromkeys(facts)))
    prompt = '"person""company""city";"works for""lives in"\n' + text
    rows = to_rows(graph)
    return {
        "example_id": digest(text),
        "corpus": "tiny",
        "passage_id": digest(text),
        "split": "sft",
        "kind": "full",
        "messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": serialise(graph)}],
        "entity_types": ENTITY_TYPES,
        "relation_types": RELATION_TYPES,
        "entities": rows[0],
        "relations": rows[1],
        "score": 1.0,
        "text": text,
    }


def write_examples(path: Path, count: int, seed: int = 1) -> Path:
    """Write a parquet file of `count` examples."""
    rng = random.Random(seed)
    pl.DataFrame([example(rng) for _ in range(count)]).write_parquet(path)
    return path


def write_config(folder: Path, name: str = "sft", changes: dict[str, Any] | None = None, **top: Any) -> Path:
    """Write train.parquet, dev.parquet, ontology.yaml and a program's configuration; return the configuration."""
    from text2graph_dagster.settings import merge

    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "train.parquet").exists():
        write_examples(folder / "train.parquet", 60)
        write_examples(folder / "dev.parquet", 6, seed=2)
        (folder / "ontology.yaml").write_text(ONTOLOGY)
    config = {
        "settings": merge(SMALL, changes or {}),
        "train": str(folder / "train.parquet"),
        "dev": str(folder / "dev.parquet"),
        "ontologies": {"tiny": str(folder / "ontology.yaml")},
        "output": str(folder / name),
        **top,
    }
    path = folder / f"{name}.json"
    path.write_text(json.dumps(config))
    return path


def settings(changes: dict[str, Any] | None = None) -> Settings:
    """Return the small settings."""
    return Settings.load(None, {**SMALL, **(changes or {})})


class Killed(BaseException):
    """Raised to simulate a killed run."""


@contextmanager
def killed_at(step: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Simulate a kill, at the end of a step, of the run in this block."""

    def kill(self: Any, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == step:
            raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(ReportCallback, "on_step_end", kill)
        yield
