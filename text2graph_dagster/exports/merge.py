"""Merge the graphs of many passages: equal entities and equal relations become one, with all their evidence."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from text2graph_dagster.graph.model import Entity, Graph, Span
from text2graph_dagster.identity import digest, normalise

# XML and databases reject these: control characters (except tab and line ends), lone surrogates, non-characters.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class PassageGraph:
    """A passage with its graph."""

    passage_id: str
    text: str
    graph: Graph
    corpus: str = ""
    doc_id: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A span of a passage, code points [start, end), that names an entity or states a relation."""

    passage_id: str
    doc_id: str
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class MergedEntity:
    """All entities with the same text and type; `id` is a digest of both."""

    id: str
    text: str
    type: str
    evidence: list[Evidence] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class MergedRelation:
    """A relation between two merged entities; `head` and `tail` are their ids."""

    id: str
    head: str
    tail: str
    type: str
    evidence: list[Evidence] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class MergedGraph:
    """Entities and relations by id, in order of appearance. All texts are free of unwritable characters."""

    entities: dict[str, MergedEntity]
    relations: dict[str, MergedRelation]


def merge_passages(passages: Iterable[PassageGraph]) -> MergedGraph:
    """Merge the graphs of passages; the order of the passages changes only the order of the items."""
    merged = MergedGraph({}, {})
    for passage in passages:
        ids: dict[int, str] = {}
        for entity in passage.graph.entities:
            text, kind = replace_unwritable(normalise(entity.text)), replace_unwritable(entity.type)
            key = ids[entity.id] = digest(kind, text)
            kept = merged.entities.setdefault(key, MergedEntity(key, text, kind))
            kept.evidence.extend(_evidence(passage, mention) for mention in entity.mentions)
        by_id = passage.graph.by_id()
        for relation in passage.graph.relations:
            head, tail, kind = ids[relation.head], ids[relation.tail], replace_unwritable(relation.type)
            key = digest(head, kind, tail)
            edge = merged.relations.setdefault(key, MergedRelation(key, head, tail, kind))
            span = relation.evidence or covering_span(by_id[relation.head], by_id[relation.tail])
            if span:
                edge.evidence.append(_evidence(passage, span))
    return merged


def _evidence(passage: PassageGraph, span: Span) -> Evidence:
    words = replace_unwritable(passage.text[span.start : span.end])
    return Evidence(
        replace_unwritable(passage.passage_id), replace_unwritable(passage.doc_id), span.start, span.end, words
    )


def covering_span(head: Entity, tail: Entity) -> Span | None:
    """Return the shortest span with a mention of the head and another of the tail.

    If there is none, return the shortest mention of the head, or None if the head has no mention.
    """
    spans = [
        Span(min(h.start, t.start), max(h.end, t.end)) for h in head.mentions for t in tail.mentions if h != t
    ] or list(head.mentions)
    return min(spans, key=lambda s: (s.end - s.start, s.start), default=None)


def replace_unwritable(text: str) -> str:
    """Return `text` with a replacement character for every character that the formats cannot represent."""
    return _UNWRITABLE.sub("\ufffd", text)
