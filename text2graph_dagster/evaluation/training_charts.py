"""The report's section about a training stage: a few charts to decide from, and all recorded metrics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from markupsafe import Markup

from text2graph_dagster.evaluation.charts import INK, SERIES
from text2graph_dagster.evaluation.line_chart import Line, Points, line_chart

Curves = Mapping[str, Points]  # name of a metric in metrics.jsonl → (step, value)
_WIDTH, _HEIGHT = 480, 270


@dataclass(frozen=True, slots=True)
class TrainingPanel:
    """A chart with one sentence that says what it shows."""

    chart: Markup
    sentence: str


@dataclass(frozen=True, slots=True)
class StageCharts:
    """The panels of a stage in reading order, a small chart of every metric, and the metrics that never changed."""

    panels: tuple[TrainingPanel, ...]
    metrics: tuple[Markup, ...]
    constants: Mapping[str, float]


def draw_stage(curves: Curves, weights: Mapping[str, float]) -> StageCharts:
    """Draw the charts of one training stage; `weights` are those of the reward's components, by name."""
    steps = [x for points in curves.values() for x, _ in points]
    x_range = (min(0.0, *steps), max(steps)) if len(steps) > 1 else (0.0, max(steps, default=1.0))
    panels = (
        _draw_dev(curves, x_range),
        _draw_reward(curves, weights, x_range),
        _draw_lengths(curves, x_range),
        None if "reward" in curves else _draw_loss(curves, x_range),
    )
    constants = {name: points[0][1] for name, points in curves.items() if _is_constant(points)}
    small = (line_chart([Line(n, points)], n) for n, points in curves.items() if n not in constants)
    return StageCharts(tuple(p for p in panels if p), tuple(small), constants)


def _is_constant(points: Points) -> bool:
    return len(points) > 1 and len({value for _, value in points}) == 1


def _draw_panel(lines: Sequence[Line], title: str, y_label: str, x_range: tuple[float, float]) -> Markup:
    return line_chart(lines, title, y_label=y_label, x_range=x_range, width=_WIDTH, height=_HEIGHT)


def _draw_dev(curves: Curves, x_range: tuple[float, float]) -> TrainingPanel | None:
    points = curves.get("dev_relation_f1")
    if not points:
        return None
    low, high = (curves.get(f"dev_relation_f1_{end}", ()) for end in ("low", "high"))
    line = Line("dev relation F1", points, low, high, SERIES[0], 2.2, dots=True)
    chart = _draw_panel([line], "Relation F1 on dev", "strict micro-F1, with its 95 % interval", x_range)
    step, best = max(points, key=lambda point: point[1])
    passages = f" on {passage_counts[-1][1]:,.0f} passages" if (passage_counts := curves.get("dev_passages")) else ""
    sentence = (
        f"The best of {len(points)} {'measurements' if len(points) > 1 else 'measurement'}{passages} is {best:.3f}, "
        f"after step {step:,.0f}; a change that is small beside the band may be chance."
    )
    return TrainingPanel(chart, sentence)


def _draw_reward(curves: Curves, weights: Mapping[str, float], x_range: tuple[float, float]) -> TrainingPanel | None:
    if not curves.get("reward"):
        return None
    lines = [Line("reward", curves["reward"], color=INK, thickness=2.8)]
    for name, weight in weights.items():
        if points := curves.get(f"reward_{name}"):
            lines.append(Line(name, [(x, weight * y) for x, y in points], thickness=1.2))
    chart = _draw_panel(lines, "Reward and its parts", "mean over the completions of a step", x_range)
    return TrainingPanel(
        chart,
        "The thick line is what GRPO maximises; each thin line is one part times its weight, so the line that rises "
        "says what the model was rewarded for.",
    )


def _draw_lengths(curves: Curves, x_range: tuple[float, float]) -> TrainingPanel | None:
    named = {"longest": "completion_length_max", "mean": "completion_length", "mean on dev": "dev_answer_tokens"}
    lines = [
        Line(label, curves[name], color=SERIES[i], dots=name.startswith("dev_"))
        for i, (label, name) in enumerate(named.items())
        if curves.get(name)
    ]
    if not lines:
        return None
    unit = "tokens" if len(lines) > 1 else f"tokens, {lines[0].label}"  # a single line has no label at its end
    chart = _draw_panel(lines, "Length of answers", unit, x_range)
    return TrainingPanel(
        chart,
        "A larger graph has a longer answer; if lengths grow or shrink while dev F1 does not rise, answers have become "
        "wordy or empty.",
    )


def _draw_loss(curves: Curves, x_range: tuple[float, float]) -> TrainingPanel | None:
    points = curves.get("loss")
    if not points:
        return None
    chart = _draw_panel(
        [Line("loss", points, color=SERIES[0])],
        "Loss on training batches",
        "cross-entropy of the answer's tokens, nats per token",
        x_range,
    )
    end = fmean(value for _, value in points[-max(1, len(points) // 10) :])
    return TrainingPanel(
        chart,
        f"Its mean over the last tenth of the steps is {end:.3f}; if it falls while dev F1 does not rise, the model is "
        "learning the training examples by heart.",
    )
