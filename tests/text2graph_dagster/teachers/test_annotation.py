"""The graph of an annotated training passage."""

from text2graph_dagster.graph.model import Entity, Graph, Relation, Span
from text2graph_dagster.graph.rows import to_rows
from text2graph_dagster.teachers.annotation import read_annotation


def test_relations_get_confidence_1_and_keep_their_provenance() -> None:
    ends = (Entity(0, "Ana", "person", (Span(0, 3),)), Entity(1, "Oslo", "city", (Span(13, 17),)))
    graph = Graph(ends, (Relation(0, 1, "lives in", None, "gold:7"),))
    entities, relations = to_rows(graph)
    assert read_annotation({"entities": entities, "relations": relations}) == Graph(
        ends, (Relation(0, 1, "lives in", None, "gold:7", 1.0),)
    )
