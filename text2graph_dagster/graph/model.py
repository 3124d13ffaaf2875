"""The graph of a passage: entities with their mentions and the relations between them."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Span:
    """Code points [start, end) of a passage."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Entity:
    """Something that a passage names: `text` is its longest surface there, `mentions` are all its spans."""

    id: int
    text: str
    type: str
    mentions: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Relation:
    """A typed, directed edge; `head` and `tail` are ids of entities of the same graph.

    `confidence` is a probability, or None if it was not estimated; it is ignored when relations are compared.
    """

    head: int
    tail: int
    type: str
    evidence: Span | None = None
    provenance: str = ""
    confidence: float | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Graph:
    """Entities and the relations between them, as stated by one passage."""

    entities: tuple[Entity, ...] = ()
    relations: tuple[Relation, ...] = ()

    def by_id(self) -> dict[int, Entity]:
        """Return the entities by their id."""
        return {entity.id: entity for entity in self.entities}

    def triples(self) -> list[tuple[Entity, str, Entity]]:
        """Return (head, relation type, tail) of every relation, in order."""
        entities = self.by_id()
        return [(entities[r.head], r.type, entities[r.tail]) for r in self.relations]


@dataclass(frozen=True, slots=True)
class ParsedGraph:
    """An answer as emitted: nothing dropped, merged or grounded.

    `entities` holds (text, type), `relations` holds (head text, relation type, tail text). `strict` tells whether the
    answer, after its rationale, is exactly one JSON object of the right shape, without other keys or text around it.
    """

    entities: tuple[tuple[str, str], ...] = ()
    relations: tuple[tuple[str, str, str], ...] = ()
    rationale: str = ""
    strict: bool = True
