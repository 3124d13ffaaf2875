"""What a graph is, how it is written on the wire, and how an answer is read back.

The wire format is the one of open-r1-text2graph, so that its models and ours can be compared::

    {"entities":[{"id":0,"text":"Ana","type":"person"}],"relations":[{"head":"Ana","tail":"Velsoft","type":"founded"}]}

The compact form leaves out the ids and has the order head, type, tail; what nano and scratch write is in
`graph/wire.py`. `parse` reads both, because the order of keys and an absent id mean nothing in JSON.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Span:
    """Code points [start, end) of a passage."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Entity:
    """Something a passage names: `text` is its longest surface there, `mentions` are all its places."""

    id: int
    text: str
    type: str
    mentions: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Relation:
    """A typed, directed edge; `head` and `tail` are ids of entities of the same graph.

    `confidence` is a probability, None where nobody has estimated it; it does not make two relations differ.
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
    """An answer as it was written: nothing dropped, nothing merged, nothing grounded.

    `entities` holds (text, type), `relations` holds (head text, relation type, tail text). `strict` tells whether the
    answer, after its thinking, is exactly one JSON object of the right shape without anything around or beside it.
    """

    entities: tuple[tuple[str, str], ...] = ()
    relations: tuple[tuple[str, str, str], ...] = ()
    rationale: str = ""
    strict: bool = True
