"""Annotated training passages as a source of graphs: their annotation replaces the teacher's graph."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from text2graph_dagster.graph.model import Graph
from text2graph_dagster.graph.rows import from_rows

ANNOTATION = "annotation"  # its name in teacher_graphs, where others have the name of their teacher


def read_annotation(row: Mapping[str, Any]) -> Graph:
    """Return the graph of a row with `entities` and `relations`; each relation has the confidence 1."""
    graph = from_rows(row["entities"], row["relations"])
    return replace(graph, relations=tuple(replace(relation, confidence=1.0) for relation in graph.relations))
