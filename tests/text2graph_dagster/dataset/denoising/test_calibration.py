"""Confidences are calibrated on gold, or left unchanged if gold has too few relations."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from text2graph_dagster.dataset.denoising.calibration import Calibration, collect_outcomes, fit_calibration
from text2graph_dagster.graph.model import Entity, Graph, Relation
from text2graph_dagster.metrics import Directions

MIN_RELATIONS = 50
ENTITIES = (Entity(0, "Ana", "person"), Entity(1, "Ulm", "city"), Entity(2, "Bo", "person"))


def sample_outcomes(share: dict[float, float], each: int = 1000) -> list[tuple[float, bool]]:
    """Return (confidence, is right) of `each` relations per confidence; the given share of them is right."""
    rng = random.Random(5)
    return [(confidence, rng.random() < right) for confidence, right in share.items() for _ in range(each)]


@pytest.mark.parametrize(
    "share", [{0.6: 0.9, 0.8: 0.97, 0.9: 0.99}, {0.6: 0.2, 0.8: 0.5, 0.9: 0.7}, {0.6: 0.6, 0.8: 0.8, 0.9: 0.9}]
)
def test_calibrated_confidence_is_the_share_of_correct_relations(share: dict[float, float]) -> None:
    calibration = fit_calibration(sample_outcomes(share), MIN_RELATIONS)
    for confidence, right in share.items():
        assert calibration(confidence) == pytest.approx(right, abs=0.05)


def test_confidence_that_falls_with_correctness_is_replaced_by_the_mean() -> None:
    calibration = fit_calibration(sample_outcomes({0.6: 0.9, 0.8: 0.5, 0.9: 0.1}), MIN_RELATIONS)
    assert calibration(0.6) == calibration(0.9) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("right", [True, False])
def test_calibration_on_100_relations_never_gives_certainty(right: bool) -> None:
    value = fit_calibration([(0.7, right)] * 100, MIN_RELATIONS)(0.7)
    assert 0.9 < (value if right else 1 - value) < 1


def test_too_few_relations_leave_confidence_unchanged() -> None:
    calibration = fit_calibration([(0.7, False)] * (MIN_RELATIONS - 1), MIN_RELATIONS)
    graph = Graph(ENTITIES, (Relation(0, 1, "born in", confidence=0.7),))
    assert calibration.apply(graph) is graph
    assert "49 relations" in calibration.summary


@given(st.lists(st.floats(0, 1), min_size=2, unique=True), st.floats(0, 5), st.floats(-9, 9))
def test_calibration_gives_probabilities_and_keeps_the_order(
    confidences: list[float], slope: float, shift: float
) -> None:
    values = [Calibration("", slope, shift)(confidence) for confidence in sorted(confidences)]
    assert values == sorted(values)
    assert all(0 <= value <= 1 for value in values)


def test_relations_without_a_confidence_stay_without_one() -> None:
    graph = Graph(ENTITIES, (Relation(0, 1, "born in", confidence=0.5), Relation(2, 1, "born in")))
    calibrated = Calibration("", 1.0, 2.0).apply(graph)
    assert [r.confidence is None for r in calibrated.relations] == [False, True]
    assert calibrated == graph


def test_a_symmetric_relation_is_right_in_either_direction() -> None:
    graph = Graph(ENTITIES, (Relation(0, 2, "knows", confidence=0.8), Relation(0, 1, "born in", confidence=0.3)))
    gold = Graph(ENTITIES, (Relation(2, 0, "knows"), Relation(2, 1, "born in")))
    assert collect_outcomes(graph, gold, Directions(frozenset({"knows"}))) == [(0.8, True), (0.3, False)]
