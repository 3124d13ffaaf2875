"""What the reward compares: the gold items of a request and the items of a parsed completion.

Items are entities (text, type) and relations (head, type, tail), compared by canonical text. Predicted items are lists
(a repetition is one more item), gold items are sets.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from text2graph_dagster.graph.legality import ground
from text2graph_dagster.graph.model import Graph, ParsedGraph
from text2graph_dagster.graph.parsing import parse
from text2graph_dagster.ontology import Ontology
from text2graph_dagster.rewards.canonical import (
    NO_INVERSIONS,
    Item,
    Triple,
    canonicalise,
    inverted_relations,
    orient,
)

Ends = tuple[str, str]  # entity types of head and tail


@dataclass(frozen=True, slots=True)
class GoldItems:
    """The distinct entities of a gold graph, and for every distinct triple the types of its head and tail."""

    entities: frozenset[Item]
    relations: Mapping[Triple, frozenset[Ends]]
    relation_count: int  # equal triples whose heads or tails differ in type count separately


UNKNOWN_GOLD = GoldItems(frozenset(), {}, 0)  # the gold graph is unknown (not the same as empty)


class CanonicalSurfaces(dict[str, str | None]):
    """Map a surface to its canonical text, or to None if the legality filter does not find it in the passage.

    Values are computed on first access.
    """

    def __init__(self, passage: str) -> None:
        super().__init__()
        self._passage = passage

    def __missing__(self, surface: str) -> str | None:
        self[surface] = found = canonicalise(surface) if ground(surface, self._passage) else None
        return found


@dataclass(frozen=True, slots=True)
class RewardRequest:
    """The requested types and the gold items of a passage; created once for all completions of a prompt."""

    surfaces: CanonicalSurfaces
    entity_types: frozenset[str]
    relation_types: frozenset[str]
    gold: GoldItems
    inverted: Mapping[str, str]
    ontology: Ontology | None

    @classmethod
    def prepare(
        cls,
        text: str,
        entity_types: Collection[str],
        relation_types: Collection[str],
        gold: Graph | None,
        ontology: Ontology | None,
    ) -> "RewardRequest":
        """Prepare a request; `gold` is the passage's graph for the requested types, or None if it is unknown."""
        inverted = inverted_relations(ontology)
        items = UNKNOWN_GOLD if gold is None else to_gold_items(gold, inverted)
        surfaces = CanonicalSurfaces(text)
        return cls(surfaces, frozenset(entity_types), frozenset(relation_types), items, inverted, ontology)

    def correct_texts(self, emitted: Mapping[str, Collection[Item]]) -> set[str]:
        """Return the texts that are emitted with gold types only, or all texts if gold is unknown."""
        if self.gold is UNKNOWN_GOLD:
            return set(emitted)
        return {text for text, items in emitted.items() if self.gold.entities.issuperset(items)}

    def allows(self, head: Collection[Item], kind: str, tail: Collection[Item]) -> bool:
        """Tell whether the relation may hold between entities of these types."""
        ontology = self.ontology
        return ontology is None or any(ontology.allows(h[1], kind, t[1]) for h in head for t in tail)


@dataclass(frozen=True, slots=True)
class ParsedAnswer:
    """The items of a parsed completion that F1 counts, and the numbers of all, ungrounded and illegal items.

    `items` counts all items; `ungrounded` counts items with a span that is not in the passage. `illegal` counts items
    of a type that was not requested, relations that the ontology does not allow, and relations whose head or tail is
    not a correct entity. F1 counts this last kind too. Otherwise a relation would cost less if its head or tail were
    emitted wrongly, or not at all.
    """

    entities: Sequence[Item]
    relations: Sequence[Triple]
    items: int
    ungrounded: int
    illegal: int


def parse_completion(completion: str) -> ParsedGraph | None:
    """Return the parsed completion, or None if it contains no readable graph."""
    try:
        return parse(completion)
    except ValueError:  # GraphParseError, and what json raises on an integer of more than 4,300 digits
        return None


def to_gold_items(gold: Graph, inverted: Mapping[str, str] = NO_INVERSIONS) -> GoldItems:
    """Return the distinct items of a graph, with relations in the direction in which they are compared."""
    relations: dict[Triple, set[Ends]] = {}
    for head, name, tail in gold.triples():
        ends = (canonicalise(head.text), head.type), (canonicalise(tail.text), tail.type)
        h, kind, t = orient(*ends, name, inverted)
        relations.setdefault((h[0], kind, t[0]), set()).add((h[1], t[1]))
    entities = frozenset((canonicalise(e.text), e.type) for e in gold.entities)
    count = sum(map(len, relations.values()))
    return GoldItems(entities, {triple: frozenset(ends) for triple, ends in relations.items()}, count)


def to_parsed_answer(parsed: ParsedGraph, request: RewardRequest) -> ParsedAnswer:
    """Collect the items of an answer that F1 counts, and count the items with an invalid span, type, head or tail.

    A relation and its inverse count once; a relation that is repeated under the same name counts twice.
    """
    entities: list[Item] = []
    emitted: defaultdict[str, set[Item]] = defaultdict(set)
    names: dict[Triple, list[str]] = {}  # the relation as it is compared → the names under which it is emitted
    ungrounded = illegal = 0
    for surface, kind in parsed.entities:
        text = request.surfaces[surface]
        if text is None:
            ungrounded += 1
        if kind not in request.entity_types:
            illegal += 1
        elif text is not None:
            entities.append((text, kind))
            emitted[text].add((text, kind))
    correct = request.correct_texts(emitted)
    for head, kind, tail in parsed.relations:
        first, second = request.surfaces[head], request.surfaces[tail]
        if first is None or second is None:
            ungrounded += 1
        if kind not in request.relation_types:
            illegal += 1
        elif first is not None and second is not None:
            ends_correct = first in correct and second in correct
            legal = ends_correct and request.allows(emitted[first], kind, emitted[second])
            illegal += not legal
            if legal or not ends_correct:
                names.setdefault(_orient_texts(first, kind, second, request.inverted), []).append(kind)
    items = len(parsed.entities) + len(parsed.relations)
    relations = [triple for triple, kinds in names.items() for _ in range(max(map(kinds.count, set(kinds))))]
    return ParsedAnswer(entities, relations, items, ungrounded, illegal)


def _orient_texts(head: str, kind: str, tail: str, inverted: Mapping[str, str]) -> Triple:
    if kind not in inverted:
        return head, kind, tail
    first, name, second = orient((head, ""), (tail, ""), kind, inverted)
    return first[0], name, second[0]
