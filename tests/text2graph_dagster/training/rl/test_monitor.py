"""Alarms on synthetic runs; each run has one kind of failure."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from text2graph_dagster.settings import AlarmSettings
from text2graph_dagster.training.rl.monitor import CHECKS, RunMonitor

SETTINGS = AlarmSettings()
Curve = Callable[[float], float]  # from 0 (the start) to 1 (the end)
HEALTHY: dict[str, Curve] = {
    "item_ratio": lambda t: 1.1 - 0.1 * t,
    "completion_length": lambda t: 50 + 10 * math.sin(20 * t),
    "entropy": lambda t: 0.12 - 0.05 * t,
    "kl": lambda t: 0.3 * t,
    "groups_without_variance": lambda t: 0.3 + 0.3 * t,
    "reward_json_valid": lambda t: 0.9 + 0.1 * t,
    "reward_relation_f1": lambda t: 0.6 + 0.2 * t,
    "reward_deviation": lambda t: 0.5 + 0.4 * t,
}


def points(steps: int = 60, dev: Curve = lambda t: 0.5 + 0.1 * t, **changed: Curve) -> list[dict[str, Any]]:
    """Return the points of a run: metrics at every step, dev F1 at the start and at every tenth step."""
    made: list[dict[str, Any]] = [{"step": 0, "dev_relation_f1": dev(0.0)}]
    for step in range(1, steps + 1):
        at = step / steps
        if step % 10 == 0:
            made.append({"step": step, "dev_relation_f1": dev(at)})
        made.append({"step": step, **{name: curve(at) for name, curve in {**HEALTHY, **changed}.items()}})
    return made


def raised(run: list[dict[str, Any]], settings: AlarmSettings = SETTINGS) -> dict[str, int]:
    monitor = RunMonitor(settings)
    monitor.replay(run)
    return {name: alarm.step for name, alarm in monitor.raised.items()}


def test_a_normal_run_raises_no_alarm() -> None:
    assert raised(points()) == {}


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
def test_each_failure_raises_its_own_alarm_before_the_run_ends(name: str, changed: dict[str, Curve]) -> None:
    found = raised(points(**changed))
    assert list(found) == [name] and 5 < found[name] < 60


def test_every_fatal_alarm_has_a_check() -> None:
    assert {*SETTINGS.fatal} <= set(CHECKS)


def test_a_drop_on_dev_with_falling_rewards_is_not_reward_hacking() -> None:
    falling = {name: (lambda t: 0.8 - 0.3 * t) for name in ("reward_json_valid", "reward_relation_f1")}
    assert "reward_without_f1" not in raised(points(dev=lambda t: 0.5 - 0.1 * t, **falling))


def test_the_alarm_names_the_component_that_rose_most() -> None:
    monitor = RunMonitor(SETTINGS)
    monitor.replay(points(dev=lambda t: 0.5 - 0.2 * t, reward_json_valid=lambda t: 0.2 + 0.8 * t))
    alarm = monitor.raised["reward_without_f1"]
    assert "reward_json_valid" in alarm.sentence and "since step 0" in alarm.sentence
    assert monitor.fatal == alarm and alarm.value > alarm.threshold == SETTINGS.min_component_rise


def test_one_bad_step_raises_no_alarm() -> None:
    bad = {"item_ratio": lambda t: 0.0 if t == 0.5 else 1.0, "entropy": lambda t: 0.0 if t == 0.5 else 0.1}
    assert raised(points(**bad)) == {}


def test_an_alarm_is_raised_once_also_after_a_replay() -> None:
    run = points(kl=lambda t: 12 * t)
    monitor, restored = RunMonitor(SETTINGS), RunMonitor(SETTINGS)
    alarms = [alarm for end in range(len(run)) for alarm in monitor.check(run[: end + 1])]
    assert [alarm.name for alarm in alarms] == ["kl"]
    restored.replay(run[: len(run) // 2 + 10])
    assert restored.raised == monitor.raised and restored.check(run) == []


def test_which_alarms_are_fatal_is_a_setting() -> None:
    monitor = RunMonitor(AlarmSettings(fatal=("no_variance",)))
    monitor.replay(points(kl=lambda t: 12 * t))
    assert set(monitor.raised) == {"kl"} and monitor.fatal is None
