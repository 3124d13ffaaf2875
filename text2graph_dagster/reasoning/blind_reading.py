"""Blind re-extraction: a teacher reads a rationale instead of the passage, and must extract the same graph."""

from text2graph_dagster.graph.model import Graph
from text2graph_dagster.ontology import Ontology
from text2graph_dagster.rewards.canonical import canonicalise, inverted_relations
from text2graph_dagster.teachers.protocol import ReasoningRequest, TeacherRequest
from text2graph_dagster.teachers.voting import set_f1, vote_triples

_MAX_DIFFERENCES = 5  # reported, of each kind


def make_blind_request(request: ReasoningRequest, rationale: str) -> TeacherRequest:
    """Return a request to extract the rationale's graph; it contains neither the passage nor the passage's graph."""
    return TeacherRequest(request.passage_id, rationale, request.language, request.ontology)


def compare_blind(found: Graph | None, graph: Graph, ontology: Ontology, min_f1: float) -> list[str]:
    """Return objections if `found`, extracted from a rationale, has an F1 with `graph` below `min_f1`.

    The F1 is over entities and triples. Names are compared as everywhere in the project (`rewards.canonical`);
    symmetric and inverse relations are brought into one direction.
    """
    if found is None:
        return ["blind: it could not be read"]
    expected, actual = _items(graph, ontology), _items(found, ontology)
    f1 = set_f1(expected, actual)
    if f1 >= min_f1:
        return []
    missing = [f"blind_missing: {item}" for item in sorted(expected - actual)[:_MAX_DIFFERENCES]]
    extra = [f"blind_extra: {item}" for item in sorted(actual - expected)[:_MAX_DIFFERENCES]]
    return [f"blind: F1 {f1:.2f}", *missing, *extra]


def _items(graph: Graph, ontology: Ontology) -> frozenset[str]:
    entities = {f"{canonicalise(e.text)} ({e.type})" for e in graph.entities}
    return frozenset(
        entities | {f"{h[0]} - {kind} - {t[0]}" for h, kind, t in vote_triples(graph, inverted_relations(ontology))}
    )
