"""GraphML (Brandes et al. 2002) for Gephi, yEd, Cytoscape and NetworkX; evidence is stored as JSON in an attribute."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from xml.etree import ElementTree as Xml

from text2graph_dagster.exports.merge import Evidence, PassageGraph, merge_passages

NAMESPACE = "http://graphml.graphdrawing.org/xmlns"


def write(passages: Iterable[PassageGraph], out: Path) -> list[Path]:
    """Write one directed graph to the file `out`."""
    merged = merge_passages(passages)
    root = Xml.Element("graphml", xmlns=NAMESPACE)
    for name, kind in (("label", "all"), ("type", "all"), ("evidence", "all")):
        Xml.SubElement(root, "key", {"id": name, "for": kind, "attr.name": name, "attr.type": "string"})
    graph = Xml.SubElement(root, "graph", id="graph", edgedefault="directed")
    for entity in merged.entities.values():
        node = Xml.SubElement(graph, "node", id=entity.id)
        _add_data(node, {"label": entity.text, "type": entity.type, "evidence": _json(entity.evidence)})
    for relation in merged.relations.values():
        edge = Xml.SubElement(graph, "edge", id=relation.id, source=relation.head, target=relation.tail)
        _add_data(edge, {"label": relation.type, "type": relation.type, "evidence": _json(relation.evidence)})
    Xml.ElementTree(root).write(out, encoding="utf-8", xml_declaration=True)
    return [out]


def _add_data(element: Xml.Element, values: Mapping[str, str]) -> None:
    for key, value in values.items():
        Xml.SubElement(element, "data", key=key).text = value


def _json(evidence: Sequence[Evidence]) -> str:
    return json.dumps([asdict(e) for e in evidence], ensure_ascii=False)
