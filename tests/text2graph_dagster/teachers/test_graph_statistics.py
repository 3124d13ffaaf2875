"""Figures on the graphs of a corpus."""

import math

import pytest

from text2graph_dagster.graph.model import Entity, Graph, Relation, Span
from text2graph_dagster.ontology import EntityType, Ontology, RelationType
from text2graph_dagster.teachers.graph_statistics import (
    mean_agreement,
    normalised_entropy,
    share_in_ontology,
    share_of_allowed_relations,
)

ONTOLOGY = Ontology(
    "o",
    "en",
    (EntityType("person"), EntityType("city")),
    (RelationType("lives in", signatures=(("person", "city"),)), RelationType("knows")),
)
ENTITIES = (Entity(0, "Ana", "person", (Span(0, 3),)), Entity(1, "Ulm", "city", (Span(13, 16),)))
STATED = Graph(ENTITIES, (Relation(0, 1, "lives in"),))
EMPTY = Graph(ENTITIES, ())


def test_items_of_unknown_types_lower_the_share() -> None:
    assert share_in_ontology([("person", 3), ("god", 1)], [("lives in", 3), ("eats", 1)], ONTOLOGY) == 0.75
    assert share_in_ontology([], [], ONTOLOGY) is None


def test_relations_that_violate_their_signature_lower_the_share() -> None:
    counts = [("person", "lives in", "city", 3), ("city", "lives in", "person", 1)]
    assert share_of_allowed_relations(counts, ONTOLOGY) == 0.75
    assert share_of_allowed_relations([], ONTOLOGY) is None


@pytest.mark.parametrize(("counts", "entropy"), [([5, 5], 1.0), ([10], 0.0), ([1, 1, 1, 1], 2.0), ([], None)])
def test_entropy_is_one_when_all_categories_are_equally_frequent(counts: list[int], entropy: float | None) -> None:
    found = normalised_entropy(counts, 2)
    assert found == entropy if entropy is None or found is None else math.isclose(found, entropy, abs_tol=1e-12)


def test_entropy_needs_two_categories() -> None:
    assert normalised_entropy([3], 1) is None


def test_agreement_is_averaged_over_passages_with_several_graphs() -> None:
    assert mean_agreement([[STATED]], ONTOLOGY) is None
    assert mean_agreement([[STATED, STATED], [STATED, EMPTY], [STATED]], ONTOLOGY) == 0.5
