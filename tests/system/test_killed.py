"""kill -9 of a step and of its model server, once each; `python -m benchmarks.kills` does it forty times."""

from pathlib import Path

import pytest

from benchmarks.kills import Site, measure


@pytest.mark.slow
def test_kills_lose_no_call_repeat_no_call_and_leave_no_process(tmp_path: Path) -> None:
    row = measure(Site(tmp_path), ["step", "server"])
    assert row["kills"] == 2
    assert row["finished_at_kills"] > 0
    assert (row["lost"], row["repeated"], row["left"], row["slots"], row["last_run"]) == (0, 0, 0, 0, "ok")
