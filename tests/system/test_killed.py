"""kill -9 of a step and of its model server, as users meet them; `python -m benchmarks.kills` does it forty times."""

from pathlib import Path

import pytest

from benchmarks.kills import Site, measure


@pytest.mark.slow
def test_a_killed_step_and_a_killed_server_lose_nothing_repeat_nothing_and_leave_nothing(tmp_path: Path) -> None:
    row = measure(Site(tmp_path), ["step", "server"])
    assert row["kills"] == 2
    assert row["finished_at_kills"] > 0
    assert (row["lost"], row["repeated"], row["left"], row["slots"], row["last_run"]) == (0, 0, 0, 0, "ok")
