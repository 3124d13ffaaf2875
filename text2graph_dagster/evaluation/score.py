"""Score predictions against gold; the rows of eval_report have every figure with its interval and its n."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import polars as pl

from text2graph_dagster import metrics
from text2graph_dagster.bootstrap import percentile_interval, resample_sums
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

    Every figure has a 95 % interval. For the figures of `HEADLINE`, there are also rows for the difference of every two
    systems (later minus earlier), with intervals. With several corpora, all passages together form the corpus "all".
    `n` is the number of passages, the number of gold items for a single type, or the denominator of a share.

    Args:
        gold: corpus, passage_id, text, entities, relations; with doc_id, a document's passages are resampled together.
        predictions: system, corpus, passage_id, raw_output (null: no answer), entities, relations (the legal graph).
            A gold passage without a row counts as a missing prediction. A system with rows for other corpora
            only is not scored on a corpus, nor on "all": a corpus of annotated documents may have no teacher.
        samples: the number of bootstrap resamples.
    """
    by_system = {
        system: {(row["corpus"], row["passage_id"]): row for row in predictions.filter(system=system).to_dicts()}
        for system in systems
    }
    corpora = gold["corpus"].unique().sort().to_list()
    results = {
        corpus: _match_predictions(gold.filter(corpus=corpus).sort("passage_id"), by_system, ontologies[corpus])
        for corpus in corpora
    }
    documents = _number_documents(gold)
    rows: list[_Row] = []
    for corpus in corpora:
        keys, found = results[corpus]
        rows += _rows(run, corpus, found, [ontologies[corpus]], [documents[k] for k in keys], samples, seed)
    if len(corpora) > 1:
        everywhere = [s for s in systems if all(s in results[corpus][1] for corpus in corpora)]
        together = {s: [r for corpus in corpora for r in results[corpus][1][s]] for s in everywhere}
        units = [documents[k] for corpus in corpora for k in results[corpus][0]]
        rows += _rows(run, ALL, together, [ontologies[c] for c in corpora], units, samples, seed)
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _match_predictions(
    gold: pl.DataFrame, by_system: Mapping[str, Mapping[tuple[str, str], dict[str, object]]], ontology: Ontology
) -> tuple[list[tuple[str, str]], dict[str, list[PassageResult]]]:
    """Return (keys of the passages, results for every passage by system); systems of other corpora are left out."""
    directions = metrics.Directions.of(ontology)
    rows = gold.to_dicts()
    keys = [(row["corpus"], row["passage_id"]) for row in rows]
    wanted = [metrics.graph_items(from_rows(row["entities"], row["relations"]), directions) for row in rows]
    results: dict[str, list[PassageResult]] = {}
    for system, answers in by_system.items():
        if answers and answers.keys().isdisjoint(keys):
            continue
        results[system] = []
        for key, row, items in zip(keys, rows, wanted, strict=True):
            answer = answers.get(key)
            parsed = read_output(answer["raw_output"]) if answer else None
            legal = raw = None
            if answer and parsed:
                legal = metrics.graph_items(from_rows(answer["entities"], answer["relations"]), directions)  # type: ignore[arg-type]
                raw = metrics.output_items(parsed, directions)
            results[system].append(PassageResult(row["text"], items, legal, raw, parsed))
    return keys, results


def read_output(raw: object) -> ParsedGraph | None:
    """Parse a raw answer; return None if there is none or it cannot be parsed."""
    if not isinstance(raw, str):
        return None
    try:
        return parse(raw)
    except ValueError:  # a GraphParseError, or raised by json for an integer of more than 4,300 digits
        return None


def _number_documents(gold: pl.DataFrame) -> dict[tuple[str, str], int]:
    """Return the document number of every passage; without doc_id, each passage is its own document."""
    name = "doc_id" if "doc_id" in gold.columns else "passage_id"
    numbers: dict[tuple[str, str], int] = {}
    rows = gold.select("corpus", "passage_id", pl.col(name).alias("unit")).sort("corpus", "passage_id").iter_rows()
    return {(c, p): numbers.setdefault((c, unit), len(numbers)) for c, p, unit in rows}


def _rows(
    run: str,
    corpus: str,
    results: Mapping[str, Sequence[PassageResult]],
    ontologies: Sequence[Ontology],
    units: Sequence[int],
    samples: int,
    seed: int,
) -> list[_Row]:
    """Return the rows of one corpus; all systems share the same bootstrap resamples (paired)."""
    found = {system: fig.count_blocks(list(passages), ontologies) for system, passages in results.items()}
    wide = np.concatenate([fig.stack_blocks(blocks) for blocks in found.values()], axis=1)
    resampled = resample_sums(wide, samples, seed, np.asarray(units, dtype=np.int64))
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
            rows.append((run, f"{second} - {first}", corpus, fig.delta_name(second, first, figure.name), *row))
    return rows


def _row(
    figure: Figure, totals: Sequence[CountBlocks], sums: Sequence[CountBlocks], passages: int
) -> tuple[float | None, float | None, float | None, int]:
    """Return (value, low, high, n) of one system's figure, or of the first system's figure minus the second's."""
    values = [float(figure.value(t[figure.block])) for t in totals]
    spread = [figure.value(s[figure.block]) for s in sums]
    value = values[0] - values[1] if len(values) == 2 else values[0]
    ends = percentile_interval(spread[0] - spread[1] if len(spread) == 2 else spread[0])
    n = passages if figure.n is None else min(int(figure.n(t[figure.block])) for t in totals)
    if np.isnan(value) or ends is None:
        return None, None, None, n
    return value, *ends, n
