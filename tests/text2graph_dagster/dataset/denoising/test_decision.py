"""Labels are denoised if this improves F1 on dev gold, or if dev gold is too small to tell."""

from dataclasses import replace

import pytest

from text2graph_dagster.dataset.denoising import decision
from text2graph_dagster.dataset.denoising.decision import DenoiseDecision, RelationCounts, count_relations, decide
from text2graph_dagster.graph.model import Entity, Graph, Relation
from text2graph_dagster.metrics import Directions
from text2graph_dagster.settings import DenoiseSettings

NOISY = RelationCounts(1, 1, 1, 0, 1, 0, 2)
CLEAN = RelationCounts(2, 1, 0, 0, 0, 1, 2)


def changes(found: DenoiseDecision) -> bool:
    return found.drops or found.adds


def make_decision(
    passages: list[RelationCounts], labels_per_passage: float = 2.0, **settings: object
) -> DenoiseDecision:
    choice = DenoiseSettings.model_validate(settings)
    return decide(passages, range(len(passages)), labels_per_passage, choice, samples=200, seed=1)


def test_noisy_labels_are_denoised() -> None:
    found = make_decision([NOISY] * 100)
    assert (found.drops, found.adds) == (True, True)
    assert found.gain == pytest.approx(0.5)
    assert found.relations == 200
    assert found.summary.startswith("labels are denoised: on 200 dev relations this changes F1 by +0.500 [+0.5")


def test_clean_labels_are_left_unchanged() -> None:
    found = make_decision([CLEAN] * 100)
    assert not changes(found)
    assert found.gain == pytest.approx(-0.5)
    assert "left unchanged: on 200 dev relations denoising would change F1 by -0.500" in found.summary


def test_labels_are_left_unchanged_if_denoising_gains_nothing() -> None:
    assert not changes(make_decision([RelationCounts(1, 1, 1, 1, 0, 0, 2)] * 100))
    assert not changes(make_decision([RelationCounts(0, 0, 0, 0, 0, 1, 2)] * 100))


def test_a_gain_below_the_minimum_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decision, "MIN_GAIN", 0.5)
    assert not changes(make_decision([RelationCounts(1, 1, 1, 0, 0, 0, 2)] * 100))
    monkeypatch.setattr(decision, "MIN_GAIN", 0.1)
    assert changes(make_decision([RelationCounts(1, 1, 1, 0, 0, 0, 2)] * 100))


def test_with_too_little_gold_labels_are_denoised_and_the_summary_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for passages in ([], [CLEAN] * 24):
        found = make_decision(passages)
        assert changes(found)
        assert "not evaluated" in found.summary
    assert not changes(make_decision([CLEAN] * 25))
    monkeypatch.setattr(decision, "MIN_DEV_RELATIONS", 48)
    assert not changes(make_decision([CLEAN] * 24))


def test_the_setting_overrides_gold() -> None:
    assert not changes(make_decision([NOISY] * 100, when="never"))
    assert changes(make_decision([CLEAN] * 100, when="always"))


def test_dropping_and_adding_are_decided_separately() -> None:
    few_but_right = make_decision([RelationCounts(1, 0, 0, 0, 1, 0, 2)] * 100, labels_per_passage=1.0)
    assert (few_but_right.drops, few_but_right.adds) == (False, True)
    assert "denoised by adding only" in few_but_right.summary
    many_but_wrong = make_decision([RelationCounts(1, 1, 2, 0, 0, 1, 1)] * 100, labels_per_passage=3.0)
    assert (many_but_wrong.drops, many_but_wrong.adds) == (True, False)


def test_only_the_chosen_denoising_steps_are_applied() -> None:
    entities = tuple(Entity(i, name, "thing") for i, name in enumerate("abcd"))
    stays, goes, comes = (Relation(0, tail, "has") for tail in (1, 2, 3))
    doubted, sure = replace(goes, confidence=0.2), replace(stays, confidence=0.9)
    labels, denoised = Graph(entities, (doubted, sure)), Graph(entities, (sure, comes))
    taken = {
        way: DenoiseDecision(*way, "").apply(labels, denoised)
        for way in [(False, False), (True, False), (False, True), (True, True)]
    }
    assert taken[False, False] == labels
    assert [graph.relations for graph in taken.values()][1:] == [(stays,), (goes, stays, comes), (stays, comes)]
    assert [relation.confidence for relation in taken[False, True].relations] == [0.2, 0.9, None]


def test_dev_is_weighted_to_the_label_density_of_training_passages() -> None:
    # One relation of four is labelled; denoising adds a right and a wrong relation. With all four labelled, it would
    # add only the wrong one.
    assert make_decision([RelationCounts(1, 1, 0, 0, 1, 1, 4)] * 100, labels_per_passage=1.0).adds
    assert not changes(make_decision([RelationCounts(1, 1, 0, 0, 1, 1, 4)] * 100, labels_per_passage=4.0))


def test_the_interval_contains_the_gain_and_is_deterministic() -> None:
    mixed = [NOISY, CLEAN, NOISY] * 40
    found = make_decision(mixed)
    assert found == make_decision(mixed)
    assert found.low is not None and found.gain is not None and found.high is not None
    assert found.low < found.gain < found.high


def test_relations_are_counted_by_outcome() -> None:
    def graph(*tails: int) -> Graph:
        return Graph(
            tuple(Entity(i, name, "thing") for i, name in enumerate("abcdef")),
            tuple(Relation(0, tail, "has") for tail in tails),
        )

    assert count_relations(graph(1, 2, 3), graph(1, 4, 5), graph(1, 2, 4), Directions()) == (2, 1, 1, 0, 1, 1, 3)
