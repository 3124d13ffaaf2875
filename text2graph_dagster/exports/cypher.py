"""Idempotent Cypher: every statement uses MERGE, so no node or relationship is created twice.

Text from documents and models is in quoted literals only. Labels and relationship types keep letters, digits, blanks,
`_` and `-` and are in backticks; the exact type of the ontology is the property `type`.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from text2graph_dagster.exports.merge import Evidence, PassageGraph, merge_passages

_ESCAPES = {"\\": "\\\\", "'": "\\'", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_OUTSIDE_LABELS = re.compile(r"[^\w \-]")
_ESCAPED = re.compile("[" + "".join(map(re.escape, _ESCAPES)) + "]")

CONSTRAINT = "CREATE CONSTRAINT entity_id IF NOT EXISTS FOR (e:Entity) REQUIRE e.id IS UNIQUE;\n"


def write(passages: Iterable[PassageGraph], out: Path) -> list[Path]:
    """Write one statement per line to the file `out`."""
    graph = merge_passages(passages)
    with out.open("w", encoding="utf-8", newline="\n") as file:
        file.write(CONSTRAINT)
        for entity in graph.entities.values():
            file.write(
                f"MERGE (e:Entity {{id: {cypher_literal(entity.id)}}}) "
                f"SET e:{cypher_label(entity.type)}, e.text = {cypher_literal(entity.text)}, "
                f"e.type = {cypher_literal(entity.type)}, {_evidence('e', entity.evidence)};\n"
            )
        for relation in graph.relations.values():
            head, tail = cypher_literal(relation.head), cypher_literal(relation.tail)
            file.write(
                f"MATCH (h:Entity {{id: {head}}}), (t:Entity {{id: {tail}}}) "
                f"MERGE (h)-[r:{cypher_label(relation.type)} {{id: {cypher_literal(relation.id)}}}]->(t) "
                f"SET r.type = {cypher_literal(relation.type)}, {_evidence('r', relation.evidence)};\n"
            )
    return [out]


def cypher_literal(text: str) -> str:
    """Return a Cypher string expression.

    A server may replace \\uXXXX before it parses literals, even if the backslash is escaped. Therefore a backslash and
    a following u are written in two concatenated literals.
    """
    escaped = _ESCAPED.sub(lambda found: _ESCAPES[found[0]], text)
    return "'" + re.sub(r"\\(?=[uU])", r"\\' + '", escaped) + "'"


def cypher_label(name: str) -> str:
    """Return a label or relationship type in backticks, with `_` for all but letters, digits, blanks, `_` and `-`."""
    return "`" + _OUTSIDE_LABELS.sub("_", name) + "`"


def _evidence(variable: str, evidence: Sequence[Evidence]) -> str:
    columns = {
        "passages": [cypher_literal(e.passage_id) for e in evidence],
        "documents": [cypher_literal(e.doc_id) for e in evidence],
        "starts": [str(e.start) for e in evidence],
        "ends": [str(e.end) for e in evidence],
        "evidence": [cypher_literal(e.text) for e in evidence],
    }
    return ", ".join(f"{variable}.{name} = [{', '.join(values)}]" for name, values in columns.items())
