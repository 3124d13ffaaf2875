"""Append paid answers to a file until they are in the ledger's table.

The table is written in batches. If the process is killed before a batch is written, its answers would have to be paid
for again. Each answer is therefore appended to a file as soon as it arrives; the file survives a killed process. (There
is no fsync: a crash of the machine may lose the last seconds.) A writer keeps its file locked while it runs. A later
run recovers the files that are not locked.
"""

import json
import os
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

Row = Mapping[str, Any]
_STALE_LOCK_SECONDS = 3600.0  # a lock without a journal file is deleted at this age: its writer was killed


class Journal:
    """One writer's JSON Lines file in `folder`, created with the first row."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path: Path | None = None
        self._lock: FileLock | None = None
        self._file = -1

    def append(self, row: Row) -> None:
        """Append a row. When this returns, the row survives if the process is killed."""
        if self._path is None:
            self._open()
        data = (json.dumps(row, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass")
        while data:
            data = data[os.write(self._file, data) :]

    def clear(self) -> None:
        """Delete the file, after its rows were recorded in the table."""
        if self._path is not None and self._lock is not None:
            os.close(self._file)
            _remove(self._path, self._lock)
            self._path = None

    def recover(self) -> Iterator[list[dict[str, Any]]]:
        """Yield the rows of each file whose writer no longer runs; a file is deleted when the iteration continues."""
        for path in sorted(self.folder.glob("*.jsonl")):
            lock = FileLock(f"{path}.lock", timeout=0)
            try:
                lock.acquire()
            except Timeout:
                continue
            if not path.exists():  # another process has just recovered it
                lock.release()
                continue
            try:
                yield _rows(path)
            except BaseException:
                lock.release()
                raise
            _remove(path, lock)
        for path in self.folder.glob("*.jsonl.lock"):
            with suppress(FileNotFoundError):  # its writer may be removing it
                if not path.with_suffix("").exists() and time.time() - path.stat().st_mtime > _STALE_LOCK_SECONDS:
                    path.unlink()

    def _open(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._path = self.folder / f"{uuid.uuid4().hex}.jsonl"
        self._lock = FileLock(f"{self._path}.lock", timeout=0)
        self._lock.acquire()  # before the file is visible to others
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def _remove(path: Path, lock: FileLock) -> None:
    path.unlink(missing_ok=True)
    lock.release()
    Path(f"{path}.lock").unlink(missing_ok=True)


def _rows(path: Path) -> list[dict[str, Any]]:
    """Return a file's valid lines as rows; a truncated last line is skipped."""
    rows = []
    for line in path.read_bytes().split(b"\n")[:-1]:
        try:
            rows.append(json.loads(line.decode("utf-8", "surrogatepass")))
        except ValueError:  # the machine crashed while the line was written
            continue
    return rows
