"""The forecast of a run's time."""

from types import SimpleNamespace
from typing import Any

import pytest

from text2graph_dagster.runtime.reporting import Reporter
from text2graph_dagster.training.callbacks import ForecastCallback


def log_of_run(
    capsys: pytest.CaptureFixture[str], step_tokens: list[int], evaluations: dict[int, float], first: int = 0
) -> str:
    """Return the log of a run that trains on a token per second, after three steps of an hour each."""
    now = 0.0
    forecast = ForecastCallback(step_tokens, evaluations, Reporter(None), lambda: now)
    for step in range(first + 1, len(step_tokens) + 1):
        state: Any = SimpleNamespace(global_step=step)
        forecast.on_step_begin(None, state, None)  # type: ignore[arg-type]
        now += 3600 if step - first <= ForecastCallback.UNTIMED_STEPS else step_tokens[step - 1]
        forecast.on_step_end(None, state, None)  # type: ignore[arg-type]
        now += 1000  # an evaluation or a checkpoint between two steps
    return capsys.readouterr().out


def test_time_is_forecast_by_tokens_and_includes_evaluations(capsys: pytest.CaptureFixture[str]) -> None:
    step_tokens = [60] * 13 + [120] * 17
    log = log_of_run(capsys, step_tokens, {5: 600.0, 20: 300.0, 30: 900.0})
    assert log == (
        "forecast after 13 of 30 steps: about 54.0 minutes left (training 34.0 at 1 tokens per second, dev 20.0)\n"
    )


def test_a_resumed_run_is_timed_from_where_it_resumes(capsys: pytest.CaptureFixture[str]) -> None:
    log = log_of_run(capsys, [60] * 30, {20: 600.0, 30: 600.0}, first=10)
    assert "forecast after 23 of 30 steps: about 17.0 minutes left (training 7.0" in log
    assert log_of_run(capsys, [60] * 30, {}, first=18) == ""
