"""What each system answers to the held-out gold passages, through the legality filter; asked once per system."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from assets.checkpoints import Bench
from resources.warehouse import Replace
from text2graph_dagster.contracts import CONTRACTS
from text2graph_dagster.graph.legality import legalise
from text2graph_dagster.graph.model import Graph
from text2graph_dagster.graph.parsing import GraphParseError, parse
from text2graph_dagster.graph.rows import from_rows, to_rows
from text2graph_dagster.graph.wire import serialise
from text2graph_dagster.identity import digest, digest_json
from text2graph_dagster.inference.answer_format import choose_wire
from text2graph_dagster.ontology import Ontology
from text2graph_dagster.settings import Settings
from text2graph_dagster.teachers.chat.label_mapping import label_reader

SPLIT = "test"
ANSWERED = "SELECT system, count(*) FROM predictions WHERE run = ? GROUP BY system ORDER BY system"
ANSWERS = "SELECT * REPLACE ($1 AS system) FROM predictions WHERE run = $2 AND system = $3"
PREDICT = "text2graph_dagster.evaluation.predict"


@dataclass(frozen=True)
class Reading:
    """How a model's answers are taken: the longest one in tokens, how like a type a label must be (or exact), and the
    grammar that they are held to (or none), as the prediction program is told it."""

    max_new_tokens: int
    label_similarity: float | None = None
    decoding: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of_student(cls, settings: Settings) -> "Reading":
        """Return how the student's own answers are taken."""
        grammar = settings.decoding.model_dump(mode="json")
        told = {"decoding": grammar, "wire": choose_wire(settings.student), "thinking": settings.dataset.thinking}
        return cls(settings.evaluation.max_new_tokens, decoding=told)


def teacher_predictions(bench: Bench) -> str:
    """Store the teacher's graphs of the gold passages as predictions of the system "teacher"; return their run."""
    sql = """
    SELECT g.corpus, g.passage_id, t.entities, t.relations FROM gold_graphs g
    JOIN teacher_graphs t ON t.corpus = g.corpus AND t.passage_id = g.passage_id AND t.sample = 0
    WHERE g.split = ? AND g.corpus IN (SELECT DISTINCT corpus FROM filtered_dataset)
    """
    run = digest("teacher", bench.warehouse.version("teacher_graphs"), bench.gold_version(SPLIT))
    rows = []
    for row in bench.warehouse.read(sql, [SPLIT]).iter_rows(named=True):
        output = serialise(from_rows(row["entities"], row["relations"]))
        rows.append({**row, "run": run, "system": "teacher", "split": SPLIT, "raw_output": output, "stopped": True})
    store(bench, run, "teacher", rows)
    return run


def model_predictions(
    bench: Bench, system: str, identity: str, model: str, gold: pl.DataFrame, reading: Reading | None = None
) -> str:
    """Store a model's answers to the gold passages as predictions of `system`; return their run.

    Args:
        identity: what the model is, e.g. the digest of its weights: equal identities are asked once.
        model: its directory or hub name.
        reading: how long an answer may be and how its labels are read; none: as the student's.
    """
    ontologies = bench.ontologies()
    reading = reading or Reading.of_student(bench.settings)
    run = digest_json(
        {
            "model": identity,
            "asked": [message["content"] for messages in gold["messages"] for message in messages],
            "gold": bench.gold_version(SPLIT),
            "ontologies": {name: ontology.digest for name, ontology in ontologies.items()},
            "max_new_tokens": reading.max_new_tokens,
            "decoding": reading.decoding,
            **({"label_similarity": reading.label_similarity} if reading.label_similarity else {}),
        }
    )
    complete = [name for name, count in bench.warehouse.read(ANSWERED, [run]).rows() if count == gold.height]
    if complete:
        bench.context.log.info(f"{system}: its answers are known")
        if system not in complete:  # a student that GRPO has handed on as it came is the SFT student
            store(bench, run, system, bench.warehouse.read(ANSWERS, [system, run, complete[0]]).to_dicts())
        return run
    answers = _ask(bench, run, model, gold, reading)
    rows = []
    for row in gold.iter_rows(named=True):
        answer = answers.get(row["example_id"], {"raw_output": None, "stopped": None})
        graph = legal_graph(answer["raw_output"], row, ontologies[row["corpus"]], reading.label_similarity)
        entities, relations = to_rows(graph)
        rows.append(
            {
                **{column: row[column] for column in ("corpus", "passage_id", "split")},
                **{"run": run, "system": system, "entities": entities, "relations": relations},
                **{column: answer[column] for column in ("raw_output", "stopped")},
            }
        )
    store(bench, run, system, rows)
    return run


def legal_graph(
    raw_output: str | None, row: Mapping[str, Any], ontology: Ontology, label_similarity: float | None = None
) -> Graph:
    """Return the legal part of an answer, its labels read as the ontology's if so wanted; empty if it is unreadable."""
    try:
        parsed = parse(raw_output or "")
    except GraphParseError:
        return Graph()
    if label_similarity is not None:
        parsed = label_reader(ontology, label_similarity).read(parsed).parsed
    return legalise(parsed, row["text"], row["entity_types"], row["relation_types"], ontology).graph


def _ask(bench: Bench, run: str, model: str, gold: pl.DataFrame, reading: Reading) -> dict[str, dict[str, Any]]:
    """Run the prediction program and return its answers by example id."""
    folder = bench.home.root_path / "predictions"
    folder.mkdir(parents=True, exist_ok=True)
    prompts, output, config = (folder / f"{run}.{name}" for name in ("prompts.parquet", "answers.parquet", "json"))
    columns = ("messages", "text", "entity_types", "relation_types")
    gold.select(pl.col("example_id").alias("id"), *columns).write_parquet(prompts)
    settings = bench.settings.evaluation
    program = {
        **{"model": model, "prompts": str(prompts), "output": str(output)},
        **{"batch_size": settings.batch_size, "max_new_tokens": reading.max_new_tokens},
        **reading.decoding,
    }
    config.write_text(json.dumps(program, indent=2), encoding="utf-8")
    bench.launcher.run(bench.context, PREDICT, config)
    return {row["id"]: row for row in pl.read_parquet(output).iter_rows(named=True)}


def store(bench: Bench, run: str, system: str, rows: list[dict[str, Any]]) -> None:
    """Put a system's predictions in place of those that the run had."""
    frame = pl.DataFrame(rows, schema=CONTRACTS["predictions"].dtypes)
    bench.warehouse.commit(Replace("predictions", frame, {"run": run, "system": system}))
