"""How right the teacher is before and after cleaning: `python -m benchmarks.teacher_quality [--quick] [--json]`.

Precision, recall and F1 with 95 % intervals (paired bootstrap over passages), and what cleaning gains, on

- `gazette`: its test gold. Every figure of the cleaning was chosen on the dev gold.
- `knowledgenet` (`$TEXT2GRAPH_DATA/knowledgenet`, left out aloud where it is missing): its annotations are the
  knowledge base. `one fold unknown`: the facts of one fold in four are withheld (its names are not) and its passages
  are measured, for two folds in turn: settings were chosen on the two others. `all known`: the same passages with
  nothing withheld, where labels are right to begin with and what is added can only be wrong. Only relation
  types that were annotated for a passage count. A triple is right if a pair of its ends' mentions is annotated with it;
  recall is over all annotated triples, a third of which have a pronoun for an end, which this teacher never names.

`--quick`: a small gazette and one fold.
"""

import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.table import flags, show
from examples.gazette.generate import generate
from examples.gazette.settings import GazetteSettings
from text2graph_dagster.corpus.build import build
from text2graph_dagster.corpus.folder import open_corpus
from text2graph_dagster.dataset.denoise import Passage, denoise
from text2graph_dagster.evaluation.bootstrap import interval, resampled_sums
from text2graph_dagster.graph import Graph, from_rows
from text2graph_dagster.identity import digest
from text2graph_dagster.metrics import Directions, graph_items
from text2graph_dagster.ontology import EntityType, Ontology, RelationType
from text2graph_dagster.settings import Settings
from text2graph_dagster.teachers.knowledge_base import KnowledgeBaseTeacher

Counts = tuple[int, int, int, int]  # right and all predicted triples, found and all annotated triples
_FOLDS, _MEASURED, _SAMPLES = 4, (2, 3), 1000
_WITHHELD = "withheld"  # a relation that no ontology knows: its line tells the names only


def main() -> None:
    """Run from the command line."""
    arguments = flags(str(__doc__))
    rows = gazette(quick=arguments.quick)
    folder = Path(os.environ.get("TEXT2GRAPH_DATA", "../shared/data")) / "knowledgenet"
    if folder.is_dir():
        rows += knowledgenet(folder, folds=_MEASURED[:1] if arguments.quick else _MEASURED)
    else:
        print(f"knowledgenet LEFT OUT: {folder} is missing; set TEXT2GRAPH_DATA.", file=sys.stderr)
    show(rows, as_json=arguments.json)


def gazette(*, quick: bool) -> list[dict[str, Any]]:
    """Return the figures on the gazette's test gold."""
    size = replace(GazetteSettings(), train=800, test_passages=200) if quick else GazetteSettings()
    with tempfile.TemporaryDirectory() as root:
        generate(Path(root) / "gazette", size)
        folder = open_corpus(Path(root) / "gazette")
        tables = build(folder, Settings().corpus)
        if folder.knowledge_base is None:
            raise SystemExit("the gazette has lost its knowledge base")
        teacher = KnowledgeBaseTeacher(folder.knowledge_base, folder.ontology)
        kept = tables.raw_corpus.filter(pl.col("duplicate_of").is_null() & (pl.col("split") != "dev"))
        passages = [
            Passage(row["passage_id"], row["text"], teacher.annotate(row["text"], row["language"]))
            for row in kept.unique("passage_id", maintain_order=True).iter_rows(named=True)
        ]
    gold = {
        row["passage_id"]: from_rows(row["entities"], row["relations"])
        for row in tables.gold_graphs.filter(pl.col("split") == "test").iter_rows(named=True)
    }
    cleaned = denoise(passages, folder.ontology, Settings().dataset.denoise).graphs
    turn = Directions.of(folder.ontology)
    judged = [
        (_exact(p.graph, gold[p.passage_id], turn), _exact(graph, gold[p.passage_id], turn))
        for p, graph in zip(passages, cleaned, strict=True)
        if p.passage_id in gold
    ]
    return _rows("gazette test", judged)


def _exact(graph: Graph, gold: Graph, turn: Directions) -> Counts:
    found, annotated = set(graph_items(graph, turn).relations), set(graph_items(gold, turn).relations)
    right = len(found & annotated)
    return right, len(found), right, len(annotated)


def knowledgenet(folder: Path, folds: Sequence[int]) -> list[dict[str, Any]]:
    """Return the figures with one fold's facts withheld, each of `folds` in turn, and with all facts known."""
    lines = (folder / "train.jsonl").read_text(encoding="utf-8").splitlines()
    documents = [json.loads(line) for line in lines]
    ontology = _ontology(json.loads((folder / "ontology.json").read_text(encoding="utf-8")))
    withheld = [pair for fold in folds for pair in _taught(documents, ontology, fold, [fold])]
    return [
        *_rows("knowledgenet, one fold unknown", withheld),
        *_rows("knowledgenet, all known", _taught(documents, ontology, None, folds)),
    ]


def _ontology(types: Mapping[str, Any]) -> Ontology:
    signatures: dict[str, list[tuple[str, str]]] = {name: [] for name in types["relation_types"]}
    for item in types["signatures"]:
        if item["count"] > 1:  # one HEADQUARTERS from place to organisation is a slip
            signatures[item["relation"]].append((item["head_type"], item["tail_type"]))
    relations = (
        RelationType(name, signatures=tuple(pairs), symmetric=name == "SPOUSE") for name, pairs in signatures.items()
    )
    return Ontology("knowledgenet", "en", tuple(map(EntityType, types["entity_types"])), tuple(relations))


def _taught(
    documents: Sequence[Mapping[str, Any]], ontology: Ontology, unknown: int | None, measured: Sequence[int]
) -> list[tuple[Counts, Counts]]:
    """Return the counts before and after cleaning of the passages of some folds, the facts of one being unknown."""
    folds = [int(digest(document["id"])[:8], 16) % _FOLDS for document in documents]
    with tempfile.TemporaryDirectory() as root:
        path = Path(root) / "knowledge_base.jsonl"
        facts = (f for d, fold in zip(documents, folds, strict=True) for f in _facts(d, known=fold != unknown))
        path.write_text("".join(json.dumps(fact) + "\n" for fact in facts), encoding="utf-8")
        teacher = KnowledgeBaseTeacher(path, ontology)
        passages = [Passage(digest(d["text"]), d["text"], teacher.annotate(d["text"], "en")) for d in documents]
    cleaned = denoise(passages, ontology, Settings().dataset.denoise).graphs
    return [
        (_listed(passage.graph, document), _listed(graph, document))
        for passage, graph, document, fold in zip(passages, cleaned, documents, folds, strict=True)
        if fold in measured
    ]


def _facts(document: Mapping[str, Any], *, known: bool) -> list[dict[str, Any]]:
    entities = {entity["id"]: entity for entity in document["entities"]}
    return [
        {
            "relation": relation["type"] if known else _WITHHELD,
            **{end: entities[relation[f"{end}_id"]]["text"] for end in ("head", "tail")},
            **{f"{end}_type": entities[relation[f"{end}_id"]]["type"] for end in ("head", "tail")},
            **{f"{end}_id": _identity(entities[relation[f"{end}_id"]]) for end in ("head", "tail")},
        }
        for relation in document["relations"]
    ]


def _identity(entity: Mapping[str, Any]) -> str | None:
    return entity["uri"].rsplit("/", 1)[-1] if entity.get("uri") else None


def _listed(graph: Graph, document: Mapping[str, Any]) -> Counts:
    """Count the triples of the types that were annotated here, by the places of their ends."""
    places = {e["id"]: (e["start"], e["end"]) for e in document["entities"]}
    gold = {(places[r["head_id"]], r["type"], places[r["tail_id"]]) for r in document["relations"]}
    entities, right, predicted, met = graph.by_id(), 0, 0, set()
    for relation in graph.relations:
        if relation.type not in document["relation_types"]:
            continue
        ends = [[(m.start, m.end) for m in entities[end].mentions] for end in (relation.head, relation.tail)]
        stated = {(h, relation.type, t) for h in ends[0] for t in ends[1]}
        if relation.type == "SPOUSE":
            stated |= {(t, kind, h) for h, kind, t in stated}
        predicted, right = predicted + 1, right + bool(stated & gold)
        met |= stated & gold
    return right, predicted, len(met), len(gold)


def _rows(name: str, judged: Sequence[tuple[Counts, Counts]]) -> list[dict[str, Any]]:
    """Return a row per stage, and one for the difference, on the same resampled passages."""
    vectors = np.array(judged, dtype=np.float64).reshape(len(judged), 8)
    totals, resampled = vectors.sum(axis=0)[None], resampled_sums(vectors, _SAMPLES, seed=0)
    stages = {"before": (_figures(totals[:, :4]), _figures(resampled[:, :4]))}
    stages["after"] = _figures(totals[:, 4:]), _figures(resampled[:, 4:])
    stages["gain"] = stages["after"][0] - stages["before"][0], stages["after"][1] - stages["before"][1]
    return [
        {"set": name, "cleaning": stage, "n": len(judged)}
        | {
            figure: _with_interval(float(value[0, i]), samples[:, i])
            for i, figure in enumerate(("precision", "recall", "f1"))
        }
        for stage, (value, samples) in stages.items()
    ]


def _figures(sums: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return precision, recall, F1 of every row of (right, predicted, found, annotated)."""
    precision, recall = sums[:, 0] / np.maximum(sums[:, 1], 1), sums[:, 2] / np.maximum(sums[:, 3], 1)
    return np.stack([precision, recall, 2 * precision * recall / np.maximum(precision + recall, 1e-12)], axis=1)


def _with_interval(value: float, samples: np.ndarray[Any, np.dtype[np.float64]]) -> str:
    low, high = interval(samples) or (value, value)
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


if __name__ == "__main__":
    main()
