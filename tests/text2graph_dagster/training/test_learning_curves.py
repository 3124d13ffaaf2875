"""Learning curves of a checkpoint."""

import json
from pathlib import Path

from text2graph_dagster.training.learning_curves import average_ends, read_learning_curves


def test_every_recorded_number_is_a_point_of_its_curve(tmp_path: Path) -> None:
    points = [{"step": 1, "loss": 2.0}, {"step": 2, "loss": None, "note": "x"}, {"step": 3, "loss": 1.0, "kl": 0}]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(point) + "\n" for point in points))
    assert read_learning_curves(tmp_path) == {"kl": [(3, 0)], "loss": [(1, 2.0), (3, 1.0)], "note": []}
    assert read_learning_curves(tmp_path / "missing") == {}


def test_the_first_and_last_tenth_are_averaged() -> None:
    assert average_ends([float(i) for i in range(20)]) == (0.5, 18.5)
    assert average_ends([3.0]) == (3.0, 3.0)
