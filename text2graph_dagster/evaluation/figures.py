"""The list of all figures of a report, and how each is computed from counts summed over passages.

A passage contributes one row to every block of `CountBlocks`; a figure is a function of one block's sum. Figures of the
graph that users get (after the legality filter) have the plain name; the names of raw-output figures begin with `raw:`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from text2graph_dagster import metrics
from text2graph_dagster.graph.model import ParsedGraph
from text2graph_dagster.metrics import FloatArray, Items
from text2graph_dagster.ontology import Ontology

CountBlocks = dict[str, FloatArray]  # block name → counts of shape (passages, …), to be summed over passages

LEGAL, RAW = "", "raw:"

# The figures of the report's headline, which are also compared between systems; the first is the primary figure.
# metric → (name, definition in a few words)
METRIC_LABELS: Mapping[str, tuple[str, str]] = {
    "relation_strict_f1": ("Relation F1, strict", "RE+, micro: both spans, both entity types, relation type"),
    "relation_boundary_f1": ("Relation F1, boundary", "Rel, micro: both spans, relation type"),
    "relation_strict_macro_f1": ("Relation F1, strict, macro", "RE+, mean over relation types"),
    "entity_strict_f1": ("Entity F1, strict", "micro: span and type"),
    "entity_boundary_f1": ("Entity F1, boundary", "micro: span"),
    "raw:relation_strict_f1": ("Relation F1, strict, raw output", "before the legality filter"),
    "raw:entity_strict_f1": ("Entity F1, strict, raw output", "before the legality filter"),
    "exact_graph": ("Exact match of graphs", "share of passages without any error"),
    "empty_precision": ("Empty answers, precision", "share of empty answers that are correct"),
    "empty_recall": ("Empty answers, recall", "share of passages without facts that have an empty answer"),
    "triple_ratio": ("Triples per gold triple", "predicted / gold; 1 is ideal"),
    "raw:parse_rate": ("Parse rate", "share of raw outputs that can be parsed"),
    "raw:grounded_share": ("Grounded spans", "share of spans in the raw output that occur in the passage"),
}
HEADLINE = tuple(METRIC_LABELS)


@dataclass(frozen=True, slots=True)
class PassageResult:
    """One passage with the prediction of one system; None if there is no readable prediction."""

    text: str
    gold: Items
    legal: Items | None
    raw: Items | None
    parsed: ParsedGraph | None


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure: `value` maps a block's sums of shape (…, block shape) to values of shape (…).

    `n` computes the sample size of the figure from the same sums.
    """

    name: str
    block: str
    value: Callable[[FloatArray], FloatArray]
    n: Callable[[FloatArray], float] | None = None  # None: the number of passages


def count_blocks(results: Sequence[PassageResult], ontologies: Sequence[Ontology]) -> CountBlocks:
    """Return the counts of every passage for all figures, for the types of `ontologies`."""
    found: CountBlocks = {}
    for prefix in (LEGAL, RAW):
        pairs = [(r.gold, r.raw if prefix else r.legal) for r in results]
        answered = np.array([predicted is not None for _, predicted in pairs], dtype=bool)
        for name, protocol in metrics.PROTOCOLS.items():
            counts = metrics.count_items(pairs, protocol, types_of(name, ontologies))
            found[prefix + name] = counts.astype(np.float64)
            found[prefix + name + "_passage"] = _shares(metrics.passage_f1(counts, answered))
        found[prefix + "empty"] = metrics.count_empty_answers(pairs).astype(np.float64)
        found[prefix + "exact_graph"] = _shares(metrics.count_exact_graphs(pairs))
    spans = [metrics.count_grounded_spans(r.parsed, r.text) if r.parsed else (0, 0) for r in results]
    found["raw:grounded"] = np.array(spans, dtype=np.float64).reshape(-1, 2)
    found["raw:parse"] = _shares([r.parsed is not None for r in results])
    found["raw:strict_json"] = _shares([r.parsed is not None and r.parsed.strict for r in results])
    return found


def types_of(protocol: str, ontologies: Sequence[Ontology]) -> tuple[str, ...]:
    """Return the types that a protocol counts separately: entity types, relation types, or none."""
    if protocol == "entity_boundary":
        return ()
    names = (o.entity_names if protocol == "entity_strict" else o.relation_names for o in ontologies)
    return tuple(dict.fromkeys(name for group in names for name in group))


def list_figures() -> list[Figure]:
    """Return all figures except the figures of individual types."""
    found: list[Figure] = []
    for prefix in (LEGAL, RAW):
        for name in metrics.PROTOCOLS:
            block = prefix + name
            found += [
                Figure(f"{block}_f1", block, metrics.micro_f1),
                Figure(f"{block}_precision", block, lambda s: metrics.precision(s.sum(axis=-2))),
                Figure(f"{block}_recall", block, lambda s: metrics.recall(s.sum(axis=-2))),
                Figure(f"{block}_passage_f1", f"{block}_passage", _share),
            ]
            if name != "entity_boundary":
                found.append(Figure(f"{block}_macro_f1", block, metrics.macro_f1))
        found += [
            Figure(f"{prefix}exact_graph", f"{prefix}exact_graph", _share),
            Figure(f"{prefix}empty_precision", f"{prefix}empty", metrics.precision, lambda s: float(s[1])),
            Figure(f"{prefix}empty_recall", f"{prefix}empty", metrics.recall, lambda s: float(s[2])),
            Figure(f"{prefix}triple_ratio", f"{prefix}relation_strict", _predicted_per_gold),
        ]
    return [
        *found,
        Figure("raw:parse_rate", "raw:parse", _share),
        Figure("raw:strict_json_rate", "raw:strict_json", _share),
        Figure("raw:grounded_share", "raw:grounded", _share, lambda s: float(s[1])),
    ]


def list_type_figures(
    ontologies: Sequence[Ontology], protocols: Sequence[str] = ("entity_strict", "relation_strict")
) -> list[Figure]:
    """Return precision, recall and F1 of every type; `n` is the number of gold items of the type."""
    found: list[Figure] = []
    for protocol in protocols:
        for i, name in enumerate(types_of(protocol, ontologies)):
            for figure, function in (("f1", metrics.f1), ("precision", metrics.precision), ("recall", metrics.recall)):
                found.append(
                    Figure(
                        type_figure_name(protocol, figure, name),
                        protocol,
                        lambda s, i=i, function=function: function(s[..., i, :]),  # type: ignore[misc]
                        lambda s, i=i: float(s[i, 2]),  # type: ignore[misc]
                    )
                )
    return found


def type_figure_name(protocol: str, figure: str, name: str) -> str:
    """Return the name of one type's figure."""
    return f"{protocol}_{figure}:{name}"


def _shares(values: Sequence[bool] | npt.NDArray[np.generic]) -> FloatArray:
    """Return (value, 1) per passage, so that the ratio of the two sums is the mean."""
    column = np.asarray(values, dtype=np.float64).reshape(-1)
    return np.stack([column, np.ones_like(column)], axis=1)


def _share(sums: FloatArray) -> FloatArray:
    return metrics.ratio(sums[..., 0], sums[..., 1])


def _predicted_per_gold(sums: FloatArray) -> FloatArray:
    total = sums.sum(axis=-2)
    return metrics.ratio(total[..., 1], total[..., 2])


def stack_blocks(found: Mapping[str, FloatArray]) -> FloatArray:
    """Concatenate the blocks to one matrix of shape (passages, all columns)."""
    return np.concatenate([block.reshape(len(block), -1) for block in found.values()], axis=1)


def unstack_blocks(sums: FloatArray, like: Mapping[str, FloatArray]) -> CountBlocks:
    """Split row sums of the matrix built by `stack_blocks` back into blocks: block name → array (resamples, …)."""
    shapes = {name: block.shape[1:] for name, block in like.items()}
    edges = np.cumsum([int(np.prod(shape)) for shape in shapes.values()])[:-1]
    parts = np.split(sums, edges, axis=1)
    return {name: part.reshape(len(sums), *shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}


def delta_name(second: str, first: str, metric: str) -> str:
    """Return the metric name of the difference `second` minus `first`."""
    return f"delta:{second}-{first}:{metric}"
