"""A passage, its graph and its ontology, as the tests of the dataset use them."""

from typing import Any

from text2graph_dagster.dataset.example_builder import Built, build_examples
from text2graph_dagster.graph.model import Entity, Graph, Relation, Span
from text2graph_dagster.graph.rows import to_rows
from text2graph_dagster.identity import digest
from text2graph_dagster.ontology import EntityType, Ontology, RelationType
from text2graph_dagster.settings import DatasetSettings

ONTOLOGY = Ontology(
    "news",
    "en",
    (EntityType("person", "a human being"), EntityType("company"), EntityType("city"), EntityType("award")),
    (
        RelationType("works for", "has a job there", (("person", "company"),)),
        RelationType("born in", "", (("person", "city"),)),
        RelationType("won", "", (("person", "award"),)),
    ),
)
TEXT = "Ana Berg of Velsoft was born in Oslo."
GRAPH = Graph(
    (
        Entity(0, "Ana Berg", "person", (Span(0, 8),)),
        Entity(1, "Velsoft", "company", (Span(12, 19),)),
        Entity(2, "Oslo", "city", (Span(32, 36),)),
    ),
    (Relation(0, 1, "works for", Span(0, 37), "kb:1"), Relation(0, 2, "born in", Span(0, 37), "kb:2")),
)


def row(number: int, graph: Graph = GRAPH, **more: Any) -> dict[str, Any]:
    """Return a passage with its graph, as the warehouse holds them."""
    entities, relations = to_rows(graph)
    return {
        "corpus": "news", "passage_id": digest(str(number)), "text": TEXT, "language": "en",
        "entities": entities, "relations": relations, "rationale": "Because.", **more,
    }  # fmt: skip


def build(rows: list[dict[str, Any]], seed: int = 7, **settings: Any) -> Built:
    """Return the examples of these passages."""
    return build_examples(rows, ONTOLOGY, DatasetSettings(**settings), seed)


def left_out(built: Built) -> dict[str, str]:
    """Return the passages left out, by id, with the reason."""
    return dict(built.left_out.iter_rows())
