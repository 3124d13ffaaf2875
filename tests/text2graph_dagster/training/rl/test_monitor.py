"""Alarms, on runs that were made up to go wrong in one way each."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from text2graph_dagster.settings import AlarmSettings
from text2graph_dagster.training.rl.monitor import CHECKS, Watch

SETTINGS = AlarmSettings()
Course = Callable[[float], float]  # from 0 (the beginning) to 1 (the end)
HEALTHY: dict[str, Course] = {
    "item_ratio": lambda t: 1.1 - 0.1 * t,
    "completion_length": lambda t: 50 + 10 * math.sin(20 * t),
    "entropy": lambda t: 0.12 - 0.05 * t,
    "kl": lambda t: 0.3 * t,
    "groups_without_variance": lambda t: 0.3 + 0.3 * t,
    "reward_json_valid": lambda t: 0.9 + 0.1 * t,
    "reward_relation_f1": lambda t: 0.6 + 0.2 * t,
    "reward_deviation": lambda t: 0.5 + 0.4 * t,
}


def points(steps: int = 60, dev: Course = lambda t: 0.5 + 0.1 * t, **changed: Course) -> list[dict[str, Any]]:
    """Return the points of a run: figures at every step, dev F1 at the start and at every tenth."""
    made: list[dict[str, Any]] = [{"step": 0, "dev_relation_f1": dev(0.0)}]
    for step in range(1, steps + 1):
        at = step / steps
        if step % 10 == 0:
            made.append({"step": step, "dev_relation_f1": dev(at)})
        made.append({"step": step, **{name: course(at) for name, course in {**HEALTHY, **changed}.items()}})
    return made


def rung(run: list[dict[str, Any]], settings: AlarmSettings = SETTINGS) -> dict[str, int]:
    watch = Watch(settings)
    watch.replay(run)
    return {name: alarm.step for name, alarm in watch.rung.items()}


def test_nothing_rings_in_a_healthy_run() -> None:
    assert rung(points()) == {}


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("tiny_graphs", {"item_ratio": lambda t: 1.0 if t < 0.3 else 0.05}),
        ("length_drift", {"completion_length": lambda t: 50 + 100 * t}),
        ("length_drift", {"completion_length": lambda t: 50 - 40 * t}),
        ("entropy_collapse", {"entropy": lambda t: 0.12 * math.exp(-4 * t)}),
        ("kl", {"kl": lambda t: 12 * t}),
        ("no_variance", {"groups_without_variance": lambda t: 0.6 + 0.4 * t}),
        ("reward_without_f1", {"dev": lambda t: 0.5 - 0.1 * t}),
        ("reward_without_f1", {"dev": lambda t: 0.5 + 0.1 * t if t < 0.6 else 0.5}),
    ],
)
def test_each_failure_rings_its_own_alarm_before_the_run_ends(name: str, changed: dict[str, Course]) -> None:
    found = rung(points(**changed))
    assert list(found) == [name] and 5 < found[name] < 60


def test_every_check_can_ring_and_every_fatal_one_is_a_check() -> None:
    assert {*SETTINGS.fatal} <= set(CHECKS)


def test_a_fall_on_dev_with_rewards_that_fall_too_is_no_hack() -> None:
    falling = {name: (lambda t: 0.8 - 0.3 * t) for name in ("reward_json_valid", "reward_relation_f1")}
    assert "reward_without_f1" not in rung(points(dev=lambda t: 0.5 - 0.1 * t, **falling))


def test_the_alarm_names_the_component_that_rose_most() -> None:
    watch = Watch(SETTINGS)
    watch.replay(points(dev=lambda t: 0.5 - 0.2 * t, reward_json_valid=lambda t: 0.2 + 0.8 * t))
    alarm = watch.rung["reward_without_f1"]
    assert "reward_json_valid" in alarm.sentence and "since step 0" in alarm.sentence
    assert watch.fatal == alarm and alarm.value > alarm.threshold == SETTINGS.min_component_rise


def test_one_bad_step_is_no_alarm() -> None:
    bad = {"item_ratio": lambda t: 0.0 if t == 0.5 else 1.0, "entropy": lambda t: 0.0 if t == 0.5 else 0.1}
    assert rung(points(**bad)) == {}


def test_an_alarm_rings_once_and_what_was_heard_before_is_not_told_again() -> None:
    run = points(kl=lambda t: 12 * t)
    watch, again = Watch(SETTINGS), Watch(SETTINGS)
    told = [alarm for end in range(len(run)) for alarm in watch.listen(run[: end + 1])]
    assert [alarm.name for alarm in told] == ["kl"]
    again.replay(run[: len(run) // 2 + 10])
    assert again.rung == watch.rung and again.listen(run) == []


def test_which_alarms_are_fatal_is_a_setting() -> None:
    watch = Watch(AlarmSettings(fatal=("no_variance",)))
    watch.replay(points(kl=lambda t: 12 * t))
    assert set(watch.rung) == {"kl"} and watch.fatal is None
