"""Release the slots that killed runs hold in Dagster's pools.

Dagster's daemon frees the pool slots of runs that ended. Runs from the command line often have no daemon, so the next
run would wait forever. Therefore each run's process holds a lock on its own lock file, and the kernel releases the lock
when the process ends, even by SIGKILL. A run without a lock file here (on another machine) is not touched.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from filelock import FileLock, Timeout


@contextmanager
def hold_run_lock(folder: Path, run_id: str) -> Iterator[None]:
    """Hold the lock on a run's lock file while the block runs."""
    folder.mkdir(parents=True, exist_ok=True)
    file = _lock_file(folder, run_id)
    with FileLock(file):
        yield
    file.unlink(missing_ok=True)


def fail_dead_runs(instance: dg.DagsterInstance, folder: Path) -> list[str]:
    """Mark dead runs as failed, free the pool slots that they hold or wait for, and return the ids of the runs."""
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
    """Tell whether the run with this lock file was killed: the file exists, but nobody holds the lock."""
    if not file.exists():
        return False
    try:
        with FileLock(file, timeout=0):
            return True
    except Timeout:
        return False
