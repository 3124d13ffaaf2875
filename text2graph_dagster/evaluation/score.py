"""From predictions and gold to the rows of eval_report: every figure with its interval and its n."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import polars as pl

from text2graph_dagster import metrics
from text2graph_dagster.bootstrap import interval, resampled_sums
from text2graph_dagster.evaluation import figures as fig
from text2graph_dagster.evaluation.figures import HEADLINE, CountBlocks, Figure, PassageResult
from text2graph_dagster.graph.model import ParsedGraph
from text2graph_dagster.graph.parsing import parse
from text2graph_dagster.graph.rows import from_rows
from text2graph_dagster.ontology import Ontology

SCHEMA = {
    "run": pl.String,
    "system": pl.String,
    "corpus": pl.String,
    "metric": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "n": pl.Int64,
}
ALL = "all"
_Row = tuple[str, str, str, str, float | None, float | None, float | None, int]


def score_run(
    run: str,
    gold: pl.DataFrame,
    predictions: pl.DataFrame,
    ontologies: Mapping[str, Ontology],
    systems: Sequence[str],
    samples: int = 10_000,
    seed: int = 7,
) -> pl.DataFrame:
    """Return the rows of eval_report for one evaluation.

    `gold` has corpus, passage_id, text, entities, relations, and doc_id where passages of one document are to be
    resampled together. `predictions` has system, corpus, passage_id, raw_output (null: no answer), entities and
    relations (the legal graph); gold passages without a row count as missing. Every figure has a 95 % interval; for
    the figures of `HEADLINE` so has the difference of every two of `systems`, the later minus the earlier. With
    several corpora all passages together are the corpus "all". `n` is the number of passages, of gold items for a
    single type, or of whatever a share is a share of.
    """
    by_system = {
        system: {(row["corpus"], row["passage_id"]): row for row in predictions.filter(system=system).to_dicts()}
        for system in systems
    }
    corpora = gold["corpus"].unique().sort().to_list()
    judged = {
        corpus: _judge(gold.filter(corpus=corpus).sort("passage_id"), by_system, ontologies[corpus])
        for corpus in corpora
    }
    documents = _documents(gold)
    rows: list[_Row] = []
    for corpus in corpora:
        keys, found = judged[corpus]
        rows += _rows(run, corpus, found, [ontologies[corpus]], [documents[k] for k in keys], samples, seed)
    if len(corpora) > 1:
        together = {s: [j for corpus in corpora for j in judged[corpus][1][s]] for s in systems}
        units = [documents[k] for corpus in corpora for k in judged[corpus][0]]
        rows += _rows(run, ALL, together, [ontologies[c] for c in corpora], units, samples, seed)
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _judge(
    gold: pl.DataFrame, by_system: Mapping[str, Mapping[tuple[str, str], dict[str, object]]], ontology: Ontology
) -> tuple[list[tuple[str, str]], dict[str, list[PassageResult]]]:
    """Return the passages' keys, and per system every passage beside what the system made of it."""
    directions = metrics.Directions.of(ontology)
    rows = gold.to_dicts()
    keys = [(row["corpus"], row["passage_id"]) for row in rows]
    wanted = [metrics.graph_items(from_rows(row["entities"], row["relations"]), directions) for row in rows]
    judged: dict[str, list[PassageResult]] = {system: [] for system in by_system}
    for system, answers in by_system.items():
        for key, row, items in zip(keys, rows, wanted, strict=True):
            answer = answers.get(key)
            parsed = read_output(answer["raw_output"]) if answer else None
            legal = raw = None
            if answer and parsed:
                legal = metrics.graph_items(from_rows(answer["entities"], answer["relations"]), directions)  # type: ignore[arg-type]
                raw = metrics.output_items(parsed, directions)
            judged[system].append(PassageResult(row["text"], items, legal, raw, parsed))
    return keys, judged


def read_output(raw: object) -> ParsedGraph | None:
    """Parse a raw answer; None when there is none or it cannot be read."""
    if not isinstance(raw, str):
        return None
    try:
        return parse(raw)
    except ValueError:  # GraphParseError, and what json says to an integer of more than 4,300 digits
        return None


def _documents(gold: pl.DataFrame) -> dict[tuple[str, str], int]:
    """Number the documents that passages come from; without doc_id every passage is its own."""
    name = "doc_id" if "doc_id" in gold.columns else "passage_id"
    numbers: dict[tuple[str, str], int] = {}
    rows = gold.select("corpus", "passage_id", pl.col(name).alias("unit")).sort("corpus", "passage_id").iter_rows()
    return {(c, p): numbers.setdefault((c, unit), len(numbers)) for c, p, unit in rows}


def _rows(
    run: str,
    corpus: str,
    judged: Mapping[str, Sequence[PassageResult]],
    ontologies: Sequence[Ontology],
    units: Sequence[int],
    samples: int,
    seed: int,
) -> list[_Row]:
    """Score all systems on one corpus, resampled together."""
    found = {system: fig.count_blocks(list(passages), ontologies) for system, passages in judged.items()}
    wide = np.concatenate([fig.stack_blocks(blocks) for blocks in found.values()], axis=1)
    resampled = resampled_sums(wide, samples, seed, np.asarray(units, dtype=np.int64))
    parts = np.split(resampled, len(found), axis=1)
    sums = {s: fig.unstack_blocks(part, found[s]) for s, part in zip(found, parts, strict=True)}
    totals = {s: {name: block.sum(axis=0) for name, block in blocks.items()} for s, blocks in found.items()}
    wanted = fig.list_figures() + (fig.list_type_figures(ontologies) if corpus != ALL else [])
    rows: list[_Row] = []
    for system in found:
        for figure in wanted:
            row = _row(figure, [totals[system]], [sums[system]], len(units))
            if row[0] is not None or ":" not in figure.name.removeprefix(fig.RAW):
                rows.append((run, system, corpus, figure.name, *row))
    for first, second in combinations(found, 2):
        for figure in (f for f in wanted if f.name in HEADLINE):
            row = _row(figure, [totals[second], totals[first]], [sums[second], sums[first]], len(units))
            rows.append((run, f"{second} - {first}", corpus, delta_name(second, first, figure.name), *row))
    return rows


def _row(
    figure: Figure, totals: Sequence[CountBlocks], sums: Sequence[CountBlocks], passages: int
) -> tuple[float | None, float | None, float | None, int]:
    """Return (value, low, high, n) of a system's figure, or of the first system's minus the second's."""
    values = [float(figure.value(t[figure.block])) for t in totals]
    spread = [figure.value(s[figure.block]) for s in sums]
    value = values[0] - values[1] if len(values) == 2 else values[0]
    ends = interval(spread[0] - spread[1] if len(spread) == 2 else spread[0])
    n = passages if figure.n is None else min(int(figure.n(t[figure.block])) for t in totals)
    if np.isnan(value) or ends is None:
        return None, None, None, n
    return value, *ends, n


def delta_name(second: str, first: str, metric: str) -> str:
    """Return the metric name of the difference `second` minus `first`."""
    return f"delta:{second}-{first}:{metric}"
