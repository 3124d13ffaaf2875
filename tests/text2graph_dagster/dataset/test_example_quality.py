"""Scores of training examples and their parts."""

import pytest

from tests.text2graph_dagster.dataset.sample_rows import GRAPH, ONTOLOGY, TEXT
from text2graph_dagster.dataset.example_quality import (
    grounded_share,
    legal_share,
    mean_confidence,
    sample_agreement,
    score_example,
)
from text2graph_dagster.graph.model import Entity, Graph, Relation, Span


def test_a_grounded_legal_verified_graph_scores_one() -> None:
    assert score_example(GRAPH, TEXT, ONTOLOGY) == 1.0
    assert score_example(GRAPH, TEXT, ONTOLOGY, 1.0) == 1.0


def test_each_fault_lowers_the_score_by_its_share() -> None:
    reversed_ = Graph(GRAPH.entities, (Relation(1, 0, "works for"), GRAPH.relations[1]))
    assert legal_share(reversed_, ONTOLOGY) == 0.5
    assert score_example(reversed_, TEXT, ONTOLOGY) == 0.75
    assert score_example(GRAPH, TEXT, ONTOLOGY, 0.0) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    "entity",
    [
        Entity(0, "Ana", "person", (Span(0, 8),)),
        Entity(0, "Ana Berg", "person", ()),
        Entity(0, "Ana Berg", "person", (Span(0, 8), Span(900, 908))),
    ],
)
def test_mentions_that_differ_from_the_text_are_not_grounded(entity: Entity) -> None:
    assert grounded_share(Graph((entity,)), TEXT) == 0.0


def test_an_empty_graph_scores_one() -> None:
    assert score_example(Graph(), "It rained.", ONTOLOGY) == 1.0


def test_the_confidence_of_relations_is_part_of_the_score() -> None:
    assert mean_confidence([{"confidence": 0.5}, {"confidence": 1.0}, {"confidence": None}]) == 0.75
    assert mean_confidence([{"type": "works for"}]) is None
    assert score_example(GRAPH, TEXT, ONTOLOGY, None, 0.4) == pytest.approx(0.8)


def test_sample_agreement_is_the_mean_f1_with_the_samples() -> None:
    half = Graph(GRAPH.entities, GRAPH.relations[:1])
    assert sample_agreement(GRAPH, [], ONTOLOGY) is None
    assert sample_agreement(GRAPH, [GRAPH, GRAPH], ONTOLOGY) == 1.0
    assert sample_agreement(GRAPH, [half], ONTOLOGY) == pytest.approx(2 / 3)
    assert sample_agreement(Graph(), [Graph()], ONTOLOGY) == 1.0
