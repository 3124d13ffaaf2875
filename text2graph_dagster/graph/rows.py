"""Convert a graph to the columns of a warehouse table, and back."""

from collections.abc import Iterable, Mapping
from typing import Any

from text2graph_dagster.graph.model import Entity, Graph, Relation, Span


def to_rows(graph: Graph) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the graph as the warehouse's `entities` and `relations` columns (lists of structs)."""
    entities = [
        {"id": e.id, "text": e.text, "type": e.type, "mentions": [{"start": m.start, "end": m.end} for m in e.mentions]}
        for e in graph.entities
    ]
    relations = [
        {
            "head": r.head,
            "tail": r.tail,
            "type": r.type,
            "evidence": {"start": r.evidence.start, "end": r.evidence.end} if r.evidence else None,
            "provenance": r.provenance,
            "confidence": r.confidence,
        }
        for r in graph.relations
    ]
    return entities, relations


def from_rows(entities: Iterable[Mapping[str, Any]], relations: Iterable[Mapping[str, Any]]) -> Graph:
    """Return the graph that `to_rows` wrote."""
    return Graph(
        tuple(
            Entity(e["id"], e["text"], e["type"], tuple(Span(m["start"], m["end"]) for m in e["mentions"] or ()))
            for e in entities
        ),
        tuple(
            Relation(
                r["head"],
                r["tail"],
                r["type"],
                Span(r["evidence"]["start"], r["evidence"]["end"]) if r.get("evidence") else None,
                r.get("provenance") or "",
                r.get("confidence"),
            )
            for r in relations
        ),
    )
