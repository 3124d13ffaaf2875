"""A killed run does not block later runs."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from resources.home import Home
from resources.run_locks import fail_dead_runs, hold_run_lock

HOLDER = """
import sys, time
from pathlib import Path
from resources.run_locks import hold_run_lock
with hold_run_lock(Path(sys.argv[1]), sys.argv[2]):
    print("locked", flush=True)
    time.sleep(600)
"""
DAGSTER = "concurrency: {pools: {default_limit: 1}}"


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    folder = tmp_path / "dagster"
    folder.mkdir()
    (folder / "dagster.yaml").write_text(DAGSTER)
    with dg.DagsterInstance.from_config(str(folder)) as made:
        made.event_log_storage.initialize_concurrency_limit_to_default("gpu")
        yield made


def claimed(instance: dg.DagsterInstance) -> set[str]:
    return {slot.run_id for slot in instance.event_log_storage.get_concurrency_info("gpu").claimed_slots}


def test_the_slots_of_a_run_are_freed_only_after_its_process_was_killed(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    run = instance.create_run_for_job(job_def=_job())
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "runs"), run.run_id], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        instance.event_log_storage.claim_concurrency_slot("gpu", run.run_id, "step")
        assert claimed(instance) == {run.run_id}
        assert fail_dead_runs(instance, tmp_path / "runs") == []
        assert claimed(instance) == {run.run_id}
    finally:
        holder.kill()
        holder.wait()
    assert fail_dead_runs(instance, tmp_path / "runs") == [run.run_id]
    assert claimed(instance) == set()
    ended = instance.get_run_by_id(run.run_id)
    assert ended is not None
    assert ended.status == dg.DagsterRunStatus.FAILURE
    assert fail_dead_runs(instance, tmp_path / "runs") == []


def test_a_run_without_a_local_lock_file_is_not_failed(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    instance.event_log_storage.claim_concurrency_slot("gpu", "elsewhere", "step")
    assert fail_dead_runs(instance, tmp_path / "runs") == []
    assert claimed(instance) == {"elsewhere"}


def test_a_run_frees_slots_of_dead_runs_before_its_step_waits(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    with hold_run_lock(runs, "killed"):
        pass
    (runs / "killed.lock").touch()  # the state that a killed process leaves
    instance.event_log_storage.claim_concurrency_slot("gpu", "killed", "step")
    assert claimed(instance) == {"killed"}

    @dg.asset(pool="gpu")
    def made(home: Home) -> None:
        assert [file.name for file in home.runs.iterdir()] != ["killed.lock"]

    done = dg.materialize([made], instance=instance, resources={"home": Home(root=str(tmp_path))})
    assert done.success
    assert list(runs.iterdir()) == []


def _job() -> dg.JobDefinition:
    @dg.op
    def nothing() -> None:
        pass

    @dg.job
    def idle() -> None:
        nothing()

    return idle
