"""A run that was killed keeps no place in a pool: the next run sees that it is dead, and takes it.

Dagster's daemon frees the places of runs that ended, but a run of the command line may have no daemon, and the next one
would wait for ever. So each run's process holds a lock on a file of its own, which the kernel releases however the
process ends. A run without such a file (one on another machine) is left alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from filelock import FileLock, Timeout


@contextmanager
def alive(folder: Path, run_id: str) -> Iterator[None]:
    """Hold the lock of a run for as long as the block lasts."""
    folder.mkdir(parents=True, exist_ok=True)
    file = _file(folder, run_id)
    with FileLock(file):
        yield
    file.unlink(missing_ok=True)


def end_the_dead(instance: dg.DagsterInstance, folder: Path) -> list[str]:
    """Free what dead runs hold or wait for in pools, mark them as failed, and return their ids."""
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        return []
    dead = [run_id for run_id in sorted(storage.get_concurrency_run_ids()) if _is_dead(_file(folder, run_id))]
    for run_id in dead:
        storage.free_concurrency_slots_for_run(run_id)
        run = instance.get_run_by_id(run_id)
        if run is not None and not run.is_finished:
            instance.report_run_failed(run, "The process of this run has ended without a word: it was killed.")
        _file(folder, run_id).unlink(missing_ok=True)
    return dead


def _file(folder: Path, run_id: str) -> Path:
    return folder / f"{run_id}.lock"


def _is_dead(file: Path) -> bool:
    """Tell whether the run that made this file has ended without removing it."""
    if not file.exists():
        return False
    try:
        with FileLock(file, timeout=0):
            return True
    except Timeout:
        return False
