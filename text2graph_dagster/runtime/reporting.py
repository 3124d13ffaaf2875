"""Metrics and progress of a run: points go to metrics.jsonl and to Dagster (if connected), lines to standard output."""

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dagster_pipes import open_dagster_pipes

from text2graph_dagster.runtime.output_directory import truncate_after_step

MAX_POINTS = 200
PIPES_VARIABLE = "DAGSTER_PIPES_CONTEXT"
_SECONDS_BETWEEN_LINES = 5.0


def choose_logging_interval(steps: int) -> int:
    """Return the number of steps between two points, so that a run has at most `MAX_POINTS`."""
    return max(1, -(-steps // MAX_POINTS))


class Reporter:
    """Writes metrics and progress; created by `open_reporter`."""

    def __init__(self, pipes: Any | None) -> None:
        self._pipes = pipes
        self._path: Path | None = None
        self.points: list[dict[str, float]] = []  # the content of metrics.jsonl
        self._started: tuple[str, float, int] | None = None  # what, start time, items done at the start
        self._last_line = 0.0

    def record_to(self, path: Path, after_step: int = 0) -> None:
        """Append metrics to `path`; points after `after_step` belong to an interrupted run and are removed."""
        self.points = truncate_after_step(path, after_step)
        path.touch()
        self._path = path

    def log_metrics(self, step: int, values: Mapping[str, float]) -> None:
        """Record the metrics of one step."""
        point = {"step": step, **values}
        self.points.append(point)
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(point) + "\n")
        self.send({"type": "train_metrics", **point})

    def log_alarm(self, alarm: Mapping[str, Any]) -> None:
        """Report a training problem; `alarm` has name, step, value, threshold and sentence."""
        self.send({"type": "alarm", **alarm})
        self.log(f"alarm {alarm['name']} at step {alarm['step']}: {alarm['sentence']}")

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a message to Dagster, if connected."""
        if self._pipes is not None:
            self._pipes.report_custom_message(dict(message))

    def log(self, line: str) -> None:
        """Print a line."""
        print(line, flush=True)

    def log_progress(self, what: str, done: int, total: int, note: str = "") -> None:
        """Print how much is done and the estimated time left, at most every few seconds."""
        now = time.monotonic()
        if self._started is None or what != self._started[0] or done < self._started[2]:
            self._started = (what, now, done)
            return
        if now - self._last_line < _SECONDS_BETWEEN_LINES and done < total:
            return
        self._last_line = now
        _, started, before = self._started
        rate = (done - before) / max(1e-9, now - started)
        left = f", about {(total - done) / rate:.0f} s left" if rate > 0 and done < total else ""
        self.log(f"{what}: {done} of {total}{left}{f', {note}' if note else ''}")


@contextmanager
def open_reporter() -> Iterator[Reporter]:
    """Open a reporter, connected to Dagster if Dagster started the program."""
    if PIPES_VARIABLE in os.environ:
        with open_dagster_pipes() as pipes:
            yield Reporter(pipes)
    else:
        yield Reporter(None)
