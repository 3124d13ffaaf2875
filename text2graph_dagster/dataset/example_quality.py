"""Score training examples in [0, 1] by what can be checked without a model."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

from text2graph_dagster.graph.model import Graph
from text2graph_dagster.ontology import Ontology
from text2graph_dagster.rewards.canonical import inverted_relations
from text2graph_dagster.teachers.voting import set_f1, vote_triples


def score_example(graph: Graph, text: str, ontology: Ontology, *others: float | None) -> float:
    """Return the mean of the share of grounded entities, the share of legal relations, and `others`.

    Parts that do not apply (no entity, no relation, None) are left out; the score is 1 if none applies.
    """
    parts = [part for part in others if part is not None]
    if graph.entities:
        parts.append(grounded_share(graph, text))
    if graph.relations:
        parts.append(legal_share(graph, ontology))
    return fmean(parts) if parts else 1.0


def grounded_share(graph: Graph, text: str) -> float:
    """Return the share of entities whose mentions all lie in the passage, at least one with the entity's text."""

    def is_grounded(entity_text: str, surfaces: list[str]) -> bool:
        return entity_text in surfaces and all(surfaces)

    hits = [is_grounded(e.text, [text[m.start : m.end] for m in e.mentions]) for e in graph.entities]
    return sum(hits) / len(hits) if hits else 1.0


def legal_share(graph: Graph, ontology: Ontology) -> float:
    """Return the share of relations that match a signature of the ontology."""
    triples = graph.triples()
    return sum(ontology.allows(h.type, kind, t.type) for h, kind, t in triples) / len(triples) if triples else 1.0


def mean_confidence(relations: Iterable[Mapping[str, Any]]) -> float | None:
    """Return the mean confidence of relations (rows of the warehouse); None if no relation has a confidence."""
    known = [c for c in (relation.get("confidence") for relation in relations) if c is not None]
    return fmean(known) if known else None


def sample_agreement(graph: Graph, samples: Sequence[Graph], ontology: Ontology) -> float | None:
    """Return the mean F1 of a graph's triples with those of the samples it was voted from; None without samples."""
    inverted = inverted_relations(ontology)
    triples = vote_triples(graph, inverted) if samples else frozenset()
    return fmean(set_f1(triples, vote_triples(other, inverted)) for other in samples) if samples else None
