"""Confidences that gold contradicts are corrected, and nothing is concluded from a handful."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from text2graph_dagster.dataset.denoising.calibration import Calibration, collect_outcomes, fit_calibration
from text2graph_dagster.graph.model import Entity, Graph, Relation
from text2graph_dagster.metrics import Directions

LEAST = 50
ENTITIES = (Entity(0, "Ana", "person"), Entity(1, "Ulm", "city"), Entity(2, "Bo", "person"))


def said(share: dict[float, float], each: int = 1000) -> list[tuple[float, bool]]:
    """So many relations of each confidence, of which this share is right."""
    rng = random.Random(5)
    return [(confidence, rng.random() < right) for confidence, right in share.items() for _ in range(each)]


@pytest.mark.parametrize(
    "share", [{0.6: 0.9, 0.8: 0.97, 0.9: 0.99}, {0.6: 0.2, 0.8: 0.5, 0.9: 0.7}, {0.6: 0.6, 0.8: 0.8, 0.9: 0.9}]
)
def test_a_confidence_becomes_the_share_that_is_right(share: dict[float, float]) -> None:
    calibration = fit_calibration(said(share), LEAST)
    for confidence, right in share.items():
        assert calibration(confidence) == pytest.approx(right, abs=0.05)


def test_a_confidence_that_says_the_opposite_is_no_guide() -> None:
    calibration = fit_calibration(said({0.6: 0.9, 0.8: 0.5, 0.9: 0.1}), LEAST)
    assert calibration(0.6) == calibration(0.9) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("right", [True, False])
def test_nothing_is_certain_after_some_cases(right: bool) -> None:
    value = fit_calibration([(0.7, right)] * 100, LEAST)(0.7)
    assert 0.9 < (value if right else 1 - value) < 1


def test_a_handful_changes_nothing() -> None:
    calibration = fit_calibration([(0.7, False)] * (LEAST - 1), LEAST)
    graph = Graph(ENTITIES, (Relation(0, 1, "born in", confidence=0.7),))
    assert calibration.apply(graph) is graph
    assert "49 relations" in calibration.summary


@given(st.lists(st.floats(0, 1), min_size=2, unique=True), st.floats(0, 5), st.floats(-9, 9))
def test_it_keeps_to_probabilities_and_their_order(confidences: list[float], slope: float, shift: float) -> None:
    values = [Calibration("", slope, shift)(confidence) for confidence in sorted(confidences)]
    assert values == sorted(values)
    assert all(0 <= value <= 1 for value in values)


def test_only_a_confidence_that_is_there_is_calibrated() -> None:
    graph = Graph(ENTITIES, (Relation(0, 1, "born in", confidence=0.5), Relation(2, 1, "born in")))
    calibrated = Calibration("", 1.0, 2.0).apply(graph)
    assert [r.confidence is None for r in calibrated.relations] == [False, True]
    assert calibrated == graph


def test_right_is_what_gold_has_in_either_direction_of_a_symmetric_relation() -> None:
    graph = Graph(ENTITIES, (Relation(0, 2, "knows", confidence=0.8), Relation(0, 1, "born in", confidence=0.3)))
    gold = Graph(ENTITIES, (Relation(2, 0, "knows"), Relation(2, 1, "born in")))
    assert collect_outcomes(graph, gold, Directions(frozenset({"knows"}))) == [(0.8, True), (0.3, False)]
