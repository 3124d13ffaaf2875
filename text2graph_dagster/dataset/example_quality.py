"""How good is a training example? A score in [0, 1] from what can be checked without a model."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

from text2graph_dagster.graph.model import Graph
from text2graph_dagster.ontology import Ontology
from text2graph_dagster.rewards.canonical import inverted_relations
from text2graph_dagster.teachers.voting import set_f1, vote_triples


def score(graph: Graph, text: str, ontology: Ontology, *others: float | None) -> float:
    """Return the mean of: share of grounded mentions, share of legal relations, and `others`.

    What does not apply (no entity, no relation, no second sample: None) does not count; an empty graph scores 1.
    """
    parts = [part for part in others if part is not None]
    if graph.entities:
        parts.append(grounded(graph, text))
    if graph.relations:
        parts.append(legal(graph, ontology))
    return fmean(parts) if parts else 1.0


def grounded(graph: Graph, text: str) -> float:
    """Return the share of entities of which every mention lies in the passage and one of them reads as their text."""

    def holds(entity_text: str, surfaces: list[str]) -> bool:
        return entity_text in surfaces and all(surfaces)

    hits = [holds(e.text, [text[m.start : m.end] for m in e.mentions]) for e in graph.entities]
    return sum(hits) / len(hits) if hits else 1.0


def legal(graph: Graph, ontology: Ontology) -> float:
    """Return the share of relations that respect a signature of the ontology."""
    triples = graph.triples()
    return sum(ontology.allows(h.type, kind, t.type) for h, kind, t in triples) / len(triples) if triples else 1.0


def confidence(relations: Iterable[Mapping[str, Any]]) -> float | None:
    """Return the mean confidence of relations (rows of the warehouse); None where none carries one."""
    known = [c for c in (relation.get("confidence") for relation in relations) if c is not None]
    return fmean(known) if known else None


def agreement(graph: Graph, samples: Sequence[Graph], ontology: Ontology) -> float | None:
    """Return the mean F1 of a graph's triples with those of the graphs it was voted from; None where there are none."""
    turned = inverted_relations(ontology)
    mine = vote_triples(graph, turned) if samples else frozenset()
    return fmean(set_f1(mine, vote_triples(other, turned)) for other in samples) if samples else None
