"""A sample passage with its graph and ontology, and the examples built from such passages."""

from dataclasses import dataclass
from typing import Any

import polars as pl

from text2graph_dagster.dataset.confusions import mine_confusions
from text2graph_dagster.dataset.example_builder import ExampleBuilder
from text2graph_dagster.dataset.selection import select_examples, take_selected
from text2graph_dagster.dataset.task_sampling import TaskSampler
from text2graph_dagster.graph.model import Entity, Graph, Relation, Span
from text2graph_dagster.graph.rows import from_rows, to_rows
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
    """Return a passage with its graph as a row of the warehouse."""
    entities, relations = to_rows(graph)
    return {
        "corpus": "news", "passage_id": digest(str(number)), "text": TEXT, "language": "en",
        "entities": entities, "relations": relations, "rationale": "Because.", **more,
    }  # fmt: skip


@dataclass(frozen=True)
class BuiltExamples:
    """The selected examples (columns of filtered_dataset), and the passages left out with the reason."""

    examples: pl.DataFrame
    left_out: pl.DataFrame

    def reasons(self) -> dict[str, str]:
        """Return the reason of every passage that was left out, by passage id."""
        return dict(self.left_out.iter_rows())


def build_examples(
    rows: list[dict[str, Any]], seed: int = 7, ontology: Ontology = ONTOLOGY, **settings: Any
) -> BuiltExamples:
    """Build and select the examples of these passages; confusable types are mined from the passages' graphs."""
    dataset = DatasetSettings(**settings)
    confusions = mine_confusions(ontology, (from_rows(r["entities"], r["relations"]) for r in rows))
    sampler = TaskSampler(ontology, dataset, seed, confusions)
    built = ExampleBuilder(ontology, dataset, seed, sampler).build(rows)
    selected, left_out = select_examples(built.candidates, dataset)
    return BuiltExamples(take_selected(built.examples, selected), pl.concat([built.left_out, left_out]))
