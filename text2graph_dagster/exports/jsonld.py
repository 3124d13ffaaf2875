"""JSON-LD 1.1: entities with their relations as plain triples, and every relation as an RDF statement with evidence."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from text2graph_dagster.exports.merge import Evidence, PassageGraph, merge_passages

BASE = "urn:text2graph:"
CONTEXT = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "label": "rdfs:label",
    "Statement": "rdf:Statement",
    "subject": {"@id": "rdf:subject", "@type": "@id"},
    "predicate": {"@id": "rdf:predicate", "@type": "@id"},
    "object": {"@id": "rdf:object", "@type": "@id"},
    "evidence": f"{BASE}evidence",
    "passage": f"{BASE}passage",
    "document": f"{BASE}document",
    "start": f"{BASE}start",
    "end": f"{BASE}end",
    "text": f"{BASE}text",
}


def write(passages: Iterable[PassageGraph], out: Path) -> list[Path]:
    """Write one document to the file `out`."""
    merged = merge_passages(passages)
    nodes: dict[str, dict[str, Any]] = {
        entity.id: {
            "@id": _iri("entity", entity.id),
            "@type": _iri("type", entity.type),
            "label": entity.text,
            "evidence": _evidence(entity.evidence),
        }
        for entity in merged.entities.values()
    }
    statements = []
    for relation in merged.relations.values():
        predicate, target = _iri("relation", relation.type), _iri("entity", relation.tail)
        nodes[relation.head].setdefault(predicate, []).append({"@id": target})
        statements.append(
            {
                "@id": _iri("statement", relation.id),
                "@type": "Statement",
                "label": relation.type,
                "subject": _iri("entity", relation.head),
                "predicate": predicate,
                "object": target,
                "evidence": _evidence(relation.evidence),
            }
        )
    document = {"@context": CONTEXT, "@graph": [*nodes.values(), *statements]}
    out.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return [out]


def _iri(kind: str, name: str) -> str:
    return f"{BASE}{kind}:{quote(name, safe='')}"


def _evidence(evidence: Sequence[Evidence]) -> list[dict[str, str | int]]:
    return [
        {"passage": e.passage_id, "document": e.doc_id, "start": e.start, "end": e.end, "text": e.text}
        for e in evidence
    ]
