"""Kill a step, and then its model server, with SIGKILL. `python -m benchmarks.kills` does this forty times."""

from pathlib import Path

import pytest

from benchmarks.kills import Site, measure


@pytest.mark.slow
def test_after_kills_no_call_is_lost_or_repeated_and_no_process_is_left(tmp_path: Path) -> None:
    row = measure(Site(tmp_path), ["step", "server"])
    assert row["kills"] == 2
    assert row["finished_at_kills"] > 0
    assert (row["lost"], row["repeated"], row["left"], row["slots"], row["last_run"]) == (0, 0, 0, 0, "ok")
