"""Serialise a graph as one line of JSON, in one of three equivalent forms, all of which `graph.parsing` reads.

- ``public``: the form of open-r1-text2graph, so that its models and ours can be compared. Teachers answer in it::

    {"entities":[{"id":0,"text":"Ana","type":"person"}],"relations":[{"head":"Ana","tail":"Velsoft","type":"founded"}]}

- ``compact``: entities without ids; the keys of a relation in the order head, type, tail.
- ``indexed``: ``{"head":0,"type":"founded","tail":1}``: relations refer to entities by id, so no name is repeated.
"""

import json
import re
from typing import Any, Literal

from text2graph_dagster.graph.model import Graph

WireForm = Literal["public", "compact", "indexed"]
NAME_KEYS = ("text", "head", "tail")
_BLANK = re.compile(rf'("(?:{"|".join(NAME_KEYS)})":") ')


def serialise(graph: Graph, form: WireForm = "public") -> str:
    """Return the graph as one line of JSON.

    Entities are sorted by first mention, relations by head, tail and type, so equal graphs give equal strings.
    """
    entities = sorted(graph.entities, key=lambda e: (e.mentions[0].start if e.mentions else 0, e.id))
    number = {entity.id: i for i, entity in enumerate(entities)}
    ordered = sorted(graph.relations, key=lambda r: (number[r.head], number[r.tail], r.type))
    ids = [{} if form == "compact" else {"id": i} for i in range(len(entities))]
    relations: list[dict[str, Any]] = []
    for relation in ordered:
        head, tail = number[relation.head], number[relation.tail]
        if form == "public":
            relations.append({"head": entities[head].text, "tail": entities[tail].text, "type": relation.type})
        elif form == "compact":
            relations.append({"head": entities[head].text, "type": relation.type, "tail": entities[tail].text})
        else:
            relations.append({"head": head, "type": relation.type, "tail": tail})
    value = {
        "entities": [{**ids[i], "text": e.text, "type": e.type} for i, e in enumerate(entities)],
        "relations": relations,
    }
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def strip_leading_blanks(answer: str) -> str:
    """Return an answer without the blank that a nano student writes before every name."""
    return _BLANK.sub(r"\1", answer)
