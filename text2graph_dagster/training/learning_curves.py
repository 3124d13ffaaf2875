"""The metrics that a training program recorded over its steps, and the figures that gates compute from them."""

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

Curve = list[tuple[float, float]]  # (step, value)


def read_learning_curves(checkpoint: Path) -> dict[str, Curve]:
    """Return the curve of every figure in a checkpoint's metrics.jsonl, by name; empty if there is no such file."""
    path = checkpoint / "metrics.jsonl"
    points = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []
    names = sorted({name for point in points for name in point} - {"step"})
    return {n: [(p["step"], p[n]) for p in points if isinstance(p.get(n), int | float)] for n in names}


def average_ends(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean of the first tenth of the values and that of the last tenth (at least one value each)."""
    tenth = max(1, len(values) // 10)
    return fmean(values[:tenth]), fmean(values[-tenth:])
