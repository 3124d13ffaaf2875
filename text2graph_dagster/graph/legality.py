"""The legality filter: drop and count every item of an answer that is not legal, or repair it.

An item is dropped if its type was not requested, its span is not in the passage, its head or tail is not an entity of
the answer, it violates the ontology's signatures, or it is repeated. Users, the main metrics and the reward model see
only the remaining items. A student's relation that violates the signatures is repaired if they leave one choice; labels
of teachers are never repaired.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import lru_cache

from text2graph_dagster.graph.mentions import find_occurrences
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
class LegalisedAnswer:
    """The legal part of an answer; `dropped` counts the dropped items by reason (see `DROP_REASONS`).

    `repaired` is the number of relations in the graph that the answer states with another head or tail.
    """

    graph: Graph
    dropped: dict[str, int]
    repaired: int = 0


@dataclass(frozen=True, slots=True)
class GroundedSurface:
    """A surface found in a passage: `surface` is its text as written there, `mentions` are all its spans."""

    surface: str
    mentions: tuple[Span, ...]


SurfaceFinder = Callable[[str, str], GroundedSurface | None]  # (surface, passage) → the surface found, or None


def legalise(
    parsed: ParsedGraph,
    text: str,
    entity_types: Collection[str],
    relation_types: Collection[str],
    ontology: Ontology | None = None,
    find: SurfaceFinder | None = None,
    repair: bool = False,
) -> LegalisedAnswer:
    """Return the legal, grounded part of an answer about the passage `text`, and the number of dropped items by reason.

    The text of an entity becomes its surface in the passage, with all its spans as mentions. A relation names its head
    and tail by text. If two entities have this text (a person and a city), the first pair that the signatures allow is
    taken. The head of a symmetric relation is the entity mentioned first. `find` is `ground` by default; teachers may
    pass a more lenient search. With `repair`, relations that violate the signatures are repaired (see `_repair_ends`)
    after all others, and a repaired relation that the answer states anyway is dropped.
    """
    dropped = dict.fromkeys(DROP_REASONS, 0)
    entities, names = _legal_entities(parsed, text, set(entity_types), dropped, find or ground)
    relations: dict[Relation, None] = {}
    wanted, violations = set(relation_types), []
    for head, kind, tail in parsed.relations:
        if kind not in wanted:
            dropped["unrequested_relation_type"] += 1
            continue
        pairs = [(h, t) for h in _resolve_end(head, names) for t in _resolve_end(tail, names)]
        if not pairs:
            dropped["dangling_relation"] += 1
            continue
        ends = _choose_ends(pairs, kind, ontology)
        if ends is None:
            violations.append((*pairs[0], kind))
            continue
        relation = Relation(ends[0].id, ends[1].id, kind)
        dropped["duplicate_relation"] += relation in relations
        relations[relation] = None
    stated = len(relations)
    if repair and ontology is not None:
        repaired = (_repair_ends(head, kind, tail, entities, ontology) for head, tail, kind in violations)
        relations |= dict.fromkeys(relation for relation in repaired if relation)
    added = len(relations) - stated
    dropped["signature_violation"] = len(violations) - added
    return LegalisedAnswer(Graph(entities, tuple(relations)), dropped, added)


def _legal_entities(
    parsed: ParsedGraph, text: str, wanted: Collection[str], dropped: dict[str, int], find: SurfaceFinder
) -> tuple[tuple[Entity, ...], dict[str, list[Entity]]]:
    """Return the legal entities, and the same entities by folded text."""
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
            for name in dict.fromkeys((fold(place.surface), fold(written))):  # a relation may use either
                if entity not in names.setdefault(name, []):
                    names[name].append(entity)
    return tuple(kept.values()), names


def _resolve_end(written: str, names: dict[str, list[Entity]]) -> list[Entity]:
    """Return the entities that a head or tail may refer to: those with the same text, or else the same folded text."""
    found = names.get(fold(written), [])
    return [entity for entity in found if entity.text == written] or found


def _choose_ends(
    pairs: list[tuple[Entity, Entity]], kind: str, ontology: Ontology | None
) -> tuple[Entity, Entity] | None:
    """Return the first (head, tail) that `kind` allows, or None. Pairs of an entity with itself are tried last."""
    ordered = sorted(pairs, key=lambda pair: pair[0].id == pair[1].id)
    for head, tail in ordered:
        if ontology is None:
            return head, tail
        if ontology.allows(head.type, kind, tail.type):
            swap = ontology.relation(kind).symmetric and _mention_order(tail) < _mention_order(head)
            return (tail, head) if swap else (head, tail)
    return None


def _repair_ends(
    head: Entity, kind: str, tail: Entity, entities: tuple[Entity, ...], ontology: Ontology
) -> Relation | None:
    """Return the legal relation that an illegal one stands for, or None if the signatures leave no or several choices.

    The inverted relation is tried first, then another tail, then another head, each an entity of the answer.
    """
    others = [entity for entity in entities if entity.id not in (head.id, tail.id)]
    choices = (
        [(tail, head)],
        [(head, other) for other in others],
        [(other, tail) for other in others],
    )
    for pairs in choices:
        legal = [(h, t) for h, t in pairs if ontology.allows(h.type, kind, t.type)]
        if len(legal) == 1 and (ends := _choose_ends(legal, kind, ontology)):
            return Relation(ends[0].id, ends[1].id, kind)
    return None


def _mention_order(entity: Entity) -> tuple[int, int]:
    return entity.mentions[0].start, entity.id


def fold(text: str) -> str:
    """Return `text` casefolded and with single blanks, the form in which heads, tails and entities are compared."""
    return " ".join(text.split()).casefold()


@lru_cache(maxsize=1 << 14)
def ground(written: str, text: str) -> GroundedSurface | None:
    """Find a surface in the passage, on word boundaries; return None if it is not there.

    An exact match is tried first, then a match that differs only in case and white space.
    """
    written = written.strip()
    if mentions := find_occurrences(written, text):
        return GroundedSurface(written, mentions)
    if not written or fold(written) not in _folded(text):
        return None
    pattern = re.compile(r"\s+".join(map(re.escape, written.split())), re.IGNORECASE)
    for match in pattern.finditer(text):
        if mentions := find_occurrences(match[0], text):
            return GroundedSurface(match[0], mentions)
    return None


@lru_cache(maxsize=1 << 10)
def _folded(text: str) -> str:
    return fold(text)
