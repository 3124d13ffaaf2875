"""Labels are mended where dev gold says that it helps, and where it cannot tell."""

from dataclasses import replace

import pytest

from text2graph_dagster.dataset.denoising import decision
from text2graph_dagster.dataset.denoising.decision import DenoiseDecision, RelationCounts, count_relations, decide
from text2graph_dagster.graph.model import Entity, Graph, Relation
from text2graph_dagster.metrics import Directions
from text2graph_dagster.settings import DenoiseSettings

# right labels, those that stay; wrong labels, those that stay; right ones added, wrong ones added; gold
NOISY = RelationCounts(1, 1, 1, 0, 1, 0, 2)
CLEAN = RelationCounts(2, 1, 0, 0, 0, 1, 2)


def mends(found: DenoiseDecision) -> bool:
    return found.drops or found.adds


def verdict(passages: list[RelationCounts], labels_per_passage: float = 2.0, **settings: object) -> DenoiseDecision:
    choice = DenoiseSettings.model_validate(settings)
    return decide(passages, range(len(passages)), labels_per_passage, choice, samples=200, seed=1)


def test_noisy_labels_are_mended() -> None:
    found = verdict([NOISY] * 100)
    assert (found.drops, found.adds) == (True, True)
    assert found.gain == pytest.approx(0.5)
    assert found.relations == 200
    assert found.summary.startswith("labels are denoised: on 200 dev relations this changes F1 by +0.500 [+0.5")


def test_clean_labels_are_left() -> None:
    found = verdict([CLEAN] * 100)
    assert not mends(found)
    assert found.gain == pytest.approx(-0.5)
    assert "left unchanged: on 200 dev relations denoising would change F1 by -0.500" in found.summary


def test_what_mending_does_not_change_is_left() -> None:
    assert not mends(verdict([RelationCounts(1, 1, 1, 1, 0, 0, 2)] * 100))
    assert not mends(verdict([RelationCounts(0, 0, 0, 0, 0, 1, 2)] * 100))


def test_a_rise_too_small_to_mean_anything_is_no_ground(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decision, "MIN_GAIN", 0.5)
    assert not mends(verdict([RelationCounts(1, 1, 1, 0, 0, 0, 2)] * 100))
    monkeypatch.setattr(decision, "MIN_GAIN", 0.1)
    assert mends(verdict([RelationCounts(1, 1, 1, 0, 0, 0, 2)] * 100))


def test_without_enough_gold_labels_are_mended_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for passages in ([], [CLEAN] * 24):
        found = verdict(passages)
        assert mends(found)
        assert "not evaluated" in found.summary
    assert not mends(verdict([CLEAN] * 25))
    monkeypatch.setattr(decision, "MIN_DEV_RELATIONS", 48)
    assert not mends(verdict([CLEAN] * 24))


def test_the_settings_may_have_decided() -> None:
    assert not mends(verdict([NOISY] * 100, when="never"))
    assert mends(verdict([CLEAN] * 100, when="always"))


def test_dropping_and_adding_are_judged_apart() -> None:
    few_but_right = verdict([RelationCounts(1, 0, 0, 0, 1, 0, 2)] * 100, labels_per_passage=1.0)
    assert (few_but_right.drops, few_but_right.adds) == (False, True)
    assert "denoised by adding only" in few_but_right.summary
    many_but_wrong = verdict([RelationCounts(1, 1, 2, 0, 0, 1, 1)] * 100, labels_per_passage=3.0)
    assert (many_but_wrong.drops, many_but_wrong.adds) == (True, False)


def test_a_graph_takes_as_much_of_the_mending_as_is_wanted() -> None:
    entities = tuple(Entity(i, name, "thing") for i, name in enumerate("abcd"))
    stays, goes, comes = (Relation(0, tail, "has") for tail in (1, 2, 3))
    doubted, sure = replace(goes, confidence=0.2), replace(stays, confidence=0.9)
    before, mended = Graph(entities, (doubted, sure)), Graph(entities, (sure, comes))
    taken = {
        way: DenoiseDecision(*way, "").apply(before, mended)
        for way in [(False, False), (True, False), (False, True), (True, True)]
    }
    assert taken[False, False] == before
    assert [graph.relations for graph in taken.values()][1:] == [(stays,), (goes, stays, comes), (stays, comes)]
    assert [relation.confidence for relation in taken[False, True].relations] == [0.2, 0.9, None]


def test_gold_is_weighed_as_though_it_were_labelled_as_often_as_training_passages() -> None:
    # Of four relations one is labelled. Mending adds a right and a wrong one: where all are labelled, a wrong one.
    assert verdict([RelationCounts(1, 1, 0, 0, 1, 1, 4)] * 100, labels_per_passage=1.0).adds
    assert not mends(verdict([RelationCounts(1, 1, 0, 0, 1, 1, 4)] * 100, labels_per_passage=4.0))


def test_the_interval_holds_the_gain_and_is_the_same_each_time() -> None:
    mixed = [NOISY, CLEAN, NOISY] * 40
    found = verdict(mixed)
    assert found == verdict(mixed)
    assert found.low is not None and found.gain is not None and found.high is not None
    assert found.low < found.gain < found.high


def test_counts_tell_what_became_of_every_relation() -> None:
    def graph(*tails: int) -> Graph:
        return Graph(
            tuple(Entity(i, name, "thing") for i, name in enumerate("abcdef")),
            tuple(Relation(0, tail, "has") for tail in tails),
        )

    assert count_relations(graph(1, 2, 3), graph(1, 4, 5), graph(1, 2, 4), Directions()) == (2, 1, 1, 0, 1, 1, 3)
