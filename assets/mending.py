"""The mending of a corpus's labels for filtered_dataset: slice by slice, where its dev gold says that it helps."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from resources.warehouse import Warehouse
from text2graph_dagster.contracts import RELATIONS, frame_of
from text2graph_dagster.dataset import example_quality
from text2graph_dagster.dataset.confusions import ConfusionCounter, Confusions
from text2graph_dagster.dataset.denoising.calibration import Calibration, calibrate, sure
from text2graph_dagster.dataset.denoising.decision import MIN_DEV_RELATIONS, Verdict, counts, judge
from text2graph_dagster.dataset.denoising.denoiser import Denoised, Mender, Passage
from text2graph_dagster.dataset.denoising.nli_filter import Scorer, with_second_opinion
from text2graph_dagster.graph.model import Graph
from text2graph_dagster.graph.rows import from_rows, to_rows
from text2graph_dagster.metrics import Directions
from text2graph_dagster.ontology import Ontology
from text2graph_dagster.settings import DenoiseSettings, Settings

_Mending = Callable[[Sequence[Passage]], Denoised]
_MENDED = {"relations": RELATIONS, "mended": pl.Boolean(), "agreement": pl.Float64()}
# What is not annotated in full says nothing of what mending adds, and the split test is for the report alone.
DEV = """
SELECT g.passage_id, p.text, p.doc_id, t.entities, t.relations,
       g.entities AS gold_entities, g.relations AS gold_relations
FROM gold_graphs g
JOIN teacher_graphs t ON t.corpus = g.corpus AND t.passage_id = g.passage_id AND t.sample = 0
JOIN raw_corpus p ON p.corpus = g.corpus AND p.passage_id = g.passage_id AND p.duplicate_of IS NULL
WHERE g.corpus = ? AND g.split = 'dev' AND g.exhaustive
"""


@dataclass(frozen=True)
class Mended:
    """What mending counted: which types the corpus confuses, relations dropped and added; what was decided, and why."""

    confusions: Confusions
    dropped: int
    added: int
    verdict: Verdict
    calibration: Calibration

    @property
    def why(self) -> str:
        """What was decided, and why."""
        return f"{self.verdict.why}; {self.calibration.why}"


def mend(
    warehouse: Warehouse,
    corpus: str,
    staged: Sequence[Path],
    ontology: Ontology,
    settings: Settings,
    scorer: Scorer | None = None,
) -> Mended:
    """Put mended relations into the files, and say of each passage whether it was mended and how far samples agree.

    `scorer` has a second opinion on what mending kept and added.
    """
    denoise = settings.dataset.denoise
    mending = None if denoise.when == "never" else _learn(staged, ontology, denoise, scorer)
    directions = Directions.of(ontology)
    dev = _mended_dev(warehouse, corpus, mending) if mending else []
    counted = [counts(graphs.labels, graphs.mended, graphs.gold, directions) for graphs in dev]
    documents, samples = [graphs.document for graphs in dev], settings.evaluation.bootstrap_samples
    verdict = judge(counted, documents, _labels_per_passage(staged), denoise, samples, settings.seed)
    said = [one for g in dev for one in sure(verdict.apply(g.labels, g.mended), g.gold, directions)]
    calibration = calibrate(said, MIN_DEV_RELATIONS)
    counter = ConfusionCounter(ontology)
    changed = [_rewrite(file, ontology, mending, verdict, calibration, counter) for file in staged]
    dropped, added = (sum(numbers) for numbers in zip((0, 0), *changed, strict=True))
    return Mended(counter.confusions(), dropped, added, verdict, calibration)


def _rewrite(
    file: Path,
    ontology: Ontology,
    mending: _Mending | None,
    verdict: Verdict,
    calibration: Calibration,
    counter: ConfusionCounter,
) -> tuple[int, int]:
    """Mend one file as the verdict says, and return how many relations were dropped and added."""
    rows, news = _read_rows(file), []
    dropped = added = 0
    before = _passages(rows)
    unjudged = [p.graph for p in before]
    judged = mending(before) if mending else Denoised(unjudged, unjudged, 0, 0)
    for row, passage, labels, best in zip(rows, before, judged.labels, judged.graphs, strict=True):
        graph = calibration.apply(verdict.apply(labels, best))
        stays = len(set(graph.relations) & set(passage.graph.relations))
        dropped, added = dropped + len(passage.graph.relations) - stays, added + len(graph.relations) - stays
        samples = [_graph(sample) for sample in row["samples"] or ()]
        counter.add(graph)
        for other in (graph, *samples):
            counter.add_disagreement(passage.graph, other)
        agreement = example_quality.agreement(passage.graph, samples, ontology)
        news.append({"relations": to_rows(graph)[1], "mended": graph != passage.graph, "agreement": agreement})
    pl.read_parquet(file).with_columns(frame_of(news, _MENDED)).write_parquet(file)
    return dropped, added


def _learn(staged: Sequence[Path], ontology: Ontology, settings: DenoiseSettings, scorer: Scorer | None) -> _Mending:
    """Return what mends passages, learnt from all of these."""
    mender = Mender.learn((p for file in staged for p in _passages(_read_rows(file))), ontology)
    if scorer is None:
        return mender.mend
    return lambda passages: with_second_opinion(
        passages, mender.mend(passages), ontology, scorer, settings.min_entailment
    )


@dataclass(frozen=True, slots=True)
class _Dev:
    """A dev passage: the number of its document, the teacher's labels, the same mended, and gold."""

    document: int
    labels: Graph
    mended: Graph
    gold: Graph


def _mended_dev(warehouse: Warehouse, corpus: str, mending: _Mending) -> list[_Dev]:
    """Mend the teacher's graphs of the dev passages; people annotated them, so they are few."""
    dev: list[_Dev] = []
    numbers: dict[str, int] = {}
    for frame in warehouse.slices(DEV, [corpus]):
        rows = frame.to_dicts()
        judged = mending(_passages(rows))
        for row, labels, mended in zip(rows, judged.labels, judged.graphs, strict=True):
            gold = from_rows(row["gold_entities"], row["gold_relations"])
            dev.append(_Dev(numbers.setdefault(row["doc_id"], len(numbers)), labels, mended, gold))
    return dev


def _labels_per_passage(staged: Sequence[Path]) -> float:
    labels = (
        pl.scan_parquet(list(staged)).select(pl.col("relations").list.len().mean()).collect().item() if staged else 0
    )
    return float(labels or 0)


def _read_rows(file: Path) -> list[dict[str, Any]]:
    """Return the rows of a parquet file as values of Python."""
    rows: list[dict[str, Any]] = pq.read_table(file).to_pylist()
    return rows


def _graph(row: Mapping[str, Any]) -> Graph:
    return from_rows(row["entities"], row["relations"])


def _passages(rows: Sequence[Mapping[str, Any]]) -> list[Passage]:
    return [Passage(row["passage_id"], row["text"], _graph(row)) for row in rows]
