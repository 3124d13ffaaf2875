"""Metrics and progress lines of a run."""

import json
from pathlib import Path
from typing import Any

import pytest

from text2graph_dagster.runtime import reporting
from text2graph_dagster.runtime.reporting import MAX_POINTS, Reporter, choose_logging_interval


@pytest.mark.parametrize("steps", [1, 50, 200, 201, 1600, 99_999])
def test_a_run_logs_at_most_max_points(steps: int) -> None:
    assert 1 <= steps // choose_logging_interval(steps) <= MAX_POINTS


def test_metrics_are_written_to_the_file_and_sent_to_dagster(tmp_path: Path) -> None:
    sent: list[Any] = []

    class Pipes:
        def report_custom_message(self, message: Any) -> None:
            sent.append(message)

    reporter = Reporter(Pipes())
    reporter.record_to(tmp_path / "metrics.jsonl")
    reporter.log_metrics(3, {"loss": 0.5})
    assert json.loads((tmp_path / "metrics.jsonl").read_text()) == {"step": 3, "loss": 0.5}
    assert sent == [{"type": "train_metrics", "step": 3, "loss": 0.5}]


def test_points_after_the_checkpoint_are_removed(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1, "loss": 3}\n{"step": 2, "loss": 2}\n{"step": 3, "lo')
    reporter = Reporter(None)
    reporter.record_to(path, after_step=1)
    reporter.log_metrics(2, {"loss": 1})
    assert [json.loads(line)["loss"] for line in path.read_text().splitlines()] == [3, 1]


def test_progress_includes_the_time_left(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 110.0, 112.0, 130.0])
    monkeypatch.setattr(reporting.time, "monotonic", lambda: next(clock))
    reporter = Reporter(None)
    for done in (0, 10, 12, 30):  # the third follows too soon after the second to be printed
        reporter.log_progress("sft step", done, 30, "loss 0.5")
    assert capsys.readouterr().out.splitlines() == [
        "sft step: 10 of 30, about 20 s left, loss 0.5",
        "sft step: 30 of 30, loss 0.5",
    ]


def test_the_time_left_is_measured_separately_per_kind_of_progress(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([100.0, 500.0, 501.0, 511.0])
    monkeypatch.setattr(reporting.time, "monotonic", lambda: next(clock))
    reporter = Reporter(None)
    for what, done, total in (("sft step", 0, 9), ("sft step", 9, 9), ("passages", 20, 80), ("passages", 40, 80)):
        reporter.log_progress(what, done, total)
    assert capsys.readouterr().out.splitlines() == ["sft step: 9 of 9", "passages: 40 of 80, about 20 s left"]
