"""Blind re-extraction: a teacher is shown a rationale in the passage's place, and must find the graph in it."""

from text2graph_dagster.graph.model import Graph
from text2graph_dagster.ontology import Ontology
from text2graph_dagster.rewards.canonical import canonicalise, inverted_relations
from text2graph_dagster.teachers.protocol import ReasoningRequest, TeacherRequest
from text2graph_dagster.teachers.voting import set_f1, vote_triples

_SHOWN = 5  # differences of each kind that are told


def make_blind_request(request: ReasoningRequest, rationale: str) -> TeacherRequest:
    """Return the question: neither the passage nor its graph is in it."""
    return TeacherRequest(request.passage_id, rationale, request.language, request.ontology)


def compare_blind(found: Graph | None, graph: Graph, ontology: Ontology, least_f1: float) -> list[str]:
    """Return what speaks against a rationale from which `found` was read: F1 of entities and triples below the least.

    Names are compared as everywhere (`rewards.canonical`), symmetric and inverse relations are turned.
    """
    if found is None:
        return ["blind: it could not be read"]
    mine, theirs = _items(graph, ontology), _items(found, ontology)
    f1 = set_f1(mine, theirs)
    if f1 >= least_f1:
        return []
    missing = [f"blind_missing: {item}" for item in sorted(mine - theirs)[:_SHOWN]]
    return [f"blind: F1 {f1:.2f}", *missing, *(f"blind_extra: {item}" for item in sorted(theirs - mine)[:_SHOWN])]


def _items(graph: Graph, ontology: Ontology) -> frozenset[str]:
    entities = {f"{canonicalise(e.text)} ({e.type})" for e in graph.entities}
    return frozenset(
        entities | {f"{h[0]} - {kind} - {t[0]}" for h, kind, t in vote_triples(graph, inverted_relations(ontology))}
    )
