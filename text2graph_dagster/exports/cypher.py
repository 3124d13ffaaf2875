"""Cypher that can be run again and again: every statement merges, nothing is created twice.

Text from documents and models stands in quoted literals only. Labels and relationship types keep letters, digits,
blanks, `_` and `-` and stand in backticks; the type as the ontology writes it is the property `type`.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from text2graph_dagster.exports.merge import Evidence, PassageGraph, merge

_ESCAPES = {"\\": "\\\\", "'": "\\'", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_OUTSIDE_LABELS = re.compile(r"[^\w \-]")
_ESCAPED = re.compile("[" + "".join(map(re.escape, _ESCAPES)) + "]")

CONSTRAINT = "CREATE CONSTRAINT entity_id IF NOT EXISTS FOR (e:Entity) REQUIRE e.id IS UNIQUE;\n"


def write(passages: Iterable[PassageGraph], out: Path) -> list[Path]:
    """Write one statement per line to the file `out`."""
    graph = merge(passages)
    with out.open("w", encoding="utf-8", newline="\n") as file:
        file.write(CONSTRAINT)
        for entity in graph.entities.values():
            kind, evidence = literal(entity.type), _evidence("e", entity.evidence)
            file.write(
                f"MERGE (e:Entity {{id: {literal(entity.id)}}}) "
                f"SET e:{label(entity.type)}, e.text = {literal(entity.text)}, e.type = {kind}, {evidence};\n"
            )
        for relation in graph.relations.values():
            file.write(
                f"MATCH (h:Entity {{id: {literal(relation.head)}}}), (t:Entity {{id: {literal(relation.tail)}}}) "
                f"MERGE (h)-[r:{label(relation.type)} {{id: {literal(relation.id)}}}]->(t) "
                f"SET r.type = {literal(relation.type)}, {_evidence('r', relation.evidence)};\n"
            )
    return [out]


def literal(text: str) -> str:
    """Return a Cypher string expression.

    A server may replace \\uXXXX before it reads literals, even where the backslash is escaped: a backslash before a u
    is therefore kept away from it by writing two literals.
    """
    escaped = _ESCAPED.sub(lambda found: _ESCAPES[found[0]], text)
    return "'" + re.sub(r"\\(?=[uU])", r"\\' + '", escaped) + "'"


def label(name: str) -> str:
    """Return a label or relationship type in backticks, with `_` for all but letters, digits, blanks, `_` and `-`."""
    return "`" + _OUTSIDE_LABELS.sub("_", name) + "`"


def _evidence(variable: str, evidence: Sequence[Evidence]) -> str:
    columns = {
        "passages": [literal(e.passage_id) for e in evidence],
        "documents": [literal(e.doc_id) for e in evidence],
        "starts": [str(e.start) for e in evidence],
        "ends": [str(e.end) for e in evidence],
        "evidence": [literal(e.text) for e in evidence],
    }
    return ", ".join(f"{variable}.{name} = [{', '.join(values)}]" for name, values in columns.items())
