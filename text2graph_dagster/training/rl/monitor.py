"""What can go wrong in a reinforcement run, told from its points: what stands in metrics.jsonl.

Each check is a pure function of the points so far. "Now" is the mean of the last `window` points that have the figure,
"the beginning" that of the first `window`; a check that compares the two waits until they have no point in common.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from text2graph_dagster.settings import AlarmSettings

Points = Sequence[Mapping[str, float]]  # each with its "step"
DEV = "dev_relation_f1"
COMPONENT = "reward_"


@dataclass(frozen=True)
class Alarm:
    """What has gone wrong, at which step, and the figure that told so beside its threshold."""

    name: str
    step: int
    value: float
    threshold: float
    sentence: str


Found = tuple[float, float, str]  # value, threshold, sentence


def series(points: Points, name: str) -> list[tuple[int, float]]:
    """Return (step, value) of every point that has the figure."""
    return [(int(point["step"]), point[name]) for point in points if name in point]


def _change(points: Points, name: str, window: int) -> float | None:
    """Return the figure now relative to the beginning; None where that cannot be told."""
    values = [value for _, value in series(points, name)]
    if len(values) < 2 * window or fmean(values[:window]) <= 0:
        return None
    return fmean(values[-window:]) / fmean(values[:window])


def _now(points: Points, name: str, window: int) -> float | None:
    values = [value for _, value in series(points, name)]
    return fmean(values[-window:]) if len(values) >= window else None


def tiny_graphs(points: Points, settings: AlarmSettings) -> Found | None:
    """Completions state far fewer items than in the beginning: the collapse to empty or tiny graphs."""
    change = _change(points, "item_ratio", settings.window)
    if change is None or change >= settings.min_items:
        return None
    return change, settings.min_items, f"completions state {change:.0%} of the items of the run's beginning"


def length_drift(points: Points, settings: AlarmSettings) -> Found | None:
    """Completions have become much longer or much shorter."""
    change = _change(points, "completion_length", settings.window)
    if change is None or 1 / settings.max_length_drift <= change <= settings.max_length_drift:
        return None
    return change, settings.max_length_drift, f"completions are {change:.2f} times as long as in the run's beginning"


def entropy_collapse(points: Points, settings: AlarmSettings) -> Found | None:
    """The student has stopped trying anything: its samples are all the same."""
    change = _change(points, "entropy", settings.window)
    if change is None or change >= settings.min_entropy:
        return None
    return change, settings.min_entropy, f"the entropy is {change:.0%} of that of the run's beginning"


def kl(points: Points, settings: AlarmSettings) -> Found | None:
    """The student is far from the fine-tuned one; measured only where `beta` is above 0."""
    now = _now(points, "kl", settings.window)
    if now is None or now <= settings.max_kl:
        return None
    return now, settings.max_kl, f"the KL to the fine-tuned student is {now:.2f}"


def no_variance(points: Points, settings: AlarmSettings) -> Found | None:
    """Nearly every prompt's completions earn the same, so there is nothing to learn from them."""
    now = _now(points, "groups_without_variance", settings.window)
    if now is None or now <= settings.max_without_variance:
        return None
    return now, settings.max_without_variance, f"{now:.0%} of the prompts have completions that all earn the same"


def reward_without_f1(points: Points, settings: AlarmSettings) -> Found | None:
    """A part of the reward has risen since dev relation F1 was at its best, and dev relation F1 has fallen: a hack."""
    dev = series(points, DEV)
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
    said = f"dev relation F1 has fallen by {fall:.3f} since step {best_step} while {name} rose by {rises[name]:.3f}"
    return rises[name], settings.min_component_rise, said


def _components(points: Points) -> list[str]:
    return sorted({name for point in points for name in point if name.startswith(COMPONENT)} - {"reward_deviation"})


def _rise(points: Points, name: str, since: int, window: int) -> float:
    values = series(points, name)
    before = [value for step, value in values if step <= since][-window:] or [value for _, value in values[:window]]
    return fmean([value for _, value in values[-window:]]) - fmean(before)


CHECKS: Mapping[str, Callable[[Points, AlarmSettings], Found | None]] = {
    check.__name__: check for check in (tiny_graphs, length_drift, entropy_collapse, kl, no_variance, reward_without_f1)
}


class Watch:
    """Which alarms have rung in a run, each at its first point."""

    def __init__(self, settings: AlarmSettings) -> None:
        self.settings = settings
        self.rung: dict[str, Alarm] = {}

    @property
    def fatal(self) -> Alarm | None:
        """Return the first alarm that ends the run."""
        return next((alarm for name, alarm in self.rung.items() if name in self.settings.fatal), None)

    def listen(self, points: Points) -> list[Alarm]:
        """Return the alarms that ring now and have not rung before."""
        fresh = []
        for name, check in CHECKS.items():
            if name not in self.rung and points and (found := check(points, self.settings)):
                self.rung[name] = Alarm(name, int(points[-1]["step"]), *found)
                fresh.append(self.rung[name])
        return fresh

    def replay(self, points: Points) -> None:
        """Hear again what an earlier part of the run has heard."""
        for end in range(1, len(points) + 1):
            self.listen(points[:end])
