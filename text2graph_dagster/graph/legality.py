"""Filter, do not force: the legality filter that every answer passes before anybody uses it.

Items of a type that was not requested, spans that are not in the passage, relations whose ends are not entities of the
answer, relations against the ontology's signatures, and repetitions are dropped and counted. What is left is what a
user gets, what is scored first, and what the rewards look at. Nothing is repaired: an item is legal or it is not.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import lru_cache

from text2graph_dagster.graph.mentions import occurrences
from text2graph_dagster.graph.model import Entity, Graph, ParsedGraph, Relation, Span
from text2graph_dagster.ontology import Ontology

DROP_REASONS = (
    "unrequested_entity_type",
    "ungrounded_entity",
    "duplicate_entity",
    "unrequested_relation_type",
    "dangling_relation",
    "signature_violation",
    "duplicate_relation",
)


@dataclass(frozen=True, slots=True)
class Legal:
    """The legal part of an answer; `dropped` counts the rest under every one of `DROP_REASONS`."""

    graph: Graph
    dropped: dict[str, int]


@dataclass(frozen=True, slots=True)
class Grounded:
    """Where a surface stands in a passage: `surface` as the passage writes it, `mentions` all its places."""

    surface: str
    mentions: tuple[Span, ...]


Finder = Callable[[str, str], Grounded | None]  # where does this surface stand in that passage?


def legalise(
    parsed: ParsedGraph,
    text: str,
    entity_types: Collection[str],
    relation_types: Collection[str],
    ontology: Ontology | None = None,
    find: Finder | None = None,
) -> Legal:
    """Return the legal part of an answer about the passage `text`, grounded, and the number of dropped items by reason.

    An entity's text becomes the passage's own surface and its mentions are all its places there. A relation names its
    ends by text: where one text is two entities (a person and a city), the first pair that the ontology's signatures
    allow is taken. A symmetric relation is kept once, from the end mentioned first. `find` is `ground` for a student;
    a teacher's surfaces may be looked for with more patience.
    """
    dropped = dict.fromkeys(DROP_REASONS, 0)
    entities, names = _legal_entities(parsed, text, set(entity_types), dropped, find or ground)
    relations: dict[Relation, None] = {}
    wanted = set(relation_types)
    for head, kind, tail in parsed.relations:
        if kind not in wanted:
            dropped["unrequested_relation_type"] += 1
            continue
        pairs = [(h, t) for h in _named(head, names) for t in _named(tail, names)]
        if not pairs:
            dropped["dangling_relation"] += 1
            continue
        ends = _choose(pairs, kind, ontology)
        if ends is None:
            dropped["signature_violation"] += 1
            continue
        relation = Relation(ends[0].id, ends[1].id, kind)
        dropped["duplicate_relation"] += relation in relations
        relations[relation] = None
    return Legal(Graph(entities, tuple(relations)), dropped)


def _legal_entities(
    parsed: ParsedGraph, text: str, wanted: Collection[str], dropped: dict[str, int], find: Finder
) -> tuple[tuple[Entity, ...], dict[str, list[Entity]]]:
    """Return the legal entities, and the same by folded text."""
    kept: dict[tuple[str, str], Entity] = {}
    names: dict[str, list[Entity]] = {}
    for written, kind in parsed.entities:
        if kind not in wanted:
            dropped["unrequested_entity_type"] += 1
        elif (place := find(written, text)) is None:
            dropped["ungrounded_entity"] += 1
        else:
            dropped["duplicate_entity"] += (place.surface, kind) in kept
            entity = kept.setdefault((place.surface, kind), Entity(len(kept), place.surface, kind, place.mentions))
            for name in dict.fromkeys((fold(place.surface), fold(written))):  # a relation's end is written either way
                if entity not in names.setdefault(name, []):
                    names[name].append(entity)
    return tuple(kept.values()), names


def _named(written: str, names: dict[str, list[Entity]]) -> list[Entity]:
    """Return the entities that a relation's end may mean: those of exactly this text, else any of its folded form."""
    found = names.get(fold(written), [])
    return [entity for entity in found if entity.text == written] or found


def _choose(pairs: list[tuple[Entity, Entity]], kind: str, ontology: Ontology | None) -> tuple[Entity, Entity] | None:
    """Return the first pair that `kind` may hold between, an entity to itself last; None when there is none."""
    ordered = sorted(pairs, key=lambda pair: pair[0].id == pair[1].id)
    for head, tail in ordered:
        if ontology is None:
            return head, tail
        if ontology.allows(head.type, kind, tail.type):
            swap = ontology.relation(kind).symmetric and _order(tail) < _order(head)
            return (tail, head) if swap else (head, tail)
    return None


def _order(entity: Entity) -> tuple[int, int]:
    return entity.mentions[0].start, entity.id


def fold(text: str) -> str:
    """Return `text` without regard to case and white space: how a relation's end is compared with an entity's text."""
    return " ".join(text.split()).casefold()


@lru_cache(maxsize=1 << 14)
def ground(written: str, text: str) -> Grounded | None:
    """Find a written surface in the passage, on word boundaries; None when it is not there.

    The passage's own writing is looked for first, then any that differs from it in case and white space only.
    """
    written = written.strip()
    if mentions := occurrences(written, text):
        return Grounded(written, mentions)
    if not written or fold(written) not in _folded(text):
        return None
    pattern = re.compile(r"\s+".join(map(re.escape, written.split())), re.IGNORECASE)
    for match in pattern.finditer(text):
        if mentions := occurrences(match[0], text):
            return Grounded(match[0], mentions)
    return None


@lru_cache(maxsize=1 << 10)
def _folded(text: str) -> str:
    return fold(text)
