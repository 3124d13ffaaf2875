"""Serialise a graph as text, in one of four equivalent forms, all of which `graph.parsing` reads.

Three forms are one line of JSON:

- ``public``: the form of open-r1-text2graph, so that its models and ours can be compared. Teachers answer in it::

    {"entities":[{"id":0,"text":"Ana","type":"person"}],"relations":[{"head":"Ana","tail":"Velsoft","type":"founded"}]}

- ``compact``: entities without ids; the keys of a relation in the order head, type, tail.
- ``indexed``: ``{"head":0,"type":"founded","tail":1}``: relations refer to entities by id, so no name is repeated.

``lines`` has no JSON: a line per entity, a line of three hyphens, a line per relation. A tokenizer that was trained on
ordinary text needs about half as many tokens for it as for ``compact``::

    Ana | person
    Velsoft | company
    ---
    Ana | founded | Velsoft
"""

import json
import re
from collections.abc import Sequence
from typing import Any, Literal

from text2graph_dagster.graph.model import Entity, Graph

WireForm = Literal["public", "compact", "indexed", "lines"]
NAME_KEYS = ("text", "head", "tail")
RULE, SEPARATOR = "---", " | "  # of the form `lines`
_LINE_ESCAPES = (("\\", "\\\\"), ("\n", "\\n"), ("\r", "\\r"), ("|", "\\|"))
_ESCAPED = re.compile(r"\\(.)")
_BLANK = re.compile(rf'("(?:{"|".join(NAME_KEYS)})":") ')


def serialise(graph: Graph, form: WireForm = "public") -> str:
    """Return the graph as text.

    Entities are sorted by first mention, relations by head, tail and type, so equal graphs give equal strings.
    """
    entities = sorted(graph.entities, key=lambda e: (e.mentions[0].start if e.mentions else 0, e.id))
    number = {entity.id: i for i, entity in enumerate(entities)}
    ordered = sorted(graph.relations, key=lambda r: (number[r.head], number[r.tail], r.type))
    if form == "lines":
        return _write_lines(entities, [(entities[number[r.head]], r.type, entities[number[r.tail]]) for r in ordered])
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


def _write_lines(entities: Sequence[Entity], relations: Sequence[tuple[Entity, str, Entity]]) -> str:
    lines = [(e.text, e.type) for e in entities], [(head.text, kind, tail.text) for head, kind, tail in relations]
    named, related = ([SEPARATOR.join(map(escape_line, line)) for line in part] for part in lines)
    return "\n".join([*named, RULE, *related])


def escape_line(text: str) -> str:
    """Return a name as the form `lines` writes it: in one line, and without the separator."""
    for plain, escaped in _LINE_ESCAPES:
        text = text.replace(plain, escaped)
    return text


def unescape_line(text: str) -> str:
    """Return the name that `escape_line` wrote."""
    return _ESCAPED.sub(lambda match: {"n": "\n", "r": "\r"}.get(match[1], match[1]), text)


def strip_leading_blanks(answer: str) -> str:
    """Return an answer without the blank that a nano student writes before every name."""
    return _BLANK.sub(r"\1", answer)
