"""Measure the teacher's labels before and after denoising: `python -m benchmarks.teacher_quality [--quick] [--json]`.

Three tables:

- `cleaning`: precision, recall and F1 with 95 % intervals (paired bootstrap over passages) before denoising, after full
  denoising, and after denoising as decided on other gold (`denoise.when: auto`); and the gains.
- `reliability`: the share of correct relations among those that are kept, by their confidence: uncalibrated, and
  calibrated on the same other gold.
- `decision`: what was decided, and why.

Data sets:

- `gazette`: evaluated on its test gold; the classifier is trained on its training passages; decision and constants were
  chosen on its dev gold.
- `knowledgenet` (`$TEXT2GRAPH_DATA/knowledgenet`; reported and left out where missing): its annotations are used as the
  knowledge base. `one fold unknown`: the facts (but not the names) of one fold in four are withheld, and the passages
  of that fold are evaluated. This is done for two folds in turn; constants were chosen on the other two. `all known`:
  the same passages with nothing withheld, so that labels are correct from the start and every addition is wrong.
  `half unknown`: every second fact is withheld. The decision is made on one of the other folds, with the same share of
  known facts. Only relation types that were annotated for a passage count. A triple is correct if its relation is
  annotated between a mention of its head and a mention of its tail. Recall is over all annotated triples; a third of
  them have a pronoun as head or tail, which this teacher never extracts.

`--quick`: a small gazette and one fold.
"""

import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.support import knowledgenet as kn
from benchmarks.support import reliability
from benchmarks.support.decision import SAMPLES, Decision, EvaluatedPassage, Measured
from benchmarks.support.knowledgenet import Counts
from benchmarks.support.table import flags, show
from examples.gazette.generate import generate
from examples.gazette.settings import GazetteSettings
from text2graph_dagster.bootstrap import percentile_interval, resample_sums
from text2graph_dagster.corpus.build import build_corpus
from text2graph_dagster.corpus.folder import open_corpus
from text2graph_dagster.dataset.denoising.calibration import ConfidenceOutcome, collect_outcomes
from text2graph_dagster.dataset.denoising.decision import count_relations
from text2graph_dagster.dataset.denoising.denoiser import Denoiser, Passage
from text2graph_dagster.graph.model import Graph
from text2graph_dagster.graph.rows import from_rows
from text2graph_dagster.metrics import Directions, graph_items
from text2graph_dagster.settings import Settings
from text2graph_dagster.teachers.knowledge_base.teacher import KnowledgeBaseTeacher

_MEASURED = (2, 3)


def main() -> None:
    """Run from the command line."""
    arguments = flags(str(__doc__))
    tables: dict[str, list[dict[str, Any]]] = {"cleaning": [], "reliability": [], "decision": []}
    gazette(tables, quick=arguments.quick)
    folder = Path(os.environ.get("TEXT2GRAPH_DATA", "")) / "knowledgenet"
    if folder.is_dir():
        knowledgenet(tables, folder, folds=_MEASURED[:1] if arguments.quick else _MEASURED)
    else:
        print(f"knowledgenet LEFT OUT: {folder} is missing; set TEXT2GRAPH_DATA.", file=sys.stderr)
    if arguments.json:
        print(json.dumps(tables, indent=1))
        return
    for name, rows in tables.items():
        print(f"\n{name}")
        show(rows, as_json=False)


def _add(tables: dict[str, list[dict[str, Any]]], name: str, measured: Measured) -> None:
    tables["cleaning"] += _rows(name, measured.counts)
    tables["reliability"] += reliability.rows(f"{name}, uncalibrated", measured.uncalibrated, SAMPLES)
    tables["reliability"] += reliability.rows(f"{name}, calibrated", measured.calibrated, SAMPLES)


def gazette(tables: dict[str, list[dict[str, Any]]], *, quick: bool) -> None:
    """Add the figures on the gazette's test gold."""
    size = replace(GazetteSettings(), train=800, test_passages=200) if quick else GazetteSettings()
    with tempfile.TemporaryDirectory() as root:
        generate(Path(root) / "gazette", size)
        folder = open_corpus(Path(root) / "gazette")
        built = build_corpus(folder, Settings().corpus)
        if folder.knowledge_base is None:
            raise SystemExit("the gazette has no knowledge base")
        teacher = KnowledgeBaseTeacher(folder.knowledge_base, folder.ontology)
        parts: dict[str, list[Passage]] = {"train": [], "dev": [], "test": []}
        kept = built.raw_corpus.filter(pl.col("duplicate_of").is_null()).unique("passage_id", maintain_order=True)
        for row in kept.iter_rows(named=True):
            graph = teacher.annotate(row["text"], row["language"])
            parts[row["split"]].append(Passage(row["passage_id"], row["text"], graph))
    gold = {r["passage_id"]: from_rows(r["entities"], r["relations"]) for r in built.gold_graphs.iter_rows(named=True)}
    turn = Directions.of(folder.ontology)
    denoiser = Denoiser.train(parts["train"], folder.ontology)
    evaluated: dict[str, list[EvaluatedPassage]] = {"dev": [], "test": []}
    for part, found in evaluated.items():
        denoised, wanted = denoiser.denoise(parts[part]), [gold[passage.passage_id] for passage in parts[part]]
        for labels, graph, g in zip(denoised.labels, denoised.graphs, wanted, strict=True):
            counted, outcomes = partial(_exact, gold=g, turn=turn), partial(collect_outcomes, gold=g, directions=turn)
            found.append(EvaluatedPassage(labels, graph, count_relations(labels, graph, g, turn), counted, outcomes))
    decision, measured = Decision.by(evaluated["dev"], parts["train"]), Measured()
    for one in evaluated["test"]:
        measured.add(one, decision)
    _add(tables, "gazette test", measured)
    tables["decision"].append({"set": "gazette by dev", "verdict": decision.why})


def _exact(graph: Graph, gold: Graph, turn: Directions) -> Counts:
    found, annotated = set(graph_items(graph, turn).relations), set(graph_items(gold, turn).relations)
    right = len(found & annotated)
    return right, len(found), right, len(annotated)


def knowledgenet(tables: dict[str, list[dict[str, Any]]], folder: Path, folds: Sequence[int]) -> None:
    """Add the figures for each of `folds` with its facts withheld, and with all facts known."""
    lines = (folder / "train.jsonl").read_text(encoding="utf-8").splitlines()
    documents = [json.loads(line) for line in lines]
    ontology = kn.ontology_of(json.loads((folder / "ontology.json").read_text(encoding="utf-8")))
    others = [fold for fold in range(kn.FOLDS) if fold not in _MEASURED][: len(folds)]
    known: dict[str, Callable[[int], kn.LabelledPassages]] = {
        "one fold unknown": lambda fold: kn.label(documents, ontology, fold),
        "half unknown": partial(_once, kn.label(documents, ontology, half=True)),
        "all known": partial(_once, kn.label(documents, ontology)),
    }
    for what, label in known.items():
        name, measured = f"knowledgenet, {what}", Measured()
        for fold, other in zip(folds, others, strict=True):
            labelled, alike = label(fold), label(other)
            decision = _decide(documents, labelled, fold, alike, other)
            for one in _evaluate(documents, labelled, fold):
                measured.add(one, decision)
            tables["decision"].append({"set": f"{name}, fold {fold} by {other}", "verdict": decision.why})
        _add(tables, name, measured)


def _once(labelled: kn.LabelledPassages, fold: int) -> kn.LabelledPassages:
    return labelled


def _evaluate(
    documents: Sequence[Mapping[str, Any]], labelled: kn.LabelledPassages, fold: int
) -> list[EvaluatedPassage]:
    """Return the passages of one fold."""
    return [
        EvaluatedPassage(
            labels,
            graph,
            kn.count_changes(labels, graph, document),
            partial(kn.count_listed, document=document),
            partial(_marked, document),
        )
        for document, labels, graph in zip(documents, labelled.denoised.labels, labelled.denoised.graphs, strict=True)
        if kn.fold(document) == fold
    ]


def _marked(document: Mapping[str, Any], graph: Graph) -> list[ConfidenceOutcome]:
    return [(r.confidence, bool(met)) for r, met in kn.mark_relations(graph, document) if r.confidence is not None]


def _decide(
    documents: Sequence[Mapping[str, Any]],
    labelled: kn.LabelledPassages,
    fold: int,
    alike: kn.LabelledPassages,
    other: int,
) -> Decision:
    """Decide on the passages of one fold, given the gold of another fold with the same share of known facts."""
    mine = [p for document, p in zip(documents, labelled.passages, strict=True) if kn.fold(document) == fold]
    return Decision.by(_evaluate(documents, alike, other), mine)


def _rows(name: str, evaluated: Sequence[tuple[Counts, Counts, Counts]]) -> list[dict[str, Any]]:
    """Return a row per stage and one per difference, all on the same resamples of the passages."""
    vectors = np.array(evaluated, dtype=np.float64).reshape(len(evaluated), 12)
    totals, resampled = vectors.sum(axis=0)[None], resample_sums(vectors, SAMPLES, seed=0)
    stages = {}
    for i, stage in enumerate(("before", "after", "as decided")):
        columns = slice(4 * i, 4 * i + 4)
        stages[stage] = _figures(totals[:, columns]), _figures(resampled[:, columns])
    for stage, gain in (("after", "gain"), ("as decided", "gain as decided")):
        pairs = zip(stages[stage], stages["before"], strict=True)
        value, samples = (with_it - without for with_it, without in pairs)
        stages[gain] = value, samples
    return [
        {"set": name, "cleaning": stage, "n": len(evaluated)}
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
    low, high = percentile_interval(samples) or (value, value)
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


if __name__ == "__main__":
    main()
