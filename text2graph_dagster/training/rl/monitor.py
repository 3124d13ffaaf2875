"""Alarms of a GRPO run: problems detected in its points, which are the lines of metrics.jsonl.

Each check is a pure function of the points so far. For a metric, "now" is the mean over the last `window` points that
have it, and "the start" is the mean over the first `window`. A check that compares the two waits until they share no
point.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from text2graph_dagster.settings import AlarmSettings

Points = Sequence[Mapping[str, float]]  # each has a "step"
DEV = "dev_relation_f1"
COMPONENT = "reward_"


@dataclass(frozen=True)
class Alarm:
    """What went wrong, at which step, and the metric that showed it, with its threshold."""

    name: str
    step: int
    value: float
    threshold: float
    sentence: str


Finding = tuple[float, float, str]  # value, threshold, sentence


def read_series(points: Points, name: str) -> list[tuple[int, float]]:
    """Return (step, value) of every point that has the metric."""
    return [(int(point["step"]), point[name]) for point in points if name in point]


def _change(points: Points, name: str, window: int) -> float | None:
    """Return the metric now relative to the start; None if there are too few points."""
    values = [value for _, value in read_series(points, name)]
    if len(values) < 2 * window or fmean(values[:window]) <= 0:
        return None
    return fmean(values[-window:]) / fmean(values[:window])


def _now(points: Points, name: str, window: int) -> float | None:
    values = [value for _, value in read_series(points, name)]
    return fmean(values[-window:]) if len(values) >= window else None


def tiny_graphs(points: Points, settings: AlarmSettings) -> Finding | None:
    """Check whether completions have far fewer items than at the start: collapse to empty or tiny graphs."""
    change = _change(points, "item_ratio", settings.window)
    if change is None or change >= settings.min_items:
        return None
    return change, settings.min_items, f"completions have {change:.0%} as many items as at the start of the run"


def length_drift(points: Points, settings: AlarmSettings) -> Finding | None:
    """Check whether completions have become much longer or much shorter."""
    change = _change(points, "completion_length", settings.window)
    if change is None or 1 / settings.max_length_drift <= change <= settings.max_length_drift:
        return None
    return change, settings.max_length_drift, f"completions are {change:.2f} times as long as at the start of the run"


def entropy_collapse(points: Points, settings: AlarmSettings) -> Finding | None:
    """Check whether exploration has stopped: samples are nearly identical."""
    change = _change(points, "entropy", settings.window)
    if change is None or change >= settings.min_entropy:
        return None
    return change, settings.min_entropy, f"the entropy is {change:.0%} of its value at the start of the run"


def kl(points: Points, settings: AlarmSettings) -> Finding | None:
    """Check whether the policy is far from the SFT model; the KL is known only if `beta` is above 0."""
    now = _now(points, "kl", settings.window)
    if now is None or now <= settings.max_kl:
        return None
    return now, settings.max_kl, f"the KL divergence from the SFT model is {now:.2f}"


def no_variance(points: Points, settings: AlarmSettings) -> Finding | None:
    """Check whether most prompts have completions of equal reward, which give no gradient."""
    now = _now(points, "groups_without_variance", settings.window)
    if now is None or now <= settings.max_without_variance:
        return None
    return now, settings.max_without_variance, f"for {now:.0%} of the prompts, all completions get the same reward"


def reward_without_f1(points: Points, settings: AlarmSettings) -> Finding | None:
    """Check for reward hacking: a component has risen since dev relation F1 was best, and dev F1 has fallen."""
    dev = read_series(points, DEV)
    if len(dev) < 2:
        return None
    best_step, best = max(dev, key=lambda at: (at[1], at[0]))
    fall = best - dev[-1][1]
    if fall <= settings.max_dev_drop:
        return None
    rises = {name: _rise(points, name, best_step, settings.window) for name in _components(points)}
    name = max(rises, key=lambda key: (rises[key], key), default="")
    if not name or rises[name] <= settings.min_component_rise:
        return None
    sentence = f"dev relation F1 has fallen by {fall:.3f} since step {best_step} while {name} rose by {rises[name]:.3f}"
    return rises[name], settings.min_component_rise, sentence


def _components(points: Points) -> list[str]:
    return sorted({name for point in points for name in point if name.startswith(COMPONENT)} - {"reward_deviation"})


def _rise(points: Points, name: str, since: int, window: int) -> float:
    values = read_series(points, name)
    before = [value for step, value in values if step <= since][-window:] or [value for _, value in values[:window]]
    return fmean([value for _, value in values[-window:]]) - fmean(before)


CHECKS: Mapping[str, Callable[[Points, AlarmSettings], Finding | None]] = {
    check.__name__: check for check in (tiny_graphs, length_drift, entropy_collapse, kl, no_variance, reward_without_f1)
}


class RunMonitor:
    """The alarms raised in a run, each at most once."""

    def __init__(self, settings: AlarmSettings) -> None:
        self.settings = settings
        self.raised: dict[str, Alarm] = {}

    @property
    def fatal(self) -> Alarm | None:
        """The first alarm that stops the run; None if there is none."""
        return next((alarm for name, alarm in self.raised.items() if name in self.settings.fatal), None)

    def check(self, points: Points) -> list[Alarm]:
        """Raise and return the alarms that these points trigger and that were not raised before."""
        fresh = []
        for name, find in CHECKS.items():
            if name not in self.raised and points and (found := find(points, self.settings)):
                self.raised[name] = Alarm(name, int(points[-1]["step"]), *found)
                fresh.append(self.raised[name])
        return fresh

    def replay(self, points: Points) -> None:
        """Restore the state of an earlier part of the run from its points."""
        for end in range(1, len(points) + 1):
            self.check(points[:end])

    def summarise(self) -> dict[str, Any]:
        """Return the entries of run.json: `alarms`, and `stopped_by`, the name of the fatal alarm."""
        return {
            "alarms": [asdict(alarm) for alarm in self.raised.values()],
            "stopped_by": self.fatal.name if self.fatal else None,
        }
