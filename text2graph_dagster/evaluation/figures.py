"""Which figures a report has, and how each is computed from counts summed over passages.

A passage contributes a row to every block of `Blocks`; a figure is a function of one block's sum. What a user gets
(the graph that passed the legality filter) bears the plain name; the raw output's figure beside it begins with `raw:`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from text2graph_dagster import metrics
from text2graph_dagster.graph.model import ParsedGraph
from text2graph_dagster.metrics import FloatArray, Items
from text2graph_dagster.ontology import Ontology

CountBlocks = dict[str, FloatArray]  # name → (passages, …), to be summed over passages

LEGAL, RAW = "", "raw:"

# What the report's headline compares and takes the differences of; the first is the primary figure.
HEADLINE = (
    "relation_strict_f1",
    "relation_boundary_f1",
    "relation_strict_macro_f1",
    "entity_strict_f1",
    "entity_boundary_f1",
    "raw:relation_strict_f1",
    "raw:entity_strict_f1",
    "exact_graph",
    "empty_precision",
    "empty_recall",
    "triple_ratio",
    "raw:parse_rate",
    "raw:grounded_share",
)


@dataclass(frozen=True, slots=True)
class PassageResult:
    """One passage with what one system made of it; None where there is no readable prediction."""

    text: str
    gold: Items
    legal: Items | None
    raw: Items | None
    parsed: ParsedGraph | None


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure, from the sum of a block (…, its shape) to (…); `n` counts what it is a figure of, from the same sum."""

    name: str
    block: str
    value: Callable[[FloatArray], FloatArray]
    n: Callable[[FloatArray], float] | None = None  # None: the number of passages


def count_blocks(judged: Sequence[PassageResult], ontologies: Sequence[Ontology]) -> CountBlocks:
    """Return every passage's contribution to every figure, for the types of `ontologies`."""
    found: CountBlocks = {}
    for prefix in (LEGAL, RAW):
        pairs = [(j.gold, j.raw if prefix else j.legal) for j in judged]
        answered = np.array([predicted is not None for _, predicted in pairs], dtype=bool)
        for name, protocol in metrics.PROTOCOLS.items():
            counts = metrics.count(pairs, protocol, types_of(name, ontologies))
            found[prefix + name] = counts.astype(np.float64)
            found[prefix + name + "_passage"] = _shares(metrics.passage_f1(counts, answered))
        found[prefix + "empty"] = metrics.empty_answers(pairs).astype(np.float64)
        found[prefix + "exact_graph"] = _shares(metrics.exact_graphs(pairs))
    spans = [metrics.grounded_spans(j.parsed, j.text) if j.parsed else (0, 0) for j in judged]
    found["raw:grounded"] = np.array(spans, dtype=np.float64).reshape(-1, 2)
    found["raw:parse"] = _shares([j.parsed is not None for j in judged])
    found["raw:strict_json"] = _shares([j.parsed is not None and j.parsed.strict for j in judged])
    return found


def types_of(protocol: str, ontologies: Sequence[Ontology]) -> tuple[str, ...]:
    """Return the types that a protocol is counted by: entity types, relation types, or none."""
    if protocol == "entity_boundary":
        return ()
    names = (o.entity_names if protocol == "entity_strict" else o.relation_names for o in ontologies)
    return tuple(dict.fromkeys(name for group in names for name in group))


def list_figures() -> list[Figure]:
    """Return every figure that is not of a single type."""
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
    """Return precision, recall and F1 of every type; their n is the type's number of gold items."""
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
    """Return (value, 1) per passage: the sum of the first by the sum of the second is the mean."""
    column = np.asarray(values, dtype=np.float64).reshape(-1)
    return np.stack([column, np.ones_like(column)], axis=1)


def _share(sums: FloatArray) -> FloatArray:
    return metrics.ratio(sums[..., 0], sums[..., 1])


def _predicted_per_gold(sums: FloatArray) -> FloatArray:
    total = sums.sum(axis=-2)
    return metrics.ratio(total[..., 1], total[..., 2])


def stack_blocks(found: Mapping[str, FloatArray]) -> FloatArray:
    """Lay the blocks side by side: (passages, all columns)."""
    return np.concatenate([block.reshape(len(block), -1) for block in found.values()], axis=1)


def unstack_blocks(sums: FloatArray, like: Mapping[str, FloatArray]) -> CountBlocks:
    """Take apart what `columns` laid side by side, after its rows were summed: name → (resamples, …)."""
    shapes = {name: block.shape[1:] for name, block in like.items()}
    edges = np.cumsum([int(np.prod(shape)) for shape in shapes.values()])[:-1]
    parts = np.split(sums, edges, axis=1)
    return {name: part.reshape(len(sums), *shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}
