"""Release what killed runs hold in Dagster's pools.

Dagster's daemon frees the pool slots of runs that ended, but a run started from the command line may have no daemon,
and the next run would wait for ever. So each run's process holds a lock on a file of its own, which the kernel releases
however the process ends. A run without such a file (on another machine) is left alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from filelock import FileLock, Timeout


@contextmanager
def hold_run_lock(folder: Path, run_id: str) -> Iterator[None]:
    """Hold the lock file of a run while the block runs."""
    folder.mkdir(parents=True, exist_ok=True)
    file = _lock_file(folder, run_id)
    with FileLock(file):
        yield
    file.unlink(missing_ok=True)


def fail_dead_runs(instance: dg.DagsterInstance, folder: Path) -> list[str]:
    """Free the pool slots that dead runs hold or wait for, mark the runs as failed, and return their ids."""
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        return []
    dead = [run_id for run_id in sorted(storage.get_concurrency_run_ids()) if _is_dead(_lock_file(folder, run_id))]
    for run_id in dead:
        storage.free_concurrency_slots_for_run(run_id)
        run = instance.get_run_by_id(run_id)
        if run is not None and not run.is_finished:
            instance.report_run_failed(run, "The process of this run was killed.")
        _lock_file(folder, run_id).unlink(missing_ok=True)
    return dead


def _lock_file(folder: Path, run_id: str) -> Path:
    return folder / f"{run_id}.lock"


def _is_dead(file: Path) -> bool:
    """Tell whether the run with this lock file has ended without removing it."""
    if not file.exists():
        return False
    try:
        with FileLock(file, timeout=0):
            return True
    except Timeout:
        return False
