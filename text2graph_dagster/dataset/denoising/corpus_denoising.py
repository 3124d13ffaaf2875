"""Denoise the labels of a corpus, file by file, if its dev gold shows that this helps.

Annotated passages are never changed. The denoiser learns from them as from all other passages.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from text2graph_dagster.contracts import RELATIONS, frame_of
from text2graph_dagster.dataset import example_quality
from text2graph_dagster.dataset.confusions import ConfusionCounter, Confusions
from text2graph_dagster.dataset.denoising.calibration import Calibration, collect_outcomes, fit_calibration
from text2graph_dagster.dataset.denoising.decision import (
    MIN_DEV_RELATIONS,
    DenoiseDecision,
    count_relations,
    decide,
    leave_unchanged,
)
from text2graph_dagster.dataset.denoising.denoiser import DenoisedGraphs, Denoiser, Passage
from text2graph_dagster.dataset.denoising.nli_filter import EntailmentScorer, filter_by_entailment
from text2graph_dagster.graph.model import Graph
from text2graph_dagster.graph.rows import from_rows, to_rows
from text2graph_dagster.metrics import Directions
from text2graph_dagster.ontology import Ontology
from text2graph_dagster.settings import DenoiseSettings

_Denoise = Callable[[Sequence[Passage]], DenoisedGraphs]
_NEW_COLUMNS = {"relations": RELATIONS, "denoised": pl.Boolean(), "agreement": pl.Float64()}


@dataclass(frozen=True)
class CorpusDenoising:
    """The result for a corpus: relations dropped and added, the decision and why, and which types are confused."""

    confusions: Confusions
    dropped: int
    added: int
    decision: DenoiseDecision
    calibration: Calibration

    @property
    def summary(self) -> str:
        """What was decided, and why."""
        return "; ".join(filter(None, (self.decision.summary, self.calibration.summary)))


@dataclass(frozen=True)
class CorpusDenoiser:
    """Denoises corpora; `samples` and `seed` are settings of the bootstrap of the decision.

    If `scorer` is given, relations that denoising keeps or adds are dropped unless the scorer confirms them.
    """

    settings: DenoiseSettings
    samples: int
    seed: int
    scorer: EntailmentScorer | None = None

    def denoise(self, files: Sequence[Path], dev: Iterable[pl.DataFrame], ontology: Ontology) -> CorpusDenoising:
        """Denoise the graphs in the files; add columns for whether each was changed and how far its samples agree.

        Args:
            files: parquet files of training passages with passage_id, text, entities, relations, samples, annotation
                (not null: the passage is annotated). They are rewritten: relations is replaced, denoised and agreement
                are added.
            dev: frames of exhaustively annotated dev passages with passage_id, text, doc_id, entities, relations,
                gold_entities, gold_relations. They are not read if the settings forbid denoising.
            ontology: the corpus's ontology.
        """
        stated = _count_labels(files)
        denoise = None if self.settings.when == "never" or stated.only_annotated else self._train(files, ontology)
        directions = Directions.of(ontology)
        passages = _denoise_dev(dev, denoise) if denoise else []
        counts = [count_relations(p.labels, p.denoised, p.gold, directions) for p in passages]
        documents = [p.document for p in passages]
        if stated.only_annotated:
            decision = leave_unchanged("every passage is annotated")
        else:
            decision = decide(counts, documents, stated.mean, self.settings, self.samples, self.seed)
        outcomes = [
            outcome
            for p in passages
            for outcome in collect_outcomes(decision.apply(p.labels, p.denoised), p.gold, directions)
        ]
        # An annotated relation has the confidence 1; there is nothing to calibrate.
        calibration = Calibration("") if stated.only_annotated else fit_calibration(outcomes, MIN_DEV_RELATIONS)
        rewriter = _FileRewriter(ontology, denoise, decision, calibration, ConfusionCounter(ontology))
        for file in files:
            rewriter.rewrite(file)
        confusions = rewriter.counter.confusions()
        return CorpusDenoising(confusions, rewriter.dropped, rewriter.added, decision, calibration)

    def _train(self, files: Sequence[Path], ontology: Ontology) -> _Denoise:
        """Train on all passages, and return a function that denoises passages."""
        denoiser = Denoiser.train((p for file in files for p in _make_passages(_read_rows(file))), ontology)
        scorer = self.scorer
        if scorer is None:
            return denoiser.denoise
        return lambda passages: filter_by_entailment(
            passages, denoiser.denoise(passages), ontology, scorer, self.settings.min_entailment
        )


@dataclass
class _FileRewriter:
    """Applies a decision to files, and counts the relations dropped and added and the types that are confused."""

    ontology: Ontology
    denoise: _Denoise | None
    decision: DenoiseDecision
    calibration: Calibration
    counter: ConfusionCounter
    dropped: int = 0
    added: int = 0

    def rewrite(self, file: Path) -> None:
        rows = _read_rows(file)
        passages = _make_passages(rows)
        unchanged = [p.graph for p in passages]
        denoised = self.denoise(passages) if self.denoise else DenoisedGraphs(unchanged, unchanged, 0, 0)
        new = [
            self._make_columns(row, passage.graph, self._denoise_graph(row, passage.graph, labels, graph))
            for row, passage, labels, graph in zip(rows, passages, denoised.labels, denoised.graphs, strict=True)
        ]
        pl.read_parquet(file).with_columns(frame_of(new, _NEW_COLUMNS)).write_parquet(file)

    def _denoise_graph(self, row: Mapping[str, Any], before: Graph, labels: Graph, denoised: Graph) -> Graph:
        if row["annotation"] is not None:
            return before
        return self.calibration.apply(self.decision.apply(labels, denoised))

    def _make_columns(self, row: Mapping[str, Any], before: Graph, after: Graph) -> dict[str, Any]:
        kept = len(set(after.relations) & set(before.relations))
        self.dropped += len(before.relations) - kept
        self.added += len(after.relations) - kept
        samples = [_make_graph(sample) for sample in row["samples"] or ()]
        self.counter.add(after)
        for other in (after, *samples):
            self.counter.add_disagreement(before, other)
        agreement = example_quality.sample_agreement(before, samples, self.ontology)
        return {"relations": to_rows(after)[1], "denoised": after != before, "agreement": agreement}


@dataclass(frozen=True, slots=True)
class _DevPassage:
    """A dev passage: the number of its document, the teacher's graph, the denoised graph, and the gold graph."""

    document: int
    labels: Graph
    denoised: Graph
    gold: Graph


def _denoise_dev(frames: Iterable[pl.DataFrame], denoise: _Denoise) -> list[_DevPassage]:
    """Denoise the teacher's graphs of all dev passages; they are annotated by hand, so they fit in memory."""
    passages: list[_DevPassage] = []
    numbers: dict[str, int] = {}
    for frame in frames:
        rows = frame.to_dicts()
        result = denoise(_make_passages(rows))
        for row, labels, denoised in zip(rows, result.labels, result.graphs, strict=True):
            gold = from_rows(row["gold_entities"], row["gold_relations"])
            passages.append(_DevPassage(numbers.setdefault(row["doc_id"], len(numbers)), labels, denoised, gold))
    return passages


@dataclass(frozen=True, slots=True)
class _LabelCounts:
    """Whether every passage is annotated, and the mean number of labels of the others."""

    only_annotated: bool
    mean: float


def _count_labels(files: Sequence[Path]) -> _LabelCounts:
    if not files:
        return _LabelCounts(False, 0.0)
    from_teacher = pl.col("annotation").is_null()
    labels = pl.col("relations").list.len().filter(from_teacher)
    columns = pl.len(), from_teacher.sum().alias("from_teacher"), labels.mean().alias("mean")
    rows, labelled, mean = pl.scan_parquet(list(files)).select(*columns).collect().row(0)
    return _LabelCounts(rows > 0 and labelled == 0, float(mean or 0))


def _read_rows(file: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(file).to_pylist()
    return rows


def _make_graph(row: Mapping[str, Any]) -> Graph:
    return from_rows(row["entities"], row["relations"])


def _make_passages(rows: Sequence[Mapping[str, Any]]) -> list[Passage]:
    return [Passage(row["passage_id"], row["text"], _make_graph(row)) for row in rows]
