"""Scores that can be checked without a model."""

import pytest

from tests.text2graph_dagster.dataset.test_instructions import GRAPH, ONTOLOGY, TEXT
from text2graph_dagster.dataset.quality import grounded, legal, score
from text2graph_dagster.graph import Entity, Graph, Relation, Span


def test_a_grounded_legal_verified_graph_scores_one() -> None:
    assert score(GRAPH, TEXT, ONTOLOGY) == 1.0
    assert score(GRAPH, TEXT, ONTOLOGY, verified=True) == 1.0


def test_each_fault_costs_its_share() -> None:
    reversed_ = Graph(GRAPH.entities, (Relation(1, 0, "works for"), GRAPH.relations[1]))
    assert legal(reversed_, ONTOLOGY) == 0.5
    assert score(reversed_, TEXT, ONTOLOGY) == 0.75
    assert score(GRAPH, TEXT, ONTOLOGY, verified=False) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    "entity",
    [
        Entity(0, "Ana", "person", (Span(0, 8),)),
        Entity(0, "Ana Berg", "person", ()),
        Entity(0, "Ana Berg", "person", (Span(0, 8), Span(900, 908))),
    ],
)
def test_mentions_that_do_not_read_as_the_text_are_not_grounded(entity: Entity) -> None:
    assert grounded(Graph((entity,)), TEXT) == 0.0


def test_an_empty_graph_is_no_fault() -> None:
    assert score(Graph(), "It rained.", ONTOLOGY) == 1.0
