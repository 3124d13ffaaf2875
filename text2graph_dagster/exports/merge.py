"""One graph from the graphs of many passages: equal entities and equal relations become one, their evidence is kept."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from text2graph_dagster.graph.model import Entity, Graph, Span
from text2graph_dagster.identity import digest, normalise

# What XML forbids and databases choke on: control characters but tab and line ends, lone surrogates, non-characters.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class PassageGraph:
    """A passage with the graph that was extracted from it."""

    passage_id: str
    text: str
    graph: Graph
    corpus: str = ""
    doc_id: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Words of a passage, by code points [start, end), that name an entity or state a relation."""

    passage_id: str
    doc_id: str
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class MergedEntity:
    """Everything called `text` of one type; `id` is a digest of the two."""

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


def merge(passages: Iterable[PassageGraph]) -> MergedGraph:
    """Merge the passages' graphs; the result depends on their order only in the order of its items."""
    merged = MergedGraph({}, {})
    for passage in passages:
        ids: dict[int, str] = {}
        for entity in passage.graph.entities:
            text, kind = writable(normalise(entity.text)), writable(entity.type)
            key = ids[entity.id] = digest(kind, text)
            kept = merged.entities.setdefault(key, MergedEntity(key, text, kind))
            kept.evidence.extend(_evidence(passage, mention) for mention in entity.mentions)
        by_id = passage.graph.by_id()
        for relation in passage.graph.relations:
            head, tail, kind = ids[relation.head], ids[relation.tail], writable(relation.type)
            key = digest(head, kind, tail)
            edge = merged.relations.setdefault(key, MergedRelation(key, head, tail, kind))
            span = relation.evidence or between(by_id[relation.head], by_id[relation.tail])
            if span:
                edge.evidence.append(_evidence(passage, span))
    return merged


def _evidence(passage: PassageGraph, span: Span) -> Evidence:
    words = writable(passage.text[span.start : span.end])
    return Evidence(writable(passage.passage_id), writable(passage.doc_id), span.start, span.end, words)


def between(head: Entity, tail: Entity) -> Span | None:
    """Return the shortest stretch that names both ends of a relation; None where an end has no mention."""
    stretches = [
        Span(min(h.start, t.start), max(h.end, t.end)) for h in head.mentions for t in tail.mentions if h != t
    ] or list(head.mentions)
    return min(stretches, key=lambda s: (s.end - s.start, s.start), default=None)


def writable(text: str) -> str:
    """Return `text` with a replacement character for everything that the formats cannot hold."""
    return _UNWRITABLE.sub("\ufffd", text)
