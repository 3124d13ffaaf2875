"""What a student writes: a graph as JSON, in one of three equivalent forms, all of which `graph.parse` reads.

- ``public``: what the teachers write, ``{"head":"Ana","tail":"Velsoft","type":"founded"}``;
- ``compact``: entities without ids, relations in the order head, type, tail;
- ``indexed``: ``{"head":0,"type":"founded","tail":1}``: numbers for the ends, so no name is written twice.
"""

import json
import re

from text2graph_dagster.graph import Graph, serialise
from text2graph_dagster.settings import StudentWire

NAME_KEYS = ("text", "head", "tail")
_BLANK = re.compile(rf'("(?:{"|".join(NAME_KEYS)})":") ')


def encode(graph: Graph, form: StudentWire) -> str:
    """Return the graph in the given form; entities in the order of their first mention."""
    if form != "indexed":
        return serialise(graph, form)
    entities = sorted(graph.entities, key=lambda e: (e.mentions[0].start if e.mentions else 0, e.id))
    number = {entity.id: i for i, entity in enumerate(entities)}
    relations = sorted(graph.relations, key=lambda r: (number[r.head], number[r.tail], r.type))
    value = {
        "entities": [{"id": i, "text": e.text, "type": e.type} for i, e in enumerate(entities)],
        "relations": [{"head": number[r.head], "type": r.type, "tail": number[r.tail]} for r in relations],
    }
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def without_blanks(answer: str) -> str:
    """Return an answer without the blank that a nano student writes before a name."""
    return _BLANK.sub(r"\1", answer)
