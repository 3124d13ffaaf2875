"""How good is a training example? A score in [0, 1] from what can be checked without a model."""

from statistics import fmean

from text2graph_dagster.graph import Graph
from text2graph_dagster.ontology import Ontology


def score(graph: Graph, text: str, ontology: Ontology, verified: bool | None = None) -> float:
    """Return the mean of: share of grounded mentions, share of legal relations, whether the rationale is verified.

    What does not apply (no entity, no relation, no rationale: None) does not count; an empty graph scores 1.
    """
    parts = []
    if graph.entities:
        parts.append(grounded(graph, text))
    if graph.relations:
        parts.append(legal(graph, ontology))
    if verified is not None:
        parts.append(float(verified))
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
